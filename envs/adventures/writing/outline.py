"""An outline: what a game is about and what opens what, without a map, points and limits. Code adds those.

Every action of an outline earns a point unless it says otherwise, so does every lock and everything that the goal wants
put somewhere. What an action brings about says what it needs: a state follows the state before it in its group, and a
thing that is nowhere at first can come to light once.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sparring.envs.adventures.worlds.compiler import compile_game
from sparring.envs.adventures.worlds.machine import Machine
from sparring.envs.adventures.worlds.rules import violations_of
from sparring.envs.adventures.worlds.sampler import longest_carried
from sparring.envs.adventures.worlds.solver import Plan, solve
from sparring.envs.adventures.worlds.spec import (
    INVENTORY,
    NOWHERE,
    UNLOCKED,
    Action,
    Fact,
    Fail,
    Game,
    Goal,
    Limits,
    Milestone,
    PlaceFact,
    StateFact,
    Thing,
)
from sparring.envs.adventures.writing.ways import Zone, draw_ways
from sparring.types import derive_seed

END_REWARD = 2
MOST_STATES = 60_000
"""Looked at by the solver."""
SPARE = 5
"""Turns for which a thing may be carried beyond what the plan needs, before it is spoilt."""


class Unbuilt(ValueError):
    """An outline of which no game comes; `reasons` has a sentence for each cause."""

    def __init__(self, reasons: Iterable[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("; ".join(self.reasons[:3]))


@dataclass(frozen=True, slots=True)
class Outline:
    """What a writer decides."""

    title: str
    theme: str
    idea: str
    intro: str
    zones: tuple[Zone, ...]
    things: tuple[Thing, ...]
    actions: tuple[Action, ...]
    goal: Goal
    spoils: tuple[tuple[str, str], ...] = ()
    """Things that must not be carried for long, and what is read when they were."""
    late: str = ""
    """What is read when a deadline has passed; "": there is none."""
    loses: tuple[Fail, ...] = ()
    """What loses at once."""
    dead_ends: bool = False
    """Whether a wrong command may spoil the game for good."""
    split: str = "train"
    origin: str = ""
    redraws: int = field(default=0)
    """Decides the map beside the title and the theme."""


def build(outline: Outline) -> Game:
    """The game of an outline: it keeps every rule, and its shortest plan earns all points. Raises Unbuilt."""
    game = _game(outline)
    broken = violations_of(game)
    if broken:
        raise Unbuilt(map(str, broken))
    try:
        machine = compile_game(game)
    except ValueError as error:
        raise Unbuilt([str(error)]) from error
    plan = solve(machine, MOST_STATES)
    if not isinstance(plan, Plan) or not plan:
        raise Unbuilt([str(plan) if plan else "the goal holds before the first command"])
    unpaid = sorted({one.command for one in game.actions if one.reward} - set(plan.commands))
    if unpaid:
        raise Unbuilt(f"the shortest plan does not need {command!r}, which earns points" for command in unpaid)
    game = _limited(outline, game, machine, plan)
    broken = violations_of(game)
    if broken:
        raise Unbuilt(map(str, broken))
    return game


def _game(outline: Outline) -> Game:
    rng = random.Random(derive_seed("outline", outline.theme, outline.title, outline.redraws))
    things = {thing.name: thing for thing in outline.things}
    return Game(
        title=outline.title,
        theme=outline.theme,
        intro=outline.intro,
        start=outline.zones[0].rooms[0].name,
        rooms=tuple(room for zone in outline.zones for room in zone.rooms),
        exits=draw_ways(rng, outline.zones),
        things=outline.things,
        actions=tuple(_with_needs(action, things) for action in outline.actions),
        milestones=tuple(_milestones(outline)),
        goal=outline.goal.model_copy(update={"reward": END_REWARD}),
        limits=Limits(dead_ends=outline.dead_ends),
        fails=outline.loses,
        origin=outline.origin,
    )


def _milestones(outline: Outline) -> Iterable[Milestone]:
    for thing in outline.things:
        if thing.locked:
            yield Milestone(when=(StateFact(thing=thing.name, state=UNLOCKED),), reward=1, skill="unlocking")
    people = {thing.name for thing in outline.things if thing.kind == "person"}
    for fact in outline.goal.when:
        if isinstance(fact, PlaceFact) and fact.holds and fact.place not in {INVENTORY, NOWHERE, *people}:
            yield Milestone(when=(fact,), reward=1, skill="placing")


def _with_needs(action: Action, things: dict[str, Thing]) -> Action:
    """With what its effects need to be effects."""
    said = {_about(fact, things) for fact in action.requires}
    said |= {(name, "place") for name in (action.thing, action.second)}  # these are in reach
    needs = [need for fact in action.effects if _about(fact, things) not in said for need in _needs(fact, things)]
    return action.model_copy(update={"requires": (*action.requires, *needs)})


def _about(fact: Fact, things: dict[str, Thing]) -> object:
    if isinstance(fact, StateFact):
        return fact.thing, _group(fact, things)
    return (fact.thing, "place") if isinstance(fact, PlaceFact) else "room"


def _group(fact: StateFact, things: dict[str, Thing]) -> tuple[str, ...]:
    groups = things[fact.thing].states if fact.thing in things else ()
    return next((group for group in groups if fact.state in group), ())


def _needs(fact: Fact, things: dict[str, Thing]) -> Iterable[Fact]:
    if isinstance(fact, StateFact):
        group = _group(fact, things)
        if group.index(fact.state) if group else 0:
            yield StateFact(thing=fact.thing, state=group[group.index(fact.state) - 1])
    elif isinstance(fact, PlaceFact) and fact.place != NOWHERE and fact.thing in things:
        nowhere = things[fact.thing].place == NOWHERE
        if nowhere:
            yield PlaceFact(thing=fact.thing, place=NOWHERE)


def _limited(outline: Outline, game: Game, machine: Machine, plan: Plan) -> Game:
    """With a budget of turns, and with what is late or spoilt."""
    notes, fails = [game.goal.text], [*outline.loses]
    if outline.late:
        turns = len(plan) + max(6, len(plan) * 3 // 4)
        fails.append(Fail(turns=turns, message=outline.late))
        notes.append(f"You have {turns} turns.")
    for name, message in outline.spoils:
        turns = longest_carried(name, machine, plan) + SPARE
        fails.append(Fail(when=(PlaceFact(thing=name, place=INVENTORY),), turns=turns, message=message))
        notes.append(f"The {name} must not be carried for more than {turns} turns in a row.")
    limits = Limits(turns=2 * len(plan) + 10, dead_ends=outline.dead_ends or bool(fails))
    goal = game.goal.model_copy(update={"text": " ".join(notes)})
    return game.model_copy(update={"fails": tuple(fails), "limits": limits, "goal": goal})


def redrawn(outline: Outline) -> Outline:
    """The same outline with another map."""
    return replace(outline, redraws=outline.redraws + 1)
