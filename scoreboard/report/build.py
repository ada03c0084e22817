"""One self-contained HTML file from one or more runs or stores: verdict, curves, standings, policies and replays.

The file needs no network and works from file://. Its content security policy allows its own style and script by hash
and nothing else; text that agents or environments wrote is escaped, or travels as base64 and is shown as text.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from sparring.content import canonical_json
from sparring.plurals import number_of
from sparring.scoreboard.names import env_words, is_won_or_lost, play_words, unit_of, visible
from sparring.scoreboard.output import require_output, write_parts
from sparring.scoreboard.report.charts import PHONE, SHAPES, fixed, number
from sparring.scoreboard.report.critic import critic_view
from sparring.scoreboard.report.curves import learning_curves, main_curves, other_curves, probe_curves
from sparring.scoreboard.report.header import facts, headlines
from sparring.scoreboard.report.manipulation import manipulation
from sparring.scoreboard.report.pictures import MOST_PAGE, Films, album, films_of
from sparring.scoreboard.report.policies import policy_tables
from sparring.scoreboard.report.replays import replays
from sparring.scoreboard.report.side_by_side import comparison
from sparring.scoreboard.report.transfer import transfer_view
from sparring.scoreboard.standings import RunData, Standing, load_run
from sparring.scoreboard.stats import Estimate

__all__ = ["RunData", "build_report", "load_run"]

TITLE = b"<title>Sparring: "
"""Begins the title of every report."""
VIEWER = ("code_tree.js", "adventure.js", "search_rounds.js", "robot.js", "game_board.js", "beside.js", "replays.js")
"""The scripts of `viewer.html`."""
VIEWER_STYLES = ("report.css", "robot.css", "game_board.css")
SCRIPTS = ("report.js", "policies.js", *VIEWER, "start.js")
TEMPLATES = (
    "charts.html",
    "viewer.html",
    "transfer.html",
    "critic.html",
    "methods.html",
    "manipulation.html",
    "report.html",
)
PICTURES = "<!--pictures-->"
"""Where they come in, when it is known how many fit: agents cannot write it, as what they write is escaped."""
MOST_STANDINGS = 60
MOST_STATIC_STATES = 40
"""Readers without JavaScript see that many states of a policy."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean reward on the axis of its table, in percent of the axis' width."""

    low: float
    value: float
    high: float
    zero: float


def require_report(output: Path) -> None:
    """Raises OSError unless a report can be written there: see `output.require_output`."""
    require_output(output, "report of ours", lambda head: TITLE in head)


def build_report(runs: Sequence[RunData], output: Path) -> None:
    """Write the report; it appears whole or not at all. Raises ValueError without runs, and as `require_report`."""
    if not runs:
        raise ValueError("a report needs at least one run, got none")
    output = Path(output)
    require_report(output)
    write_parts(output, [render(runs)])


def render(runs: Sequence[RunData], live: str = "") -> str:
    """The HTML of a report; with `live`, its version, the page asks the server that it came from for a newer one."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(number=number, fixed=fixed, quote=shlex.quote, words=env_words, unit=unit_of)
    environment.filters["breakable"] = breakable
    runs = _named_apart(runs)
    scripts = (*SCRIPTS, "live.js") if live else SCRIPTS
    style, script = "".join(map(resource, VIEWER_STYLES)), '"use strict";\n' + "".join(map(resource, scripts))
    tables, films = policy_tables(runs), [(run, films_of(run)) for run in runs]
    text = environment.from_string("".join(map(resource, TEMPLATES))).render(
        runs=runs,
        style=Markup(style),
        script=Markup(script),
        style_hash=csp_hash(style),
        script_hash=csp_hash(script),
        live=live,
        headlines=[headline for run in runs for headline in headlines(run)],
        facts=facts,
        comparison=comparison(runs),
        learning=learning_curves(runs),
        learning_on_phones=learning_curves(runs, PHONE),
        probes=probe_curves(runs),
        probes_on_phones=probe_curves(runs, PHONE),
        curves=main_curves(runs),
        other_curves=other_curves(runs),
        transfers=[(run.label, transfer_view(run.transfer)) for run in runs if run.transfer],
        methods=[(run.label, run.methods) for run in runs if run.methods],
        critics=[(run.label, critic_view(run.critic)) for run in runs if run.critic],
        manipulation=manipulation(runs),
        pictures=Markup(PICTURES) if any(found for _, found in films) else "",
        standings=[(run, _most_played(run.standings)) for run in runs],
        axis=_axis,
        shapes=SHAPES,
        is_won_or_lost=is_won_or_lost,
        play_words=play_words,
        play=play_words(*(one.env_id for run in runs for one in run.standings)),
        contested=any(one.opponent and play_words(one.env_id).contested for run in runs for one in run.standings),
        policies=tables,
        most_static_states=MOST_STATIC_STATES,
        packed_policies=pack([table.to_json() for table in tables]),
        replay_count=sum(len(run.replays) for run in runs),
        replays=pack([replay for run in runs for replay in replays(run.label, run.replays)]),
        commands=commands,
    )
    return _with_pictures(text.encode("utf-8", "replace"), films).decode()


def _with_pictures(page: bytes, films: Sequence[tuple[RunData, Films]]) -> bytes:
    """The page with as many pictures as fit into the room that it leaves."""
    place = PICTURES.encode()
    return page.replace(place, pack(album(films, MOST_PAGE - len(page))).encode()) if place in page else page


def breakable(name: str) -> Markup:
    """A name that a narrow column breaks after a colon, not within a number."""
    return Markup("<wbr>").join(re.split("(?<=:)", visible(name)))


def pack(value: object) -> str:
    """Data for the script: canonical JSON, gzip, base64. Holds no character that HTML could mistake."""
    return base64.b64encode(gzip.compress(canonical_json(value).encode(), mtime=0)).decode()


def commands(run: RunData, runs: Sequence[RunData]) -> Iterator[tuple[str, str, str]]:
    """(what, command, remark): how to check what the page says of a run. They run as they stand, from any folder."""
    path = _from_anywhere(run)
    if run.episodes:
        remark = f"plays {number_of(run.episodes, 'episode')} again, from seeds and recorded actions"
        illegal = play_words(*(one.env_id for one in run.standings)).illegal
        yield f"Every reward, {illegal} action and observation", f"sparring verify {path}", remark
    if run.has_checkpoint:
        yield "NashConv and policies", f"sparring eval {path}", "measures the best checkpoint"
    if run.replays:
        yield "One episode", f"sparring replay {path} {shlex.quote(run.replays[0].id)}", ""
    everything = " ".join(map(_from_anywhere, runs))
    yield "This page", f"sparring report {everything} -o again.html", ""


def _from_anywhere(run: RunData) -> str:
    return shlex.quote(str(run.path.absolute() if isinstance(run.path, Path) else run.path))


def _named_apart(runs: Sequence[RunData]) -> list[RunData]:
    """Runs whose label is taken are called by their path."""
    labels = [run.label for run in runs]
    return [run if labels.count(run.label) == 1 else replace(run, label=str(run.path)) for run in runs]


def _most_played(standings: Sequence[Standing]) -> list[Standing]:
    """Those with the most episodes, in their order."""
    fewest = sorted((one.episodes for one in standings), reverse=True)[:MOST_STANDINGS][-1:]
    return [one for one in standings if one.episodes >= fewest[0]][:MOST_STANDINGS]


def _axis(estimate: Estimate, all_of_them: Sequence[Estimate]) -> Interval | None:
    """Where a mean and its interval stand on the axis that they all fit on; None without an interval."""
    shown = [one for one in all_of_them if not one.lacks]
    if estimate.lacks:
        return None
    reach = max(max(abs(one.low), abs(one.high)) for one in shown) or 1.0
    least = 0.0 if min(one.low for one in shown) >= 0 else -reach
    low, value, high, zero = (
        round(100 * (x - least) / (reach - least), 2) for x in (estimate.low, estimate.value, estimate.high, 0.0)
    )
    return Interval(low, value, high, zero)


def csp_hash(text: str) -> str:
    """What a content security policy calls this script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def resource(name: str) -> str:
    """A file of this folder."""
    return files("sparring.scoreboard.report").joinpath(name).read_text(encoding="utf-8")
