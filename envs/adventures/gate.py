"""The command gate: what a player writes becomes one clean command of one turn, or is refused with a reason.

    gate("  Take the LAMP.\n")      "take the lamp"
    gate("take lamp. north")        Refused: one command a step ...

No interpreter of text adventures is made for a player that writes anything. Each rule stands for what one of them did
(TextWorld 1.7.0, Jericho 3.3.1, Frotz within both):

    one line           what follows a line break is queued: every later observation answers the command before
    no control         one NUL hangs the interpreter for ever, `a\\0b` ends its process with a segmentation fault
    ASCII, 198 bytes   longer text that is not ASCII raises UnicodeDecodeError out of the interpreter's own warning
    one command        a walkthrough joined by ". " won in one step; so do `then`, `;` and `,`; `and` before a verb is
                       `then` in Infocom's parser; `all` acts on many things in one turn
    no repetition      `again` plays another turn that nobody wrote; `oops WORD` makes a command out of a refused one
    nothing beside     save and restore undo a mistake, restart does not reset the score, script and save write files,
    the game           print_state and goal tell what is hidden, tw-... and the debugging verbs change the world
    no marks           brackets and the like write the lines by which an engine reports score and end

The gate knows nothing of a game: a refused text does not reach it, and whoever calls the gate charges the step.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

MOST_BYTES = 198
"""Of a command, all ASCII."""
MOST_CHARACTERS = 1_000
"""Of a text that is looked at; a longer one is refused by its length alone."""
CHAINS = frozenset({"then", "and"})
EVERYTHING = frozenset({"all", "everything", "both", "every", "each"})
REPEATS = frozenset({"again", "g", "oops", "o"})
META = frozenset(
    {
        *("save", "saveundo", "restore", "restart", "quit", "q", "undo", "print_state", "notify"),
        *("script", "noscript", "unscript", "transcript", "record", "recording", "unrecord", "replay", "commands"),
        *("abstract", "gonear", "purloin", "showme", "showobj", "showverb"),
    }
)
"""Verbs that are never an action in a game, whatever follows them."""
META_ALONE = frozenset(
    {
        *("brief", "superbrief", "verbose", "normal", "long", "short"),
        *("credits", "goal", "load", "verify", "version", "tasks", "random"),
        *("actions", "debug", "messages", "relations", "responses", "routines", "rules", "scenes", "scope"),
        *("test", "timers", "trace", "tree"),
    }
)
"""Words that are about the program when they stand alone or before `SWITCHES`, and may be verbs of a game otherwise."""
SWITCHES = frozenset({"on", "off", "me"})
META_PAIRS = frozenset({("restrict", "commands"), ("enable", "print"), ("disable", "print")})
POLITE = frozenset({"please", "now", "just"})
"""Words that parsers skip before a verb."""
PLAIN = str.maketrans(dict.fromkeys("\u2018\u2019", "'") | dict.fromkeys("\u201c\u201d", '"'))
DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))
BREAKS = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
OUTSIDE = re.compile(r"""[^a-z0-9 '"()/:&%+-]""")
SENTENCE_ENDS = ".!?"
MARKS = frozenset(".!?;,")


class Refused(ValueError):
    """A text that no engine may see; the message says why, for whoever wrote it."""


def gate(text: str, and_in_names: bool = False) -> str:
    """The one command that a text holds: lower case, ASCII, single blanks, at most 198 bytes.

    and_in_names: for an engine that joins no commands by `and` and has it in names, such as "blue and yellow paint".
    Raises Refused with the reason. A gated command passes the gate unchanged.
    """
    if not isinstance(text, str):
        raise Refused(f"a command is text, got {type(text).__name__}")
    if len(text) > MOST_CHARACTERS:
        raise Refused(f"a command has at most {MOST_BYTES} bytes, got {len(text)} characters")
    return _gated(text, and_in_names)


@lru_cache(maxsize=4_096)
def _gated(text: str, and_in_names: bool) -> str:
    """Players write the same commands again and again; what is refused is not kept."""
    command = _folded(_one_line(text))
    _require_alphabet(command)
    if not command:
        raise Refused("the command is empty")
    if len(command) > MOST_BYTES:
        raise Refused(f"a command has at most {MOST_BYTES} bytes, got {len(command)}")
    _require_one_action(command, and_in_names)
    _require_game_verb(command)
    return command


def _one_line(text: str) -> str:
    line = text.strip(" \t\r\n")
    if BREAKS.search(line):
        raise Refused("one command a step: write one line")
    return line


def _folded(line: str) -> str:
    """In lower case, without accents, with single blanks and without the full stop of a sentence."""
    parts = unicodedata.normalize("NFKD", line.translate(PLAIN | DASHES))
    plain = "".join(part for part in parts if not unicodedata.combining(part))
    folded = " ".join(plain.lower().replace("\t", " ").split(" "))
    folded = re.sub(" +", " ", folded).strip(" ")
    return folded[:-1].rstrip(" ") if folded[-1:] and folded[-1:] in SENTENCE_ENDS else folded


def _require_alphabet(command: str) -> None:
    found = OUTSIDE.search(command)
    if found is None:
        return
    character = found.group()
    if character in MARKS:
        raise Refused(f"one command a step: leave out {character!r}")
    if command.startswith("print_state"):
        raise Refused("'print_state' is no action in the game")
    shown = ascii(character)
    raise Refused(f"a command has letters, digits, blanks and -'\"()/:&%+ only, got {shown}")


def _require_one_action(command: str, and_in_names: bool) -> None:
    for word in re.findall("[a-z0-9-]+", command):
        if word in CHAINS and not (word == "and" and and_in_names):
            raise Refused(f"one command a step: leave out {word!r}")
        if word in EVERYTHING:
            raise Refused(f"one thing a command: name it instead of {word!r}")


def _require_game_verb(command: str) -> None:
    words = re.findall("[a-z0-9-]+", command)
    while words and words[0] in POLITE:
        del words[0]
    if not words:
        raise Refused("the command holds no verb")
    verb, following = words[0], words[1:]
    if verb in REPEATS:
        raise Refused(f"{verb!r} repeats or mends an earlier command: write the whole command")
    about_the_program = verb in META_ALONE and (not following or following[0] in SWITCHES)
    if verb in META or about_the_program or tuple(words[:2]) in META_PAIRS or verb.startswith("tw-"):
        raise Refused(f"{verb!r} is no action in the game")
