"""The environments of a board, and the groups of them that have leaderboards of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sparring import registry
from sparring.scoreboard.names import env_words, play_words, unit_of
from sparring.specs import spec_of
from sparring.store.rows import EpisodeRow


@dataclass(frozen=True, slots=True)
class Place:
    """An environment with its settings: what a board counts apart."""

    env_id: str
    spec: str
    """Id and settings in one word."""
    name: str
    """For people."""
    family: str
    skills: tuple[str, ...]
    seats: int
    is_contest: bool
    """Whether seats play against each other."""
    reward_range: tuple[float, float] | None
    unit: str


def place_of(row: EpisodeRow) -> Place:
    """The environment in which an episode was played."""
    kwargs = dict(row.env_kwargs)
    settings = ", ".join(f"{name}={value}" for name, value in sorted(kwargs.items()))
    name = env_words(row.env_id) + (f" ({settings})" if settings else "")
    spec = spec_of(row.env_id, kwargs)
    contested = len(row.agents) > 1 and play_words(row.env_id).contested
    try:
        known = registry.envs.row(row.env_id)
    except registry.UnknownName:  # an episode of an environment that is not installed here
        return Place(row.env_id, spec, name, "other", (), len(row.agents), contested, None, "reward")
    return Place(
        row.env_id,
        spec,
        name,
        known.family,
        tuple(known.skills),
        len(row.agents),
        contested and not known.roles,
        known.rewards_with(kwargs),
        unit_of(row.env_id),
    )


def groups_of(places: Iterable[Place]) -> Mapping[str, list[int]]:
    """What a board shows: everything, each family, each skill, each place; key -> places. Equal ones are shown once."""
    numbered = list(enumerate(places))
    groups = {"all": [number for number, _ in numbered]}
    for kind, named in (("family", lambda one: (one.family,)), ("skill", lambda one: one.skills)):
        for name in sorted({name for _, place in numbered for name in named(place)}):
            groups[f"{kind}:{name}"] = [number for number, place in numbered if name in named(place)]
    for number, place in sorted(numbered, key=lambda item: item[1].name):
        groups[f"env:{place.spec}"] = [number]
    return groups
