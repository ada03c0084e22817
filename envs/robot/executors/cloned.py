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
from sparring.envs.robot.types import Array, ExecutorFailed, Subgoal, World

FORMAT = "sparring-robot-policy-1"
MOST_BYTES = 64 * 2**20
ACTIONS = 4


class Network:
    """A multilayer perceptron with ReLU; weights [in, out] and biases [out] of every layer."""

    def __init__(self, layers: list[tuple[Array, Array]]) -> None:
        """Raises ValueError where a layer does not fit the one before, or is not finite."""
        for at, (weight, bias) in enumerate(layers):
            if weight.ndim != 2 or bias.shape != weight.shape[1:]:
                raise ValueError(f"layer {at} must have weights [in, out] and biases [out], got {weight.shape}")
            if at and weight.shape[0] != layers[at - 1][0].shape[1]:
                raise ValueError(f"layer {at} must take {layers[at - 1][0].shape[1]} numbers, takes {weight.shape[0]}")
            if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
                raise ValueError(f"layer {at} must hold finite numbers only")
        self.layers = layers

    def __call__(self, inputs: Array) -> Array:
        """[.., in] to [.., out]."""
        for weight, bias in self.layers[:-1]:
            inputs = np.maximum(inputs @ weight + bias, 0)
        weight, bias = self.layers[-1]
        outputs: Array = inputs @ weight + bias
        return outputs


@dataclass(frozen=True, slots=True)
class Policy:
    """What a file holds."""

    network: Network
    """[F] features to [4] actions."""
    made: Mapping[str, object]
    """How it was trained: simulator, demonstrations, seed, what it measured."""
    eye: Network | None = None
    """Of a policy of pixels: see `seeing`."""


class ClonedExecutor:
    """Carries out every subgoal of the tabletop by a policy of states."""

    name = "cloned"

    def __init__(self, policy: Policy) -> None:
        self._network = policy.network

    def begin(self, world: World, subgoal: Subgoal, attempt: int) -> None:
        """A new subgoal; all attempts are alike. Raises ValueError in a world whose actions are not the tabletop's."""
        if "drawer" not in world.things or world.rest(-1).shape != (ACTIONS,):
            raise ValueError(f"a cloned executor is of the tabletop; this world has: {', '.join(world.things)}")
        self._subgoal = subgoal

    def act(self, world: World) -> Array:
        """The next action. Raises ExecutorFailed where the network gives none."""
        action = self._network(features_of(world, self._subgoal))
        if not np.isfinite(action).all():
            raise ExecutorFailed(f"{self.name}: the network gave {action.tolist()}")
        clipped: Array = np.clip(action, -1, 1)
        return clipped


def save_policy(file: Path, policy: Policy) -> None:
    """Write a policy, whole or not at all. Raises OSError naming the file."""
    from sparring.files import drafted

    networks = {"policy": policy.network} | ({"eye": policy.eye} if policy.eye else {})
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
    network = _network("policy", arrays)
    ends = network.layers[0][0].shape[0], network.layers[-1][0].shape[1]
    if ends != (FEATURES, ACTIONS):
        raise ValueError(f"it must take {FEATURES} numbers and give {ACTIONS}, it has {ends}")
    return Policy(network, about, _network("eye", arrays) if "eye.0.weight" in arrays else None)


def _network(name: str, arrays: Mapping[str, Array]) -> Network:
    layers: list[tuple[Array, Array]] = []
    while f"{name}.{len(layers)}.weight" in arrays:
        weight, bias = (arrays[f"{name}.{len(layers)}.{part}"].astype(np.float32) for part in ("weight", "bias"))
        layers.append((weight, bias))
    if not layers:
        raise ValueError(f"it has no layers of the network {name!r}")
    return Network(layers)
