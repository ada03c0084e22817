"""Where a good agent sat in a store of episodes: what is imitated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sparring import registry
from sparring.store.rows import EpisodeRow
from sparring.store.store import Store


class Place(NamedTuple):
    """Where somebody sat that is imitated."""

    id: str
    """Of the episode."""
    seat: str
    game: str
    """As the settings name it."""


def places_of(store: Store, games: Sequence[str], expert: str, count: int) -> list[Place]:
    """Where the expert ("": anybody) sat in whole episodes of some games, among the first `count` of a store."""
    options = {game: registry.envs.parts(game) for game in games}
    found = []
    for row in store.rows(limit=count):
        seats = [seat for seat, agent in row.agents.items() if expert in ("", agent) and row.turns[seat]]
        game = _game_of(row, store, options) if row.sound and seats else None
        found += [Place(row.id, seat, game) for seat in seats if game is not None]
    return found


def who_is_there(store: Store, source: str, expert: str, games: Sequence[str]) -> str:
    """Why nothing in a store can be imitated, in words."""
    by = sorted({f"{name} in {row.env_id}" for row in store.rows() for name in row.agents.values()})
    whom = f"by {expert!r} " if expert else ""
    return (
        f"{source} holds no whole episode {whom}in {', '.join(games)}; it holds episodes of: "
        f"{', '.join(by[:10]) or 'nobody'}"
    )


def _game_of(row: EpisodeRow, store: Store, options: Mapping[str, tuple[str, Mapping[str, object]]]) -> str | None:
    """The run's game that an episode is of: named alike, or one whose options it was played with."""
    if row.env_id in options:
        return row.env_id
    named = [game for game, (env_id, kwargs) in options.items() if kwargs and env_id == row.env_id]
    played = dict(store.get(row.id).env_kwargs) if named else {}
    return next((game for game in named if options[game][1].items() <= played.items()), None)
