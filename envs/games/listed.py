"""How OpenSpiel's games read: rules, goal and marks of those that `open_spiel.toml` lists, OpenSpiel's text of all.

The table has one entry a game. In its texts a game's parameters stand in braces: {komi}.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from sparring.envs.games.loading import parameters_of
from sparring.envs.games.rendering import COLOURS, Menu, Rendering, seat_of
from sparring.envs.games.spiel import SpielGame, SpielState

MOST_VIEWS = 4_096
"""Texts kept for the next time that somebody sees the same."""
MOST_MOVES = 600
"""Past actions that are shown; older ones are left out, so that the text stays within its space."""
BESIDE = "beside: "
ADDED = ("count", "last", "moves")
OBSERVED = ("observation", "rounds")
MOST_PAYOFFS = 64
"""Joint choices of a game of one round whose payoffs are listed."""
MARKS = str.maketrans(dict.fromkeys("[]{}"))
CHOSEN = re.compile(r"^Observer's action this turn: (\d+)\n?", re.MULTILINE)
NOISE = re.compile(
    r"^(?:Current (?:player|Player|turn):? .*|Cur player: .*|Turn(?: player)?: .|Player: -?\d+|.*Non-terminal|"
    r"InformationStatePlayer: .*|(?:Black|White) \(.\) to play:|Partial joint action:.*)\n?|"
    r"\[Player: -?\d+\]",
    re.MULTILINE,
)
"""Who is to move, in the words of some games: they do not know who asks, and say it at the end too."""
TO_PLAY = re.compile(r"^(?:Cursor)?GoState\(komi=([-\d.]+), to_play=.(.*)\)$", re.MULTILINE)
OWN_NAME = re.compile(r"^\[P\d+\]|^Player: \d+ Action: |^player=\d+ move=|^Player \d+ (?=bid: )|^Pl?\d+: |^p\d+:")


@dataclass(frozen=True, slots=True)
class Listed:
    """What we say of a game in our own words."""

    rules: str
    """What is done, and who wins."""
    seats: tuple[str, ...] = ()
    """By player: which marks are whose, and where they go. The last one holds for all further players."""
    small: str = ""
    """A game string for the check that equal texts mean equal states; "" where no size is small enough."""
    shows: str = ""
    """What the text shows beside OpenSpiel's own, where that does not tell all positions apart: the "last" action, all
    "moves", their "count". In place of OpenSpiel's information state: its "observation", or that and the "rounds" that
    are over."""


@cache
def listed_games() -> Mapping[str, Listed]:
    """The table, by OpenSpiel's short names."""
    text = (files("sparring.envs.games") / "open_spiel.toml").read_text(encoding="utf-8")
    return {name: Listed(**{**row, "seats": tuple(row.get("seats", ()))}) for name, row in tomllib.loads(text).items()}


class ListedRendering(Rendering):
    """OpenSpiel's text without its colours and its word on who is to move, under our rules."""

    kept_positions = 2_000

    def __init__(self, game: SpielGame) -> None:
        super().__init__(game)
        self._views: dict[tuple[int, str], str] = {}
        parameters = parameters_of(game)
        row = listed_games().get(str(parameters["name"]))
        self._shows = row.shows if row else ""
        self._roles = [_role(row, player, parameters, self.players) for player in range(self.players)]
        self.rules = " ".join(filter(None, (_rules(row, parameters, game), self._at_once(), _payoffs(game, self))))

    @property
    def keys_are_information_states(self) -> bool:
        """Not where something is added to OpenSpiel's."""
        return super().keys_are_information_states and self._shows not in ADDED

    def state_key(self, player: int, state: SpielState) -> str:
        """OpenSpiel's own string, and the numbers of what tells positions apart beside it."""
        key = super().state_key(player, state)
        if self._shows not in ADDED:
            return key
        if self._shows == "count":
            return f"{key}\n{BESIDE}{sum(move.player >= 0 for move in state.full_history())}"
        past = state.history()
        return f"{key}\n{BESIDE}{past[-1:] if self._shows == 'last' else past}"

    def new_menu(self, legal: list[int], strings: list[str]) -> Menu:
        """A menu of strings that every prompt can quote; OpenSpiel's own are understood too."""
        return Menu(legal, [sayable(text) for text in strings], self.game.num_distinct_actions(), strings)

    def view(self, player: int, state: SpielState, key: str) -> str:
        """Who the player is, and OpenSpiel's text of what it knows."""
        view = self._views.get((player, key))
        if view is None:
            if len(self._views) >= MOST_VIEWS:
                self._views.clear()
            view = self._views[player, key] = self._read(player, state, key)
        return view

    def _read(self, player: int, state: SpielState, key: str) -> str:
        seen = state.observation_string(player) if self._shows in OBSERVED else key.partition(f"\n{BESIDE}")[0]
        text = COLOURS.sub("", seen.removesuffix(f"\n{seat_of(player)} to move"))
        chosen = _chosen(text, player, state)
        text = TO_PLAY.sub(r"Komi: \1\2", NOISE.sub("", CHOSEN.sub("", text))).replace(
            "history.size()=", "moves so far: "
        )
        board = "\n".join(line.rstrip() for line in text.strip("\n").split("\n"))
        return "\n".join(filter(None, (self._roles[player], board, self._beside(state), chosen)))

    def _at_once(self) -> str:
        if not self.simultaneous:
            return ""
        return "All players choose at the same time: nobody sees another's choice of this round before all have chosen."

    def _beside(self, state: SpielState) -> str:
        """The line on what was done so far."""
        if self._shows not in (*ADDED, "rounds"):
            return ""
        moves = _moves_so_far(self.game, state)
        if self._shows == "count":
            return f"Actions so far: {len(moves)}"
        if self._shows == "last":
            return f"Last action: {moves[-1]}" if moves else ""
        if self._shows == "rounds":
            of_whole_rounds = moves[: len(moves) // self.players * self.players]
            moves = [f"{seat_of(at % self.players)} {name}" for at, name in enumerate(of_whole_rounds)]
        return f"Actions so far: {'; '.join(moves[-MOST_MOVES:]) or 'none'}"


def sayable(text: str) -> str:
    """An action's string without what prompts read as their own marks, and without the player's own name in front."""
    bare = OWN_NAME.sub("", text.strip()).translate(MARKS)
    return " ".join(bare.split()).rstrip(";") or text.strip()


def _rules(row: Listed | None, parameters: Mapping[str, object], game: SpielGame) -> str:
    if row is not None:
        return row.rules.format_map(parameters)
    players = game.num_players()
    count = "one player" if players == 1 else f"{players} players"
    return f"{game.get_type().long_name}, a game of {count}. Its rules are not written here; its text is OpenSpiel's."


def _role(row: Listed | None, player: int, parameters: Mapping[str, object], players: int) -> str:
    marks = row.seats[min(player, len(row.seats) - 1)].format_map(parameters) if row and row.seats else ""
    name = "" if players == 1 else f"You are {seat_of(player)}"
    return ": ".join(filter(None, (name, marks))) + "." * bool(name or marks)


def _payoffs(game: SpielGame, rendering: ListedRendering) -> str:
    """What every joint choice pays, of a game of one round without chance; "" of other games and where it is long."""
    if not rendering.simultaneous or game.max_game_length() != game.num_players():
        return ""
    lines: list[str] = []
    for choices, returns in _joint_choices(game.new_initial_state(), ()):
        if len(lines) == MOST_PAYOFFS:
            return ""
        lines.append(f"{', '.join(choices)}: {', '.join(f'{paid:g}' for paid in returns)}")
    seats = ", ".join(map(seat_of, range(game.num_players())))
    return f"What the choices of {seats} pay them, in this order:\n" + "\n".join(lines)


def _joint_choices(state: SpielState, before: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Sequence[float]]]:
    if state.is_terminal():
        yield before, state.returns()
        return
    for action in state.legal_actions():
        name = sayable(state.action_to_string(state.current_player(), action))
        yield from _joint_choices(state.child(action), (*before, name))


def _chosen(text: str, player: int, state: SpielState) -> str:
    """What a player has chosen in the round that goes on, in words; OpenSpiel gives the number."""
    found = CHOSEN.search(text)
    return f"You have chosen: {sayable(state.action_to_string(player, int(found[1])))}" if found else ""


def _moves_so_far(game: SpielGame, state: SpielState) -> list[str]:
    """The players' actions so far, oldest first; some games name an action by the position in which it is played."""
    replayed, names = game.new_initial_state(), []
    for move in state.full_history():
        if move.player >= 0:
            names.append(sayable(replayed.action_to_string(move.player, move.action)))
        replayed.apply_action(move.action)
    return names
