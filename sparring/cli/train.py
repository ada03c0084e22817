"""`sparring train METHOD`: a run of a training method, from its settings to the folder that it leaves."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from sparring import registry
from sparring.cli import arguments, outline, parsing, ray_option, terminal, training_view
from sparring.cli.interrupts import handling, stop_after_update
from sparring.cli.lists import lists_of, split_lists
from sparring.cli.runs import what_is_kept
from sparring.faults import in_words
from sparring.plurals import number_of
from sparring.start import EXIT_INTERRUPTED, EXIT_USAGE, loading
from sparring.store.rows import DamagedStore
from sparring.store.run_files import metrics_of
from sparring.trainers import processes

if TYPE_CHECKING:
    from sparring.trainers.run import Run

Flag = tyro.conf.FlagCreatePairsOff[bool]
EXAMPLES = """Examples:{1}
  {0} --run runs/first --resume --steps 200"""


def train(argv: tyro.conf.Positional[list[str]]) -> int:
    """Train by a method: `sparring train spiral --model smollm2 --games KuhnPoker --steps 60 --run runs/kuhn`."""
    if not argv or argv[0] in ("-h", "--help", "--json"):
        _show_methods(outline.outline(registry.trainers), argv == ["--json"])
        return 0 if argv else EXIT_USAGE
    row = outline.find_row(registry.trainers, argv[0])
    if processes.count() > 1:
        return _train_together(argv, row)
    return outline.runner_of(row, _train_by_updates)(argv, outline.config_of(row))


def _train_together(argv: list[str], row: registry.MethodRow) -> int:
    """Train in the processes that torchrun started: the first one does what this command does, the others learn."""
    if row.runner:
        raise ValueError(f"{row.name} trains in one process: start it without torchrun")
    with processes.joined() as rank:
        if not rank:
            return _train_by_updates(argv, outline.config_of(row))
        with handling(_leave_to_the_leader):
            return _follow()


def _follow() -> int:
    """Learn as the first process says."""
    from sparring.trainers.leading import follow

    try:
        follow()
    except RuntimeError as error:
        terminal.complain(f"stopped: {in_words(error)}")
        return EXIT_USAGE
    return 0


def _leave_to_the_leader(number: int, frame: object) -> None:
    """The leader saves what is worth keeping, and its end is the end of all."""


def _train_by_updates(argv: list[str], config_type: type[Any]) -> int:
    """Train by a method of `Run`."""

    def start(
        config: tyro.conf.OmitArgPrefixes[Any],
        run: Path,
        resume: Flag = False,
        plan: Flag = False,
        ray: ray_option.Address = None,
        json: Flag = False,
    ) -> int:
        """Train, and record everything in a run folder: games, figures, checkpoints.

        Args:
            config: Settings; each may be left out.
            run: The run folder, e.g. runs/first; a new one, unless --resume.
            resume: Go on with the run in that folder and its settings; only --steps may be raised.
            plan: Say what the run would need, memory and disk, and start nothing.
            ray: Play on the workers of a Ray cluster: HOST:PORT of its head, auto (the one on this machine), or local,
                which starts one and is meant by --ray alone.
            json: Print one JSON line per update instead of a progress bar.
        """
        config = replace(config, games=tuple(arguments.env_with_options(game) for game in config.games))
        ray_option.require_usable(ray)
        if plan:
            return _show_plan(config, json)
        steps = config.steps if any(word.partition("=")[0] == "--steps" for word in argv) else None
        if resume:
            arguments.require_resumable(argv[0], config, run, steps, argv)
        with loading():
            method: Any = registry.trainers.row(argv[0]).build
            from sparring.trainers import run as runs
        training = runs.Run.resume(method, run, steps=steps) if resume else runs.Run.start(method, config, run)
        again = f"go on with: sparring train {argv[0]} --run {shlex.quote(str(run))} --resume"
        again += f" --steps {steps}" if steps else ""
        again += f" --ray {ray}" if ray else ""
        return _to_its_end(training, run, ray, json, again)

    start.__annotations__["config"] = Annotated[config_type, tyro.conf.OmitArgPrefixes]
    prog = f"sparring train {argv[0]}"
    examples = "".join(f"\n  {prog} {words}" for words in getattr(config_type, "EXAMPLES", ()))
    lists = lists_of(config_type)
    return parsing.run(start, prog, split_lists(argv[1:], lists), EXAMPLES.format(prog, examples), lists)


def _to_its_end(training: Run[Any], run: Path, ray: str | None, json: bool, again: str) -> int:
    """Train, show how it goes, and say what is left: the folder, or how the run goes on."""
    try:
        with (
            ray_option.workers(ray) as pool,
            stop_after_update() as stop,
            training_view.training(training.config.steps, metrics_of(run), json) as watch,
        ):
            finished = training.run(watch, stop, watch.hear, pool)
    except KeyboardInterrupt:
        terminal.complain(f"interrupted; {again}")
        return EXIT_INTERRUPTED
    except _disk_or_device_errors() as error:
        terminal.complain(f"stopped: {in_words(error, run)}; {again}")
        return EXIT_USAGE
    if not finished:
        terminal.complain(f"stopped and saved; {again}")
        return EXIT_INTERRUPTED
    if training.budget_is_spent:
        budget = training.config.token_budget
        spent = f"{number_of(training.generated, 'token')} of --token-budget {budget:g}"
        terminal.say(f"the token budget is spent: {spent}", quiet=json)
    terminal.say(
        f"done: {run}\nkept: {what_is_kept(run)}\nNext: sparring report {shlex.quote(str(run))} -o report.html",
        quiet=json,
    )
    return 0


def _show_plan(config: Any, json: bool) -> int:
    """What a run would need."""
    with loading():
        from sparring.trainers.plan import lines_of, plan_of
    found = plan_of(config)
    if json:
        terminal.dump(asdict(found))
    else:
        terminal.say("\n".join(lines_of(found, config)))
    return 0


def _show_methods(rows: Sequence[registry.MethodRow], json: bool) -> None:
    """The training methods."""
    if json:
        terminal.dump(
            [{field: getattr(row, field) for field in ("name", "family", "summary", "extra")} for row in rows]
        )
        return
    lines = [(row.name, row.family, row.summary) for row in rows]
    terminal.show_table(("method", "family", "what it is"), lines, names=(), prose=2)
    terminal.say("\n".join(f"its settings: sparring train {row.name} --help" for row in rows))


def _disk_or_device_errors() -> tuple[type[Exception], ...]:
    """What training raises where the disk or the device is full, or most episodes fail."""
    return (OSError, RuntimeError, DamagedStore, registry.require("safetensors", "train").SafetensorError)
