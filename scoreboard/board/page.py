"""A board as one HTML file: no network, no clock, no chance. The same episodes give the same bytes.

Beside what people read it holds `board-settings` (what it was made with), `board-facts` (every number) and the tables
that the page shows when another leaderboard is asked for; the latter two packed as `report.build.pack` packs.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from sparring import __version__
from sparring.content import canonical_json
from sparring.plurals import number_of
from sparring.scoreboard.board.build import Board, facts
from sparring.scoreboard.board.checkpoints import WALK_SD
from sparring.scoreboard.board.drawing import draw_curve, draw_whisker
from sparring.scoreboard.board.leaderboard import Cell, Leaderboard, Line
from sparring.scoreboard.board.sentences import sentences
from sparring.scoreboard.board.skills import LEAST_TASKS
from sparring.scoreboard.board.whole_games import Ranked
from sparring.scoreboard.names import play_words, visible
from sparring.scoreboard.output import require_output, write_parts
from sparring.scoreboard.report.build import VIEWER, VIEWER_STYLES, breakable, csp_hash, pack
from sparring.scoreboard.report.build import resource as of_reports
from sparring.scoreboard.report.replays import replays
from sparring.scoreboard.stats import Estimate

TITLE = b"<title>Sparring board: "
FORMAT = 2
MOST_IN_MATRIX = 30
"""Agents of which a table of everybody against everybody is drawn."""
KINDS = {"family": "Families", "skill": "Skills", "env": "Environments"}


def require_board(output: Path) -> None:
    """Raises OSError unless a board can be written there: see `output.require_output`."""
    require_output(output, "board of ours", lambda head: TITLE in head)


def write_board(board: Board, output: Path) -> None:
    """Write the page; it appears whole or not at all. Raises as `require_board`."""
    require_board(output)
    write_parts(output, [render(board)])


def render(board: Board) -> str:
    """The HTML."""
    environment = _environment()
    style = "".join(map(of_reports, VIEWER_STYLES)) + _resource("board.css")
    own = map(_resource, ("board.js", "start.js"))
    script = '"use strict";\n' + "".join([*map(of_reports, ("report.js", *VIEWER)), *own])
    tables = _tables(environment, board)
    page = environment.from_string(
        "".join([of_reports("viewer.html"), *map(_resource, ("sections.html", "board.html"))])
    )
    return page.render(
        board=board,
        style=Markup(style),
        script=Markup(script),
        style_hash=csp_hash(style),
        script_hash=csp_hash(script),
        sentences=sentences(board),
        first=Markup(tables["all"]),
        others=_by_kind(board.boards),
        curves=list(map(draw_curve, board.curves)),
        walk_sd=WALK_SD,
        replays=pack(replays("", board.replays)),
        play=play_words(*{place.env_id for place in board.everything.places}),
        settings=Markup(_settings(board)),
        packed_facts=pack(facts(board)),
        packed_tables=pack(_looked_up(board, tables)),
    )


def _environment() -> Environment:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(breakable=breakable, quote=shlex.quote, visible=visible)
    environment.globals.update(
        about=_about,
        doubts=_doubts,
        axis=draw_whisker,
        bounds=_bounds,
        elo=_elo,
        shade=_shade,
        signed=_signed,
        skill_shade=_skill_shade,
        most_in_matrix=MOST_IN_MATRIX,
        least_tasks=LEAST_TASKS,
    )
    return environment


def _tables(environment: Environment, board: Board) -> dict[str, str]:
    """The HTML of every leaderboard, by its key."""
    template = environment.from_string(_resource("table.html"))
    keys = {agent: number for number, agent in enumerate(board.agents)}
    return {
        one.key: template.render(board=one, keys=keys, met={(cell.agent, cell.opponent): cell for cell in one.cells})
        for one in board.boards
    }


def _looked_up(board: Board, tables: Mapping[str, str]) -> dict[str, object]:
    """What the script needs: tables, and which episodes are behind which number."""
    numbers = {spec: number for number, spec in enumerate(board.places)}
    return {
        "tables": tables,
        "boards": {one.key: [numbers[place.spec] for place in one.places] for one in board.boards},
        "played": {key: count for key, count in board.played.items() if key in board.behind},
        "behind": {key: [[one.id, one.earned] for one in episodes] for key, episodes in board.behind.items()},
        "places": board.places,
        "agents": board.agents,
        "label": shlex.quote(board.sources[0].label),
    }


def _settings(board: Board) -> str:
    """What the page was made with, in a form that ends no script element."""
    told = {
        "format": FORMAT,
        "sparring": __version__,
        "labels": [source.label for source in board.sources],
        **asdict(board.settings),
    }
    return canonical_json(told).replace("<", "\\u003c")


def _by_kind(boards: Sequence[Leaderboard]) -> list[tuple[str, list[Leaderboard]]]:
    found = [(title, [one for one in boards if one.key.startswith(f"{kind}:")]) for kind, title in KINDS.items()]
    return [(title, some) for title, some in found if some]


def _about(board: Leaderboard) -> str:
    """What a leaderboard rests on, in a sentence or two."""
    if not board.comparisons:
        return "No two agents played the same task here, so there are no ratings."
    where = board.places[0].name if len(board.places) == 1 else f"{len(board.places)} environments"
    even = f"{100 * board.draws:.0f} % of them even"
    said = f"{where}: {board.comparisons:,} comparisons on {board.tasks:,} tasks, {even}."
    if board.seat is not None and not board.seat.lacks:
        low, high = _elo(board.seat.low), _elo(board.seat.high)
        said += f" The first seat is worth {_elo(board.seat.value)} Elo ({low} to {high})."
    unit = board.places[0].unit
    if len(board.places) == 1 and board.places[0].is_contest and unit != "reward":
        said += f" A comparison counts who won {unit}, not how many: see the mean."
    return said


def _doubts(board: Leaderboard) -> list[str]:
    """What makes the ratings worth less than they look."""
    found = []
    if board.different < board.games:
        repeat = "agents without chance repeat themselves, and the intervals do not know it"
        found.append(f"Of {board.games:,} games {board.different:,} are different: {repeat}.")
    if board.lopsided:
        deals = number_of(board.lopsided, "deal")
        found.append(f"{deals} not played equally often in every seat by the same agents: games are missing.")
    return found


def _elo(value: float) -> str:
    return _signed(value, 0)


def _signed(value: float, digits: int) -> str:
    """Rounded, with its sign; `no bound` where it is infinite."""
    return f"{value:+,.{digits}f}".replace("-", "\N{MINUS SIGN}") if math.isfinite(value) else "no bound"


def _bounds(line: Line | Ranked) -> str:
    """`−12 to +40`, or the one bound that there is."""
    if math.isinf(line.low) and math.isinf(line.high):
        return "no interval"
    if math.isinf(line.high):
        return f"above {_elo(line.low)}"
    return f"below {_elo(line.high)}" if math.isinf(line.low) else f"{_elo(line.low)} to {_elo(line.high)}"


def _shade(cell: Cell) -> int:
    """0 (lost clearly) to 4 (won clearly)."""
    return min(4, int(5 * cell.points))


def _skill_shade(effect: Estimate) -> int:
    """0 (clearly worse than average) to 4 (clearly better); 2 where the interval has 0 in it."""
    if effect.low <= 0 <= effect.high:
        return 2
    return 2 + int(math.copysign(2 if abs(effect.value) > 1 else 1, effect.value))


def _resource(name: str) -> str:
    return files("sparring.scoreboard.board").joinpath(name).read_text(encoding="utf-8")
