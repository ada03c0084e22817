"""What a board needs of its episodes, as columns: who sat where on which task, and what they got.

Whatever is the same in all games of the same agents in the same seats is kept once, with their *lineup*.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from sparring.content import canonical_json
from sparring.scoreboard.board.places import Place, place_of
from sparring.store.rows import EpisodeRow

SHOWN_BEHIND = 8
"""Episodes that a number names as those behind it."""
Key = tuple[int, int, int]
"""Place, agent, other agent, the smaller number first; an agent that plays alone stands there twice."""


@dataclass(frozen=True, slots=True)
class Behind:
    """An episode behind a number."""

    id: str
    number: int
    """Among all episodes that were read, counted from 1."""
    earned: tuple[tuple[int, float], ...]
    """By seat, in order: (agent, reward)."""


@dataclass(frozen=True, slots=True)
class Lineup:
    """Agents in the seats of one environment."""

    number: int
    place: int
    agents: tuple[int, ...]
    """By seat."""
    pairs: tuple[tuple[int, int], ...]
    """Seats that a game compares, the earlier one first."""
    keys: tuple[Key, ...]
    """Of the numbers that a game is behind."""
    behind: tuple[list[Behind], ...]
    """By key, the first episodes; other lineups add to them too."""


@dataclass(slots=True)
class Played:
    """E episodes that came to their end, with S seats together; agents, places, tasks and lineups are numbers."""

    agents: dict[str, int] = field(default_factory=dict)
    """In the order in which they appeared first, as are places, tasks and lineups."""
    places: list[Place] = field(default_factory=list)
    tasks: dict[tuple[int, int], int] = field(default_factory=dict)
    """(place, seed) -> number."""
    lineups: dict[tuple[int, tuple[str, ...]], Lineup] = field(default_factory=dict)
    """(place, names by seat)"""
    lineup: array[int] = field(default_factory=lambda: array("i"))
    """[E]"""
    task: array[int] = field(default_factory=lambda: array("i"))
    """[E]"""
    line: array[int] = field(default_factory=lambda: array("q"))
    """[E], hashes of what was done."""
    reward: array[float] = field(default_factory=lambda: array("d"))
    """[S]"""
    payoff: array[float] = field(default_factory=lambda: array("d"))
    """[S]"""
    illegal: array[int] = field(default_factory=lambda: array("i"))
    """[S], turns whose action was illegal."""
    turns: array[int] = field(default_factory=lambda: array("i"))
    """[S]"""
    behind: dict[Key, list[Behind]] = field(default_factory=dict)
    """The first episodes."""
    faults: Counter[tuple[int, int]] = field(default_factory=Counter)
    """(place, agent) -> episodes that broke off while it had a seat."""
    broken_off: int = 0
    """Episodes that a fault ended; nothing of them is counted."""
    episodes: int = 0
    """Those that broke off included."""

    def agent(self, name: str) -> int:
        """Its number."""
        return self.agents.setdefault(name, len(self.agents))


def read_rows(rows: Iterable[EpisodeRow]) -> Played:
    """Read rows once; a million of them take seconds, and memory for a few numbers each."""
    played, numbers = Played(), dict[tuple[str, str], int]()
    for row in rows:
        played.episodes += 1
        key = (row.env_id, canonical_json(dict(row.env_kwargs)) if row.env_kwargs else "")
        place = numbers.get(key)
        if place is None:
            place = numbers[key] = len(numbers)
            played.places.append(place_of(row))
        if row.sound:
            _add(played, row, place)
        else:
            played.broken_off += 1
            played.faults.update({(place, played.agent(name)) for name in row.agents.values()})
    return played


def _add(played: Played, row: EpisodeRow, place: int) -> None:
    seats, tasks = row.agents, played.tasks
    key = (place, tuple(seats.values()))
    lineup = played.lineups.get(key)
    if lineup is None:
        lineup = played.lineups[key] = _new_lineup(played, place, key[1])
    played.lineup.append(lineup.number)
    played.task.append(tasks.setdefault((place, row.seed), len(tasks)))
    played.line.append(hash(row.line))
    played.reward.extend(map(row.rewards.__getitem__, seats))
    played.payoff.extend(map(row.payoffs.__getitem__, seats))
    played.illegal.extend(map(row.illegal.__getitem__, seats))
    played.turns.extend(map(row.turns.__getitem__, seats))
    for behind in lineup.behind:
        if len(behind) < SHOWN_BEHIND:
            earned = zip(lineup.agents, map(row.rewards.__getitem__, seats), strict=True)
            behind.append(Behind(row.id, played.episodes, tuple(earned)))


def _new_lineup(played: Played, place: int, names: Sequence[str]) -> Lineup:
    agents, pairs = tuple(map(played.agent, names)), tuple[tuple[int, int], ...]()
    keys: Sequence[Key] = [(place, agent, agent) for agent in dict.fromkeys(agents)]
    if played.places[place].is_contest:
        pairs = tuple((a, b) for a, b in combinations(range(len(agents)), 2) if agents[a] != agents[b])
        keys = [(place, min(agents[a], agents[b]), max(agents[a], agents[b])) for a, b in pairs]
    behind = tuple(played.behind.setdefault(key, []) for key in keys)
    return Lineup(len(played.lineups), place, agents, pairs, tuple(keys), behind)
