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
    advantages_B = np.empty_like(returns_B)
    for indices in group_indices(returns_B, groups):
        centred = returns_B[indices] - returns_B[indices].mean()
        spread = returns_B[indices].std(ddof=1) if len(indices) > 1 else 0.0
        advantages_B[indices] = centred / (spread + 1e-4) if normalise else centred
    return advantages_B


def leave_one_out(returns_B: np.ndarray, groups: Sequence[Hashable]) -> np.ndarray:
    """A = R - mean of the *others* of its group: RLOO (arXiv 2402.14740, equation 8). Alone in a group: 0.

    Unbiased, where the group's own mean holds a share of the return itself; n/(n-1) times the centred return.
    """
    returns_B = np.asarray(returns_B, np.float64)
    advantages_B = np.zeros_like(returns_B)
    for indices in group_indices(returns_B, groups):
        if len(indices) > 1:
            others = (returns_B[indices].sum() - returns_B[indices]) / (len(indices) - 1)
            advantages_B[indices] = returns_B[indices] - others
    return advantages_B


def batch_normalised(returns_B: np.ndarray, groups: Sequence[Hashable]) -> np.ndarray:
    """A = (R - mean of its group) / std over the whole batch of these differences (REINFORCE++, arXiv 2501.03262).

    A hard task and an easy one keep their scales, where GRPO blows up a group that is nearly equal.
    """
    centred_B = group_relative(returns_B, groups, normalise=False)
    spread = centred_B.std(ddof=1) if len(centred_B) > 1 else 0.0
    return np.asarray(centred_B / (spread + 1e-4))


def group_indices(returns_B: np.ndarray, groups: Sequence[Hashable]) -> list[list[int]]:
    """The places of each group's members. Raises ValueError unless every return has its group."""
    if len(groups) != len(returns_B):
        raise ValueError(f"there must be one group per return, got {len(groups)} groups for {len(returns_B)} returns")
    members: dict[Hashable, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    return list(members.values())


def returns_to_go(rewards_T: Sequence[float], discount: float = 1.0) -> np.ndarray:
    """G_t = r_t + discount * G_{t+1} [T]: what a turn is followed by, itself included."""
    returns_T, following = np.zeros(len(rewards_T)), 0.0
    for turn in reversed(range(len(rewards_T))):
        following = returns_T[turn] = rewards_T[turn] + discount * following
    return returns_T


class LinearBaselines:
    """A return that is expected before the turn is taken: least squares on what earlier updates returned.

    One line per (game, seat) over the number of the turn, b(t) = a + c t, fitted to all returns of past updates, each
    weighted by decay ** (updates since). The update's own returns come in after its advantages are taken, so the
    estimate stays independent of the sample (the state-dependent baseline of Williams 1992, with a linear function).
    """

    def __init__(self, decay: float = 0.95) -> None:
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"decay must be in [0, 1), got {decay}")
        self.decay = decay
        self.sums: dict[tuple[str, str], list[float]] = {}
        """(game, seat) -> weighted sums of 1, t, t t, R, t R."""

    def advantages(
        self, returns_B: Sequence[float], roles: Sequence[tuple[str, str]], turns: Sequence[int]
    ) -> np.ndarray:
        """A = R - b(t) in the order given: the returns of one update, each with its role and its turn's number."""
        if not len(returns_B) == len(roles) == len(turns):
            sizes = f"{len(returns_B)} returns, {len(roles)} roles, {len(turns)} turns"
            raise ValueError(f"there must be one role and one turn per return, got {sizes}")
        expected = [self.expected(role, turn) for role, turn in zip(roles, turns, strict=True)]
        self._take_in(returns_B, roles, turns)
        return np.array([value - before for value, before in zip(returns_B, expected, strict=True)], np.float64)

    def expected(self, role: tuple[str, str], turn: int) -> float:
        """b(t); 0 before anything is known, a constant where all turns had one number."""
        count, t, tt, total, slope = self.sums.get(role, [0.0] * 5)
        if not count:
            return 0.0
        mean, spread = t / count, tt / count - (t / count) ** 2
        steep = (slope / count - mean * total / count) / spread if spread > 1e-9 else 0.0
        return total / count + steep * (turn - mean)

    def _take_in(self, returns_B: Sequence[float], roles: Sequence[tuple[str, str]], turns: Sequence[int]) -> None:
        self.sums = {role: [self.decay * value for value in sums] for role, sums in self.sums.items()}
        for value, role, turn in zip(returns_B, roles, turns, strict=True):
            new = (1.0, turn, turn * turn, float(value), turn * float(value))
            self.sums[role] = [old + one for old, one in zip(self.sums.get(role, [0.0] * 5), new, strict=True)]

    def state_dict(self) -> State:
        """What a checkpoint must hold."""
        return {"sums": [[game, seat, *sums] for (game, seat), sums in sorted(self.sums.items())]}

    def load_state_dict(self, state: State) -> None:
        """Take back what `state_dict` gave."""
        self.sums = {(game, seat): sums for game, seat, *sums in state["sums"]}


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
