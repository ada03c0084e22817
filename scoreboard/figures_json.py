"""Figures as JSON, which has neither nan nor infinity: null stands for both; the field says which it was."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sparring.scoreboard.stats import Estimate


def finite(value: Any) -> Any:
    """Plain data with null in place of every number that is not finite."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def number(written: float | None) -> float:
    """A number again; null was nan."""
    return math.nan if written is None else written


def estimate(written: Mapping[str, Any]) -> Estimate:
    """An estimate again: a value that is missing was nan, an end of the interval infinite."""
    ends = {"value": math.nan, "low": -math.inf, "high": math.inf}
    return Estimate(**{**written, **{name: end for name, end in ends.items() if written[name] is None}})
