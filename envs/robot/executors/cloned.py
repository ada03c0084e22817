"""The cloned executor: a small network that learnt from the scripted one, read from one file and run by NumPy.

    state:  features_of(world, subgoal) ─► two hidden layers ─► action
    pixels: one look at the top camera when a subgoal begins ─► where its things are ─► the policy of states

`sparring robot clone` trains it and writes the file. Nothing here needs torch.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sparring.envs.robot.executors.features import FEATURES, features_of
from sparring.envs.robot.executors.network import Network
from sparring.envs.robot.executors.seeing import INPUTS, PIXELS, SURE, Eye, Seen
from sparring.envs.robot.executors.tabletop import Scene, is_around_a_cube
from sparring.envs.robot.tabletop.geometry import SPEED
from sparring.envs.robot.types import Array, ExecutorFailed, World
from sparring.robotics.words import Subgoal

FORMAT = "sparring-robot-policy-1"
MOST_BYTES = 64 * 2**20
ACTIONS = 4
ASIDE = np.array([-0.26, 0.02, 0.24])
"""Where the hand goes, metres, when it hides what is looked for."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a file holds."""

    network: Network
    """[F] features to [4] actions."""
    made: Mapping[str, object]
    """How it was trained: simulator, demonstrations, seed, what it measured."""
    eye: Eye | None = None
    """Of a policy of pixels."""


class ClonedExecutor:
    """Carries out every subgoal of the tabletop by a policy of states, on what the state or a picture says."""

    name = "cloned"

    def __init__(self, policy: Policy) -> None:
        self._network, self._eye = policy.network, policy.eye
        self.looks = policy.eye is not None

    def begin(self, world: World, subgoal: Subgoal, attempt: int) -> None:
        """A new subgoal; all attempts are alike. Raises ValueError in a world whose actions are not the tabletop's."""
        if "drawer" not in world.things or world.rest(-1).shape != (ACTIONS,):
            raise ValueError(f"a cloned executor is of the tabletop; this world has: {', '.join(world.things)}")
        self._subgoal = subgoal
        self._seen: Seen | None = None

    def act(self, world: World) -> Array:
        """The next action. Raises ExecutorFailed where the network gives none, and RenderingUnavailable."""
        scene: Scene | None = world
        if self._eye is not None:
            scene = self._look(self._eye, world)
        if scene is None:
            return self._step_aside(world)
        action = self._network(features_of(scene, self._subgoal))
        if not np.isfinite(action).all():
            raise ExecutorFailed(f"{self.name}: the network gave {action.tolist()}")
        clipped: Array = np.clip(action, -1, 1)
        return clipped

    def _look(self, eye: Eye, world: World) -> Seen | None:
        """The world as it was seen when the subgoal began; None while the hand hides what is needed."""
        subgoal = self._subgoal
        if self._seen is None:
            cubes = [thing.name for thing in world.things.values() if "pick up" in thing.verbs]
            sights = dict(zip(cubes, eye.find(world.frame("top", PIXELS), [c.split()[0] for c in cubes]), strict=True))
            carried = subgoal.thing if subgoal.verb == "place" and is_around_a_cube(world.opening) else None
            needed = [name for name in cubes if name in (subgoal.thing, subgoal.where) and name != carried]
            if any(sights[name].sure < SURE for name in needed):
                return None
            self._seen = Seen(world, {name: (one.x, one.y) for name, one in sights.items()}, carried)
        self._seen.world = world
        if subgoal.verb in ("pick up", "place"):
            self._seen.feel(subgoal.thing)
        return self._seen

    def _step_aside(self, world: World) -> Array:
        """Towards the corner where the hand hides nothing; the fingers stay as they are."""
        away = (ASIDE - world.hand) / SPEED
        action: Array = np.clip(np.array([*away, 0.0]), -1, 1).astype(np.float32)
        return action


def save_policy(file: Path, policy: Policy) -> None:
    """Write a policy, whole or not at all. Raises OSError naming the file."""
    from sparring.files import drafted

    networks = {"policy": policy.network}
    if policy.eye is not None:
        networks |= {"scores": policy.eye.scores, "places": policy.eye.places}
    arrays = {"about": np.array(json.dumps({"format": FORMAT, **policy.made}))}
    for name, network in networks.items():
        for at, (weight, bias) in enumerate(network.layers):
            arrays |= {f"{name}.{at}.weight": weight, f"{name}.{at}.bias": bias}
    with drafted(file) as draft, draft.open("wb") as opened:
        np.savez(opened, **arrays)  # type: ignore[arg-type]  # it takes the first for another argument


def load_policy(file: Path) -> Policy:
    """The policy of a file. Raises OSError where the file cannot be read, ValueError where it is none of ours."""
    if file.stat().st_size > MOST_BYTES:
        raise ValueError(f"{file}: a policy has at most {MOST_BYTES // 2**20} MB, this file is larger")
    try:
        with np.load(file, allow_pickle=False) as held:
            arrays = {name: held[name] for name in held.files}
    except (ValueError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{file} is no policy: `sparring robot clone -o FILE` writes one") from error
    try:
        return _read(arrays)
    except (ValueError, KeyError, RecursionError) as error:
        raise ValueError(f"{file} is no policy that can be used: {error}") from error


def load_executor(file: Path) -> ClonedExecutor:
    """The executor of a file, of states or of pixels. Raises as `load_policy` does."""
    policy = load_policy(file)
    return ClonedExecutor(policy)


def _read(arrays: Mapping[str, Array]) -> Policy:
    about = json.loads(str(arrays["about"]))
    if not isinstance(about, dict) or about.pop("format", None) != FORMAT:
        raise ValueError(f"its format must be {FORMAT}")
    network = _network("policy", arrays, (FEATURES, ACTIONS))
    if not any(name.startswith("scores") for name in arrays):
        return Policy(network, about)
    return Policy(network, about, Eye(_network("scores", arrays, (INPUTS, 1)), _network("places", arrays, (2, 2))))


def _network(name: str, arrays: Mapping[str, Array], ends: tuple[int, int]) -> Network:
    layers: list[tuple[Array, Array]] = []
    while f"{name}.{len(layers)}.weight" in arrays:
        weight, bias = (arrays[f"{name}.{len(layers)}.{part}"].astype(np.float32) for part in ("weight", "bias"))
        layers.append((weight, bias))
    if not layers:
        raise ValueError(f"it has no layers of the network {name!r}")
    network = Network(layers)
    if network.ends != ends:
        raise ValueError(f"the network {name!r} must take {ends[0]} numbers and give {ends[1]}, it has {network.ends}")
    return network
