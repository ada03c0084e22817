"""The profile of skills: what was planted is found again, with intervals that hold what they promise."""

from __future__ import annotations

import math
from array import array
from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import minimize

from sparring.scoreboard.board.comparisons import Comparisons, Place
from sparring.scoreboard.board.leaderboard import leaderboards
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
    found = Comparisons(agents={f"agent {one}": one for one in range(count)})
    found.places = [place(number, skills) for number, skills in enumerate(needs)]
    for where in range(len(needs)):
        for task in range(tasks):
            number = found.tasks.setdefault((where, str(task)), len(found.tasks))
            for one, other in combinations(range(count), 2):
                for first, second in ((one, other), (other, one)):
                    chance = 1 / (1 + math.exp(strengths[second, where] - strengths[first, where]))
                    for column, value in zip(
                        (found.first, found.second, found.place, found.task),
                        (first, second, where, number),
                        strict=True,
                    ):
                        column.append(value)
                    found.score.append(float(drawn.random() < chance))
    return found


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
    once, twice = (simulated(planted(1)[2], NEEDS, 60, 1) for _ in range(2))
    for column in (twice.first, twice.second, twice.place, twice.task, twice.score):
        column.extend(column[:])
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
    other = simulated(planted(4)[2], NEEDS, 12, 4)
    other.agents = dict(sorted(names.items(), key=lambda item: item[1]))
    for name in ("first", "second", "place", "task"):
        column = np.array(getattr(found, name))[order]
        column = len(names) - 1 - column if name in ("first", "second") else column
        setattr(other, name, array("i", column.tolist()))
    other.score = array("d", np.array(found.score)[order].tolist())
    ours, theirs = cells(profile_of(found)), cells(profile_of(other))
    assert ours.keys() == theirs.keys()
    for key, values in ours.items():
        assert values == pytest.approx(theirs[key], abs=1e-9)


def test_agents_that_never_met_are_next_to_the_mean_of_those_they_met() -> None:
    one, other = (simulated(planted(seed, 2)[2], NEEDS, 12, seed) for seed in (5, 6))
    both = simulated(planted(5, 2)[2], NEEDS, 12, 5)
    both.agents |= {"agent 2": 2, "agent 3": 3}
    for name in ("first", "second"):
        getattr(both, name).extend(agent + 2 for agent in getattr(other, name))
    both.place.extend(other.place)
    both.task.extend(task + len(both.tasks) for task in other.task)
    both.tasks |= {(where, f"{task} again"): number + len(both.tasks) for (where, task), number in other.tasks.items()}
    both.score.extend(other.score)
    profile = profile_of(both)
    assert sorted(profile.components) == [0, 0, 1, 1]
    ours = cells(profile)
    for skill in SKILLS:
        assert ours["agent 2", skill][0] == pytest.approx(-ours["agent 3", skill][0], abs=1e-9)
        assert ours["agent 0", skill][0] == pytest.approx(cells(profile_of(one))["agent 0", skill][0], abs=0.05)


def test_where_no_skill_is_known_or_nobody_met_there_is_no_profile() -> None:
    found = simulated(planted(7)[2], NEEDS, 2, 7)
    found.places = [place(number, ()) for number in range(4)]
    everything = leaderboards(found)[0]
    assert skill_profile(found, everything) is None
    assert skill_profile(Comparisons(), everything) is None
