"""Many games of one table at once, for self-play: in each of them the seat to move is asked.

The games are those of `sparring.make(env_id)`: equal seeds and actions give equal deals, states and payoffs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sparring.envs.tables.compiling import compile_game
from sparring.envs.tables.streams import Places, Streams
from sparring.envs.tables.table import Integers
from sparring.envs.views.vector import seeds_of
from sparring.kinds import require_kind

NOBODY = -1
NOWHERE = -1
"""The last column of `child_NW`."""


class TableGames:
    """So many games, which begin at once and again at `reset`.

    seed: of the first game, the others get the numbers after it; or one a game. settings: those of `compile_game`.
    All arrays have one row a game, and stay as they are when the games go on.
    """

    def __init__(
        self, env_id: str, num_games: int, seed: int | Sequence[int | None] | None = None, **settings: object
    ) -> None:
        require_kind("num_games", num_games, (int, np.integer), "a whole number >= 1")
        if num_games < 1:
            raise ValueError(f"num_games must be >= 1, got {num_games}")
        self.table, self.num_games = compile_game(env_id, **settings), int(num_games)
        self.reward = np.zeros((self.num_games, len(self.table.seats)))
        """float64 [games, seats]: what the last `step` paid."""
        self._everywhere = np.arange(self.num_games)
        self._chance = Streams(self.num_games)
        self._node = np.full(self.num_games, self.table.root)
        self._acted = np.zeros(self.num_games, np.int64)
        """Who has acted last."""
        self._illegal = np.zeros(self.num_games, np.bool_)
        self.reset(seed)

    @property
    def done(self) -> NDArray[np.bool_]:
        """Which games are over."""
        return self._illegal | (self._node >= self.table.first_end)

    @property
    def illegal(self) -> NDArray[np.bool_]:
        """Which games ended by an illegal action."""
        return self._illegal.copy()

    @property
    def mover(self) -> Integers:
        """The number of the seat to move; -1 where the game is over."""
        return np.where(self._illegal, NOBODY, self.table.mover_N[self._node])

    @property
    def information_state(self) -> Integers:
        """The row of `table.information_states` that the seat to move is in; -1 where the game is over."""
        return np.where(self._illegal, NOBODY, self.table.state_N[self._node])

    @property
    def action_mask(self) -> NDArray[np.int8]:
        """[games, actions]: 1 where the seat to move may act so; all ones where the game is over."""
        state = self.information_state
        return np.where((state >= 0)[:, None], self.table.mask_IA[state], np.int8(1))

    @property
    def observation(self) -> NDArray[np.float32]:
        """[games, numbers]: what the seat to move sees; where the game is over, what the seat sees that acted last."""
        mover = self.mover
        return self.observe(np.where(mover >= 0, mover, self._acted))

    def observe(self, seats: Integers) -> NDArray[np.float32]:
        """[games, numbers]: what the seat of this number sees in each game."""
        rows: Integers = self.table.row_NS[self._node, seats]
        return self.table.seen_RD[rows]

    def reset(self, seed: int | Sequence[int | None] | None = None, games: Places | None = None) -> None:
        """Begin anew: all games, or those of these numbers. Without seeds their chance goes on where it stands.

        Raises TypeError, ValueError for seeds that do not fit.
        """
        places = self._everywhere if games is None else games
        self._chance.seed(places, seeds_of(seed, len(places)))
        self._node[places], self._illegal[places] = self.table.root, False
        self._draw_chance(places)

    def step(self, actions: Integers, games: Places | None = None) -> None:
        """Play an action for the seat to move in every game, or in those of these numbers; an illegal one forfeits.

        actions: integers, one a game. In games that are over nothing happens.
        Raises TypeError, ValueError for actions that are none.
        """
        places = self._everywhere if games is None else games
        actions = require_actions(actions, len(places))
        playing = ~self.done[places]
        places, actions = places[playing], actions[playing]
        node, known = self._node[places], (actions >= 0) & (actions < self.table.num_actions)
        self._acted[places] = self.table.mover_N[node]
        following = self.table.child_NW[node, np.where(known, actions, NOWHERE)]
        self._illegal[places] = following < 0
        self._node[places] = np.where(following < 0, node, following)
        self._draw_chance(places)
        self._pay(places)

    def _draw_chance(self, places: Places) -> None:
        table = self.table
        while True:
            places = places[self._node[places] < table.num_chance]
            if not places.size:
                return
            node = self._node[places]
            outcome = (table.cumulative_CW[node] <= self._chance.uniform(places)[:, None]).sum(axis=1)
            self._node[places] = table.child_NW[node, outcome]

    def _pay(self, places: Places) -> None:
        illegal = self._illegal[places]
        self.reward = np.zeros_like(self.reward)
        self.reward[places] = np.where(
            illegal[:, None], self.table.forfeit_SS[self._acted[places]], self.table.payoff_NS[self._node[places]]
        )


def require_actions(actions: object, games: int) -> Integers:
    """Whole numbers, one a game. Raises TypeError, ValueError for what they are not."""
    numbers = np.asarray(actions)
    if numbers.shape != (games,):
        raise ValueError(f"actions must be {games}, one a game, got an array of shape {numbers.shape}")
    if not np.issubdtype(numbers.dtype, np.integer):
        raise TypeError(f"actions must be whole numbers, got {numbers.dtype}")
    return numbers.astype(np.int64)
