"""The recorded tokens of a call, with what is to be learnt of them; T tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from sparring.samples import Sample
from sparring.types import Call, Trajectory

T = TypeVar("T")


@dataclass(slots=True)
class Tokens:
    """A sequence of tokens; the three lists have one length."""

    ids: list[int] = field(default_factory=list)
    mask: list[int] = field(default_factory=list)
    """[T], 1 on what the model wrote itself and is to learn from, else 0."""
    logprobs: list[float] = field(default_factory=list)
    """[T], nats; 0.0 on what no model chose, or nobody knows the log-probability of."""

    def extend(self, other: Tokens) -> None:
        """Append a sequence."""
        self.ids += other.ids
        self.mask += other.mask
        self.logprobs += other.logprobs


@dataclass(frozen=True, slots=True)
class Asked:
    """A call, and all tokens that its model had seen before."""

    id: str
    call: Call
    before: list[int]
    own: Tokens
    shown: int
    """How many of its own tokens stand before the first one that it generated."""


def learns(call: Call, somebody_learns: bool) -> bool:
    """Whether a call is one to learn from: where weights of its trajectory learn, the others' calls are not."""
    return call.policy.trainable or not somebody_learns


def tokens_of(call: Call, is_learnt: bool = True) -> Tokens:
    """What a call adds to its sample. Generated tokens without log-probabilities are not learnt from."""
    found = Tokens()
    for segment in call.segments:
        count = len(segment.token_ids)
        chosen = segment.logprobs if segment.kind == "generated" else None
        if chosen is not None and len(chosen) != count:
            raise ValueError(f"{count} generated tokens need as many log-probabilities, got {len(chosen)}")
        found.ids += segment.token_ids
        found.mask += [int(is_learnt and chosen is not None)] * count
        found.logprobs += [0.0] * count if chosen is None else chosen
    return found


def asked(trajectory: Trajectory) -> Iterator[Asked]:
    """The calls that were recorded with tokens, in order. Raises ValueError where one continues what is not there."""
    seen: dict[str, list[int]] = {}
    somebody_learns = trajectory.trainable
    for id, call in trajectory.calls:
        before = earlier(id, call, seen, trajectory) or []
        own = tokens_of(call, learns(call, somebody_learns))
        seen[id] = before + own.ids
        if call.segments:
            yield Asked(id, call, before, own, shown(call))


def shown(call: Call) -> int:
    """How many tokens of a call stand before the first one that it generated."""
    count = 0
    for segment in call.segments:
        if segment.kind == "generated":
            break
        count += len(segment.token_ids)
    return count


def sequence_of(sample: Sample, trajectory: Trajectory) -> Tokens:
    """A whole sample; what an earlier sample holds too is context."""
    found = Tokens()
    somebody_learns = trajectory.trainable
    for place, call in enumerate(sample.calls):
        found.extend(tokens_of(call, place >= sample.first and learns(call, somebody_learns)))
    return found


def earlier(id: str, call: Call, known: Mapping[str, T], trajectory: Trajectory) -> T | None:
    """What is known of the call that a call continues; None where that starts a sample. Raises ValueError."""
    if call.continues is None:
        return None
    if call.continues not in known:
        raise ValueError(f"call {id} of {trajectory.id} continues call {call.continues}: there is none before it")
    return known[call.continues]
