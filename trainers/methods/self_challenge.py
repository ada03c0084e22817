r"""Self-Challenge: a model writes tasks that come with their own tests, and learns from those it solves
(Self-Challenging Language Model Agents, arXiv 2506.01716).

What the paper does: one model has two roles. The challenger looks at tools and writes a Code-as-Task: an instruction, a
verify function, an example solution, and failure cases. A task is kept only if verify accepts the solution and rejects
every failure case. The executor attempts the tasks that were kept, and is trained on them: by rejection fine-tuning,

    \theta' = argmax E_{task kept, y ~ \pi(. | instruction)}[ 1(verify(y)) log \pi_\theta(y | instruction) ],

or by PPO. All tasks that verify are kept, whether hard or easy.

What we do otherwise, and why:
1. The tools are a few functions over a table (`envs/reflection/goods.py`), and an answer is one program, in one step.
2. A task must also be new, by its words, in the run; give the same results twice; and reject what answers nothing. An
   example task is shown. A small model would otherwise repeat it.
3. Rejection fine-tuning only. Attempts that did the same at the same task count once, and so do tasks with the same
   words.
4. `--from` shows how tasks are written and done, in every fit: a small model writes none that verifies by itself.
5. `--learn-challenges` fits the kept tasks too, as their writer; in the paper the challenger stays as it is.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import cast

from sparring import registry
from sparring.envs.reflection.task_form import mark_of
from sparring.rollout.match import Match
from sparring.trainers.evolving.again import about
from sparring.trainers.evolving.evolving import EXPLORE, FIT, MOST_DERIVED, Evolving, Stage
from sparring.trainers.evolving.rows import Row, by_task, distinct, solved
from sparring.trainers.method import LEARNER
from sparring.trainers.methods.self_challenge_config import TASK_ENV, WRITER_ENV, Config
from sparring.trainers.run import Run

__all__ = ["Config", "SelfChallenge"]
ATTEMPT, CHALLENGED_BY = "attempt", "challenged_by"
GIVEN = ("instruction", "verify", "library", "solution", "split")
"""What `CodeTask-v0` is told of a task."""
logger = logging.getLogger(__name__)


@registry.trainers.register(
    "self-challenge",
    family="self-evolution",
    extra="train",
    config="sparring.trainers.methods.self_challenge_config:Config",
)
class SelfChallenge(Evolving[Config]):
    """Tasks by the model itself, verified by their own programs, learnt where it solves them (Self-Challenge)."""

    name = "self-challenge"
    config_type = Config
    PARTS = (EXPLORE, ATTEMPT, FIT)

    def __init__(self, run: Run[Config]) -> None:
        super().__init__(run)
        self._kept: dict[int, list[Row]] = {}

    @classmethod
    def require_usable(cls, config: Config) -> None:
        """Raises ValueError for other environments, an agent that cannot write programs, and too many attempts too."""
        super().require_usable(config)
        named = [registry.envs.parts(game)[0] for game in config.games]
        if named.count(WRITER_ENV) != 1 or set(named) - {WRITER_ENV, TASK_ENV}:
            raise ValueError(
                f"games must be {WRITER_ENV} once, and {TASK_ENV} or nothing else, got {', '.join(config.games)}"
            )
        if config.agent == "choose":
            raise ValueError("agent must be chat or react, which write programs, got choose")
        if config.attempts > MOST_DERIVED:
            raise ValueError(f"attempts must be <= {MOST_DERIVED}, got {config.attempts}")

    def explore(self, stage: Stage) -> Iterator[Match]:
        """Tasks to be written, which must be none of those that earlier rounds have kept."""
        config, update = self.config, self.update_of(stage.round, EXPLORE)
        writer = next(game for game in config.games if registry.envs.parts(game)[0] == WRITER_ENV)
        earlier = [mark_of(text_of(row)) for round in range(stage.round) for row in self.kept(round)]
        for index in range(config.games_per_update):
            library = (stage.round * config.games_per_update + index) // config.attempts
            match = self.attempt(update, index, writer, library, index % config.attempts)
            yield replace(match, env_kwargs={**match.env_kwargs, "earlier": earlier})

    def kept(self, round: int) -> list[Row]:
        """Who wrote the tasks that passed all checks, of equal ones the first. Of a round that has been played."""
        if round not in self._kept:
            first: dict[str, Row] = {}
            for row in solved(self.attempts(round), 1.0):
                first.setdefault(mark_of(text_of(row)), row)
            self._kept[round] = list(first.values())
        return self._kept[round]

    def derive(self, stage: Stage) -> Iterator[Match]:
        """Each kept task, several times."""
        update, times = self.update_of(stage.round, ATTEMPT), self.config.attempts
        asked = [(row, given_of(row)) for row in self.kept(stage.round) for _ in range(times)]
        for index, match in enumerate(about(self, update, TASK_ENV, asked, LEARNER, CHALLENGED_BY)):
            yield replace(match, sample=index % times, task=asked[index][0].trajectory.id)

    def select(self, stage: Stage) -> list[Row]:
        """The attempts that verify accepts and, if asked for, the tasks themselves."""
        self._measure_written(stage.round)
        attempts = self.attempts(stage.round, ATTEMPT)
        successes = solved(attempts, self.config.solved)
        tried, done = len(by_task(attempts)), by_task(successes)
        complete = sum(len(rows) == self.config.attempts for rows in done.values())
        for name, value in (("unsolved", tried - len(done)), ("solved_always", complete)):
            self.run.measure(name, value)
        return [*distinct(successes), *(self.kept(stage.round) if self.config.learn_challenges else ())]

    def _measure_written(self, round: int) -> None:
        """How many tasks were kept, and by what the others were stopped."""
        written, kept = self.attempts(round), self.kept(round)
        stopped = Counter(str(hidden_of(row)["stopped_by"]) for row in written)
        repeated = stopped.pop("None", 0) - len(kept)
        self.run.measure("kept", len(kept))
        self.run.measure("repeated", repeated)
        for check, count in stopped.items():
            self.run.measure(f"stopped_by/{check}", count)
        if not kept:
            why = ", ".join(f"{check} {count}" for check, count in stopped.items())
            logger.warning("round %d kept none of %d tasks; they were stopped by: %s", round, len(written), why)


def hidden_of(row: Row) -> Mapping[str, object]:
    """What the environment found out about a task."""
    return row.trajectory.hidden


def given_of(row: Row) -> dict[str, object]:
    """The task that was written, as the executor's environment takes it."""
    task = cast("Mapping[str, object]", hidden_of(row)["task"])
    return {name: task[name] for name in GIVEN}


def text_of(row: Row) -> str:
    """Its instruction."""
    return str(given_of(row)["instruction"])
