"""What agents lose between the tasks that may be trained on and those that are held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparring.scoreboard.board.leaderboard import Leaderboard
from sparring.scoreboard.board.places import Place
from sparring.scoreboard.stats import Estimate, independent_difference
from sparring.specs import parse_spec, spec_of


@dataclass(frozen=True, slots=True)
class Gap:
    """One agent on both kinds of tasks of one environment."""

    place: Place
    """With the tasks for training."""
    agent: str
    train: Estimate
    """Mean reward of an episode."""
    held_out: Estimate
    gap: Estimate
    """Train less held out; they share no task."""


def generalisation_gaps(boards: Sequence[Leaderboard]) -> list[Gap]:
    """Of every agent in every environment that was played with split=held_out and without, otherwise alike.

    Games against others are left out: their rewards depend on who the others were.
    """
    alone = [one for one in boards if one.key.startswith("env:") and not one.places[0].is_contest]
    train = {_without_split(one): one for one in alone if _split(one) == "train"}
    pairs = [(train.get(_without_split(one)), one) for one in alone if _split(one) == "held_out"]
    return [gap for shown, hidden in pairs if shown is not None for gap in _gaps(shown, hidden)]


def _gaps(train: Leaderboard, held_out: Leaderboard) -> list[Gap]:
    hidden = {line.agent: line.reward for line in held_out.lines}
    found = []
    for line in train.lines:
        ours, theirs = line.reward, hidden.get(line.agent)
        if ours is not None and theirs is not None:
            found.append(Gap(train.places[0], line.agent, ours, theirs, independent_difference(ours, theirs)))
    return found


def _split(board: Leaderboard) -> str:
    return parse_spec(board.places[0].spec).options.get("split", "train")


def _without_split(board: Leaderboard) -> str:
    parsed = parse_spec(board.places[0].spec)
    name = parsed.name if parsed.argument is None else f"{parsed.name}:{parsed.argument}"
    return spec_of(name, {option: value for option, value in parsed.options.items() if option != "split"})
