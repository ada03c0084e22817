"""Figures as JSON, which has neither nan nor infinity: null stands for both; the field says which it was."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from sparring.scoreboard.stats import Estimate
from sparring.store.run_files import RunError

T = TypeVar("T")


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


def read_figures(file: Path, format: int, read: Callable[[Mapping[str, Any]], T], what: str) -> T | None:
    """What `read` makes of a file of figures; None where there is none. Raises RunError where the file is damaged."""
    try:
        written = json.loads(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RunError(f"{file} is damaged: {error}") from error
    try:
        if written["format"] != format:
            raise RunError(f"{file} has format {written['format']}, this version reads format {format}")
        return read(written)
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{file} is damaged: it must hold {what} ({error!r})") from error
