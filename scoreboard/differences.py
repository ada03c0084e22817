"""What is not the same in an episode and in its replay: the first difference, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from operator import attrgetter

from sparring.content import canonical_json
from sparring.plurals import number_of
from sparring.specs import parse_spec
from sparring.types import Episode, Seen, Turn

Difference = tuple[str, object, object]
"""The name of what differs, as it was recorded, and as it came again."""


NO_ENVIRONMENT, NO_SERVER, NO_SEAT = "environment", "server", "seat"
"""What faults are called that keep an episode from being played again, so that nothing is known of it."""
SERVED = ("openenv:", "agentgym:")
"""How the ids of environments begin that somebody else serves: nobody here can promise that they play it again."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing about an episode, or about the store (with no episode's id), that does not hold."""

    episode_id: str
    what: str
    """damaged, index, environment, server, seat, turns, or the field that differs."""
    detail: str

    @property
    def compared(self) -> bool:
        """Whether anything was found to differ; else the episode could not be played again here."""
        return self.what not in (NO_ENVIRONMENT, NO_SERVER, NO_SEAT)

    @property
    def parts(self) -> tuple[str, str]:
        """Where it is, "" for the store, and what was found."""
        return (f"episode {self.episode_id!r}", f"{self.what}: {self.detail}") if self.episode_id else ("", self.detail)

    def __str__(self) -> str:
        return ": ".join(part for part in self.parts if part)


class _Compared:
    """The fields of a record that must come out the same, by the names that faults give them."""

    def __init__(self, **paths: str) -> None:
        self._names, self._values_of = tuple(paths), attrgetter(*paths.values())

    def first_difference(self, recorded: object, again: object) -> Difference | None:
        """Nearly all records are equal: they are compared at once."""
        was, came = self._values_of(recorded), self._values_of(again)
        if was == came:
            return None
        rows = zip(self._names, was, came, strict=True)
        return next(((name, left, right) for name, left, right in rows if differ(left, right)), None)


SEEN = {"observation": "content", "legal_actions": "legal_actions", "info": "info"}
OF_SEEN = _Compared(**SEEN)
OF_TURN = _Compared(
    **{name: f"observation.{path}" for name, path in SEEN.items()},
    index="index",
    hidden="hidden",
    action="action",
    legal="legal",
    reward="reward",
    reward_parts="reward_parts",
)
OF_TRAJECTORY = _Compared(reward="reward", reward_parts="reward_parts", metrics="metrics", hidden="hidden")


def first_difference(recorded: Episode, again: Episode) -> Fault | None:
    """The first thing that came otherwise when an episode was played again; None where all is as recorded."""
    fault = _first_difference(recorded, again)
    if fault is None or not fault.compared or not recorded.env_id.startswith(SERVED):
        return fault
    since = "from" if fault.detail.startswith("turn ") else "in this:"
    return replace(fault, detail=f"the server differs {since} {fault.detail}")


def _first_difference(recorded: Episode, again: Episode) -> Fault | None:
    played, replayed = recorded.turns, again.turns
    for number, (before, after) in enumerate(zip(played, replayed, strict=False)):
        difference = _turn_difference(before, after)
        if difference is not None:
            what, detail = difference
            return Fault(recorded.id, what, f"turn {number}: {_source_in_words(recorded, before, after) or detail}")
    away = ("server", "timeout", "capacity") if recorded.env_id.startswith(SERVED) else ("server",)
    if again.fault in away and again.fault != recorded.fault:
        return Fault(recorded.id, NO_SERVER, f"it was played again up to turn {len(replayed)}: {again.error}")
    if len(replayed) < len(played):
        reason = f": {again.error}" if again.status == "env_error" else ""
        detail = f"the replay ends after {len(replayed)} of {number_of(len(played), 'recorded action')}{reason}"
        return Fault(recorded.id, "turns", detail)
    return _end_difference(recorded, again)


def _turn_difference(before: tuple[str, Turn], after: tuple[str, Turn]) -> tuple[str, str] | None:
    (seat, turn), (other_seat, other) = before, after
    if seat != other_seat:
        return "seat", f"recorded for {seat}, replayed {other_seat} is to move"
    return _in_words(OF_TURN.first_difference(turn, other))


def _source_in_words(recorded: Episode, before: tuple[str, Turn], after: tuple[str, Turn]) -> str:
    """Which file that the environment reads is another one than it was; nothing where none is."""
    was, came = before[1].observation.info.get("words"), after[1].observation.info.get("words")
    if isinstance(was, str) and isinstance(came, str) and was != came:
        table = f"the table of words {_shown(_words_of(recorded))}"
        return f"{table} is another one than the one that was recorded: now {came[:12]}, then {was[:12]}"
    return _index_in_words(recorded, before, after)


def _words_of(recorded: Episode) -> object:
    """The table that an episode names, in its options or in its id."""
    return recorded.env_kwargs.get("words", parse_spec(recorded.env_id).options.get("words", "ready"))


def _index_in_words(recorded: Episode, before: tuple[str, Turn], after: tuple[str, Turn]) -> str:
    """Whose index is another one than it was, and both hashes; nothing where the index is the same."""
    was, came = before[1].observation.info, after[1].observation.info
    index, other = was.get("index"), came.get("index")
    if not isinstance(index, str) or not isinstance(other, str) or index == other:
        return ""
    retriever = recorded.env_kwargs.get("retriever")
    holder = f"the retriever {_shown(retriever)}" if retriever else f"the world {_shown(was.get('world'))}"
    return f"the index of {holder} is another one than the one that was recorded: now {other}, then {index}"


def _seen_difference(recorded: Seen | None, again: Seen | None) -> tuple[str, str] | None:
    if recorded is None or again is None:
        return None if recorded is again else _in_words(("last", recorded, again))
    return _in_words(OF_SEEN.first_difference(recorded, again))


def _in_words(difference: Difference | None) -> tuple[str, str] | None:
    if difference is None:
        return None
    name, was, came = difference
    if isinstance(was, Mapping) and isinstance(came, Mapping):
        was, came = _without_what_is_equal(was, came), _without_what_is_equal(came, was)
    return name, f"recorded {_shown(was)}, replayed {_shown(came)}"


def _without_what_is_equal(one: Mapping[str, object], other: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in one.items() if key not in other or differ(value, other[key])}


def _end_difference(recorded: Episode, again: Episode) -> Fault | None:
    if recorded.sound and again.status != recorded.status:
        detail = f"recorded {recorded.status}, replayed {again.status} {again.error or ''}".rstrip()
        return Fault(recorded.id, "status", detail)
    if again.sound and not recorded.sound:  # a fault asks for an action that never came: the game was not over
        return Fault(recorded.id, "status", f"recorded {recorded.status}, and the replay comes to its end")
    for seat, trajectory in recorded.trajectories.items():
        other = again.trajectories[seat]
        seen = _seen_difference(trajectory.last, other.last) if recorded.sound else None
        if seen is not None:
            return Fault(recorded.id, "last", f"observation of {seat}: {seen[1]}")
        difference = OF_TRAJECTORY.first_difference(trajectory, other)
        if difference is not None:
            name, was, came = difference
            return Fault(recorded.id, name, f"of {seat}: recorded {was!r}, replayed {came!r}")
    return None


def differ(left: object, right: object) -> bool:
    """Exact, and NaN equals itself."""
    return bool(left != right) and canonical_json(left) != canonical_json(right)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
