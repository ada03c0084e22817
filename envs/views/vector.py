"""Many games at once, as Gymnasium's vector environment: the opponents of all of them are asked together.

gymnasium.make_vec("sparring.envs:sparring/TicTacToe-v0", num_envs=64, opponent="smollm2", view="discrete")
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.vector.utils import concatenate, create_empty_array, iterate
from numpy.typing import NDArray

from sparring import registry
from sparring.envs.games.two_player import whole_seed
from sparring.envs.views.batched_infos import Info, batched
from sparring.envs.views.single_seat import Begun, SingleSeat, Stepped
from sparring.kinds import require_kind
from sparring.rollout.questions import Asking, answered

T = TypeVar("T")
Env = gymnasium.Env[Any, Any]
Bools = NDArray[np.bool_]


class GamesVector(SyncVectorEnv):
    """The same games as `vectorization_mode="sync"`, seed for seed, in one process.

    Where the opponents are to move, all games ask them before any goes on, so that a language model answers them in one
    batch. Seats, opponents and views are those of `SingleSeat`; environments of one seat simply step. Everything else
    (`call`, `get_attr`, `set_attr`, spaces, seeds) is as Gymnasium's `SyncVectorEnv` has it.

    autoreset_mode: Gymnasium's: "NextStep" (default), "SameStep" or "Disabled".
    """

    def __init__(self, makers: Sequence[Callable[[], Env]], autoreset_mode: str | AutoresetMode) -> None:
        super().__init__(makers, autoreset_mode=autoreset_mode)
        self._seen: list[object] = [None] * self.num_envs
        self._over: Bools | None = None
        """Which games have ended; None before the first `reset`."""

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, Info]:
        """Start all games, or those that options["reset_mask"] names, a boolean array [num_envs].

        seed: of the first game, the others get the numbers after it; or one a game.
        Raises TypeError, ValueError for seeds or a mask that do not fit.
        """
        seeds, rest = seeds_of(seed, self.num_envs), dict(options or {})
        chosen = games_of(rest.pop("reset_mask", None), self.num_envs, begun=self._over is not None)
        if self._over is None:
            self._over = np.zeros(self.num_envs, np.bool_)
        infos = self._begin(chosen, seeds, rest or None)
        self._over[chosen] = False
        return self._observations_now(), batched(infos)

    def step(self, actions: Any) -> tuple[Any, NDArray[np.float64], Bools, Bools, Info]:
        """Play one action in each game: arrays [num_envs]; rewards are float64.

        Raises ValueError for another number of actions, RuntimeError before `reset`, and where a game has ended that
        nobody reset (autoreset_mode "Disabled").
        """
        fresh, played = self._due(), self._listed(actions)
        rewards = np.zeros(self.num_envs)
        terminated, truncated = np.zeros(self.num_envs, np.bool_), np.zeros(self.num_envs, np.bool_)
        infos: list[Info] = [{}] * self.num_envs
        plays: list[Asking[Begun | Stepped]] = [
            _resetting(env, None, None) if fresh[place] else _stepping(env, played[place])
            for place, env in enumerate(self.envs)
        ]
        for place, result in enumerate(answered(plays)):
            if len(result) == 2:
                self._seen[place], infos[place] = result
            else:
                self._seen[place], rewards[place], terminated[place], truncated[place], infos[place] = result
        self._over = terminated | truncated
        if self.autoreset_mode == AutoresetMode.SAME_STEP and self._over.any():
            infos = self._replaced(infos, np.flatnonzero(self._over))
        return self._observations_now(), rewards, terminated, truncated, batched(infos)

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

    def _replaced(self, infos: list[Info], ended: NDArray[np.intp]) -> list[Info]:
        """Begin anew where a game has ended, and say in the info how it ended."""
        last = {place: (self._seen[place], infos[place]) for place in ended}
        begun = self._begin(ended, [None] * self.num_envs, None)
        for place, (seen, info) in last.items():
            infos[place] = {"final_obs": seen, "final_info": info, **begun[place]}
        return infos

    def _begin(self, chosen: Iterable[int], seeds: Sequence[int | None], options: dict[str, Any] | None) -> list[Info]:
        """Reset the chosen games together; the info of each game, empty for the others."""
        places, infos = [int(place) for place in chosen], list[Info]([{}] * self.num_envs)
        plays = [_resetting(self.envs[place], seeds[place], options) for place in places]
        for place, (seen, info) in zip(places, answered(plays), strict=True):
            self._seen[place], infos[place] = seen, info
        return infos

    def _observations_now(self) -> Any:
        """Fresh arrays, or a tuple of texts."""
        space = self.single_observation_space
        empty: Any = create_empty_array(space, self.num_envs)
        return concatenate(space, self._seen, empty)

    def _listed(self, actions: Any) -> list[object]:
        listed = [] if isinstance(actions, str) else list(iterate(self.action_space, actions))
        if len(listed) != self.num_envs:
            got = "one text" if isinstance(actions, str) else str(len(listed))
            raise ValueError(f"actions must be {self.num_envs}, one a game, got {got}")
        return listed


def make_vector(
    env_id: str, num_envs: int, autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP, **kwargs: Any
) -> VectorEnv[Any, Any, Any]:
    """The entry point for `gymnasium.make_vec`. An opponent that is given as a spec is made once for all games.

    view: beside those of one environment "table", which plays thousands of small games (`sparring.envs.tables`).
    Raises what making one environment raises, ValueError for a number of games or a mode that there is not.
    """
    from sparring import envs

    require_kind("num_envs", num_envs, (int, np.integer), "a whole number >= 1")
    if num_envs < 1:
        raise ValueError(f"num_envs must be >= 1, got {num_envs}")
    if "max_episode_steps" in kwargs:
        raise ValueError("max_episode_steps is Gymnasium's wrapper: it needs vectorization_mode='sync' or 'async'")
    if kwargs.get("view") == "table":
        from sparring.envs.tables.vector import TableVector

        del kwargs["view"]
        return TableVector(env_id, num_envs, autoreset_mode, **kwargs)
    if isinstance(kwargs.get("opponent"), str):
        kwargs["opponent"] = registry.make_agent(kwargs["opponent"])
    return GamesVector([lambda: envs.make_for_gymnasium(env_id, **kwargs)] * num_envs, autoreset_mode)


def seeds_of(seed: int | Sequence[int | None] | None, num_envs: int) -> Sequence[int | None]:
    """A seed for each game out of the first one's, or of all. Raises TypeError, ValueError for what does not fit."""
    if seed is None:
        return [None] * num_envs
    if not isinstance(seed, Sequence | np.ndarray):
        first = whole_seed(seed)
        return [first + place for place in range(num_envs)]
    if len(seed) != num_envs:
        raise ValueError(f"seed must be one number, or {num_envs}, one a game, got {len(seed)}")
    return seed


def games_of(mask: object, num_envs: int, begun: bool) -> NDArray[np.intp]:
    """The games that `options["reset_mask"]` names; all where it is None. Raises TypeError, ValueError for none."""
    if mask is None:
        return np.arange(num_envs)
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (num_envs,):
        raise TypeError(f"options['reset_mask'] must be a boolean array of shape ({num_envs},), got {mask!r:.80}")
    if not mask.all() and not begun:
        raise ValueError("options['reset_mask'] must choose all games at the first reset")
    if not mask.any():
        raise ValueError("options['reset_mask'] must choose at least one game")
    return np.flatnonzero(mask)


def _resetting(env: Env, seed: int | None, options: dict[str, Any] | None) -> Asking[Begun]:
    if isinstance(env, SingleSeat):
        return env.resetting(seed, options)
    return _asking_nobody(lambda: env.reset(seed=seed, options=options))


def _stepping(env: Env, action: object) -> Asking[Stepped]:
    if isinstance(env, SingleSeat):
        return env.stepping(action)

    def step() -> Stepped:
        seen, reward, terminated, truncated, info = env.step(action)
        return seen, float(reward), terminated, truncated, info

    return _asking_nobody(step)


def _asking_nobody(play: Callable[[], T]) -> Asking[T]:
    yield from ()
    return play()
