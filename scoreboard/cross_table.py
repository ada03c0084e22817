"""Agent by agent: what each one earned a game against each other, out of episode rows. Pure; no file is read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from sparring import registry
from sparring.plurals import number_of
from sparring.scoreboard.names import play_words
from sparring.scoreboard.ranged_means import mean_within
from sparring.scoreboard.stats import Estimate
from sparring.store.rows import EpisodeRow

"""Statuses of episodes that are not counted."""


@dataclass(frozen=True, slots=True)
class CrossTable:
    """Mean rewards in one environment, both (all) seats together."""

    env_id: str
    agents: tuple[str, ...]
    """Best total first."""
    cells: Mapping[tuple[str, str], Estimate]
    """(agent, opponent) -> the agent's mean reward a game; pairs that never met are missing, and so are all where
    nobody plays against anybody."""
    totals: Mapping[str, Estimate]
    """The mean over all games against others; of an agent that met nobody else, what the first seat got."""
    broken_off: int = 0
    """Episodes that a fault ended; they are not counted."""
    variant: str = ""
    """The environment's settings, where the episodes have different ones."""

    @property
    def complete(self) -> bool:
        """Whether everybody met everybody: only then do the totals rest on the same opponents."""
        return not self.cells or all(pair in self.cells for pair in combinations(self.agents, 2))

    @property
    def meetings(self) -> str:
        """How many of the pairs have met, in words."""
        pairs = list(combinations(self.agents, 2))
        met = sum(pair in self.cells for pair in pairs)
        return f"{met} of {number_of(len(pairs), 'pair')} have met"


Game = tuple[EpisodeRow, str]
"""A row and the seat from which it is told."""


def cross_tables(rows: Iterable[EpisodeRow]) -> list[CrossTable]:
    """One table an environment, in the order of their names; one each of its settings, where there are several."""
    games: dict[str, dict[str, list[EpisodeRow]]] = {}
    for row in rows:
        games.setdefault(row.env_id, {}).setdefault(settings_words(row), []).append(row)
    return [
        _cross_table(env_id, variant if len(variants) > 1 else "", variants[variant])
        for env_id, variants in sorted(games.items())
        for variant in sorted(variants)
    ]


def settings_words(row: EpisodeRow) -> str:
    """`difficulty=1, max_turns=2`, or `default settings`."""
    return ", ".join(f"{name}={value}" for name, value in sorted(row.env_kwargs.items())) or "default settings"


def mean_reward(
    env_id: str, rewards: Sequence[float], tasks: Sequence[str], settings: Iterable[Mapping[str, object]]
) -> Estimate:
    """The mean with its interval over tasks, within the environment's range of rewards where that is known.

    `settings`: those that the episodes were played with.
    """
    try:
        row = registry.envs.row(env_id)
    except registry.UnknownName:  # an episode of an environment that is not installed here
        return mean_within(rewards, tasks, None)
    ranges = {row.rewards_with(kwargs) for kwargs in settings} if row.range_with else {row.reward_range}
    known = [one for one in ranges if one is not None]
    return mean_within(rewards, tasks, (min(known)[0], max(high for _, high in known)) if known else None)


def _cross_table(env_id: str, variant: str, rows: Sequence[EpisodeRow]) -> CrossTable:
    counted, contested = [row for row in rows if row.sound], play_words(env_id).contested
    meetings: dict[tuple[str, str], list[Game]] = {}
    alone: dict[str, list[Game]] = {}
    against_others: dict[str, list[Game]] = {}
    for row in counted:
        for seat, agent in row.agents.items():
            others = dict.fromkeys(other for other in row.agents.values() if other != agent)
            if others:
                against_others.setdefault(agent, []).append((row, seat))
            elif seat == next(iter(row.agents)):
                alone.setdefault(agent, []).append((row, seat))
            for other in others if contested else ():
                meetings.setdefault((agent, other), []).append((row, seat))
    agents = {agent for row in rows for agent in row.agents.values()}
    totals = {agent: _mean(env_id, against_others.get(agent) or alone.get(agent, [])) for agent in agents}
    cells = {pair: _mean(env_id, games) for pair, games in meetings.items()}
    return CrossTable(env_id, tuple(_ranked(totals)), cells, totals, len(rows) - len(counted), variant)


def _mean(env_id: str, games: Sequence[Game]) -> Estimate:
    tasks = [row.task or row.id for row, _ in games]
    return mean_reward(env_id, [row.rewards[seat] for row, seat in games], tasks, (row.env_kwargs for row, _ in games))


def _ranked(totals: Mapping[str, Estimate]) -> Iterator[str]:
    """Most reward first, equal ones by name, those without a game last."""

    def key(agent: str) -> tuple[bool, float, str]:
        value = totals[agent].value
        return math.isnan(value), 0.0 if math.isnan(value) else -value, agent

    return iter(sorted(totals, key=key))
