"""Learning curves: the ratings of an agent's checkpoints on one leaderboard."""

from __future__ import annotations

from dataclasses import dataclass

from sparring.scoreboard.board.checkpoints import AT_A_CHECKPOINT, checkpoints
from sparring.scoreboard.board.leaderboard import Leaderboard


@dataclass(frozen=True, slots=True)
class Curve:
    """Ratings of one agent's checkpoints."""

    agent: str
    updates: tuple[int, ...]
    elo: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def curves(board: Leaderboard) -> list[Curve]:
    """The learning curves among the lines of a leaderboard."""
    names = [line.agent for line in board.lines]
    found = []
    for agent, numbers in checkpoints(names).items():
        lines = [board.lines[number] for number in numbers]
        updates = tuple(int(AT_A_CHECKPOINT.fullmatch(line.agent)[2]) for line in lines)  # type: ignore[index]
        found.append(
            Curve(
                agent,
                updates,
                tuple(line.elo for line in lines),
                tuple(line.low for line in lines),
                tuple(line.high for line in lines),
            )
        )
    return found
