"""A seat's episode as one row of token ids: what trainers take whose rows are flat conversations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparring.samples import Sample, samples
from sparring.types import Episode


@dataclass(frozen=True, slots=True)
class Row:
    """One conversation; `completion_ids`, `logprobs` and `mask` are equally long."""

    prompt_ids: list[int]
    completion_ids: list[int]
    logprobs: list[float]
    """Nats, of tokens that the model wrote; 0 for the others."""
    mask: list[int]
    """1 where the model wrote a token, 0 where it was shown."""
    payoff: float | None
    """What the seat was paid; None where a fault broke the episode off."""
    samples: int
    """How many conversations the episode had: the row is the one in which most was written."""


def row_of(episode: Episode, seat: str, eos: Sequence[int]) -> Row:
    """A seat's row. Where nothing was written, prompt and completion are `eos`, which is masked out."""
    trajectory = episode.trajectories[seat]
    found = samples(trajectory)
    if not found:
        return Row(list(eos), list(eos), [0.0] * len(eos), [0] * len(eos), None, 0)
    payoff = trajectory.reward if episode.sound else None
    return _flat(max(found, key=_written), payoff, len(found))


def _flat(sample: Sample, payoff: float | None, count: int) -> Row:
    segments = sample.segments
    first = next((place for place, segment in enumerate(segments) if segment.kind == "generated"), len(segments))
    row = Row([token for segment in segments[:first] for token in segment.token_ids], [], [], [], payoff, count)
    for segment in segments[first:]:
        is_written = segment.kind == "generated"
        row.completion_ids.extend(segment.token_ids)
        row.mask.extend([int(is_written)] * len(segment.token_ids))
        hidden = [0.0] * len(segment.token_ids)
        row.logprobs.extend(segment.logprobs or hidden if is_written else hidden)
    return row


def _written(sample: Sample) -> int:
    return sum(len(segment.token_ids) for segment in sample.segments if segment.kind == "generated")
