r"""SPIRAL: self-play on zero-sum games with role-conditioned advantages (arXiv 2506.24119).

What the paper does: one shared policy plays every seat of a zero-sum game; each trajectory's advantage is its return
minus a moving average per (game, role) (equation 2); REINFORCE on the whole answer, no length normalisation.

What we do otherwise, and why:
1. The policy may choose among the legal actions by its own renormalised law (`decoding="legal"`): no illegal moves to
   learn first, an exact policy at every step, and equal samples that merge. `decoding="free"` is the paper's.
2. A magnet: KL to the uniform law over legal actions, averaged over the distinct decisions of a batch, its weight
   falling geometrically (annealed magnetic mirror descent, arXiv 2206.05825). Without it self-play settles on a
   pure strategy; with it the last iterate comes close to equilibrium.
3. A league of frozen past checkpoints takes a seat in some matches. Frozen seats never train.
4. Forfeits are a zero-sum, separate part of the reward (the paper's -1.5 / +0.5 is `illegal="spiral"`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sparring import registry
from sparring.agents.language_model import WritingAgent, make_player
from sparring.agents.models.transformers import SMALL_MODEL, TransformersModel
from sparring.rollout import EnvPool, Match
from sparring.scoreboard.matches import rotated_matches, seats_of
from sparring.scoreboard.store import Store
from sparring.trainers.advantages import RoleBaselines, group_relative, reinforce
from sparring.trainers.batch import Signal, merge, signals_of
from sparring.trainers.collecting import collect
from sparring.trainers.evaluation import Evaluator, episode_metrics, trained
from sparring.trainers.league import League, frozen_seat
from sparring.trainers.learner import Learner, LearnerConfig
from sparring.trainers.run_folder import RunError, RunFolder
from sparring.types import Episode, Sampling, derive_seed

Metrics = dict[str, Any]


def _ignore(metrics: Metrics) -> None:
    """Nobody watches."""


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Config:
    """Self-play by SPIRAL."""

    model: str = "nano"
    """Language model: nano, smollm2, a local path or a hub id."""
    games: tuple[str, ...] = ("sparring/KuhnPoker-v0",)
    """Environment ids, played in turn."""
    steps: int = 100
    """Updates."""
    games_per_update: int = 512
    """Episodes played before each update, over all games."""
    seed: int = 0
    """Decides everything: deals, actions, initial weights of nano."""
    estimator: Literal["rae", "reinforce", "group"] = "rae"
    """Advantage: role-conditioned baseline (SPIRAL), none, or relative to the batch's mean per game and role."""
    baseline_decay: float = 0.95
    """Decay of the role baselines."""
    learning_rate: float | None = None
    """AdamW step size at the first update. None: 5e-4 for models under 10 million parameters, else 3e-5."""
    learning_rate_decay: float = 0.05
    """What is left of it at the last update; in between it falls geometrically, so that the last iterate settles."""
    momentum: float = 0.0
    """AdamW's first moment. In self-play the gradient turns with the opponent; without momentum it comes closer."""
    magnet: float = 0.5
    """Weight of KL(policy || uniform) at the first update; 0 switches the regulariser off."""
    magnet_final: float = 0.1
    """Its weight at the last update; in between it falls geometrically."""
    epochs: int = 1
    """Optimizer steps per update."""
    league_share: float = 0.2
    """Share of the matches with a frozen past checkpoint in one seat."""
    league_every: int = 10
    """Updates between snapshots for the league."""
    league_size: int = 4
    """Snapshots kept."""
    illegal: Literal["forfeit", "spiral", "retry", "noop"] = "forfeit"
    """What an illegal action leads to; spiral is the paper's -1.5 / +0.5."""
    decoding: Literal["legal", "free"] = "legal"
    """Choose among the legal actions, or write freely and parse."""
    prompt: str = "bracket"
    """Prompt template: bracket or boxed."""
    max_new_tokens: int = 64
    """Longest answer when writing freely."""
    temperature: float = 1.0
    """Sampling temperature."""
    evaluate_every: int = 1
    """Updates between exact evaluations (NashConv) on the games that can be solved; 0: only first and last."""
    evaluation_games: int = 200
    """Games per environment against uniform play, before the first and after the last update."""
    checkpoint_every: int = 20
    """Updates between checkpoints."""
    device: str = "auto"
    """auto (CUDA if present), cpu, cuda, cuda:1, ..."""

    def __post_init__(self) -> None:
        for name in ("steps", "games_per_update", "league_every", "league_size", "checkpoint_every", "epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be >= 1, got {getattr(self, name)}")
        if self.magnet < 0 or self.magnet_final < 0:
            raise ValueError(f"magnet weights must be >= 0, got {self.magnet} and {self.magnet_final}")
        if not 0.0 <= self.league_share <= 1.0:
            raise ValueError(f"league_share must be in [0, 1], got {self.league_share}")
        if not self.games:
            raise ValueError("games must name at least one environment")


@registry.trainers.register("spiral", family="self-play RL", extra="train")
class Spiral:
    """Self-play RL with role-conditioned advantages (SPIRAL)."""

    config_type = Config

    def __init__(self, config: Config, folder: RunFolder) -> None:
        for game in config.games:
            registry.envs.row(game)
        self.config, self.folder = config, folder
        self.model = TransformersModel(config.model, device=config.device, seed=config.seed)
        self.learner = Learner(self.model, _learner_config(config, self.model))
        self.baselines = RoleBaselines(config.baseline_decay)
        self.league = League(folder.checkpoints / "league", config.league_size)
        self.sampling = Sampling(
            temperature=config.temperature, max_new_tokens=config.max_new_tokens, decoding=config.decoding
        )
        self.player = self._agent(self.model, config.model, trainable=True)
        self.frozen: TransformersModel | None = None
        self.done = 0
        self.evaluator = Evaluator(config.games, self.player)
        self.pool = EnvPool()

    @classmethod
    def start(cls, config: Config, path: Path) -> Spiral:
        """A new run in a new folder, which is made only when everything that the settings name has been found."""
        folder = RunFolder(path)
        folder.require_free()
        run = cls(config, folder)
        folder.create("spiral", asdict(config))
        return run

    @classmethod
    def resume(cls, path: Path, steps: int | None = None) -> Spiral:
        """A run as its last checkpoint left it; `steps` may be raised."""
        folder = RunFolder.open(path, "spiral")
        values = folder.read_config()["config"]
        unknown = set(values) - set(Config.__dataclass_fields__)
        if unknown:
            raise RunError(f"{path} has settings that this version does not know: {', '.join(sorted(unknown))}")
        config = Config(**{**values, "games": tuple(values["games"]), "steps": steps or values["steps"]})
        run = cls(config, folder)
        folder.write_config("spiral", asdict(config))
        found = folder.load_checkpoint()
        if found is not None:
            run._load(*found)
        folder.cut_metrics(run.done)
        return run

    def run(self, on_update: Callable[[Metrics], None] = _ignore, should_stop: Callable[[], bool] = _never) -> bool:
        """Train to the end; True if it got there. Between updates `should_stop` may ask for an end, which saves."""
        with Store(self.folder.episodes, "a") as store:
            while self.done < self.config.steps:
                if should_stop():
                    self.save()
                    return False
                self._report(self.update(store), on_update)
                if self.done % self.config.checkpoint_every == 0:
                    self.save()
            self._report(self.finish(store), on_update)
        self.save()
        return True

    def update(self, store: Store) -> Metrics:
        """Evaluate the current weights, play, learn."""
        started = time.perf_counter()
        if self.done == 0:
            self._play_random(store, "before")
        metrics: Metrics = {"update": self.done, **self._evaluate()}
        playing = time.perf_counter()
        episodes = collect(self._matches(), store, self.pool)
        metrics |= episode_metrics(episodes, time.perf_counter() - playing)
        magnet = self._scheduled(self.config.magnet, self.config.magnet_final)
        first_rate = self.learner.config.learning_rate
        self.learner.learning_rate = self._scheduled(first_rate, first_rate * self.config.learning_rate_decay)
        metrics |= self.learner.step(merge(self.signals(episodes, store)), magnet=magnet)
        metrics |= {"magnet": magnet, "learning_rate": self.learner.learning_rate}
        metrics |= {"seconds": time.perf_counter() - started}
        self.done += 1
        if self.done % self.config.league_every == 0:
            self.league.add(f"update-{self.done}", self.model.weights())
        return metrics

    def finish(self, store: Store) -> Metrics:
        """Evaluate the final weights."""
        started = time.perf_counter()
        self._play_random(store, "after")
        metrics: Metrics = {"update": self.done, **self._evaluate()}
        self.folder.write_json("policies.json", self.evaluator.policies())
        return {**metrics, "seconds": time.perf_counter() - started}

    def _scheduled(self, first: float, last: float) -> float:
        """A hyper-parameter at this update: from `first` to `last` geometrically; constant where either is 0."""
        progress = min(1.0, self.done / max(1, self.config.steps - 1))
        return first * (last / first) ** progress if first > 0.0 and last > 0.0 else first

    def signals(self, episodes: list[Episode], store: Store) -> Iterator[Signal]:
        """The `rl` stream: every trainable trajectory's advantage, which the store keeps as a column beside it."""
        pairs = list(trained(episodes))
        trajectories = [trajectory for _, trajectory in pairs]
        returns = [trajectory.reward for trajectory in trajectories]
        advantages = self._advantages(returns, [(game, t.seat) for game, t in pairs])
        columns = {t.id: float(a) for t, a in zip(trajectories, advantages, strict=True)}
        store.put_columns(f"spiral/{self.config.estimator}", "advantage", columns)
        for trajectory in trajectories:
            yield from signals_of(trajectory, advantage=columns[trajectory.id])

    def _advantages(self, returns: list[float], roles: list[tuple[str, str]]) -> np.ndarray:
        if self.config.estimator == "rae":
            return self.baselines.advantages(returns, roles)
        if self.config.estimator == "group":
            return group_relative(np.array(returns), roles, normalise=False)
        return reinforce(np.array(returns))

    def _matches(self) -> Iterator[Match]:
        """This update's matches: games in turn, the league in some seats, every seed its own."""
        config, opponent = self.config, self._frozen_opponent()
        for index in range(config.games_per_update):
            game = config.games[index % len(config.games)]
            name, seats = f"update-{self.done}/{index}", seats_of(game)
            frozen = frozen_seat(index // len(config.games), seats, config.league_share) if opponent else None
            players = {seat: opponent if opponent and seat == frozen else self.player for seat in seats}
            seed, group = derive_seed(config.seed, name), f"update-{self.done}"
            yield Match(name, game, players, seed, self._env_kwargs(), task=name, group=group)

    def _env_kwargs(self) -> dict[str, str]:
        return {} if self.config.illegal == "forfeit" else {"illegal": self.config.illegal}

    def _play_random(self, store: Store, moment: str) -> None:
        """Games against uniform play, seats rotating, for the scoreboard's win/draw/loss table."""
        player = self._agent(self.model, f"{self.config.model} ({moment})", trainable=False)
        seed, group = derive_seed(self.config.seed, "evaluation"), f"evaluation/{moment}"
        for game in self.config.games:
            players = [player, *(registry.make_agent("random") for _ in seats_of(game)[1:])]
            prefix, count = f"evaluation-{self.done}", self.config.evaluation_games
            matches = rotated_matches(game, players, count, seed, prefix, group, self._env_kwargs())
            collect(matches, store, self.pool)

    def _evaluate(self) -> Metrics:
        every = self.config.evaluate_every
        if self.done not in (0, self.config.steps) and (every == 0 or self.done % every):
            return {}
        metrics = self.evaluator.evaluate(self.done)
        if self.evaluator.improved:
            self.folder.save_whole("best", self.model.save)
        return metrics

    def _frozen_opponent(self) -> WritingAgent | None:
        """A past checkpoint, in a model of its own; None while the league is empty."""
        name = self.league.draw(self.config.seed, self.done)
        if name is None or self.config.league_share == 0.0:
            return None
        if self.frozen is None:
            self.frozen = TransformersModel(self.config.model, device=self.config.device, seed=self.config.seed)
        self.frozen.sync(self.league.weights(name), name)
        return self._agent(self.frozen, f"{self.config.model} (league)", trainable=False)

    def _agent(self, model: TransformersModel, name: str, trainable: bool) -> WritingAgent:
        return make_player(model, prompt=self.config.prompt, sampling=self.sampling, name=name, trainable=trainable)

    def save(self) -> None:
        """Write a checkpoint of everything that the next update depends on."""
        state = {
            "done": self.done,
            "learner": self.learner.state_dict(),
            "baselines": self.baselines.state_dict(),
            "league": self.league.state_dict(),
            "evaluator": self.evaluator.state_dict(),
        }
        if not self.evaluator.games:  # no exact figure can say which weights were the best: then the last ones are
            self.folder.save_whole("best", self.model.save)
        self.folder.save_checkpoint(self.done, self.model.weights(), state)
        self.league.prune()

    def _load(self, weights: dict[str, Any], state: dict[str, Any]) -> None:
        self.model.sync(weights, f"update-{state['done']}")
        self.done = state["done"]
        self.learner.load_state_dict(state["learner"])
        self.baselines.load_state_dict(state["baselines"])
        self.league.load_state_dict(state["league"])
        self.evaluator.load_state_dict(state["evaluator"])

    def _report(self, metrics: Metrics, on_update: Callable[[Metrics], None]) -> None:
        self.folder.log(metrics)
        on_update(metrics)


def _learner_config(config: Config, model: TransformersModel) -> LearnerConfig:
    small = sum(parameter.numel() for parameter in model.module.parameters()) < SMALL_MODEL
    rate = config.learning_rate if config.learning_rate is not None else (5e-4 if small else 3e-5)
    betas = (config.momentum, 0.95)
    return LearnerConfig(learning_rate=rate, betas=betas, epochs=config.epochs, length=config.max_new_tokens)
