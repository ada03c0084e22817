"""A comparison of methods in its folder: a run for each method and seed, and everybody on the same held-out tasks.

What is stopped or killed goes on where it was: every run from its checkpoint, every episode from the store.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, cast

from sparring import registry
from sparring.faults import make_folder, require_writable
from sparring.files import write_whole
from sparring.rollout.match import Match
from sparring.scoreboard.matches import seats_of
from sparring.scoreboard.methods import Arm as Measured
from sparring.scoreboard.methods import Comparison as Results
from sparring.scoreboard.methods import Play, compare, write_results
from sparring.scoreboard.stored_matches import play_missing
from sparring.specs import options_of
from sparring.store.run_files import EPISODES, LOCK, RunError, is_run, metrics_of
from sparring.store.runs import state_of
from sparring.store.store import Store
from sparring.trainers import run_lock
from sparring.trainers.comparing.arms import BASE, SELF_TRAINING, arm_of
from sparring.trainers.comparing.settings import Settings
from sparring.trainers.config import require_device
from sparring.trainers.evolving.rows import has_succeeded
from sparring.trainers.method import Method
from sparring.trainers.run import Run
from sparring.trainers.run_folder import RunFolder
from sparring.trainers.settings import restore
from sparring.types import derive_seed

FORMAT = 1
FILE = "comparison.json"
ENDLESS = 1_000_000
"""Updates: the budget ends a run."""
Hear = Callable[[str, float], None]
"""Is told what is done, and what share of it."""


class Stopped(Exception):
    """Somebody asked for an end; everything until there is kept."""


class Comparison:
    """`comparison.json`, `METHOD/seed-N/` (runs), `episodes/` (everybody on the held-out tasks), `methods.json`."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        """Raises MissingExtra, UnknownName, and ValueError where the environment cannot be compared on."""
        self.settings, self.folder = settings, folder.resolve()
        self.env_id = registry.envs.row(settings.env).name
        if len(seats_of(self.env_id)) > 1:
            raise ValueError(f"env must have one seat, {self.env_id} has {len(seats_of(self.env_id))}")
        require_device(settings.device)
        self.arms = [BASE, *(name for name in dict.fromkeys(settings.methods) if name != BASE)]
        for arm in self.arms[1:]:
            self._require_usable(arm)

    def _require_usable(self, arm: str) -> None:
        """Raises ValueError for a method that cannot learn in the environment, before any other one has learnt."""
        row = registry.trainers.row(arm_of(arm).method)
        try:
            cast("type[Method[Any]]", row.build).require_usable(self.config(arm, 0))
        except ValueError as error:
            others = ",".join(one for one in self.arms[1:] if one != arm) or SELF_TRAINING
            raise ValueError(f"{arm} cannot be compared here; leave it out: --methods {others} ({error})") from error

    @classmethod
    def start(cls, settings: Settings, folder: Path) -> Comparison:
        """A new one. Raises RunError where the folder holds something; ValueError, UnknownName, MissingExtra."""
        if (folder / FILE).is_file():
            raise RunError(f"{folder} already exists; continue with --resume, or choose another --run folder")
        if folder.exists() and (not folder.is_dir() or any(item.name != LOCK for item in folder.iterdir())):
            raise RunError(f"{folder} already exists and is no comparison of ours; choose another --run folder")
        require_writable(folder)
        comparison = cls(settings, folder)
        make_folder(folder)
        write_whole(folder / FILE, json.dumps({"format": FORMAT, "settings": asdict(settings)}, indent=1).encode())
        return comparison

    @classmethod
    def resume(cls, folder: Path) -> Comparison:
        """The comparison in a folder, with its settings. Raises RunError where there is none."""
        return cls(read_settings(folder), folder)

    def run(self, hear: Hear, should_stop: Callable[[], bool]) -> Results:
        """Train and measure all that is not done yet. Raises Stopped, and RunError where the folder is in use."""
        run_lock.acquire(self.folder)
        try:
            with Store(self.folder / EPISODES, "a") as store:
                for seed in range(self.settings.seeds):
                    for arm in self.arms:
                        self._do(arm, seed, store, hear, should_stop)
                results = self._results(store)
            write_results(results, self.folder)
            return results
        finally:
            run_lock.release(self.folder)

    def _do(self, arm: str, seed: int, store: Store, hear: Hear, should_stop: Callable[[], bool]) -> None:
        where = f"seed {seed}: {arm}"
        run = self._trained(arm, seed, lambda share: hear(where, share), should_stop)
        player = run.agent(run.model, arm, trainable=False)
        play_missing(self.matches(arm, seed), {arm: player}, store)
        hear(where, 1.0)

    def _trained(self, arm: str, seed: int, hear: Callable[[float], None], should_stop: Callable[[], bool]) -> Run[Any]:
        """The run of a method, at its end; for `base` one that never starts."""
        if should_stop():
            raise Stopped
        name, config, folder = arm_of(arm).method or "agent-evol", self.config(arm, seed), self.run_folder(arm, seed)
        method = cast("type[Method[Any]]", registry.trainers.row(name).build)
        if arm == BASE:
            return Run(method, config, RunFolder(folder))
        run = Run.resume(method, folder) if is_run(folder) else Run.start(method, config, folder)
        if state_of(folder, metrics_of(folder), run.config.steps) != "finished":
            budget = self.settings.budget
            if not run.run(lambda metrics: hear(min(1.0, run.generated / budget)), should_stop):
                raise Stopped
        run.folder.release()
        return run

    def config(self, arm: str, seed: int) -> Any:
        """The settings of a method's run: nothing is measured inside it, the comparison does it."""
        settings, one = self.settings, arm_of(arm)
        row = registry.trainers.row(one.method or "agent-evol")
        config_type = cast("type[Method[Any]]", row.build).config_type
        known = {field.name for field in fields(config_type)}
        shared: dict[str, Any] = {
            name: getattr(settings, name)
            for name in (
                *("model", "games_per_update", "attempts", "fit_updates", "fit_batch", "learning_rate", "solved"),
                *("agent", "decoding", "max_new_tokens", "lora_rank", "device"),
            )
        }
        shared |= {
            "games": (self.env_id,),
            "group_size": settings.attempts,
            "steps": ENDLESS,
            "token_budget": settings.budget,
            "seed": derive_seed("comparison", seed) >> 1,
            "schedule": "constant",
            "evaluation_games": 0,
            "probe_every": 0,
            "evaluate_every": 0,
            "checkpoint_every": 10,
            "keep_checkpoints": 1,
        }
        return config_type(**{name: value for name, value in (shared | dict(one.settings)).items() if name in known})

    def run_folder(self, arm: str, seed: int) -> Path:
        """Of a method and a seed."""
        return self.folder / arm / f"seed-{seed}"

    def matches(self, arm: str, seed: int) -> list[Match]:
        """The held-out tasks, the same ones for everybody; another attempt at each in every repetition."""
        seats = seats_of(self.env_id)
        has_split = "split" in dict(options_of(registry.envs.row(self.env_id).build))
        kwargs: dict[str, object] = {"split": "held_out"} if has_split else {}
        return [
            Match(
                f"{arm}/seed-{seed}/task-{task}",
                self.env_id,
                dict.fromkeys(seats, arm),
                derive_seed("held out", task),
                kwargs,
                sample=seed,
                task=f"held-out-{task}",
                group=f"seed-{seed}",
            )
            for task in range(self.settings.held_out)
        ]

    def _results(self, store: Store) -> Results:
        measured = [self._measured(arm, store) for arm in self.arms]
        claims = {arm: (arm_of(arm).against, arm_of(arm).claim) for arm in self.arms if arm_of(arm).claim}
        return compare(measured, claims, asdict(self.settings), list(self._notes(store)))

    def _measured(self, arm: str, store: Store) -> Measured:
        plays, spent = [], []
        for seed in range(self.settings.seeds):
            episodes = store.get_many(match.id for match in self.matches(arm, seed)).values()
            for task, episode in enumerate(episodes):
                (trajectory,) = episode.trajectories.values()
                if episode.sound:
                    tokens = sum(
                        len(s.token_ids) for turn in trajectory.turns for s in turn.segments if s.kind == "generated"
                    )
                    won = has_succeeded(trajectory, self.settings.solved)
                    plays.append(Play(seed, task, trajectory.reward, won, tokens))
            spent.append(self._spent(arm, seed))
        return Measured(arm, plays, spent)

    def _spent(self, arm: str, seed: int) -> int:
        """Tokens that a run generated."""
        told = [int(row["tokens_so_far"]) for row in metrics_of(self.run_folder(arm, seed)) if "tokens_so_far" in row]
        return told[-1] if told else 0

    def _notes(self, store: Store) -> Iterator[str]:
        rows = list(store.rows())
        lost = sum(not row.sound for row in rows)
        if lost:
            yield f"{lost} of {len(rows)} episodes on held-out tasks broke off and are left out"
        for arm in self.arms[1:]:
            runs = [metrics_of(self.run_folder(arm, seed)) for seed in range(self.settings.seeds)]
            empty = sum(not any(row.get("samples") for row in rows) for rows in runs)
            if empty:
                yield f"{arm} found nothing to learn from in {empty} of {len(runs)} seeds: there it is the base"


def read_settings(folder: Path) -> Settings:
    """What a comparison was started with. Raises RunError where there is none, or this version cannot use it."""
    file = folder / FILE
    try:
        written = json.loads(file.read_bytes())
    except FileNotFoundError as error:
        raise RunError(f"{folder} holds no {FILE}: leave out --resume to start one there") from error
    except (ValueError, OSError) as error:
        raise RunError(f"{file} is damaged: {error}") from error
    if not isinstance(written, dict) or written.get("format") != FORMAT:
        raise RunError(f"{file} is not of format {FORMAT}")
    return restore(Settings, cast("object", written.get("settings")), folder)
