"""Matches cut into slices, and what was played of them put in order again.

Where a slice begins does not depend on how many workers there are, which of them plays it, or how fast: equal matches
are cut into equal slices. What is stored already was stored by whole slices, so a run that goes on cuts alike.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from sparring.cluster.parcels import Parcel
from sparring.protocols import Agent
from sparring.rollout.match import Match, agents_by_seat
from sparring.rollout.pool import EnvPool
from sparring.rollout.recording import Recording
from sparring.types import Episode

WEIGHT = 32
"""Of a full slice: so many matches of environments that only compute meet in one batch of a model."""
HEAVY = 8
"""The weight of a match whose environment has a process of its own: there are 4 to a slice."""
TRIES = 3
"""Workers that a slice may cost before its matches are played one by one; then those that one match may cost."""


class Sent(NamedTuple):
    """Agents that are on their way to workers."""

    agents: dict[str, Agent]
    parcel: Parcel


@dataclass(slots=True)
class Slice:
    """What one worker plays at a time."""

    start: int
    """The place of its first match among all."""
    matches: Sequence[Match]
    parcel: Parcel
    lost: int = 0
    """Workers that died while they played it."""


class Slices:
    """The slices of one run of matches. Memory holds those that are in play, and as many that wait for their turn."""

    def __init__(
        self,
        matches: Iterable[Match],
        known: MutableMapping[str, Agent],
        pack: Callable[[dict[str, Agent]], Parcel],
        window: int,
        sent: Sent | None = None,
    ) -> None:
        """`known`: agents by the names that the matches use. `window`: slices that may be open at a time.

        `sent`: a parcel that holds all of them already.
        """
        self._matches, self._known, self._pack, self._window = iter(matches), known, pack, window
        self._packed: dict[str, Agent] = dict(sent.agents) if sent else {}
        self._parcel: Parcel | None = sent.parcel if sent else None
        self._begun, self._all_begun = 0, False
        self._open: deque[Slice] = deque()
        self._again: list[Slice] = []
        self._episodes: dict[int, Episode] = {}

    def next(self) -> Slice | None:
        """What is to be played next; None where that has to wait, or where nothing is left. Raises UnknownName."""
        if self._again:
            return self._again.pop()
        if len(self._open) >= self._window:
            return None
        matches = self._cut()
        if not matches:
            self._all_begun = True
            return None
        slice = Slice(self._begun, matches, self._parcel_for(matches))
        self._begun += len(matches)
        self._open.append(slice)
        return slice

    @property
    def is_over(self) -> bool:
        """Whether `next` found no match any more, and all slices are finished."""
        return self._all_begun and not self._open

    def played(self, slice: Slice, episodes: Sequence[Episode]) -> None:
        """Keep what a worker played."""
        self._episodes.update(enumerate(episodes, slice.start))

    def lost(self, slice: Slice) -> None:
        """Its worker died: it is played again, at last match by match; a match that still kills workers is a fault."""
        slice.lost += 1
        if slice.lost < TRIES:
            self._again.append(slice)
        elif len(slice.matches) > 1:
            singles = [Slice(at, [match], slice.parcel) for at, match in enumerate(slice.matches, slice.start)]
            self._again += reversed(singles)
        else:
            self.played(slice, [self._broken(slice.matches[0])])

    def finished(self) -> Iterator[list[tuple[Match, Episode]]]:
        """Whole slices, in the order of the matches, each once."""
        while self._open:
            first = self._open[0]
            places = range(first.start, first.start + len(first.matches))
            if not all(place in self._episodes for place in places):
                return
            self._open.popleft()
            yield [(match, self._episodes.pop(at)) for at, match in zip(places, first.matches, strict=True)]

    def _cut(self) -> list[Match]:
        matches: list[Match] = []
        weight = 0
        for match in self._matches:
            own = HEAVY if EnvPool.has_process(match) else 1
            if matches and weight + own > WEIGHT:
                self._matches = chain([match], self._matches)
                break
            matches.append(match)
            weight += own
            if weight == WEIGHT:
                break
        return matches

    def _parcel_for(self, matches: Sequence[Match]) -> Parcel:
        """One that holds all their agents; what only a spec names is made here first."""
        used = agents_of(matches, self._known)
        if self._parcel is None or not used.keys() <= self._packed.keys():
            self._packed |= used
            self._parcel = self._pack(self._packed)
        return self._parcel

    def _broken(self, match: Match) -> Episode:
        recording = Recording(match, agents_by_seat(match, self._known))
        recording.status, recording.fault = "env_error", "environment"
        recording.error = f"{TRIES} workers died while they played it"
        return recording.episode()


def agents_of(matches: Iterable[Match], known: MutableMapping[str, Agent]) -> dict[str, Agent]:
    """The agents of some matches by name; those that only a spec names are made, and known from then on."""
    used: dict[str, Agent] = {}
    for match in matches:
        used |= {match.agents[seat]: agent for seat, agent in agents_by_seat(match, known).items()}
    return used
