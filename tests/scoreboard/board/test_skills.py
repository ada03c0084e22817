"""The profile of skills: what was planted is found again, with intervals that hold what they promise."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import minimize

from sparring.scoreboard.board.comparisons import Comparisons
from sparring.scoreboard.board.leaderboard import leaderboards
from sparring.scoreboard.board.places import Place
from sparring.scoreboard.board.skills import LEAST_TASKS, SKILL_SD, Profile, skill_profile
from sparring.scoreboard.ratings.maximum import RIDGE

SKILLS = ("bluffing", "planning", "space")
NEEDS = [("bluffing",), ("planning",), ("planning", "space"), ("bluffing", "space")]


def place(number: int, skills: tuple[str, ...], is_contest: bool = True) -> Place:
    """An environment that needs these skills."""
    return Place(f"game{number}", f"game{number}", f"game {number}", "games", skills, 2, is_contest, None, "reward")


def simulated(strengths: np.ndarray, needs: list[tuple[str, ...]], tasks: int, seed: int) -> Comparisons:
    """Every two agents on every task, once in each seat. `strengths`: [A, P]."""
    drawn = np.random.default_rng(seed)
    count = len(strengths)
    tasks_of = {(where, task): where * tasks + task for where in range(len(needs)) for task in range(tasks)}
    rows = [
        (*pair, drawn.random() < 1 / (1 + math.exp(strengths[pair[1], where] - strengths[pair[0], where])), where, task)
        for (where, _), task in tasks_of.items()
        for one, other in combinations(range(count), 2)
        for pair in ((one, other), (other, one))
    ]
    first, second, score, where, task = (np.array(column) for column in zip(*rows, strict=True))
    return Comparisons(
        first,
        second,
        score.astype(float),
        where,
        task,
        agents={f"agent {one}": one for one in range(count)},
        places=[place(number, skills) for number, skills in enumerate(needs)],
        tasks=tasks_of,
    )


def profile_of(found: Comparisons) -> Profile:
    """The profile of simulated comparisons."""
    profile = skill_profile(found, leaderboards(found)[0])
    assert profile is not None
    return profile


def planted(seed: int, agents: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """θ [A], u [A, S] with mean 0 over agents, and the strengths [A, P] that they add up to."""
    drawn = np.random.default_rng(seed)
    general, skill = drawn.normal(0, 0.8, agents), drawn.normal(0, SKILL_SD, (agents, len(SKILLS)))
    needs = np.array([[name in some for name in SKILLS] for some in NEEDS], float)
    return general, skill, general[:, None] + skill @ needs.T


def cells(profile: Profile) -> dict[tuple[str, str], tuple[float, float, float]]:
    """(agent, skill) -> value, low, high."""
    return {
        (agent, skill.name): (effect.value, effect.low, effect.high)
        for agent, row in zip(profile.agents, profile.effects, strict=True)
        for skill, effect in zip(profile.skills, row, strict=True)
    }


def test_intervals_hold_planted_skills_as_often_as_they_say() -> None:
    inside, everything = [], leaderboards(simulated(planted(0)[2], NEEDS, 1, 0))[0]
    for seed in range(100):
        general, skill, strengths = planted(seed)
        profile = skill_profile(simulated(strengths, NEEDS, 12, seed), everything)
        assert profile is not None
        found = cells(profile)
        truth = (general - general.mean())[:, None] + skill - skill.mean(axis=0)
        for agent, row in enumerate(truth):
            for name, value in zip(SKILLS, row, strict=True):
                _, low, high = found[f"agent {agent}", name]
                inside.append(low <= value <= high)
    assert 0.9 <= np.mean(inside) <= 0.98


def test_effects_are_the_maximum_that_another_optimiser_finds() -> None:
    found = simulated(planted(3, 3)[2], NEEDS, 12, 3)
    count, skills = 3, len(SKILLS)
    columns = [np.array(column) for column in (found.first, found.second, found.place, found.score)]
    needs = np.array([[name in some for name in SKILLS] for some in NEEDS], float)

    def loss(x: np.ndarray) -> float:
        first, second, where, score = columns
        general, skill, seat = x[:count], x[count : count + count * skills].reshape(count, skills), x[-len(NEEDS) :]
        at = general[:, None] + skill @ needs.T
        lead = at[first, where] - at[second, where] + seat[where]
        prior = RIDGE * (general @ general + seat @ seat) + (skill**2).sum() / SKILL_SD**2
        return float(prior / 2 + (np.logaddexp(0, lead) - score * lead).sum())

    x = minimize(loss, np.zeros(count + count * skills + len(NEEDS)), tol=1e-10).x
    effects = x[:count, None] + x[count : count + count * skills].reshape(count, skills)
    for (agent, skill), (value, _, _) in cells(profile_of(found)).items():
        assert value == pytest.approx(effects[int(agent[-1]), SKILLS.index(skill)], abs=1e-4)


def test_the_same_result_again_on_a_task_is_no_more_evidence() -> None:
    once = simulated(planted(1)[2], NEEDS, 60, 1)
    columns = ("first", "second", "score", "place", "task")
    twice = replace(once, **{name: np.tile(getattr(once, name), 2) for name in columns})
    for (_, low, high), (_, low_twice, high_twice) in zip(
        *(cells(profile_of(found)).values() for found in (once, twice)), strict=True
    ):
        assert 0.95 < (high_twice - low_twice) / (high - low) < 1.1


def test_who_wins_everything_has_an_interval_with_a_width() -> None:
    strengths = np.array([[60.0] * 4, [0.0] * 4, [0.0] * 4])
    for value, low, high in cells(profile_of(simulated(strengths, NEEDS, 12, 0))).values():
        assert low + 0.2 < value < high - 0.2


def test_few_tasks_give_no_number_but_say_how_many_there_were() -> None:
    found = simulated(planted(2)[2], NEEDS, LEAST_TASKS - 1, 2)
    profile = profile_of(found)
    alone = [skill.name for skill in profile.skills].index("planning")
    assert [skill.environments for skill in profile.skills] == [2, 2, 2]
    assert profile.effects[0][alone].clusters == 2 * (LEAST_TASKS - 1)
    single = profile_of(simulated(planted(2)[2][:, :1], NEEDS[:1], LEAST_TASKS - 1, 2))
    assert all(math.isnan(row[0].value) and row[0].clusters == LEAST_TASKS - 1 for row in single.effects)


def test_neither_the_order_of_agents_nor_that_of_comparisons_matters() -> None:
    found = simulated(planted(4)[2], NEEDS, 12, 4)
    order = np.random.default_rng(0).permutation(len(found))
    names = dict(zip(found.agents, reversed(range(len(found.agents))), strict=True))
    other = replace(
        found,
        agents=dict(sorted(names.items(), key=lambda item: item[1])),
        first=len(names) - 1 - found.first[order],
        second=len(names) - 1 - found.second[order],
        score=found.score[order],
        place=found.place[order],
        task=found.task[order],
    )
    ours, theirs = cells(profile_of(found)), cells(profile_of(other))
    assert ours.keys() == theirs.keys()
    for key, values in ours.items():
        assert values == pytest.approx(theirs[key], abs=1e-9)


def test_agents_that_never_met_are_next_to_the_mean_of_those_they_met() -> None:
    one, other = (simulated(planted(seed, 2)[2], NEEDS, 12, seed) for seed in (5, 6))
    again = {(where, task + len(one.tasks)): number + len(one.tasks) for (where, task), number in other.tasks.items()}
    both = Comparisons(
        np.append(one.first, other.first + 2),
        np.append(one.second, other.second + 2),
        np.append(one.score, other.score),
        np.append(one.place, other.place),
        np.append(one.task, other.task + len(one.tasks)),
        agents={f"agent {number}": number for number in range(4)},
        places=one.places,
        tasks={**one.tasks, **again},
    )
    profile = profile_of(both)
    assert sorted(profile.components) == [0, 0, 1, 1]
    ours = cells(profile)
    for skill in SKILLS:
        assert ours["agent 2", skill][0] == pytest.approx(-ours["agent 3", skill][0], abs=1e-9)
        assert ours["agent 0", skill][0] == pytest.approx(cells(profile_of(one))["agent 0", skill][0], abs=0.05)


def test_where_no_skill_is_known_or_nobody_met_there_is_no_profile() -> None:
    found = simulated(planted(7)[2], NEEDS, 2, 7)
    found = replace(found, places=[place(number, ()) for number in range(4)])
    everything = leaderboards(found)[0]
    assert skill_profile(found, everything) is None
    assert skill_profile(Comparisons(), everything) is None
