"""What an agent sees of a program's run: its status and the end of what it wrote, never whether that is right.

Status: ok                     or nonzero, signal, timeout, memory, output_limit, illegal
Turns left: 9
Output:
... standard output and the last lines of standard error, of a program that failed at the end, else before ...
"""

from __future__ import annotations

import re
import string

from sparring.sandbox import Outcome

MAX_OUTPUT_LENGTH = 2_000
"""Characters of output that are shown; the middle of a longer one is left out."""
MAX_ERROR_LINES = 12
"""Of standard error: a traceback says the most at its end."""
CHARSET = frozenset(
    string.printable[:95]
    + "\n"
    + "".join(map(chr, [*range(0xA1, 0xAD), *range(0xAE, 0x180)]))  # Latin letters and signs
    + "".join(map(chr, [*range(0x391, 0x3A2), *range(0x3A3, 0x3CA)]))  # Greek letters
    + "".join(map(chr, [*range(0x2010, 0x2028), *range(0x2030, 0x205F), *range(0x2070, 0x2072)]))  # punctuation
    + "".join(map(chr, [*range(0x2074, 0x208F), *range(0x20A0, 0x20C0)]))  # raised and lowered digits, currencies
    + "".join(map(chr, range(0x2190, 0x2300)))  # arrows and mathematical operators
)
"""The characters of every observation; others are shown as escapes, e.g. \\u4e0b."""
ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,16}\b")
LIBRARY = re.compile(r'File "[^"\n]*/lib/python3[^/"\n]*/')
OUTSIDE = re.compile("[^" + re.escape("".join(sorted(CHARSET))) + "]")


def observation_of(status: str, output: str, turns_left: int) -> str:
    """The observation after an action."""
    return f"Status: {status}\nTurns left: {turns_left}\nOutput:\n{output}"


def output_of(outcome: Outcome) -> str:
    """Standard output and the end of standard error, cut to `MAX_OUTPUT_LENGTH`; the same on every machine.

    Last comes what decides: the error of a program that failed, else what was printed (a warning is no answer).

    How much a program wrote until it was stopped is chance: after a timeout nothing is shown, and of too much output
    the beginning.
    """
    if outcome.status == "timeout":
        return "The program took too long and was stopped."
    written = _without_machine(outcome.stdout).rstrip()
    if outcome.status == "output_limit":
        return shown(f"{written[: MAX_OUTPUT_LENGTH // 2]}\nThe program wrote too much and was stopped.")
    errors = _without_machine(outcome.stderr).rstrip().splitlines()[-MAX_ERROR_LINES:]
    parts = ["\n".join(errors), written] if outcome.ok else [written, "\n".join(errors)]
    return cut(shown("\n".join(part for part in parts if part)), MAX_OUTPUT_LENGTH)


def last_line_of(outcome: Outcome) -> str:
    """The last line of standard output that is not blank: what a program says is its answer. "" if it was stopped."""
    if outcome.status in ("timeout", "output_limit"):
        return ""
    lines = _without_machine(outcome.stdout).rstrip().rsplit("\n", 1)
    return cut(shown(lines[-1].strip()), MAX_OUTPUT_LENGTH)


def cut(text: str, length: int) -> str:
    """A text of at most `length` characters: its beginning and its end, and between them how much is missing."""
    if len(text) <= length:
        return text
    kept = length - 40
    left_out = len(text) - kept
    return f"{text[: kept // 2]}\n[{left_out} characters left out]\n{text[len(text) - (kept - kept // 2) :]}"


def shown(text: str) -> str:
    """A text in the characters of observations: tabs as blanks, what lies outside as escapes."""
    return OUTSIDE.sub(_escaped, text.replace("\r\n", "\n").replace("\t", "    "))


def _escaped(character: re.Match[str]) -> str:
    return character[0].encode("unicode_escape", "surrogatepass").decode("ascii")


def _without_machine(text: str) -> str:
    """A traceback without what differs from machine to machine: addresses, and where the library lies."""
    return LIBRARY.sub('File "', ADDRESS.sub("at 0x...", text))
