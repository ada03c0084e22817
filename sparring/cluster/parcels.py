"""Agents on their way to workers: the agents as they are, their models apart and once, new weights when there are any.

A slice of matches is played by agents fresh out of the parcel, so what they remember of earlier slices cannot matter.
"""

from __future__ import annotations

import hashlib
import pickle
import sys
from collections.abc import Callable, Hashable, Mapping, MutableMapping
from dataclasses import dataclass
from functools import _lru_cache_wrapper, lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

import numpy as np
import ray
from ray.cloudpickle import CloudPickler

from sparring.agents.models.batching import Batched
from sparring.agents.sb3 import StableBaselinesAgent
from sparring.faults import ServerFailed
from sparring.protocols import Agent

if TYPE_CHECKING:
    from ray import ObjectRef

    from sparring.agents.models.transformers import TransformersModel

T = TypeVar("T")
WAIT_SECONDS = 120.0
"""How long a worker waits for what was sent: the bytes of a large model take a while."""
Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class SentModel:
    """A model that agents of a parcel play with."""

    key: int
    body: ObjectRef[bytes]
    """The model as it was when it was sent first."""
    weights: ObjectRef[Arrays] | None
    """Of its present version; None where these are those of the body."""
    version: str
    fingerprint: str
    """What calls record of the weights."""
    digest: str
    """SHA-256 over the weights, which the worker computes again."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """Agents by name."""

    agents: ObjectRef[bytes]
    models: tuple[SentModel, ...]


class Packer:
    """Makes parcels. A model is sent once, its weights once a version."""

    def __init__(self) -> None:
        self._models: dict[int, TransformersModel] = {}  # held, so that no other one gets its key
        self._sent: dict[int, SentModel] = {}

    def pack(self, agents: Mapping[str, Agent]) -> Parcel:
        """Raises ValueError for an agent that cannot leave this process."""
        found: dict[int, TransformersModel] = {}
        packed = {name: _dumped(name, agent, found) for name, agent in agents.items()}
        return Parcel(ray.put(pickle.dumps(packed)), tuple(self._send(key, model) for key, model in found.items()))

    def _send(self, key: int, model: TransformersModel) -> SentModel:
        sent = self._sent.get(key)
        if sent is None or sent.version != model.weights_version:
            body = ray.put(model.to_bytes()) if sent is None else sent.body
            weights = _arrays(model)
            reference = None if sent is None else ray.put(dict(weights))
            version, fingerprint = model.weights_version, model.weights_fingerprint
            sent = SentModel(key, body, reference, version, fingerprint, digest(weights))
            self._models[key], self._sent[key] = model, sent
        return sent


class Unpacker:
    """Opens parcels, in a worker."""

    def __init__(self) -> None:
        self._models: dict[int, TransformersModel] = {}
        self._opened: tuple[ObjectRef[bytes] | None, dict[str, bytes]] = (None, {})

    def open(self, parcel: Parcel) -> dict[str, Agent]:
        """The agents, with nothing remembered of the slice before. Raises ServerFailed where not all of it arrived."""
        models = {sent.key: self._model(sent) for sent in parcel.models}
        if self._opened[0] != parcel.agents:
            self._opened = (parcel.agents, pickle.loads(_arrived(parcel.agents, bytes, "the agents")))
        return {name: _Opening(BytesIO(packed), models).load() for name, packed in self._opened[1].items()}

    def _model(self, sent: SentModel) -> TransformersModel:
        """The model with the weights that were sent: the digest is computed again over what it then holds."""
        model = self._models.get(sent.key)
        if model is not None and model.weights_version == sent.version:
            return model
        if model is None or sent.weights is None:  # games that began earlier may come after those with newer weights
            from sparring.agents.models.transformers import TransformersModel

            model = TransformersModel.from_bytes(_arrived(sent.body, bytes, f"the model of version {sent.version}"))
        if sent.weights is not None:
            import torch

            arrays: Arrays = _arrived(sent.weights, dict, f"the weights {sent.version}")
            model.sync({name: torch.tensor(array) for name, array in arrays.items()}, sent.version)
        model.weights_fingerprint = sent.fingerprint
        if (got := digest(_arrays(model))) != sent.digest:
            raise ServerFailed(f"weights {sent.version} arrived as {got[:12]}, and {sent.digest[:12]} were sent")
        self._models[sent.key] = model
        return model


def digest(weights: Arrays) -> str:
    """SHA-256, in hex, over names, shapes and values."""
    sha = hashlib.sha256()
    for name in sorted(weights):
        sha.update(f"{name} {weights[name].shape} {weights[name].dtype}".encode())
        sha.update(np.ascontiguousarray(weights[name]).data)
    return sha.hexdigest()


def _arrays(model: TransformersModel) -> dict[str, np.ndarray]:
    return {name: value.detach().cpu().numpy() for name, value in model.weights().items()}


def _arrived(reference: ObjectRef[T], kind: type[T], what: str) -> T:
    try:
        arrived = ray.get(reference, timeout=WAIT_SECONDS)
        assert isinstance(arrived, kind)
        return arrived
    except ray.exceptions.GetTimeoutError as error:
        raise ServerFailed(f"{what} did not arrive within {WAIT_SECONDS:g} s") from error


class _Packing(CloudPickler):
    """Leaves models out, and what a cache has kept."""

    def __init__(self, file: BytesIO, models: MutableMapping[int, TransformersModel]) -> None:
        super().__init__(file)
        self._models = models

    def persistent_id(self, thing: object) -> int | None:
        if isinstance(thing, Batched) and hasattr(thing, "to_bytes"):
            self._models[id(thing)] = cast("TransformersModel", thing)
            return id(thing)
        return None

    def reducer_override(self, thing: object) -> object:
        if isinstance(thing, StableBaselinesAgent):  # whole: its file may not be on the worker's machine
            return object.__new__, (type(thing),), vars(thing)
        if isinstance(thing, _lru_cache_wrapper) and not _has_a_name(thing):
            return _with_cache, (thing.__wrapped__, thing.cache_parameters()["maxsize"])
        return super().reducer_override(thing)


class _Opening(pickle.Unpickler):
    def __init__(self, file: BytesIO, models: Mapping[int, TransformersModel]) -> None:
        super().__init__(file)
        self._models = models

    def persistent_load(self, key: int) -> TransformersModel:
        return self._models[key]


def _dumped(name: str, agent: Agent, models: MutableMapping[int, TransformersModel]) -> bytes:
    packed = BytesIO()
    try:
        _Packing(packed, models).dump(agent)
    except Exception as error:
        raise ValueError(f"agent {name!r} cannot be sent to another process: {error}") from error
    return packed.getvalue()


def _has_a_name(cached: _lru_cache_wrapper[object]) -> bool:
    """Whether a function with a cache is found by its name, as those of a module are."""
    name = getattr(cached, "__qualname__", "")
    return getattr(sys.modules.get(getattr(cached, "__module__", "")), name, None) is cached


class _Cached(Protocol):
    def __call__(self, *args: Hashable) -> object: ...


def _with_cache(function: Callable[..., object], maxsize: int | None) -> _Cached:
    return lru_cache(maxsize)(function)
