"""The discrete view: an environment of ours with `Discrete` actions, a vector to see and a mask of what is legal."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary
from numpy.typing import NDArray
from pettingzoo import AECEnv

from sparring.envs.text_game import TextGame


class DiscreteView(AECEnv[str, dict[str, NDArray[Any]], Any]):
    """The same game, seed for seed, for classic RL code.

    Observation: {"observation": float32 vector, "action_mask": int8, 1 where an action is legal now}. The mask of a
    seat that is not to move is all zeros. An action that the mask forbids is an illegal action of the game.
    """

    def __init__(self, game: TextGame) -> None:
        if not isinstance(game, TextGame):
            raise TypeError(f"the discrete view needs a TextGame, got {type(game).__name__}")
        self.game = game
        self.metadata = game.metadata
        self.render_mode = game.render_mode
        self.possible_agents = game.possible_agents
        game.reset(seed=0)
        low, high = game.tensor_range
        shape = game.tensor(game.agent_selection).shape
        self.observation_spaces = {seat: self._space(low, high, shape) for seat in self.possible_agents}
        self.action_spaces = {seat: Discrete(game.num_actions) for seat in self.possible_agents}
        self._nothing = np.zeros(game.num_actions, np.int8)

    def _space(self, low: float, high: float, shape: tuple[int, ...]) -> Dict:
        vector = Box(low, high, shape, np.float32)
        return Dict({"observation": vector, "action_mask": MultiBinary(self.game.num_actions)})

    def __getattr__(self, name: str) -> Any:
        """Whose turn it is, rewards, terminations, infos ...: the game's own."""
        if name == "game":
            raise AttributeError(name)
        return getattr(self.game, name)

    def observation_space(self, agent: str) -> Dict:
        """The same object at every call."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Discrete:
        """The same object at every call."""
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Start a new game."""
        self.game.reset(seed, options)

    def observe(self, agent: str) -> dict[str, NDArray[Any]]:
        """What `agent` sees, and what it may do."""
        mask = self.game.infos.get(agent, {}).get("action_mask", self._nothing)
        return {"observation": self.game.tensor(agent), "action_mask": mask.copy()}

    def step(self, action: int | None) -> None:
        """Play a discrete action for `agent_selection`; a seat whose game is over steps with None."""
        self.game.step(None if action is None else self.game.action_text(int(action)))

    def last(self, observe: bool = True) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Observation, cumulative reward, terminated, truncated, info of `agent_selection`."""
        _, reward, terminated, truncated, info = self.game.last(observe=False)
        return self.observe(self.game.agent_selection) if observe else None, reward, terminated, truncated, info

    def render(self) -> str | None:
        """The text view, with render_mode="ansi"."""
        return self.game.render()

    def close(self) -> None:
        """Close the game."""
        self.game.close()
