"""What `sparring tournament | board` show at a terminal: who stands where, and how sure that is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sparring.cli import terminal
from sparring.plurals import number_of

if TYPE_CHECKING:
    from sparring.scoreboard.board.build import Board
    from sparring.scoreboard.board.leaderboard import Leaderboard, Line
    from sparring.scoreboard.board.strength import Exact, Measured


def show_board(board: Board) -> None:
    """The leaderboard of everything, a line an environment, and the finding."""
    everything = board.everything
    several = len({line.component for line in everything.lines}) > 1
    rows = [_row(line, several) for line in everything.lines]
    columns = ("rank", *(["board"] if several else []), "agent", "Elo", "95 % interval", "points", "comparisons")
    terminal.show_table(columns, rows, names=(2 if several else 1,))
    places = [one for one in board.boards if one.key.startswith("env:")]
    if len(places) > 1:
        terminal.out.print()
        terminal.show_table(
            ("environment", "first", "its Elo, 95 %", "comparisons", "even"),
            [_place(one) for one in places],
            names=(0, 1),
        )
    if board.exact is not None:
        show_exact(board.exact)
    from sparring.scoreboard.board.sentences import sentences

    for sentence in sentences(board):
        terminal.say_wrapped(sentence)
    if board.broken_off:
        terminal.say_wrapped(f"{number_of(board.broken_off, 'episode')} broke off and did not count.")


def show_exact(exact: Exact) -> None:
    """How strong the agents are in each environment that can be solved, and why others are left out."""
    for one in exact.places:
        terminal.out.print()
        columns = ("optimal moves", "blunders", "loses to a best response")
        columns = (
            columns if one.is_open else ("NashConv", "best response wins, moving second / first", "vs equilibrium")
        )
        terminal.show_table((f"exact, {one.place.name}", *columns), [_measured(line) for line in one.lines])
    for who, why in exact.left_out.items():
        terminal.note(f"not measured: {who}: {why}")


def _measured(line: Measured) -> tuple[str, ...]:
    from sparring.scoreboard.perfect_play import PlayQuality

    name = f"({line.agent})" if line.is_reference else line.agent
    found = line.strength
    if isinstance(found, PlayQuality):
        return (name, f"{100 * found.optimal:.1f} %", f"{100 * found.blunders:.1f} %", f"{found.exploitability:.4f}")
    wins = f"{found.lost[0]:+.4f} / {found.lost[1]:+.4f}"
    return (name, f"{found.nash_conv:.4f}", wins, f"{found.against_equilibrium:+.4f}")


def _row(line: Line, several: bool) -> tuple[str, ...]:
    rank = str(line.best) if line.best == line.worst else f"{line.best}-{line.worst}"
    points = f"{100 * line.points.value:.0f} %" if line.points.n else ""
    board = [str(line.component + 1)] if several else []
    return (rank, *board, line.agent, f"{line.elo:+.0f}", _interval(line), points, f"{line.comparisons:,}")


def _interval(line: Line) -> str:
    if math.isinf(line.low) and math.isinf(line.high):
        return "none"
    if math.isinf(line.high):
        return f"above {line.low:+.0f}"
    return f"below {line.high:+.0f}" if math.isinf(line.low) else f"{line.low:+.0f} to {line.high:+.0f}"


def _place(board: Leaderboard) -> tuple[str, ...]:
    first, shared = board.lines[0], sum(line.best == 1 for line in board.lines) - 1
    return (
        board.places[0].name,
        first.agent if not shared else f"{first.agent}, {shared} more",
        _interval(first) if board.comparisons else "",
        f"{board.comparisons:,}",
        f"{100 * board.draws:.0f} %",
    )
