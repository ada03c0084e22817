"""One seat of many games of a table as Gymnasium's vector environment; policies that are arrays play the other seats.

gymnasium.make_vec("sparring.envs:sparring/TicTacToe-v0", num_envs=4096, view="table")
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from sparring.envs.games.two_player import whole_seed
from sparring.envs.tables.games import TableGames, require_actions
from sparring.envs.tables.streams import Places, Streams
from sparring.envs.tables.table import Floats, Integers, Policy
from sparring.envs.views.batched_infos import Info
from sparring.envs.views.single_seat import RANDOM
from sparring.envs.views.vector import games_of, seeds_of

Observation = dict[str, NDArray[Any]]
Bools = NDArray[np.bool_]


class TableVector(VectorEnv[Observation, Integers, Any]):
    """The games of `view="discrete"`: the same spaces, deals, payoffs, infos and autoreset.

    opponent: "random", or an array as `Table.policy` makes it; it plays all the other seats.
    seat: the seat that is ours, the first one where it is left out; "random" draws it anew for every game.
    settings: those of `compile_game`.
    A game's seed decides its deal (as in `sparring.make`), our seat and what the opponent draws; other games do not.
    """

    def __init__(
        self,
        env_id: str,
        num_envs: int,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        *,
        opponent: str | Policy = RANDOM,
        seat: str | None = None,
        **settings: object,
    ) -> None:
        self._games = TableGames(env_id, num_envs, None, **settings)
        self.num_envs, self._table = num_envs, self._games.table
        seats = self._table.seats
        if seat not in (None, RANDOM, *seats):
            raise ValueError(f"seat must be {', '.join(map(repr, seats))} or 'random', got {seat!r}")
        self._draws_seat = seat == RANDOM
        self._seat = np.full(num_envs, 0 if seat in (None, RANDOM) else seats.index(str(seat)))
        self._cumulative_IA = self._opponent(opponent)
        self._draws = Streams(num_envs)
        self._owed = np.zeros(num_envs)
        """What our seat was paid since it was told last."""
        self._over: Bools | None = None
        """Which games have ended; None before the first `reset`."""
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {"render_modes": [], "autoreset_mode": self.autoreset_mode}
        box = Box(*self._table.tensor_range, self._table.seen_RD.shape[1:], np.float32)
        actions = self._table.num_actions
        self.single_observation_space = Dict({"observation": box, "action_mask": MultiBinary(actions)})
        self.single_action_space = Discrete(actions)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """Start all games, or those that options["reset_mask"] names, a boolean array [num_envs].

        seed: of the first game, the others get the numbers after it; or one a game.
        Raises TypeError, ValueError for seeds, a mask or options that do not fit.
        """
        seeds, rest = seeds_of(seed, self.num_envs), dict(options or {})
        chosen = games_of(rest.pop("reset_mask", None), self.num_envs, begun=self._over is not None)
        if rest:
            raise ValueError(f"options of a table must be reset_mask, got {', '.join(map(repr, rest))}")
        if self._over is None:
            self._over = np.zeros(self.num_envs, np.bool_)
        self._begin(chosen, [seeds[place] for place in chosen])
        self._over[chosen] = False
        return self._observation(), self._infos(np.zeros(self.num_envs, np.bool_))

    def step(self, actions: Integers) -> tuple[Observation, Floats, Bools, Bools, Info]:
        """Play one action in each game: arrays [num_envs]; rewards are float64.

        Raises TypeError, ValueError for actions that do not fit, RuntimeError before `reset`, and where a game has
        ended that nobody reset (autoreset_mode "Disabled").
        """
        fresh, actions = self._due(), require_actions(actions, self.num_envs)
        self._begin(np.flatnonzero(fresh), None)
        playing = np.flatnonzero(~fresh)
        self._play(playing, actions[playing])
        self._play_opponents(playing)
        rewards = np.where(fresh, 0.0, self._owed)
        self._owed[playing] = 0.0
        self._over = self._games.done & ~fresh
        terminated, illegal = self._over.copy(), self._games.illegal
        if self.autoreset_mode == AutoresetMode.SAME_STEP and terminated.any():
            infos = self._final(terminated, illegal)
            self._begin(np.flatnonzero(terminated), None)
            infos |= self._infos(np.zeros_like(illegal))
        else:
            infos = self._infos(illegal)
        return self._observation(), rewards, terminated, np.zeros_like(terminated), infos

    def _opponent(self, opponent: str | Policy) -> Floats:
        """[I, A]: cumulative probabilities, infinity from the last possible action on."""
        table = self._table
        if isinstance(opponent, str) and opponent != RANDOM:
            raise ValueError(f"opponent of a table must be 'random' or an array, got {opponent!r}")
        if isinstance(opponent, str):
            policy_IA = table.uniform_policy()
        else:
            others = set(range(len(table.seats))) - (set() if self._draws_seat else {int(self._seat[0])})
            policy_IA = table.require_policy(opponent, tuple(others))
        last_I = table.num_actions - 1 - np.argmax(policy_IA[:, ::-1] > 0.0, axis=1)
        return np.where(np.arange(table.num_actions) < last_I[:, None], policy_IA.cumsum(axis=1), np.inf)

    def _due(self) -> Bools:
        """Which games begin anew instead of playing an action."""
        if self._over is None:
            raise RuntimeError("these games have not begun: step was called before reset")
        if self.autoreset_mode == AutoresetMode.NEXT_STEP:
            return self._over
        if self.autoreset_mode == AutoresetMode.DISABLED and self._over.any():
            places = np.flatnonzero(self._over).tolist()
            raise RuntimeError(f"games {places} have ended: reset them first, options={{'reset_mask': ...}}")
        return np.zeros(self.num_envs, np.bool_)

    def _begin(self, places: Places, seeds: Sequence[int | None] | None) -> None:
        if seeds is not None:
            self._draws.seed(places, [None if seed is None else ~whole_seed(seed) for seed in seeds])
        if self._draws_seat:
            self._seat[places] = self._draws.uniform(places) * len(self._table.seats)
        self._games.reset(seeds, places)
        self._owed[places] = 0.0
        self._play_opponents(places)

    def _play(self, places: Places, actions: Integers) -> None:
        self._games.step(actions, places)
        self._owed[places] += self._games.reward[places, self._seat[places]]

    def _play_opponents(self, places: Places) -> None:
        """Until our seat is to move, or the game is over."""
        while True:
            mover = self._games.mover[places]
            places = places[(mover >= 0) & (mover != self._seat[places])]
            if not places.size:
                return
            cumulative = self._cumulative_IA[self._games.information_state[places]]
            self._play(places, (cumulative <= self._draws.uniform(places)[:, None]).sum(axis=1))

    def _observation(self) -> Observation:
        return {"action_mask": self._games.action_mask, "observation": self._games.observe(self._seat)}

    def _infos(self, illegal: Bools) -> Info:
        everybody = np.ones(self.num_envs, np.bool_)
        return {
            "action_mask": self._games.action_mask,
            "_action_mask": everybody,
            "illegal": illegal,
            "_illegal": everybody.copy(),
        }

    def _final(self, ended: Bools, illegal: Bools) -> Info:
        """How the games ended that begin anew in the same step, as Gymnasium has it."""
        seen, last = self._observation(), np.full(self.num_envs, None, object)
        for place in np.flatnonzero(ended):
            last[place] = {name: values[place] for name, values in seen.items()}
        info = {"action_mask": ended[:, None] * seen["action_mask"], "illegal": ended & illegal}
        masks = {f"_{name}": ended.copy() for name in info}
        return {"final_obs": last, "_final_obs": ended.copy(), "final_info": info | masks, "_final_info": ended.copy()}
