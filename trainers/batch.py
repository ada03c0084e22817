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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sparring.samples import Sample, samples
from sparring.types import Sampling, Segment, Trajectory


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
    positive_advantage: float = 0.0
    negative_advantage: float = 0.0
    imitation: float = 0.0
    count: int = 0


@dataclass(slots=True)
class Batch:
    """Distinct samples and how many samples they stand for."""

    merged: list[Merged] = field(default_factory=list)
    size: int = 0
    broken_prefixes: int = 0
    """Turns whose prompt did not extend the turn before, so that a new sample had to start."""


def signals_of(
    trajectory: Trajectory, advantage: float = 0.0, imitation: float = 0.0, model: str | None = None
) -> list[Signal]:
    """The samples of a trajectory that a model learns from, each with its streams; `model` names one of several.

    A call that several samples go through is learnt from once. Raises ValueError where it cannot be trained on.
    """
    for name, weight in (("advantage", advantage), ("imitation", imitation)):
        if not math.isfinite(weight):
            raise ValueError(f"{name} of trajectory {trajectory.id} must be a finite number, got {weight}")
    own = _own_samples(trajectory, model)
    if not own:
        raise ValueError(f"trajectory {trajectory.id} was played by a frozen agent ({trajectory.agent})")
    found = (_signal(sample, _temperature(sample, trajectory), advantage, imitation) for sample in own)
    return [signal for signal in found if signal is not None]


def _own_samples(trajectory: Trajectory, model: str | None) -> list[Sample]:
    """The samples that weights learn from. Raises ValueError where these are several models' and none is named."""
    own = [sample for sample in samples(trajectory) if sample.policy.trainable and model in (None, sample.policy.model)]
    models = sorted({sample.policy.model for sample in own})
    if len(models) > 1:
        raise ValueError(f"calls of {models} learn in trajectory {trajectory.id}: name the model to be trained")
    return own


def _temperature(sample: Sample, trajectory: Trajectory) -> float:
    """At which all of it was sampled. Raises ValueError where the distribution cannot be computed again."""
    sampled = {call.sampling or Sampling() for call in sample.calls[sample.first :]}
    if len({one.temperature for one in sampled}) > 1:
        raise ValueError(f"a sample of trajectory {trajectory.id} was drawn at several temperatures")
    top_p = min(one.top_p for one in sampled)
    if top_p < 1.0:
        raise ValueError(f"trajectory {trajectory.id} was sampled with top_p {top_p}; training needs 1.0")
    return sampled.pop().temperature


def _signal(sample: Sample, temperature: float, advantage: float, imitation: float) -> Signal | None:
    tokens: list[int] = []
    targets: list[int] = []
    logprobs: list[float] = []
    allowed: list[tuple[int, ...] | None] = []
    for place, call in enumerate(sample.calls):
        for segment in call.segments:
            if segment.kind == "generated" and place >= sample.first:
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
        entry.positive_advantage += max(signal.advantage, 0.0)
        entry.negative_advantage += min(signal.advantage, 0.0)
        entry.imitation += signal.imitation
        entry.count += 1
        batch.size += 1
    return batch


def count_broken_prefixes(trajectories: Iterable[Trajectory]) -> int:
    """Calls after the first that started a new sample, over all trajectories."""
    starts = [sum(call.continues is None for _, call in trajectory.calls) for trajectory in trajectories]
    return sum(max(0, count - 1) for count in starts)
