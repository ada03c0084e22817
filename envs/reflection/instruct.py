"""Write an input for an instruction; write the output of an input: one seat, one step each.

    gymnasium.make("sparring.envs:sparring/Inputs-v0", instruction="Add the two numbers", examples=[{"input": "2 + 2"}])
    gymnasium.make("sparring.envs:sparring/Answer-v0", instruction="Add the two numbers", input="2 + 3", gold="5")

Methods that make their own training data (SELF-GUIDE, arXiv 2407.12874; Ensemble-Instruct, 2310.13961;
Self-Specialization, 2310.00160) play both, so a synthetic example is two episodes: the input, and the output with the
input as its parent. Without options both draw from a small family of instructions (`instructions.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import gymnasium

from sparring import registry
from sparring.envs.any_text import AnyText, Info
from sparring.envs.code.split_rng import SPLITS, Split, SplitRng
from sparring.envs.reflection.filters import Filters
from sparring.envs.reflection.instructions import Example, Instruction, bundled
from sparring.envs.reflection.shown_tasks import (
    examples_of,
    inputs_shown,
    instructions_shown,
    is_output,
    read_text,
    task_shown,
)
from sparring.envs.reflection.words import MOST_WRITTEN

Written = Literal["input", "instruction"]
EXAMPLES = 3
"""That are drawn of a bundled instruction."""
MOST_OBSERVED = 200_000
TRIES = 1_000


@registry.envs.register(
    "sparring/Inputs-v0",
    family="reflection",
    skills=("language", "synthesis"),
    version="1",
    reward_range=(0.0, 1.0),
)
class Inputs(gymnasium.Env[str, str]):
    """Write one new input for an instruction, like some examples of its inputs, and none of them.

    instruction: text; left out: one of a small family, which the seed draws with three of its inputs.
    examples: objects with "input", "output" and "instruction", each of them text that may be left out.
    write: "input"; "instruction": a new instruction, like those of the examples.
    earlier: texts that must not be repeated, beside the examples; they are not shown.
    lengths: the shortest and the longest text in characters, [3, 20]; left out: as the examples have them.
    task: of the family, a name or a kind ("numbers"); left out: any. split: of it, "train" or "held_out".

    The reward is 1 where the text passes the filters: no chatter, of a usual length, not nearly equal to an earlier
    one. An empty text is illegal.
    """

    metadata: dict[str, object] = {"name": "sparring/Inputs-v0", "render_modes": ["ansi"], "render_fps": 1}

    def __init__(
        self,
        instruction: str | None = None,
        examples: Sequence[object] = (),
        write: Written = "input",
        earlier: Sequence[str] = (),
        lengths: Sequence[float] | None = None,
        task: str = "",
        split: Split = "train",
        render_mode: str | None = None,
    ) -> None:
        """Raises ValueError for options that do not fit together, UnknownName for an unknown task."""
        _require_texts(instruction=instruction, task=task)
        _require_list("earlier", earlier)
        if write not in ("input", "instruction"):
            raise ValueError(f"write must be input or instruction, got {write!r}")
        self._given = instruction is not None or write == "instruction"
        self._examples, self._write, self._lengths = examples_of(examples), write, _lengths_of(lengths)
        if self._given and not self._seeds(self._examples):
            raise ValueError(f"examples must hold at least one {write}, got {len(self._examples)} without")
        _require_family(self._given, task, split)
        self._instruction, self._earlier, self._known = instruction or "", tuple(earlier), bundled(task)
        self.render_mode, self.split = render_mode, split
        self.observation_space = AnyText(MOST_OBSERVED, min_length=0)
        self.action_space = AnyText(MOST_WRITTEN, min_length=0)
        self._seen, self._filters, self._taken, self._over = "", Filters(0, 0), list[str](), False

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[str, Info]:
        """The instruction, and examples."""
        super().reset(seed=seed)
        instruction, examples = self._instruction, self._examples
        if not self._given:
            known, examples, _ = self._drawn(int(self.np_random.integers(2**63)) if seed is None else seed)
            instruction = known.text
        self._fit(examples)
        self._over = False
        shown = inputs_shown(instruction, examples) if self._write == "input" else instructions_shown(examples)
        self._seen = shown[:MOST_OBSERVED]
        return self._seen, {}

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        """Look at the text."""
        readable = isinstance(action, str) and len(action) <= MOST_WRITTEN
        text = read_text(action) if readable else ""
        objection = self._filters.objection(text, self._taken)
        seen = f"The {self._write} is not kept: {objection}." if objection else f"The {self._write} is kept."
        info: Info = {"illegal": objection == "empty", "hidden": {"objection": objection}}
        paid, self._over = float(not objection and not self._over), True
        return seen, paid, True, False, info

    def render(self) -> str:
        """What is shown."""
        return self._seen

    def _fit(self, examples: Sequence[Example]) -> None:
        seeds = self._seeds(examples)
        self._filters = Filters.fitted(seeds, self._lengths)
        self._taken = [*seeds, *self._earlier]

    def _seeds(self, examples: Sequence[Example]) -> list[str]:
        """The texts of the kind that is to be written."""
        texts = [one.input if self._write == "input" else one.instruction for one in examples]
        return [text for text in texts if text.strip()]

    def _drawn(self, seed: int) -> tuple[Instruction, tuple[Example, ...], SplitRng]:
        rng = SplitRng(self.split, "inputs", seed)
        known = rng.one(self._known)
        return known, tuple(known.examples(self.split, EXAMPLES, seed)), rng

    def walkthrough(self, seed: int) -> list[str] | None:
        """An input that the family draws and the filters keep; None where the instruction is given."""
        if self._given:
            return None
        known, examples, rng = self._drawn(seed)
        self._fit(examples)
        drawn = (known.input_of(rng) for _ in range(TRIES))
        found = next((text for text in drawn if not self._filters.objection(text, self._taken)), None)
        return None if found is None else [found]


class _Question(NamedTuple):
    instruction: str
    input: str
    gold: str | None
    examples: tuple[Example, ...]


@registry.envs.register(
    "sparring/Answer-v0",
    family="reflection",
    skills=("language", "instructions"),
    version="1",
    reward_range=(0.0, 1.0),
)
class Answer(gymnasium.Env[str, str]):
    """Write the output of an input.

    instruction, input: texts; input may be left out. Both left out: of a small family, which the seed draws.
    examples: objects with "input", "output" and "instruction", shown before. passages: texts, shown before.
    gold: the right output; None: nobody knows, and nothing is paid.
    task: of the family, a name or a kind ("numbers"); left out: any. split: of it, "train" or "held_out".
    shots: of the family, how many examples are shown, always training ones.

    The reward is 1 for the right output. An empty text is illegal.
    """

    metadata: dict[str, object] = {"name": "sparring/Answer-v0", "render_modes": ["ansi"], "render_fps": 1}

    def __init__(
        self,
        instruction: str | None = None,
        input: str | None = None,
        examples: Sequence[object] = (),
        passages: Sequence[str] = (),
        gold: str | None = None,
        task: str = "",
        split: Split = "train",
        shots: int = 0,
        render_mode: str | None = None,
    ) -> None:
        """Raises ValueError for options that do not fit together, UnknownName for an unknown task."""
        _require_texts(instruction=instruction, input=input, gold=gold, task=task)
        _require_list("passages", passages)
        given, found = instruction is not None, examples_of(examples)
        if not given and (input is not None or gold is not None or found):
            raise ValueError("input, examples and gold need an instruction, got none")
        if isinstance(shots, bool) or not isinstance(shots, int) or not 0 <= shots <= 8:
            raise ValueError(f"shots must be in [0, 8], got {shots!r}")
        if given and shots:
            raise ValueError(f"shots is of the family: leave it out beside an instruction, got {shots}")
        _require_family(given, task, split)
        self._given = _Question(instruction or "", input or "", gold, found) if given else None
        self._known, self._passages = bundled(task), tuple(passages)
        self.render_mode, self.split, self.shots = render_mode, split, shots
        self.observation_space = AnyText(MOST_OBSERVED, min_length=0)
        self.action_space = AnyText(MOST_WRITTEN, min_length=0)
        self._seen, self._gold, self._over = "", gold, False

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[str, Info]:
        """The instruction and the input."""
        super().reset(seed=seed)
        drawn = int(self.np_random.integers(2**63)) if seed is None else seed
        instruction, text, self._gold, examples = self._given or self._drawn(drawn)
        self._seen = task_shown(instruction, text, examples, self._passages)[:MOST_OBSERVED]
        self._over = False
        return self._seen, {"hidden": {"gold": self._gold}}

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        """Take the output."""
        readable = isinstance(action, str) and len(action) <= MOST_WRITTEN
        output = read_text(action) if readable else ""
        right = bool(output) and self._gold is not None and is_output(output, self._gold)
        info: Info = {"illegal": not output, "hidden": {"gold": self._gold}}
        paid, self._over = float(right and not self._over), True
        return "The output is taken." if output else "That is no output.", paid, True, False, info

    def render(self) -> str:
        """What is asked."""
        return self._seen

    def _drawn(self, seed: int) -> _Question:
        rng = SplitRng(self.split, "answer", seed)
        known = rng.one(self._known)
        text = known.input_of(rng)
        shown = [one for one in known.examples("train", self.shots + 1, seed) if one.input != text][: self.shots]
        return _Question(known.text, text, known.solve(text), tuple(shown))

    def walkthrough(self, seed: int) -> list[str] | None:
        """The right output; None where nobody knows it. Never shown to agents."""
        gold = (self._given or self._drawn(seed)).gold
        return None if gold is None else [gold]


def _require_texts(**given: object) -> None:
    for name, value in given.items():
        if value is not None and not isinstance(value, str):
            raise ValueError(f"{name} must be text, got {value!r:.80}")


def _require_list(name: str, given: object) -> None:
    if not isinstance(given, list | tuple) or not all(isinstance(one, str) for one in given):
        raise ValueError(f"{name} must be a list of texts, got {given!r:.80}")


def _require_family(given: bool, task: str, split: str) -> None:
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    if given and task:
        raise ValueError(f"task is of the family: leave it out beside an instruction, got {task!r}")


def _lengths_of(given: object) -> tuple[float, float] | None:
    if given is None:
        return None
    numbers = list(given) if isinstance(given, list | tuple) else []
    if len(numbers) != 2 or not all(isinstance(one, int | float) for one in numbers) or numbers[0] > numbers[1]:
        raise ValueError(f"lengths must be the shortest and the longest, in characters, got {given!r:.80}")
    return numbers[0], numbers[1]
