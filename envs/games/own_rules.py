"""The base of games whose rules are ours and not OpenSpiel's: how rules, view and last line become one text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Unpack, cast

from sparring.envs.games.two_player import SEATS, TextGame, TextGameOptions
from sparring.envs.rng import Rng

Moves = tuple[Literal["legal_actions", "suggested_actions"], tuple[str, ...], str]
"""What a seat may do: what its actions are in the info, the actions, the last line of its text."""


class OwnRulesGame(TextGame):
    """A game whose rules are written out here. A seat sees the rules, its view of the game, and what it may do."""

    def __init__(
        self, rules: str, instructions: bool, seats: tuple[str, ...] = SEATS, **options: Unpack[TextGameOptions]
    ) -> None:
        """`instructions`: whether the text begins with the rules."""
        super().__init__(**options, seats=seats)
        self._rules = rules
        self._head = f"{rules}\n" if instructions else ""
        self._rng = Rng()
        self._player_of = {seat: player for player, seat in enumerate(seats)}

    # What a game provides, beside `_play` and `_payoff` of `TextGame`.

    def _deal(self) -> None:
        """Set up a new game out of `_rng`."""
        raise NotImplementedError

    def _restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gives. Raises ValueError, and whatever follows from a wrong form."""
        raise NotImplementedError

    def _view(self, seat: str) -> str:
        """What a seat knows now. For the seat to move it is made once, and is its `state_key`."""
        raise NotImplementedError

    def _moves(self) -> Moves:
        """Of the seat to move."""
        raise NotImplementedError

    def _waiting_line(self) -> str:
        """What a seat is told that is not to move, while the game goes on."""
        return "The other player is to move." if len(self.possible_agents) == 2 else f"{self.to_move} is to move."

    def instructions(self, seat: str) -> str:
        """The rules, which are the same for all seats."""
        self.require_seat(seat)
        return self._rules

    def observe(self, agent: str) -> str:
        """The rules, the seat's view, and what it may do or who is to move. Raises RuntimeError before `reset`."""
        if self._over is False and agent == self.to_move:
            return self._shown
        self.require_begun()
        self.require_seat(agent)
        last = "The game is over." if self._over else self._waiting_line()
        return f"{self._head}{self._view(agent)}\n{last}"

    def _start(self, seed: int | None) -> None:
        if seed is not None:
            self._rng.seed(seed)
        self._deal()

    def _start_at(self, state: object) -> None:
        try:
            self._restore(cast(Mapping[str, Any], state))
        except (TypeError, KeyError, ValueError, IndexError, AttributeError) as error:
            rule = f"state must be what state() of {self.env_id} gives"
            raise ValueError(f"{rule}, got {state!r:.80} ({type(error).__name__}: {error})") from error

    def _info(self) -> dict[str, object]:
        view = self._view(self.to_move or "")
        kind, actions, line = self._moves()
        self._shown = f"{self._head}{view}\n{line}"
        return {kind: actions, "state_key": view}
