"""Re-ReST: self-training on own successes and on failures that a reflector repaired (arXiv 2406.01495).

What the paper does:
1. The agent makes k attempts at each task, and the environment scores them. Those that succeed are D_M.
2. A reflector R reads each failed attempt with what the environment said of it, and writes another: R(x, y, E(x, y)).
   Those that succeed are D_R.
3. R is trained first on its own corrections that succeeded without training, L_R = -E log R(y' | x, y, E(x, y)).
4. The agent is trained from the base on D_M and D_R, L_M = -E log M(y' | x): it never sees what the reflector saw.

What we do otherwise, and why:
1. Agent and reflector are two fits of one model, one after another, both from the base: one copy in memory. The trained
   reflector stays in RUN/checkpoints/reflector.
2. A correction that did what the failed attempt had done is counted (`repeated`) and is no correction.
3. Attempts that did the same at the same task count once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from sparring import registry
from sparring.agents.second_attempts import SecondAttempts, earlier_of
from sparring.protocols import Agent
from sparring.rollout.match import Match
from sparring.trainers.evolving.again import again, parent_of, require_one_seat
from sparring.trainers.evolving.evolving import EXPLORE, FIT, Evolving, Stage
from sparring.trainers.evolving.rows import Row, distinct, solved, unsolved
from sparring.trainers.methods.re_rest_config import Config

__all__ = ["Config", "ReRest"]
REFLECT, CORRECT, FIT_REFLECTOR = "reflect", "correct", "fit-reflector"
REFLECTOR = "reflector"


@registry.trainers.register(
    "re-rest", family="self-evolution", extra="train", config="sparring.trainers.methods.re_rest_config:Config"
)
class ReRest(Evolving[Config]):
    """Self-training with failures repaired by a trained reflector (Re-ReST)."""

    name = "re-rest"
    config_type = Config
    PARTS = (EXPLORE, REFLECT, FIT_REFLECTOR, CORRECT, FIT)

    @classmethod
    def require_usable(cls, config: Config) -> None:
        """Raises ValueError for environments of several seats too."""
        super().require_usable(config)
        require_one_seat(cls.name, config.games)

    def failures(self, round: int) -> list[Row]:
        """Attempts that failed, once each, at tasks that no attempt solved, or that some did."""
        return distinct(unsolved(self.attempts(round), self.config.solved))

    def derive(self, stage: Stage) -> Iterator[Match]:
        """Failed attempts again, with what the environment said of them."""
        update = self.update_of(stage.round, stage.part)
        return again(self, update, self.failures(stage.round), REFLECTOR, "reflection_of", self.config.reflections)

    def agents(self, update: int) -> Mapping[str, Agent]:
        """The reflector, who is shown the failed attempts."""
        stage = self.stage(update)
        if stage.part not in (REFLECT, CORRECT):
            return {}
        failed = self.parents(stage)
        earlier = {match.id: earlier_of(failed[parent_of(match)].trajectory) for match in self.matches(update)}
        return {REFLECTOR: SecondAttempts(self.run.player, earlier, name=f"{self.run.player.name} (reflector)")}

    def corrections(self, stage: Stage, part: str) -> list[Row]:
        """Second attempts that succeeded, and did something else than the first."""
        before, made = self.parents(stage), self.attempts(stage.round, part)
        fresh = [row for row in made if row.actions != before[row.parent].actions]
        self.run.measure("repeated", len(made) - len(fresh))
        return solved(fresh, self.config.solved)

    def select(self, stage: Stage) -> list[Row]:
        """The reflector's own corrections; the agent's successes, and corrections as plain answers."""
        if stage.part == FIT_REFLECTOR:
            return distinct(self.corrections(stage, REFLECT))
        own = solved(self.attempts(stage.round), self.config.solved)
        repaired = [replace(row, retold=True) for row in self.corrections(stage, CORRECT)]
        self.run.measure("repaired", len(repaired))
        return distinct([*own, *repaired])

    def after_update(self) -> None:
        """Keep the reflector when its fit is done."""
        stage = self.stage(self.run.done - 1)
        if stage.part == FIT_REFLECTOR and stage.step == self.config.fit_updates - 1:
            self.run.folder.checkpoints.save_whole(REFLECTOR, self.run.model.save)
