"""Code-as-Task (arXiv 2506.01716) as a text: an instruction, a verify function, a solution, and wrong answers.

    ```instruction         ```verify                      ```solution       ```failures
    What does ... cost?    def verify(answer):            price("salmon")   count("salmon")
    ```                        return answer == 12        ```               ---
                           ```                                              price("walnut")
                                                                            ```

Any text is read, in time linear in it, and what is missing is said. Nothing of a task is run here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from hashlib import blake2b

INSTRUCTION, VERIFY, SOLUTION, FAILURES = "instruction", "verify", "solution", "failures"
PARTS = (INSTRUCTION, VERIFY, SOLUTION, FAILURES)
FENCE, BETWEEN = "```", "---"
MOST_INSTRUCTION = 2_000
"""Characters."""
FEWEST_FAILURES, MOST_FAILURES = 2, 8


@dataclass(frozen=True, slots=True)
class WrittenTask:
    """A task as somebody wrote it."""

    instruction: str
    verify: str
    """A program that defines `verify(answer)`, which returns True for a right answer only."""
    solution: str
    """A program whose last line is an expression: a right answer."""
    failures: tuple[str, ...]
    """Programs like it, whose answers are wrong."""

    def text(self) -> str:
        """The four parts."""
        parts = {**asdict(self), FAILURES: f"\n{BETWEEN}\n".join(self.failures)}
        return "\n".join(f"{FENCE}{name}\n{parts[name]}\n{FENCE}" for name in PARTS)

    def plain(self) -> dict[str, object]:
        """As plain data."""
        return {**asdict(self), FAILURES: list(self.failures)}


def read_task(text: str) -> WrittenTask | str:
    """The task of a text, or what is wrong with its form."""
    blocks = list(_blocks(text))
    names = [name for name, _ in blocks]
    for name in PARTS:
        if names.count(name) != 1:
            held = "no closed part" if name not in names else f"{names.count(name)} parts"
            return f"there must be one part {FENCE}{name}, there is {held} of that name"
    parts = dict(blocks)
    task = WrittenTask(parts[INSTRUCTION], parts[VERIFY], parts[SOLUTION], tuple(_failures(parts[FAILURES])))
    return _fault_of(task) or task


def mark_of(instruction: str) -> str:
    """Equal for instructions that differ in case, blanks and signs only; 12 hexadecimal digits."""
    return blake2b(_normal(instruction).encode(), digest_size=6).hexdigest()


def is_new(task: WrittenTask, earlier: Collection[str]) -> bool:
    """Whether its instruction is none of those, given by their marks."""
    return mark_of(task.instruction) not in earlier


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """(name, content) of the closed parts; what stands around them is left out."""
    name, lines = "", list[str]()
    for line in text.replace("\r\n", "\n").split("\n"):
        bare = line.strip()
        if name and bare == FENCE:
            yield name, "\n".join(lines).strip("\n")
            name = ""
        elif name:
            lines.append(line)
        elif bare.startswith(FENCE) and bare.removeprefix(FENCE).strip().lower() in PARTS:
            name, lines = bare.removeprefix(FENCE).strip().lower(), []


def _failures(text: str) -> Iterator[str]:
    lines = list[str]()
    for line in [*text.split("\n"), BETWEEN]:
        if line.strip() != BETWEEN:
            lines.append(line)
        elif lines := [one for one in lines if one.strip()]:
            yield "\n".join(lines)
            lines = []


def _fault_of(task: WrittenTask) -> str:
    """Why a task that has all parts is none; "" where it is one."""
    if not _normal(task.instruction):
        return "the instruction must hold words"
    if len(task.instruction) > MOST_INSTRUCTION:
        return f"the instruction must have at most {MOST_INSTRUCTION} characters, it has {len(task.instruction)}"
    if not FEWEST_FAILURES <= len(task.failures) <= MOST_FAILURES:
        return (
            f"there must be {FEWEST_FAILURES} to {MOST_FAILURES} failures, with a line {BETWEEN} between them, "
            f"there are {len(task.failures)}"
        )
    for name in (VERIFY, SOLUTION):
        if not getattr(task, name).strip():
            return f"the part {name} must not be empty"
    whole = task.text()
    if "\0" in whole or any("\ud800" <= character <= "\udfff" for character in whole):
        return "a task must hold no NUL characters and no lone surrogates"
    return ""


def _normal(instruction: str) -> str:
    """Its words and numbers."""
    folded = unicodedata.normalize("NFKC", instruction).casefold()
    return " ".join("".join(character if character.isalnum() else " " for character in folded).split())
