"""How well a policy plays Pig: positions come back, so values and games are iterated until nothing is left of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from sparring import envs
from sparring.agents.pig import FACES, SAME, Floats, Point, Scores, Values, solve, values
from sparring.agents.solvers import pig_target
from sparring.envs.games.two_player import SEATS
from sparring.rollout.infos import observation_of
from sparring.types import Observation

PLAYS_ROLL, PLAYS_HOLD = 0, 1
"""OpenSpiel's actions."""
LEFT = 1e-12
MOST_ACTIONS = 1_000


class Pig:
    """A game of Pig for two, of which the positions can be asked for. Raises ValueError for another game."""

    def __init__(self, env_id: str) -> None:
        self._env = envs.make(env_id)
        target = pig_target(self._env)
        if target is None:
            raise ValueError(f"{env_id} is not Pig for two")
        self.target: int = target
        self._points = [0, *range(2, target)]  # a 1 is never added

    def __len__(self) -> int:
        """Positions with a choice."""
        return len(self._points) * len([1 for i in self._points for k in self._points if i + k < self.target])

    @cached_property
    def observations(self) -> dict[Point, Observation]:
        """What the first seat sees at every position with a choice, as early in the game as can be."""
        points = self._points
        at = [(i, j, k) for i in points for j in points for k in points if i + k < self.target]
        return {(i, j, k): self._observation(i, j, k) for i, j, k in at}

    def _observation(self, i: int, j: int, k: int) -> Observation:
        env, own, other, turn = self._env, _rolls(i), _rolls(j), _rolls(k)
        before = [] if i == j == 0 else [*own, PLAYS_HOLD, *other, PLAYS_HOLD]
        env.reset(seed=0, options={"state": [*before, *turn]})
        actions = (len(own) // 2 + 1 if before else 0) + len(turn) // 2
        return observation_of(env.observe(SEATS[0]), env.infos[SEATS[0]], actions)

    def quality(self, roll: Floats) -> tuple[float, float, float]:
        """(optimal, blunders, exploitability), as in `PlayQuality`, where a policy rolls with these odds: [T, T, T]."""
        best = solve(self.target)
        better = np.where(np.abs(best.roll - best.hold) < SAME, 0.0, np.sign(best.roll - best.hold))
        chosen = [(better[at], roll[at]) for at in self.observations if better[at]]
        optimal = float(sum(odds if sign > 0 else 1 - odds for sign, odds in chosen)) / max(len(chosen), 1)
        return optimal, _blunders(better, roll), _exploitability(roll)


def _rolls(points: int) -> Sequence[int]:
    """OpenSpiel's history of rolls that add up to so many points, of which each is a roll and a face."""
    history = []
    while points:
        face = points if points <= FACES[-1] else FACES[-1] - (points == FACES[-1] + 1)
        history += [PLAYS_ROLL, face - 1]
        points -= face
    return history


def _exploitability(roll: Floats) -> float:
    def answers(at: Scores, rolling: Floats, holding: Floats) -> Floats:
        return np.maximum(rolling, holding)

    def plays(at: Scores, rolling: Floats, holding: Floats) -> Floats:
        odds = roll[at[0], at[1]]
        return odds * rolling + (1 - odds) * holding

    seats: tuple[Values, Values] = values(len(roll), answers, plays)
    return max(float(seats[0].start[0, 0] - seats[1].start[0, 0]) / 2, 0.0)


def _blunders(better: Floats, roll: Floats) -> float:
    """Share of the moves of self-play that give away value; having to hold is a move."""
    target = len(roll)
    forced = np.add.outer(np.arange(target), np.arange(target + FACES[-1])) >= target
    rolls = np.zeros((target, target, target + FACES[-1]))
    rolls[:, :, :target] = roll
    rolls = np.where(forced[:, None, :], 0.0, rolls)
    wrong = np.zeros(rolls.shape)
    wrong[:, :, :target] = np.where(better < 0, roll, 0.0) + np.where(better > 0, 1 - roll, 0.0)
    wrong = np.where(forced[:, None, :], 0.0, wrong)
    reach = np.zeros(rolls.shape)
    reach[0, 0, 0] = 1.0
    played = given_away = 0.0
    for _ in range(MOST_ACTIONS):
        played, given_away = played + reach.sum(), given_away + float((reach * wrong).sum())
        reach = _after(reach, rolls)
        if reach.sum() < LEFT:
            break
    return float(given_away / played)


def _after(reach: Floats, rolls: Floats) -> Floats:
    """The odds of being at each position one action later."""
    target, after = len(reach), np.zeros(reach.shape)
    rolled, held = reach * rolls, reach * (1 - rolls)
    for face in FACES:
        after[:, :, face:] += rolled[:, :, :-face] / 6
    after[:, :, 0] += rolled.sum(axis=2).T / 6
    for points in range(target):
        after[:, points:, 0] += held[: target - points, :, points].T
    return after
