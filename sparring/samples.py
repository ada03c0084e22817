"""The token sequences of a trajectory: its calls, strung together as the models saw them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from sparring.types import Call, Policy, Segment, Trajectory, Turn


@dataclass(frozen=True, slots=True)
class Sample:
    """A path of calls from the first one to a last one: token for token what one model saw and wrote."""

    ids: tuple[str, ...]
    calls: tuple[Call, ...]
    first: int = 0
    """Where its own calls begin: those before belong to an earlier sample of the trajectory, and are context here."""

    @property
    def policy(self) -> Policy:
        """Of its last call."""
        return self.calls[-1].policy

    @property
    def segments(self) -> list[Segment]:
        """All of them, in order."""
        return [segment for call in self.calls for segment in call.segments]


def samples(trajectory: Trajectory) -> list[Sample]:
    """The token sequences of a trajectory, one for every call that no other one continues, in the order of these.

    Raises ValueError where a call continues one that is not there before it, or one of another model.
    """
    return _paths(trajectory, lambda last: bool(last.segments))


def conversations(trajectory: Trajectory) -> list[Sample]:
    """Like `samples`, with those that were recorded as text only. Raises ValueError."""
    return _paths(trajectory, lambda last: bool(last.segments or last.messages))


def _paths(trajectory: Trajectory, is_wanted: Callable[[Call], bool]) -> list[Sample]:
    """The path to every last call that is wanted."""
    calls: dict[str, Call] = {}
    continued: set[str] = set()
    for id, call in trajectory.calls:
        if call.continues is not None:
            before = calls.get(call.continues)
            if before is None or before.policy.model != call.policy.model:
                found = "there is none before it" if before is None else f"that is one of {before.policy.model!r}"
                raise ValueError(f"call {id} of {trajectory.id} continues call {call.continues}: {found}")
            continued.add(call.continues)
        calls[id] = call
    told: set[str] = set()
    return [_sample(id, calls, told) for id in calls if id not in continued and is_wanted(calls[id])]


def _sample(last: str, calls: Mapping[str, Call], told: set[str]) -> Sample:
    ids = [last]
    while (before := calls[ids[-1]].continues) is not None:
        ids.append(before)
    ids.reverse()
    first = sum(id in told for id in ids)
    told.update(ids)
    return Sample(tuple(ids), tuple(calls[id] for id in ids), first)


@dataclass(frozen=True, slots=True)
class Cost:
    """What some calls cost."""

    calls: int = 0
    shown: int = 0
    """Tokens that were put before the model: prompts and what was forced, without those that a call continues."""
    written: int = 0
    """Tokens that the model chose."""


def cost_by_purpose(turns: Iterable[Turn]) -> dict[str, Cost]:
    """What the calls of these turns cost, by their purpose: act, vote, critique, ..."""
    found: dict[str, Cost] = {}
    for call in (call for turn in turns for call in turn.calls):
        before = found.get(call.purpose, Cost())
        written = sum(len(one.token_ids) for one in call.segments if one.kind == "generated")
        shown = sum(len(one.token_ids) for one in call.segments) - written
        found[call.purpose] = Cost(before.calls + 1, before.shown + shown, before.written + written)
    return found


def generated_tokens(turns: Iterable[Turn]) -> int:
    """How many tokens models wrote in these turns."""
    calls = (call for turn in turns for call in turn.calls)
    return sum(len(s.token_ids) for call in calls for s in call.segments if s.kind == "generated")
