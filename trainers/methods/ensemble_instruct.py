r"""Ensemble-Instruct: new instructions and outputs by several models that agree (arXiv 2310.13961).

What the paper does: two pipelines, each with prompts of its own. A: an instruction, then an input for it; B: an
instruction that needs none. What is like an earlier instruction (ROUGE-L) is dropped. Several models answer; of their
outputs the one is kept that agrees most with the others by ROUGE-L, where the agreement is above a threshold.

What we do otherwise, and why:
1. The answers are --attempts of the model itself, and as many of each of --answerers: one small model is enough.
2. Agreement is the mean ROUGE-L with the other answers, and the threshold is on that mean, 0.3 where it is left out.
   The released code asks that the least alike pair has more than 0.01, and takes two equal answers at once: of three
   short answers both keep two that are equal, and drop three different ones.
3. ROUGE-L is over words that are not stemmed. Equal agreement: the first answer.
4. Half of the instructions of a round are of each kind. An instruction of B is a bundled one with its input in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sparring import registry
from sparring.agents import named
from sparring.answers.rouge import agreement
from sparring.protocols import Agent
from sparring.rollout.match import Match
from sparring.trainers.evolving.evolving import MOST_DERIVED, Stage
from sparring.trainers.evolving.new_instructions import INSTRUCTIONS, NewInstructions
from sparring.trainers.evolving.rows import Row
from sparring.trainers.evolving.seeds import ANSWER_ENV, Seed, without_inputs
from sparring.trainers.evolving.synthesis import ANSWERED, ANSWERER, KEPT, Question, text_of
from sparring.trainers.methods.ensemble_instruct_config import Config
from sparring.trainers.probing import require_playable
from sparring.trainers.run import Run

__all__ = ["Config", "EnsembleInstruct"]


@registry.trainers.register(
    "ensemble-instruct",
    family="self-evolution",
    extra="train",
    config="sparring.trainers.methods.ensemble_instruct_config:Config",
)
class EnsembleInstruct(NewInstructions[Config]):
    """New instructions with and without inputs, and the outputs on which several answers agree (Ensemble-Instruct)."""

    name = "ensemble-instruct"
    config_type = Config
    REASONS = (*ANSWERED, "disagreement")

    def __init__(self, run: Run[Config]) -> None:
        super().__init__(run)
        self.others = {spec: named.make(spec) for spec in self.config.answerers}
        for spec, agent in self.others.items():
            require_playable("answerers", ANSWER_ENV, spec, agent, {})

    @classmethod
    def require_usable(cls, config: Config) -> None:
        """Raises ValueError for a single answer, and for more than a part can have."""
        super().require_usable(config)
        answers = config.attempts * (1 + len(config.answerers))
        if not 2 <= answers <= MOST_DERIVED:
            raise ValueError(
                f"attempts times the model and its answerers must be in [2, {MOST_DERIVED}], so that answers can "
                f"agree, got {answers}"
            )

    @property
    def bare(self) -> list[Seed]:
        """The seeds whose instructions need no input: pipeline B."""
        return [seed for seed in self.seeds if not seed.inputs] or [
            one for seed in self.seeds for one in without_inputs(seed)
        ]

    def ask_instructions(self, stage: Stage) -> Iterator[Match]:
        """Those that need an input, and those that need none, by turns."""
        for index in range(self.config.games_per_update):
            yield self.writing_instruction(stage, index, self.bare if index % 2 else self.asking)

    def instructions(self, round: int) -> list[Row]:
        """Those of pipeline A."""
        return [row for row in self.kept(round, INSTRUCTIONS).rows if not self._is_bare(row)]

    def questions(self, round: int) -> list[Question]:
        """Instructions with their inputs, and those without."""
        bare = [row for row in self.kept(round, INSTRUCTIONS).rows if self._is_bare(row)]
        return [*super().questions(round), *(self.question(text_of(row), "", row, self.bare) for row in bare)]

    def _is_bare(self, row: Row) -> bool:
        """Whether it was written by the example of those that need no input."""
        return row.episode.env_kwargs["examples"][0]["instruction"] in {seed.instruction for seed in self.bare}

    def answerers(self) -> Mapping[str, Agent]:
        """The model, and others."""
        return {**super().answerers(), **self.others}

    def answerer_names(self) -> Sequence[str]:
        """As matches call them."""
        return (ANSWERER, *self.others)

    def choose(self, answers: Sequence[Row]) -> tuple[Row | None, str]:
        """The one that agrees most with the others."""
        scores = agreement([row.actions[0] for row in answers])
        best = max(range(len(answers)), key=scores.__getitem__)
        return (answers[best], KEPT) if scores[best] > self.config.consensus else (None, "disagreement")
