"""Options of robot environments: a value of a wrong kind, or beyond its range, is one line that names the option."""

from __future__ import annotations

from sparring.kinds import shown

LARGEST = 10**9
"""Of whole numbers."""


def require_whole(name: str, value: object, least: int = 1) -> None:
    """Raises ValueError unless it is a whole number of at least `least`."""
    if type(value) is not int or not least <= value <= LARGEST:
        raise ValueError(f"{name} must be a whole number >= {least}, got {shown(value)}")


def require_number(name: str, value: object, rule: str, least: float, most: float) -> None:
    """Raises ValueError, saying `rule`, unless it is a number from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"{name} must {rule}, got {shown(value)}")


def require_flag(name: str, value: object) -> None:
    """Raises ValueError unless it is True or False."""
    if type(value) is not bool:
        raise ValueError(f"{name} must be true or false, got {shown(value)}")


def require_text(name: str, value: object) -> None:
    """Raises ValueError unless it is a text."""
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a text, got {shown(value)}")
