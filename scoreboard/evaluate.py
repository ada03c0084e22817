"""One agent in one environment: exact strength where the game can be solved, and results against uniform play."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sparring import registry
from sparring.agents.solvers import equilibrium
from sparring.rollout import play
from sparring.scoreboard import game_theory
from sparring.scoreboard.matches import rotated_matches, seats_of, standing_by_place
from sparring.scoreboard.run_data import RunData, Standing, load_run


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured. The exact part is None where the game cannot be solved."""

    env_id: str
    agent: str
    nash_conv: float | None
    references: Mapping[str, float]
    """NashConv of uniform, constant and equilibrium play."""
    against_uniform: tuple[float, float] | None
    """Exact expected payoff in seat 0 and in seat 1."""
    against_equilibrium: tuple[float, float] | None
    policy: Mapping[str, Mapping[str, float]]
    standing: Standing | None
    """Played, against uniform; None where no games were asked for."""


def evaluate(
    agent: Any,
    env_id: str,
    games: int,
    seed: int,
    both_orders: bool = False,
    on_episode: Callable[[], None] | None = None,
) -> Evaluation:
    """Measure an agent. `both_orders` averages its exact policy over both orders of the legal actions."""
    standing = None
    if games:
        players = [agent, *(registry.make_agent("random") for _ in seats_of(env_id)[1:])]
        matches = rotated_matches(env_id, players, games, seed)
        episodes = play(matches, on_episode=lambda episode: on_episode() if on_episode else None)
        standing = standing_by_place(episodes, players)[0]
    if not (game_theory.is_solvable(env_id) and hasattr(agent, "action_law")):
        return Evaluation(env_id, agent.name, None, {}, None, None, {}, standing)
    orders = ("given", "reversed") if both_orders else ("given",)
    policy = game_theory.tabular_policy(agent, env_id, orders)
    return Evaluation(
        env_id,
        agent.name,
        game_theory.nash_conv(env_id, policy),
        game_theory.references(env_id),
        game_theory.values(env_id, policy, game_theory.uniform_policy(env_id)),
        game_theory.values(env_id, policy, equilibrium(env_id)),
        policy,
        standing,
    )


def load_for_report(path: Path) -> RunData:
    """A run with the NashConv of its reference policies, and its policies over time, for the games it can be solved in.

    Raises what `run_data.load_run` raises.
    """
    run = load_run(path)
    solved = [key.partition("/")[2] for key in (run.metrics[0] if run.metrics else {}) if key.startswith("nash_conv/")]
    file = path / "policies.json"
    policies: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
    first: Mapping[str, Any] = next(iter(policies.values()), {})
    return replace(run, references={game: game_theory.references(game) for game in solved}, policies=first)
