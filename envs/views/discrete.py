"""The discrete view: an environment of ours with `Discrete` actions, a vector to see and a mask of what is legal."""

from __future__ import annotations

import copy
import operator
from typing import Self, SupportsIndex

import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary
from numpy.typing import NDArray
from pettingzoo import AECEnv

from sparring.envs.copies import twin
from sparring.envs.games.two_player import TextGame

Observation = dict[str, NDArray[np.float32] | NDArray[np.int8]]


class DiscreteView(AECEnv[str, Observation, int | None]):
    """The same game, seed for seed, for classic RL code.

    Observation: {"observation": float32 vector, "action_mask": int8, 1 where an action is legal now}. The mask of a
    seat that is not to move is all zeros; when the game is over it is all ones, since whoever is asked then must not
    find nothing to choose. An action that the mask forbids is an illegal action of the game. Infos hold the mask and no
    text, so that libraries can stack them; the texts are those of `game`.
    """

    def __init__(self, game: TextGame) -> None:
        if not isinstance(game, TextGame):
            raise TypeError(f"the discrete view needs a TextGame, got {type(game).__name__}")
        self.game = game
        self.metadata = game.metadata
        self.render_mode = game.render_mode
        self.possible_agents = game.possible_agents
        shape = _shape_of(copy.deepcopy(game))  # a copy, so that this one has not begun
        low, high = game.tensor_range
        self.observation_spaces = {seat: self._space(low, high, shape) for seat in self.possible_agents}
        self.action_spaces = {seat: Discrete(game.num_actions) for seat in self.possible_agents}
        self._nothing, self._everything = np.zeros(game.num_actions, np.int8), np.ones(game.num_actions, np.int8)

        self._told: dict[str, dict[str, NDArray[np.int8]]] = {}
        self._told_at = game.moment

    def _space(self, low: float, high: float, shape: tuple[int, ...]) -> Dict:
        vector = Box(low, high, shape, np.float32)
        return Dict({"observation": vector, "action_mask": MultiBinary(self.game.num_actions)})

    @property
    def infos(self) -> dict[str, dict[str, NDArray[np.int8]]]:
        """Numbers of a fixed shape by seat."""
        return {seat: self.info(seat) for seat in self.game.infos}

    def info(self, agent: str) -> dict[str, NDArray[np.int8]]:
        """What `infos` holds of one seat: the same dict until the next action."""
        moment = self.game.moment
        if self._told_at != moment:
            self._told_at, self._told = moment, {}
        info = self._told.get(agent)
        if info is None:
            info = self._told[agent] = {"action_mask": self.action_mask(agent)}
        return info

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return twin(self, memo)

    def observation_space(self, agent: str) -> Dict:
        """The same object at every call."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Discrete:
        """The same object at every call."""
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, object] | None = None) -> None:
        """Start a new game."""
        self.game.reset(seed, options)

    def observe(self, agent: str) -> Observation:
        """What `agent` sees, and what it may do. RuntimeError before `reset`."""
        self.game.require_begun()
        self.game.require_seat(agent)
        mask = self.action_mask(agent)
        return {"observation": self.game.tensor(agent), "action_mask": mask}

    def action_mask(self, agent: str) -> NDArray[np.int8]:
        """What `agent` may do, as a fresh array."""
        game = self.game
        if game.terminations.get(agent, True) or game.truncations[agent]:
            return self._everything.copy()
        return game.mask().copy() if agent == game.agent_selection else self._nothing.copy()

    def step(self, action: int | None) -> None:
        """Play a discrete action for `agent_selection`; a seat whose game is over steps with None.

        Raises RuntimeError before `reset`, TypeError for what is no whole number.
        """
        if action is not None:
            number = action if type(action) is int else _whole_number(action)
            self.game.step(self.game.action_text(number) if self.game.agents else "")
        else:
            self.game.step(None)

    def last(self, observe: bool = True) -> tuple[Observation | None, float, bool, bool, dict[str, NDArray[np.int8]]]:
        """Observation, cumulative reward, terminated, truncated, info of `agent_selection`."""
        game, seat = self.game, self.game.agent_selection
        info = self.info(seat)
        seen: Observation | None = None
        if observe:
            seen = {"observation": game.tensor(seat), "action_mask": info["action_mask"].copy()}
        paid = game._cumulative_rewards[seat]
        return seen, paid, game.terminations[seat], game.truncations[seat], info

    def render(self) -> str | None:
        """The text view, with render_mode="ansi"."""
        return self.game.render()

    def close(self) -> None:
        """Close the game."""
        self.game.close()


def _of_the_game(name: str) -> property:
    """What PettingZoo reads of an environment, and the game has. (A `__getattr__` would make all the rest slow.)"""
    return property(lambda view: getattr(view.game, name), doc=f"`{name}` of the game.")


for _name in ("agents", "agent_selection", "rewards", "_cumulative_rewards", "terminations", "truncations"):
    setattr(DiscreteView, _name, _of_the_game(_name))


def _shape_of(game: TextGame) -> tuple[int, ...]:
    """Of what a seat sees as a vector. The game begins for it."""
    game.reset(seed=0)
    return game.tensor(game.agent_selection).shape


def _whole_number(action: SupportsIndex) -> int:
    """An action's number. Raises TypeError for a fraction, a text or a truth value."""
    if isinstance(action, bool | np.bool_):
        raise TypeError(f"a discrete action must be a whole number, got {action!r}")
    try:
        return operator.index(action)
    except TypeError:
        raise TypeError(f"a discrete action must be a whole number, got {action!r:.40}") from None
