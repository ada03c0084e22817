"""A seat's episode as one row of token ids: what trainers take whose rows are flat conversations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparring.exports.tokens import sequence_of
from sparring.samples import samples
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
    row = max((sequence_of(sample, trajectory) for sample in found), key=lambda tokens: sum(tokens.mask))
    first = row.mask.index(1) if 1 in row.mask else len(row.mask)
    payoff = trajectory.reward if episode.sound else None
    return Row(row.ids[:first], row.ids[first:], row.logprobs[first:], row.mask[first:], payoff, len(found))
