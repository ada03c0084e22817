"""What synthesis starts from: a few instructions, each with a few inputs and outputs.

A file of them has one JSON object a line:

    {"instruction": "Name the colour", "examples": [{"input": "grass", "output": "green"}, ...]}

An instruction that needs no input has one example, whose input is left out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sparring import registry
from sparring.envs.reflection.instructions import Example, bundled
from sparring.envs.reflection.shown_tasks import examples_of

ANSWER_ENV, INPUTS_ENV = "sparring/Answer-v0", "sparring/Inputs-v0"
SHOWN = 3
"""Examples of a bundled instruction."""


@dataclass(frozen=True, slots=True)
class Seed:
    """An instruction with examples."""

    instruction: str
    examples: tuple[Example, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """Of the examples; none for an instruction that needs no input."""
        return tuple(one.input for one in self.examples if one.input.strip())

    @property
    def outputs(self) -> tuple[str, ...]:
        """Of the examples."""
        return tuple(one.output for one in self.examples)

    def whole(self) -> list[Example]:
        """The examples with the instruction in each of them."""
        return [one._replace(instruction=self.instruction) for one in self.examples]


def read_seeds(file: str) -> list[Seed]:
    """The seeds of a file. Raises ValueError where it cannot be read, and naming the line that is no seed."""
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"seeds: {file} must be text in UTF-8: {error}") from error
    except OSError as error:
        raise ValueError(f"seeds: {file} cannot be read: {error.strerror}") from error
    seeds = [_seed(f"seeds: {file}, line {number}", line) for number, line in enumerate(lines, 1) if line.strip()]
    if not seeds:
        raise ValueError(f"seeds: {file} must hold at least one instruction with examples, got none")
    return seeds


def _seed(where: str, line: str) -> Seed:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} must be a JSON object: {error}") from error
    if not isinstance(said, dict) or set(said) != {"instruction", "examples"}:
        raise ValueError(f"{where} must be an object with instruction and examples, got {line:.80}")
    instruction = said["instruction"]
    if not isinstance(instruction, str) or not instruction.strip():
        raise ValueError(f"{where}: instruction must be text that says something, got {instruction!r:.80}")
    try:
        examples = examples_of(said["examples"])
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    if not examples or not all(one.output.strip() for one in examples):
        raise ValueError(f"{where}: examples must be at least one, each with an output")
    return Seed(instruction, examples)


def bundled_seeds(games: Sequence[str], seed: int) -> list[Seed]:
    """Three training examples of each bundled instruction that some `Answer-v0` draw from.

    Raises ValueError for another environment.
    """
    found: dict[str, Seed] = {}
    for game in games:
        env_id, options = registry.envs.parts(game)
        if env_id != ANSWER_ENV:
            raise ValueError(f"envs must be {ANSWER_ENV}, with its options as you like, got {game}")
        for one in bundled(str(options.get("task", ""))):
            found[one.name] = Seed(one.text, tuple(one.examples("train", SHOWN, "seeds", seed)))
    return list(found.values())


def without_inputs(seed: Seed) -> list[Seed]:
    """Its examples as instructions that need no input: the input stands behind a colon."""
    return [Seed(f"{seed.instruction}: {one.input}", (Example("", one.output),)) for one in seed.examples if one.input]
