"""How instructions, inputs and examples are shown, and how an output is read. All take any text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sparring.answers.canonical import canonical_key, text_of
from sparring.envs.reflection.instructions import Example
from sparring.shortening import shortened

MOST_TEXT = 2_000
"""Characters of an instruction, an input, an output or a passage that are shown."""
MOST_EXAMPLES = 32
OUTPUT = "Output:"


def examples_of(given: object) -> tuple[Example, ...]:
    """Examples out of plain data. Raises ValueError for what are none."""
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) > MOST_EXAMPLES:
        raise ValueError(f"examples must be a list of at most {MOST_EXAMPLES} examples, got {given!r:.80}")
    return tuple(map(_example, given))


def _example(given: object) -> Example:
    known = Example._fields
    if not isinstance(given, Mapping) or not given or set(given) - set(known):
        raise ValueError(f"an example must be an object with {', '.join(known)}, got {given!r:.80}")
    if wrong := [name for name, value in given.items() if not isinstance(value, str)]:
        raise ValueError(f"the {wrong[0]} of an example must be text, got {given[wrong[0]]!r:.80}")
    return Example(str(given.get("input", "")), str(given.get("output", "")), str(given.get("instruction", "")))


def plain(example: Example) -> dict[str, object]:
    """An example as plain data, without what it does not have."""
    return {name: value for name, value in example._asdict().items() if value}


def task_shown(instruction: str, text: str, examples: Sequence[Example] = (), passages: Sequence[str] = ()) -> str:
    """What is asked for an output; with nothing but an instruction and an input, what is learnt in the end."""
    lines = [f"Task: {shortened(instruction, MOST_TEXT)}"]
    if passages:
        lines += ["What is known:", *(f"- {shortened(passage, MOST_TEXT)}" for passage in passages)]
    for example in examples:
        lines += [*_asked(example), f"{OUTPUT} {shortened(example.output, MOST_TEXT)}", ""]
    if examples and examples[-1].instruction:
        lines.append(f"Task: {shortened(instruction, MOST_TEXT)}")
    return "\n".join([*lines, *_asked(Example(text, "")), OUTPUT])


def inputs_shown(instruction: str, examples: Sequence[Example]) -> str:
    """What is asked for a new input of an instruction."""
    lines = [f"Task: {shortened(instruction, MOST_TEXT)}"]
    for example in examples:
        lines += _asked(example)
    if examples and examples[-1].instruction:
        lines.append(f"Task: {shortened(instruction, MOST_TEXT)}")
    return "\n".join([*lines, "", "Write one more input for this task, another one. Write the input only.", "Input:"])


def instructions_shown(examples: Sequence[Example]) -> str:
    """What is asked for a new instruction."""
    lines = [f"Task: {shortened(example.instruction, MOST_TEXT)}" for example in examples]
    return "\n".join([*lines, "", "Write one more task of this kind, another one. Write the task only.", "Task:"])


def read_text(text: str) -> str:
    """What a model wrote, without the headings and the wrapping around it: its first line that says something."""
    for line in text[:20_000].splitlines():
        for heading in ("Task:", "Input:", OUTPUT):
            line = line.strip().removeprefix(heading)
        if bare := text_of(line.strip().removeprefix("-")):
            return bare
    return ""


def is_output(text: str, gold: str) -> bool:
    """Whether a model's text comes to the output. A full stop behind it does not matter, nor do capitals, unless the
    output itself has some.
    """
    said = read_text(text)
    if gold == gold.lower():
        said = said.lower()
    return canonical_key(said.rstrip(".")) == canonical_key(gold.strip().rstrip("."))


def _asked(example: Example) -> list[str]:
    task = [f"Task: {shortened(example.instruction, MOST_TEXT)}"] if example.instruction else []
    return [*task, *([f"Input: {shortened(example.input, MOST_TEXT)}"] if example.input else [])]
