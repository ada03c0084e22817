"""Cloning, whole: demonstrations, the network, the file, and what it reaches on unseen tasks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from sparring import __version__
from sparring.envs.robot.executors.cloned import ClonedExecutor, Policy, save_policy
from sparring.envs.robot.executors.network import Network
from sparring.envs.robot.executors.seeing import Eye
from sparring.envs.robot.tabletop.control import SIMULATORS, Simulator, bodies_of
from sparring.faults import require_file_place
from sparring.scoreboard.stats import Estimate
from sparring.trainers.robot.demonstrations import Demonstrations, collect, joined
from sparring.trainers.robot.fitting import fit
from sparring.trainers.robot.looking import collect_pictures, fit_eye
from sparring.trainers.robot.measuring import Reached, measure

Kind = Literal["state", "pixels"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Bars = Callable[[str, int], AbstractContextManager[Callable[[], None]]]
"""A bar for what is done, and how often; what the block is given advances it by one."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Of one cloned executor."""

    kind: Kind = "state"
    """state: it acts on the world's state. pixels: a detector looks once for every subgoal, and it acts on that."""
    simulator: Simulator = "twin"
    """Where the demonstrations are shown, and where it is measured."""
    demos: int = 300
    """Tasks that are demonstrated, each with its whole plan; in the second half the first network acts."""
    iterations: int = 4000
    """Batches of 512 states; half as many for the first network."""
    pictures: int = 1200
    """Of pixels only: pictures that the detector learns from, and as many batches of 24 cubes."""
    tasks: int = 200
    """Unseen tasks, of other instructions, on which it is measured."""
    seed: int = 0
    """Of the tasks, the noise and the network."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if self.simulator not in SIMULATORS:
            raise ValueError(f"simulator must be one of {', '.join(SIMULATORS)}, got {self.simulator!r}")
        for name in ("demos", "iterations", "pictures", "tasks"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ValueError(f"{name} must be a whole number >= 1, got {value!r}")


def clone(settings: Settings, file: Path, bars: Bars) -> Reached:
    """Train an executor and write its file; what it reaches stands in the file too.

    Equal settings give equal files on one machine. Raises MissingExtra without MuJoCo, RenderingUnavailable where
    MuJoCo's pictures find no OpenGL, OSError where the file cannot be written; then nothing is there.
    """
    require_file_place(file)
    bodies_of(settings.simulator)
    if settings.kind == "pixels":
        collect_pictures(settings.simulator, 1, settings.seed)  # what cannot draw says so before anything is trained
    network = _network(settings, bars)
    eye = _eye(settings, bars) if settings.kind == "pixels" else None
    with bars("unseen tasks", settings.tasks) as advance:
        executor = ClonedExecutor(Policy(network, {}, eye))
        found = measure(executor, settings.simulator, settings.tasks, settings.seed, advance)
    held_out = {"tasks": _figures(found.tasks)}
    held_out |= {verb: _figures(one) for verb, one in found.verbs.items()}
    save_policy(file, Policy(network, {**asdict(settings), "sparring": __version__, "held_out": held_out}, eye))
    return found


def _network(settings: Settings, bars: Bars) -> Network:
    """Learns from the expert's own play, and then from what the expert would do where the first network went."""
    simulator, seed, own = settings.simulator, settings.seed, (settings.demos + 1) // 2
    with bars("demonstrations", own) as advance:
        shown = collect(simulator, range(own), seed, progress=advance)
    first = _fitted(shown, max(1, settings.iterations // 2), seed, bars)
    if settings.demos == own:
        return first
    with bars("corrections", settings.demos - own) as advance:
        shown = joined(shown, collect(simulator, range(own, settings.demos), seed, first, advance))
    return _fitted(shown, settings.iterations, seed, bars)


def _fitted(shown: Demonstrations, iterations: int, seed: int, bars: Bars) -> Network:
    with bars("training", iterations) as advance:
        return fit(shown.features_NF, shown.actions_NA, iterations, seed, advance)


def _eye(settings: Settings, bars: Bars) -> Eye:
    with bars("pictures", settings.pictures) as advance:
        pictures = collect_pictures(settings.simulator, settings.pictures, settings.seed, advance)
    with bars("learning to see", settings.pictures) as advance:
        return fit_eye(pictures, settings.pictures, settings.seed, advance)


def _figures(estimate: Estimate) -> list[float]:
    return [estimate.value, estimate.low, estimate.high]
