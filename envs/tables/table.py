"""A small game as arrays: where every action leads, who moves, what chance does, what is seen and what is paid.

N  nodes: chance nodes first, then decisions, then the ends of the game       S  seats
W  columns: actions at a decision, outcomes in their order at a chance node   A  actions
C  chance nodes          I  information states of all seats                   R, D  rows of D numbers that are seen
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Policy = Floats
"""[I, A]: the probability of every action at every information state. Rows of other seats than the policy's own are
not looked at."""
TABULAR = 1e-6
"""How far from 1 the sum of a row may be."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A compiled game; see `compile_game`. Its arrays are not to be written to: all of the process share them."""

    env_id: str
    seats: tuple[str, ...]
    root: int
    child_NW: Integers
    """The node that follows; -1 where there is none."""
    mover_N: Integers
    """The seat that decides, as a number; -1 elsewhere."""
    cumulative_CW: Floats
    """Of each chance node: the cumulative probability of its outcomes, infinity from the last one on."""
    state_N: Integers
    """The information state of a decision; -1 elsewhere."""
    mask_IA: NDArray[np.int8]
    """1 where an action is legal."""
    payoff_NS: Floats
    """What the game pays at its ends; 0 elsewhere."""
    forfeit_SS: Floats
    """What all seats (columns) are paid when a seat (row) acts illegally, which ends the game."""
    row_NS: Integers
    """The row of `seen_RD` that a seat sees at a decision or an end; -1 at chance nodes."""
    seen_RD: NDArray[np.float32]
    """The tensors of the discrete view."""
    tensor_range: tuple[float, float]
    information_states: tuple[tuple[str, str], ...]
    """(seat, state key)."""
    actions: tuple[Mapping[int, str], ...]
    """By information state: the name of every legal action."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    @property
    def num_actions(self) -> int:
        """Actions of the whole game."""
        return int(self.mask_IA.shape[1])

    @property
    def num_chance(self) -> int:
        """Nodes below this number are chance nodes."""
        return len(self.cumulative_CW)

    @property
    def first_end(self) -> int:
        """Nodes from this number on are ends."""
        return self.num_chance + int((self.state_N >= 0).sum())

    def uniform_policy(self) -> Policy:
        """Every legal action equally likely."""
        policy_IA: Policy = self.mask_IA / self.mask_IA.sum(axis=1, keepdims=True)
        return policy_IA

    def policy(self, by_state: Mapping[str, Mapping[str, float]]) -> Policy:
        """The array of a policy {state key: {action: probability}}, as `sparring.scoreboard.game_theory` has them.

        Information states that it lacks get zeros. Raises ValueError for an action that is not legal.
        """
        policy_IA = np.zeros(self.mask_IA.shape)
        for row, ((_, key), names) in enumerate(zip(self.information_states, self.actions, strict=True)):
            number = {name: action for action, name in names.items()}
            for name, probability in by_state.get(key, {}).items():
                if name not in number:
                    raise ValueError(f"at {key!r} of {self.env_id} the actions are {', '.join(number)}, got {name!r}")
                policy_IA[row, number[name]] = probability
        return policy_IA

    def require_policy(self, policy: object, seats: tuple[int, ...]) -> Policy:
        """The policy as float64 [I, A]. Raises ValueError where it is none for one of these seats."""
        policy_IA = np.asarray(policy, np.float64)
        if policy_IA.shape != self.mask_IA.shape:
            raise ValueError(
                f"a policy of {self.env_id} must be an array of shape {self.mask_IA.shape} (information states, "
                f"actions), got {policy_IA.shape}"
            )
        own_I = np.isin([self.seats.index(seat) for seat, _ in self.information_states], seats)
        legal_IA = np.where(self.mask_IA == 1, policy_IA, 0.0)
        fits_I = (policy_IA >= 0.0).all(axis=1) & (np.abs(policy_IA.sum(axis=1) - 1.0) <= TABULAR)
        fits_I &= legal_IA.sum(axis=1) == policy_IA.sum(axis=1)
        if not fits_I[own_I].all():
            row = int(np.flatnonzero(own_I & ~fits_I)[0])
            raise ValueError(
                f"a policy must be a distribution over legal actions at every information state; at "
                f"{self.information_states[row]} of {self.env_id}, row {row}, it is {policy_IA[row].tolist()}"
            )
        return policy_IA
