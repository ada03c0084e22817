"""What agents are good at: one mixed fit of the comparisons in all environments.

With θ_a the general strength of agent a, u_{a,s} what it is better or worse by where skill s is needed, and t_p what
the first seat is worth in game p, agent a in the first seat against b in environment p gets of the point, on average,
    1 / (1 + e^-d),    d = θ_a - θ_b + Σ_{s needed in p} (u_{a,s} - u_{b,s}) + t_p
A draw is half a point. u is normal with mean 0 and deviation `SKILL_SD`, which shrinks what few tasks say towards the
general strength; θ and t have the wide prior of the ratings. An effect is θ_a + u_{a,s}, in logits, next to the average
agent. Its variance is the sandwich over tasks (see `ratings.sandwich`), the priors counted as one more piece of it.
Where an agent won, or lost, every point, equal outcomes say nothing of the spread, and the model's own variance stands.

A agents, S skills, P environments, N comparisons, G tasks; R pairs that met, by seats and environment; K coefficients:
θ [A], u [A, S], t [P].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array, hstack  # type: ignore[import-untyped]
from scipy.special import expit, stdtrit  # type: ignore[import-untyped]

from sparring.scoreboard.board.comparisons import Comparisons
from sparring.scoreboard.board.leaderboard import Leaderboard, weights_of_places
from sparring.scoreboard.columns import Ints, distinct
from sparring.scoreboard.ratings.maximum import RIDGE
from sparring.scoreboard.stats import NAN, Estimate

SKILL_SD = 1.0
"""Logits."""
LEAST_TASKS = 10
"""Of an agent on a skill; below it there is no number."""
MOST_EFFECTS = 5_000
"""Of agents on skills, in one fit."""
STEPS = 100
SMALL_STEP = 1e-9
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Skill:
    """A column of the profile."""

    name: str
    environments: int
    """That need it."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Agents by skills."""

    skills: tuple[Skill, ...]
    agents: tuple[str, ...]
    """In the order of the leaderboard of everything."""
    components: tuple[int, ...]
    """Agents of different ones never met: their effects cannot be compared."""
    effects: tuple[tuple[Estimate, ...], ...]
    """[agent][skill], logits; NaN without bounds where there are fewer than `LEAST_TASKS` tasks."""


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    """The comparisons, and the coefficients that each of them adds up."""

    design: csr_array
    """[R, K]"""
    row: Ints
    """[N], the row of every comparison."""
    score: Floats
    weight: Floats
    task: Ints
    """[N], from 0."""


@dataclass(frozen=True, slots=True, eq=False)
class _Met:
    """How much every agent was compared on every skill: [A, S]."""

    comparisons: Ints
    tasks: Ints
    alike: NDArray[np.bool_]
    """Whether it won, or lost, every point."""


def skill_profile(found: Comparisons, everything: Leaderboard, equal_weight: bool = False) -> Profile | None:
    """The profile of all agents that were compared; None where nothing was, where no skill is known, and for too many.

    `everything`: the leaderboard over all environments. `equal_weight`: as for leaderboards.
    """
    skills = sorted({skill for place in found.places for skill in place.skills})
    lines = [line for line in everything.lines if line.comparisons]
    if not skills or not lines or len(skills) * len(found.agents) > MOST_EFFECTS:
        return None
    needs = np.array([[skill in place.skills for skill in skills] for place in found.places], np.int64)
    agents = [found.agents[line.agent] for line in lines]
    component = np.full(len(found.agents), -1)
    component[agents] = [line.component for line in lines]
    met, columns = _met(found, needs), _columns(found, needs, equal_weight)
    effects = _effects(columns, met, component)
    return Profile(
        skills=tuple(Skill(name, int(count)) for name, count in zip(skills, needs.sum(axis=0), strict=True)),
        agents=tuple(line.agent for line in lines),
        components=tuple(line.component for line in lines),
        effects=tuple(effects[agent] for agent in agents),
    )


def _met(found: Comparisons, needs: Ints) -> _Met:
    shape = len(found.agents), len(found.places)
    agent = np.concatenate([found.first, found.second])
    score = np.concatenate([found.score, 1 - found.score])
    cell = agent * shape[1] + np.tile(found.place, 2)
    _, once = np.unique(agent * len(found.tasks) + np.tile(found.task, 2), return_index=True)

    def by_skill(cells: Ints, weights: Floats | None = None) -> Floats:
        return np.asarray(np.bincount(cells, weights, shape[0] * shape[1]).reshape(shape) @ needs, np.float64)

    games, points = by_skill(cell), by_skill(cell, score)
    return _Met(games.astype(np.int64), by_skill(cell[once]).astype(np.int64), (points == 0) | (points == games))


def _columns(found: Comparisons, needs: Ints, equal_weight: bool) -> _Columns:
    agents, places = len(found.agents), len(needs)
    keys, row = distinct((found.first * agents + found.second) * places + found.place)
    pair, where = np.divmod(keys, places)
    general = _indicators(pair // agents, agents) - _indicators(pair % agents, agents)
    skill = _skills_of(pair // agents, where, needs, agents) - _skills_of(pair % agents, where, needs, agents)
    seated = diags_array(np.array([place.is_contest for place in found.places], np.float64))
    seats = _indicators(where, places) @ seated
    return _Columns(
        csr_array(hstack([general, skill, seats])),
        row,
        found.score,
        weights_of_places(found.place, equal_weight),
        distinct(found.task)[1],
    )


def _indicators(column: Ints, width: int) -> csr_array:
    """[R, width], 1 at the column of every row."""
    return csr_array((np.ones(len(column)), (np.arange(len(column)), column)), (len(column), width))


def _skills_of(agent: Ints, place: Ints, needs: Ints, agents: int) -> csr_array:
    """[R, A·S], 1 at every skill that the row's place needs, of the row's agent."""
    row, skill = np.nonzero(needs[place])
    skills = needs.shape[1]
    return csr_array((np.ones(len(row)), (row, agent[row] * skills + skill)), (len(agent), agents * skills))


def _effects(columns: _Columns, met: _Met, component: Ints) -> list[tuple[Estimate, ...]]:
    """[A][S]"""
    agents, skills = met.tasks.shape
    penalty = np.full(columns.design.shape[1], RIDGE)
    penalty[agents : agents + agents * skills] = SKILL_SD**-2
    contrasts = _contrasts(component, met.tasks > 0, columns.design.shape[1])
    value, robust, modelled = _fit(columns, penalty, contrasts)
    variance = np.where(met.alike.ravel(), np.maximum(robust, modelled), robust).reshape(agents, skills)
    half = stdtrit(np.maximum(met.tasks - 1, 1), 0.975) * np.sqrt(variance)
    value = value.reshape(agents, skills)

    def effect(agent: int, skill: int) -> Estimate:
        comparisons, tasks = int(met.comparisons[agent, skill]), int(met.tasks[agent, skill])
        if tasks < LEAST_TASKS:
            return Estimate(NAN, -np.inf, np.inf, comparisons, tasks)
        at, reach = float(value[agent, skill]), float(half[agent, skill])
        return Estimate(at, at - reach, at + reach, comparisons, tasks)

    return [tuple(effect(agent, skill) for skill in range(skills)) for agent in range(agents)]


def _contrasts(component: Ints, met: NDArray[np.bool_], width: int) -> csr_array:
    """[A·S, K], what adds up to an effect: θ next to the mean of its component, u next to that of who met the skill."""
    agents, skills = met.shape
    together = (component[:, None] == component) & (component >= 0)
    general = np.eye(agents) - together / np.maximum(together.sum(axis=1, keepdims=True), 1)
    found = np.zeros((agents, skills, width))
    found[:, :, :agents] = general[:, None, :]
    own = found[:, :, agents : agents + agents * skills].reshape(agents, skills, agents, skills)
    for skill in range(skills):
        peers = together & met[:, skill]
        own[:, skill, :, skill] = np.eye(agents) - peers / np.maximum(peers.sum(axis=1, keepdims=True), 1)
    return csr_array(found.reshape(agents * skills, width))


def _fit(columns: _Columns, penalty: Floats, contrasts: csr_array) -> tuple[Floats, Floats, Floats]:
    """The value of every contrast, its variance by the sandwich, and its variance by the model: [A·S] each."""
    x = _most_likely(columns, penalty)
    expected = expit(columns.design @ x)
    spread = np.bincount(columns.row, columns.weight, len(expected)) * expected * (1 - expected)
    inverse = np.linalg.inv(_information(columns.design, spread, penalty))
    residual, tasks = columns.weight * (columns.score - expected[columns.row]), int(columns.task.max()) + 1
    sums = csr_array((residual, (columns.task, columns.row)), (tasks, len(expected))) @ columns.design
    products = (sums.T @ sums).toarray() * (tasks / max(tasks - 1, 1)) + np.diag(penalty)
    by_data = contrasts @ inverse
    robust = np.einsum("ck,ck->c", by_data @ products, by_data)
    return contrasts @ x, robust, np.asarray((contrasts * by_data).sum(axis=1))


def _most_likely(columns: _Columns, penalty: Floats) -> Floats:
    """[K], the maximum of the penalised likelihood, which is concave; Newton's method."""
    design, count = columns.design, columns.design.shape[0]
    played = np.bincount(columns.row, columns.weight, count)
    points = np.bincount(columns.row, columns.weight * columns.score, count)

    def height(x: Floats) -> float:
        lead = design @ x
        return float(points @ lead - played @ np.logaddexp(0, lead) - x @ (penalty * x) / 2)

    x = np.zeros(len(penalty))
    for _ in range(STEPS):
        expected = expit(design @ x)
        slope = design.T @ (points - played * expected) - penalty * x
        step = np.linalg.solve(_information(design, played * expected * (1 - expected), penalty), slope)
        least = height(x) - 1e-10 * (1 + abs(height(x)))
        while height(x + step) < least:
            step = step / 2
        x = x + step
        if np.abs(step).max() < SMALL_STEP:
            break
    return x


def _information(design: csr_array, spread: Floats, penalty: Floats) -> Floats:
    """[K, K], minus the Hessian."""
    return np.asarray((design.T @ diags_array(spread) @ design).toarray() + np.diag(penalty))
