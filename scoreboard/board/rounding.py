"""Numbers of a page as its packed facts hold them: rounded, so that another machine's last bits make no other page."""

from __future__ import annotations

import math

from sparring.scoreboard.stats import Estimate


def number(value: float, digits: int) -> float | None:
    """Rounded; None where it is infinite."""
    return round(value, digits) + 0.0 if math.isfinite(value) else None


def ends(estimate: Estimate | None) -> list[float | None] | None:
    """[value, low, high]; None for what there is not."""
    if estimate is None or math.isnan(estimate.value):
        return None
    return [number(one, 6) for one in (estimate.value, estimate.low, estimate.high)]
