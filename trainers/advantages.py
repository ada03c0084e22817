"""Advantages: how much better a trajectory did than expected. Arrays in, arrays out.

Every function takes returns R [B] (chips, points: the environment's own unit) and gives advantages [B].
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from sparring.trainers.state import State


def reinforce(returns_B: np.ndarray) -> np.ndarray:
    """A = R: REINFORCE without a baseline (Williams 1992)."""
    return np.asarray(returns_B, np.float64).copy()


def group_relative(returns_B: np.ndarray, groups: Sequence[Hashable], normalise: bool = True) -> np.ndarray:
    """A = (R - mean of its group) / std of its group: GRPO (arXiv 2402.03300, section 4.1.2).

    `normalise=False` leaves the division out (Dr. GRPO, arXiv 2503.20783). A group of equal returns gets zeros. The
    standard deviation is the sample's (n - 1), with 1e-4 added, as in the published trainers.
    """
    returns_B = np.asarray(returns_B, np.float64)
    if len(groups) != len(returns_B):
        raise ValueError(f"there must be one group per return, got {len(groups)} groups for {len(returns_B)} returns")
    advantages_B = np.empty_like(returns_B)
    members: dict[Hashable, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    for indices in members.values():
        centred = returns_B[indices] - returns_B[indices].mean()
        spread = returns_B[indices].std(ddof=1) if len(indices) > 1 else 0.0
        advantages_B[indices] = centred / (spread + 1e-4) if normalise else centred
    return advantages_B


class RoleBaselines:
    """Role-conditioned advantage estimation (RAE), SPIRAL, arXiv 2506.24119, equation 2 and Algorithm 1.

    One exponential moving average b of the return per (game, role):

        b <- decay * b + (1 - decay) * R        A = R - b

    Order: SPIRAL's Algorithm 1 updates b first, its released code subtracts the old b and then updates, which keeps
    the estimate independent of the sample. `order="before"` (default) is the code's, `order="after"` the algorithm's;
    the two differ by the factor `decay` exactly, since R - (decay b + (1 - decay) R) = decay (R - b).
    """

    def __init__(self, decay: float = 0.95, order: str = "before") -> None:
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"decay must be in [0, 1), got {decay}")
        if order not in ("before", "after"):
            raise ValueError(f'order must be "before" or "after", got {order!r}')
        self.decay, self.order = decay, order
        self.baselines: dict[tuple[str, str], float] = {}

    def advantages(self, returns_B: Sequence[float], roles: Sequence[tuple[str, str]]) -> np.ndarray:
        """Advantages in the order given, one (game, role) per return; every return updates its own baseline."""
        if len(roles) != len(returns_B):
            raise ValueError(f"there must be one role per return, got {len(roles)} roles for {len(returns_B)} returns")
        return np.array([self._advantage(float(r), role) for r, role in zip(returns_B, roles, strict=True)])

    def _advantage(self, value: float, role: tuple[str, str]) -> float:
        old = self.baselines.get(role, 0.0)
        new = self.baselines[role] = self.decay * old + (1.0 - self.decay) * value
        return value - (old if self.order == "before" else new)

    def state_dict(self) -> State:
        """What a checkpoint must hold."""
        return {"baselines": [[game, role, value] for (game, role), value in sorted(self.baselines.items())]}

    def load_state_dict(self, state: State) -> None:
        """Take back what `state_dict` gave."""
        self.baselines = {(game, role): value for game, role, value in state["baselines"]}
