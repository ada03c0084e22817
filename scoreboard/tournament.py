"""A tournament: every agent against every other one, in every environment that it can play, on mirrored deals.

A fixture is a group of agents, as many as an environment has seats, in that environment. A round of a fixture is one
deal, played once in every rotation of the seats. What a store holds is not played again, so that a tournament goes on
where it was left, and more rounds, agents or environments add to it.

Without a budget all rounds are played. `minutes` ends after the batch in which the time is over; rounds come one after
the other over all fixtures, so that the games stay balanced. `width` plays two rounds of everything, then one round at
a time of the fixtures whose agents are hardest to tell apart, until no rating's interval reaches further than `width`
Elo from it. (Stopping by the width of an interval leaves its coverage nearly as it is; stopping by who leads does not.)
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from sparring.plurals import number_of
from sparring.protocols import Agent
from sparring.rollout.loop import Listener, Match, play
from sparring.rollout.pool import Pool
from sparring.scoreboard.board.comparisons import compare_rows
from sparring.scoreboard.board.leaderboard import games_of
from sparring.scoreboard.matches import identity, play_rows, rotated_matches, seats_of, settings_identity, turns_of
from sparring.scoreboard.names import env_words
from sparring.scoreboard.ratings.davidson import Ratings, fit
from sparring.store.rows import EpisodeRow
from sparring.store.store import Store

FIRST_ROUNDS = 2
"""Of every fixture, before a tournament asks where the uncertainty is."""
BATCH = 128
"""Games that are played between two looks at the clock, or at the ratings."""
Environment = tuple[str, dict[str, object]]
"""Id and settings."""


@dataclass(frozen=True, slots=True)
class Fixture:
    """A group of agents in one environment, with all rounds that may be played."""

    env_id: str
    agents: tuple[str, ...]
    rounds: tuple[tuple[Match, ...], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a tournament may play, and who cannot play where."""

    fixtures: tuple[Fixture, ...]
    left_out: Mapping[str, Mapping[str, str]]
    """Agent -> environment -> why it cannot play there."""

    @property
    def matches(self) -> list[Match]:
        """All of them, round by round."""
        longest = max((len(fixture.rounds) for fixture in self.fixtures), default=0)
        rounds = (fixture.rounds[number : number + 1] for number in range(longest) for fixture in self.fixtures)
        return [match for some in rounds for one in some for match in one]


@dataclass(frozen=True, slots=True)
class Budget:
    """When to stop before all rounds are played; None is no limit."""

    minutes: float | None = None
    width: float | None = None
    """Elo, from a rating to the further end of its 95 % interval."""

    def __post_init__(self) -> None:
        for name in ("minutes", "width"):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{name} must be a number > 0, got {value}")


@dataclass(slots=True)
class Played:
    """What was played, or was there already."""

    rows: list[EpisodeRow] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    ended: str = ""
    """Why it ended before all rounds were played; "" where they were."""


def plan(environments: Sequence[Environment], agents: Mapping[str, Agent], rounds: int, seed: int) -> Plan:
    """All fixtures. An agent that breaks off at its first action in an environment is left out there.

    Raises ValueError where no environment has enough agents that can play it.
    """
    fixtures, left_out = list[Fixture](), dict[str, dict[str, str]]()
    for env_id, settings in environments:
        able = list[str]()
        for name, agent in agents.items():
            why = why_unable(env_id, settings, name, agent)
            if why:
                left_out.setdefault(name, {})[env_id] = why
            else:
                able.append(name)
        for group in combinations(able, len(seats_of(env_id, settings))):
            fixtures.append(_fixture(env_id, settings, group, agents, rounds, seed))
    if not fixtures:
        raise ValueError(f"nobody can play anybody{''.join(f'; {said}' for said in left_out_in_words(left_out))}")
    return Plan(tuple(fixtures), left_out)


def why_unable(env_id: str, settings: dict[str, object], name: str, agent: Agent) -> str:
    """What an agent says against playing an environment, found out by one action; "" where it can play."""
    if name == "human":
        return ""
    seats = seats_of(env_id, settings)
    match = Match("probe", env_id, dict.fromkeys(seats, name), 0, settings, max_steps=1)
    episode = play([match], {name: agent})[0]
    return (episode.error or "it broke off") if episode.status == "agent_error" else ""


def _fixture(
    env_id: str,
    settings: dict[str, object],
    group: Sequence[str],
    agents: Mapping[str, Agent],
    rounds: int,
    seed: int,
) -> Fixture:
    rotation = turns_of(env_id, len(group))
    names = ",".join(identity(agents[name]) for name in group)
    prefix = f"{names}/{seed}{settings_identity(env_id, settings)}"
    matches = rotated_matches(env_id, group, rounds * rotation, seed, prefix, env_kwargs=settings)
    return Fixture(
        env_id,
        tuple(group),
        tuple(tuple(matches[start : start + rotation]) for start in range(0, len(matches), rotation)),
    )


def play_tournament(
    planned: Plan,
    agents: Mapping[str, Agent],
    store: Store,
    budget: Budget | None = None,
    on_event: Listener | None = None,
    pool: Pool | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Played:
    """Play it into the store; an interruption keeps every game that is over."""
    budget, played, started = budget or Budget(), Played(), clock()

    def play_batch(matches: Sequence[Match]) -> bool:
        """Whether there is time for more."""
        done = play_rows(matches, agents, store, on_event, pool)
        played.rows += done.rows
        played.faults += done.faults
        return budget.minutes is None or clock() - started < 60 * budget.minutes

    if budget.width is None:
        matches = planned.matches
        size = len(matches) if budget.minutes is None else BATCH
        for start in range(0, len(matches), max(size, 1)):
            if not play_batch(matches[start : start + size]):
                played.ended = f"{budget.minutes:g} minutes are over"
                break
    else:
        played.ended = _narrow(planned, budget, played, play_batch)
    return played


def _narrow(planned: Plan, budget: Budget, played: Played, play_batch: Callable[[Sequence[Match]], bool]) -> str:
    """Play where the uncertainty is; returns why it ended."""
    assert budget.width is not None
    first = replace(planned, fixtures=tuple(replace(one, rounds=one.rounds[:FIRST_ROUNDS]) for one in planned.fixtures))
    is_time_left = play_batch(first.matches)
    next_round = [len(fixture.rounds) for fixture in first.fixtures]
    while True:
        ratings = _rate(played.rows)
        if widest(ratings) <= budget.width:
            return f"no rating is further than {budget.width:g} Elo from the ends of its interval"
        if not is_time_left:
            return f"{budget.minutes:g} minutes are over"
        chosen = _most_uncertain(planned.fixtures, next_round, ratings)
        if not chosen:
            return ""
        batch = list[Match]()
        for number in chosen:
            batch += planned.fixtures[number].rounds[next_round[number]]
            next_round[number] += 1
            if len(batch) >= BATCH:
                break
        is_time_left = play_batch(batch)


def _rate(rows: Sequence[EpisodeRow]) -> Ratings:
    return fit(games_of(compare_rows(rows)), seat=False)


def widest(ratings: Ratings) -> float:
    """Elo: how far the widest interval reaches from its rating, on the sides on which it ends."""
    reach = np.stack([ratings.elo - ratings.low, ratings.high - ratings.elo])
    return float(np.where(np.isfinite(reach), reach, 0.0).max(initial=0.0))


def _most_uncertain(fixtures: Sequence[Fixture], next_round: Sequence[int], ratings: Ratings) -> list[int]:
    """Numbers of the fixtures that have rounds left: agents hard to tell apart first, then those with few rounds."""
    number = {name: place for place, name in enumerate(ratings.agents)}
    variance = ratings.covariance

    def doubt(fixture: Fixture) -> float:
        """The largest variance of a difference in it; of an agent alone its own."""
        known = [number[name] for name in fixture.agents if name in number]
        pairs = [variance[one, one] + variance[other, other] - 2 * variance[one, other]
                 for one, other in combinations(known, 2)]  # fmt: skip
        return float(max(pairs)) if pairs else float(max((variance[one, one] for one in known), default=math.inf))

    left = [place for place, fixture in enumerate(fixtures) if next_round[place] < len(fixture.rounds)]
    doubts = {place: doubt(fixtures[place]) for place in left}
    most = max(doubts.values(), default=0.0)
    wide = [place for place in left if doubts[place] >= most / 2]
    return sorted(wide, key=lambda place: (next_round[place], -doubts[place], place))


def left_out_in_words(left_out: Mapping[str, Mapping[str, str]]) -> list[str]:
    """A line an agent and reason: where it does not play, and why."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for name, places in left_out.items():
        for env_id, why in places.items():
            reasons.setdefault((name, why.replace(env_id, "the game")), []).append(env_words(env_id))
    return [f"{name} does not play {', '.join(where)} ({why})" for (name, why), where in reasons.items()]


def size_in_words(planned: Plan) -> str:
    """`120 games of 3 agents in 2 environments`."""
    agents = {name for fixture in planned.fixtures for name in fixture.agents}
    places = {(fixture.env_id, str(fixture.rounds[0][0].env_kwargs)) for fixture in planned.fixtures}
    games, who = number_of(len(planned.matches), "game"), number_of(len(agents), "agent")
    return f"{games} of {who} in {number_of(len(places), 'environment')}"
