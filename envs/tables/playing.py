"""Whole games at once by policies that are arrays.

What follows a node is drawn by the alias method (Walker 1977; Vose 1991): one uniform number a step, whatever the law.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparring.envs.tables.table import Floats, Integers, Policy, Table

BATCH = 8_192
"""Games played in step: what they need fits into a core's cache."""
ROUNDING = 1e-12


def play_policies(
    table: Table, policies: Sequence[Policy | None], games: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Play so many games; what each pays, float64 [games, seats].

    policies: one for each seat; None chooses among the legal actions, all equally likely.
    Raises ValueError for another number of policies, or what is none.
    """
    steps = _steps(table, policies)
    sizes = [min(BATCH, games - start) for start in range(0, games, BATCH)]
    ends = [_play(table, steps, size, rng) for size in sizes]
    return table.payoff_NS[np.concatenate(ends)] if ends else np.zeros((0, len(table.seats)))


@dataclass(frozen=True, slots=True)
class _Steps:
    """For each node K slots, of which the first `count_N` are equally likely: what follows, or else follows."""

    width: int
    count_N: Floats
    follows: Integers
    """[N * K]."""
    accepts: Floats | None
    """[N * K]: with which probability a slot is followed; None: always."""
    else_follows: Integers
    """[N * K]."""


def _play(table: Table, steps: _Steps, games: int, rng: np.random.Generator) -> Integers:
    """The end that each of so many games comes to. Those that are over wait until most are, and then leave."""
    end, playing = np.empty(games, np.int64), np.arange(games)
    node = np.full(games, table.root)
    while node.size:
        at = rng.random(node.size)
        at *= steps.count_N[node]
        slot = at.astype(np.int64)
        place = node * steps.width
        place += slot
        if steps.accepts is None:
            node = steps.follows[place]
        else:
            at -= slot
            node = np.where(at < steps.accepts[place], steps.follows[place], steps.else_follows[place])
        over = node >= table.first_end
        if 2 * np.count_nonzero(over) > node.size:
            end[playing[over]] = node[over]
            node, playing = node[~over], playing[~over]
    return end


def _steps(table: Table, policies: Sequence[Policy | None]) -> _Steps:
    law_NW = _laws(table, policies)
    order_NW = np.argsort(table.child_NW < 0, axis=1, kind="stable")
    count_N = (table.child_NW >= 0).sum(axis=1)
    width = int(count_N.max())
    order_NK = order_NW[:, :width]
    child_NK, law_NK = np.take_along_axis(table.child_NW, order_NK, 1), np.take_along_axis(law_NW, order_NK, 1)
    child_NK[table.first_end :] = np.arange(table.first_end, len(child_NK))[:, None]  # an end follows itself
    count_N[table.first_end :] = 1
    accepts_NK, other_NK = _aliases(law_NK, count_N)
    return _Steps(
        width=width,
        count_N=count_N.astype(np.float64),
        follows=child_NK.ravel(),
        accepts=None if (accepts_NK == 1.0).all() else accepts_NK.ravel(),
        else_follows=np.take_along_axis(child_NK, other_NK, 1).ravel(),
    )


def _laws(table: Table, policies: Sequence[Policy | None]) -> Floats:
    """[N, W]: the probability of everything that may follow a node."""
    if len(policies) != len(table.seats):
        raise ValueError(f"policies must be {len(table.seats)}, one a seat, got {len(policies)}")
    law_NW = np.zeros(table.child_NW.shape)
    last_CK = np.minimum(table.cumulative_CW, 1.0)
    law_NW[: table.num_chance, : last_CK.shape[1]] = np.diff(last_CK, axis=1, prepend=0.0)
    uniform_IA = table.uniform_policy()
    for seat, policy in enumerate(policies):
        policy_IA = uniform_IA if policy is None else table.require_policy(policy, (seat,))
        nodes = np.flatnonzero(table.mover_N == seat)
        law_NW[nodes, : table.num_actions] = policy_IA[table.state_N[nodes]]
    return law_NW


def _aliases(law_NK: Floats, count_N: Integers) -> tuple[Floats, Integers]:
    """Of every slot: with which probability it is followed, and which slot is if it is not."""
    is_slot_NK = np.arange(law_NK.shape[1]) < count_N[:, None]
    left_NK = np.where(is_slot_NK, law_NK * count_N[:, None], np.nan)  # 1 is as much as a slot holds
    accepts_NK, other_NK = np.ones(law_NK.shape), np.zeros(law_NK.shape, np.int64)
    rows = np.flatnonzero((np.abs(left_NK - 1.0) > ROUNDING).any(axis=1))
    while rows.size:
        rows = rows[(~np.isnan(left_NK[rows])).sum(axis=1) > 1]
        small, large = np.nanargmin(left_NK[rows], axis=1), np.nanargmax(left_NK[rows], axis=1)
        accepts_NK[rows, small] = left_NK[rows, small]
        other_NK[rows, small] = large
        left_NK[rows, large] -= 1.0 - left_NK[rows, small]
        left_NK[rows, small] = np.nan
    return accepts_NK, other_NK
