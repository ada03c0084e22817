"""Which episodes of a store somebody asks for: those an agent lost, those with illegal actions, the last ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sparring import registry
from sparring.scoreboard.stats import outcome
from sparring.store.rows import EpisodeRow


def select_episodes(
    rows: Iterable[EpisodeRow], agent: str | None = None, lost: bool = False, illegal: bool = False
) -> list[EpisodeRow]:
    """The rows that meet everything asked for, in the order of the store.

    `agent`: who plays in some seat; a model's name stands for all its moments ("nano" for "nano (update 60)").
    `lost`: lost by that agent, or by the models where none is named, to somebody else.
    `illegal`: by that agent, or by anybody.
    Raises UnknownName for an agent that never played, ValueError where nobody is named whose losses could be meant.
    """
    rows = list(rows)
    names = sorted({name for row in rows for name in row.agents.values()})
    if agent is not None and not any(_is(agent, name) for name in names):
        raise registry.UnknownName(registry.unknown("agent", agent, names))
    if lost and agent is None and rows and not any(_writes(row, seat) for row in rows for seat in row.agents):
        raise ValueError(f"whose losses? no model played here; add --agent with one of: {', '.join(names)}")
    return [row for row in rows if _wanted(row, _seats(row, agent), agent, lost, illegal)]


def _wanted(row: EpisodeRow, seats: Sequence[str], agent: str | None, lost: bool, illegal: bool) -> bool:
    if agent is not None and not seats:
        return False
    if lost and not any(_lost(row, seat) for seat in seats):
        return False
    return not illegal or any(row.illegal[seat] for seat in (row.agents if agent is None else seats))


def _seats(row: EpisodeRow, agent: str | None) -> list[str]:
    """The seats of an agent; of the models where none is named."""
    if agent is None:
        return [seat for seat in row.agents if _writes(row, seat)]
    return [seat for seat, name in row.agents.items() if _is(agent, name)]


def _lost(row: EpisodeRow, seat: str) -> bool:
    others = [name for other, name in row.agents.items() if other != seat and name != row.agents[seat]]
    return bool(others) and row.sound and outcome(row, seat) in ("losses", "illegal_losses")


def _is(agent: str, name: str) -> bool:
    return name == agent or name.startswith(f"{agent} (")


def _writes(row: EpisodeRow, seat: str) -> bool:
    return row.trainable[seat] or row.tokens[seat] > 0


def plain(row: EpisodeRow) -> Mapping[str, object]:
    """A row as JSON shows it."""
    return {
        "id": row.id,
        "env_id": row.env_id,
        "status": row.status,
        "agents": dict(row.agents),
        "rewards": dict(row.rewards),
        "turns": sum(row.turns.values()),
        "illegal": sum(row.illegal.values()),
        "tokens": sum(row.tokens.values()),
    }
