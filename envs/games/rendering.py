"""How an OpenSpiel game reads: its rules, what a seat sees, what the actions are called."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from sparring.envs.games.loading import is_simultaneous
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import fold

MOST_KEPT_ACTIONS = 2**19
"""Of all menus that are kept of a game, as if each had all its actions."""
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def seat_of(player: int) -> str:
    """What we call OpenSpiel's player."""
    return f"player_{player}"


class Menu:
    """The legal actions of a position, in the order in which they are listed."""

    __slots__ = ("_mask", "_num_actions", "folded", "line", "moves", "names", "strings")

    def __init__(self, actions: list[int], strings: list[str], num_actions: int, also: Sequence[str] = ()) -> None:
        """`also`: other strings that are understood, parallel to `actions`."""
        self.moves = dict(zip(strings, actions, strict=True))
        if len(self.moves) < len(strings):
            strings = [f"{text} ({action})" for action, text in zip(actions, strings, strict=True)]
            self.moves = dict(zip(strings, actions, strict=True))
        self.strings: tuple[str, ...] = tuple(strings)
        self.names = dict(zip(actions, strings, strict=True))
        listed = "] [".join(strings)
        self.line = f"Legal actions: [{listed}]"
        others = {text: action for text, action in zip(also, actions, strict=False) if text not in self.moves}
        self.folded = self.moves if listed == listed.lower() and not others else fold(others | self.moves)
        self._num_actions = num_actions
        self._mask: NDArray[np.int8] | None = None

    @property
    def mask(self) -> NDArray[np.int8]:
        """Which actions are legal: int8 [num_actions], not to be written to."""
        if self._mask is None:
            self._mask = np.zeros(self._num_actions, np.int8)
            self._mask[list(self.names)] = 1
            self._mask.flags.writeable = False
        return self._mask


class Rendering:
    """How a game reads; a subclass says it in the game's own words."""

    kept_positions = 0
    """How many positions stay in memory for the next episode: all of a small game's, none of a large one's."""
    transposes = False
    """True if equal `str(state)` means equal futures, so that one position serves all the paths to it. An end serves
    one last action: Hex's tensor shows with which stone the game was won."""
    tensor_range = (-np.inf, np.inf)

    def __init__(self, game: SpielGame) -> None:
        import pyspiel

        kind = game.get_type()
        self.game = game
        self.imperfect = kind.information != pyspiel.GameType.Information.PERFECT_INFORMATION
        self.has_information_state = kind.provides_information_state_string
        self.simultaneous = is_simultaneous(game)
        self.players = game.num_players()
        self.rules = ""
        self._menus: dict[Hashable, Menu] = {}
        self._most_menus = min(16_384, MOST_KEPT_ACTIONS // max(1, game.num_distinct_actions()))

    @property
    def keys_are_information_states(self) -> bool:
        """Whether the state keys of a game of imperfect information are OpenSpiel's information states."""
        return self.has_information_state

    def actions(self, player: int, state: SpielState, legal: list[int]) -> list[str]:
        """What the legal actions are called, without brackets; parallel to `legal`."""
        return [state.action_to_string(player, action) for action in legal]

    def menu(self, player: int, state: SpielState, legal: list[int]) -> Menu:
        """The menu of `legal`; equal ones are the same object."""
        strings = self.actions(player, state, legal)
        return self._cached_menu((tuple(legal), tuple(strings)), legal, strings)

    def new_menu(self, legal: list[int], strings: list[str]) -> Menu:
        """A menu of these actions, whose strings are `actions` of them."""
        return Menu(legal, strings, self.game.num_distinct_actions())

    def state_key(self, player: int, state: SpielState) -> str:
        """What the player knows, as one string; the seat is part of it where the game's own string may lack it."""
        if self.imperfect:
            return str(
                state.information_state_string(player)
                if self.has_information_state
                else state.observation_string(player)
            )
        return f"{state}\n{seat_of(player)} to move"

    def view(self, player: int, state: SpielState, key: str) -> str:
        """What the player sees, between the rules and the legal actions."""
        raise NotImplementedError

    def waiting_line(self, state: SpielState) -> str:
        """What a player is told who is not to move, while the game goes on."""
        mover = state.current_player()
        if self.simultaneous and mover >= 0:
            return f"All players choose at the same time; {seat_of(mover)} has not chosen yet."
        return "The other player is to move." if self.players == 2 else f"{seat_of(mover)} is to move."

    def _cached_menu(self, key: Hashable, legal: list[int], strings: list[str]) -> Menu:
        menu = self._menus.get(key)
        if menu is None:
            if len(self._menus) >= self._most_menus:
                self._menus.clear()
            menu = self._menus[key] = self.new_menu(legal, strings)
        return menu


class FixedNames(Rendering):
    """A rendering of a game whose actions have one name each, whoever plays them and wherever."""

    names: tuple[str, ...]

    def actions(self, player: int, state: SpielState, legal: list[int]) -> list[str]:
        """The fixed names."""
        return [self.names[action] for action in legal]

    def menu(self, player: int, state: SpielState, legal: list[int]) -> Menu:
        """The menu of `legal`, found without naming the actions again."""
        menu = self._menus.get(tuple(legal))
        return menu or self._cached_menu(tuple(legal), legal, self.actions(player, state, legal))
