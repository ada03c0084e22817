"""A game as the text of an Inform 7 story that plays as the simulator does.

`kinds.i7` and `rules.i7` are what every story has: the kinds of things, the commands of every game, what is read after
a turn, and the mark. A turn ends with one line, [sparring POINTS OUTCOME TURN ACCEPTED ROOM], from which score, end and
room are read. No text of a game holds a bracket, and the story repeats no word of a player. No command of the Standard
Rules is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from sparring.envs.adventures.inform.events import Events, Lines, Parts
from sparring.envs.adventures.inform.wording import Wording, literal
from sparring.envs.adventures.worlds.spec import INVENTORY, NOWHERE, Game, Thing
from sparring.envs.adventures.worlds.words import OWNED_VERBS

KINDS = {
    "thing": "fixture",
    "container": "container",
    "supporter": "supporter",
    "person": "person",
    "door": "gateway",
}
ALSO_CLEARED = {"inv", "out", "y"}
"""Words of the Standard Rules for commands that no game may use."""


@dataclass(frozen=True, slots=True)
class Story:
    """The text, and which part of the game each of its lines comes from."""

    lines: tuple[str, ...]
    parts: tuple[str, ...]

    @property
    def text(self) -> str:
        """As a compiler reads it."""
        return "\n".join(self.lines) + "\n"

    def part(self, line: int) -> str:
        """Of the game, for a line that is counted from 1."""
        return self.parts[line - 1] if 0 < line <= len(self.parts) else "game"


def write_story(game: Game) -> Story:
    """The story of a game that keeps the rules."""
    lines: list[str] = []
    parts: list[str] = []
    for part, text in _Writer(game).parts():
        new = text.split("\n")
        lines += new
        parts += [part] * len(new)
    return Story(tuple(lines), tuple(parts))


class _Writer:
    def __init__(self, game: Game) -> None:
        self.game, self.words = game, Wording(game)
        self.groups = max((len(thing.states) for thing in game.things), default=0)

    def parts(self) -> Parts:
        """(part of the game, text), in the order of the story."""
        yield "game", '"Adventure" by "Sparring"\n'
        yield "game", "\n".join(self._cleared())
        yield "game", _frame("kinds") + "\n".join(self._variables())
        for at, room in enumerate(self.game.rooms):
            yield f"rooms[{at}] ({room.name})", "\n".join(self._room(room.name, room.text))
        for at, thing in enumerate(self.game.things):
            yield f"things[{at}] ({thing.name})", "\n".join(self._thing(thing))
        for at, thing in enumerate(self.game.things):
            yield f"things[{at}] ({thing.name})", "\n".join(self._place(thing))
        yield "things", "\n".join(self._followers())
        yield "game", _frame("rules")
        for at, room in enumerate(self.game.rooms):
            yield (
                f"rooms[{at}] ({room.name})",
                f"The ways of {self.words.of(room.name)} is {self.words.ways(room.name)}.",
            )
        yield from Events(self.game, self.words).parts()
        yield "start", f"\nThe player is in {self.words.rooms[self.game.start]}.\n" + "\n".join(self._opening())

    def _cleared(self) -> Lines:
        verbs = sorted(OWNED_VERBS | ALSO_CLEARED)
        return (f'Understand the command "{verb}" as something new.' for verb in verbs)

    def _variables(self) -> Lines:
        for group in range(1, self.groups + 1):
            yield f"A thing has a number called the state-{group}. The state-{group} of a thing is usually 1."
        for at, action in enumerate(self.game.actions):
            if action.reward:
                yield f"Action-{at}-paid is a number that varies."
        for at, _ in enumerate(self.game.milestones):
            yield f"Milestone-{at}-paid is a number that varies."
        for at, fail in enumerate(self.game.fails):
            if fail.turns:
                yield f"Fail-{at}-count is a number that varies."
        yield f"The task is always {literal(f'Task: {self.game.goal.text}')}."
        yield f"The highest is always {self.game.max_score}."
        yield f"The limit is always {self.game.limits.turns}."

    # The world.

    def _room(self, name: str, text: str) -> Lines:
        own = self.words.rooms[name]
        yield f'\n{own} is a room. The printed name of {own} is "{name}". {own} is privately-named.'
        yield f"The heading of {own} is {literal(name.capitalize())}."
        if text:
            yield f"The description of {own} is {literal(text)}. {own} is told."

    def _thing(self, thing: Thing) -> Lines:
        own = self.words.things[thing.name]
        yield f"\n{own} is a {'ware' if thing.portable else KINDS[thing.kind]}. {own} is privately-named."
        yield f'The printed name of {own} is "{thing.name}". Understand "{thing.name}" as {own}.'
        yield f"The description of {own} is {literal(thing.text or 'You see nothing special.')}."
        if thing.kind in ("container", "door"):
            how = "openable" if thing.openable else "unopenable"
            is_open = thing.open or not thing.openable
            yield f"{own} is {how}. {own} is {'open' if is_open else 'closed'}."
        if thing.openable:
            yield f"{own} is {'locked' if thing.locked else 'unlocked'}."

    def _followers(self) -> Lines:
        """The order in which things are listed: Inform's own depends on where they are at first."""
        wares = [self.words.things[thing.name] for thing in self.game.things if thing.portable]
        standing = [
            self.words.things[thing.name] for thing in self.game.things if not thing.portable and thing.kind != "door"
        ]
        for first, names in (("first-ware", wares), ("first-standing", standing)):
            yield from (f"The {first} is {name}." for name in names[:1])
            yield from (f"The follower of {one} is {after}." for one, after in pairwise(names))

    def _place(self, thing: Thing) -> Lines:
        own = self.words.things[thing.name]
        yield f"The label of {own} is {self.words.label(thing)}."
        if thing.key is not None:
            yield f"The unlocker of {own} is {self.words.things[thing.key]}."
        if thing.kind == "door":
            front, back = (self.words.rooms[room] for room in self.words.layout.rooms_of(thing))
            yield f"The front of {own} is {front}. The back of {own} is {back}."
        elif thing.place == INVENTORY:
            yield f"The player carries {own}."
        elif thing.place != NOWHERE:
            yield self._stands(own, thing.place)

    def _stands(self, own: str, place: str) -> str:
        holder = self.words.layout.things.get(place)
        if holder is not None and holder.kind == "person":
            return f"{self.words.of(place)} carries {own}."
        return f"{own} is {'on' if holder is not None and holder.kind == 'supporter' else 'in'} {self.words.of(place)}."

    def _opening(self) -> Lines:
        yield "\nWhen play begins:"
        yield "\tnow the acceptance is 1;"
        yield f"\tsay {literal(self.game.title)};"
        yield '\tsay "[line break][no line break]";'
        yield f"\tsay {literal(self.game.intro)};"
        yield "\tshow the turn."


@cache
def _frame(name: str) -> str:
    """The text that every story has."""
    return Path(__file__).with_name(f"{name}.i7").read_text("ascii")
