"""OpenSpiel games as text environments.

OpenSpiel has the rules; a `Rendering` has the words. Chance is drawn from the environment's own generator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from sparring.envs.games.listed import ListedRendering
from sparring.envs.games.loading import history_of
from sparring.envs.games.positions import CHANCE, ActionOrder, Position, positions_of
from sparring.envs.games.rendering import Rendering, seat_of
from sparring.envs.games.situations import GameSituation
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import TextGame, TextGameOptions, match
from sparring.envs.rng import Rng
from sparring.plurals import number_of
from sparring.types import Observation


class SpielOptions(TextGameOptions, total=False):
    """What a game on OpenSpiel takes beside its own arguments."""

    action_order: ActionOrder
    instructions: bool


class OpenSpielGame(TextGame):
    """An OpenSpiel game of any number of players, of zero sum or not.

    game: an OpenSpiel game string, e.g. "tic_tac_toe".
    rendering: how the game reads.
    action_order: "given" or "reversed", in the text and in `legal_actions`.
    instructions: whether the text begins with the rules; without them they are in `instructions(seat)`.
    Further options: see `TextGame`. Where the game is not of zero sum, a forfeit brings the offender down to the least
    that the game can pay, and the other seats keep what they were paid.
    """

    def __init__(
        self,
        game: str,
        rendering: Callable[[SpielGame], Rendering] = ListedRendering,
        *,
        action_order: ActionOrder = "given",
        instructions: bool = True,
        **options: Unpack[TextGameOptions],
    ) -> None:
        if action_order not in ("given", "reversed"):
            raise ValueError(f"action_order must be 'given' or 'reversed', got {action_order!r}")
        self._tree = positions_of(game, rendering, action_order, instructions)
        if options.get("illegal") == "noop" and options.get("max_turns") is None:
            options["max_turns"] = 4 * self.spiel_game.max_game_length()
        super().__init__(**options, seats=tuple(map(seat_of, range(self.rendering.players))))
        self.zero_sum = self._tree.zero_sum
        self.stake = float(-self.spiel_game.min_utility())
        self.num_actions = self.spiel_game.num_distinct_actions()
        self.tensor_range = self.rendering.tensor_range
        self._rng = Rng()
        self._position = self._tree.root
        self._history: list[int] = []

    def __getstate__(self) -> dict[str, object]:
        """Without the position, which hangs in the tree that is shared: the history leads to it."""
        return {name: value for name, value in vars(self).items() if name != "_position"}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._position = self._tree.root
        for action in self._history:
            self._position = self._tree.advance(self._position, action)

    @property
    def spiel_game(self) -> SpielGame:
        """OpenSpiel's game."""
        return self._tree.game

    @property
    def rendering(self) -> Rendering:
        """How the game reads."""
        return self._tree.rendering

    @property
    def spiel_state(self) -> SpielState:
        """The OpenSpiel state in play, with the history of this very game; yours to change."""
        state = self.spiel_game.new_initial_state()
        for action in self._history:
            state.apply_action(action)
        return state

    def state(self) -> list[int]:
        """OpenSpiel's history of the game in play: the numbers of all actions and chance outcomes so far."""
        return self._history.copy()

    def instructions(self, seat: str) -> str:
        """The rules, which are the same for all seats."""
        self.require_seat(seat)
        return self.rendering.rules

    @property
    def exact_game(self) -> SpielGame | None:
        """The game for OpenSpiel's solvers; None where `why_not_exact` says why they cannot solve it."""
        return None if self.why_not_exact else self.spiel_game

    @property
    def why_not_exact(self) -> str:
        """Why OpenSpiel's solvers cannot solve the game, after its name: "is not of zero sum"; "" where they can."""
        if self.rendering.players != 2:
            return f"has {number_of(self.rendering.players, 'seat')}, not two"
        if not self.zero_sum:
            return "is not of zero sum"
        if self.rendering.imperfect and not self.rendering.keys_are_information_states:
            return "has no information states in OpenSpiel"
        return ""

    def search_state(self) -> SpielState:
        """A copy of the position, to try actions on. Where paths meet, its history may be that of another path."""
        return self._position.state.clone()

    def action_strings(self, seat: str, state: SpielState) -> dict[int, str]:
        """OpenSpiel's action -> our string, for every legal action of `seat` in an OpenSpiel state."""
        player = self._tree.players[seat]
        return dict(self.rendering.menu(player, state, state.legal_actions(player)).names)

    def state_key(self, seat: str, state: SpielState) -> str:
        """What `infos[seat]["state_key"]` is in an OpenSpiel state where `seat` is to move."""
        return self.rendering.state_key(self._tree.players[seat], state)

    def observe(self, agent: str) -> str:
        """The text that `agent` sees. It is the same whatever happened in other episodes.

        Raises RuntimeError before `reset`.
        """
        position = self._position
        if position.mover == agent and self._over is False:
            return position.text or self._tree.text(position)
        self.require_begun()
        self.require_seat(agent)
        return self._tree.waiting_text(position, self._tree.players[agent], bool(self._over))

    def tensor(self, seat: str) -> NDArray[np.float32]:
        """The information state tensor, or the observation tensor where the game has no other; flat float32."""
        return self._tree.tensor(self._position, self._tree.players[seat])

    def tensor_at(self, seat: str, state: SpielState) -> NDArray[np.float32]:
        """What `tensor` is in an OpenSpiel state."""
        return self._tree.new_tensor(state, self._tree.players[seat])

    def payoffs_at(self, state: SpielState) -> list[float]:
        """By seat, what the game pays that ends in an OpenSpiel state."""
        return self._standing_at(Position(state))._payoffs()

    def action_text(self, action: int) -> str:
        """Our string for a discrete action of the seat to move; "" if it is not legal."""
        return "" if self._over else str(self._position.menu.names.get(action, ""))

    def information_states(self, limit: int = 1_000_000) -> Iterator[tuple[str, Observation]]:
        """(seat, what it sees) of every decision information state once, in depth-first order, as play shows it.

        Raises ValueError when more than `limit` positions were visited: the game is too large to list.
        """
        seen: set[tuple[int, str]] = set()
        stack = [(self._tree.root, (0,) * self.rendering.players)]
        for _ in range(limit):
            if not stack:
                return
            position, turns = stack.pop()
            if position.mover and (position.player, position.key) not in seen:
                seen.add((position.player, position.key))
                yield position.mover, self._observation(position, turns)
            elif self.rendering.transposes:
                continue
            stack.extend(self._children(position, turns))
        raise ValueError(f"{self.env_id} has more than {limit} positions (limit={limit})")

    def _start(self, seed: int | None) -> None:
        if seed is not None:
            self._rng.seed(seed)
        if self._tree.pays_on_the_way:
            self._paid = [0.0] * self.rendering.players
        self._position = self._tree.root
        self._history = []
        self._settle()

    def _start_at(self, state: object) -> None:
        """`state`: OpenSpiel's history, as numbers or as the text that `State.serialize` makes of them."""
        self._position, self._history = self._tree.root, []
        for action in history_of(state):
            self._require_possible(action)
            self._history.append(action)
            self._position = self._tree.advance(self._position, action)
        self._settle()
        if self._tree.pays_on_the_way:
            self._paid = list(self._position.state.returns())

    def _require_possible(self, action: int) -> None:
        position = self._position
        chance = position.chance
        possible = chance[0] if chance else list(position.menu.names) if position.mover else []
        if action not in possible:
            raise ValueError(
                f"state: after {self._history} the next action of {self.env_id} must be one of "
                f"{str(sorted(possible))[:200]}, got {action}"
            )

    def _play(self, action: str) -> bool:
        menu = self._position.menu
        move = menu.moves.get(action)
        if move is None:
            move = match(action, menu.moves, menu.folded)
            if move is None:
                return False
        self._history.append(move)
        self._position = position = self._tree.advance(self._position, move)
        if position.player == CHANCE:
            self._settle()
        else:
            self.to_move = position.mover
        return True

    def _settle(self) -> None:
        """Play chance outcomes until a seat is to move."""
        self._position = self._tree.after_chance(self._position, self._rng, self._history)
        self.to_move = self._position.mover

    def _take_turn(self, seat: str, action: str) -> None:
        if not self._tree.pays_on_the_way:
            TextGame._take_turn(self, seat, action)  # what `super` finds takes longer to find
            return
        self.rewards = self._nothing_paid.copy()
        for info in self.infos.values():
            info.pop("reward_parts", None)
        super()._take_turn(seat, action)
        if not self._over:
            self._pay({one: {"payoff": payoff} for one, payoff in zip(self.agents, self._payoffs(), strict=True)})

    def _pay(self, parts_by_seat: dict[str, dict[str, float]]) -> None:
        for seat, parts in parts_by_seat.items():
            self.rewards[seat] = reward = sum(parts.values())
            self._cumulative_rewards[seat] += reward
            if reward:
                self.infos[seat]["reward_parts"] = parts

    def _payoff(self) -> float:
        return float(self._position.state.player_return(0))

    def _payoffs(self) -> list[float]:
        """By seat, what the game has paid since it was asked last: the differences of OpenSpiel's returns."""
        if self._tree.pays_one_sum:
            payoff = self._payoff()
            return [payoff, -payoff]
        returns = list(map(float, self._position.state.returns()))
        if not self._tree.pays_on_the_way:
            return returns
        earned = [now - before for now, before in zip(returns, self._paid, strict=True)]
        self._paid = returns
        return earned

    def _payoffs_unfinished(self) -> list[float]:
        return self._payoffs() if self._tree.pays_on_the_way else super()._payoffs_unfinished()

    def _cost(self, seat: str) -> float:
        """As much as brings the seat down to the least that the game can pay."""
        return self.stake + (self._paid[self._tree.players[seat]] if self._tree.pays_on_the_way else 0.0)

    def _info(self) -> dict[str, object]:
        position = self._position
        return position.info.copy() if position.kept else position.info

    def mask(self) -> NDArray[np.int8]:
        return self._position.menu.mask

    def _observation(self, position: Position, turns: tuple[int, ...]) -> Observation:
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

    def _children(self, position: Position, turns: tuple[int, ...]) -> Iterator[tuple[Position, tuple[int, ...]]]:
        if position.mover is None:
            return iter(())
        if position.chance is not None:
            return iter([(self._tree.child(position, outcome), turns) for outcome in reversed(position.chance[0])])
        later = tuple(count + (player == position.player) for player, count in enumerate(turns))
        return iter([(self._tree.child(position, move), later) for move in reversed(position.menu.names)])
