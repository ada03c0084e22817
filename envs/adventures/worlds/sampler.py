"""Games out of seeds: a theme, a map, goals, and obstacles in front of what the goals need; proven winnable.

Training and held-out games differ in their themes, which share no word, and in their plans: the shape of the shortest
plan (its verbs in order, those of the game itself without their names) belongs to one split by its hash. A draft that
cannot be won, that has points which no shortest plan needs, or that belongs to the other split is drawn afresh.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass

from sparring.envs.adventures.worlds.compiler import compile_game
from sparring.envs.adventures.worlds.draft import Draft
from sparring.envs.adventures.worlds.goals import GOALS, Aim
from sparring.envs.adventures.worlds.machine import Machine, Operator
from sparring.envs.adventures.worlds.maps import draw_map, rooms_of
from sparring.envs.adventures.worlds.proofs import random_wins
from sparring.envs.adventures.worlds.rules import violations_of
from sparring.envs.adventures.worlds.simulator import Simulator, Stage
from sparring.envs.adventures.worlds.solver import Plan, solve
from sparring.envs.adventures.worlds.spec import INVENTORY, NOWHERE, Fail, Game, Goal, Limits, PlaceFact
from sparring.envs.adventures.worlds.themes import SPLITS, Split, Theme, themes_of
from sparring.types import derive_seed

DIFFICULTIES = (1, 2, 3, 4, 5)
MOST_ATTEMPTS = 60
MOST_STATES = 8_000
"""A draft that needs more to be solved is drawn afresh."""
SHORTEST = 5
"""Commands of a plan."""
DEADLINES, PERISHABLES = 0.25, 0.7
"""How likely these are, where they are possible."""
END_REWARD = 2


@dataclass(frozen=True, slots=True)
class Sampled:
    """A game with what its sampling found out."""

    game: Game
    machine: Machine
    plan: Plan


def sample_game(split: Split, seed: int, difficulty: int) -> Game:
    """The game of a seed. difficulty: 1 (a few commands) to 5. Equal arguments give equal games on every machine."""
    return sample(split, seed, difficulty).game


def sample(split: Split, seed: int, difficulty: int) -> Sampled:
    """The game of a seed, with its machine and shortest plan. Raises ValueError for another split or difficulty."""
    if split not in SPLITS:
        raise ValueError(f"split must be 'train' or 'held_out', got {split!r}")
    if difficulty not in DIFFICULTIES:
        raise ValueError(f"difficulty must be from 1 to 5, got {difficulty!r}")
    for attempt in range(MOST_ATTEMPTS):
        rng = random.Random(derive_seed("adventure", split, seed, difficulty, attempt))
        origin = f"sampled: split {split}, seed {seed}, difficulty {difficulty}"
        sampled = _attempt(rng, split, difficulty, origin)
        if sampled is not None:
            return sampled
    raise AssertionError(f"no game in {MOST_ATTEMPTS} attempts: split {split}, seed {seed}, difficulty {difficulty}")


def shape_of(operators: Sequence[Operator]) -> str:
    """A plan without its names: `go take go act-with put`."""
    return " ".join(_shape(one) for one in operators)


def split_of_plan(operators: Sequence[Operator]) -> Split:
    """The split that a plan's shape belongs to."""
    digest = hashlib.blake2b(shape_of(operators).encode(), digest_size=1).digest()[0]
    return SPLITS[digest & 1]


def _shape(one: Operator) -> str:
    if not one.custom:
        return one.verb
    return "act-with" if len(one.command.split()) > 3 else "act"


def _attempt(rng: random.Random, split: Split, difficulty: int, origin: str) -> Sampled | None:
    theme = rng.choice(themes_of(split))
    draft, aims = _draft(rng, theme, difficulty)
    if draft is None:
        return None
    game = _game(draft, aims, origin)
    machine = _compiled(game)
    if machine is None:
        return None
    plan = solve(machine, MOST_STATES)
    if not isinstance(plan, Plan) or len(plan) < SHORTEST or split_of_plan(plan.operators) != split:
        return None
    if _score(machine, plan) != game.max_score:
        return None
    game = _limited(rng, theme, game, plan)
    machine = compile_game(game)
    if violations_of(game) or random_wins(Stage(machine)):
        return None
    return Sampled(game, machine, plan)


def _compiled(game: Game) -> Machine | None:
    """None for a game in which something holds before the first command that is to be brought about."""
    try:
        return compile_game(game)
    except ValueError:
        return None


def _draft(rng: random.Random, theme: Theme, difficulty: int) -> tuple[Draft | None, list[Aim]]:
    rooms = min(len(theme.rooms), 2 * difficulty + rng.randrange(1, 4))
    locks = rng.choice(((0,), (0, 1), (1,), (1, 2), (1, 2))[difficulty - 1])
    draft = Draft(rng, theme, draw_map(rng, theme, rooms, locks), 2 * difficulty - 1)
    size = (1, 1, 2, 2, 3)[difficulty - 1]
    makers = rng.sample(GOALS, 2 if difficulty >= 4 and rng.random() < 0.5 else 1)
    aims = [make(draft, max(1, size + 1 - len(makers))) for make in makers]
    if any(aim is None for aim in aims):
        return None, []
    draft.lock_doors()
    for door in draft.map.plain:
        draft.add(door, NOWHERE, "door", openable=True)
    _scatter(draft, difficulty)
    return draft, [aim for aim in aims if aim is not None]


def _scatter(draft: Draft, difficulty: int) -> None:
    """Things that are of no use."""
    rng, rooms = draft.rng, draft.map.rooms
    free = [name for name in draft.theme.clutter if name not in draft.things]
    for name in rng.sample(free, min(len(free), 1 + difficulty // 2)):
        draft.add(name, rng.choice(rooms), portable=True)
    still = [name for name in draft.theme.scenery if name not in draft.things]
    for name in rng.sample(still, min(len(still), 1 + difficulty // 2)):
        draft.add(name, rng.choice(rooms))


def _game(draft: Draft, aims: list[Aim], origin: str) -> Game:
    theme, rng = draft.theme, draft.rng
    goal = Goal(
        text=" ".join(aim.task for aim in aims),
        when=tuple(fact for aim in aims for fact in aim.facts),
        reward=END_REWARD,
        message=aims[-1].won,
    )
    return Game(
        title=rng.choice(theme.titles),
        theme=theme.name,
        intro=rng.choice(theme.intros),
        start=draft.map.rooms[0],
        rooms=rooms_of(theme, draft.map),
        exits=tuple(draft.map.exits),
        things=tuple(draft.things.values()),
        actions=tuple(draft.actions),
        milestones=tuple(draft.milestones),
        goal=goal,
        origin=origin,
    )


def _limited(rng: random.Random, theme: Theme, game: Game, plan: Plan) -> Game:
    """With a budget of turns, and at times with something that loses."""
    fails: list[Fail] = []
    goal = game.goal
    if rng.random() < DEADLINES:
        turns = len(plan) + max(6, len(plan) * 3 // 4)
        fails.append(Fail(turns=turns, message=theme.late))
        goal = goal.model_copy(update={"text": f"{goal.text} Do it {theme.hurry}, within {turns} turns."})
    spoils = [thing.name for thing in game.things if thing.name in theme.perishables]
    for name in spoils:
        if rng.random() < PERISHABLES:
            turns = longest_carried(name, compile_game(game), plan) + rng.randrange(4, 9)
            held = PlaceFact(thing=name, place=INVENTORY)
            fails.append(Fail(when=(held,), turns=turns, message=theme.perishables[name]))
            note = f"The {name} must not be carried for more than {turns} turns in a row."
            goal = goal.model_copy(update={"text": f"{goal.text} {note}"})
    limits = Limits(turns=2 * len(plan) + 10, dead_ends=bool(fails))
    return game.model_copy(update={"fails": tuple(fails), "limits": limits, "goal": goal})


def longest_carried(name: str, machine: Machine, plan: Plan) -> int:
    """For how many turns in a row a plan carries a thing, at most."""
    held, state, longest, now = machine.layout.bits["at", name, INVENTORY], machine.start, 0, 0
    for operator in plan.operators:
        state = state & operator.keep | operator.add
        now = now + 1 if state & held else 0
        longest = max(longest, now)
    return longest


def _score(machine: Machine, plan: Plan) -> int:
    player = Simulator(Stage(machine))
    for command in plan.commands:
        player.step(command)
    return player.score
