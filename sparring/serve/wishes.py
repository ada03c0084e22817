"""What a client may ask for when it begins an episode, read from JSON that nobody has looked at yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from sparring.kinds import shown

LONGEST_NAME = 200
"""Characters of what a client names: an episode, a table, itself."""
MOST = 2**63


@dataclass(frozen=True, slots=True)
class Wish:
    """An episode as a client asks for it; whatever is left out is the server's choice."""

    seed: int | None = None
    """Decides the task; beside `index`, which decides it then, the other agents' randomness."""
    sample: int = 0
    """Which attempt at the task: decides the other agents' randomness."""
    split: str | None = None
    index: int | None = None
    """Which task of the split."""
    episode_id: str | None = None
    """Comes back in the state."""
    seat: str | None = None
    """The client's, the first one where it is left out."""
    opponent: str | Mapping[str, str] | None = None
    """Who plays the other seats: one of the server's agents, or such an agent by seat."""
    table: str | None = None
    """The clients who name the same table play with each other."""
    agent: str = "client"
    """What tables and reports call the client."""


def read_wish(given: object) -> Wish:
    """Raises ValueError that says which field is wrong, and what would be right."""
    if not isinstance(given, Mapping):
        raise ValueError(f"data must be an object, got {shown(given)}")
    known = [field.name for field in fields(Wish)]
    for name in given:
        if name not in known:
            raise ValueError(f"reset takes {', '.join(known)}, got {shown(name)}")
    said = {name: value for name, value in given.items() if value is not None}
    for name in ("seed", "sample", "index"):
        if name in said:
            _require(
                name,
                said[name],
                type(said[name]) is int and 0 <= said[name] < MOST,
                f"a whole number from 0 to {MOST - 1}",
            )
    for name in ("split", "episode_id", "seat", "table", "agent"):
        if name in said:
            _require(name, said[name], _is_name(said[name]), f"text of 1 to {LONGEST_NAME} printable characters")
    if "opponent" in said:
        opponent = said["opponent"]
        by_seat = isinstance(opponent, Mapping) and all(map(_is_name, [*opponent, *opponent.values()]))
        _require("opponent", opponent, _is_name(opponent) or by_seat, "an agent's name, or names by seat")
    if "table" in said and isinstance(said.get("opponent"), str):
        raise ValueError(
            'at a table the other seats are for clients: leave out opponent, or name it by seat, {"player_2": ...}'
        )
    return Wish(**said)


def _require(name: str, value: object, holds: bool, right: str) -> None:
    if not holds:
        raise ValueError(f"{name} must be {right}, got {shown(value)}")


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and value.isprintable()
