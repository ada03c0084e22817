"""Pre-training, practice and measurements of the STARLING protocol (arXiv 2406.05872), each in a folder of its own.

What the paper does: an agent is pre-trained on generated adventures, and its learning curve on other games is held
against that of the same agent from scratch. Its code is not public. What we do otherwise:
1. Pre-training begins with cross-entropy on the solver's plans of the training games (`imitate`): a small model that
   acts at random earns too little to learn from. `practice_updates` of grpo in these games may follow.
2. The agent is a language model that chooses among the admissible commands, without a memory of the episode.
3. Every game of a target is measured after fixed numbers of episodes; each figure has an interval over games.

A protocol that is stopped or killed goes on where it was: every run from its checkpoint, every episode from the store.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar, cast

from sparring import registry
from sparring.agents import named
from sparring.faults import make_folder, require_writable
from sparring.files import write_whole
from sparring.plurals import number_of
from sparring.protocols import Agent
from sparring.rollout.match import Match
from sparring.scoreboard.matches import seats_of
from sparring.scoreboard.stored_matches import play_missing
from sparring.store.run_files import EPISODES, LOCK, RunError, is_run, metrics_of
from sparring.store.runs import state_of
from sparring.store.store import Store
from sparring.trainers import run_lock
from sparring.trainers.config import RunConfig, load_model, require_device
from sparring.trainers.method import Method
from sparring.trainers.methods.grpo_config import Config as GrpoConfig
from sparring.trainers.methods.imitate import Imitate
from sparring.trainers.methods.imitate_config import Config as ImitateConfig
from sparring.trainers.run import Run
from sparring.trainers.settings import restore
from sparring.trainers.starling.cells import LEARNERS, PLAN, PRE_TRAINED, RANDOM, SCRATCH, Cell
from sparring.trainers.starling.practice import Practice
from sparring.trainers.starling.settings import Settings
from sparring.trainers.starling.targets import Target, available, training_games

FORMAT = 1
PROTOCOL = "protocol.json"
ConfigT = TypeVar("ConfigT", bound=RunConfig)


class Stopped(Exception):
    """Somebody asked for an end; everything until there is kept."""


class Protocol:
    """A protocol in its folder: `protocol.json`, `plans/`, `training/`, `episodes/`."""

    def __init__(self, settings: Settings, folder: Path, note: Callable[[str], None], should_stop: Callable[[], bool]):
        """Raises MissingExtra, ValueError where nothing can be measured here."""
        self.settings, self.folder, self.note, self.should_stop = settings, folder.resolve(), note, should_stop
        self.moved: Callable[[int], object] = lambda to: None
        self._at = 0
        registry.require("pydantic", "adventures")
        self.targets, self.missing = available(settings)
        if not self.targets:
            raise ValueError("; ".join(self.missing))
        self.training_games = training_games(settings)

    @classmethod
    def start(
        cls, settings: Settings, folder: Path, note: Callable[[str], None], should_stop: Callable[[], bool]
    ) -> Protocol:
        """A new one, whose folder is made when everything that the settings name has been found.

        Raises RunError where the folder holds something, or is in use; MissingExtra, ValueError.
        """
        if (folder / PROTOCOL).is_file():
            raise RunError(f"{folder} already exists; continue with --resume, or choose another --run folder")
        if folder.exists() and (not folder.is_dir() or any(item.name != LOCK for item in folder.iterdir())):
            raise RunError(f"{folder} already exists and is no protocol of ours; choose another --run folder")
        require_writable(folder)
        protocol = cls(settings, folder, note, should_stop)
        require_device(settings.device)
        load_model(protocol._practice(protocol.targets[0], settings.model, 0, 1))
        make_folder(folder)
        run_lock.acquire(folder)
        written = {"format": FORMAT, "settings": asdict(settings)}
        write_whole(folder / PROTOCOL, json.dumps(written, indent=1).encode())
        return protocol

    @classmethod
    def resume(cls, folder: Path, note: Callable[[str], None], should_stop: Callable[[], bool]) -> Protocol:
        """The protocol in a folder, with its settings, locked before anything else is looked for.

        Raises RunError where there is none, this version cannot use it, or it is in use.
        """
        settings = read_settings(folder)
        run_lock.acquire(folder)
        try:
            return cls(settings, folder, note, should_stop)
        except BaseException:
            run_lock.release(folder)
            raise

    @property
    def steps(self) -> int:
        """The length of the progress bar: one for every update, and for everything that is measured."""
        settings = self.settings
        curve = settings.curve_updates + len(settings.points)
        pre_training = settings.imitation_updates + settings.practice_updates
        return 1 + settings.seeds * (pre_training + len(self.targets) * (len(LEARNERS) * curve + 1))

    def run(self, moved: Callable[[int], object]) -> list[Cell]:
        """Do all that is not done yet; what was measured. `moved` hears how far it is.

        Raises Stopped, and RunError where another process has the folder.
        """
        run_lock.acquire(self.folder)
        try:
            return self._run(moved)
        finally:
            run_lock.release(self.folder)

    def _run(self, moved: Callable[[int], object]) -> list[Cell]:
        self.moved, self._at = moved, 0
        plans = self._record_plans()
        with Store(self.folder / EPISODES, "a") as store:
            for seed in range(self.settings.seeds):
                pre_trained = self._pre_train(seed, plans)
                for target in self.targets:
                    self._go_on()
                    self._measure(Cell(target, RANDOM, seed), named.make("random"), store)
                    for agent, model in ((PRE_TRAINED, str(pre_trained)), (SCRATCH, self.settings.model)):
                        self._learn_there(target, agent, seed, model, store)
        return list(self.cells())

    def cells(self) -> Iterator[Cell]:
        """Everything that is measured."""
        for target in self.targets:
            for seed in range(self.settings.seeds):
                yield Cell(target, RANDOM, seed)
                for agent in LEARNERS:
                    for point in self.settings.points:
                        yield Cell(target, agent, seed, point * self.settings.batch)

    def plan_cells(self) -> list[Cell]:
        """The solver's plans of the held-out games, which say what skills a game needs."""
        return [Cell(target.unlimited, PLAN, 0) for target in self.targets if target.name == "held-out"]

    def _record_plans(self) -> Path:
        """The solver's plans of the training games, played; those of the held-out ones, which nobody learns from."""
        folder, agent = self.folder / "plans", named.make("walkthrough")
        games = self.training_games
        matches = [
            Match(f"plan/{game}", games.spec, dict.fromkeys(seats_of(games.env_id), agent.name), game)
            for game in range(games.games)
        ]
        self.note(f"playing the solver's plans of {number_of(games.games, 'training game')}")
        with Store(folder, "a") as store:
            play_missing(matches, {agent.name: agent}, store)
        with Store(self.folder / EPISODES, "a") as store:
            for cell in self.plan_cells():
                play_missing(cell.matches(), {cell.name: agent}, store)
        self._move(1)
        return folder

    def _pre_train(self, seed: int, plans: Path) -> Path:
        """The run folder whose weights are pre-trained."""
        settings, where, run = self.settings, self._training(seed), Path()
        if settings.imitation_updates:
            run = where / "imitation"
            self.note(f"seed {seed}: imitation of the plans, {number_of(settings.imitation_updates, 'update')}")
            self._train(Imitate, self._imitation(seed, plans), run)
        if settings.practice_updates:
            model = str(run) if settings.imitation_updates else settings.model
            run = where / "practice"
            self.note(f"seed {seed}: grpo in the training games, {number_of(settings.practice_updates, 'update')}")
            config = self._practice(self.training_games, model, seed, settings.practice_updates)
            self._train(Practice, config, run)
        return run

    def _learn_there(self, target: Target, agent: str, seed: int, model: str, store: Store) -> None:
        """A learning curve: grpo in the games of a target, measured before, now and then, and after."""
        self.note(
            f"seed {seed}: {target.name}, {agent}: {number_of(self.settings.curve_updates, 'update')} of grpo there"
        )
        config = self._practice(target, model, seed, self.settings.curve_updates)

        def measure(run: Run[Any]) -> None:
            if run.done in self.settings.points:
                cell = Cell(target, agent, seed, run.done * self.settings.batch)
                self._measure(cell, run.agent(run.model, cell.name, trainable=False), store)

        folder = self._training(seed) / target.name / agent.replace(" ", "-")
        self._train(Practice, config, folder, measure, len(self.settings.points))

    def _train(
        self,
        method: type[Method[ConfigT]],
        config: ConfigT,
        folder: Path,
        measure: Callable[[Run[Any]], None] = lambda run: None,
        points: int = 0,
    ) -> None:
        """A run to its end, `measure` before the first update and after each. Raises Stopped."""
        end = self._at + config.steps + points
        if not is_run(folder) or state_of(folder, metrics_of(folder), config.steps) != "finished":
            self._go_on()
            run = Run.resume(method, folder) if is_run(folder) else Run.start(method, config, folder)
            self._move(run.done)
            measured = run.done
            measure(run)

            def after_update(_: object) -> None:
                nonlocal measured
                if run.done > measured:  # the last line of a run comes after its last update
                    measured = run.done
                    self._move(1)
                    measure(run)

            if not run.run(after_update, self.should_stop):
                raise Stopped
        self._move(end - self._at)

    def _measure(self, cell: Cell, agent: Agent, store: Store) -> None:
        play_missing(cell.matches(), {cell.name: agent}, store)
        self._move(1)

    def _go_on(self) -> None:
        """Between two runs; a run asks for itself, and saves before it stops. Raises Stopped."""
        if self.should_stop():
            raise Stopped

    def _move(self, by: int) -> None:
        self._at += by
        self.moved(self._at)

    def _training(self, seed: int) -> Path:
        return self.folder / "training" / f"seed-{seed}"

    def _imitation(self, seed: int, plans: Path) -> ImitateConfig:
        settings = self.settings
        return ImitateConfig(
            **self._common(self.training_games, settings.model, seed, settings.imitation_updates),
            source=str(plans),
            games_per_update=settings.imitation_batch,
            learning_rate=settings.imitation_rate,
            momentum=0.9,
            max_grad_norm=1.0,
            schedule="cosine",
        )

    def _practice(self, target: Target, model: str, seed: int, steps: int) -> GrpoConfig:
        settings = self.settings
        return GrpoConfig(
            **self._common(target, model, seed, steps),
            tasks=target.games,
            games_per_update=settings.batch,
            group_size=settings.group_size,
            learning_rate=settings.rate,
            schedule="constant",
            credit="turn",
            discount=0.95,
        )

    def _common(self, target: Target, model: str, seed: int, steps: int) -> dict[str, Any]:
        """What all runs share: nothing is measured inside them, the protocol does it."""
        return {
            "model": model,
            "games": (registry.envs.row(target.spec).name,),
            "steps": steps,
            "seed": seed,
            "lora_rank": self.settings.lora_rank,
            "device": self.settings.device,
            "evaluation_games": 0,
            "probe_every": 0,
            "evaluate_every": 0,
            "checkpoint_every": 10,
            "keep_checkpoints": 1,
        }


def read_settings(folder: Path) -> Settings:
    """What a protocol was started with. Raises RunError where there is none, or this version cannot use it."""
    file = folder / PROTOCOL
    try:
        written = json.loads(file.read_bytes())
    except FileNotFoundError as error:
        raise RunError(f"{folder} holds no {PROTOCOL}: leave out --resume to start one there") from error
    except (ValueError, OSError) as error:
        raise RunError(f"{file} is damaged: {error}") from error
    if not isinstance(written, dict) or written.get("format") != FORMAT:
        raise RunError(f"{file} is not of format {FORMAT}")
    return restore(Settings, cast("object", written.get("settings")), folder)
