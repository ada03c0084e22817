"""The rules of what a game says about its world: each fact names a thing, and a state or place that it can have."""

from __future__ import annotations

from collections.abc import Iterator

from sparring.envs.adventures.worlds.spec import (
    CLOSED,
    HERE,
    INVENTORY,
    LOCKED,
    NOWHERE,
    OPEN,
    REACH,
    UNLOCKED,
    Fact,
    Facts,
    Game,
    PlaceFact,
    RoomFact,
    StateFact,
    Thing,
)

Problems = Iterator[tuple[str, str]]


def violations_of_facts(game: Game) -> Problems:
    """(place, sentence) for every fact that cannot be, or would make the game pointless."""
    rules = _Facts(game)
    for at, way in enumerate(game.exits):
        yield from rules.of(way.requires, f"exits[{at}].requires", reach=True)
    for at, action in enumerate(game.actions):
        yield from rules.of(action.requires, f"actions[{at}].requires", reach=True)
        yield from rules.of_effects(action.effects, f"actions[{at}].effects")
    for at, milestone in enumerate(game.milestones):
        yield from rules.of(milestone.when, f"milestones[{at}].when")
    yield from rules.of(game.goal.when, "goal.when")
    for at, fail in enumerate(game.fails):
        yield from rules.of(fail.when, f"fails[{at}].when")
        if not fail.when and not fail.turns:
            yield f"fails[{at}]", "a deadline for the whole game needs turns >= 1"


class _Facts:
    def __init__(self, game: Game) -> None:
        self.rooms = {room.name for room in game.rooms}
        self.things = {thing.name: thing for thing in game.things}

    def of(self, facts: Facts, place: str, reach: bool = False) -> Problems:
        for at, fact in enumerate(facts):
            for problem in self._problems(fact, (REACH,) if reach else ()):
                yield f"{place}[{at}]", problem

    def of_effects(self, facts: Facts, place: str) -> Problems:
        for at, fact in enumerate(facts):
            if not fact.holds:
                yield f"{place}[{at}]", "an effect says what holds afterwards: leave out holds"
            for problem in self._problems(fact, (HERE,)):
                yield f"{place}[{at}]", problem

    def _problems(self, fact: Fact, relative: tuple[str, ...]) -> Iterator[str]:
        if isinstance(fact, RoomFact):
            if fact.room not in self.rooms:
                yield f"there is no room {fact.room!r}"
            return
        thing = self.things.get(fact.thing)
        if thing is None:
            yield f"there is no thing {fact.thing!r}"
        elif isinstance(fact, StateFact):
            yield from _state_problems(thing, fact.state)
        else:
            yield from self._place_problems(thing, fact, relative)

    def _place_problems(self, thing: Thing, fact: PlaceFact, relative: tuple[str, ...]) -> Iterator[str]:
        known = {*self.rooms, INVENTORY, NOWHERE, *relative}
        if thing.kind == "door":
            yield f"a door stays where it is, so {thing.name!r} has no place"
        elif fact.place in self.things:
            if self.things[fact.place].kind not in ("container", "supporter", "person"):
                yield f"nothing can be in {fact.place!r}: it is a {self.things[fact.place].kind}"
        elif fact.place not in known:
            yield f"there is no room or thing {fact.place!r}"
        if not thing.portable and fact.place not in {*self.rooms, NOWHERE, REACH, HERE}:
            yield f"{thing.name!r} cannot be carried, so it is in a room or nowhere, never in {fact.place!r}"
        if fact.place in (REACH, NOWHERE) and not fact.holds:
            yield f"{fact.place!r} cannot be denied: say in which place {thing.name!r} must be, or must not be"


def _state_problems(thing: Thing, state: str) -> Iterator[str]:
    of_its_own = [one for group in thing.states for one in group]
    if state in (OPEN, CLOSED):
        if not thing.openable:
            yield f"{thing.name!r} is not openable, so it cannot be {state}"
    elif state in (LOCKED, UNLOCKED):
        if thing.key is None:
            yield f"{thing.name!r} has no key, so it cannot be {state}"
    elif state not in of_its_own:
        yield f"{thing.name!r} has no state {state!r}; it has {', '.join(of_its_own) or 'none'}"
