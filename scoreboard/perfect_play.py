"""Exact figures for small games that hide nothing, without chance but for Pig: nothing here is played or estimated.

Every position is visited once, so that a policy is measured by dynamic programming over the whole game.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from sparring import envs
from sparring.agents.pig import ROLL
from sparring.agents.solvers import pig_target
from sparring.envs.games.open_spiel import OpenSpielGame
from sparring.envs.games.spiel import SpielGame, SpielState
from sparring.envs.games.two_player import SEATS
from sparring.protocols import Agent
from sparring.scoreboard.game_theory import TabularPolicy, distributions
from sparring.scoreboard.pig import Pig
from sparring.types import Observation

MOST_POSITIONS = 20_000
"""Larger games are rated by play."""
MOST_IN_PIG = 100_000


@dataclass(frozen=True, slots=True)
class Positions:
    """A game whole. Positions come after those that they follow from; values are player 0's."""

    observations: Mapping[str, Observation]
    """What the mover sees, by state key."""
    movers: dict[str, int]
    moves: Mapping[str, Mapping[str, str]]
    """State key -> action -> the state key after it."""
    ends: Mapping[str, float]
    """State key of a finished game -> its result."""
    values: Mapping[str, float]
    """Of every position, if nobody errs (minimax)."""

    def best(self, key: str) -> list[str]:
        """The actions that keep the value of a position."""
        return [action for action, after in self.moves[key].items() if self.values[after] == self.values[key]]


@dataclass(frozen=True, slots=True)
class PlayQuality:
    """How well a policy plays."""

    optimal: float
    """Probability of an optimal move, the mean over the positions where some move is none."""
    blunders: float
    """Share of the moves of its games against itself that give away value: a win or a draw."""
    exploitability: float
    """What a best response wins against it, the mean over both seats, in the game's payoff unit."""


def is_small_and_open(env_id: str) -> bool:
    """Whether every position of an environment can be visited, with perfect information and no chance."""
    try:
        pig_of(env_id) or positions(env_id)
    except ValueError:
        return False
    return True


@cache
def pig_of(env_id: str) -> Pig | None:
    """Pig for two, whose positions come back; None for other games. Raises ValueError where there are too many."""
    if pig_target(envs.make(env_id)) is None:
        return None
    game = Pig(env_id)
    if len(game) > MOST_IN_PIG:
        raise ValueError(f"{env_id} has {len(game)} positions: more than {MOST_IN_PIG} are not measured exactly")
    return game


def number_of_positions(env_id: str) -> int:
    """At which an agent is asked. Raises ValueError for a game that is not small and open."""
    pig = pig_of(env_id)
    return len(positions(env_id).observations) if pig is None else len(pig)


def play_quality(agent: Agent, env_id: str, on_answer: Callable[[], None] = lambda: None) -> PlayQuality:
    """Measure the agent in both seats; `on_answer` is called after each position.

    Raises ValueError for a game that is not small, open and without chance, TypeError for an agent without
    probabilities.
    """
    if (pig := pig_of(env_id)) is not None:
        return _quality_in_pig(agent, env_id, pig, on_answer)
    game = positions(env_id)
    policy = distributions(agent, env_id, game.observations, on_answer)
    errable = [key for key in game.moves if len(game.best(key)) < len(game.moves[key])]
    optimal = [sum(policy[key].get(action, 0.0) for action in game.best(key)) for key in errable]
    lost = max(_best_response(game, policy, 0) - _best_response(game, policy, 1), 0.0)  # rounding may go below
    return PlayQuality(sum(optimal) / max(len(optimal), 1), _blunders(game, policy), lost / 2)


def _quality_in_pig(agent: Agent, env_id: str, pig: Pig, on_answer: Callable[[], None]) -> PlayQuality:
    policy = distributions(agent, env_id, {str(at): seen for at, seen in pig.observations.items()}, on_answer)
    roll = np.zeros((pig.target,) * 3)
    for at in pig.observations:
        roll[at] = policy[str(at)].get(ROLL, 0.0)
    return PlayQuality(*pig.quality(roll))


@cache
def positions(env_id: str) -> Positions:
    """All positions of a game. Raises ValueError for one that is not small, open and without chance."""
    env = envs.make(env_id)
    game = getattr(env, "spiel_game", None)
    if game is None or _kind(game) != ("PERFECT_INFORMATION", "DETERMINISTIC"):
        raise ValueError(f"{env_id} is not an OpenSpiel game of perfect information without chance")
    movers, moves, ends = dict[str, int](), dict[str, Mapping[str, str]](), dict[str, float]()
    try:
        _visit(env, game.new_initial_state(), movers, moves, ends)
    except RecursionError:
        raise ValueError(f"{env_id} has lines of play that are too long to be measured exactly") from None
    order = dict(reversed(movers.items()))
    values = dict(ends)
    for key, mover in movers.items():
        values[key] = (max, min)[mover](values[after] for after in moves[key].values())
    observations = {str(seen.state_key): seen for _, seen in env.information_states()}
    return Positions(observations, order, moves, ends, values)


def _kind(game: SpielGame) -> tuple[str, str]:
    kind = game.get_type()
    return kind.information.name, kind.chance_mode.name


def _visit(
    env: OpenSpielGame,
    state: SpielState,
    movers: dict[str, int],
    moves: dict[str, Mapping[str, str]],
    ends: dict[str, float],
) -> str:
    """The state key of a position. `movers` and the others get it, and before it all that follow from it."""
    if state.is_terminal():
        ends[str(state)] = float(state.returns()[0])
        return str(state)
    player = state.current_player()
    key = env.state_key(SEATS[player], state)
    if key not in movers:
        if len(movers) >= MOST_POSITIONS:
            raise ValueError(f"{env.env_id} has more than {MOST_POSITIONS} positions: too many to be measured exactly")
        names = env.action_strings(SEATS[player], state)
        after = {names[action]: _visit(env, state.child(action), movers, moves, ends) for action in names}
        movers[key], moves[key] = player, after
    return key


def _best_response(game: Positions, policy: TabularPolicy, seat: int) -> float:
    """Player 0's result where a best response has that seat and the policy the other."""
    values = dict(game.ends)
    for key, mover in reversed(game.movers.items()):
        after = {action: values[reached] for action, reached in game.moves[key].items()}
        choose = (max, min)[mover]
        played = sum(policy[key].get(action, 0.0) * value for action, value in after.items())
        values[key] = choose(after.values()) if mover == seat else played
    return values[next(iter(game.movers))]


def _blunders(game: Positions, policy: TabularPolicy) -> float:
    """Share of the moves of self-play that give away value."""
    reach = dict.fromkeys([*game.movers, *game.ends], 0.0)
    reach[next(iter(game.movers))] = 1.0
    given_away = played = 0.0
    for key in game.movers:
        best = game.best(key)
        for action, after in game.moves[key].items():
            flow = reach[key] * policy[key].get(action, 0.0)
            reach[after] += flow
            played += flow
            given_away += flow * (action not in best)
    return given_away / played
