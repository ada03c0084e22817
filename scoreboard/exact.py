"""Exact strength: what a best response wins against a policy, how it does so, and which decisions cost how much.

Of a game of two that can be solved (see `game_theory`). With σ the policy in both seats, b a best response of one seat,
and I the information states of that seat:
    gain(I)   = P(σ and chance reach I) · (value of b from I on - value of σ at I, then b)
    regret(I) = P(chance and the other seat play towards I) · (value of the best action at I, then σ - value of σ)
    cost(I)   = P(the seat plays towards I) · regret(I)
Gains add up to what b wins more than σ does, over both seats to NashConv. Regrets are the immediate counterfactual
regrets of Zinkevich et al. (NIPS 2007, theorem 3), whose sum is at least NashConv; they can be large at states that the
policy itself avoids, which cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from string import ascii_uppercase

import numpy as np

from sparring.protocols import Agent
from sparring.scoreboard.game_theory import TabularPolicy, distributions, nash_conv, solved_game
from sparring.scoreboard.game_tree import Responder, game_tree
from sparring.scoreboard.ratings.game_theory import alpha_rank, nash_averaging
from sparring.scoreboard.ratings.games import Floats
from sparring.scoreboard.state_words import states_in_words
from sparring.types import Observation

ORDERS = ("given", "reversed")
"""In which legal actions can be listed."""
LETTERED = "behind letters"
"""A way of listing in which the names of the actions are no longer what is said."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One information state: how the policy plays there, and what would be better."""

    key: str
    seat: int
    words: str
    """What the seat knows."""
    plays: Mapping[str, float]
    """Action -> probability."""
    answer: str
    """What a best response plays, against the policy in the other seat."""
    gain: float
    """By the answer, in the game's payoff unit a game."""
    best: str
    """The best action where the policy plays on afterwards."""
    regret: float
    cost: float
    """Of not playing it, a game."""

    @property
    def answer_in_words(self) -> str:
        """What who meets the policy should do."""
        return f"{self.words} Play {self.answer}: {self.gain:+.3f} a game."

    @property
    def cost_in_words(self) -> str:
        """What the policy should do otherwise."""
        played = ", ".join(f"{action} {100 * odds:.0f} %" for action, odds in self.plays.items())
        return f"{self.words} It plays {played}; {self.best} alone is worth {self.cost:.3f} more a game."


@dataclass(frozen=True, slots=True)
class Strength:
    """A policy that plays both seats."""

    nash_conv: float
    best_response: tuple[float, float]
    """What a best response wins in seat 0, and in seat 1, against the policy in the other one."""
    decisions: Sequence[Decision]
    """All of them, in the order of play."""

    def answers(self) -> list[Decision]:
        """By what a best response gains there, most first; states of a seat that read alike count together."""
        return sorted(_alike(self.decisions), key=lambda one: -one.gain)

    def mistakes(self) -> list[Decision]:
        """By cost, most first; states of a seat that read alike count together."""
        return sorted(_alike(self.decisions), key=lambda one: -one.cost)


def exact_strength(env_id: str, policy: TabularPolicy) -> Strength:
    """Raises ValueError for a game that cannot be solved, and for a policy that lacks an information state."""
    exploited = nash_conv(env_id, policy)
    seats = [Responder(game_tree(env_id), policy, seat) for seat in (0, 1)]
    seat_of = {key: int(seat.removeprefix("player_")) for key, seat in solved_game(env_id).seats.items()}
    decisions = [
        _decision(key, words, seats[seat_of[key]], policy[key]) for key, words in states_in_words(env_id).items()
    ]
    return Strength(exploited, (seats[0].best, seats[1].best), decisions)


def _decision(key: str, words: str, seat: Responder, plays: Mapping[str, float]) -> Decision:
    answers, once = seat.answers(key), seat.once(key)
    answer, best = max(answers, key=answers.__getitem__), max(once, key=once.__getitem__)
    reach, lead = seat.towards(key), max(_lead(answers, plays, answer), 0.0)
    regret = max(_lead(once, plays, best), 0.0)
    return Decision(key, seat.seat, words, dict(plays), answer, reach * lead, best, regret, reach * regret)


def _lead(values: Mapping[str, float], plays: Mapping[str, float], action: str) -> float:
    """What an action is worth more than a mixture of actions."""
    return values[action] - sum(plays[one] * value for one, value in values.items())


def _alike(decisions: Sequence[Decision]) -> list[Decision]:
    """States of a seat that read the same and are played the same, such as two cards of one rank, as one."""
    groups: dict[object, list[Decision]] = {}
    for one in decisions:
        plays = tuple((action, round(odds, 3)) for action, odds in one.plays.items())
        groups.setdefault((one.seat, one.words, one.answer, one.best, plays), []).append(one)
    summed = ("gain", "regret", "cost")
    return [
        replace(group[0], **{name: sum(getattr(one, name) for one in group) for name in summed})
        for group in groups.values()
    ]


@dataclass(frozen=True, slots=True)
class ListSensitivity:
    """How much an agent's play depends on how its legal actions are listed, the game being the same."""

    nash_conv: Mapping[str, float]
    """By the way of listing, "given" first."""
    total_variation: Mapping[str, float]
    """Of each other way, between its policy and the first one, the mean over information states: 0 to 1."""


def list_sensitivity(env_id: str, policies: Mapping[str, TabularPolicy]) -> ListSensitivity:
    """Of an agent's policies by the way of listing. Raises ValueError as `nash_conv`."""
    (_, given), *others = policies.items()
    return ListSensitivity(
        {name: nash_conv(env_id, policy) for name, policy in policies.items()},
        {name: _apart(given, policy) for name, policy in others},
    )


def _apart(one: TabularPolicy, other: TabularPolicy) -> float:
    sums = [sum(abs(odds - other[key][action]) for action, odds in plays.items()) / 2 for key, plays in one.items()]
    return float(np.mean(sums))


def lettered_policy(agent: Agent, env_id: str) -> TabularPolicy:
    """An agent's exact policy where letters stand for actions. Raises ValueError where there are too few letters."""
    states = solved_game(env_id).states
    asked = {key: lettered(seen) for key, seen in states.items()}
    found = distributions(agent, env_id, asked)
    return {
        key: {action: found[key][letter] for letter, action in zip(ascii_uppercase, _actions(seen), strict=False)}
        for key, seen in states.items()
    }


def lettered(seen: Observation) -> Observation:
    """The same, with letters as the legal actions, whose meaning the text says: `[A] check [B] bet`."""
    actions = _actions(seen)
    if len(actions) > len(ascii_uppercase):
        raise ValueError(f"there are {len(actions)} legal actions and {len(ascii_uppercase)} letters")
    letters = tuple(ascii_uppercase[: len(actions)])
    listed = " ".join(f"[{letter}] {action}" for letter, action in zip(letters, actions, strict=True))
    above = [line for line in seen.text.splitlines() if not all(f"[{action}]" in line for action in actions)]
    text = "\n".join([*above, f"Legal actions: {listed}"])
    return replace(seen, content=(text,), legal_actions=letters)


def _actions(seen: Observation) -> Sequence[str]:
    return seen.legal_actions or ()


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """Policies against each other, without a game being played."""

    names: Sequence[str]
    payoffs: Floats
    """[n, n], what i wins against j, the mean over both seats; antisymmetric."""
    references: Sequence[str]
    against: Floats
    """[n, r], what i wins against each reference policy."""
    nash_conv: Sequence[float]
    nash: Floats
    """[n], their masses by Nash averaging."""
    alpha: Floats
    """[n], their masses by alpha-rank."""

    def plain(self) -> dict[str, object]:
        """For JSON."""
        lists = {name: getattr(self, name).tolist() for name in ("payoffs", "against", "nash", "alpha")}
        return {"agents": self.names, "references": self.references, "nash_conv": self.nash_conv, **lists}


def population(
    env_id: str, policies: Mapping[str, TabularPolicy], references: Mapping[str, TabularPolicy]
) -> Population:
    """`references` meet the policies, and have no mass of their own.

    Raises ValueError for a game that cannot be solved, and where there is no policy.
    """
    if not policies:
        raise ValueError("there must be at least one policy, got none")
    tree, exploited = game_tree(env_id), [nash_conv(env_id, policy) for policy in policies.values()]

    def payoff(one: TabularPolicy, other: TabularPolicy) -> float:
        return (tree.values((one, other), 0)[0] + tree.values((other, one), 1)[0]) / 2

    below = [[payoff(one, other) for other in list(policies.values())[:i]] for i, one in enumerate(policies.values())]
    payoffs = np.array([row + [0.0] * (len(policies) - len(row)) for row in below])
    payoffs -= payoffs.T
    against = [[payoff(one, other) for other in references.values()] for one in policies.values()]
    return Population(
        names=list(policies),
        payoffs=payoffs,
        references=list(references),
        against=np.array(against).reshape(len(policies), len(references)),
        nash_conv=exploited,
        nash=nash_averaging(payoffs),
        alpha=alpha_rank(payoffs),
    )
