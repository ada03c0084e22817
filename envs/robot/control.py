"""The base of control worlds: Gymnasium's bookkeeping around a simulator that moves by continuous actions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import gymnasium
import numpy as np
from gymnasium.spaces import Box

from sparring.envs.robot.types import Array, Frame, Point
from sparring.robotics.words import Clause, Thing

Info = dict[str, object]
SEEDS = 2**63
NOT_BEGUN = "step was called before reset"


class ControlEnv(gymnasium.Env[Array, Array]):
    """One task in a simulator; see `types.World` for what a subclass says of itself.

    Actions are [n] numbers from -1 to 1; what lies outside is clipped, what is not finite is an illegal action that
    moves nothing. The reward is 1 in the step in which all clauses of the goal hold (terminated), else 0; the episode
    is truncated after `cap` steps. A subclass says `_begin`, `advance` and what `World` asks for.
    """

    metadata: dict[str, object] = {"render_modes": ["rgb_array"], "render_fps": 20}
    action_space: Box[np.float32]
    observation_space: Box[np.float32]

    def __init__(self, actions: int, state: int, max_steps: int | None, render_mode: str | None) -> None:
        """`actions`, `state`: how many numbers; `max_steps`: None for the task's own cap. Raises ValueError."""
        if max_steps is not None and (type(max_steps) is not int or max_steps < 1):
            raise ValueError(f"max_steps must be a whole number >= 1, got {max_steps!r}")
        self.action_space = Box(-1.0, 1.0, (actions,), np.float32)
        self.observation_space = Box(-np.inf, np.inf, (state,), np.float32)
        self.max_steps, self.render_mode = max_steps, render_mode
        self._steps, self._over, self._terminated, self._begun = 0, True, False, False

    # The Gymnasium interface.

    def reset(self, *, seed: int | None = None, options: dict[str, object] | None = None) -> tuple[Array, Info]:
        """The task of a seed; `options` are those of the world."""
        super().reset(seed=seed)
        number = int(self.np_random.integers(SEEDS)) if seed is None else int(seed)
        self._begin(number, options or {})
        self._steps, self._over, self._terminated, self._begun = 0, False, False, True
        told: Info = {"instruction": self.instruction, "goal": [str(clause) for clause in self.goal]}
        return self.state, {"illegal": False, "simulator": self.simulator, **told}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, Info]:
        """One control step. After the end nothing happens any more."""
        if not self._begun:
            raise RuntimeError(NOT_BEGUN)
        if self._over:
            return self.state, 0.0, self._terminated, not self._terminated, {"illegal": False}
        wanted = self.action_of(action)
        self._steps += 1
        if wanted is not None:
            self.advance(wanted)
            self._terminated = self.solved()
        truncated = not self._terminated and self._steps >= (self.max_steps or self.cap)
        self._over = self._terminated or truncated
        return self.state, float(self._terminated), self._terminated, truncated, {"illegal": wanted is None}

    def action_of(self, action: object) -> Array | None:
        """The action as the simulator takes it: clipped; None where it is not finite. ValueError for another shape."""
        wanted = np.asarray(action, np.float32)
        if wanted.shape != self.action_space.shape:
            raise ValueError(f"an action must have the shape {self.action_space.shape}, got {wanted.shape}")
        if not np.isfinite(wanted).all():
            return None
        clipped: Array = np.clip(wanted, -1.0, 1.0)
        return clipped

    def render(self) -> Frame | None:
        """The first camera's picture, with render_mode="rgb_array"."""
        return self.frame(self.cameras[0]) if self.render_mode == "rgb_array" and self._begun else None

    # What a world says of itself.

    instruction: str
    goal: tuple[Clause, ...]
    things: Mapping[str, Thing]
    cap: int
    cameras: Sequence[str]

    @property
    @abstractmethod
    def simulator(self) -> str: ...

    @property
    @abstractmethod
    def state(self) -> Array: ...

    @property
    @abstractmethod
    def hand(self) -> Point: ...

    @property
    @abstractmethod
    def opening(self) -> float: ...

    @abstractmethod
    def _begin(self, seed: int, options: Mapping[str, object]) -> None:
        """Set up the task of a seed."""

    @abstractmethod
    def advance(self, action: Array) -> None: ...

    @abstractmethod
    def evaluate(self, clause: Clause) -> bool: ...

    @abstractmethod
    def facts(self) -> tuple[Clause, ...]: ...

    @abstractmethod
    def position(self, thing: str) -> Point: ...

    @abstractmethod
    def knock(self, thing: str, shift: Sequence[float]) -> None: ...

    @abstractmethod
    def frame(self, camera: str, size: int = 128) -> Frame: ...

    def rest(self, grip: float) -> Array:
        """The action that moves nothing; the last number is the gripper's."""
        action = np.zeros(self.action_space.shape, np.float32)
        action[-1] = grip
        return action

    def solved(self) -> bool:
        """Whether all clauses of the goal hold."""
        return all(map(self.evaluate, self.goal))
