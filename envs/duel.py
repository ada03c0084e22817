"""What episodes of unlike seats share: spaces, the reset of PettingZoo's tables, and the frame of a step."""

from __future__ import annotations

from gymnasium.spaces import Space
from pettingzoo import AECEnv

from sparring.envs.any_text import Info
from sparring.envs.rng import Rng

NOT_BEGUN = "step was called before reset"


class Duel(AECEnv[str, object, str | None]):
    """A PettingZoo environment of text. A subclass says what `_act` does, and ends the episode by `_finish`."""

    metadata: dict[str, object] = {"render_modes": ["ansi"], "render_fps": 1, "is_parallelizable": False}
    render_mode: str | None

    def __init__(self, seats: tuple[str, ...], observed: Space[object], written: Space[object]) -> None:
        """`observed`, `written`: the spaces of what a seat sees and writes."""
        self.possible_agents, self.agents = list(seats), list[str]()
        self.observation_spaces, self.action_spaces = dict.fromkeys(seats, observed), dict.fromkeys(seats, written)
        self._rng = Rng()
        self._over: bool | None = None

    def observation_space(self, agent: str) -> Space[object]:
        """The same object at every call."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Space[object]:
        """The same object at every call."""
        return self.action_spaces[agent]

    def step(self, action: str | None) -> None:
        """Act for `agent_selection`; a seat whose episode is over steps with None. RuntimeError before `reset`."""
        if self._over is None:
            raise RuntimeError(NOT_BEGUN)
        if self._over:
            self._was_dead_step(action)
            return
        if not isinstance(action, str):
            raise TypeError(f"action must be a str, got {type(action).__name__}")
        seat = self.agent_selection
        self._cumulative_rewards[seat] = 0.0
        self._clear_rewards()
        self._act(seat, action)
        self._accumulate_rewards()

    def render(self) -> str | None:
        """What the seat to move sees, with render_mode="ansi"."""
        return str(self.observe(self.agent_selection)) if self.render_mode == "ansi" else None

    def close(self) -> None:
        """Nothing is held open."""

    def _act(self, seat: str, action: str) -> None:
        """One action of the seat to move: pays in `rewards`, and says in `agent_selection` who is next."""
        raise NotImplementedError

    def _begin(self, first: str) -> None:
        """Fresh tables; this seat is to move."""
        seats = self.possible_agents
        self._skip_agent_selection: str | None = None
        self.agents, self.agent_selection = list(seats), first
        self.rewards, self._cumulative_rewards = dict.fromkeys(seats, 0.0), dict.fromkeys(seats, 0.0)
        self.terminations, self.truncations = dict.fromkeys(seats, False), dict.fromkeys(seats, False)
        self.infos: dict[str, Info] = {seat: {} for seat in seats}
        self._over = False

    def _finish(self, first: str, *, truncated: bool = False) -> None:
        """The episode is over for all; this seat is the first to step with None."""
        self._over = True
        for seat in self.possible_agents:
            self.terminations[seat], self.truncations[seat] = not truncated, truncated
        self.agent_selection = first
