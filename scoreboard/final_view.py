"""How a game stood at its end, in the words of every seat."""

from __future__ import annotations

from collections.abc import Sequence

from sparring.types import Episode


def final_views(episode: Episode) -> dict[str, str]:
    """What every seat saw when the game was over, without the lines that its first turn began with (the rules)."""
    shown = [turn.observation.text for _, turn in episode.turns[:1]]
    views = {}
    for seat, trajectory in episode.trajectories.items():
        if trajectory.last is not None:
            views[seat] = _without_start(
                trajectory.last.text, [turn.observation.text for turn in trajectory.turns[:1]] or shown
            )
    return views


def _without_start(text: str, firsts: Sequence[str]) -> str:
    """The lines after those that a text has in common with the first observation."""
    lines, first = text.splitlines(), firsts[0].splitlines() if firsts else []
    same = 0
    while same < min(len(lines), len(first)) and lines[same] == first[same]:
        same += 1
    return "\n".join(lines[same:])
