"""What a self-play run measures: exact strength where the game can be solved, and what its episodes looked like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from sparring.protocols import Agent
from sparring.samples import generated_tokens
from sparring.scoreboard import game_theory
from sparring.trainers.batch import count_broken_prefixes
from sparring.types import Episode, Trajectory

Table = dict[str, dict[str, float]]


class Evaluator:
    """Exact policies over time, per game that can be solved: NashConv of the last policy and of the average.

    There are none for a player without an `action_distribution` (one that writes freely): `games` is then empty.
    The average plays like one of the policies so far, drawn at random; weights grow linearly, as in CFR+.
    """

    def __init__(self, games: Sequence[str], player: Agent) -> None:
        self.player = player
        solvable = [game for game in games if game_theory.is_solvable(game)]
        self.games = [game for game in solvable if game_theory.is_scorable(player, game)]
        self.history: dict[str, list[tuple[int, Table]]] = {game: [] for game in self.games}
        self.best: dict[str, float] = {}
        self.improved = False
        """Whether the last evaluation was the best so far on the first solvable game."""

    def evaluate(self, update: int) -> dict[str, float]:
        """Measure the player's present policy."""
        metrics: dict[str, float] = {}
        self.improved = False
        for game in self.games:
            policy = game_theory.tabular_policy(self.player, game)
            earlier = [entry for entry in self.history[game] if entry[0] != update]
            self.history[game] = [*earlier, (update, policy)]
            value = metrics[f"nash_conv/{game}"] = game_theory.nash_conv(game, policy)
            metrics[f"nash_conv_average/{game}"] = game_theory.nash_conv(game, self.average(game))
            if value < self.best.get(game, np.inf):
                self.best[game] = value
                self.improved |= game == self.games[0]
        return metrics

    def average(self, game: str) -> Table:
        """The average of a game's policies so far."""
        policies = [policy for _, policy in self.history[game]]
        return game_theory.average_policy(game, policies, [update + 1.0 for update, _ in self.history[game]])

    def policies(self) -> dict[str, dict[str, Table]]:
        """Per game: the first, the best and the last policy, and the average."""
        found = {}
        for game, history in self.history.items():
            scored = [(game_theory.nash_conv(game, policy), update, policy) for update, policy in history]
            _, update, best = min(scored, key=lambda entry: entry[:2])
            found[game] = {
                "first": history[0][1],
                f"best (update {update})": best,
                "last": history[-1][1],
                "average": self.average(game),
            }
        return found

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold."""
        return {"history": self.history, "best": self.best}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.history = {game: state["history"][game] for game in self.games}
        self.best = {game: value for game, value in state["best"].items() if game in self.games}


def trained(episodes: Sequence[Episode]) -> Iterator[tuple[str, Trajectory]]:
    """(env id, trajectory) of every seat that is to be trained on; faults of environment or agent are left out."""
    for episode in episodes:
        if episode.sound:
            for trajectory in episode.trajectories.values():
                if trajectory.trainable:
                    yield episode.env_id, trajectory


def episode_metrics(episodes: Sequence[Episode], seconds: float) -> dict[str, Any]:
    """What people watch: reward per game and seat, illegal share, tokens per second, lengths, faults."""
    pairs = list(trained(episodes))
    turns = [turn for _, trajectory in pairs for turn in trajectory.turns]
    tokens = generated_tokens(turns)
    metrics: dict[str, Any] = {
        "episodes": len(episodes),
        "faults": sum(episode.error is not None for episode in episodes),
        "turns": len(turns),
        "tokens": tokens,
        "tokens_per_second": tokens / seconds if seconds > 0 else 0.0,
        "turns_per_second": len(turns) / seconds if seconds > 0 else 0.0,
        "illegal_share": float(np.mean([not turn.legal for turn in turns])) if turns else 0.0,
        "broken_prefixes": count_broken_prefixes(trajectory for _, trajectory in pairs),
    }
    for game, seat in sorted({(game, trajectory.seat) for game, trajectory in pairs}):
        rewards = [t.reward for g, t in pairs if (g, t.seat) == (game, seat)]
        metrics[f"reward/{game}/{seat}"] = float(np.mean(rewards))
    return metrics


def against_uniform(game: str, player: str, episodes: Sequence[Episode]) -> dict[str, float]:
    """A player's mean reward in games against uniform play; nothing where none came to its end."""
    sound = [episode for episode in episodes if episode.sound]
    rewards = [t.reward for episode in sound for t in episode.trajectories.values() if t.agent == player]
    return {f"against_uniform/{game}": float(np.mean(rewards))} if rewards else {}
