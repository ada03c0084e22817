"""The solver against a plain search without pruning, on small games of every kind of rule; and its manners."""

import random
from collections import deque

import pytest

from sparring.envs.adventures.worlds.compiler import compile_game
from sparring.envs.adventures.worlds.machine import Machine
from sparring.envs.adventures.worlds.rules import read_game, violations_of
from sparring.envs.adventures.worlds.sampler import sample
from sparring.envs.adventures.worlds.solver import GaveUp, Plan, Prospects, Unwinnable, solve
from sparring.envs.adventures.worlds.spec import Game

ROOMS = ("attic", "barn", "cave")
VERBS = ("glue", "paint", "weld", "bend")


def small_game(seed: int) -> Game | None:
    """A game of three rooms with random things, locks, actions, one-way exits, fails and timers; None: not sound."""
    rng = random.Random(seed)
    items = ["apple", "brick", "candle"][: rng.randint(1, 3)]
    box = {"name": "box", "kind": "container", "place": rng.choice(ROOMS), "openable": True, "key": "apple"}
    things = [box | {"locked": rng.random() < 0.5}, {"name": "shelf", "kind": "supporter", "place": rng.choice(ROOMS)}]
    things.append({"name": "anvil", "place": rng.choice((*ROOMS, "nowhere")), "states": [["cold", "hot"]]})
    for item in items:
        place = rng.choice((*ROOMS, "box", "shelf", "nowhere", "inventory"))
        things.append({"name": item, "portable": True, "place": place, "states": [["whole", "bent", "gone"]]})
    exits = [{"room": "attic", "direction": "north", "to": "barn", "one_way": rng.random() < 0.3}]
    exits.append({"room": "barn", "direction": "east", "to": "cave", "one_way": rng.random() < 0.3})
    if rng.random() < 0.5:
        exits[1]["requires"] = [fact(rng, items, exits=True)]
    if rng.random() < 0.4:
        things.append({"name": "hatch", "kind": "door", "openable": True, "open": rng.random() < 0.5})
        exits[0]["door"] = "hatch"
    fails = []
    if rng.random() < 0.3:
        fails.append({"when": [fact(rng, items)], "turns": rng.choice((0, 2)), "message": "Lost."})
    if rng.random() < 0.2:
        fails.append({"turns": rng.randint(2, 9), "message": "Late."})
    data = {
        "title": "t",
        "theme": "t",
        "intro": "i",
        "start": rng.choice(ROOMS),
        "rooms": [{"name": room} for room in ROOMS],
        "things": things,
        "exits": exits,
        "actions": [action(rng, items) for _ in range(rng.randint(1, 5))],
        "goal": {"text": "g", "when": [fact(rng, items) for _ in range(rng.randint(1, 2))], "reward": 1},
        "fails": fails,
    }
    game = Game.model_validate(data)
    return None if violations_of(game) else game


def fact(rng: random.Random, items: list[str], exits: bool = False) -> dict[str, object]:
    item = rng.choice(items)
    kinds = [
        {"thing": item, "state": rng.choice(("whole", "bent", "gone")), "holds": rng.random() < 0.7},
        {"thing": item, "place": rng.choice((*ROOMS, "inventory", "box", "shelf")), "holds": rng.random() < 0.7},
        {"thing": item, "place": "nowhere"},
        {"thing": "anvil", "state": rng.choice(("hot", "cold"))},
        {"thing": "box", "state": rng.choice(("open", "closed", "locked", "unlocked")), "holds": rng.random() < 0.7},
    ]
    return rng.choice(kinds if exits else [*kinds, {"room": rng.choice(ROOMS), "holds": rng.random() < 0.7}])


def action(rng: random.Random, items: list[str]) -> dict[str, object]:
    item = rng.choice((*items, "anvil"))
    others = [one for one in (*items, "anvil", "shelf") if one != item]
    second = rng.choice(others) if rng.random() < 0.5 else ""
    effects = [fact(rng, items) | {"holds": True} for _ in range(rng.randint(1, 2))]
    if rng.random() < 0.3:
        effects.append({"thing": rng.choice((*items, "anvil")), "place": "here"})
    return {
        "verb": rng.choice(VERBS),
        "thing": item,
        "preposition": "with" if second else "",
        "second": second,
        "requires": [fact(rng, items) for _ in range(rng.randint(0, 2))],
        "effects": effects,
        "message": "Done.",
        "skill": "making",
    }


def plain_length(machine: Machine, start: int) -> int | None:
    """Commands of the shortest way to win, by breadth-first search over everything; None where there is none."""
    if machine.ending(start) is machine.goal:
        return 0
    queue, known = deque([(start, 0)]), {start}
    while queue:
        state, length = queue.popleft()
        for operator in machine.admissible(state):
            after = machine.after(state, operator)
            ending = machine.ending(after)
            if ending is machine.goal:
                return length + 1
            if ending is None and after not in known:
                known.add(after)
                queue.append((after, length + 1))
    return None


@pytest.mark.parametrize("part", range(2))
def test_plans_of_small_games_are_as_short_as_a_plain_search_finds(part):
    compared = won = 0
    for seed in range(part * 100, part * 100 + 100):
        game = small_game(seed)
        if game is None:
            continue
        try:
            machine = compile_game(game)
        except ValueError:
            continue
        found, expected = solve(machine), plain_length(machine, machine.start)
        compared += 1
        if expected is None:
            assert isinstance(found, Unwinnable), f"seed {seed}: {found}"
        else:
            assert isinstance(found, Plan), f"seed {seed}: {found}, a plain search needs {expected}"
            assert len(found) == expected, f"seed {seed}: {found.commands}"
            won += expected > 0
    assert compared > 80
    assert won > 8


def states_of_walks(machine: Machine, seed: int) -> list[int]:
    """Where random walks of eight commands lead, as far as the game goes on."""
    rng, states = random.Random(seed), []
    for _ in range(3):
        state = machine.start
        for _ in range(8):
            operators = machine.admissible(state)
            after = machine.after(state, rng.choice(operators)) if operators else state
            if machine.ending(after) is not None:
                break
            state = after
        states.append(state)
    return states


def test_whether_a_state_can_be_won_is_what_a_plain_search_finds():
    verdicts = []
    for seed in range(200):
        game = small_game(seed)
        if game is None or any(not fail.when for fail in game.fails):  # deadlines are not counted there
            continue
        try:
            machine = compile_game(game)
        except ValueError:
            continue
        plan = solve(machine)
        if not isinstance(plan, Plan) or not plan.operators:
            continue
        prospects = Prospects(machine, plan)
        for state in states_of_walks(machine, seed):
            expected = "no" if plain_length(machine, state) is None else "yes"
            assert prospects.can_be_won(state) == expected, f"seed {seed}"
            verdicts.append(expected)
    assert verdicts.count("no") > 2
    assert verdicts.count("yes") > 40


def test_a_search_that_may_look_at_few_states_gives_up_and_says_so():
    machine = sample("train", 3, 4).machine
    assert isinstance(solve(machine, most_states=3), GaveUp)
    assert "gave up" in str(solve(machine, most_states=3))


def test_a_game_without_a_way_is_unwinnable_after_all_states_were_seen():
    game = read_game(
        {
            "title": "Shut",
            "theme": "none",
            "intro": "A cell.",
            "start": "cell",
            "rooms": [{"name": "cell"}, {"name": "yard"}],
            "things": [{"name": "spoon", "place": "cell", "portable": True}],
            "goal": {"text": "Get out.", "when": [{"room": "yard"}], "reward": 1},
        }
    )
    assert isinstance(solve(compile_game(game)), Unwinnable)


def test_the_plan_of_a_sampled_game_wins_with_its_last_command_and_not_before():
    for seed in range(6):
        found = sample("train", seed, 3)
        state, machine = found.machine.start, found.machine
        for at, command in enumerate(found.plan.commands):
            operator = next(one for one in machine.admissible(state) if one.command == command)
            state = machine.after(state, operator)
            assert (machine.ending(state) is machine.goal) == (at == len(found.plan) - 1)
