"""Snake: its rules against another implementation of them, simultaneous choices, start positions, any input."""

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring import envs
from sparring.envs.games.hidden.snakes import Snakes

MOVES = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}


def start(seed=0, **kwargs):
    env = envs.make("sparring/Snake-v0", **kwargs)
    env.reset(seed=seed)
    return env


def is_over(env):
    return any(env.terminations.values()) or any(env.truncations.values())


def after(state, size, choices):
    """The snakes after a step, worked out cell by cell: (bodies, eaten, lived, apples that are left)."""
    apples = {tuple(cell) for cell in state["apples"]}
    moved = {}
    for player, body in enumerate(state["bodies"]):
        if body:
            (row, column), (down, right) = body[0], MOVES[choices[player]]
            head = (row + down, column + right)
            kept = [tuple(cell) for cell in (body if head in apples else body[:-1])]
            moved[player] = [head, *kept]
    bodies, eaten, lived = [], list(state["eaten"]), list(state["lived"])
    left = set(apples)
    for player in range(len(state["bodies"])):
        if player not in moved:
            bodies.append([])
            continue
        head = moved[player][0]
        hits = sum(cell == head for body in moved.values() for cell in body)  # its own head is one
        if hits > 1 or not all(0 <= at < size for at in head):
            bodies.append([])
            continue
        bodies.append([list(cell) for cell in moved[player]])
        lived[player] += 1
        if head in apples:
            eaten[player] += 1
            left.discard(head)
    return bodies, eaten, lived, left


def paid(bodies, eaten, lived):
    """Zero-sum: those with the longest life, then the most apples, share 1."""
    marks = list(zip(lived, eaten, strict=True))
    best = [mark == max(marks) for mark in marks]
    if all(best):
        return [0.0] * len(marks)
    return [1 / sum(best) if won else -1 / (len(best) - sum(best)) for won in best]


@pytest.mark.parametrize(
    ("games", "options"),
    [(1_000, {}), (200, {"players": 4, "size": 7, "apples": 5}), (100, {"steps": 5, "size": 8}), (50, {"players": 6})],
)
def test_random_games_are_those_of_the_rules(games, options):
    env, rng, payoffs = envs.make("sparring/Snake-v0", **options), random.Random(0), set()
    for seed in range(games):
        env.reset(seed=seed)
        while not is_over(env):
            before, choices = env.state(), {}
            for player in [player for player, body in enumerate(before["bodies"]) if body]:
                assert env.agent_selection == f"player_{player}"
                # mostly a move that does not leave the grid, so that games last and snakes grow
                inside = [
                    one for one, (a, b) in MOVES.items()
                    if 0 <= before["bodies"][player][0][0] + a < env.size
                    and 0 <= before["bodies"][player][0][1] + b < env.size
                ]  # fmt: skip
                choices[player] = rng.choice(inside if rng.random() < 0.95 else list(MOVES))
                env.step(choices[player])
            state, (bodies, eaten, lived, left) = env.state(), after(before, env.size, choices)
            assert (state["bodies"], state["eaten"], state["lived"]) == (bodies, eaten, lived)
            apples = {tuple(cell) for cell in state["apples"]}
            taken = {tuple(cell) for body in bodies for cell in body}
            assert left <= apples
            assert not apples & taken
            assert len(apples) == min(env.apples, env.size**2 - len(taken))
            assert is_over(env) == (sum(map(bool, bodies)) < 2 or state["done"] == env.steps)
        assert [env.rewards[seat] for seat in env.possible_agents] == paid(bodies, eaten, lived)
        payoffs.add(env.rewards["player_0"])
    assert len(payoffs) > 2


def test_nobody_sees_a_choice_of_the_step_that_goes_on():
    env, seen, own = start(), set(), set()
    for direction in MOVES:
        env.reset(seed=4)
        env.step(direction)
        seen.add(env.observe("player_1"))
        own.add(env.observe("player_0"))
    assert len(seen) == 1
    assert len(own) == 4


def test_two_snakes_meet_head_on_and_both_die():
    snakes = Snakes(5, [[(2, 1)], [(2, 3)]], [], [1, 0], [3, 3])
    snakes.move({0: "right", 1: "left"})
    assert snakes.bodies == [[], []]
    assert snakes.best == [0]  # equal lives, more apples


def test_a_tail_that_moves_on_is_free_and_one_that_grows_is_not():
    ring = [(0, 0), (0, 1), (1, 1), (1, 0)]
    snakes = Snakes(5, [list(ring), [(4, 4)]], [], [3, 0], [0, 0])
    snakes.move({0: "down", 1: "up"})
    assert snakes.bodies[0] == [(1, 0), (0, 0), (0, 1), (1, 1)]
    snakes = Snakes(5, [[(0, 0)], [(0, 2), (0, 1)]], [(0, 3)], [0, 1], [0, 0])
    snakes.move({0: "right", 1: "right"})
    assert snakes.bodies == [[], [(0, 3), (0, 2), (0, 1)]]


@pytest.mark.parametrize(
    ("bodies", "living"),
    [
        ([[(1, 1)], [(1, 2)]], [0, 1]),
        ([[(1, 1), (1, 0)], [(1, 2)]], [0]),
        ([[(1, 1), (1, 0)], [(1, 2), (1, 3)]], []),
    ],
)
def test_heads_that_swap_cells_meet_only_the_body_behind_the_other_head(bodies, living):
    snakes = Snakes(5, bodies, [], [0, 0], [0, 0])
    snakes.move({0: "right", 1: "left"})
    assert snakes.living == living


def test_a_dead_snake_is_asked_no_more_and_leaves_the_grid():
    env = start(players=3, size=6)
    state = env.state()
    state["bodies"] = [[[0, 0]], [[3, 3]], [[5, 5]]]
    state["apples"] = [[1, 1], [2, 2]]
    env.reset(seed=0, options={"state": state})
    for action in ("up", "up", "up"):
        env.step(action)
    assert "Your snake is dead." in env.observe("player_0")
    asked = []
    for action in ("up", "up"):
        asked.append(env.agent_selection)
        env.step(action)
    assert asked == ["player_1", "player_2"]
    assert "A" not in env.observe("player_1").split("\n")[3]


def test_it_reads_as_written_here():
    env = start(instructions=False)
    state = {
        "bodies": [[[1, 1], [1, 0]], [[3, 3]]], "apples": [[0, 4], [4, 0]],
        "eaten": [1, 0], "lived": [7, 7], "done": 7, "chosen": {"player_0": "up"},
    }  # fmt: skip
    env.reset(seed=0, options={"state": state})
    assert env.observe("player_0") == (
        "You are player_0: your head is A, your body is a.\n"
        "Steps so far: 7 of 40. Apples eaten: you 1, opponent 0.\n"
        ". . . . *\na A . . .\n. . . . .\n. . . B .\n* . . . .\n"
        "Your head is in row 2 from the top and column 2 from the left.\n"
        "You have chosen up.\n"
        "All players choose at the same time; player_1 has not chosen yet."
    )
    assert env.observe("player_1").endswith("Legal actions: [up] [down] [left] [right]")
    assert env.state() == state


@given(st.text())
@settings(max_examples=50, deadline=None)
def test_any_text_is_input(text):
    env = start()
    env.step(text)
    assert env.infos["player_0"]["illegal"] is (text.strip("[] \t\r\n").lower() not in MOVES)
    assert sum(env.rewards.values()) == 0


@pytest.mark.parametrize("text", ["", "up down", "[[up]]", "u", "up!", "\ud800", "north", "0", "u\u017fp"])
def test_nothing_is_guessed(text):
    env = start(players=3)
    env.step(text)
    assert env.infos["player_0"]["illegal"] is True
    assert env.rewards == {"player_0": -1.0, "player_1": 0.5, "player_2": 0.5}


def test_the_vector_shows_heads_bodies_and_apples_from_the_seats_own_side():
    env = start()
    env.reset(seed=0, options={"state": {**env.state(), "bodies": [[[0, 0], [0, 1]], [[4, 4]]], "apples": [[2, 2]]}})
    first, second = (env.tensor(seat)[:-1].reshape(5, 5, 5) for seat in env.possible_agents)
    assert first.sum() == second.sum() == 4 + len(env.state()["apples"]) - 1
    assert (first[0, 0, 0], first[1, 0, 1], first[2, 4, 4], first[4, 2, 2]) == (1, 1, 1, 1)
    assert np.array_equal(first[:2], second[2:4])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"bodies": [[[0, 0]]]}, "there must be 2 snakes, got 1"),
        ({"bodies": [[[0, 9]], [[1, 1]]]}, "a cell must be"),
        ({"done": 40}, "done must be from 0 to 39, got 40"),
        ({"chosen": {"player_0": "north"}}, "a choice must be one of up, down, left, right"),
        ({"chosen": {"player_7": "up"}}, r"state must be what state\(\) of"),
        ({"apples": None}, r"state must be what state\(\) of"),
        ({"bodies": [[], [[1, 1]]]}, "is over before its first action"),
    ],
)
def test_a_state_that_there_is_not_is_refused(change, problem):
    env = start()
    with pytest.raises(ValueError, match=problem):
        env.reset(seed=0, options={"state": {**env.state(), **change}})


@pytest.mark.parametrize("option", [{"size": 3}, {"apples": 0}, {"steps": 0}, {"players": 7}, {"players": 1}])
def test_options_out_of_range_are_refused(option):
    (name,) = option
    with pytest.raises(ValueError, match=f"{name} must be a whole number from"):
        envs.make("sparring/Snake-v0", **option)


def test_apples_lie_anywhere_and_seeds_decide_them():
    layouts = [tuple(map(tuple, start(seed).state()["apples"])) for seed in range(200)]
    assert layouts == [tuple(map(tuple, start(seed).state()["apples"])) for seed in range(200)]
    assert len({cell for layout in layouts for cell in layout}) == 25
    assert any(one != other for one, other in pairwise(layouts))
