"""Exact game theory for policies that can be written down: exploitability, head-to-head values, averages of policies.

A policy is `{state_key: {action: probability}}` over every decision information state of a game, in the environment's
own strings. OpenSpiel's C++ solvers do the sums, so nothing here is estimated.

NashConv (arXiv 1711.00832, section 2) is the sum over seats of what a best response gains; 0 is an equilibrium, and
exploitability is NashConv / 2 in two-player zero-sum games. Kuhn poker: uniform 0.916667, always bet 0.666667.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol, runtime_checkable

import numpy as np

from sparring import envs
from sparring.agents.solvers import action_names, equilibrium, exact_game
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.protocols import Agent, Seat
from sparring.rollout.loop import run_coroutine
from sparring.types import Observation

TabularPolicy = Mapping[str, Mapping[str, float]]
MOST_STATES = 20_000
"""Larger games are rated by play, not solved."""


@runtime_checkable
class Scorable(Protocol):
    """A player whose probabilities over the legal actions can be asked for."""

    async def action_distribution(self, observation: Observation) -> dict[str, float]:
        """The exact probability of every legal action."""
        ...


@dataclass(frozen=True, slots=True)
class SolvedGame:
    """A game small enough to be solved, with both spellings of its actions."""

    env_id: str
    game: SpielGame
    states: Mapping[str, Observation]
    """Every decision information state, by state key."""
    seats: Mapping[str, str]
    """Who decides there."""
    actions: Mapping[str, Mapping[int, str]]
    """Per state key, OpenSpiel's action -> our string."""


class HidesNothing(ValueError):
    """A game in which nothing is hidden, so that it has positions in place of information states."""


def is_scorable(agent: Agent, env_id: str) -> bool:
    """Whether an agent's probabilities over the legal actions can be asked for."""
    return isinstance(agent.open(Seat(env_id, "player_0")), Scorable)


def is_solvable(env_id: str) -> bool:
    """Whether every information state of an environment can be listed, so that policies can be exact."""
    try:
        solved_game(env_id)
    except ValueError:
        return False
    return True


@cache
def solved_game(env_id: str, action_order: str = "given") -> SolvedGame:
    """The information states of an environment. Raises ValueError where they cannot be enumerated."""
    env = envs.make(env_id) if action_order == "given" else envs.make(env_id, action_order=action_order)
    game = exact_game(env, env_id)
    if game.get_type().information.name != "IMPERFECT_INFORMATION":
        raise HidesNothing(f"{env_id} is not a game of imperfect information")
    states, seats = {}, {}
    for seat, state in env.information_states():
        states[str(state.state_key)], seats[str(state.state_key)] = state, seat
        if len(states) > MOST_STATES:
            raise ValueError(f"{env_id} has more than {MOST_STATES} information states: too many to be solved exactly")
    return SolvedGame(env_id, game, states, seats, action_names(env, game))


def tabular_policy(agent: Agent, env_id: str, action_orders: Sequence[str] = ("given",)) -> dict[str, dict[str, float]]:
    """The exact policy of an agent: its probabilities at every information state, averaged over the action orders.

    Raises TypeError for an agent that is not scorable.
    """
    return mean_policy([distributions(agent, env_id, solved_game(env_id, order).states) for order in action_orders])


def mean_policy(tables: Sequence[TabularPolicy]) -> dict[str, dict[str, float]]:
    """At every information state the mean of the probabilities; no mixture of whole policies (see `average_policy`)."""
    return {
        key: {action: float(np.mean([table[key][action] for table in tables])) for action in distribution}
        for key, distribution in tables[0].items()
    }


def distributions(
    agent: Agent, env_id: str, states: Mapping[str, Observation], on_answer: Callable[[], None] = lambda: None
) -> dict[str, dict[str, float]]:
    """The agent's probability of every legal action at each of these states. Raises TypeError if it is not scorable."""
    player = agent.open(Seat(env_id, "player_0"))
    if not isinstance(player, Scorable):
        raise TypeError(f"{agent.name} shows no probabilities over the legal actions")

    async def answer(state: Observation) -> dict[str, float]:
        found = await player.action_distribution(state)
        on_answer()
        return found

    async def all_at_once() -> list[dict[str, float]]:
        return await asyncio.gather(*map(answer, states.values()))

    return dict(zip(states, run_coroutine(all_at_once()), strict=True))


def nash_conv(env_id: str, policy: TabularPolicy) -> float:
    """Exact NashConv of a policy that plays every seat, in the game's payoff unit."""
    import pyspiel

    solved = solved_game(env_id)
    return float(pyspiel.nash_conv(solved.game, _to_spiel(solved, policy)))


def values(env_id: str, first: TabularPolicy, second: TabularPolicy) -> tuple[float, float]:
    """Exact expected payoff of `first` in seat 0 and in seat 1, against `second`."""
    solved = solved_game(env_id)
    tables = [_by_action(solved, first), _by_action(solved, second)]
    root = solved.game.new_initial_state()
    return float(_expected(root, tables)[0]), float(_expected(root, tables[::-1])[1])


def uniform_policy(env_id: str) -> dict[str, dict[str, float]]:
    """Every legal action equally likely."""
    return {key: dict.fromkeys(names.values(), 1.0 / len(names)) for key, names in solved_game(env_id).actions.items()}


def constant_policy(env_id: str, index: int) -> dict[str, dict[str, float]]:
    """The legal action at that index of the game's own order (the last where there are fewer), always."""
    policy = {}
    for key, names in solved_game(env_id).actions.items():
        ordered = [names[action] for action in sorted(names)]
        chosen = ordered[min(index, len(ordered) - 1)]
        policy[key] = {action: float(action == chosen) for action in ordered}
    return policy


def constant_names(env_id: str) -> list[str]:
    """What each constant policy does, e.g. "always check / fold", in the game's own order of actions."""
    tables = [[names[action] for action in sorted(names)] for names in solved_game(env_id).actions.values()]
    width = max(len(table) for table in tables)
    columns = [dict.fromkeys(table[min(index, len(table) - 1)] for table in tables) for index in range(width)]
    return ["always " + " / ".join(column) for column in columns]


@cache
def references(env_id: str) -> dict[str, float]:
    """NashConv of the policies that a learner must be held against: uniform, every constant one, the equilibrium."""
    rows = {"uniform random": nash_conv(env_id, uniform_policy(env_id))}
    for index, name in enumerate(constant_names(env_id)):
        rows[name] = nash_conv(env_id, constant_policy(env_id, index))
    rows["equilibrium (CFR+)"] = nash_conv(env_id, equilibrium(env_id))
    return rows


def average_policy(
    env_id: str, policies: Sequence[TabularPolicy], weights: Sequence[float] | None = None
) -> dict[str, dict[str, float]]:
    """The policy that plays like drawing one of several policies before the game and keeping to it."""
    if len(policies) == 0 or (weights is not None and len(weights) != len(policies)):
        counts = f"got {len(policies if weights is None else weights)} for {len(policies)} policies"
        raise ValueError(f"there must be one weight per policy, {counts}")
    average = Average(env_id)
    for policy, weight in zip(policies, [1.0] * len(policies) if weights is None else weights, strict=True):
        average = average.plus(policy, weight)
    return average.policy()


Sums = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Average:
    """The average of policies so far, to which one more is added at the cost of that one.

    It plays like drawing one of the policies before the game, by their weights, and keeping to it. So at an information
    state each counts with its weight times the probability that it plays towards the state (Kuhn's theorem; the average
    strategy of fictitious play). Where none plays towards it, with its weight alone.
    """

    env_id: str
    reached: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """State key -> action -> sum of weight, probability of playing towards the state, probability of the action."""
    anywhere: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """State key -> action -> sum of weight and probability of the action."""

    def plus(self, policy: TabularPolicy, weight: float) -> Average:
        """The average with one more policy."""
        solved = solved_game(self.env_id)
        table = _by_action(solved, policy)
        reaches: dict[str, float] = {}
        _own_reach(solved.game.new_initial_state(), table, [weight, weight], reaches)
        reached, anywhere = dict[str, Mapping[str, float]](), dict[str, Mapping[str, float]]()
        for key, names in solved.actions.items():
            played = {names[action]: probability for action, probability in table[key].items()}
            reached[key] = _added(self.reached.get(key, {}), played, reaches[key])
            anywhere[key] = _added(self.anywhere.get(key, {}), played, weight)
        return Average(self.env_id, reached, anywhere)

    def policy(self) -> dict[str, dict[str, float]]:
        """State key -> action -> probability."""
        found = {}
        for key, sums in self.reached.items():
            total = sum(sums.values())
            sums, total = (sums, total) if total > 0 else (self.anywhere[key], sum(self.anywhere[key].values()))
            found[key] = {action: value / total for action, value in sums.items()}
        return found

    def state_dict(self) -> dict[str, Sums]:
        """The sums, as plain data."""
        return {
            name: {key: dict(sums) for key, sums in getattr(self, name).items()} for name in ("reached", "anywhere")
        }


def _added(sums: Mapping[str, float], played: Mapping[str, float], weight: float) -> dict[str, float]:
    return {action: sums.get(action, 0.0) + weight * probability for action, probability in played.items()}


def _own_reach(
    state: SpielState, table: dict[str, dict[int, float]], reach: list[float], reaches: dict[str, float]
) -> None:
    """Per information state, a policy's own contribution to reaching it (perfect recall: any history will do)."""
    if state.is_terminal():
        return
    if state.is_chance_node():
        for action in state.legal_actions():
            _own_reach(state.child(action), table, reach, reaches)
        return
    player = state.current_player()
    key = state.information_state_string(player)
    reaches[key] = reach[player]
    for action in state.legal_actions():
        after = list(reach)
        after[player] = reach[player] * table[key][action]
        _own_reach(state.child(action), table, after, reaches)


def _expected(state: SpielState, tables: list[dict[str, dict[int, float]]]) -> np.ndarray:
    """Expected returns [2]; `tables[p]` is the policy of player p."""
    if state.is_terminal():
        return np.array(state.returns())
    if state.is_chance_node():
        return sum((p * _expected(state.child(a), tables) for a, p in state.chance_outcomes()), np.zeros(2))
    player = state.current_player()
    distribution = tables[player][state.information_state_string(player)]
    return sum((p * _expected(state.child(a), tables) for a, p in distribution.items() if p > 0.0), np.zeros(2))


def _by_action(solved: SolvedGame, policy: TabularPolicy) -> dict[str, dict[int, float]]:
    """The policy with OpenSpiel's action numbers. Raises ValueError where a state is missing or does not sum to 1."""
    table = {}
    for key, names in solved.actions.items():
        if key not in policy:
            raise ValueError(f"the policy has no entry for information state {key!r} of {solved.env_id}")
        distribution = {action: float(policy[key].get(name, 0.0)) for action, name in names.items()}
        if abs(sum(distribution.values()) - 1.0) > 1e-6 or min(distribution.values()) < 0.0:
            raise ValueError(
                f"the policy at information state {key!r} is no probability distribution: {dict(policy[key])}"
            )
        table[key] = distribution
    return table


def _to_spiel(solved: SolvedGame, policy: TabularPolicy) -> object:
    import pyspiel

    return pyspiel.TabularPolicy(
        {key: list(distribution.items()) for key, distribution in _by_action(solved, policy).items()}
    )
