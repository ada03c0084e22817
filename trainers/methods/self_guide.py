r"""SELF-GUIDE: a model writes its own examples of a task, and is tuned on them (arXiv 2407.12874).

What the paper does: of an instruction and a few examples the model itself writes new inputs, then, shown the examples
again, their outputs. Rules drop what is bad: repeated inputs, noise (chatter of the model), and texts whose length lies
outside a range that is fitted to the examples. The temperature is tuned. The same model is then tuned on
log pi(output | instruction, input), without examples.

What we do otherwise, and why:
1. Several instructions at once, by turns: what a family shares is learnt together. With one of them it is the paper's.
2. Inputs of classification are not written for a label drawn before: how many there are of each is as the model
   writes.
3. The temperatures of inputs and outputs are settings (--temperature, --answer-temperature) and not tuned.
4. A later round shows inputs that earlier ones kept as well, writes with the tuned model, and learns those of all
   rounds from the start. The paper has one round.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sparring import registry
from sparring.envs.code.split_rng import SplitRng
from sparring.envs.reflection.filters import usual_lengths
from sparring.rollout.match import Match
from sparring.trainers.evolving.evolving import Stage
from sparring.trainers.evolving.rows import Row
from sparring.trainers.evolving.seeds import Seed
from sparring.trainers.evolving.synthesis import INPUTS, KEPT, Question, Synthesis, text_of
from sparring.trainers.methods.self_guide_config import Config

__all__ = ["Config", "SelfGuide"]


@registry.trainers.register(
    "self-guide", family="self-evolution", extra="train", config="sparring.trainers.methods.self_guide_config:Config"
)
class SelfGuide(Synthesis[Config]):
    """Tuning on examples that the model wrote itself by a few given ones (SELF-GUIDE)."""

    name = "self-guide"
    config_type = Config

    @classmethod
    def require_usable(cls, config: Config) -> None:
        """Raises ValueError for a seed without inputs too."""
        super().require_usable(config)
        for seed in cls.read(config):
            if not seed.inputs:
                raise ValueError(f"self-guide needs seeds with inputs, got none for {seed.instruction!r}")

    def ask(self, stage: Stage) -> Iterator[Match]:
        """The seeds by turns, each with its inputs, and those that earlier rounds kept among them."""
        for index in range(self.config.games_per_update):
            seed = self.seeds[index % len(self.seeds)]
            inputs = [*seed.inputs, *self._earlier(seed, stage.round)]
            rng = SplitRng("train", "shown", self.config.seed, stage.round, index)
            kwargs = {
                "instruction": seed.instruction,
                "examples": [{"input": text} for text in rng.some(inputs, len(seed.inputs))],
                "earlier": inputs,
                "lengths": list(usual_lengths(seed.inputs)),
            }
            yield self.writing(self.update_of(stage.round, INPUTS), index, kwargs)

    def _earlier(self, seed: Seed, round: int) -> list[str]:
        rows = (row for number in range(round) for row in self.kept(number, INPUTS).rows)
        return [text_of(row) for row in rows if row.episode.env_kwargs["instruction"] == seed.instruction]

    def questions(self, round: int) -> list[Question]:
        """The inputs that were kept."""
        seeds = {seed.instruction: seed for seed in self.seeds}
        found = []
        for row in self.kept(round, INPUTS).rows:
            seed = seeds[row.episode.env_kwargs["instruction"]]
            found.append(Question(seed.instruction, text_of(row), row, seed.examples, seed.outputs))
        return found

    def choose(self, answers: Sequence[Row]) -> tuple[Row | None, str]:
        """The first one."""
        return answers[0], KEPT
