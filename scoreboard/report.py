"""One self-contained HTML file from one or more runs: learning curves, standings, policies and replays.

The file needs no network and works from file://. Its content security policy allows its own style and script by hash
and nothing else; text that agents or environments wrote is escaped, or travels as base64 and is shown as text.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from sparring.scoreboard.charts import SMALL, Chart, Series, fixed, line_chart, number
from sparring.scoreboard.code_tree import code_tree
from sparring.scoreboard.output import require_output, write_whole
from sparring.scoreboard.run_data import RunData, Standing, load_run
from sparring.types import Episode, Turn, canonical_json

__all__ = ["RunData", "build_report", "load_run"]

NASH, AVERAGE = "nash_conv/", "nash_conv_average/"
CURVES = (
    ("reward/", "Reward by seat"),
    ("illegal_share", "Illegal actions, share"),
    ("tokens_per_second", "Tokens per second"),
    ("loss", "Loss"),
    ("entropy", "Entropy, nats"),
    ("grad_norm", "Gradient norm"),
)
TITLE = b"<title>Sparring: "
"""Begins the title of every report."""
MOST_OTHER_CURVES = 24
MOST_STANDINGS = 60


@dataclass(frozen=True, slots=True)
class Headline:
    """The first thing to know of a run in one environment: (name, value, remark) each."""

    run: str
    env_id: str | None
    tiles: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One action at one information state: its probability under every label."""

    state: str
    span: int
    """Rows of this state; 0 in all but its first."""
    action: str
    probabilities: tuple[float | None, ...]
    change: float | None


def require_report(output: Path) -> None:
    """Raises OSError unless a report can be written there: see `output.require_output`."""
    require_output(output, "report of ours", lambda head: TITLE in head)


def build_report(runs: Sequence[RunData], output: Path) -> None:
    """Write the report; it appears whole or not at all. Raises ValueError without runs, and as `require_report`."""
    if not runs:
        raise ValueError("a report needs at least one run, got none")
    output = Path(output)
    require_report(output)
    write_whole(output, [render(runs)])


def render(runs: Sequence[RunData]) -> str:
    """The HTML of a report."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(number=number, fixed=fixed, quote=shlex.quote)
    runs = _named_apart(runs)
    style, script = _resource("report.css"), _resource("code_tree.js") + _resource("report.js")
    text = environment.from_string(_resource("report.html")).render(
        runs=runs,
        style=Markup(style),
        script=Markup(script),
        style_hash=_csp_hash(style),
        script_hash=_csp_hash(script),
        headlines=[headline for run in runs for headline in _headlines(run)],
        learning=_learning_curves(runs),
        curves=_curves(runs),
        other_curves=_other_curves(runs),
        standings=[(run, _most_played(run.standings)) for run in runs],
        policies=[(run, labels, rows) for run in runs for labels, rows in _policy_tables(run)],
        replay_count=sum(len(run.replays) for run in runs),
        replays=pack_replays(runs),
    )
    return text.encode("utf-8", "replace").decode()


def pack_replays(runs: Sequence[RunData]) -> str:
    """The episodes to step through: canonical JSON, gzip, base64. Holds no character that HTML could mistake."""
    replays = [_replay(run.label, episode) for run in runs for episode in run.replays]
    packed = gzip.compress(canonical_json(replays).encode(), mtime=0)
    return base64.b64encode(packed).decode()


def _named_apart(runs: Sequence[RunData]) -> list[RunData]:
    """Runs whose label is taken are called by their path."""
    labels = [run.label for run in runs]
    return [run if labels.count(run.label) == 1 else replace(run, label=str(run.path)) for run in runs]


def _headlines(run: RunData) -> Iterator[Headline]:
    shared = _shared_tiles(run)
    env_ids = _suffixes([run], NASH)
    if not env_ids:
        yield Headline(run.label, None, shared)
    for env_id in env_ids:
        yield Headline(run.label, env_id, (*_strength_tiles(run, env_id), *shared))


def _strength_tiles(run: RunData, env_id: str) -> Iterator[tuple[str, str, str]]:
    last, average = _column(run, NASH + env_id), _column(run, AVERAGE + env_id)
    if not last:
        yield "NashConv", "not a number", "in every update"
        return
    update, best = min(last, key=lambda point: point[1])
    yield "NashConv at first", number(last[0][1]), f"update {number(last[0][0])}"
    yield "best", number(best), f"update {number(update)}"
    yield "last", number(last[-1][1]), f"update {number(last[-1][0])}"
    if average:
        update, best = min(average, key=lambda point: point[1])
        yield "best league average", number(best), f"update {number(update)}"


def _shared_tiles(run: RunData) -> tuple[tuple[str, str, str], ...]:
    share = f"{100 * run.illegal_turns / run.turns:.3g} %" if run.turns else "no turns"
    return (
        ("episodes", f"{run.episodes:,}", f"{run.turns:,} turns"),
        ("illegal actions", share, f"{run.illegal_turns:,} of {run.turns:,} turns"),
    )


def _most_played(standings: Sequence[Standing]) -> list[Standing]:
    """Those with the most episodes, in their order."""
    fewest = sorted((one.episodes for one in standings), reverse=True)[:MOST_STANDINGS][-1:]
    return [one for one in standings if one.episodes >= fewest[0]][:MOST_STANDINGS]


def _learning_curves(runs: Sequence[RunData]) -> list[Chart]:
    charts = []
    for env_id in _suffixes(runs, NASH) or _suffixes(runs, AVERAGE):
        series = []
        for color, run in enumerate(runs):
            name = f"{run.label}: " if len(runs) > 1 else ""
            series.append(Series(f"{name}last iterate", _column(run, NASH + env_id), color))
            series.append(Series(f"{name}league average", _column(run, AVERAGE + env_id), color, dashed=True))
        references = {name: value for run in runs for name, value in run.references.get(env_id, {}).items()}
        charts.append(line_chart(env_id, series, references, zero_based=True))
    return [chart for chart in charts if chart is not None]


def _curves(runs: Sequence[RunData]) -> list[Chart]:
    charts = []
    for key, title in CURVES:
        if key.endswith("/"):
            envs = dict.fromkeys(suffix.rpartition("/")[0] for suffix in _suffixes(runs, key))
            charts += [_small(f"{title}, {env_id}", runs, f"{key}{env_id}/") for env_id in envs]
        else:
            charts.append(_small(title, runs, key))
    return [chart for chart in charts if chart is not None]


def _other_curves(runs: Sequence[RunData]) -> list[Chart]:
    shown = (NASH, AVERAGE, *(key for key, _ in CURVES))
    keys = dict.fromkeys(key for run in runs for line in run.metrics for key in line)
    rest = [key for key in keys if key != "update" and not _is_shown(key, shown)]
    charts = [_small(key, runs, key) for key in rest[:MOST_OTHER_CURVES]]
    return [chart for chart in charts if chart is not None]


def _is_shown(key: str, shown: Sequence[str]) -> bool:
    return any(key == name or (name.endswith("/") and key.startswith(name)) for name in shown)


def _small(title: str, runs: Sequence[RunData], key: str) -> Chart | None:
    """One small chart; a key that ends in "/" shows everything below it, one line each.

    A single run has a color for each line; several runs have a color each, and dashes after their first line.
    """
    series = []
    for number_of_run, run in enumerate(runs):
        parts = _suffixes([run], key) if key.endswith("/") else [""]
        for rank, part in enumerate(parts):
            points = _column(run, key + part)
            if len(runs) == 1:
                series.append(Series(part or title, points, rank))
            else:
                series.append(Series(f"{run.label} {part}".strip(), points, number_of_run, dashed=rank > 0))
    return line_chart(title, series, frame=SMALL)


def _suffixes(runs: Sequence[RunData], prefix: str) -> list[str]:
    keys = (key for run in runs for line in run.metrics for key in line if key.startswith(prefix))
    return sorted({key.removeprefix(prefix) for key in keys})


def _column(run: RunData, key: str) -> list[tuple[float, float]]:
    """(update, value) of every line that has a finite number there."""
    points = []
    for position, line in enumerate(run.metrics):
        value = line.get(key)
        if isinstance(value, int | float) and math.isfinite(value):
            points.append((float(line.get("update", position)), float(value)))
    return points


def _policy_tables(run: RunData) -> Iterator[tuple[list[str], list[PolicyRow]]]:
    if run.policies:
        labels = list(run.policies)
        states = dict.fromkeys(state for label in labels for state in run.policies[label])
        yield labels, [row for state in states for row in _policy_rows(run.policies, labels, state)]


def _policy_rows(
    policies: Mapping[str, Mapping[str, Mapping[str, float]]], labels: Sequence[str], state: str
) -> Iterator[PolicyRow]:
    laws = [policies[label].get(state, {}) for label in labels]
    actions = list(dict.fromkeys(action for law in laws for action in law))
    for rank, action in enumerate(actions):
        found = tuple(law.get(action) for law in laws)
        first, last = found[0], found[-1]
        change = None if len(found) < 2 or first is None or last is None else last - first
        yield PolicyRow(state, len(actions) if rank == 0 else 0, action, found, change)


def _replay(run: str, episode: Episode) -> dict[str, Any]:
    seats, tree = episode.trajectories, code_tree(episode)
    return {
        "run": run,
        "id": episode.id,
        "env": episode.env_id,
        "version": episode.env_version,
        "kwargs": episode.env_kwargs,
        "seed": str(episode.seed),
        "status": episode.status,
        "error": episode.error,
        "task": episode.task,
        "group": episode.group,
        "hash": episode.hash,
        "seats": {
            seat: {"agent": one.agent, "reward": one.reward, "parts": one.reward_parts, "model": one.policy.model}
            for seat, one in seats.items()
        },
        "turns": [_replayed_turn(seat, turn) for seat, turn in episode.turns],
        "tree": tree and asdict(tree),
    }


def _replayed_turn(seat: str, turn: Turn) -> dict[str, Any]:
    generated = [segment for segment in turn.segments if segment.kind == "generated"]
    return {
        "seat": seat,
        "observation": turn.observation,
        "legal_actions": turn.legal_actions,
        "action": turn.action,
        "legal": turn.legal,
        "reward": turn.reward,
        "tokens": sum(len(segment.token_ids) for segment in generated),
        "logprobs": [round(logprob, 5) for segment in generated for logprob in segment.logprobs or ()],
    }


def _csp_hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _resource(name: str) -> str:
    return files("sparring.scoreboard").joinpath(name).read_text(encoding="utf-8")
