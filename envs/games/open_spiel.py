"""Two-player zero-sum OpenSpiel games as text environments.

OpenSpiel has the rules; a `Rendering` has the words. Chance is drawn from the environment's own generator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from sparring import registry
from sparring.envs.games.positions import ActionOrder, Position, Rendering, draw, positions_of
from sparring.envs.games.situations import GameSituation
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import CHARSET, SEATS, TextGame, TextGameOptions, match
from sparring.envs.rng import Rng
from sparring.types import Observation

WIDE_CHARSET = CHARSET | frozenset(map(chr, [*range(0xA1, 0x250), *range(0x2190, 0x2200), *range(0x2500, 0x2700)]))


class SpielOptions(TextGameOptions, total=False):
    """What a game on OpenSpiel takes beside its own arguments."""

    action_order: ActionOrder


class OpenSpielGame(TextGame):
    """A two-player zero-sum OpenSpiel game.

    game: an OpenSpiel game string, e.g. "tic_tac_toe".
    rendering: how the game reads.
    action_order: "given" or "reversed", in the text and in `legal_actions`.
    Further options: see `TextGame`.
    """

    def __init__(
        self,
        game: str,
        rendering: Callable[[SpielGame], Rendering] = Rendering,
        *,
        action_order: ActionOrder = "given",
        **options: Unpack[TextGameOptions],
    ) -> None:
        if action_order not in ("given", "reversed"):
            raise ValueError(f"action_order must be 'given' or 'reversed', got {action_order!r}")
        self._tree = positions_of(game, rendering, action_order)
        self.spiel_game = self._tree.game
        self.rendering = self._tree.rendering
        if options.get("illegal") == "noop" and options.get("max_turns") is None:
            options["max_turns"] = 4 * self.spiel_game.max_game_length()
        super().__init__(**options)
        self.stake = float(-self.spiel_game.min_utility())
        self.num_actions = self.spiel_game.num_distinct_actions()
        self.tensor_range = self.rendering.tensor_range
        self._rng = Rng()
        self._position = self._tree.root
        self._history: list[int] = []

    @property
    def spiel_state(self) -> SpielState:
        """The OpenSpiel state in play, with the history of this very game; yours to change."""
        state = self.spiel_game.new_initial_state()
        for action in self._history:
            state.apply_action(action)
        return state

    def search_state(self) -> SpielState:
        """A copy of the position, to try actions on. Where paths meet, its history may be that of another path."""
        return self._position.state.clone()

    def action_strings(self, seat: str, state: SpielState) -> dict[int, str]:
        """OpenSpiel's action -> our string, for every legal action of `seat` in an OpenSpiel state."""
        legal = state.legal_actions(SEATS.index(seat))
        return dict(self.rendering.menu(SEATS.index(seat), state, legal).names)

    def state_key(self, seat: str, state: SpielState) -> str:
        """What `infos[seat]["state_key"]` is in an OpenSpiel state where `seat` is to move."""
        return self.rendering.state_key(SEATS.index(seat), state)

    def observe(self, agent: str) -> str:
        """The text that `agent` sees. It is the same whatever happened in other episodes."""
        position = self._position
        if position.mover == agent and not self._over:
            return self._tree.text(position)
        return self._tree.waiting_text(position, SEATS.index(agent), bool(self._over))

    def tensor(self, seat: str) -> NDArray[np.float32]:
        """The information state tensor, or the observation tensor where the game has no other; flat float32."""
        player, state = SEATS.index(seat), self._position.state
        if self.spiel_game.get_type().provides_information_state_tensor:
            return np.array(state.information_state_tensor(player), np.float32)
        return np.array(state.observation_tensor(player), np.float32)

    def action_text(self, action: int) -> str:
        """Our string for a discrete action of the seat to move; "" if it is not legal."""
        return "" if self._over else str(self._position.menu.names.get(action, ""))

    def information_states(self, limit: int = 1_000_000) -> Iterator[tuple[str, Observation]]:
        """(seat, what it sees) of every decision information state once, in depth-first order, as play shows it.

        Raises ValueError when more than `limit` positions were visited: the game is too large to list.
        """
        seen: set[tuple[int, str]] = set()
        stack = [(self._tree.root, (0, 0))]
        for _ in range(limit):
            if not stack:
                return
            position, turns = stack.pop()
            if position.mover and (position.player, position.key) not in seen:
                seen.add((position.player, position.key))
                yield SEATS[position.player], self._observation(position, turns)
            elif self.rendering.transposes:
                continue
            stack.extend(self._children(position, turns))
        raise ValueError(f"{self.env_id} has more than {limit} positions (limit={limit})")

    def _start(self, seed: int | None) -> None:
        if seed is not None:
            self._rng.seed(seed)
        self._position = self._tree.root
        self._history = []
        self._draw_chance()
        self.to_move = self._position.mover

    def _play(self, action: str) -> bool:
        menu = self._position.menu
        move = menu.moves.get(action)
        if move is None:
            move = match(action, menu.moves, menu.folded)
            if move is None:
                return False
        self._history.append(move)
        self._position = position = self._tree.advance(self._position, move)
        if position.chance is not None:
            self._draw_chance()
        self.to_move = self._position.mover
        return True

    def _draw_chance(self) -> None:
        """Play chance outcomes until a seat is to move."""
        position = self._position
        while position.chance is not None:
            outcome = draw(position.chance, self._rng.uniform())
            self._history.append(outcome)
            position = self._tree.advance(position, outcome)
        self._position = position

    def _payoff(self) -> float:
        return float(self._position.state.player_return(0))

    def _info(self) -> dict[str, object]:
        position = self._position
        return position.info.copy() if position.kept else position.info

    def mask(self) -> NDArray[np.int8]:
        mask: NDArray[np.int8] = self._position.menu.mask
        return mask

    def _observation(self, position: Position, turns: tuple[int, int]) -> Observation:
        return Observation(
            content=(self._tree.text(position),),
            legal_actions=position.menu.strings,
            state_key=position.key,
            turn=turns[position.player],
            situation=GameSituation(self._standing_at(position), str(position.mover)),
        )

    def _standing_at(self, position: Position) -> OpenSpielGame:
        """A game to be looked at, at a position that is not in play."""
        game = copy(self)
        game._position, game._over = position, False
        return game

    def _children(self, position: Position, turns: tuple[int, int]) -> Iterator[tuple[Position, tuple[int, int]]]:
        if position.chance is not None:
            return iter([(self._tree.child(position, outcome), turns) for outcome in reversed(position.chance[0])])
        if position.mover is None:
            return iter(())
        later = (turns[0] + (position.player == 0), turns[1] + (position.player == 1))
        return iter([(self._tree.child(position, move), later) for move in reversed(position.menu.names)])


@registry.envs.register(
    "sparring/OpenSpiel-v0", family="games", seats=2, skills=("planning",), kwargs={"game": "nim"}, version="0"
)
class AnyOpenSpielGame(OpenSpielGame):
    """Any two-player zero-sum OpenSpiel game by its name, in OpenSpiel's own notation."""

    metadata = {**TextGame.metadata, "name": "sparring/OpenSpiel-v0"}

    def __init__(self, game: str, **options: Unpack[SpielOptions]) -> None:
        wide: SpielOptions = {"max_text_length": 50_000, "charset": WIDE_CHARSET}
        super().__init__(game, Rendering, **(wide | options))
