"""From a game on OpenSpiel to its table: every position is visited once."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from sparring import envs
from sparring.envs.games.open_spiel import OpenSpielGame
from sparring.envs.games.positions import CHANCE
from sparring.envs.games.spiel import SpielState
from sparring.envs.tables.table import Floats, Integers, Table

MOST_NODES = 100_000
"""Larger games are played one by one."""


@lru_cache(maxsize=16)
def compile_game(env_id: str, **settings: object) -> Table:
    """The table of a game, worked out once in a process.

    settings: those of `sparring.make`, as far as they keep the rules that a table has: an illegal action forfeits, and
        no budget of turns.
    Positions of a game of perfect information without chance are one node where they are equal and look equal.
    Raises UnknownName, and ValueError for what is no game of OpenSpiel, has other rules or too many positions.
    """
    game = envs.make(env_id, "text", **settings)
    if not isinstance(game, OpenSpielGame):
        game.close()
        raise ValueError(f"{env_id} is no game of OpenSpiel with several seats, so it has no table")
    if game.illegal != "forfeit" or game.max_turns is not None:
        raise ValueError(f"a table needs illegal='forfeit' and max_turns=None, got {game.illegal!r}, {game.max_turns}")
    if game.spiel_game.get_type().reward_model.name == "REWARDS":
        raise ValueError(f"{env_id} pays on the way, and a table only at the end")
    return _Compiler(env_id, game).table()


class _Compiler:
    """Positions by number, in the order in which they are found."""

    def __init__(self, env_id: str, game: OpenSpielGame) -> None:
        self._env_id, self._game, self._rendering = env_id, game, game.rendering
        kind = game.spiel_game.get_type()
        is_open = not self._rendering.imperfect and kind.chance_mode.name == "DETERMINISTIC"
        self._merges = self._rendering.transposes or is_open
        self._seats = tuple(game.possible_agents)
        self._states: list[SpielState] = []
        self._numbers: dict[Hashable, int] = {}
        self._movers: list[int] = []
        self._children: list[dict[int, int]] = []
        self._laws: list[list[float]] = []
        self._infosets: dict[tuple[str, str], int] = {}
        self._infoset_of: list[int] = []
        self._names: list[dict[int, str]] = []
        self._payoffs: list[list[float]] = []
        self._tensors: dict[bytes, int] = {}
        self._rows: list[list[int]] = []

    def table(self) -> Table:
        """Visit all positions, then put chance first and the ends last."""
        self._number(self._game.spiel_game.new_initial_state())
        for state in self._states:  # which grows
            self._visit(state)
        mover_N = np.array(self._movers)
        kind_N = np.select([mover_N == CHANCE, mover_N >= 0], [0, 1], 2)
        order_N = np.argsort(kind_N, kind="stable")
        place_N = np.argsort(order_N, kind="stable")
        return Table(
            env_id=self._env_id,
            seats=self._seats,
            root=int(place_N[0]),
            child_NW=self._child_table(order_N, place_N),
            mover_N=np.maximum(mover_N, CHANCE)[order_N],
            cumulative_CW=self._cumulative(),
            state_N=np.array(self._infoset_of)[order_N],
            mask_IA=self._masks(),
            payoff_NS=np.array(self._payoffs)[order_N],
            forfeit_SS=self._forfeits(),
            row_NS=np.array(self._rows)[order_N],
            seen_RD=np.array([np.frombuffer(row, np.float32) for row in self._tensors]),
            tensor_range=self._game.tensor_range,
            information_states=tuple(self._infosets),
            actions=tuple(self._names),
        )

    def _number(self, state: SpielState) -> int:
        """Of a position, which is a new one where none was like it, what the seats see included."""
        player = state.current_player()
        rows = [-1 if player == CHANCE else self._row(seat, state) for seat in self._seats]
        if self._merges:
            key = player, self._rendering.state_key(max(player, 0), state), *rows
            known = self._numbers.setdefault(key, len(self._states))
            if known < len(self._states):
                return known
        if len(self._states) == MOST_NODES:
            raise ValueError(f"{self._env_id} has more than {MOST_NODES} positions: too many for a table")
        self._states.append(state)
        self._rows.append(rows)
        return len(self._states) - 1

    def _visit(self, state: SpielState) -> None:
        player = state.current_player()
        self._movers.append(player)
        self._infoset_of.append(self._infoset(player, state) if player >= 0 else -1)
        if player == CHANCE:
            outcomes = state.chance_outcomes()
            self._laws.append(list(accumulate(probability for _, probability in outcomes)))
            steps = list(enumerate(outcome for outcome, _ in outcomes))
        else:
            steps = [(action, action) for action in state.legal_actions()] if player >= 0 else []
        self._children.append({column: self._number(state.child(action)) for column, action in steps})
        self._payoffs.append(self._game.payoffs_at(state) if state.is_terminal() else [0.0] * len(self._seats))

    def _infoset(self, player: int, state: SpielState) -> int:
        key = self._seats[player], self._rendering.state_key(player, state)
        known = self._infosets.get(key)
        if known is None:
            known = self._infosets[key] = len(self._infosets)
            self._names.append(self._game.action_strings(self._seats[player], state))
        return known

    def _row(self, seat: str, state: SpielState) -> int:
        return self._tensors.setdefault(self._game.tensor_at(seat, state).tobytes(), len(self._tensors))

    def _child_table(self, order_N: Integers, place_N: Integers) -> Integers:
        """With a last column in which nothing follows, for actions that are no number of the game's."""
        width = max(self._game.num_actions, *map(len, self._laws), 0) + 1
        child_NW = np.full((len(order_N), width), -1)
        nodes = np.repeat(np.arange(len(order_N)), [len(children) for children in self._children])
        columns = [column for children in self._children for column in children]
        child_NW[nodes, columns] = place_N[[child for children in self._children for child in children.values()]]
        return child_NW[order_N]

    def _cumulative(self) -> Floats:
        cumulative_CW = np.full((len(self._laws), max(map(len, self._laws), default=0)), np.inf)
        for row, law in enumerate(self._laws):
            cumulative_CW[row, : len(law) - 1] = law[:-1]
        return cumulative_CW

    def _masks(self) -> NDArray[np.int8]:
        mask_IA = np.zeros((len(self._names), self._game.num_actions), np.int8)
        for row, names in enumerate(self._names):
            mask_IA[row, list(names)] = 1
        return mask_IA

    def _forfeits(self) -> Floats:
        """The stake passes from the offender to the others; to nobody in a game that is not of zero sum."""
        seats = len(self._seats)
        share = self._game.stake / max(seats - 1, 1) if self._game.zero_sum else 0.0
        return np.where(np.eye(seats) == 1, -self._game.stake, share)
