"""Training as a person watches it: lines that are redrawn, and lines that stay; or one JSON line an update."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from sparring.cli import terminal
from sparring.plurals import number_of, plural
from sparring.scoreboard.progress import (
    ASCII_BARS,
    BARS,
    Figure,
    figures,
    figures_alone,
    short_name,
    shown,
    shown_interval,
    sparkline,
)

if TYPE_CHECKING:
    from sparring.trainers.progress import Progress

Metrics = Mapping[str, Any]
STAYING = 20
"""About how many lines of a run stay in the terminal."""
RECENT = 10
"""Updates that the time left is reckoned from."""
MOST_FIGURES = 4


class TrainingView:
    """What is known of a run that is under way."""

    def __init__(self, steps: int, rows: Sequence[Metrics] = (), clock: Callable[[], float] = time.monotonic) -> None:
        self.steps, self._clock, self._gone = steps, clock, 0.0
        self.rows: list[Metrics] = []
        """Of every update the figures; of the last one everything."""
        self._played: list[Metrics] = []
        self._figures: list[Figure] | None = None
        self._moment: Progress | None = None
        """Of the update that is under way."""
        self._since = clock()
        for row in rows:
            self.add(row)

    def add(self, row: Metrics) -> None:
        """Another update is done."""
        if self.rows:
            self.rows[-1] = figures_alone(self.rows[-1])
        self.rows.append(row)
        self._gone += _seconds(row)
        self._played = [row] if "illegal_share" in row and row.get("turns", 1) else self._played
        self._figures = None
        self._since = self._clock()
        self._moment = None

    def hear(self, progress: Progress) -> None:
        """The update that is under way is so far."""
        self._moment = progress

    @property
    def figures(self) -> list[Figure]:
        """What was measured so far, worked out once an update and not at every redraw."""
        if self._figures is None:
            self._figures = figures(self.rows)
        return self._figures

    @property
    def done(self) -> int:
        """Updates."""
        return min(self.steps, int(self.rows[-1]["update"]) + 1) if self.rows else 0

    def gone(self) -> float:
        """Seconds of work."""
        return self._gone + self._clock() - self._since

    def left(self) -> float | None:
        """Seconds, by the pace of the last updates; None before the first."""
        recent = [_seconds(row) for row in self.rows[-RECENT:] if row["update"] < self.steps]
        if not recent:
            return None
        return max(0.0, sum(recent) / len(recent) * (self.steps - self.done) - (self._clock() - self._since))

    def lines(self, width: int, ascii_only: bool = False) -> list[str]:
        """The block that is redrawn; no line is wider than `width`."""
        found = self.figures
        lines = [_progress_line(self.done, self.steps, self.gone(), self.left(), width, ascii_only)]
        if self._moment is not None:
            lines.append(_moment_line(self._moment, width, ascii_only))
        lines += [_figure_line(figure, width, ASCII_BARS if ascii_only else BARS) for figure in found[:MOST_FIGURES]]
        if len(found) > MOST_FIGURES:
            more = len(found) - MOST_FIGURES
            lines.append(_fitting([f"and {number_of(more, 'figure')} more"], width))
        if self._played:
            lines.append(_fitting([*_part(self._played[-1]), *_playing(self._played)], width))
        return [line for line in lines if line]

    def line(self, width: int | None = None) -> str:
        """The last update as one line that stays; what does not fit into `width` is left out from the end."""
        last = self.rows[-1]
        several = len({figure.env_id for figure in self.figures}) > 1
        parts = [f"update {last['update']}/{self.steps}", *_part(last)]
        for figure in self.figures:
            if figure.values[-1][0] == last["update"]:
                named = f"{figure.game} {figure.name}" if several else figure.name
                value = f"{named} {shown(figure, figure.last)}"
                beside = shown_interval(figure) or f"(best {shown(figure, figure.best[1])})"
                parts.append(f"{value} {beside}")
        return _fitting(parts + _playing([last]), width)

    def log_line(self) -> str:
        """The last update as one line of a log, where no block stands below it: with the time gone and left."""
        left = self.left() if self.done < self.steps else None
        return f"{self.line()}  {_time_words(self.gone(), left)}"

    def waiting_line(self) -> str:
        """How far an update is that takes long, as one line of a log; "" for another one."""
        if self._moment is None or self._clock() - self._since < terminal.EVERY:
            return ""
        now = "  ".join(filter(None, _moment_words(self._moment)))
        return f"update {self.done}/{self.steps}  {now}  {terminal.clock_time(self.gone())} gone"

    def stays(self) -> bool:
        """Whether the last update's line is one of those that stay in a terminal."""
        update = int(self.rows[-1]["update"])
        return update in (0, self.steps) or update % max(1, math.ceil(self.steps / STAYING)) == 0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The block as rich draws it."""
        for line in self.lines(options.max_width, options.ascii_only):
            yield Text(line, no_wrap=True, overflow="crop")


@dataclass(frozen=True, slots=True)
class Watch:
    """Shows every update that it is told of, and how far the present one is."""

    show: Callable[[Metrics], None]
    hear: Callable[[Progress], None] | None = None

    def __call__(self, row: Metrics) -> None:
        """An update is done."""
        self.show(row)


@contextmanager
def training(steps: int, rows: Sequence[Metrics] = (), quiet: bool = False) -> Iterator[Watch]:
    """Watch a run. `rows`: those of an earlier part of the run."""
    view = TrainingView(steps, rows)
    if quiet:
        yield Watch(terminal.dump)
    elif terminal.err.is_terminal:
        with Live(view, console=terminal.err, refresh_per_second=4) as live:

            def draw(row: Metrics) -> None:
                view.add(row)
                if view.stays():
                    live.console.print(view.line(terminal.err.width), markup=False, highlight=False)

            yield Watch(draw, view.hear)
    else:

        def write(row: Metrics) -> None:
            view.add(row)
            terminal.err.print(view.log_line(), markup=False, highlight=False, soft_wrap=True)

        with terminal.telling(view.waiting_line):
            yield Watch(write, view.hear)


def _progress_line(done: int, steps: int, gone: float, left: float | None, width: int, ascii_only: bool) -> str:
    return _bar_line(f"update {done}/{steps}", done / max(1, steps), _time_words(gone, left), width, ascii_only)


def _moment_line(moment: Progress, width: int, ascii_only: bool) -> str:
    before, after = _moment_words(moment)
    return _bar_line(before, moment.done / max(1, moment.total), after, width, ascii_only)


def _moment_words(moment: Progress) -> tuple[str, str]:
    """What is done of how much, and how many turns that took: a game that takes long ends after many."""
    done = f"{moment.what} {moment.done}/{moment.total} {plural(moment.total, moment.unit)}"
    return done, number_of(moment.turns, "turn") if moment.turns else ""


def _bar_line(before: str, share: float, after: str, width: int, ascii_only: bool) -> str:
    room = min(30, width - len(before) - len(after) - 4)
    if room < 4:
        return _fitting([before, after], width)
    full = round(room * share)
    drawn = "#" * full + "." * (room - full) if ascii_only else "━" * full + "╌" * (room - full)
    return f"{before}  {drawn}  {after}"


def _figure_line(figure: Figure, width: int, bars: str) -> str:
    update, best = figure.best
    parts = [
        f"{figure.game} {figure.name} {shown(figure, figure.last)}",
        *filter(None, [shown_interval(figure)]),
        f"best {shown(figure, best)} at {update}",
    ]
    text = _fitting(parts, width)
    curve = sparkline([value for _, value in figure.values], min(30, width - cell_len(text) - 2), bars)
    return f"{text}  {curve}" if len(curve) > 1 else text


def _part(row: Metrics) -> list[str]:
    """What an update did, where the updates of a method differ."""
    return [str(row["part"])] if row.get("part") else []


def _playing(rows: Sequence[Metrics]) -> list[str]:
    """How the last games went: reward by game (of several seats the first), illegal actions, pace.

    Parts play different games, so there the game is named where it is the only one too.
    """
    last = next((row for row in reversed(rows) if "illegal_share" in row and row.get("turns", 1)), None)
    if last is None:
        return []
    parts: list[str] = []
    games = [key.removeprefix("reward/").removesuffix("/player_0") for key in last if _is_first_seat(key)]
    for game in games:
        name = f"{short_name(game)} " if len(games) > 1 or _part(last) else ""
        what = "first seat" if f"reward/{game}/player_1" in last else "reward"
        parts.append(f"{name}{what} {last[f'reward/{game}/player_0']:+.2f}")
    parts.append(f"illegal {100 * last['illegal_share']:.1f} %")
    parts.append(f"{last['tokens_per_second']:.0f} tok/s")
    if last.get("faults"):
        parts.append(f"{number_of(last['faults'], 'episode')} broke off")
    return parts


def _is_first_seat(key: str) -> bool:
    return key.startswith("reward/") and key.endswith("/player_0")


def _fitting(parts: Sequence[str], width: int | None) -> str:
    """The parts with two blanks between them; what does not fit any more is left out, the first one cut."""
    line = ""
    for part in parts:
        longer = f"{line}  {part}" if line else part
        if width is not None and cell_len(longer) > width:
            return line or part[:width]
        line = longer
    return line


def _seconds(row: Metrics) -> float:
    return float(row.get("seconds") or 0.0)


def _time_words(gone: float, left: float | None) -> str:
    return f"{terminal.clock_time(gone)} gone" + ("" if left is None else f", {terminal.clock_time(left)} left")
