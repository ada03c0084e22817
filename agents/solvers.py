"""Players that cannot be beaten: minimax by dynamic programming, and a counterfactual-regret equilibrium.

Both work out the whole game once per environment and then look answers up. They refuse games that are too large.
"""

from __future__ import annotations

import logging
import random
import time
from functools import cache
from typing import Any

from sparring import registry
from sparring.agents.scripted import ScriptedAgent
from sparring.protocols import Seat
from sparring.start import ctrl_c_at_once
from sparring.types import Observation, Reply

log = logging.getLogger(__name__)
Table = dict[str, dict[str, float]]
MOST_POSITIONS = 300_000
CFR_ITERATIONS = 2_000
SILENT_SECONDS = 1.0
SILENT_POSITIONS = 20_000
"""After so much time, or work, a calculation says what it does."""


@registry.agents.register("minimax", family="solvers")
class MinimaxAgent(ScriptedAgent):
    """Exact play in small perfect-information games: one of the best actions, drawn with the turn's seed."""

    def __init__(self) -> None:
        super().__init__("minimax")

    async def act(self, observation: Observation) -> Reply:
        """Any action that keeps the value of the position."""
        best = list(await self.action_distribution(observation))
        return Reply(random.Random(self.seat.turn_seed(observation.turn)).choice(best))

    async def action_distribution(self, observation: Observation) -> dict[str, float]:
        """Uniform over the best actions."""
        best = best_actions(self.seat.env_id)[_key(observation, self.seat)]
        return dict.fromkeys(best, 1.0 / len(best))


@registry.agents.register("cfr", family="solvers")
class EquilibriumAgent(ScriptedAgent):
    """An approximate Nash equilibrium of a small imperfect-information game, by CFR+ (arXiv 1407.5042)."""

    def __init__(self) -> None:
        super().__init__("cfr")

    async def act(self, observation: Observation) -> Reply:
        """Draw from the equilibrium's probabilities with the turn's seed."""
        distribution = await self.action_distribution(observation)
        drawn = random.Random(self.seat.turn_seed(observation.turn)).choices(
            list(distribution), list(distribution.values())
        )
        return Reply(drawn[0])

    async def action_distribution(self, observation: Observation) -> dict[str, float]:
        """The equilibrium's distribution."""
        return equilibrium(self.seat.env_id)[_key(observation, self.seat)]


@cache
def best_actions(env_id: str) -> dict[str, tuple[str, ...]]:
    """Per position (state key), the actions that keep its minimax value. Raises ValueError for other games."""
    env = registry.envs.make(env_id)
    game = _spiel_game(env, env_id)
    if game.get_type().information.name != "PERFECT_INFORMATION":
        raise ValueError(f"minimax needs perfect information, which {env_id} has not; use cfr")
    values: dict[str, float] = {}
    best: dict[str, tuple[str, ...]] = {}
    with ctrl_c_at_once():
        _solve(env, game.new_initial_state(), values, best)
    return best


def _solve(env: Any, state: Any, values: dict[str, float], best: dict[str, tuple[str, ...]]) -> float:
    """The value of a position for player 0, filling in both tables below it."""
    if state.is_terminal():
        return float(state.returns()[0])
    key = str(state)
    if key in values:
        return values[key]
    if len(values) >= MOST_POSITIONS:
        raise ValueError(f"{env.metadata['name']} has more than {MOST_POSITIONS} positions: too many for exact minimax")
    player = state.current_player()
    after = {action: _solve(env, state.child(action), values, best) for action in state.legal_actions()}
    value = values[key] = max(after.values()) if player == 0 else min(after.values())
    if len(values) == SILENT_POSITIONS:
        name = env.metadata["name"]
        log.info("working out the positions of %s for minimax: %d at most (Ctrl-C ends it)", name, MOST_POSITIONS)
    names = env.action_strings(f"player_{player}", state)
    best[key] = tuple(names[action] for action, reached in after.items() if reached == value)
    return value


@cache
def equilibrium(env_id: str, iterations: int = CFR_ITERATIONS) -> Table:
    """The average policy of CFR+ at every information state. Raises ValueError for games that CFR cannot solve here."""
    import pyspiel

    env = registry.envs.make(env_id)
    game = _spiel_game(env, env_id)
    if game.get_type().information.name != "IMPERFECT_INFORMATION":
        raise ValueError(f"cfr needs imperfect information, which {env_id} has not; use minimax")
    solver = pyspiel.CFRPlusSolver(game)
    with ctrl_c_at_once():
        _iterate(solver, iterations, env_id)
        distributions = solver.tabular_average_policy().policy_table()
        names = action_names(env, game)
    return {
        key: {names[key][action]: float(p) for action, p in distribution} for key, distribution in distributions.items()
    }


def _iterate(solver: Any, iterations: int, env_id: str) -> None:
    started, said = time.monotonic(), False
    for done in range(1, iterations + 1):
        solver.evaluate_and_update_policy()
        gone = time.monotonic() - started
        if not said and gone >= SILENT_SECONDS:
            left, said = gone / done * (iterations - done), True
            log.info("working out the equilibrium of %s by CFR+: about %.0f s (Ctrl-C ends it)", env_id, left)


def action_names(env: Any, game: Any) -> dict[str, dict[int, str]]:
    """Per information state of a game, OpenSpiel's action -> our string."""
    names: dict[str, dict[int, str]] = {}
    stack = [game.new_initial_state()]
    while stack:
        state = stack.pop()
        if state.is_terminal():
            continue
        if not state.is_chance_node():
            player = state.current_player()
            key = state.information_state_string(player)
            if key not in names:
                names[key] = dict(env.action_strings(f"player_{player}", state))
        stack.extend(state.child(action) for action in state.legal_actions())
    return names


def _spiel_game(env: Any, env_id: str) -> Any:
    game = getattr(env, "spiel_game", None)
    if game is None:
        raise ValueError(f"{env_id} is not an OpenSpiel game, so it cannot be solved")
    return game


def _key(observation: Observation, seat: Seat) -> str:
    if observation.state_key is None:
        raise ValueError(f"{seat.env_id} gives no state key, so a solver cannot look it up")
    return observation.state_key
