"""The metrics of a run for those who watch many: TensorBoard, and Weights & Biases. The same numbers, nothing else.

`metrics.jsonl` stays the truth. What is tracked can be thrown away; a resumed run tracks its updates again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from sparring.registry import require

Tracker = Literal["tensorboard", "wandb"]
Numbers = Mapping[str, float | None]
Log = Callable[[Numbers], None]


class Trackers:
    """Where a run's metrics go beside its folder."""

    def __init__(self, names: Sequence[Tracker], run: Path, config: Mapping[str, object]) -> None:
        """Raises MissingExtra with the command that installs what is missing."""
        self._names, self._run, self._config = tuple(dict.fromkeys(names)), run, config
        self._open: list[tuple[Log, Callable[[], object]]] = []
        for name in self._names:
            require("torch.utils.tensorboard" if name == "tensorboard" else name, "track")

    def start(self, update: int) -> None:
        """Begin, or go on at an update."""
        openers = {"tensorboard": self._tensorboard, "wandb": self._wandb}
        self._open = [openers[name](update) for name in self._names]

    def log(self, metrics: Numbers) -> None:
        """The metrics of one update."""
        for log, _ in self._open:
            log(metrics)

    def close(self) -> None:
        """Everything is written."""
        for _, close in self._open:
            close()
        self._open = []

    def _tensorboard(self, update: int) -> tuple[Log, Callable[[], object]]:
        """Event files in RUN/tensorboard: `tensorboard --logdir RUN`."""
        module = require("torch.utils.tensorboard", "track")
        writer = module.SummaryWriter(str(self._run / "tensorboard"), purge_step=update)

        def log(metrics: Numbers) -> None:
            for name, value in _numbers(metrics):
                writer.add_scalar(name, value, metrics["update"])
            writer.flush()

        return log, writer.close

    def _wandb(self, update: int) -> tuple[Log, Callable[[], object]]:
        """A run of the project `sparring`, by the folder's name; `WANDB_MODE=offline` writes to RUN/wandb only."""
        wandb = require("wandb", "track")
        name = self._run.resolve()
        run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "sparring"),
            name=self._run.name,
            id=hashlib.sha256(str(name).encode()).hexdigest()[:16],
            dir=str(self._run),
            config=dict(self._config),
            resume="allow",
        )

        def log(metrics: Numbers) -> None:
            run.log(dict(_numbers(metrics)), step=int(metrics["update"] or 0))

        return log, run.finish


def _numbers(metrics: Numbers) -> list[tuple[str, float]]:
    return [(name, float(value)) for name, value in metrics.items() if value is not None and name != "update"]
