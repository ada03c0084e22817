"""`sparring runs | compare`, and the list of `sparring replay`: tables about run folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from sparring.cli import terminal
from sparring.cli.locations import RunsOrStores
from sparring.cli.tables import shortened
from sparring.plurals import number_of
from sparring.scoreboard import progress, run_summary
from sparring.scoreboard.progress import short_name
from sparring.scoreboard.run_summary import RunSummary
from sparring.start import EXIT_FAILED
from sparring.store.run_files import checkpoints_of
from sparring.store.runs import find_runs, size_of

if TYPE_CHECKING:
    from sparring.scoreboard.stats import Estimate
    from sparring.store.rows import EpisodeRow

Flag = tyro.conf.FlagCreatePairsOff[bool]
MOST_PROBLEMS = 5
"""Of one run or store, in the terminal."""
NAME = 16
"""Characters of an agent's name in the list of episodes, where a person looks."""


def list_runs(folder: tyro.conf.Positional[Path | None] = None, /, json: Flag = False) -> int:
    """List the run folders below a folder: state, model, games, updates, best and last figure, size.

    Exit code 1 if there is none.

    Args:
        folder: Where to look. None: runs where there is such a folder, else here.
        json: Print JSON instead of a table.
    """
    where = folder or (Path("runs") if Path("runs").is_dir() else Path("."))
    found = [run_summary.summarise(run) for run in find_runs(where)]
    if json:
        terminal.dump([run_summary.plain(summary) for summary in found])
    elif found:
        _show_runs(found)
    else:
        terminal.complain(f"there is no run folder below {where}; `sparring train spiral --run FOLDER` makes one")
    return 0 if found else EXIT_FAILED


def _show_runs(found: Sequence[RunSummary]) -> None:
    rows = [(str(summary.path), summary.state, *_cells(summary)) for summary in found]
    terminal.show_table(("run", "state", "model", "games", "updates", "best", "last", "size"), rows, names=(0, 2, 3))
    if any(summary.figure for summary in found):
        met = dict.fromkeys(summary.figure.opponent for summary in found if summary.figure and summary.figure.opponent)
        signed = f"; signed: reward against {', '.join(met)}" if met else ""
        terminal.say_wrapped(f"best and last: NashConv (0 is an equilibrium){signed}")
    complain_of_damage({str(summary.path): [summary.damage] for summary in found})


def complain_of_damage(damage: Mapping[str, Sequence[str]]) -> None:
    """What runs and stores have lost, a line each; empty words are passed over."""
    for name, problems in damage.items():
        for problem in filter(None, problems[:MOST_PROBLEMS]):
            terminal.complain(f"{name}: {problem}")
        if len(problems) > MOST_PROBLEMS:
            terminal.complain(f"{name}: and {len(problems) - MOST_PROBLEMS} more; the page lists all")


def _cells(summary: RunSummary) -> tuple[str, ...]:
    figure = summary.figure
    measured = ("", "")
    if figure is not None:
        measured = (progress.shown(figure, figure.best[1]), progress.shown(figure, figure.last))
    updates = f"{summary.done}/{summary.steps}" if summary.steps else ""
    return summary.model, run_summary.games_in_short(summary), updates, *measured, in_bytes(summary.size)


def what_is_kept(run: Path) -> str:
    """How many checkpoints a run folder holds, and what all of it takes: "2 checkpoints, 1.1 GB in runs/first"."""
    count = len(checkpoints_of(run))
    return f"{number_of(count, 'checkpoint')}, {in_bytes(size_of(run))} in {run}"


def in_bytes(size: float) -> str:
    """A size for people: 812 B, 3.1 MB."""
    units = ["B", "kB", "MB", "GB", "TB"]
    while size >= 999.5 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.0f} {units[0]}" if units[0] == "B" or size >= 100 else f"{size:.1f} {units[0]}"


def compare_runs(runs: tyro.conf.Positional[RunsOrStores], /, json: Flag = False) -> None:
    """Show what differs between runs: settings, and figures with the difference to the first run.

    A difference is paired: over the updates, or the deals against the same agent, that both runs have. Of stores whose
    episodes say a success (robots): over the tasks that both hold, with the p-value of McNemar's exact test.

    Args:
        runs: Two or more run folders, or such stores.
        json: Print JSON instead of tables.
    """
    from sparring.scoreboard import comparison

    if len(runs) < 2:
        raise ValueError(f"name at least two run folders, or stores, got {len(runs)}")
    loaded = [comparison.load_measured(run) for run in runs]
    settings, figures = comparison.differing_settings(loaded), comparison.compare_figures(loaded)
    no_stores = [one.path for one in loaded if one.seconds is not None and isinstance(one.path, Path)]
    complain_of_damage({str(run): [run_summary.summarise(run).damage] for run in no_stores})
    if json:
        compared = [asdict(figure) for figure in figures]
        terminal.dump({"runs": list(map(str, runs)), "settings": settings, "figures": compared})
        return
    if settings:
        rows = [[name, *map(_setting, values)] for name, values in settings.items()]
        terminal.show_table(["setting", *map(str, runs)], rows, names=range(len(runs) + 1))
    else:
        terminal.say("the settings are the same")
    terminal.say("")
    columns = ["figure", *map(str, runs), *(f"{run} - {runs[0]}" for run in runs[1:])]
    rows = []
    for figure in figures:
        p_values = figure.p_values or (None,) * len(figure.differences)
        differences = map(_difference, figure.differences, repeat(figure.pairs), p_values)
        rows.append([figure.name, *map(_value, figure.values), *differences])
    terminal.show_table(columns, rows, names=range(len(columns)))


def _setting(value: object) -> str:
    if value is None:
        return "-"
    return ", ".join(short_name(str(item)) for item in value) if isinstance(value, list) else str(value)


def _value(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


def _difference(estimate: Estimate | None, pairs: str, p_value: float | None) -> str:
    """Updates of one run depend on each other, so their mean difference has no interval; deals, tasks are independent.

    `p_value`: of McNemar's test.
    """
    if not pairs:
        return ""
    if estimate is None:
        return f"no {pairs} in common"
    shown = f"{estimate.value:+.3f}"
    if pairs != "updates" and not estimate.lacks:
        shown += f" ({estimate.low:+.3f} to {estimate.high:+.3f})"
    tested = "" if p_value is None else f", p {p_value:.2g}"
    return f"{shown}, {estimate.clusters} {pairs}{tested}"


def show_episode_list(found: Sequence[EpisodeRow], numbers: Mapping[str, int], last: int, json: bool) -> None:
    """The last episodes of a selection, the latest at the bottom. `numbers`: their places in the store, by id."""
    from sparring.scoreboard import episode_list

    shown = found[-last:]
    if json:
        terminal.dump([episode_list.plain(row) for row in shown])
        return
    some_illegal = any(sum(row.illegal.values()) for row in shown)
    rows: list[list[str]] = []
    room = NAME if terminal.out.is_terminal else terminal.WIDE
    for row in shown:
        names = {seat: shortened(name, room) for seat, name in row.agents.items()}
        players = ", ".join(f"{name} {row.rewards[seat]:+g}" for seat, name in names.items())
        result = players if row.status == "ok" else f"{players} ({row.status})"
        counts = [str(sum(row.turns.values()))] + [str(sum(row.illegal.values()))] * some_illegal
        rows.append([str(numbers[row.id]), row.id, result, *counts])
    columns = ["no.", "episode", "agent and reward", "turns", *(["illegal"] if some_illegal else [])]
    terminal.show_table(columns, rows, names=(1, 2))
    if not found:
        terminal.complain("no episode is of that kind")
    if len(shown) < len(found):
        terminal.say(f"the last {len(shown)} of {len(found)}; --last {len(found)} shows all")
