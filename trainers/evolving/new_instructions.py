"""Synthesis that begins with new instructions: instructions, then an input for each, then outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import ClassVar

from sparring.envs.code.split_rng import SplitRng
from sparring.envs.reflection.filters import usual_lengths
from sparring.envs.reflection.instructions import Example
from sparring.envs.reflection.shown_tasks import plain
from sparring.rollout.match import Match
from sparring.trainers.evolving.again import about
from sparring.trainers.evolving.evolving import FIT, Stage
from sparring.trainers.evolving.rows import Row
from sparring.trainers.evolving.seeds import INPUTS_ENV, Seed
from sparring.trainers.evolving.synthesis import INPUTS, OUTPUTS, Question, Synthesis, SynthesisT, text_of
from sparring.trainers.method import LEARNER

INSTRUCTIONS, INPUT_OF = "instructions", "input_of"
SHOWN = 5
"""Seeds that are shown at once."""


class NewInstructions(Synthesis[SynthesisT]):
    """New instructions by the seeds, and an input for each."""

    PARTS: ClassVar[tuple[str, ...]] = (INSTRUCTIONS, INPUTS, OUTPUTS, FIT)

    @property
    def asking(self) -> list[Seed]:
        """The seeds whose instructions need an input."""
        return [seed for seed in self.seeds if seed.inputs]

    @classmethod
    def require_usable(cls, config: SynthesisT) -> None:
        """Raises ValueError where no seed has an input too."""
        super().require_usable(config)
        if not any(seed.inputs for seed in cls.read(config)):
            raise ValueError(f"{cls.name} needs seeds with inputs, got none")

    def ask(self, stage: Stage) -> Iterator[Match]:
        """New instructions; then an input for each that was kept."""
        return self.ask_inputs(stage) if stage.part == INPUTS else self.ask_instructions(stage)

    def ask_instructions(self, stage: Stage) -> Iterator[Match]:
        """Each by some of the seeds."""
        for index in range(self.config.games_per_update):
            yield self.writing_instruction(stage, index, self.asking)

    def writing_instruction(self, stage: Stage, index: int, seeds: Sequence[Seed]) -> Match:
        """The index-th match of a part: a new instruction by some of these seeds, and not one of an earlier round."""
        texts = [seed.instruction for seed in seeds]
        shown = self.some(seeds, stage, index)
        earlier = [text_of(row) for number in range(stage.round) for row in self.kept(number, INSTRUCTIONS).rows]
        kwargs = {
            "write": "instruction",
            "examples": [{"instruction": seed.instruction} for seed in shown],
            "earlier": [*texts, *earlier],
            "lengths": list(usual_lengths(texts)),
        }
        return self.writing(self.update_of(stage.round, stage.part), index, kwargs)

    def some(self, seeds: Sequence[Seed], stage: Stage, index: int) -> list[Seed]:
        """Some seeds, in random order; others for every match."""
        rng = SplitRng("train", "shown", self.config.seed, stage.round, stage.part, index)
        return rng.some(seeds, min(SHOWN, len(seeds)))

    def instructions(self, round: int) -> list[Row]:
        """The new ones that need an input."""
        return self.kept(round, INSTRUCTIONS).rows

    def ask_inputs(self, stage: Stage) -> Iterator[Match]:
        """One for each new instruction that needs one."""
        lengths = list(usual_lengths([text for seed in self.asking for text in seed.inputs]))
        asked = []
        for index, row in enumerate(self.instructions(stage.round)):
            shown = [plain(one.whole()[0]._replace(output="")) for one in self.some(self.asking, stage, index)]
            asked.append((row, {"instruction": text_of(row), "examples": shown, "lengths": lengths}))
        update = self.update_of(stage.round, stage.part)
        return about(self, update, INPUTS_ENV, asked, LEARNER, INPUT_OF)

    def questions(self, round: int) -> list[Question]:
        """The inputs that were kept, with their instructions."""
        return [
            self.question(str(row.episode.env_kwargs["instruction"]), text_of(row), row, self.asking)
            for row in self.kept(round, INPUTS).rows
        ]

    def question(self, instruction: str, text: str, row: Row, seeds: Sequence[Seed]) -> Question:
        """A question that is answered by the example of some seeds."""
        rng = SplitRng("train", "examples", self.config.seed, row.trajectory.id)
        examples: list[Example] = [seed.whole()[0] for seed in rng.some(seeds, min(SHOWN, len(seeds)))]
        return Question(instruction, text, row, tuple(examples), tuple(chain(*(seed.outputs for seed in seeds))))
