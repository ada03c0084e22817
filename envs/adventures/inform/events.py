"""What can happen in a game, as Inform 7 rules and phrases: going, its own commands, score, end, time.

Every exit, action and milestone is a phrase of its own: Inform 6 refuses a routine that is too long for its jumps.
"""

from __future__ import annotations

from collections.abc import Iterator

from sparring.envs.adventures.inform.wording import Wording, literal
from sparring.envs.adventures.worlds.spec import DIRECTIONS, Action, Exit, Fail, Game, Milestone

Lines = Iterator[str]
Parts = Iterator[tuple[str, str]]
"""(part of the game, text)."""


class Events:
    """Of one game."""

    def __init__(self, game: Game, words: Wording) -> None:
        self.game, self.words = game, words

    def parts(self) -> Parts:
        """All of them, in the order of the story."""
        yield from self._exits()
        yield from self._actions()
        yield from self._milestones()
        yield "goal and fails", "\n".join(self._judgement())
        yield "fails", "\n".join(self._timers())

    # Going.

    def _exits(self) -> Parts:
        yield from (("exits", _heading(one)) for one in DIRECTIONS)
        for at, room in enumerate(self.game.rooms):
            for direction, to, way in self.words.sides(room.name):
                part = f"exits of rooms[{at}] ({room.name})"
                yield part, "\n".join(self._leaving(f"leave-r{at}-{direction}", direction, to, way))
        yield "exits", "\n".join(self._head())

    def _leaving(self, phrase: str, direction: str, to: str, way: Exit) -> Lines:
        door = f" and {self.words.things[way.door]} is open" if way.door else ""
        yield f"\nTo {phrase}:"
        yield f"\tif {self.words.condition(way.requires)}{door}:"
        yield f"\t\tmove the player to {self.words.rooms[to]}, without printing a room description;"
        yield f"\t\tsay {literal(f'You go {direction}.')};"
        yield "\t\tsettle;"
        yield "\totherwise:"
        yield f"\t\tsay {literal(way.refusal.strip() or 'You cannot go that way now.')}."

    def _head(self) -> Lines:
        yield "\nTo head (D - a direction):"
        yield "\tlet L be the location;"
        yield "\tnow the gap is 0;"
        for at, room in enumerate(self.game.rooms):
            sides = [direction for direction, _, _ in self.words.sides(room.name)]
            if sides:
                yield f"\tif L is {self.words.rooms[room.name]}:"
            for direction in sides:
                yield f"\t\tif D is {direction}:"
                yield f"\t\t\tleave-r{at}-{direction};"
                yield "\t\t\tnow the gap is 1;"
        yield f"\tif the gap is 0, say {literal('You cannot go that way.')};"
        yield "\tfinish the turn."

    # Commands of this game.

    def _actions(self) -> Parts:
        patterns: dict[tuple[str, str], list[tuple[int, Action]]] = {}
        for at, action in enumerate(self.game.actions):
            patterns.setdefault((action.verb, action.preposition), []).append((at, action))
            yield f"actions[{at}] ({action.command})", "\n".join(self._deed(at, action))
        for number, ((verb, preposition), actions) in enumerate(patterns.items()):
            rule = self._rule(f"deed-{number}-doing", verb, preposition, actions)
            yield f"actions ({verb} {preposition})".replace(" )", ")"), "\n".join(rule)

    def _deed(self, at: int, action: Action) -> Lines:
        """What an action does where it can: a phrase."""
        reach = " and ".join(self.words.in_reach(name) for name in (action.thing, action.second) if name)
        yield f"\nTo do-deed-{at}:"
        yield f"\tif {reach} and {self.words.condition(action.requires)}:"
        if action.reward:
            yield f"\t\tif action-{at}-paid is 0, increase the points by {action.reward};"
            yield f"\t\tnow action-{at}-paid is 1;"
        yield from (f"\t\t{change};" for change in self.words.changes(action.effects))
        yield f"\t\tsay {literal(action.message)};"  # after a move, which breaks the paragraph
        yield "\t\tsettle."

    def _rule(self, name: str, verb: str, preposition: str, actions: list[tuple[int, Action]]) -> Lines:
        """A command with all its things; of several actions the first that is possible acts."""
        second = f" {preposition} [something]" if preposition else ""
        yield f"\n{name} is an action applying to {'two visible things' if second else 'one visible thing'}."
        yield f'Understand "{verb} [something]{second}" as {name}.'
        yield f"\nCarry out {name}:"
        for at, action in actions:
            what = f"the noun is {self.words.things[action.thing]}"
            what += f" and the second noun is {self.words.things[action.second]}" if action.second else ""
            yield f"\tif the acceptance is 0 and {what}, do-deed-{at};"
        yield "\tif the acceptance is 0, refuse the noun;"
        yield "\tfinish the turn."

    # Score and end.

    def _milestones(self) -> Parts:
        for at, one in enumerate(self.game.milestones):
            yield f"milestones[{at}]", "\n".join(self._milestone(at, one))

    def _milestone(self, at: int, one: Milestone) -> Lines:
        yield f"\nTo pay-milestone-{at}:"
        yield f"\tif milestone-{at}-paid is 0 and {self.words.condition(one.when)}:"
        yield f"\t\tincrease the points by {one.reward};"
        yield from _also(one.message)
        yield f"\t\tnow milestone-{at}-paid is 1."

    def _judgement(self) -> Lines:
        goal = self.game.goal
        yield "\nTo judge the world:"
        yield f"\tif {self.words.condition(goal.when)}:"
        yield f"\t\tincrease the points by {goal.reward};"
        yield from _also(goal.message)
        yield "\t\tnow the outcome is 1;"
        yield from (f"\tpay-milestone-{at};" for at in range(len(self.game.milestones)))
        for fail in self.game.fails:
            if not fail.turns:
                yield f"\tif the outcome is 0 and {self.words.condition(fail.when)}:"
                yield from _lose(fail)

    def _timers(self) -> Lines:
        yield "\nTo count the time:"
        yield "\tdo nothing;"
        for at, fail in enumerate(self.game.fails):
            if fail.turns:
                yield f"\tif {self.words.condition(fail.when)}, increase fail-{at}-count by 1;"
                yield f"\totherwise now fail-{at}-count is 0;"
                yield f"\tif the outcome is 0 and fail-{at}-count > {fail.turns}:"
                yield from _lose(fail)


def _heading(direction: str) -> str:
    """The command that goes in a direction."""
    name = f"heading-{direction}"
    return (
        f'\n{name} is an action applying to nothing. Understand "go {direction}" as {name}. '
        f"Carry out {name}: head {direction}."
    )


def _lose(fail: Fail) -> Lines:
    yield from _also(fail.message)
    yield "\t\tnow the outcome is 2;"


def _also(message: str) -> Lines:
    """A message behind another one."""
    if message:
        yield f"\t\tsay {literal(f' {message}')};"
