"""Plays a compiled game: observations that read like a game, the admissible commands of every state, score and end.

What a player reads and may do in a room depends on few bits of the state. It is worked out once for each of their
values and kept (a `View`), so that most turns are a few operations on whole numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sparring.envs.adventures.gate import Refused, gate
from sparring.envs.adventures.worlds.machine import Ending, Machine, Operator, Watch
from sparring.envs.adventures.worlds.narrator import Narrator
from sparring.envs.adventures.worlds.spec import DIRECTIONS

MOST_VIEWS = 4_000
"""Of a game that are kept; then it starts over."""
ARTICLES = re.compile(r"\b(the|a|an|some) ")
SHORT = {"n": "north", "s": "south", "e": "east", "w": "west", "ne": "northeast", "nw": "northwest"} | {
    "se": "southeast",
    "sw": "southwest",
    "u": "up",
    "d": "down",
}
SYNONYMS = {"x": "examine", "describe": "examine", "get": "take", "walk": "go", "run": "go", "insert": "put"}
ENDS: dict[Ending, str] = {"won": "You have won.", "lost": "You have lost."}


@dataclass(slots=True)
class View:
    """What is read, and what is possible, as long as certain bits stay as they are."""

    text: str
    commands: tuple[str, ...]
    moves: dict[str, Operator]
    room: str
    inventory: tuple[str, ...]


@dataclass(slots=True)
class _RoomViews:
    room: str
    mask: int
    views: dict[int, View]


class Stage:
    """What all plays of one game share: its machine, its words, and the views that were met."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.narrator = Narrator(machine)
        self._looks: dict[str, Operator] = {}
        self._rooms: dict[int, _RoomViews] = {}
        self._count = 0

    def view(self, state: int) -> View:
        """The view of a state."""
        rooms = self._rooms.get(state & self.machine.layout.player_mask) or self._room(state)
        return rooms.views.get(state & rooms.mask) or self._new_view(rooms, state)

    def room(self, state: int) -> str:
        """The player's room."""
        bit = state & self.machine.layout.player_mask
        return self.machine.layout.keys[bit.bit_length() - 1][1]

    def _room(self, state: int) -> _RoomViews:
        room = self.room(state)
        found = self._rooms[state & self.machine.layout.player_mask] = _RoomViews(room, self.narrator.mask(room), {})
        return found

    def _new_view(self, rooms: _RoomViews, state: int) -> View:
        self._count += 1
        if self._count > MOST_VIEWS:
            for known in list(self._rooms.values()):  # other threads may play too
                known.views.clear()
            self._count = 0
        moves: dict[str, Operator] = {}
        for operator in self.machine.by_room[state & self.machine.layout.player_mask]:
            if state & operator.mask == operator.want:
                moves.setdefault(operator.command, operator)
        for command, message in self._looking(state, rooms.room):
            moves[command] = self._looks.get(command) or self._look(command, message)
        told, held = self.narrator.describe(state, rooms.room), self.narrator.inventory(state)
        view = View(told, tuple(moves), moves, rooms.room, tuple(held))
        rooms.views[state & rooms.mask] = view
        return view

    def _looking(self, state: int, room: str) -> list[tuple[str, str]]:
        things = self.narrator.visible(state, room)
        examined = [(f"examine {one.name}", one.text or "You see nothing special.") for one in things]
        return [*examined, ("inventory", "You look at what you carry."), ("look", "You look around.")]

    def _look(self, command: str, message: str) -> Operator:
        look = self._looks[command] = Operator(command, command.partition(" ")[0], 0, 0, -1, 0, message)
        return look


class Simulator:
    """One play of a game.

    most_turns: the budget that is shown, the game's own where it is left out; whoever plays ends the episode.
    """

    def __init__(self, stage: Stage, most_turns: int | None = None) -> None:
        self.stage, self.machine = stage, stage.machine
        game = self.machine.game
        self.max_score, self.most_turns = game.max_score, most_turns or game.limits.turns
        self._task, self._timers = f"Task: {game.goal.text}", self.machine.timers
        self.reset()

    def reset(self) -> str:
        """Start over; the first observation."""
        game = self.machine.game
        self.state, self.score, self.turn, self.gained = self.machine.start, 0, 0, 0
        self.ending: Ending | None = None
        self.skill, self.illegal = "", False
        self.view = self.stage.view(self.state)
        self.text = self._observation(f"{game.title}\n{game.intro}")
        return self.text

    @property
    def commands(self) -> tuple[str, ...]:
        """The admissible ones; none after the end."""
        return self.view.commands if self.ending is None else ()

    def step(self, command: str) -> str:
        """One turn. What is not admissible costs the turn, changes nothing, and the observation says why."""
        if self.ending is not None:
            return self.text
        self.turn += 1
        operator = self.view.moves.get(command) or self._understood(command)
        if operator is None:
            return self._refuse(self.stage.narrator.refusal(plain_command(command), self.state, self.view.room))
        self.illegal, self.skill, self.gained = False, operator.skill, 0
        state, said = self.state & operator.keep | operator.add, operator.message
        if operator.reward and not state & operator.paid:
            state |= operator.paid
            self.gained = operator.reward
        if operator.watches:
            state, said = self._look_at(operator.watches, state, said)
        if self._timers and self.ending is None:
            state, said = self._count(state, said)
        self.state = state
        self.score += self.gained
        self.view = self.stage.view(state)
        self.text = self._observation(said)
        return self.text

    def submit(self, text: object) -> str:
        """One turn with whatever a player wrote: behind the gate, unless it is an admissible command as it stands."""
        if isinstance(text, str) and text in self.view.moves:
            return self.step(text)
        try:
            return self.step(gate(text))  # type: ignore[arg-type]
        except Refused as reason:
            if self.ending is None:
                self.turn += 1
                self._refuse(f"That is no command: {reason}.")
            return self.text

    def close(self) -> None:
        """Nothing is held."""

    def _refuse(self, reason: str) -> str:
        """Nothing happens but that time passes."""
        self.illegal, self.skill, self.gained = True, "", 0
        if self._timers:
            self.state, reason = self._count(self.state, reason)
        self.text = self._observation(reason)
        return self.text

    def _understood(self, command: str) -> Operator | None:
        """What other words for an admissible command mean: `get the egg`, and no word of where it is."""
        plain, moves = plain_command(command), self.view.moves
        from_places = [one for one in moves if plain.startswith("take ") and one.startswith(f"{plain} from ")]
        return moves.get(plain) or (moves[from_places[0]] if len(from_places) == 1 else None)

    def _observation(self, said: str) -> str:
        end = f"{ENDS[self.ending]}\n" if self.ending else ""
        return (
            f"{said}\n\n{self.view.text}\n\n{end}{self._task}\n"
            f"Score {self.score} of {self.max_score}, turn {self.turn} of {self.most_turns}."
        )

    def _look_at(self, watches: tuple[Watch, ...], state: int, said: str) -> tuple[int, str]:
        for watch in watches:
            if state & watch.mask != watch.want or (watch.paid and state & watch.paid):
                continue
            if watch.kind == "milestone":
                state |= watch.paid
            elif self.ending is not None:
                continue
            else:
                self.ending = "won" if watch.kind == "goal" else "lost"
            self.gained += watch.reward
            said = f"{said} {watch.message}" if watch.message else said
        return state, said

    def _count(self, state: int, said: str) -> tuple[int, str]:
        for timer in self._timers:
            state = timer.after(state)
            if self.ending is None and timer.is_over(state):
                self.ending, said = "lost", f"{said} {timer.message}"
        return state, said


def plain_command(command: str) -> str:
    """A command in the words of the listed ones: `get the egg` is `take egg`, `n` is `go north`."""
    words = ARTICLES.sub("", command).split()
    if not words:
        return ""
    if len(words) == 1:
        word = SHORT.get(words[0], words[0])
        return f"go {word}" if word in DIRECTIONS else {"i": "inventory", "l": "look"}.get(word, word)
    if words[:2] == ["pick", "up"]:
        words[:2] = ["take"]
    if words[:2] == ["look", "at"]:
        words[:2] = ["examine"]
    words[0] = SYNONYMS.get(words[0], words[0])
    if words[0] == "go":
        words[1] = SHORT.get(words[1], words[1])
    return " ".join(words)
