"""Trains the detector: pictures of shuffled tables, and where the cubes in them are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sparring.envs.robot.executors.network import Network
from sparring.envs.robot.executors.seeing import INPUTS, PIXELS, PLACES, Eye, colour_of, neighbours_of, small
from sparring.envs.robot.tabletop import geometry as g
from sparring.envs.robot.tabletop.control import Simulator, TabletopControl
from sparring.envs.robot.types import Array
from sparring.trainers.robot.fitting import initial, numbers, outputs
from sparring.types import derive_seed

HIDDEN, BATCH, RATE = 24, 24, 6e-3
MOVES, SETTLE = 12, 4
"""Control steps at most in which the hand goes somewhere, and in which knocked cubes come to rest."""
AGAIN = 4
"""Pictures of one table, with the hand and the cubes in other places."""
HIDES_X, HIDES_Y, ABOVE = 0.05, 0.09, 0.03
"""Metres from the hand, and from a higher cube, within which a cube may be hidden."""
PEAK = 0.05
"""Weight of the term that makes the softmax sharp, beside the error of the place in units of half the table."""
Progress = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Pictures:
    """Cubes that can be seen."""

    frames_F: list[Array]
    """[64, 64, 3] each, -1 to 1."""
    which_N: list[int]
    """The frame of every cube."""
    colours_N3: Array
    places_N2: Array
    """x, y, metres."""


def collect_pictures(simulator: Simulator, count: int, seed: int, progress: Progress = lambda: None) -> Pictures:
    """So many pictures from above. Raises MissingExtra without MuJoCo, RenderingUnavailable without OpenGL."""
    world = TabletopControl(simulator, "train")
    frames: list[Array] = []
    which: list[int] = []
    colours, places = [], []
    for number in range(count):
        rng = np.random.default_rng(derive_seed("picture", seed, number))
        if number % AGAIN == 0:
            world.reset(seed=derive_seed("table", seed, number))
        _shuffle(world, rng)
        frames.append(small(world.frame("top", PIXELS)))
        for cube in _visible(world):
            which.append(number)
            colours.append(colour_of(cube.split()[0]))
            places.append(world.position(cube)[:2])
        progress()
    world.close()
    return Pictures(frames, which, np.array(colours, np.float32), np.array(places, np.float32))


def _shuffle(world: TabletopControl, rng: np.random.Generator) -> None:
    """Cubes to anywhere on the table, in the bin and onto each other; the hand to somewhere else."""
    for cube in world.task.cubes:
        if rng.random() < 0.5:
            target = rng.uniform([-0.26, -0.26], [0.26, 0.12])
            if rng.random() < 0.2:
                target = world.position(str(rng.choice(world.task.cubes)))[:2] + rng.normal(0, 0.003, 2)
            world.knock(cube, (target - world.position(cube)[:2]).tolist())
    push = np.array([*rng.uniform(-1, 1, 2), 1.0, rng.choice([-1.0, 1.0])], np.float32)
    for _ in range(SETTLE + int(rng.integers(MOVES))):
        world.advance(push)


def _visible(world: TabletopControl) -> Iterator[str]:
    hand = world.hand
    for cube in world.task.cubes:
        x, y, z = world.position(cube)
        hidden = abs(x - hand[0]) < HIDES_X and abs(y - hand[1]) < HIDES_Y
        hidden = hidden or (y > g.DRAWER_FRONT - g.HALF and abs(x - g.DRAWER_X) < 0.1) or abs(x) > 0.28 or abs(y) > 0.28
        for other in world.task.cubes:
            above = world.position(other) - (x, y, z)
            hidden = hidden or (float(np.abs(above[:2]).max()) < ABOVE and above[2] > g.HALF)
        if not hidden:
            yield cube


def fit_eye(pictures: Pictures, iterations: int, seed: int, progress: Progress = lambda: None) -> Eye:
    """A detector. Loss: Huber's of the place, and the cross-entropy against a small blot at the true pixel."""
    generator = torch.Generator().manual_seed(seed)
    layers = [initial(INPUTS, HIDDEN, generator), initial(HIDDEN, 1, generator)]
    scale = (torch.eye(2) * 0.3).requires_grad_(), torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([tensor for layer in (*layers, scale) for tensor in layer], lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, iterations)
    colours, places = torch.from_numpy(pictures.colours_N3), torch.from_numpy(pictures.places_N2)
    for _ in range(iterations):
        chosen = torch.randint(len(places), (BATCH,), generator=generator)
        around = np.stack([neighbours_of(pictures.frames_F[pictures.which_N[int(one)]]) for one in chosen])
        asked = colours[chosen][:, None].expand(-1, around.shape[1], -1)
        chances = outputs(torch.cat([torch.from_numpy(around), asked], 2), layers)[..., 0].log_softmax(1)
        loss = _loss(chances, places[chosen], scale)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        progress()
    return Eye(Network([numbers(layer) for layer in layers]), Network([numbers(scale)]))


def _loss(log_chances_BP: Tensor, places_B2: Tensor, scale: tuple[Tensor, Tensor]) -> Tensor:
    seen_B2 = log_chances_BP.exp() @ torch.from_numpy(PLACES) @ scale[0] + scale[1]
    error = torch.nn.functional.smooth_l1_loss(seen_B2 / 0.3, places_B2 / 0.3, beta=0.05)
    apart_BP = torch.cdist(places_B2 / 0.3, torch.from_numpy(PLACES)) * PIXELS / 2
    blot_BP = torch.exp(-((apart_BP / 1.5) ** 2))
    blot_BP = blot_BP / blot_BP.sum(1, keepdim=True)
    return error + PEAK * -(blot_BP * log_chances_BP).sum(1).mean()
