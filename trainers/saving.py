"""What a checkpoint holds of a run, and what a run that is resumed takes from it and from its store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from sparring.store.run_files import CONFIG
from sparring.store.store import Store
from sparring.trainers.checkpoints import KEPT
from sparring.trainers.cursor import cursor_of
from sparring.trainers.run_folder import RunError
from sparring.trainers.state import State

if TYPE_CHECKING:
    from sparring.trainers.run import Run


def save(run: Run[Any], store: Store) -> None:
    """Write a checkpoint of everything that the next update depends on. Raises NotFinite."""
    run.ahead.finish()
    state = {
        "done": run.done,
        "generated": run.generated,
        "weights": (run.model.weights_version, run.model.weights_fingerprint),
        "learner": run.learner.state_dict(),
        "method": run.method.state_dict(),
        "ahead": run.ahead.state_dict(),
        "evaluator": run.measurements.evaluator.state_dict(),
        "best": run.measurements.best,
        "store": cursor_of(store),
    }
    if not run.measurements.knows_the_best:
        run.measurements.save_best()
    keep = run.config.keep_checkpoints or KEPT
    if run.folder.checkpoints.save(run.done, run.model.weights(), state, keep):
        run.method.after_checkpoint(keep)


def load(run: Run[Any], weights: dict[str, torch.Tensor], state: State) -> None:
    """Make a run what it was when `save` was called. Raises RunError for weights of another model."""
    try:
        run.model.sync(weights, f"update-{state['done']}")
    except (ValueError, RuntimeError) as error:
        raise RunError(
            f"the weights of {run.folder.checkpoints.path} do not fit the model {run.config.model!r} that "
            f"{run.folder.path / CONFIG} names; nothing was changed"
        ) from error
    run.done, run.generated = state["done"], state["generated"]
    run.learner.load_state_dict(state["learner"])
    run.model.weights_version, run.model.weights_fingerprint = state["weights"]  # episodes record it
    run.method.load_state_dict(state["method"])
    if "ahead" in state:  # checkpoints of earlier versions have none
        run.ahead.load_state_dict(state["ahead"])
    run.measurements.evaluator.load_state_dict(state["evaluator"])
    run.measurements.best = state["best"]


def last_played(run: Run[Any]) -> int:
    """The last update whose weights have played stored games, or the next one: until there the past is fixed."""
    if not (run.folder.episodes / "store.json").exists():
        return run.done
    with Store(run.folder.episodes) as store:
        update = run.done
        while store.known(_ids(run, update + 1)):
            update += 1
    return update


def _ids(run: Run[Any], update: int) -> Iterator[str]:
    """The ids of all episodes that the weights of an update may have played."""
    yield from run.method.ids(update)
    for game in run.config.games:
        yield from (f"evaluation-{update}/{game}/{index}" for index in range(run.config.evaluation_games))
    yield from run.measurements.probes.ids(update)
