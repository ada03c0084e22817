"""What a self-play run measures: exact strength where the game can be solved, and what its episodes looked like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparring.protocols import Agent
from sparring.samples import generated_tokens
from sparring.scoreboard import game_theory
from sparring.scoreboard.game_theory import Average
from sparring.trainers.batch import count_broken_prefixes
from sparring.trainers.data.guards import trained
from sparring.trainers.state import State
from sparring.types import Episode

Table = dict[str, dict[str, float]]
Metrics = dict[str, float]
"""Name -> figure of an update, as `metrics.jsonl` holds it; counts are whole numbers."""
KEPT = ("first", "last", "update", "best", "best_update", "best_value")
"""What a checkpoint holds of a game's policies, beside the sums of the average."""


@dataclass(slots=True)
class _Played:
    """What is kept of a game's policies over time: as much after a thousand evaluations as after two."""

    first: Table
    last: Table
    update: int
    """Of the last policy."""
    best: Table
    best_update: int
    best_value: float
    """NashConv."""
    earlier: Average
    """Of all policies before the last one."""

    def average(self) -> dict[str, dict[str, float]]:
        """Weights grow linearly, as in CFR+."""
        return self.earlier.plus(self.last, self.update + 1.0).policy()


class Evaluator:
    """Exact policies over time, per game that can be solved: NashConv of the last policy and of the average.

    There are none for a player without an `action_distribution` (one that writes freely): `games` is then empty.
    The average plays like one of the policies so far, drawn at random; weights grow linearly, as in CFR+.
    """

    def __init__(self, games: Sequence[str], player: Agent) -> None:
        self.player = player
        solvable = [game for game in games if game_theory.is_solvable(game)]
        self.games = [game for game in solvable if game_theory.is_scorable(player, game)]
        self.played: dict[str, _Played] = {}
        self.improved = False
        """Whether the last evaluation was the best so far on the first solvable game."""

    def evaluate(self, update: int) -> dict[str, float]:
        """Measure the player's present policy."""
        metrics: dict[str, float] = {}
        self.improved = False
        for game in self.games:
            policy = game_theory.tabular_policy(self.player, game)
            value = metrics[f"nash_conv/{game}"] = game_theory.nash_conv(game, policy)
            played = self.played.get(game)
            if played is None or value < played.best_value:
                self.improved |= game == self.games[0]
            self.played[game] = _with(played, game, update, policy, value)
            metrics[f"nash_conv_average/{game}"] = game_theory.nash_conv(game, self.played[game].average())
        return metrics

    def policies(self) -> dict[str, dict[str, Table]]:
        """Per game: the first, the best and the last policy, and the average."""
        return {
            game: {
                "first": played.first,
                f"best (update {played.best_update})": played.best,
                "last": played.last,
                "average": played.average(),
            }
            for game, played in self.played.items()
        }

    def state_dict(self) -> State:
        """What a checkpoint must hold."""
        return {
            game: {
                **{name: getattr(played, name) for name in KEPT},
                "earlier": played.earlier.state_dict(),
            }
            for game, played in self.played.items()
        }

    def load_state_dict(self, state: State) -> None:
        """Take back what `state_dict` gave."""
        self.played = {
            game: _Played(**{name: kept[name] for name in KEPT}, earlier=Average(game, **kept["earlier"]))
            for game, kept in state.items()
            if game in self.games
        }


def _with(played: _Played | None, game: str, update: int, policy: Table, value: float) -> _Played:
    """A game's policies with that of an update, which takes the place of one of the same update."""
    if played is None:
        return _Played(policy, policy, update, policy, update, value, Average(game))
    best = (policy, update, value)
    if value >= played.best_value:
        best = (played.best, played.best_update, played.best_value)
    earlier = played.earlier
    if played.update != update:
        earlier = earlier.plus(played.last, played.update + 1.0)
    return _Played(played.first, policy, update, *best, earlier)


def episode_metrics(episodes: Sequence[Episode], seconds: float) -> Metrics:
    """What people watch: reward per game and seat, illegal share, tokens per second, lengths, faults."""
    pairs = list(trained(episodes))
    turns = [turn for _, trajectory in pairs for turn in trajectory.turns]
    tokens = generated_tokens(turns)
    metrics: Metrics = {
        "episodes": len(episodes),
        "faults": sum(episode.error is not None for episode in episodes),
        "turns": len(turns),
        "tokens": tokens,
        "tokens_per_turn": tokens / len(turns) if turns else 0.0,
        "tokens_per_second": tokens / seconds if seconds > 0 else 0.0,
        "turns_per_second": len(turns) / seconds if seconds > 0 else 0.0,
        "illegal_share": float(np.mean([not turn.legal for turn in turns])) if turns else 0.0,
        "broken_prefixes": count_broken_prefixes(trajectory for _, trajectory in pairs),
    }
    for game, seat in sorted({(game, trajectory.seat) for game, trajectory in pairs}):
        rewards = [t.reward for g, t in pairs if (g, t.seat) == (game, seat)]
        metrics[f"reward/{game}/{seat}"] = float(np.mean(rewards))
    return metrics


def tokens_generated(episodes: Sequence[Episode]) -> int:
    """By weights that learn, in episodes that broke off too: what was paid for."""
    trajectories = (t for episode in episodes for t in episode.trajectories.values() if t.trainable)
    return sum(generated_tokens(trajectory.turns) for trajectory in trajectories)


def against_uniform(game: str, player: str, episodes: Sequence[Episode]) -> dict[str, float]:
    """A player's mean reward in games against uniform play; nothing where none came to its end."""
    sound = [episode for episode in episodes if episode.sound]
    rewards = [t.reward for episode in sound for t in episode.trajectories.values() if t.agent == player]
    return {f"against_uniform/{game}": float(np.mean(rewards))} if rewards else {}
