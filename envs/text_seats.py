"""What environments of several seats of text share: spaces, PettingZoo's tables, and the frame of a step."""

from __future__ import annotations

from copy import deepcopy
from typing import Self

from gymnasium.spaces import Space
from pettingzoo import AECEnv

from sparring.envs.any_text import Info
from sparring.envs.copies import twin
from sparring.registry import UnknownName

RESET_OPTIONS = ("state", "options")
"""The second one means nothing: PettingZoo's own tests give it, as {"options": 1}."""


class MadeByReset:
    """An attribute that each `reset` makes: says so where it is read before.

    (A `__getattr__` would say it too, and make every attribute of a game in play twice as slow.)
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, env: TextSeats | None, _: type) -> Self:
        if env is None:
            return self
        raise AttributeError(f"{env.env_id} has not begun, so it has no {self._name}: call reset first")


class TextSeats(AECEnv[str, object, str | None]):
    """A PettingZoo environment of texts. A subclass calls `_begin` in its `reset`, and says what `_take_turn` does."""

    metadata: dict[str, object] = {"render_modes": ["ansi"], "render_fps": 1, "is_parallelizable": False}
    render_mode: str | None
    _over: bool | None = None
    """None before the first `reset`."""

    def __init__(self, seats: tuple[str, ...], observed: Space[object], written: Space[object]) -> None:
        """`observed`, `written`: the spaces of what a seat sees and writes."""
        self.possible_agents, self.agents = list(seats), list[str]()
        self._nothing_paid, self._nobody_done = dict.fromkeys(seats, 0.0), dict.fromkeys(seats, False)
        self.observation_spaces = {seat: deepcopy(observed) for seat in seats}  # each with a generator of its own
        self.action_spaces = {seat: deepcopy(written) for seat in seats}

    @property
    def env_id(self) -> str:
        """The registered name."""
        return str(self.metadata["name"])

    def observation_space(self, agent: str) -> Space[object]:
        """The same object at every call."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Space[object]:
        """The same object at every call."""
        return self.action_spaces[agent]

    def step(self, action: str | None) -> None:
        """Act for `agent_selection`; a seat whose episode is over steps with None. RuntimeError before `reset`."""
        if self._over is not False:
            self._step_without_a_turn(action)
            return
        seat = self.agent_selection
        text = action if type(action) is str else require_text(action)
        self._cumulative_rewards[seat] = 0.0
        self._take_turn(seat, text)

    def _step_without_a_turn(self, action: str | None) -> None:
        if self._over is None:
            raise RuntimeError(f"{self.env_id} has not begun: step was called before reset")
        self._was_dead_step(action)

    def require_seat(self, seat: str) -> None:
        """Raises UnknownName for a seat that there is not."""
        if seat not in self._nothing_paid:
            raise UnknownName(f"{self.env_id} has no seat {seat!r}; the seats are {', '.join(self.possible_agents)}")

    def require_begun(self) -> None:
        """Raises RuntimeError before `reset`."""
        if self._over is None:
            raise RuntimeError(f"{self.env_id} has not begun, so it shows nothing: call reset first")

    def render(self) -> str | None:
        """What the seat to move sees, with render_mode="ansi"."""
        return str(self.observe(self.agent_selection)) if self.render_mode == "ansi" else None

    def close(self) -> None:
        """Nothing is held open."""

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return twin(self, memo)

    def _take_turn(self, seat: str, action: str) -> None:
        """One action of the seat to move: pays, and says in `agent_selection` who is next."""
        raise NotImplementedError

    def _begin(self, first: str) -> None:
        """Fresh tables; this seat is to move."""
        self._skip_agent_selection: str | None = None
        self.agents = self.possible_agents.copy()
        self.agent_selection = first
        self.rewards, self._cumulative_rewards = self._nothing_paid.copy(), self._nothing_paid.copy()
        self.terminations, self.truncations = self._nobody_done.copy(), self._nobody_done.copy()
        self.infos: dict[str, Info] = {seat: {} for seat in self.agents}
        self._over = False


def require_known_options(options: object) -> None:
    """Of `reset`. Raises TypeError for what is no dict, ValueError for an option that there is not."""
    if options is None:
        return
    if not isinstance(options, dict):
        raise TypeError(f"options must be a dict or None, got {type(options).__name__}")
    for option in options:
        if option not in RESET_OPTIONS:
            raise ValueError(f"reset has no option {option!r}; it takes 'state'")


def require_text(action: object) -> str:
    """The action. Raises TypeError for one that is no text."""
    if not isinstance(action, str):
        raise TypeError(f"action must be a str, got {type(action).__name__}")
    return action


for _name in ("agent_selection", "infos", "rewards", "_cumulative_rewards", "terminations", "truncations"):
    setattr(TextSeats, _name, MadeByReset(_name))
