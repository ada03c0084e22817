"""What a board finds, in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sparring.plurals import number_of
from sparring.scoreboard.board.build import Board
from sparring.scoreboard.board.leaderboard import Leaderboard, Line
from sparring.scoreboard.names import visible

FEW_TASKS = 50
MOST_NAMED = 4
"""Agents that a sentence names, and contradictions that are told; more agents are counted."""


def sentences(board: Board) -> list[str]:
    """What the board finds, for people who read nothing else."""
    first = board.everything
    lines = [line for line in first.lines if line.component == 0]
    if not first.comparisons or len(lines) < 2:
        return ["Nobody met anybody: there is no ranking, only what each agent earned."]
    found = [_leaders(lines, len(first.places)), _spread(lines, first.tasks), *contradictions(board.boards)]
    unmet = math.comb(len(lines), 2) - len(first.cells) // 2
    if unmet > 0:
        found.append(f"{number_of(unmet, 'pair')} never met: how they compare follows from agents that both met.")
    partly = [line.agent for line in first.lines if line.environments < len(first.places)]
    if partly:
        rest = "are rated by the games that they played" if len(partly) > 1 else "is rated by the games that it played"
        found.append(f"{_counted(partly)} did not play everywhere and {rest}.")
    separate = len({line.component for line in first.lines})
    if separate > 1:
        found.append(f"The agents fall into {separate} boards that never met; ranks hold within each.")
    return [visible(sentence) for sentence in found]


def _leaders(lines: Sequence[Line], places: int) -> str:
    leaders = [line.agent for line in lines if line.best == 1]
    if len(leaders) == 1 and lines[0].environments < places:
        where = f"{number_of(lines[0].environments, 'environment')} of {places} that it played"
        return f"{leaders[0]} is rated first, by its games in the {where}."
    if len(leaders) == 1:
        return f"{leaders[0]} is rated above every other agent over everything that was played."
    return f"Each of {_counted(leaders)} may be the best: the games do not tell them apart."


def _spread(lines: Sequence[Line], tasks: int) -> str:
    settled, best, last = sum(line.best == line.worst for line in lines), lines[0], lines[-1]
    gap = f"from {best.agent} to {last.agent} it is {best.elo - last.elo:,.0f} Elo"
    few = f" Only {number_of(tasks, 'task')}: more rounds tell more apart." if tasks < FEW_TASKS else ""
    return f"{settled} of {len(lines)} ranks are settled; {gap}.{few}"


def contradictions(boards: Sequence[Leaderboard]) -> list[str]:
    """Where somebody surely earns more than the one who is rated first."""
    found = []
    for board in boards:
        earned = [(line.agent, line.reward) for line in board.lines if line.component == 0 and line.reward is not None]
        if not board.key.startswith("env:") or not board.places[0].is_contest or not earned:
            continue
        (first, its), *others = earned
        better = max(others, key=lambda one: one[1].low, default=None)
        if better is not None and better[1].low > its.high:
            (name, mean), place = better, board.places[0]
            earns = f"{mean.value:+.2f} {place.unit} a game ({mean.low:+.2f} to {mean.high:+.2f})"
            found.append(
                f"In {place.name} {first} wins most often, and {name} earns more: {earns} against {its.value:+.2f}."
            )
    return found[:MOST_NAMED]


def _counted(names: Sequence[str]) -> str:
    return _listed(names) if len(names) <= MOST_NAMED else f"{len(names)} agents"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
