"""A method of a few lines is a whole run: who plays whom, what is learnt, resumed to the bit."""

import gc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sparring.agents.scripted import ConstantAgent
from sparring.protocols import Agent
from sparring.rollout.match import Match
from sparring.store.store import Store
from sparring.trainers.batch import Signal, signals_of
from sparring.trainers.config import RunConfig
from sparring.trainers.data.guards import trained
from sparring.trainers.method import Method
from sparring.trainers.run import Run
from sparring.trainers.run_folder import RunError
from sparring.types import Episode

torch.set_num_threads(1)
KUHN = "sparring/KuhnPoker-v0"
Finished = tuple[Path, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Config(RunConfig):
    """Of the toy method."""

    patience: int = 2
    """Updates after which the habit of the opponent changes."""


class Imitation(Method[Config]):
    """Imitates what earned most against an opponent with a habit that changes: 25 lines of a method."""

    name, config_type = "imitation", Config

    def __init__(self, run: Run[Config]) -> None:
        super().__init__(run)
        self.habit = 0

    def matches(self, update: int) -> Iterator[Match]:
        for index in range(self.config.games_per_update):
            yield self.match(update, index, {f"player_{index % 2}": "habit" if index % 4 < 2 else "random"})

    def agents(self, update: int) -> Mapping[str, Agent]:
        return {"habit": ConstantAgent(("check/fold", "bet/call")[self.habit])}

    def signals(self, episodes: Sequence[Episode]) -> Iterator[Signal]:
        best = [trajectory for _, trajectory in trained(episodes) if trajectory.reward > 0]
        self.run.keep("best", "imitation", {trajectory.id: 1.0 for trajectory in best})
        for trajectory in best:
            yield from signals_of(trajectory, imitation=1.0)

    def after_update(self) -> None:
        self.habit = self.run.done // self.config.patience % 2

    def state_dict(self) -> dict[str, Any]:
        return {"habit": self.habit}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.habit = state["habit"]


SMALL = Config(steps=5, games_per_update=16, evaluation_games=4, checkpoint_every=2, learning_rate=3e-3, seed=3)


def weights_of(path: Path) -> dict[str, torch.Tensor]:
    return load_file(max((path / "checkpoints").glob("update-*")) / "weights.safetensors")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    path, rows = tmp_path_factory.mktemp("runs") / "run", list[dict[str, Any]]()
    assert Run.start(Imitation, SMALL, path).run(rows.append)
    return path, rows


def test_a_toy_method_plays_learns_and_measures(finished: Finished) -> None:
    path, rows = finished
    assert [row["update"] for row in rows] == [0, 1, 2, 3, 4, 5]
    assert all(row["samples"] > 0 and row["faults"] == 0 for row in rows[:-1])
    assert rows[-1][f"nash_conv/{KUHN}"] != rows[0][f"nash_conv/{KUHN}"]
    with Store(path / "episodes") as store:
        opponents = {agent for row in store.rows() if row.group == "update-2" for agent in row.agents.values()}
        columns = store.columns("imitation/best", "imitation")
        kept = [t for e in store for t in e.trajectories.values() if t.trainable and t.reward > 0]
    assert opponents == {"nano", "constant:bet/call", "random"}
    assert columns == {trajectory.id: 1.0 for trajectory in kept}


@pytest.mark.parametrize("stop", [2, 3])
def test_a_toy_method_resumes_to_the_bit(finished: Finished, tmp_path: Path, stop: int) -> None:
    rows: list[dict[str, Any]] = []
    assert not Run.start(Imitation, SMALL, tmp_path / "run").run(rows.append, should_stop=lambda: len(rows) == stop)
    assert Run.resume(Imitation, tmp_path / "run").run()
    whole, resumed = weights_of(finished[0]), weights_of(tmp_path / "run")
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())
    with Store(finished[0] / "episodes") as one, Store(tmp_path / "run" / "episodes") as other:
        assert one.root() == other.root()


def test_a_run_of_another_method_is_not_resumed(finished: Finished) -> None:
    class Other(Imitation):
        name = "other"

    with pytest.raises(RunError, match="is a run of imitation, not of other"):
        Run.resume(Other, finished[0])


def test_a_method_refuses_settings_before_a_folder_is_made(tmp_path: Path) -> None:
    class Picky(Imitation):
        @classmethod
        def require_usable(cls, config: Config) -> None:
            raise ValueError(f"patience must be even, got {config.patience}")

    with pytest.raises(ValueError, match="patience must be even, got 3"):
        Run.start(Picky, replace(SMALL, patience=3), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_takes_no_more_room_after_many_evaluations(tmp_path: Path) -> None:
    sizes = []
    for steps in (2, 8):
        run = Run.start(
            Imitation, replace(SMALL, steps=steps, evaluation_games=0, games_per_update=2), tmp_path / f"{steps}"
        )
        run.run()
        sizes.append(len(repr(run.measurements.evaluator.state_dict())))
    assert sizes[1] == pytest.approx(sizes[0], rel=0.05)


def test_what_a_run_holds_does_not_grow_with_its_updates(tmp_path: Path) -> None:
    """Objects that Python can reach, after the first updates have filled what is filled once."""
    config = replace(SMALL, steps=45, games_per_update=4, evaluation_games=0, checkpoint_every=5, patience=3)
    held: dict[int, int] = {}

    def count(row: dict[str, Any]) -> None:
        if row["update"] in (15, 30, 44):
            gc.collect()
            held[row["update"]] = len(gc.get_objects())

    Run.start(Imitation, config, tmp_path / "run").run(count)
    assert abs(held[44] - held[15]) < 1000, held
