"""A game as the text of an Inform 7 story that plays as the simulator does.

`kinds.i7` and `rules.i7` are what every story has: the kinds of things, the commands of every game, what is read after
a turn, and the mark. A turn ends with one line, [sparring POINTS OUTCOME TURN ACCEPTED ROOM], from which score, end and
room are read. No text of a game holds a bracket, and the story repeats no word of a player. No command of the Standard
Rules is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from sparring.envs.adventures.inform.wording import Wording, literal
from sparring.envs.adventures.worlds.spec import DIRECTIONS, INVENTORY, NOWHERE, Action, Game, Thing
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
Lines = Iterator[str]


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

    def parts(self) -> Iterator[tuple[str, str]]:
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
                f"The ways of {self.words.rooms[room.name]} is {self.words.ways(room.name)}.",
            )
        for direction in DIRECTIONS:
            yield "exits", _heading(direction)
        yield "exits", "\nTo head (D - a direction):"
        for at, room in enumerate(self.game.rooms):
            yield f"exits of rooms[{at}] ({room.name})", "\n".join(self._exits(room.name))
        yield "exits", f"\tsay {literal('You cannot go that way.')};\n\tfinish the turn."
        yield from self._actions()
        yield "goal, milestones and fails", "\n".join(self._judgement())
        yield "fails", "\n".join(self._timers())
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

    def _exits(self, room: str) -> Lines:
        yield f"\tif the location is {self.words.rooms[room]}:"
        for direction, to, way in self.words.sides(room):
            door = f" and {self.words.things[way.door]} is open" if way.door else ""
            yield f"\t\tif D is {direction}:"
            yield f"\t\t\tif {self.words.condition(way.requires)}{door}:"
            yield f"\t\t\t\tmove the player to {self.words.rooms[to]}, without printing a room description;"
            yield f"\t\t\t\tsay {literal(f'You go {direction}.')};"
            yield "\t\t\t\tsettle;"
            yield "\t\t\totherwise:"
            yield f"\t\t\t\tsay {literal(way.refusal.strip() or 'You cannot go that way now.')};"
            yield "\t\t\tfinish the turn;"
            yield "\t\t\tstop;"
        yield "\t\tdo nothing;"

    # Commands of this game.

    def _actions(self) -> Iterator[tuple[str, str]]:
        patterns: dict[tuple[str, str], list[tuple[int, Action]]] = {}
        for at, action in enumerate(self.game.actions):
            patterns.setdefault((action.verb, action.preposition), []).append((at, action))
        for number, ((verb, preposition), actions) in enumerate(patterns.items()):
            name = f"deed-{number}-doing"
            second = f" {preposition} [something]" if preposition else ""
            applies = "two visible things" if second else "one visible thing"
            yield (
                f"actions ({verb})",
                (
                    f"\n{name} is an action applying to {applies}.\n"
                    f'Understand "{verb} [something]{second}" as {name}.\n\nCarry out {name}:'
                ),
            )
            for at, action in actions:
                yield f"actions[{at}] ({action.command})", "\n".join(self._action(at, action))
            yield f"actions ({verb})", ("\tif the acceptance is 0, refuse the noun;\n\tfinish the turn.")

    def _action(self, at: int, action: Action) -> Lines:
        names = [name for name in (action.thing, action.second) if name]
        roles = zip(("the noun", "the second noun"), names, strict=False)
        what = " and ".join(f"{role} is {self.words.things[name]}" for role, name in roles)
        reach = " and ".join(map(self.words.in_reach, names))
        yield f"\tif the acceptance is 0 and {what}:"
        yield f"\t\tif {reach} and {self.words.condition(action.requires)}:"
        if action.reward:
            yield f"\t\t\tif action-{at}-paid is 0, increase the points by {action.reward};"
            yield f"\t\t\tnow action-{at}-paid is 1;"
        yield from (f"\t\t\t{change};" for change in self.words.changes(action.effects))
        yield f"\t\t\tsay {literal(action.message)};"  # after a move, which breaks the paragraph
        yield "\t\t\tsettle;"

    # Score and end.

    def _judgement(self) -> Lines:
        goal = self.game.goal
        yield "\nTo judge the world:"
        yield f"\tif {self.words.condition(goal.when)}:"
        yield f"\t\tincrease the points by {goal.reward};"
        yield "\t\tnow the outcome is 1;"
        yield from _also(goal.message, "\t\t")
        for at, one in enumerate(self.game.milestones):
            yield f"\tif milestone-{at}-paid is 0 and {self.words.condition(one.when)}:"
            yield f"\t\tincrease the points by {one.reward};"
            yield f"\t\tnow milestone-{at}-paid is 1;"
            yield from _also(one.message, "\t\t")
        for fail in self.game.fails:
            if not fail.turns:
                yield f"\tif the outcome is 0 and {self.words.condition(fail.when)}:"
                yield "\t\tnow the outcome is 2;"
                yield from _also(fail.message, "\t\t")

    def _timers(self) -> Lines:
        yield "\nTo count the time:"
        yield "\tdo nothing;"
        for at, fail in enumerate(self.game.fails):
            if fail.turns:
                yield f"\tif {self.words.condition(fail.when)}, increase fail-{at}-count by 1;"
                yield f"\totherwise now fail-{at}-count is 0;"
                yield f"\tif the outcome is 0 and fail-{at}-count > {fail.turns}:"
                yield "\t\tnow the outcome is 2;"
                yield from _also(fail.message, "\t\t")

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


def _heading(direction: str) -> str:
    """The command that goes in a direction."""
    name = f"heading-{direction}"
    return (
        f'\n{name} is an action applying to nothing. Understand "go {direction}" as {name}. '
        f"Carry out {name}: head {direction}."
    )


def _also(message: str, indent: str) -> Lines:
    if message:
        yield f"{indent}say {literal(f' {message}')};"
