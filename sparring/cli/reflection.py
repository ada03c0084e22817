"""`sparring reflection`: what correcting, judging and sampling again came to, in recorded attempts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import tyro

from sparring.cli import terminal
from sparring.cli.locations import RunsOrStores
from sparring.plurals import number_of
from sparring.store.location import Location
from sparring.store.run_files import episodes_of

if TYPE_CHECKING:
    from sparring.scoreboard.reflection import Reflection
    from sparring.scoreboard.stats import Estimate

Flag = tyro.conf.FlagCreatePairsOff[bool]


def show_reflection(runs: tyro.conf.Positional[RunsOrStores], /, json: Flag = False) -> None:
    """Show what reflection buys: answers kept and mended, critiques, calibration, agreement, tokens a solved task.

    Every figure has a 95 % interval over questions; figures that the attempts do not show are left out. What an attempt
    corrects is found by its parents (reflection_of, refined_from, retry_of), or by the drafts that its agent noted.

    Args:
        runs: Run folders, or stores.
        json: Print JSON instead of tables.
    """
    from sparring.scoreboard.attempts import read_attempts
    from sparring.scoreboard.reflection import reflections
    from sparring.store.store import Store

    if not runs:
        raise ValueError("name at least one run folder or store")
    measured: dict[Location, list[Reflection]] = {}
    for run in runs:
        with Store(episodes_of(run)) as store:
            found = read_attempts(store.scan())
        left_out = " and ".join(_left_out(found.broken_off, found.damaged))
        if not found.attempts:
            raise ValueError(f"{run} holds no attempt that came to its end{': ' * bool(left_out)}{left_out}")
        measured[run] = reflections(found)
        if left_out:
            terminal.complain(f"{run}: left out: {left_out}")
    if json:
        terminal.dump([{"run": str(run), **asdict(one)} for run, these in measured.items() for one in these])
        return
    for run, these in measured.items():
        _show(str(run), these)


def _left_out(broken_off: int, damaged: int) -> Iterator[str]:
    """Which episodes are no attempts, and why."""
    if broken_off:
        yield f"{number_of(broken_off, 'episode')} broke off"
    if damaged:
        yield f"{number_of(damaged, 'episode')} cannot be read (`sparring verify` says which)"


def _show(run: str, these: list[Reflection]) -> None:
    for one in these:
        terminal.say(f"{run}: {one.agent} in {one.env_id}, {number_of(one.attempts, 'attempt')}")
        rows = [row for called, estimate in one.figures() for row in _row(called, estimate)]
        if one.calibration is not None:
            low, high = one.calibration.null_band
            band = f"{low:.3f} to {high:.3f} if perfect"
            rows.append(("ECE", f"{one.calibration.calibration_error:.3f}", band, ""))
        terminal.show_table(("figure", "value", "95 % interval", "questions"), rows)
        if one.unknown_drafts:
            drafts = number_of(one.unknown_drafts, "draft")
            terminal.say(f"{drafts} left out: the episode goes on after it, or cannot be played again here")
        if one.lost_parents:
            terminal.say(f"{number_of(one.lost_parents, 'attempt')} left out: what it corrects is not in this store")


def _row(called: str, estimate: Estimate) -> list[tuple[str, str, str, str]]:
    """None of a figure without a value: what it is a share of did not occur."""
    if math.isnan(estimate.value):
        return []
    value = "none is solved" if estimate.value == math.inf else _shown(estimate.value)
    if estimate.high == math.inf:
        return [(called, value, f"at least {_shown(estimate.low)}", str(estimate.clusters))]
    return [(called, value, f"{_shown(estimate.low)} to {_shown(estimate.high)}", str(estimate.clusters))]


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
