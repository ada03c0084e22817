"""How a game stood at its end, in the words of every seat: what the record does not hold is played again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparring import registry
from sparring.types import Episode


def final_views(episode: Episode) -> dict[str, str]:
    """What every seat sees when the game is over, without the lines that its first turn began with (the rules).

    Empty where the environment is not one of seats that see text, or is not here.
    """
    try:
        env = registry.envs.make(episode.env_id, **episode.env_kwargs)
    except (registry.UnknownName, ImportError):
        return {}
    try:
        seen = _played_again(env, episode) if hasattr(env, "agent_selection") or hasattr(env, "possible_agents") else {}
    finally:
        env.close()
    shown = [turn.observation for _, turn in episode.turns[:1]]
    firsts = {seat: [turn.observation for turn in t.turns[:1]] or shown for seat, t in episode.trajectories.items()}
    return {seat: _without_start(text, firsts.get(seat, [])) for seat, text in seen.items()}


def _played_again(env: Any, episode: Episode) -> dict[str, str]:
    env.reset(seed=episode.seed)
    for _, turn in episode.turns:
        env.step(turn.action)
    seen = {seat: env.observe(seat) for seat in env.possible_agents}
    return {seat: text for seat, text in seen.items() if isinstance(text, str)}


def _without_start(text: str, firsts: Sequence[str]) -> str:
    """The lines after those that a text has in common with the first observation."""
    lines, first = text.splitlines(), firsts[0].splitlines() if firsts else []
    same = 0
    while same < min(len(lines), len(first)) and lines[same] == first[same]:
        same += 1
    return "\n".join(lines[same:])
