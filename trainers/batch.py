"""What a method hands to the learner: signals per stored trajectory, merged and packed into forward passes.

Shape suffixes, here and in every trainer:

    B  trajectories or samples      T  tokens of a sample      M  target tokens (generated, trained on)
    N  nodes of a pack              A  choices of a token      V  vocabulary            D  hidden units

A *sample* is one token sequence that a model saw and continued. Equal samples are merged into one whose weights are
the sums: the loss is linear in them, so it is exactly the same loss at a fraction of the cost (512 games of Kuhn poker
have at most 24 different samples).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sparring.types import Sampling, Segment, Trajectory, samples


@dataclass(frozen=True, slots=True)
class Signal:
    """What one sample should teach. Streams are per sample and apply to each of its generated tokens."""

    tokens: tuple[int, ...]
    """All tokens of the sample, up to the last generated one."""
    targets: tuple[int, ...]
    """Positions of the generated tokens in `tokens`, ascending."""
    sampling_logprobs: tuple[float, ...]
    """[len(targets)], nats, as the sampler recorded them."""
    allowed: tuple[tuple[int, ...] | None, ...]
    """[len(targets)], what each was chosen among; None: the vocabulary."""
    temperature: float = 1.0
    advantage: float = 0.0
    """The `rl` stream."""
    imitation: float = 0.0
    """The `ce` stream: weight of plain cross-entropy."""
    reference_logprobs: tuple[float, ...] = ()
    """[len(targets)] under the reference, or empty: the `ref_kl` stream."""


@dataclass(slots=True)
class Merged:
    """Equal samples as one."""

    signal: Signal
    gain: float = 0.0
    pain: float = 0.0
    imitation: float = 0.0
    count: int = 0


@dataclass(slots=True)
class Batch:
    """Distinct samples and how many samples they stand for."""

    merged: list[Merged] = field(default_factory=list)
    size: int = 0
    broken_prefixes: int = 0
    """Turns whose prompt did not extend the turn before, so that a new sample had to start."""


def signals_of(trajectory: Trajectory, advantage: float = 0.0, imitation: float = 0.0) -> list[Signal]:
    """The samples of a trajectory, each with its streams. Raises ValueError where it cannot be trained on."""
    sampling = trajectory.sampling or Sampling()
    for name, weight in (("advantage", advantage), ("imitation", imitation)):
        if not math.isfinite(weight):
            raise ValueError(f"{name} of trajectory {trajectory.id} must be a finite number, got {weight}")
    if not trajectory.policy.trainable:
        raise ValueError(f"trajectory {trajectory.id} was played by a frozen agent ({trajectory.agent})")
    if sampling.top_p < 1.0:
        raise ValueError(f"trajectory {trajectory.id} was sampled with top_p {sampling.top_p}; training needs 1.0")
    found = (_signal(sample, sampling.temperature, advantage, imitation) for sample in samples(trajectory))
    return [signal for signal in found if signal is not None]


def _signal(sample: Sequence[Segment], temperature: float, advantage: float, imitation: float) -> Signal | None:
    tokens: list[int] = []
    targets: list[int] = []
    logprobs: list[float] = []
    allowed: list[tuple[int, ...] | None] = []
    for segment in sample:
        if segment.kind == "generated":
            for offset, (logprob, choices) in enumerate(_generated(segment)):
                if choices is None or len(choices) > 1:  # a forced token has no gradient
                    targets.append(len(tokens) + offset)
                    logprobs.append(logprob)
                    allowed.append(choices)
        tokens.extend(segment.token_ids)
    if not targets:
        return None
    return Signal(
        tuple(tokens[: targets[-1] + 1]),
        tuple(targets),
        tuple(logprobs),
        tuple(allowed),
        temperature,
        advantage,
        imitation,
    )


def _generated(segment: Segment) -> Iterator[tuple[float, tuple[int, ...] | None]]:
    logprobs = segment.logprobs or ()
    if len(logprobs) != len(segment.token_ids):
        raise ValueError(
            f"{len(segment.token_ids)} generated tokens need as many log-probabilities, got {len(logprobs)}"
        )
    return zip(logprobs, segment.allowed or [None] * len(logprobs), strict=True)


def merge(signals: Iterable[Signal]) -> Batch:
    """Merge equal samples; the order of first appearance is kept."""
    batch, found = Batch(), {}
    for signal in signals:
        key = (signal.tokens, signal.targets, signal.sampling_logprobs, signal.reference_logprobs, signal.temperature)
        if key not in found:
            found[key] = Merged(signal)
            batch.merged.append(found[key])
        entry = found[key]
        entry.gain += max(signal.advantage, 0.0)
        entry.pain += min(signal.advantage, 0.0)
        entry.imitation += signal.imitation
        entry.count += 1
        batch.size += 1
    return batch


def count_broken_prefixes(trajectories: Iterable[Trajectory]) -> int:
    """Turns after the first that started a new sample, over all trajectories."""
    return sum(not turn.extends for trajectory in trajectories for turn in trajectory.turns[1:])
