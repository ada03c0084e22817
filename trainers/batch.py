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
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sparring.samples import Sample, samples
from sparring.types import Sampling, Segment, Trajectory

Stream = float | Sequence[float]
"""One number for a whole trajectory, or one a turn."""
Values = float | tuple[float, ...]
"""One number for all targets, or one a target."""
Spellings = Callable[[tuple[str, ...]], Sequence[Sequence[int]]]
"""The token ids of each of some legal actions, as the model spells them."""


@dataclass(frozen=True, slots=True)
class Signal:
    """What one sample should teach. Streams hold one value a target (a generated token), or one for all of them."""

    tokens: tuple[int, ...]
    """All tokens of the sample, up to the last generated one."""
    targets: tuple[int, ...]
    """Positions of the generated tokens in `tokens`, ascending."""
    sampling_logprobs: tuple[float, ...]
    """[len(targets)], nats, as the sampler recorded them."""
    allowed: tuple[tuple[int, ...] | None, ...]
    """[len(targets)], what each was chosen among; None: the vocabulary."""
    temperature: float = 1.0
    advantage: Values = 0.0
    """The `rl` stream."""
    imitation: Values = 0.0
    """The `ce` stream: weight of plain cross-entropy."""
    reference_logprobs: tuple[float, ...] = ()
    """[len(targets)] under the reference, or empty: the `ref_kl` stream, and what pairs are measured from."""
    referenced: bool = True
    """Whether the reference is asked; False leaves the sample out of the `ref_kl` stream."""
    pair: str = ""
    """The pair that the sample is one side of: the `pairs` stream (DPO)."""
    preferred: bool = True
    """Which side of its pair."""
    gap: float | None = None
    """Of a pair: how much better the preferred side is, which the margin is regressed on; None: DPO."""
    game: str = ""
    """The environment. Every game of a batch weighs the same, however many samples it has."""
    starts: tuple[int, ...] = ()
    """[len(targets)], where the answer begins that a target belongs to; empty: each is an answer of its own."""
    leaves: tuple[tuple[int, ...] | None, ...] = ()
    """[len(targets)], how many legal actions begin with each of the allowed tokens; empty: one each."""
    ids: tuple[str, ...] = ()
    """[len(targets)], what the store calls a target: TRAJECTORY/CALL/TOKEN, counted over what the call generated."""


@dataclass(slots=True)
class Merged:
    """Equal samples as one: sums over them, one a target."""

    signal: Signal
    positive_advantage: list[float]
    negative_advantage: list[float]
    imitation: list[float]
    count: int = 0
    ids: list[tuple[str, ...]] = field(default_factory=list)
    """Of the targets of each of them."""


@dataclass(slots=True)
class Batch:
    """Distinct samples and how many samples they stand for."""

    merged: list[Merged] = field(default_factory=list)
    sizes: Counter[str] = field(default_factory=Counter)
    """Samples of every game."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Of games against each other; 1 where there is none."""

    @property
    def size(self) -> int:
        """Samples."""
        return self.sizes.total()

    def share(self, signal: Signal) -> float:
        """The weight of one sample, so that those of each game sum to the game's share."""
        return self.weight(signal.game) / (self.total(self.sizes) * self.sizes[signal.game])

    def weight(self, game: str) -> float:
        """Of a game against the others."""
        return self.weights.get(game, 1.0)

    def total(self, games: Iterable[str]) -> float:
        """The weights of some games together: how many they are where all weigh the same."""
        return sum(map(self.weight, games))


def signals_of(
    trajectory: Trajectory,
    advantage: Stream = 0.0,
    imitation: Stream = 0.0,
    model: str | None = None,
    game: str = "",
    spellings: Spellings | None = None,
) -> list[Signal]:
    """The samples of a trajectory that a model learns from, each with its streams; `model` names one of several.

    `advantage` and `imitation` are one number, or one a turn. With `spellings` the regulariser knows how many actions
    each allowed token begins. A call that several samples go through is learnt from once. Raises ValueError where it
    cannot be trained on.
    """
    streams = []
    for name, values in (("advantage", advantage), ("imitation", imitation)):
        by_turn = [float(values)] * len(trajectory.turns) if isinstance(values, (int, float)) else list(values)
        if len(by_turn) != len(trajectory.turns):
            turns = len(trajectory.turns)
            raise ValueError(f"{name} of trajectory {trajectory.id} must be one a turn, {turns}, got {len(by_turn)}")
        if not all(map(math.isfinite, by_turn)):
            wrong = next(value for value in by_turn if not math.isfinite(value))
            raise ValueError(f"{name} of trajectory {trajectory.id} must be a finite number, got {wrong}")
        streams.append(by_turn)
    own = _own_samples(trajectory, model)
    if not own:
        if any(call.messages for _, call in trajectory.calls) and not samples(trajectory):
            raise ValueError(f"trajectory {trajectory.id} is text without token ids: only exports take it")
        raise ValueError(f"trajectory {trajectory.id} was played by a frozen agent ({trajectory.agent})")
    found = (_signal(sample, trajectory, streams[0], streams[1], game, spellings) for sample in own)
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


@dataclass(frozen=True, slots=True)
class _Target:
    """A generated token that has an alternative."""

    position: int
    logprob: float
    allowed: tuple[int, ...] | None
    start: int
    turn: int
    leaves: tuple[int, ...] | None
    id: str


def _signal(
    sample: Sample,
    trajectory: Trajectory,
    advantage: Sequence[float],
    imitation: Sequence[float],
    game: str,
    spellings: Spellings | None,
) -> Signal | None:
    tokens: list[int] = []
    targets: list[_Target] = []
    for place, (id, call) in enumerate(zip(sample.ids, sample.calls, strict=True)):
        turn = int(id.partition(".")[0])
        actions = trajectory.turns[turn].observation.legal_actions
        spelt = (
            spellings(actions) if spellings is not None and actions and any(s.allowed for s in call.segments) else ()
        )
        written = 0
        for segment in call.segments:
            if segment.kind == "generated" and place >= sample.first:
                targets += _targets_of(segment, len(tokens), turn, spelt, f"{trajectory.id}/{id}", written)
                written += len(segment.token_ids)
            tokens.extend(segment.token_ids)
    if not targets:
        return None
    return Signal(
        tokens=tuple(tokens[: targets[-1].position + 1]),
        targets=tuple(target.position for target in targets),
        sampling_logprobs=tuple(target.logprob for target in targets),
        allowed=tuple(target.allowed for target in targets),
        temperature=_temperature(sample, trajectory),
        advantage=tuple(advantage[target.turn] for target in targets),
        imitation=tuple(imitation[target.turn] for target in targets),
        game=game,
        starts=tuple(target.start for target in targets),
        leaves=tuple(target.leaves for target in targets),
        ids=tuple(target.id for target in targets),
    )


def _targets_of(
    segment: Segment, start: int, turn: int, spelt: Sequence[Sequence[int]], call: str, written: int
) -> Iterator[_Target]:
    """The tokens of a generated segment that had an alternative: a forced token has no gradient."""
    logprobs = segment.logprobs or ()
    if len(logprobs) != len(segment.token_ids):
        raise ValueError(
            f"{len(segment.token_ids)} generated tokens need as many log-probabilities, got {len(logprobs)}"
        )
    allowed = segment.allowed or [None] * len(logprobs)
    for offset, (logprob, choices) in enumerate(zip(logprobs, allowed, strict=True)):
        if choices is None or len(choices) > 1:
            leaves = _leaves(segment.token_ids[:offset], choices, spelt) if choices and spelt else None
            yield _Target(start + offset, logprob, choices, start, turn, leaves, f"{call}/{written + offset}")


def _leaves(written: Sequence[int], choices: Sequence[int], spelt: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """How many actions begin with what is written and each choice after it."""
    depth, before = len(written), list(written)
    following = Counter(ids[depth] for ids in spelt if len(ids) > depth and list(ids[:depth]) == before)
    return tuple(max(1, following[choice]) for choice in choices)


def merge(signals: Iterable[Signal], weights: Mapping[str, float] | None = None) -> Batch:
    """Merge equal samples; the order of first appearance is kept. `weights`: of games, where they differ."""
    batch, found = Batch(weights=weights or {}), dict[object, Merged]()
    for signal in signals:
        zeros = [0.0] * len(signal.targets)
        key = (
            *(signal.tokens, signal.targets, signal.sampling_logprobs, signal.reference_logprobs),
            *(signal.temperature, signal.game, signal.pair, signal.preferred, signal.gap),
            signal.referenced,
        )
        if key not in found:
            found[key] = Merged(signal, zeros, list(zeros), list(zeros))
            batch.merged.append(found[key])
        entry = found[key]
        for index, advantage in enumerate(_by_target(signal.advantage, signal)):
            entry.positive_advantage[index] += max(advantage, 0.0)
            entry.negative_advantage[index] += min(advantage, 0.0)
        for index, imitation in enumerate(_by_target(signal.imitation, signal)):
            entry.imitation[index] += imitation
        entry.count += 1
        entry.ids.append(signal.ids)
        batch.sizes[signal.game] += 1
    return batch


def one_temperature(batch: Batch) -> float:
    """At which all of a batch was sampled. Raises ValueError where there are several."""
    temperatures = {entry.signal.temperature for entry in batch.merged}
    if len(temperatures) > 1:
        raise ValueError(f"a batch must be sampled at one temperature, got {sorted(temperatures)}")
    return temperatures.pop()


def require_references(batch: Batch) -> None:
    """Raises ValueError where one side of a pair is missing, or has no reference to be measured from."""
    sides: dict[str, set[bool]] = {}
    for entry in batch.merged:
        if entry.signal.pair:
            sides.setdefault(entry.signal.pair, set()).add(entry.signal.preferred)
            if not entry.signal.reference_logprobs:
                raise ValueError(f"pair {entry.signal.pair!r} needs reference_logprobs in both samples")
    for pair, found in sides.items():
        if len(found) < 2:
            raise ValueError(f"pair {pair!r} needs a preferred sample and another one, got one side only")


def _by_target(values: Values, signal: Signal) -> tuple[float, ...]:
    return values if isinstance(values, tuple) else (float(values),) * len(signal.targets)


def count_broken_prefixes(trajectories: Iterable[Trajectory]) -> int:
    """Calls after the first that started a new sample, over all trajectories."""
    starts = [sum(call.continues is None for _, call in trajectory.calls) for trajectory in trajectories]
    return sum(max(0, count - 1) for count in starts)
