"""A game that is being written: things find their rooms, and whatever a goal needs is made hard to get.

Everything that opens the locked door number n lies in front of it (rooms have a stage, the number of doors that must be
open), so that what is written can be won; that every door has to be opened is seen to by placing something needed
behind each.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from sparring.envs.adventures.worlds.maps import Map
from sparring.envs.adventures.worlds.narrator import with_article
from sparring.envs.adventures.worlds.spec import (
    HERE,
    INVENTORY,
    NOWHERE,
    UNLOCKED,
    Action,
    Facts,
    Kind,
    Milestone,
    PlaceFact,
    StateFact,
    Thing,
)
from sparring.envs.adventures.worlds.themes import Measure, Mix, Theme, Transform


class Draft:
    """What has been written so far."""

    def __init__(self, rng: random.Random, theme: Theme, drawn: Map, effort: int) -> None:
        self.rng, self.theme, self.map = rng, theme, drawn
        self.effort = effort
        """How many more obstacles may be put between the player and the goal."""
        self.things: dict[str, Thing] = {}
        self.actions: list[Action] = []
        self.milestones: list[Milestone] = []
        self.uncovered = set(range(1, len(drawn.locked) + 1))
        """The stages in which nothing needed lies so far."""
        self._keys = list(rng.sample(theme.keys, len(theme.keys)))
        self._containers = list(rng.sample(theme.containers, len(theme.containers)))
        self._supporters = list(rng.sample(theme.supporters, len(theme.supporters)))

    # Where things are.

    @property
    def last_stage(self) -> int:
        """That of the room behind the last locked door."""
        return len(self.map.locked)

    def room(self, stage: int) -> str:
        """A room that can be reached with so many doors open; one in which nothing needed lies yet comes first."""
        wanted = max((one for one in self.uncovered if one <= stage), default=None)
        if wanted is not None:
            self.uncovered.discard(wanted)
            rooms = [room for room, of in self.map.stages.items() if of == wanted]
        else:
            rooms = [room for room, of in self.map.stages.items() if of <= stage]
        return self.rng.choice(rooms)

    def add(self, name: str, place: str, kind: Kind = "thing", **fields: object) -> Thing:
        """A thing with its text out of the theme."""
        text = self.theme.texts.get(name, f"It is {with_article(name)}, like any other.")
        thing = Thing.model_validate({"name": name, "text": text, "kind": kind, "place": place, **fields})
        self.things[name] = thing
        return thing

    def change(self, name: str, **fields: object) -> None:
        """Change a thing that was added."""
        self.things[name] = self.things[name].model_copy(update=fields)

    def fixture(self, name: str, stage: int, kind: Kind = "thing", **fields: object) -> bool:
        """See to it that a fixed thing stands within a stage; False where it stands behind a later door already."""
        if name in self.things:
            return self.map.stages[self.things[name].place] <= stage
        self.add(name, self.room(stage), kind, **fields)
        return True

    # How things are got.

    def obtain(self, item: str, stage: int) -> bool:
        """See to it that the player can get hold of a thing; False where it is there for something else already."""
        if item in self.things:
            return False
        self.add(item, NOWHERE, portable=True)
        ways: list[Callable[[str, int], bool]] = [self._hide, self._trade, self._lock_up, self._mix, self._enclose]
        self.rng.shuffle(ways)
        if any(mix.product == item for mix in self.theme.mixes):
            ways.insert(0, self._mix)
        for way in ways if self.effort > 0 else ():
            if way(item, stage):
                return True
        self._lay(item, stage)
        return True

    def _lay(self, item: str, stage: int) -> None:
        room = self.room(stage)
        standing = [one.name for one in self.things.values() if one.kind == "supporter" and one.place == room]
        if not standing and self._supporters and self.rng.random() < 0.6:
            standing = [self.add(self._supporters.pop(), room, "supporter").name]
        self.change(item, place=standing[0] if standing else room)

    def _enclose(self, item: str, stage: int) -> bool:
        if not self._containers:
            return False
        self.effort -= 1
        place = self.add(self._containers.pop(), self.room(stage), "container", openable=True)
        self.change(item, place=place.name)
        return True

    def _lock_up(self, item: str, stage: int) -> bool:
        if not self._containers or not self._keys:
            return False
        self.effort -= 2
        name, key = self._containers.pop(), self._keys.pop()
        self.add(name, self.room(stage), "container", openable=True, locked=True, key=key)
        self.change(item, place=name)
        self.unlocking(name)
        return self.obtain(key, stage)

    def unlocking(self, name: str) -> None:
        """Points for opening a lock."""
        fact = StateFact(thing=name, state=UNLOCKED)
        self.milestones.append(Milestone(when=(fact,), reward=1, skill="unlocking"))

    def lock_doors(self) -> list[str]:
        """A key for every locked door, in front of it; the doors behind which nothing is needed stay unlocked."""
        useless = {self.map.locked[stage - 1] for stage in self.uncovered}
        for stage, door in reversed(list(enumerate(self.map.locked))):
            if door in useless or not self._keys:
                self.add(door, NOWHERE, "door", openable=True)
                continue
            key = self._keys.pop()
            self.add(door, NOWHERE, "door", openable=True, locked=True, key=key)
            self.unlocking(door)
            self.obtain(key, stage)
        return sorted(useless)

    def _hide(self, item: str, stage: int) -> bool:
        rows = [row for row in self.theme.searches if row.place not in self.things]
        if not rows:
            return False
        self.effort -= 1
        row = self.rng.choice(rows)
        self.fixture(row.place, stage)
        self.act(
            row.verb,
            row.place,
            message=f"{row.message} {with_article(item).capitalize()} comes to light.",
            skill="searching",
            requires=(PlaceFact(thing=item, place=NOWHERE),),
            effects=(PlaceFact(thing=item, place=HERE),),
            refusal="There is nothing more to find.",
        )
        return True

    def _trade(self, item: str, stage: int) -> bool:
        rows = [row for row in self.theme.people if row.name not in self.things and row.wants not in self.things]
        if not rows:
            return False
        self.effort -= 2
        row = self.rng.choice(rows)
        text = f"{self.theme.texts.get(row.name, '')} What is wanted here is {with_article(row.wants)}.".strip()
        self.fixture(row.name, stage, "person")
        self.change(row.name, text=text)
        self.act(
            row.verb,
            row.wants,
            "to",
            row.name,
            message=f"{row.message} It is {with_article(item)}.",
            skill="trading",
            effects=(PlaceFact(thing=row.wants, place=row.name), PlaceFact(thing=item, place=INVENTORY)),
        )
        return self.obtain(row.wants, stage)

    def _mix(self, item: str, stage: int) -> bool:
        row = next((row for row in self.theme.mixes if row.product == item), None)
        if row is None or {row.first, row.second} & self.things.keys():
            return False
        self.effort -= 1
        self._make(row)
        return self.obtain(row.first, stage) and self.obtain(row.second, stage)

    def _make(self, row: Mix) -> None:
        gone = [PlaceFact(thing=name, place=NOWHERE) for name in (row.first, row.second)]
        self.act(
            row.verb,
            row.first,
            row.preposition,
            row.second,
            message=row.message,
            skill=row.skill,
            requires=(PlaceFact(thing=row.second, place=INVENTORY),),
            effects=(*gone, PlaceFact(thing=row.product, place=INVENTORY)),
        )

    # How things become what they must be.

    def prepare(self, row: Transform, stage: int) -> StateFact:
        """See to it that a thing which the player can get can be brought into another state."""
        self.effort -= 1
        self.change(row.item, states=((row.before, row.after),))
        if row.second not in self.things:
            is_tool = row.preposition == "with"
            if not (is_tool and self.obtain(row.second, stage)):
                self.fixture(row.second, stage)
        fact = StateFact(thing=row.item, state=row.after)
        self.act(
            row.verb,
            row.item,
            row.preposition,
            row.second,
            message=row.message,
            skill=row.skill,
            requires=(StateFact(thing=row.item, state=row.before),),
            effects=(fact,),
        )
        return fact

    def measure(self, row: Measure, stage: int) -> StateFact:
        """A vessel to fill to one of its middle levels; one measure too much runs over."""
        self.effort -= 1
        self.change(row.vessel, states=(row.levels,))
        self.fixture(row.source, stage)
        right = self.rng.randrange(1, len(row.levels) - 1)
        for level, name in enumerate(row.levels):
            after = row.levels[(level + 1) % len(row.levels)]
            self.act(
                row.verb,
                row.vessel,
                row.preposition,
                row.source,
                message=row.spilt if after == row.levels[0] else row.message,
                skill=row.skill,
                reward=int(level < right),
                requires=(StateFact(thing=row.vessel, state=name),),
                effects=(StateFact(thing=row.vessel, state=after),),
            )
        return StateFact(thing=row.vessel, state=row.levels[right])

    def act(
        self,
        verb: str,
        thing: str,
        preposition: str = "",
        second: str = "",
        *,
        message: str,
        skill: str,
        reward: int = 1,
        requires: Facts = (),
        effects: Facts = (),
        refusal: str = "",
    ) -> None:
        """A command of this game."""
        self.actions.append(
            Action.model_validate(
                {
                    "verb": verb,
                    "thing": thing,
                    "preposition": preposition,
                    "second": second,
                    "message": message,
                    "skill": skill,
                    "reward": reward,
                    "requires": requires,
                    "effects": effects,
                    "refusal": refusal,
                }
            )
        )
