"""Ranges of options."""

from __future__ import annotations


def require_between(name: str, value: int, least: int, most: int) -> None:
    """Raises ValueError for an option that is out of its range, or no whole number."""
    if value not in range(least, most + 1):
        raise ValueError(f"{name} must be a whole number from {least} to {most}, got {value!r}")
