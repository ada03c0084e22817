"""What a seat sees, as programs want it: our games say it themselves; of other environments it is what they show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sparring.rollout.actions import Info
from sparring.situation import Situation

OURS = "agent_situation"
"""The method of an environment that says what a seat's situation is."""


class Situations:
    """The situations of one seat."""

    def __init__(self, env: object, space: object) -> None:
        self._own: Callable[[str], Situation] | None = getattr(env, OURS, None)
        self._space = space if isinstance(space, spaces.Discrete) else None

    def of(self, seat: str, seen: object, info: Info) -> Situation:
        """What the seat sees now."""
        return HostedSituation(seen, info, self._space) if self._own is None else self._own(seat)


class HostedSituation:
    """Of an environment that is not ours: its own observation, and the mask that it gives, if it gives any."""

    __slots__ = ("_info", "_seen", "_space")

    def __init__(self, seen: object, info: Info, space: spaces.Discrete | None) -> None:
        self._seen, self._info, self._space = seen, info, space

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        """It stays with its environment: a copy elsewhere is None."""
        return type(None), ()

    def seen(self) -> object:
        """The observation as the environment gave it."""
        return self._seen

    def vector(self) -> NDArray[np.float32]:
        """Its numbers, flat; of a dict those under "observation"."""
        seen = self._seen.get("observation") if isinstance(self._seen, Mapping) else self._seen
        array = np.asarray(seen)
        if array.dtype.kind not in "biuf":
            raise ValueError(f"this environment shows no numbers but {type(self._seen).__name__}: {self._seen!r:.80}")
        return array.astype(np.float32).ravel()

    def mask(self) -> NDArray[np.int8]:
        """The environment's own; all ones where it gives none."""
        space = self._discrete()
        shown = self._seen.get("action_mask") if isinstance(self._seen, Mapping) else None
        mask = self._info.get("action_mask", shown)
        return np.ones(int(space.n), np.int8) if mask is None else np.array(mask, np.int8)

    def action_text(self, action: int) -> str:
        """Its number; the first one is the space's `start`."""
        space = self._discrete()
        return str(int(space.start) + int(action)) if 0 <= action < space.n and self.mask()[action] else ""

    def state(self) -> NoReturn:
        """There is none. Raises ValueError."""
        raise ValueError("this environment shows no position that can be searched: only games on OpenSpiel do")

    def whole_state(self) -> Any:
        """There is none. Raises ValueError."""
        self.state()

    def _discrete(self) -> spaces.Discrete:
        if self._space is None:
            raise ValueError("this environment's actions are not numbered, so there is no mask of them")
        return self._space
