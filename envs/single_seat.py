"""One seat of a two-seat game as a Gymnasium environment; agents play the other seat.

gymnasium.make("sparring.envs:sparring/KuhnPoker-v0", opponent="constant:bet", seat="random", view="discrete")
"""

from __future__ import annotations

import itertools
from typing import Any, Literal

import gymnasium

from sparring import envs, registry
from sparring.rollout import act_now
from sparring.types import Agent, Observation, derive_seed

Seat = Literal["player_0", "player_1", "random"]
_episodes = itertools.count()


class SingleSeat(gymnasium.Env[Any, Any]):
    """A game seen from one seat.

    opponent: an agent, or its spec, e.g. "random" or "constant:bet". It always sees the text view.
    seat: the seat that is ours; "random" draws it anew every episode, from the episode's seed.
    view: "text" or "discrete".
    kwargs: the environment's own.
    An episode that the opponent ends before our first turn shows its end at `reset`; the first `step` ends it.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 1}

    def __init__(
        self,
        env_id: str,
        opponent: str | Agent = "random",
        seat: Seat = "player_0",
        view: envs.View = "text",
        render_mode: str | None = None,
        **kwargs: Any,
    ) -> None:
        if seat not in ("player_0", "player_1", "random"):
            raise ValueError(f"seat must be 'player_0', 'player_1' or 'random', got {seat!r}")
        self._env = envs.make(env_id, view=view, render_mode=render_mode, **kwargs)
        self._game = self._env.game if view == "discrete" else self._env
        self._opponent: Agent = registry.make_agent(opponent) if isinstance(opponent, str) else opponent
        self._env_id, self._asked_seat, self.render_mode = env_id, seat, render_mode
        self._seat: Seat = "player_0" if seat == "random" else seat
        self.observation_space = self._env.observation_space(self._seat)
        self.action_space = self._env.action_space(self._seat)

    @property
    def seat(self) -> str:
        """The seat that is ours in this episode."""
        return self._seat

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode and play the opponent until it is our turn."""
        super().reset(seed=seed)
        self._seed = int(self.np_random.integers(2**63)) if seed is None else seed
        if self._asked_seat == "random":
            self._seat = "player_0" if derive_seed(self._seed, "seat") % 2 else "player_1"
        self._env.reset(seed=self._seed, options=options)
        self._opponent_turn, self._episode = 0, f"single-seat-{next(_episodes)}"
        self._play_opponent()
        return self._observation(), self._info()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Play our action, then the opponent until it is our turn again or the game is over."""
        if not self._is_over():
            self._env.step(action)
            illegal = self._game.infos[self.seat]["illegal"]
            self._play_opponent()
            self._game.infos[self.seat]["illegal"] = illegal
        reward = float(self._game.rewards[self.seat])
        terminated, truncated = self._game.terminations[self.seat], self._game.truncations[self.seat]
        return self._observation(), reward, terminated, truncated, self._info()

    def render(self) -> str | None:
        """What our seat sees as text, with render_mode="ansi"."""
        return str(self._game.observe(self.seat)) if self.render_mode == "ansi" else None

    def close(self) -> None:
        """Close the game."""
        self._env.close()

    def action_masks(self) -> Any:
        """The legal actions as booleans: the name that masking RL libraries look for (sb3-contrib)."""
        return self._game.infos[self.seat]["action_mask"].astype(bool)

    def _is_over(self) -> bool:
        return bool(self._game.terminations[self.seat] or self._game.truncations[self.seat])

    def _play_opponent(self) -> None:
        game = self._game
        while not self._is_over() and game.agent_selection != self.seat:
            reply = act_now(self._opponent, self._opponent_observation(game.agent_selection))
            game.step(reply.action)

    def _opponent_observation(self, seat: str) -> Observation:
        info, turn = self._game.infos[seat], self._opponent_turn
        self._opponent_turn += 1
        return Observation(
            env_id=self._env_id,
            seat=seat,
            content=(self._game.observe(seat),),
            legal_actions=info.get("legal_actions"),
            suggested_actions=info.get("suggested_actions"),
            state_key=info.get("state_key"),
            turn=turn,
            seed=derive_seed(self._seed, seat, turn),
            episode=self._episode,
        )

    def _observation(self) -> Any:
        return self._env.observe(self.seat)

    def _info(self) -> dict[str, Any]:
        """A copy that is the caller's: arrays and dicts included."""
        info = self._game.infos[self.seat]
        return {name: value.copy() if hasattr(value, "copy") else value for name, value in info.items()}
