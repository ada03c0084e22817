"""One run of a training method: folder, loop, schedules, evaluation, checkpoints, resume, metrics, interruption.

    evaluate ─► play the method's matches ─► its signals ─► learner ─► checkpoint ─► again

The method (`method.py`) says who plays whom and what is learnt from it; everything else is the same for all methods.
A run that is killed at any moment and resumed is the run that would have been, bit for bit on a CPU.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Generic, cast

from sparring.agents.choices import options_of
from sparring.agents.models.loading import with_engine
from sparring.agents.models.trainable import LocalModel, TrainableModel
from sparring.agents.players import WritingAgent, make_player
from sparring.agents.talking.agent import TalkingAgent, talking_player
from sparring.protocols import LanguageModel
from sparring.rollout.pool import EnvPool, Pool
from sparring.store.run_files import POLICIES
from sparring.store.store import Store
from sparring.trainers import saving
from sparring.trainers.ahead import Ahead
from sparring.trainers.alarms import Alarms
from sparring.trainers.batch import Batch, Signal, Stream, merge, one_temperature, signals_of
from sparring.trainers.collecting import require_finite_rewards
from sparring.trainers.config import load_model, require_training_tasks, require_usable, require_used
from sparring.trainers.cursor import require_stored
from sparring.trainers.evaluation import Metrics, episode_metrics, tokens_generated
from sparring.trainers.leading import learner_of
from sparring.trainers.learner import NothingLearnt
from sparring.trainers.made_with import made_with, require_base
from sparring.trainers.measuring import Measurements, peak_memory, require_measured
from sparring.trainers.method import ConfigT, Method
from sparring.trainers.progress import Hear
from sparring.trainers.reference import add_reference, reference_columns
from sparring.trainers.run_folder import Facts, RunError, RunFolder
from sparring.trainers.schedule import Schedule
from sparring.trainers.settings import restore
from sparring.trainers.too_long import that_fit
from sparring.trainers.tracking import Trackers
from sparring.types import Episode, Sampling, Trajectory

logger = logging.getLogger(__name__)


def _ignore(row: Facts) -> None:
    """Nobody watches."""


def _never() -> bool:
    return False


class Run(Generic[ConfigT]):
    """One run, new (`start`) or taken up again (`resume`)."""

    def __init__(self, method: type[Method[ConfigT]], config: ConfigT, folder: RunFolder) -> None:
        require_usable(config)
        if not method.learns_held_out:
            require_training_tasks(config)
        method.require_usable(config)
        require_measured(config)
        self.config, self.folder, self.schedule = config, folder, Schedule.of(config.steps)
        self.model = with_engine(self.load_model(), config.engine)
        if config.decoding == "free" and config.max_new_tokens >= self.model.context:
            raise ValueError(
                f"max_new_tokens must be below the context of {config.model}, {self.model.context} tokens, "
                f"got {config.max_new_tokens}"
            )
        self.learner = learner_of(config, self.model)
        self.player = self.agent(self.model, config.model, trainable=True)
        self._reference: TrainableModel | None = None
        self._measured: Metrics = {}
        self._spelt = lru_cache(maxsize=4096)(partial(options_of, self.model))
        self.pool: Pool = EnvPool()
        self.alarms = Alarms()
        self.trackers = Trackers(config.track, folder.path, asdict(config))
        self.hear: Hear | None = None
        """Is told how far an update is."""
        self.done = 0
        """Updates."""
        self.generated = 0
        """Tokens that the model generated in them."""
        self.measurements = Measurements(self)
        self.store: Store
        """From the first update on."""
        self.method = method(self)
        self.ahead = Ahead(self)

    @classmethod
    def start(cls, method: type[Method[ConfigT]], config: ConfigT, path: Path) -> Run[ConfigT]:
        """A new run in a new folder, which is made only when everything that the settings name has been found."""
        folder = RunFolder(path)
        folder.require_free()
        require_used(config)
        run = cls(method, config, folder)
        folder.create(method.name, asdict(config), run.schedule.to_json(), made_with(config.device, run.model))
        return run

    @classmethod
    def resume(cls, method: type[Method[ConfigT]], path: Path, steps: int | None = None) -> Run[ConfigT]:
        """A run as its last checkpoint left it; `steps` may be raised. Nothing is changed if it is refused.

        Raises RunError where the folder is in use, damaged, or has lost what the checkpoint rests on; DamagedStore.
        """
        folder = RunFolder.open(path, method.name)
        try:
            return cls._restored(method, folder, steps)
        except BaseException:
            folder.release()
            raise

    @classmethod
    def _restored(cls, method: type[Method[ConfigT]], folder: RunFolder, steps: int | None) -> Run[ConfigT]:
        found = folder.read_config()
        started = cast("ConfigT", restore(method.config_type, found["config"], folder.path))
        run = cls(method, replace(started, steps=_raised(started.steps, steps)), folder)
        run.schedule = Schedule.read(found.get("schedule"), folder.path)
        require_base(run.model, found.get("made_with"), folder.path)
        checkpoint = folder.checkpoints.load(lambda state: run.method.require_whole(state["method"]))
        if checkpoint is not None:
            require_stored(folder.episodes, checkpoint[1]["store"])
            saving.load(run, *checkpoint)
        if run.config.steps > started.steps:
            run.schedule = run.schedule.stretched(saving.last_played(run), run.config.steps)
        folder.cut_metrics(run.done)
        folder.write_config(method.name, asdict(run.config), run.schedule.to_json(), found.get("made_with"))
        return run

    def run(
        self,
        on_update: Callable[[Facts], None] = _ignore,
        should_stop: Callable[[], bool] = _never,
        hear: Hear | None = None,
        pool: Pool | None = None,
    ) -> bool:
        """Train to the end; True if it got there. Between updates `should_stop` may ask for an end, which saves.

        `on_update` is given each line of the metrics, `hear` is told how far each update is. `pool`: where games are
        played, if not in this process.
        """
        self.folder.lock()
        self.hear, self.pool = hear, pool or self.pool
        try:
            self.trackers.start(self.done)
            with Store(self.folder.episodes, "a") as store:
                return self._run(store, on_update, should_stop)
        finally:
            self.trackers.close()
            self.folder.release()

    def _run(self, store: Store, on_update: Callable[[Facts], None], should_stop: Callable[[], bool]) -> bool:
        while self.done < self.config.steps:
            if should_stop():
                saving.save(self, store)
                return False
            part = self.method.part(self.done)
            self._report(self.update(store), on_update, part)
            if self.budget_is_spent and self.method.may_end(self.done):
                self._end_here()
            if self.done % self.config.checkpoint_every == 0:
                saving.save(self, store)
        self._report(self.finish(store), on_update)
        saving.save(self, store)
        if self.config.keep_checkpoints is None:
            self.folder.checkpoints.keep_last(1)
            self.method.after_checkpoint(1)
        return True

    @property
    def budget_is_spent(self) -> bool:
        """Whether the model has generated as many tokens as --token-budget allows."""
        return 0 < self.config.token_budget <= self.generated

    def _end_here(self) -> None:
        """Make this update the last one, as if the settings had said so."""
        self.config = self.measurements.probes.config = replace(self.config, steps=self.done)
        settings, made = asdict(self.config), self.folder.read_config().get("made_with")
        self.folder.write_config(self.method.name, settings, self.schedule.to_json(), made)

    def update(self, store: Store) -> Metrics:
        """Evaluate the current weights, play, learn."""
        self.store, started = store, time.perf_counter()
        metrics: Metrics = {"update": self.done, **self.measurements.measure(store)}
        playing = time.perf_counter()
        episodes, staleness = self.ahead.episodes()
        self.generated += tokens_generated(episodes)
        if episodes:
            metrics |= episode_metrics(episodes, time.perf_counter() - playing)
            metrics["tokens_so_far"] = self.generated
        if self.method.staleness:
            metrics["staleness"] = staleness
        if self.method.learns(self.done):
            metrics |= self.learn(episodes)
        self.done += 1
        self.method.after_update()
        return {**metrics, "memory_gb": peak_memory(), "seconds": time.perf_counter() - started}

    def learn(self, episodes: Sequence[Episode]) -> Metrics:
        """One step of the learner on the method's signals. Raises ValueError for a reward that is not finite."""
        require_finite_rewards(episodes)
        weights, rate = self.method.loss_weights(self.done), self.learner.config.learning_rate
        last, shape, warmup = rate * self.config.learning_rate_decay, self.config.schedule, self.config.warmup
        self.learner.learning_rate = self.schedule.value(self.done, rate, last, shape, warmup)
        self._measured = {}
        signals, too_long = that_fit(self.method.signals(episodes), self.model.context)
        self.measure("too_long", too_long)
        batch = merge(signals, dict(zip(self.config.games, self.config.game_weights, strict=False)))
        if self._needs_reference(batch, weights.get("reference_kl", self.config.reference_kl)):
            self._add_reference(batch)
        try:
            measured = self.learner.step(batch, **weights, hear=self.hear)
        except NothingLearnt:
            self.folder.write_json("offending-batch.json", [asdict(entry) for entry in batch.merged])
            raise
        return {**self._measured, **measured, **weights, "learning_rate": self.learner.learning_rate}

    def _needs_reference(self, batch: Batch, reference_kl: float) -> bool:
        """Whether somebody asks what the reference says; pairs do."""
        some = reference_kl > 0 and any(one.signal.referenced for one in batch.merged)
        return some or any(one.signal.pair and not one.signal.reference_logprobs for one in batch.merged)

    def _add_reference(self, batch: Batch) -> None:
        if self._reference is None:
            self._reference = self.method.load_reference()
        add_reference(batch, self._reference, one_temperature(batch), self.learner.pack_nodes)
        self.store.put_columns(f"{self.method.name}/reference", "logprob", reference_columns(batch), as_stored=True)

    def restart(self) -> None:
        """Make the weights those of the start again, and forget the optimizer's state."""
        start = self.load_model()
        self.model.sync(start.weights(), start.weights_version)
        self.model.weights_fingerprint = start.weights_fingerprint
        self.learner.forget()

    def signals_of(
        self, trajectory: Trajectory, game: str, advantage: Stream = 0.0, imitation: Stream = 0.0
    ) -> list[Signal]:
        """What a trajectory of an environment teaches: `batch.signals_of`, with what this run knows."""
        return signals_of(trajectory, advantage, imitation, game=game, spellings=self.spell)

    def measure(self, name: str, value: float) -> None:
        """Put a figure of the method into the metrics of this update."""
        self._measured[name] = value

    def keep(self, estimator: str, name: str, values: Mapping[str, float]) -> None:
        """Keep a number a trajectory, by its id, as a column beside the episodes: what a method made of them."""
        self.store.put_columns(f"{self.method.name}/{estimator}", name, values)

    def finish(self, store: Store) -> Metrics:
        """Evaluate the final weights."""
        started = time.perf_counter()
        metrics: Metrics = {"update": self.done, **self.measurements.measure(store)}
        self.folder.write_json(POLICIES, self.measurements.evaluator.policies())
        return {**metrics, "seconds": time.perf_counter() - started}

    def spell(self, actions: tuple[str, ...]) -> list[tuple[int, ...]]:
        """The tokens of each of some legal actions, as the model spells them."""
        return [option.token_ids for option in self._spelt(actions)]

    def load_model(self) -> LocalModel:
        """The model that the settings name, as it was at the start of the run."""
        return load_model(self.config)

    def agent(
        self, model: LanguageModel, name: str, trainable: bool, temperature: float | None = None
    ) -> WritingAgent | TalkingAgent:
        """A model as a player of this run: its kind, its prompt, its sampling, at another temperature if given."""
        config = self.config
        sampling = Sampling(
            temperature or config.temperature, max_new_tokens=config.max_new_tokens, decoding=config.decoding
        )
        if config.agent != "choose":
            return talking_player(model, kind=config.agent, sampling=sampling, name=name, trainable=trainable)
        return make_player(model, prompt=config.prompt, sampling=sampling, name=name, trainable=trainable)

    def _report(self, metrics: Metrics, on_update: Callable[[Facts], None], part: str = "") -> None:
        row: Facts = {**metrics, "part": part} if part else metrics
        self.folder.log(row)
        self.trackers.log(metrics)
        on_update(row)
        for line in self.alarms.feed(metrics, part):
            logger.warning("update %d: %s", metrics["update"], line)


def _raised(started: int, steps: int | None) -> int:
    if steps is not None and steps < started:
        raise RunError(f"steps can only be raised: the run was started with {started}, got {steps}")
    return steps or started
