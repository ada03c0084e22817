"""Actions as the run's own agent would have written them: how a model learns from what another one did.

The agent is led through a trajectory with a model that says what was done (`DictatedModel`), so the prompt, the form of
the answer and the tokens are those that the agent will play with. Illegal actions are not learnt, nor those that the
agent's form cannot say.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sparring.agents.dictation import answer_of
from sparring.agents.models.dictated import DictatedModel
from sparring.agents.second_attempts import Earlier, SecondAttempts
from sparring.protocols import Seat
from sparring.rollout.loop import act_now
from sparring.trainers.batch import Signal
from sparring.types import Episode, Observation, Trajectory, Turn

if TYPE_CHECKING:
    from sparring.trainers.run import Run


class Retelling:
    """By the agent of one run."""

    def __init__(self, run: Run[Any]) -> None:
        self._run = run
        self._model = DictatedModel(run.model)
        self._agent = run.agent(self._model, run.config.model, trainable=True)

    def signals(
        self, episode: Episode, seat: str, game: str, weight: float = 1.0, earlier: Earlier | None = None
    ) -> tuple[list[Signal], int]:
        """The `ce` stream of a seat's actions, and how many of its turns teach nothing."""
        trajectory, said = self.retold(episode, seat, earlier)
        imitation = [weight * one for one in said]
        signals = self._run.signals_of(trajectory, game, imitation=imitation)
        return list(as_told(signals)), said.count(0.0)

    def retold(self, episode: Episode, seat: str, earlier: Earlier | None = None) -> tuple[Trajectory, list[float]]:
        """A trajectory as the agent would have recorded it, and for each turn 1, or 0 where it could not say it.

        `earlier`: an attempt that the agent is shown before.
        """
        trajectory = episode.trajectories[seat]
        place = Seat(episode.env_id, seat, episode.id, episode.seed, episode.sample, episode.task, episode.env_kwargs)
        agent = self._agent if earlier is None else SecondAttempts(self._agent, {episode.id: earlier})
        player, turns, said = agent.open(place), list[Turn](), list[float]()
        for number, turn in enumerate(trajectory.turns):
            seen = turn.observation
            self._model.told(answer_of(self._agent, turn.action, seen.legal_actions), turn.action)
            reply = act_now(player, Observation(seen.content, seen.legal_actions, turn=number, info=seen.info))
            turns.append(replace(turn, calls=reply.calls))
            said.append(float(turn.legal and reply.action == turn.action))
        return replace(trajectory, turns=tuple(turns)), said


def as_told(signals: list[Signal]) -> Iterator[Signal]:
    """Signals without the sampler's log-probabilities: these weights did not draw the tokens."""
    for signal in signals:
        yield replace(signal, sampling_logprobs=(math.nan,) * len(signal.targets))
