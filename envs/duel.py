"""What duels of two unlike seats share: a seat is paid for a step by what `_act` puts into `rewards`."""

from __future__ import annotations

from gymnasium.spaces import Space

from sparring.envs.rng import Rng
from sparring.envs.text_seats import TextSeats


class Duel(TextSeats):
    """A subclass says what `_act` does, and ends the episode by `_finish`."""

    def __init__(self, seats: tuple[str, ...], observed: Space[object], written: Space[object]) -> None:
        super().__init__(seats, observed, written)
        self._rng = Rng()

    def _take_turn(self, seat: str, action: str) -> None:
        self._clear_rewards()
        self._act(seat, action)
        self._accumulate_rewards()

    def _act(self, seat: str, action: str) -> None:
        """One action of the seat to move: pays in `rewards`, and says in `agent_selection` who is next."""
        raise NotImplementedError

    def _finish(self, first: str, *, truncated: bool = False) -> None:
        """The episode is over for all; this seat is the first to step with None."""
        self._over = True
        for seat in self.possible_agents:
            self.terminations[seat], self.truncations[seat] = not truncated, truncated
        self.agent_selection = first
