"""Our environments as those of SkyRL-Gym (0.4.0).

    skyrl_gym.register("sparring", "sparring.interop.skyrl:SparringEnv")

A row of the dataset has `env_class: sparring`, and what it plays in its extras: `{"env_id": "sparring/KuhnPoker-v0",
"seed": 7, "opponent": "random"}`; whatever else stands there is an option of the environment. The model's answer is the
action as it stands, or the listed action in brackets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skyrl_gym.envs.base_text_env import BaseTextEnv, BaseTextEnvStepOutput

from sparring import envs
from sparring.kinds import shown
from sparring.rollout.answers import read

Messages = list[dict[str, str]]
OURS = "env_id"


class SparringEnv(BaseTextEnv):
    """One seat of one task."""

    def __init__(self, env_config: Mapping[str, Any] | None = None, extras: Mapping[str, Any] | None = None) -> None:
        """`extras`: the row's; what `env_config` names holds for every row. Raises ValueError, UnknownName."""
        super().__init__()
        given = {**dict(env_config or {}), **dict((extras or {}).get("extra_info") or extras or {})}
        env_id, self._seed = given.pop(OURS, None), given.pop("seed", 0)
        if not isinstance(env_id, str) or type(self._seed) is not int:
            said = f"{shown(env_id)} and {shown(self._seed)}"
            raise ValueError(f"extras must have {OURS}, an environment's id, and seed, a whole number; got {said}")
        self.max_turns = int(given.pop("max_turns", 10_000))
        self._env: Any = envs.make_for_gymnasium(env_id, **given)
        self._legal: tuple[str, ...] | None = None
        self._paid, self._illegal = 0.0, 0

    def init(self, prompt: Messages) -> tuple[Messages, dict[str, Any]]:
        """The row's prompt, and the first observation behind it."""
        observation, info = self._env.reset(seed=self._seed)
        self._legal = info.get("legal_actions")
        return [*prompt, {"role": "user", "content": str(observation)}], {"legal_actions": self._legal}

    def step(self, action: str) -> BaseTextEnvStepOutput:
        """Play an answer of the model."""
        self.turns += 1
        observation, reward, terminated, truncated, info = self._env.step(read(action, self._legal))
        self._legal = info.get("legal_actions")
        self._paid += float(reward)
        self._illegal += bool(info.get("illegal"))
        is_cut = self.turns >= self.max_turns and not terminated
        return BaseTextEnvStepOutput(
            observations=[] if terminated or truncated or is_cut else [{"role": "user", "content": str(observation)}],
            reward=float(reward),
            done=bool(terminated or truncated or is_cut),
            metadata={"legal_actions": self._legal, "truncated": bool(truncated or is_cut)},
        )

    def close(self) -> None:
        """Close the game."""
        self._env.close()

    def get_metrics(self) -> dict[str, Any]:
        """Of the episode."""
        return {"payoff": self._paid, "illegal": self._illegal, "turns": self.turns}
