"""The target tokens of a batch, pack by pack, as tensors: what the learner's loss is made of.

Weights are such that sums over all packs are means: over the samples of each game, and over games; over the decisions
of each game, and over games. A game with many turns or many states weighs no more than another one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import nan

import numpy as np
import torch
from torch import Tensor

from sparring.agents.models.engine.logprobs import Choices, Head, choice_logprobs, chosen_logprobs
from sparring.agents.models.engine.packing import Pack, pack
from sparring.trainers.batch import Batch, Merged, Signal

Decision = tuple[str, tuple[int, ...]]
"""The game, and the tokens before the answer: equal ones are one information state, met again."""


@dataclass(slots=True)
class Targets:
    """The M target tokens of one pack, either all chosen among some tokens or all among the vocabulary."""

    nodes_M: Tensor
    """After which node of the pack a token was chosen."""
    tokens_M: Tensor
    sampling_M: Tensor
    positive_advantage_M: Tensor
    negative_advantage_M: Tensor
    imitation_M: Tensor
    reference_M: Tensor
    """Log-probabilities under the reference; 0 where there is none, which `referenced_M` leaves out."""
    referenced_M: Tensor
    """The share of the samples that have a reference; 0 where there is none."""
    sampled_M: Tensor
    """1 where the sampler's log-probability is known; 0 where somebody else chose the token (imitation)."""
    pairs_M: Tensor
    """Which pair, by number; -1: none."""
    sides_M: Tensor
    """+1 in the preferred sample of a pair, -1 in the other one, 0 outside of pairs."""
    decision_M: Tensor
    """How often a decision led to this choice, so that the choices behind the first token of an answer count by how
    likely they are met; 0 for tokens that were written freely."""
    choices: Choices | None
    prior_MA: Tensor | None
    """Uniform play, nats: each allowed token by how many legal actions begin with it."""
    places: list[tuple[int, int]]
    """[M], which sample of the batch, and which of its targets."""
    old_M: Tensor | None = None
    """Log-probabilities before the update."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One forward pass and its targets."""

    packed: Pack
    targets: list[Targets]


def passes_of(batch: Batch, max_nodes: int, device: torch.device) -> list[Pass]:
    """Pack the distinct samples; the last target of a sample need not be an input."""
    met = _met(batch)
    games = Counter(game for game, _ in met)
    pairs = {name: number for number, name in enumerate(pair_names(batch))}
    passes = []
    for packed in pack([entry.signal.tokens[:-1] for entry in batch.merged], max_nodes):
        rows: dict[bool, list[_Row]] = {True: [], False: []}
        for index, path in zip(packed.sequences, packed.nodes, strict=True):
            entry = batch.merged[index]
            share, pair = batch.share(entry.signal), pairs.get(entry.signal.pair, -1)
            for row in _rows(index, entry, path, share, pair):
                if row.decision is not None:
                    game = row.decision[0]
                    count = entry.count * batch.weight(game)
                    row.weight = count / (met[row.decision] * games[game] * batch.total(games))
                rows[row.allowed is not None].append(row)
        passes.append(Pass(packed, [_tensors(found, chosen, device) for chosen, found in rows.items() if found]))
    return passes


def logprobs_of(hidden_ND: Tensor, targets: Targets, head: Head, temperature: float) -> tuple[Tensor, Tensor | None]:
    """Of the targets [M], and of all that they were chosen among [M, A]; None for tokens that were written freely."""
    hidden_MD = hidden_ND[targets.nodes_M]
    if targets.choices is None:
        return chosen_logprobs(hidden_MD, head, targets.tokens_M, temperature), None
    logp_MA = choice_logprobs(hidden_MD, head, targets.choices, temperature)
    return logp_MA[targets.choices.ids_MA.eq(targets.tokens_M[:, None]) & targets.choices.valid_MA], logp_MA


def pair_names(batch: Batch) -> list[str]:
    """The pairs of a batch, in order."""
    return list(dict.fromkeys(entry.signal.pair for entry in batch.merged if entry.signal.pair))


def gaps_of(batch: Batch) -> list[float]:
    """How much better the preferred side of each pair is; nan where nobody says."""
    found = {one.signal.pair: one.signal.gap for one in batch.merged if one.signal.pair}
    return [nan if (gap := found[name]) is None else gap for name in pair_names(batch)]


@dataclass(slots=True)
class _Row:
    """One target."""

    place: tuple[int, int]
    node: int
    token: int
    numbers: tuple[float, ...]
    pair: int
    allowed: tuple[int, ...] | None
    leaves: tuple[int, ...] | None
    decision: Decision | None
    weight: float = 0.0


def _rows(sample: int, entry: Merged, path: np.ndarray, share: float, pair: int) -> list[_Row]:
    signal, rows = entry.signal, []
    side = 0.0 if pair < 0 else (1.0 if signal.preferred else -1.0)
    for index, position in enumerate(signal.targets):
        sampled, allowed = signal.sampling_logprobs[index], signal.allowed[index]
        reference = signal.reference_logprobs[index] if signal.reference_logprobs else 0.0
        numbers = (
            sampled,
            entry.positive_advantage[index] * share,
            entry.negative_advantage[index] * share,
            entry.imitation[index] * share,
            reference,
            entry.count * share if signal.reference_logprobs else 0.0,
            side,
        )
        leaves = signal.leaves[index] if signal.leaves else None
        decision = None if allowed is None else _decision(signal, index)
        node, token = int(path[position - 1]), signal.tokens[position]
        rows.append(_Row((sample, index), node, token, numbers, pair, allowed, leaves, decision))
    return rows


def _decision(signal: Signal, index: int) -> Decision:
    start = signal.starts[index] if signal.starts else signal.targets[index]
    return signal.game, signal.tokens[:start]


def _met(batch: Batch) -> Counter[Decision]:
    """How many samples answered at each decision among legal actions."""
    met: Counter[Decision] = Counter()
    for entry in batch.merged:
        signal = entry.signal
        chosen = [index for index, allowed in enumerate(signal.allowed) if allowed is not None]
        for decision in dict.fromkeys(_decision(signal, index) for index in chosen):
            met[decision] += entry.count
    return met


def _tensors(rows: list[_Row], chosen: bool, device: torch.device) -> Targets:
    sampling, positive, negative, imitation, reference, referenced, sides, weights = (
        torch.as_tensor(np.asarray(column), dtype=torch.float32, device=device)
        for column in zip(*((*row.numbers, row.weight) for row in rows), strict=True)
    )
    allowed = [row.allowed or () for row in rows]
    unknown = sampling.isnan() & (positive == 0) & (negative == 0)  # nan with an advantage is a fault, and stays one
    return Targets(
        nodes_M=torch.as_tensor([row.node for row in rows], device=device),
        tokens_M=torch.as_tensor([row.token for row in rows], device=device),
        sampling_M=sampling.masked_fill(unknown, 0.0),
        sampled_M=(~unknown).float(),
        positive_advantage_M=positive,
        negative_advantage_M=negative,
        imitation_M=imitation,
        reference_M=reference,
        referenced_M=referenced,
        pairs_M=torch.as_tensor([row.pair for row in rows], device=device),
        sides_M=sides,
        decision_M=weights,
        choices=Choices.of(allowed, device) if chosen else None,
        prior_MA=_prior(rows, device) if chosen else None,
        places=[row.place for row in rows],
    )


def _prior(rows: list[_Row], device: torch.device) -> Tensor:
    """Log-probabilities [M, A] of uniform play over legal actions; padding is -inf."""
    width = max(len(row.allowed or ()) for row in rows)
    prior = np.full((len(rows), width), -np.inf, np.float32)
    for index, row in enumerate(rows):
        leaves = np.asarray(row.leaves or (1,) * len(row.allowed or ()), np.float64)
        prior[index, : len(leaves)] = np.log(leaves / leaves.sum())
    return torch.as_tensor(prior, device=device)
