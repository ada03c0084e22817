r"""SPIRAL: self-play on zero-sum games with role-conditioned advantages (arXiv 2506.24119).

What the paper does: one shared policy plays every seat of a zero-sum game; each trajectory's advantage is its return
minus a moving average per (game, role) (equation 2); REINFORCE on the whole answer, no length normalisation.

What we do otherwise, and why:
1. The policy may choose among the legal actions by its own renormalised distribution (`decoding="legal"`): no illegal
   moves to learn first, an exact policy at every step, and equal samples that merge. `decoding="free"` is the
   paper's.
2. A magnet: KL to the uniform distribution over legal actions, averaged over the distinct decisions of a batch, its
   weight falling geometrically (annealed magnetic mirror descent, arXiv 2206.05825). Without it self-play settles on
   a pure strategy; with it the last iterate comes close to equilibrium.
3. A league of frozen past checkpoints takes a seat in some matches. Frozen seats never train.
4. Forfeits are a zero-sum, separate part of the reward (the paper's -1.5 / +0.5 is `illegal="spiral"`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from sparring import registry
from sparring.agents.models.transformers import TransformersModel
from sparring.agents.players import WritingAgent, make_player
from sparring.rollout.loop import EnvPool, Match
from sparring.scoreboard.matches import rotated_matches, seats_of
from sparring.store.store import Store
from sparring.trainers.advantages import RoleBaselines, group_relative, reinforce
from sparring.trainers.batch import Signal, merge, signals_of
from sparring.trainers.collecting import collect
from sparring.trainers.cursor import cursor_of, require_stored
from sparring.trainers.evaluation import Evaluator, against_uniform, episode_metrics, trained
from sparring.trainers.league import League, frozen_seat
from sparring.trainers.learner import Learner
from sparring.trainers.made_with import made_with
from sparring.trainers.methods.spiral_config import Config, learner_config, require_usable
from sparring.trainers.probing import Probes
from sparring.trainers.run_folder import KEPT, RunError, RunFolder
from sparring.trainers.schedule import Schedule
from sparring.trainers.settings import restore
from sparring.trainers.whole_files import require_finite
from sparring.types import Episode, Sampling, Trajectory, derive_seed

__all__ = ["Config", "Spiral"]

Metrics = dict[str, Any]


def _ignore(metrics: Metrics) -> None:
    """Nobody watches."""


def _never() -> bool:
    return False


@registry.trainers.register(
    "spiral", family="self-play RL", extra="train", config="sparring.trainers.methods.spiral_config:Config"
)
class Spiral:
    """Self-play RL with role-conditioned advantages (SPIRAL)."""

    config_type = Config

    def __init__(self, config: Config, folder: RunFolder) -> None:
        require_usable(config)
        self.config, self.folder, self.schedule = config, folder, Schedule.of(config.steps)
        self.model = TransformersModel(config.model, device=config.device, seed=config.seed)
        if config.decoding == "free" and config.max_new_tokens >= self.model.context:
            raise ValueError(
                f"max_new_tokens must be below the context of {config.model}, {self.model.context} tokens, "
                f"got {config.max_new_tokens}"
            )
        self.learner = Learner(self.model, learner_config(config, self.model))
        self.baselines = RoleBaselines(config.baseline_decay)
        self.league = League(folder.checkpoints / "league", config.league_size)
        self.sampling = Sampling(
            temperature=config.temperature, max_new_tokens=config.max_new_tokens, decoding=config.decoding
        )
        self.player = self._agent(self.model, config.model, trainable=True)
        self.frozen: TransformersModel | None = None
        self.done = 0
        self.evaluator = Evaluator(config.games, self.player)
        self.probes = Probes(config, self.evaluator.games)
        self.pool = EnvPool()

    @classmethod
    def start(cls, config: Config, path: Path) -> Spiral:
        """A new run in a new folder, which is made only when everything that the settings name has been found."""
        folder = RunFolder(path)
        folder.require_free()
        run = cls(config, folder)
        folder.create("spiral", asdict(config), run.schedule.to_json(), made_with(config.device))
        return run

    @classmethod
    def resume(cls, path: Path, steps: int | None = None) -> Spiral:
        """A run as its last checkpoint left it; `steps` may be raised. Nothing is changed if it is refused.

        Raises RunError where the folder is in use, damaged, or has lost what the checkpoint rests on; DamagedStore.
        """
        folder = RunFolder.open(path, "spiral")
        try:
            return cls._restored(folder, steps)
        except BaseException:
            folder.release()
            raise

    @classmethod
    def _restored(cls, folder: RunFolder, steps: int | None) -> Spiral:
        found = folder.read_config()
        started: Config = restore(Config, found["config"], folder.path)
        run = cls(replace(started, steps=_raised(started.steps, steps)), folder)
        run.schedule = Schedule.read(found.get("schedule"), folder.path)
        checkpoint = folder.load_checkpoint(lambda state: run.league.require_whole(state["league"]))
        if checkpoint is not None:
            require_stored(folder.episodes, checkpoint[1]["store"])
            run._load(*checkpoint)
        if run.config.steps > started.steps:
            run.schedule = run.schedule.stretched(run._last_played(), run.config.steps)
        folder.cut_metrics(run.done)
        folder.write_config("spiral", asdict(run.config), run.schedule.to_json(), found.get("made_with"))
        return run

    def _last_played(self) -> int:
        """The last update whose weights have played stored games, or the next one: until there the past is fixed."""
        if not (self.folder.episodes / "store.json").exists():
            return self.done
        with Store(self.folder.episodes) as store:
            update = self.done
            while store.known(self._ids(update + 1)):
                update += 1
        return update

    def _ids(self, update: int) -> Iterator[str]:
        """The ids of all episodes that the weights of an update may have played."""
        yield from (f"update-{update}/{index}" for index in range(self.config.games_per_update))
        for game in self.config.games:
            yield from (f"evaluation-{update}/{game}/{index}" for index in range(self.config.evaluation_games))
        yield from self.probes.ids(update)

    def run(self, on_update: Callable[[Metrics], None] = _ignore, should_stop: Callable[[], bool] = _never) -> bool:
        """Train to the end; True if it got there. Between updates `should_stop` may ask for an end, which saves."""
        self.folder.lock()
        try:
            with Store(self.folder.episodes, "a") as store:
                return self._run(store, on_update, should_stop)
        finally:
            self.folder.release()

    def _run(self, store: Store, on_update: Callable[[Metrics], None], should_stop: Callable[[], bool]) -> bool:
        while self.done < self.config.steps:
            if should_stop():
                self.save(store)
                return False
            self._report(self.update(store), on_update)
            if self.done % self.config.checkpoint_every == 0:
                self.save(store)
        self._report(self.finish(store), on_update)
        self.save(store)
        if self.config.keep_checkpoints is None:
            self.folder.keep_last(1)
            self.league.prune(1)
        return True

    def update(self, store: Store) -> Metrics:
        """Evaluate the current weights, play, learn."""
        started = time.perf_counter()
        metrics: Metrics = {"update": self.done, **self._play_others(store), **self._evaluate()}
        playing = time.perf_counter()
        episodes = collect(self._matches(), store, self.pool)
        metrics |= episode_metrics(episodes, time.perf_counter() - playing)
        magnet = self.schedule.value(self.done, self.config.magnet, self.config.magnet_final)
        rate = self.learner.config.learning_rate
        self.learner.learning_rate = self.schedule.value(self.done, rate, rate * self.config.learning_rate_decay)
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
        metrics: Metrics = {"update": self.done, **self._play_others(store), **self._evaluate()}
        self.folder.write_json("policies.json", self.evaluator.policies())
        return {**metrics, "seconds": time.perf_counter() - started}

    def signals(self, episodes: list[Episode], store: Store) -> Iterator[Signal]:
        """The `rl` stream: every trainable trajectory's advantage, which the store keeps as a column beside it."""
        pairs = list(trained(episodes))
        trajectories = [trajectory for _, trajectory in pairs]
        _require_finite_rewards(trajectories)
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
            frozen = frozen_seat(self._rank(index), seats, config.league_share) if opponent else None
            players = {seat: opponent if opponent and seat == frozen else self.player for seat in seats}
            seed, group = derive_seed(config.seed, name), f"update-{self.done}"
            yield Match(name, game, players, seed, config.env_kwargs(), task=name, group=group)

    def _rank(self, index: int) -> int:
        """How many matches of its game come before an update's index-th, in the whole run."""
        games = len(self.config.games)
        per_update = len(range(index % games, self.config.games_per_update, games))
        return self.done * per_update + index // games

    def _play_others(self, store: Store) -> Metrics:
        """Games of the present weights against named agents, and at both ends against uniform play, seats rotating.

        The player's name says when, so that games of different weights are never counted as those of one agent.
        """
        moment = f"update {self.done}" if self.done else "before"
        player = self._agent(self.model, f"{self.config.model} ({moment})", trainable=False)
        seed, group = derive_seed(self.config.seed, "evaluation"), f"evaluation/{moment}"
        metrics: Metrics = dict(self.probes.play(self.done, player, store, self.pool))
        for game in self.config.games if self.done in (0, self.config.steps) else ():
            players = [player, *(registry.make_agent("random") for _ in seats_of(game)[1:])]
            prefix, count = f"evaluation-{self.done}", self.config.evaluation_games
            matches = rotated_matches(game, players, count, seed, prefix, group, self.config.env_kwargs())
            metrics |= against_uniform(game, player.name, collect(matches, store, self.pool))
        return metrics

    def _evaluate(self) -> Metrics:
        every = self.config.evaluate_every
        if self.done not in (0, self.config.steps) and (every == 0 or self.done % every):
            return {}
        metrics = self.evaluator.evaluate(self.done)
        if self.evaluator.improved:
            self._save_best()
        return metrics

    def _save_best(self) -> None:
        require_finite(self.model.weights())
        self.folder.save_whole("best", self.model.save)

    def _frozen_opponent(self) -> WritingAgent | None:
        """A past checkpoint, in a model of its own; None while the league is empty."""
        name = self.league.draw(self.config.seed, self.done)
        if name is None or self.config.league_share == 0.0:
            return None
        if self.frozen is None:
            self.frozen = TransformersModel(self.config.model, device=self.config.device, seed=self.config.seed)
        if self.frozen.weights_version != name:
            self.frozen.sync(self.league.weights(name), name)
        return self._agent(self.frozen, f"{self.config.model} (league)", trainable=False)

    def _agent(self, model: TransformersModel, name: str, trainable: bool) -> WritingAgent:
        return make_player(model, prompt=self.config.prompt, sampling=self.sampling, name=name, trainable=trainable)

    def save(self, store: Store) -> None:
        """Write a checkpoint of everything that the next update depends on. Raises NotFinite."""
        state = {
            "done": self.done,
            "learner": self.learner.state_dict(),
            "baselines": self.baselines.state_dict(),
            "league": self.league.state_dict(),
            "evaluator": self.evaluator.state_dict(),
            "store": cursor_of(store),
        }
        if not self.evaluator.games:  # no exact figure can say which weights were the best: then the last ones are
            self._save_best()
        keep = self.config.keep_checkpoints or KEPT
        if self.folder.save_checkpoint(self.done, self.model.weights(), state, keep):
            self.league.prune(keep)

    def _load(self, weights: dict[str, Any], state: dict[str, Any]) -> None:
        try:
            self.model.sync(weights, f"update-{state['done']}")
        except (ValueError, RuntimeError) as error:
            raise RunError(
                f"the weights of {self.folder.checkpoints} do not fit the model {self.config.model!r} that "
                f"{self.folder.path / 'config.json'} names; nothing was changed"
            ) from error
        self.done = state["done"]
        self.learner.load_state_dict(state["learner"])
        self.baselines.load_state_dict(state["baselines"])
        self.league.load_state_dict(state["league"])
        self.evaluator.load_state_dict(state["evaluator"])

    def _report(self, metrics: Metrics, on_update: Callable[[Metrics], None]) -> None:
        self.folder.log(metrics)
        on_update(metrics)


def _raised(started: int, steps: int | None) -> int:
    if steps is not None and steps < started:
        raise RunError(f"steps can only be raised: the run was started with {started}, got {steps}")
    return steps or started


def _require_finite_rewards(trajectories: list[Trajectory]) -> None:
    """One reward that is not finite would spoil every advantage of the batch, and the baselines after it."""
    for trajectory in trajectories:
        if not math.isfinite(trajectory.reward):
            raise ValueError(f"trajectory {trajectory.id} has a reward that is not finite: {trajectory.reward}")
