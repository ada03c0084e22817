"""What the command line prints: tables, progress bars, and JSON where a script reads it."""

from __future__ import annotations

import json as jsonlib
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from sparring import registry
from sparring.cli.tables import BETWEEN, SHORTEST, fitted_table, plural, shortened, table_of
from sparring.encoding import episode_to_dict
from sparring.types import Episode
from sparring.wrapping import wrapped

if TYPE_CHECKING:
    from sparring.scoreboard.cross_table import CrossTable

DESCRIPTION = (
    "LLM agents that learn by playing. Train with `sparring train METHOD --help` (spiral); a first run: "
    "`sparring train spiral --model nano --games KuhnPoker --steps 200 --run runs/first`."
)
SHELLS = ("bash", "zsh", "fish")
OPTIONS = """
options:
  --help              Show this, or after a command what the command takes.
  --version           Show the version.
  --completion SHELL  Print a script that lets bash, zsh or fish complete commands and options."""
WIDE = 500
"""Columns where nobody looks: what another program reads is not wrapped."""


def _console(stream: TextIO, **options: Any) -> Console:
    return Console(width=None if stream.isatty() else WIDE, emoji=False, **options)  # `:m:` stands in specs


out, err = _console(sys.stdout), _console(sys.stderr, stderr=True)


def say(text: str, quiet: bool = False) -> None:
    """A line for people."""
    if not quiet:
        out.print(printable(text), markup=False, highlight=False, soft_wrap=True)


def note(text: str) -> None:
    """A line for people on stderr: what is no part of the output."""
    err.print(printable(text), markup=False, highlight=False, soft_wrap=True)


def pass_on(stdout: str, stderr: str) -> None:
    """What a program wrote, on the streams it wrote it to; where a person looks, it cannot steer the terminal."""
    for stream, text in ((sys.stdout, stdout), (sys.stderr, stderr)):
        stream.write(printable(text) if stream.isatty() else text.encode("utf-8", "replace").decode())
        stream.flush()


def complain(text: str) -> None:
    """A line on stderr; where that cannot be written there is nobody to tell."""
    with suppress(OSError):
        err.print(f"[bold red]sparring:[/] {escape(printable(text))}", highlight=False, soft_wrap=True)


def dump(value: Any) -> None:
    """One JSON value on one line of stdout; numbers that JSON does not have (NaN, infinities) are null."""
    print(jsonlib.dumps(_finite(value), default=str, allow_nan=False), flush=True)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]], names: Sequence[int] = (0,)) -> None:
    """A table of plain text. In a terminal that is too narrow, the columns of `names` are shortened."""
    mark = ".." if out.options.ascii_only else "…"
    out.print(fitted_table(columns, rows, names, out.width if out.is_terminal else None, mark))


def filled(text: str, console: Console) -> str:
    """Long lines, broken between words where a person looks."""
    return wrapped(text, console.width, "  ") if console.is_terminal else text


@contextmanager
def progress(what: str, total: int, quiet: bool = False) -> Iterator[Callable[..., None]]:
    """A bar, unless there is nothing to do; the function given advances it by one, or to a number."""
    with _bar(quiet or not total) as bar:
        task = bar.add_task(what, total=total)

        def advance(to: int | None = None) -> None:
            if to is None:
                bar.advance(task)
            else:
                bar.update(task, completed=to)

        yield advance


def show_commands(helps: Mapping[str, str]) -> None:
    """Every command with the first sentence of its help."""
    say(f"usage: sparring COMMAND ...\n\n{DESCRIPTION}\n\ncommands:")
    table = table_of("", "")
    table.show_header = False
    for name, text in helps.items():
        table.add_row(f"  {name}", escape(text.strip().partition("\n")[0]))
    out.print(table)
    say(OPTIONS)


def show_envs(rows: Sequence[registry.Row], json: bool) -> None:
    """The registered environments."""
    if json:
        fields = ("name", "family", "seats", "skills", "version", "extra", "summary")
        dump([{field: getattr(row, field) for field in fields} for row in rows])
        return
    table = table_of("environment", "family", "seats", "what it is")
    for row in rows:
        table.add_row(row.name, escape(row.family), str(row.seats), escape(row.summary))
    out.print(table)


def show_methods(rows: Sequence[registry.Row], json: bool = False) -> None:
    """The training methods."""
    if json:
        dump([{field: getattr(row, field) for field in ("name", "family", "summary", "extra")} for row in rows])
        return
    table = table_of("method", "family", "what it is")
    for row in rows:
        table.add_row(row.name, escape(row.family), escape(row.summary))
    out.print(table)
    say("\n".join(f"its settings: sparring train {row.name} --help" for row in rows))


def show_matches(episodes: Sequence[Episode], rows: Sequence[Any], json: bool) -> None:
    """Who earned how much and won how often, with intervals."""
    faults = [f"{episode.id}: {episode.status}: {episode.error}" for episode in episodes if episode.error]
    if json:
        dump({"standings": [asdict(row) for row in rows], "faults": faults})
        return
    lines = []
    names = [row.agent for row in rows]
    for place, row in enumerate(rows, start=1):
        name = row.agent if names.count(row.agent) == 1 else f"{row.agent} (agent {place})"
        contested = ("", "", "")
        if row.opponent:
            contested = (_record(row.outcomes, "/"), _share(row.win_rate), _share(row.illegal_rate))
        lines.append((name, str(row.reward.n), _signed(row.reward, 2), *contested))
    show_table(("agent", "games", "reward (95 % interval)", "W/D/L", "win", "illegal"), lines)
    _complain_of_faults(faults, len(episodes))


def show_cross_table(table: CrossTable) -> None:
    """What each agent earned a game against each other one: the row's agent against the column's."""
    lines = []
    for place, agent in enumerate(table.agents, start=1):
        cells = [table.cells.get((agent, other)) for other in table.agents]
        lines.append([str(place), agent, *("." if cell is None else f"{cell.value:+.2f}" for cell in cells)])
    out.print()
    show_table(("", "mean reward against", *(line[0] for line in lines)), lines, names=(1,))
    if not table.complete:
        say(filled(f"{table.meetings}: the order is by totals against different opponents", out))


def show_evaluation(what: str, measured: Any, json: bool) -> None:
    """Exact strength among its references, and results."""
    if json:
        dump(asdict(measured))
        return
    if measured.settings:
        say(filled("measured with " + ", ".join(f"{name} {value}" for name, value in measured.settings.items()), out))
    if measured.no_exact:
        say(filled(measured.no_exact, out))
    else:
        _show_exact_strength(what, measured)
    if measured.standing is not None:
        say(filled(_results(measured.standing), out))
        _complain_of_faults(measured.faults, measured.standing.episodes)


def _show_exact_strength(what: str, measured: Any) -> None:
    header = f"NashConv in {measured.env_id} (0 is an equilibrium)"
    table, room = table_of("policy", header), max(SHORTEST, out.width - len(header) - 2 * BETWEEN)
    ranked = sorted([*measured.references.items(), (what, measured.nash_conv)], key=lambda pair: pair[1])
    for name, value in ranked:
        style = "bold" if name == what else ""
        table.add_row(escape(shortened(name, room)), f"{value:.6f}", style=style)
    out.print(table)
    for name, pair in (("uniform", measured.against_uniform), ("equilibrium", measured.against_equilibrium)):
        say(f"exact payoff against {name}: {pair[0]:+.4f} moving first, {pair[1]:+.4f} moving second")


def _results(row: Any) -> str:
    """What an agent got out of its games against uniform play, or alone."""
    if row.opponent is None:
        return f"played {row.reward.n} {plural(row.reward.n, 'episode')} alone: reward {_signed(row.reward)}"
    played = f"played {row.outcomes.n} {plural(row.outcomes.n, 'game')} against uniform"
    if not row.outcomes.n:
        return f"{played}: nothing was measured"
    return (
        f"{played}: reward {_signed(row.reward)}, won / drawn / lost {_record(row.outcomes)}, "
        f"win rate {_percent(row.win_rate)}, lost by an illegal action {_percent(row.illegal_rate)}"
    )


def show_scores(suite: str, agent: str, scores: Sequence[Any], json: bool) -> None:
    """A suite's parts, each with its interval."""
    if json:
        dump({"suite": suite, "agent": agent, "parts": [_finite(asdict(score)) for score in scores]})
        return
    some_faults, lines = any(score.faults for score in scores), []
    for score in scores:
        means = ("none", "none") if score.turns is None else (f"{score.turns:.2f}", f"{score.tokens:.0f}")
        constant = "none" if score.constant is None else f"{100 * score.constant.value:.1f} %"
        faults = [str(score.faults)] * some_faults
        lines.append([score.part, str(score.accuracy.n), _percent(score.accuracy), constant, *means, *faults])
    columns = ["part", "tasks", "accuracy", "constant", "turns", "tokens", *(["faults"] * some_faults)]
    show_table(columns, lines)
    errors = [error for score in scores for error in score.errors]
    _complain_of_faults(errors, sum(score.accuracy.n + score.faults for score in scores))


def show_episode(episode: Episode, json: bool) -> None:
    """One episode, turn by turn."""
    if json:
        dump(episode_to_dict(episode))
        return
    head = f"{episode.id}: {episode.env_id}, seed {episode.seed}, {episode.status}, sha256 {episode.hash}"
    say(f"{filled(head, out)}\n")
    for seat, turn in episode.turns:
        agent = episode.trajectories[seat].agent
        _show_heading(f"turn {turn.index}: {seat} ({agent})")
        say(filled(turn.observation.text, out))
        generated = [segment for segment in turn.segments if segment.logprobs]
        logprob = f"  (log-probability {sum(sum(s.logprobs or ()) for s in generated):.3f})" if generated else ""
        say(filled(f"> {turn.action[:2000]!r}{'' if turn.legal else '  ILLEGAL'}{logprob}\n", out))
    for seat, trajectory in episode.trajectories.items():
        parts = ", ".join(f"{name} {value:+g}" for name, value in trajectory.reward_parts.items())
        say(f"{seat} ({trajectory.agent}): reward {trajectory.reward:+g}{f' ({parts})' if parts else ''}")
    if episode.error:
        complain(episode.error)


def _show_heading(text: str) -> None:
    """A rule across the screen; where nobody looks, a short one."""
    if out.is_terminal:
        out.rule(escape(printable(text)), align="left")
    else:
        say(f"--- {text}")


def show_verification(result: Any, json: bool) -> None:
    """What a verification found."""
    if json:
        dump({**asdict(result), "ok": result.ok})
        return
    _complain_of([str(fault) for fault in result.faults], most=20)
    episodes, turns = plural(result.episodes, "episode"), plural(result.turns, "turn")
    done = f"{result.episodes} {episodes}, {result.turns} {turns} re-executed in {result.seconds:.1f} s"
    say(filled(f"{done}: {_verdict(result)}", out))
    say(f"store root {result.root}")


def _verdict(result: Any) -> str:
    one = result.broken_off == 1
    broken = f"{result.broken_off} {'was' if one else 'were'} broken off by a fault and {'is' if one else 'are'} "
    broken += f"verified only as far as {'it' if one else 'they'} went"
    if result.faults:
        found = f"{len(result.faults)} NOT as recorded"
    elif result.ok:
        found = "all as recorded"
    else:
        found = "NOTHING was verified, as none had come to its end"
    return f"{found}; {broken}" if result.broken_off else found


def _complain_of_faults(faults: Sequence[str], episodes: int) -> None:
    """How many of the episodes broke off, and why."""
    if faults:
        are = "is" if len(faults) == 1 else "are"
        complain(f"{len(faults)} of {episodes} {plural(episodes, 'episode')} broke off and {are} not counted:")
        _complain_of(faults, most=5)


def _complain_of(faults: Sequence[str], most: int) -> None:
    for fault in faults[:most]:
        complain(filled(fault, err))
    if len(faults) > most:
        complain(f"and {len(faults) - most} more; --json lists all")


def printable(text: str, keep: str = "\n\t") -> str:
    """Control characters but those to keep, and lone surrogates, escaped: nobody's text can steer the terminal."""
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode("ascii") for c in text)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _record(outcomes: Any, between: str = " / ") -> str:
    won, lost = outcomes.wins + outcomes.illegal_wins, outcomes.losses + outcomes.illegal_losses
    return between.join(map(str, (won, outcomes.draws, lost)))


def _percent(estimate: Any) -> str:
    if not estimate.n:
        return str(estimate.lacks)
    return (
        f"{100 * estimate.value:.1f} % ({estimate.lacks or f'{100 * estimate.low:.1f} to {100 * estimate.high:.1f}'})"
    )


def _share(estimate: Any) -> str:
    return f"{100 * estimate.value:.1f} %" if estimate.n else str(estimate.lacks)


def _signed(estimate: Any, digits: int = 3) -> str:
    if not estimate.n:
        return str(estimate.lacks)
    low, high = (f"{end:+.{digits}f}" for end in (estimate.low, estimate.high))
    return f"{estimate.value:+.{digits}f} ({estimate.lacks or f'{low} to {high}'})"


def _bar(quiet: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
        disable=quiet or not err.is_terminal,
        transient=False,
    )
