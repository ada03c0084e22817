"""Positions of an OpenSpiel game with everything a seat sees there, each worked out once and shared by all episodes.

Position    one node of the game tree: menu, info and (lazily) text; its children where they are kept
Positions   the tree
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sparring.envs.games.loading import load_game
from sparring.envs.games.rendering import Menu, Rendering, seat_of
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.rng import Rng

ActionOrder = Literal["given", "reversed"]
CHANCE = -1
Made = tuple[str, Callable[[SpielGame], Rendering], ActionOrder, bool]


class Position:
    """A decision, chance or final node. `mover` is None at the end, "" at a chance node."""

    info: dict[str, object]
    key: str
    menu: Menu
    mover: str | None = None
    kept = False
    children: dict[int, Position] | None = None
    text: str | None = None
    waiting_texts: dict[tuple[int, bool], str] | None = None
    """By player and whether the game is over: equal for all who come here."""
    tensors: dict[int, NDArray[np.float32]] | None = None
    """By player."""

    def __init__(self, state: SpielState) -> None:
        self.state = state
        self.player: int = state.current_player()

    @cached_property
    def outcomes(self) -> list[tuple[int, float]]:
        """(outcome, probability) of a chance node."""
        return self.state.chance_outcomes()

    @property
    def chance(self) -> tuple[list[int], list[float]] | None:
        """The outcomes of a chance node and their probabilities; None elsewhere."""
        if self.player != CHANCE:
            return None
        return [outcome for outcome, _ in self.outcomes], [probability for _, probability in self.outcomes]

    def __deepcopy__(self, memo: dict[int, object]) -> Position:
        """Itself where it is a node that all episodes share; one that `advance` uses up has a state of its own."""
        if self.kept:
            return self
        other = object.__new__(Position)
        vars(other).update(vars(self), state=self.state.clone(), children=None, waiting_texts=None, tensors=None)
        if self.mover:
            other.info = self.info.copy()
        return other


class Positions:
    """The tree of a game, grown as it is played."""

    def __init__(self, made: Made) -> None:
        """`made`: what `positions_of` was called with. Raises UnknownName, ValueError."""
        self._made = made
        game_string, read, self.order, rules = made
        self.game = game = load_game(game_string)
        self.rendering = rendering = read(game)
        self._head = f"{rendering.rules}\n" if rules and rendering.rules else ""
        self._seats = [seat_of(player) for player in range(rendering.players)]
        self.players = {seat: player for player, seat in enumerate(self._seats)}
        kind = game.get_type()
        self.pays_on_the_way = kind.reward_model.name == "REWARDS"
        self.zero_sum = kind.utility.name in ("ZERO_SUM", "CONSTANT_SUM") and rendering.players > 1
        self.pays_one_sum = self.zero_sum and rendering.players == 2 and not self.pays_on_the_way
        self._room = rendering.kept_positions
        self._by_state: dict[str, Position] = {}
        self.root = self._position(game.new_initial_state())
        self.root.kept = True

    def __deepcopy__(self, memo: dict[int, object]) -> Positions:
        """Itself: every environment of the process shares it."""
        return self

    def __reduce__(self) -> tuple[Callable[..., Positions], Made]:
        """In another process, the tree that is shared there."""
        return positions_of, self._made

    def child(self, position: Position, action: int) -> Position:
        """The position after an action or a chance outcome."""
        known = position.children.get(action) if position.children else None
        return known or self._position(position.state.child(action))

    def advance(self, position: Position, action: int) -> Position:
        """`child` for play, which does not come back: a position that is not kept gives its state away."""
        if not position.kept:
            state = position.state
            state.apply_action(action)
            return self._position(state)
        children = position.children
        if children is None:
            position.children = {}
            return self._position(position.state.child(action))
        return children.get(action) or self._keep(position, children, action)

    def after_chance(self, position: Position, rng: Rng, history: list[int]) -> Position:
        """The next position in which nothing is drawn; `history` gets the outcomes on the way. As `advance`."""
        while position.kept and position.player == CHANCE:
            outcome = draw(position.outcomes, rng.uniform())
            history.append(outcome)
            position = self.advance(position, outcome)
        if position.player != CHANCE:
            return position
        state = position.state
        while state.current_player() == CHANCE:
            outcome = draw(state.chance_outcomes(), rng.uniform())
            history.append(outcome)
            state.apply_action(outcome)
        return self._position(state)

    def text(self, position: Position) -> str:
        """What the mover sees, which the position keeps."""
        if position.text is None:
            view = self.rendering.view(position.player, position.state, position.key)
            position.text = f"{self._head}{view}\n{position.menu.line}"
        return position.text

    def waiting_text(self, position: Position, player: int, over: bool) -> str:
        """What a player sees who is not to move, or whose game is over."""
        texts = position.waiting_texts
        if texts is None:
            texts = position.waiting_texts = {}
        text = texts.get((player, over))
        if text is None:
            key = self.rendering.state_key(player, position.state)
            view = self.rendering.view(player, position.state, key)
            last_line = "The game is over." if over else self.rendering.waiting_line(position.state)
            text = texts[player, over] = f"{self._head}{view}\n{last_line}"
        return text

    def tensor(self, position: Position, player: int) -> NDArray[np.float32]:
        """What a player sees as float32 numbers, flat: a fresh array. Raises ValueError for a game without tensors."""
        tensors = position.tensors
        if tensors is None:
            tensors = position.tensors = {}
        known = tensors.get(player)
        if known is None:
            known = tensors[player] = self.new_tensor(position.state, player)
        return known.copy()

    def new_tensor(self, state: SpielState, player: int) -> NDArray[np.float32]:
        """The information state tensor, or the observation tensor where the game has no other."""
        kind = self.game.get_type()
        if kind.provides_information_state_tensor:
            return np.array(state.information_state_tensor(player), np.float32)
        if not kind.provides_observation_tensor:
            raise ValueError(f"{kind.long_name} of OpenSpiel has no tensors, so it has no discrete view")
        return np.array(state.observation_tensor(player), np.float32)

    def _keep(self, position: Position, children: dict[int, Position], action: int) -> Position:
        """A new child, kept while there is room. A position keeps children from its second visit on."""
        child = self._position(position.state.child(action))
        if self._room > 0:
            if self.rendering.transposes and child.mover is not None:
                child = self._by_state.setdefault(str(child.state), child)
            self._room -= not child.kept
            child.kept = True
            children[action] = child
        return child

    def _position(self, state: SpielState) -> Position:
        position = Position(state)
        player = position.player
        if player >= 0:
            legal: list[int] = state.legal_actions()
            if self.order == "reversed":
                legal.reverse()
            position.mover = self._seats[player]
            position.menu = menu = self.rendering.menu(player, state, legal)
            position.key = key = self.rendering.state_key(player, state)
            position.info = {"legal_actions": menu.strings, "state_key": key}
        elif player == CHANCE:
            position.mover = ""
        return position


def draw(outcomes: list[tuple[int, float]], uniform: float) -> int:
    """The chance outcome at `uniform` in [0, 1) of the cumulative distribution."""
    passed = 0.0
    for outcome, probability in outcomes:
        passed += probability
        if uniform < passed:
            return outcome
    return outcomes[-1][0]


@lru_cache(maxsize=64)
def positions_of(
    game_string: str, rendering: Callable[[SpielGame], Rendering], order: ActionOrder, rules: bool
) -> Positions:
    """The one tree of a game that every environment of the process shares. Raises UnknownName, ValueError."""
    return Positions((game_string, rendering, order, rules))
