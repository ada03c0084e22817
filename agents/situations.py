"""What an agent that computes with vectors and positions finds of an observation."""

from __future__ import annotations

from sparring.protocols import Seat
from sparring.situation import Situation
from sparring.types import Observation


def situation_of(observation: Observation, seat: Seat) -> Situation:
    """Raises ValueError for an observation that comes without: of a record, or of an environment that is elsewhere."""
    if observation.situation is None:
        raise ValueError(f"{seat.env_id} shows text alone here, no vector and no position, so only texts can be played")
    return observation.situation
