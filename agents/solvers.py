"""Players that cannot be beaten: minimax by dynamic programming, and a counterfactual-regret equilibrium.

Both work out the whole game once per environment, with the options that it is played with, and then look answers up.
They refuse games that are too large, once for each.
"""

from __future__ import annotations

import inspect
import logging
import random
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Generic, TypeVar

from sparring import registry
from sparring.agents import pig
from sparring.agents.scripted import ScriptedAgent
from sparring.protocols import Seat
from sparring.start import ctrl_c_at_once
from sparring.types import Observation, Reply

log = logging.getLogger(__name__)
Table = dict[str, dict[str, float]]
Solution = TypeVar("Solution")
MOST_POSITIONS = 300_000
"""Of a game that is solved: positions for minimax, histories for CFR+."""
CFR_ITERATIONS = 2_000
SILENT_SECONDS = 1.0
SILENT_POSITIONS = 20_000
"""After so much time, or work, a calculation says what it does."""


@registry.agents.register("minimax", family="solvers")
class MinimaxAgent(ScriptedAgent):
    """Exact play in Pig and small perfect-information games: one of the best actions, drawn with the turn's seed."""

    def __init__(self) -> None:
        super().__init__("minimax")

    async def act(self, observation: Observation) -> Reply:
        """Any action that keeps the value of the position."""
        best = list(await self.action_distribution(observation))
        return Reply(random.Random(self.seat.turn_seed(observation.turn)).choice(best))

    async def action_distribution(self, observation: Observation) -> dict[str, float]:
        """Uniform over the best actions."""
        best = best_actions(self.seat.env_id, self.seat.env_kwargs)[_key(observation, self.seat)]
        return dict.fromkeys(best, 1.0 / len(best))


@registry.agents.register("cfr", family="solvers")
class EquilibriumAgent(ScriptedAgent):
    """An approximate Nash equilibrium of a small imperfect-information game, by CFR+ (arXiv 1407.5042)."""

    def __init__(self, *, iterations: int = CFR_ITERATIONS) -> None:
        """iterations: of CFR+; with few of them the player is weaker."""
        if iterations < 1:
            raise ValueError(f"iterations must be >= 1, got {iterations}")
        super().__init__("cfr")
        self._iterations = iterations

    async def act(self, observation: Observation) -> Reply:
        """Draw from the equilibrium's probabilities with the turn's seed."""
        distribution = await self.action_distribution(observation)
        drawn = random.Random(self.seat.turn_seed(observation.turn)).choices(
            list(distribution), list(distribution.values())
        )
        return Reply(drawn[0])

    async def action_distribution(self, observation: Observation) -> dict[str, float]:
        """The equilibrium's distribution."""
        solved = equilibrium(self.seat.env_id, self.seat.env_kwargs, iterations=self._iterations)
        return solved[_key(observation, self.seat)]


class SolvedOnce(Generic[Solution]):
    """What is worked out once for an environment, its options and settings: the solution, or why there is none."""

    def __init__(self, solve: Callable[..., Solution]) -> None:
        self._solve, self.__doc__ = solve, solve.__doc__
        parameters = inspect.signature(solve).parameters.values()
        self._defaults = {one.name: one.default for one in parameters if one.default is not one.empty}
        self._outcome = lru_cache(maxsize=64)(self._tried)

    def __call__(self, env_id: str, env_kwargs: Mapping[str, object] | None = None, **settings: object) -> Solution:
        """The solution; `settings` go to the calculation. Raises ValueError for a game that is refused."""
        outcome = self._outcome(env_id, _Options(env_kwargs or {}), _Options({**self._defaults, **settings}))
        if isinstance(outcome, ValueError):
            raise ValueError(str(outcome))
        return outcome

    def cache_clear(self) -> None:
        """Forget everything."""
        self._outcome.cache_clear()

    def _tried(self, env_id: str, options: _Options, settings: _Options) -> Solution | ValueError:
        env = registry.envs.make(env_id, **options.given)
        try:
            return self._solve(env, env_id, **settings.given)
        except ValueError as refusal:  # worked out again for each episode it would cost minutes
            return refusal
        finally:
            env.close()


class _Options:
    """An environment's options as a key: equal where they read equal."""

    def __init__(self, given: Mapping[str, object]) -> None:
        self.given, self._text = given, repr(sorted(given.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Options) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


@SolvedOnce
def best_actions(env: Any, env_id: str) -> Mapping[str, tuple[str, ...]]:
    """Per position (state key), the actions that keep its minimax value. Raises ValueError for other games."""
    game, target = exact_game(env, env_id), pig_target(env)
    if target is not None:
        return pig.BestActions(target)
    if game.get_type().information.name != "PERFECT_INFORMATION":
        raise ValueError(f"minimax needs perfect information, which {env_id} has not; use cfr")
    values: dict[str, float] = {}
    best: dict[str, tuple[str, ...]] = {}
    try:
        with ctrl_c_at_once():
            _solve(env, game.new_initial_state(), values, best)
    except RecursionError:
        raise ValueError(f"{env_id} has lines of play that are too long for exact minimax") from None
    return best


def _solve(env: Any, state: Any, values: dict[str, float], best: dict[str, tuple[str, ...]]) -> float:
    """The value of a position for player 0, filling in both tables below it."""
    if state.is_terminal():
        return float(state.returns()[0])
    if state.is_chance_node():
        branches = ((float(p), state.child(outcome)) for outcome, p in state.chance_outcomes())
        return sum((p * _solve(env, after, values, best) for p, after in branches), 0.0)
    player = state.current_player()
    seat = f"player_{player}"
    key = env.state_key(seat, state)
    if key in values:
        return values[key]
    if len(values) >= MOST_POSITIONS:
        raise ValueError(f"{env.env_id} has more than {MOST_POSITIONS} positions: too many for exact minimax")
    after = {action: _solve(env, state.child(action), values, best) for action in state.legal_actions()}
    value = values[key] = max(after.values()) if player == 0 else min(after.values())
    if len(values) == SILENT_POSITIONS:
        log.info("working out the positions of %s for minimax: %d at most (Ctrl-C ends it)", env.env_id, MOST_POSITIONS)
    names = env.action_strings(seat, state)
    best[key] = tuple(names[action] for action, reached in after.items() if reached == value)
    return value


@SolvedOnce
def equilibrium(env: Any, env_id: str, iterations: int = CFR_ITERATIONS) -> Table:
    """The average policy of CFR+ at every information state. Raises ValueError for games that CFR cannot solve here."""
    import pyspiel

    game = exact_game(env, env_id)
    kind = game.get_type()
    if kind.information.name == "PERFECT_INFORMATION":
        raise ValueError(f"cfr needs imperfect information, which {env_id} has not; use minimax")
    if not kind.provides_information_state_string:
        raise ValueError(f"OpenSpiel gives no information states of {env_id}, so cfr cannot solve it")
    with ctrl_c_at_once():
        names = action_names(env, game)  # refuses a game that is too large before the solver takes all memory
        solver = pyspiel.CFRPlusSolver(game)
        _iterate(solver, iterations, env_id)
        distributions = solver.tabular_average_policy().policy_table()
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
    """Per information state of a game, OpenSpiel's action -> our string.

    Raises ValueError for a game of more than `MOST_POSITIONS` histories.
    """
    names: dict[str, dict[int, str]] = {}
    stack, seen = [game.new_initial_state()], 0
    while stack:
        state, seen = stack.pop(), seen + 1
        if seen > MOST_POSITIONS:
            raise ValueError(f"{env.env_id} has more than {MOST_POSITIONS} histories: too many to be solved exactly")
        if state.is_terminal():
            continue
        if not state.is_chance_node():
            player = state.current_player()
            key = state.information_state_string(player)
            if key not in names:
                names[key] = dict(env.action_strings(f"player_{player}", state))
        stack.extend(state.child(action) for action in state.legal_actions())
    return names


def pig_target(env: Any) -> int | None:
    """The points that win, where an environment is Pig for two; None elsewhere."""
    game = getattr(env, "exact_game", None)
    if game is None or game.get_type().short_name != "pig":
        return None
    return int(game.get_parameters()["winscore"])


def exact_game(env: Any, env_id: str) -> Any:
    """OpenSpiel's game of an environment. Raises ValueError saying why there is none that can be solved."""
    game = getattr(env, "exact_game", None)
    if game is None:
        why = getattr(env, "why_not_exact", "is not an OpenSpiel game")
        raise ValueError(f"{env_id} {why}, so it cannot be solved")
    return game


def _key(observation: Observation, seat: Seat) -> str:
    if observation.state_key is None:
        raise ValueError(f"{seat.env_id} gives no state key, so a solver cannot look it up")
    return observation.state_key
