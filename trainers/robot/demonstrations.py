"""Demonstrations: what the scripted executor does in every state that a noisy hand gets into.

    task ─► its plan ─► for every step: features and the expert's action; a noisy action is carried out

Noise in what is carried out, never in what is learnt, shows the expert's way back (DART, Laskey et al. 2017,
arXiv 1703.09327; there the noise is fitted to the learner's errors, here it has one size). With a driver, what the
driver does is carried out, and what the expert would do is learnt (DAgger, Ross et al. 2011, arXiv 1011.0686, in one
round; the expert takes over now and then): without it, a clone may hover for ever where the expert never was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from sparring.envs.robot.executors.features import features_of
from sparring.envs.robot.executors.network import Network
from sparring.envs.robot.executors.tabletop import TRAVEL, ScriptedTabletop
from sparring.envs.robot.skills import reached
from sparring.envs.robot.tabletop.control import Simulator, TabletopControl
from sparring.envs.robot.tabletop.tasks import LAMP
from sparring.envs.robot.types import Array
from sparring.robotics.skills import CONTRACTS
from sparring.robotics.words import Subgoal
from sparring.types import derive_seed

NOISY, NOISE, FLIPPED = 0.35, 0.6, 0.02
"""How often an action is carried out with noise, its size (1 is 2 cm), and how often the gripper's is reversed."""
DRIVES = 0.9
"""How often the driver's action is carried out rather than the expert's."""
ASTRAY = 6
"""Steps of the most that the hand goes astray before a subgoal."""
Progress = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Demonstrations:
    """States of many tasks, and what the expert does in each."""

    features_NF: Array
    actions_NA: Array


def collect(
    simulator: Simulator,
    tasks: range,
    seed: int,
    driver: Network | None = None,
    progress: Progress = lambda: None,
) -> Demonstrations:
    """Demonstrations of tasks of the split "train", by their numbers. Raises MissingExtra without MuJoCo."""
    world = TabletopControl(simulator, "train")
    features: list[Array] = []
    actions: list[Array] = []
    for task in tasks:
        for seen, wanted in demonstrate(world, derive_seed("demonstration", seed, task), driver):
            features.append(seen)
            actions.append(wanted)
        progress()
    world.close()
    return Demonstrations(np.array(features, np.float32), np.array(actions, np.float32))


def joined(first: Demonstrations, second: Demonstrations) -> Demonstrations:
    """Both."""
    features = np.concatenate([first.features_NF, second.features_NF])
    return Demonstrations(features, np.concatenate([first.actions_NA, second.actions_NA]))


def demonstrate(world: TabletopControl, seed: int, driver: Network | None = None) -> Iterator[tuple[Array, Array]]:
    """Features and the expert's action, step by step, in the task of a seed."""
    world.reset(seed=seed)
    rng = np.random.default_rng(derive_seed("noise", seed))
    expert = ScriptedTabletop()
    for subgoal in _lessons(world):
        _go_astray(world, rng, subgoal)
        expert.begin(world, subgoal, 0)
        for _ in range(CONTRACTS[subgoal.verb].budget):
            wanted = expert.act(world)
            seen = features_of(world, subgoal)
            yield seen, wanted
            drives = driver is not None and rng.random() < DRIVES
            world.advance(np.clip(driver(seen), -1, 1) if driver and drives else _noisy(wanted, rng))
            if _is_over(world, subgoal):
                break


def _lessons(world: TabletopControl) -> Iterator[Subgoal]:
    """The plan; a lamp that is on is turned off again, which no plan asks for."""
    for subgoal in world.task.plan:
        yield subgoal
        if subgoal.verb == "turn on":
            yield Subgoal("turn off", LAMP)
            yield subgoal


def _go_astray(world: TabletopControl, rng: np.random.Generator, subgoal: Subgoal) -> None:
    grip = 1.0 if CONTRACTS[subgoal.verb].needs_held else float(rng.choice([-1.0, 1.0]))
    push = rng.uniform(-1, 1, 3)
    for _ in range(int(rng.integers(ASTRAY))):
        world.advance(np.array([*push[:2], abs(push[2]), grip], np.float32))


def _noisy(action: Array, rng: np.random.Generator) -> Array:
    noisy = action.copy()
    if rng.random() < NOISY:
        noisy[:3] += rng.normal(0, NOISE, 3)
    if rng.random() < FLIPPED:
        noisy[3] = -noisy[3]
    clipped: Array = np.clip(noisy, -1, 1)
    return clipped


def _is_over(world: TabletopControl, subgoal: Subgoal) -> bool:
    """Reached, and the hand is away where the skill asks for it."""
    away = not CONTRACTS[subgoal.verb].retreats or float(world.hand[2]) > TRAVEL + 0.02
    return away and reached(world, subgoal)
