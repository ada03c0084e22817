"""What the weights of a run can do, measured as it goes: exact strength, named agents, uniform play, the best."""

from __future__ import annotations

import resource
import sys
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from sparring import registry
from sparring.protocols import Agent
from sparring.scoreboard import game_theory, perfect_play
from sparring.scoreboard.matches import by_name, rotated_matches, seats_of
from sparring.scoreboard.progress import illegal_key, probe_keys
from sparring.store.store import Store
from sparring.trainers.collecting import collect
from sparring.trainers.config import RunConfig
from sparring.trainers.evaluation import Evaluator, Metrics, against_uniform
from sparring.trainers.probing import Probes, planned_probes
from sparring.trainers.whole_files import require_finite
from sparring.types import derive_seed

if TYPE_CHECKING:
    from sparring.trainers.run import Run


def require_measured(config: RunConfig) -> None:
    """Raises ValueError where nothing measures the figure that `best_by` names, or no game has positions to measure.

    No model is needed to say so.
    """
    if config.every_position and not _measured_everywhere(config):
        got = f"games {', '.join(config.games)}, agent {config.agent}, decoding {config.decoding}"
        raise ValueError(
            "every_position needs a small game of perfect information, such as TicTacToe, and a model that chooses "
            f"among legal actions, got {got}"
        )
    name, known = config.best_by.removeprefix("-"), figures_of(config)
    if name and name not in known:
        there_are = f"there are {', '.join(known)}" if known else "nothing is measured"
        raise ValueError(f"best_by: nothing measures {name!r} in this run; {there_are}")


def figures_of(config: RunConfig) -> list[str]:
    """The names of what a run with these settings measures, as `metrics.jsonl` has them."""
    chooses = config.agent == "choose" and config.decoding == "legal"
    exact = [game for game in config.games if game_theory.is_solvable(game)] if chooses else []
    names = [f"{figure}/{game}" for game in exact for figure in ("nash_conv", "nash_conv_average")]
    names += [
        f"{field.name}/{game}" for game in _measured_everywhere(config) for field in fields(perfect_play.PlayQuality)
    ]
    for probe in planned_probes(config, exact):
        names += [*probe_keys(probe.game, probe.spec), illegal_key(probe.game, probe.spec)]
    return names + [f"against_uniform/{game}" for game in config.games if config.evaluation_games]


def _measured_everywhere(config: RunConfig) -> list[str]:
    """The games whose every position is looked at when probes are played."""
    asked = config.every_position and config.agent == "choose" and config.decoding == "legal"
    return [game for game in config.games if perfect_play.is_small_and_open(game)] if asked else []


class Measurements:
    """Of one run."""

    def __init__(self, run: Run[Any]) -> None:
        self.run = run
        self.evaluator = Evaluator(run.config.games, run.player)
        self.probes = Probes(run.config, self.evaluator.games)
        self.open_games = _measured_everywhere(run.config)
        self.best: float | None = None
        """The best value so far of the figure that `best_by` names."""

    @property
    def knows_the_best(self) -> bool:
        """Whether a figure says which weights were the best; else the last ones are."""
        return self.best is not None if self.run.config.best_by else bool(self.evaluator.games)

    def measure(self, store: Store) -> Metrics:
        """What the present weights can do; the best ones so far are kept."""
        metrics = {**self._play_others(store), **self._evaluate()}
        if self._is_best(metrics):
            self.save_best()
        return metrics

    def _is_best(self, metrics: Metrics) -> bool:
        """By the figure that `best_by` names, else by exact strength in the first game that can be solved."""
        if not self.run.config.best_by:
            return self.evaluator.improved
        name = self.run.config.best_by.removeprefix("-")
        value = metrics.get(name)
        if value is None:
            return False
        value = -value if self.run.config.best_by.startswith("-") else value
        if self.best is not None and value <= self.best:
            return False
        self.best = value
        return True

    def _play_others(self, store: Store) -> Metrics:
        """Games of the present weights against named agents, and at both ends against uniform play, seats rotating.

        The player's name says when, so that games of different weights are never counted as those of one agent.
        """
        moment = f"update {self.run.done}" if self.run.done else "before"
        player = self.run.agent(self.run.model, f"{self.run.config.model} ({moment})", trainable=False)
        seed, group = derive_seed(self.run.config.seed, "evaluation"), f"evaluation/{moment}"
        metrics: Metrics = dict(self.probes.play(self.run.done, player, store, self.run.pool, self.run.hear))
        if self.probes.is_due(self.run.done):
            metrics |= self._play_quality(player)
        for game in self.run.config.games if self.run.done in (0, self.run.config.steps) else ():
            agents = by_name([player, *(registry.make_agent("random") for _ in seats_of(game)[1:])])
            prefix, count = f"evaluation-{self.run.done}", self.run.config.evaluation_games
            matches = rotated_matches(game, list(agents), count, seed, prefix, group, self.run.config.env_kwargs())
            episodes = collect(matches, agents, store, self.run.pool, self.run.hear, "measuring")
            metrics |= against_uniform(game, player.name, episodes)
        return metrics

    def _play_quality(self, player: Agent) -> Metrics:
        """Exact figures of the games of perfect information."""
        metrics: Metrics = {}
        for game in self.open_games:
            figures = asdict(perfect_play.play_quality(player, game))
            metrics |= {f"{name}/{game}": value for name, value in figures.items()}
        return metrics

    def _evaluate(self) -> Metrics:
        every, self.evaluator.improved = self.run.config.evaluate_every, False
        if self.run.done not in (0, self.run.config.steps) and (every == 0 or self.run.done % every):
            return {}
        return self.evaluator.evaluate(self.run.done)

    def save_best(self) -> None:
        """Keep the present weights as the best. Raises NotFinite."""
        require_finite(self.run.model.weights())
        self.run.folder.checkpoints.save_whole("best", self.run.model.save)


def peak_memory() -> float:
    """Of this process so far, GB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e9 if sys.platform == "darwin" else 1e6)
