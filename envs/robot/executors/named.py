"""Executors by name: `scripted`, `hasty`, `cloned:FILE`, `remote:URL`.

`scripted` and `hasty` are one class for each world; which one, `begin` decides by the world that it is given.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path

from sparring import registry
from sparring.envs.robot.types import Array, Executor, World
from sparring.kinds import shown
from sparring.robotics.words import Subgoal

EXECUTORS = "sparring.envs.robot.executors"
SCRIPTED: Mapping[str, str] = {
    "sparring/TabletopControl": f"{EXECUTORS}.tabletop:ScriptedTabletop",
    "sparring/LiberoControl": f"{EXECUTORS}.libero:ScriptedLibero",
    "sparring/MetaWorldControl": f"{EXECUTORS}.metaworld:PackagedPolicies",
}
"""By the world's name without its version, module:class."""
HASTY: Mapping[str, str] = {"sparring/TabletopControl": f"{EXECUTORS}.tabletop:HastyTabletop"}
FORMS = ("scripted", "hasty", "cloned:FILE", "remote:URL")


def executor_of(spec: str | Executor) -> Executor:
    """The executor that a text names; an executor is itself.

    Raises UnknownName with the nearest names; ValueError for a part that is missing, too many or wrong; OSError for a
    file that cannot be read. An address is asked only when the first action is needed.
    """
    if not isinstance(spec, str):
        return _checked(spec)
    name, colon, rest = spec.partition(":")
    if name in ("scripted", "hasty"):
        if colon:
            raise ValueError(f"the executor {name!r} takes nothing after a colon, got {spec!r}")
        return ByWorld(name, SCRIPTED if name == "scripted" else HASTY)
    if name not in ("cloned", "remote"):
        raise registry.UnknownName(registry.unknown("executor", name, [form.partition(":")[0] for form in FORMS]))
    if not rest:
        raise ValueError(f"the executor {name!r} needs an argument after a colon: {', '.join(FORMS)}; got {spec!r}")
    return _cloned(rest) if name == "cloned" else _remote(rest)


def _checked(executor: Executor) -> Executor:
    """Raises ValueError for what has not the two methods and the name of an executor."""
    if not (callable(getattr(executor, "begin", None)) and callable(getattr(executor, "act", None))):
        raise ValueError(f"an executor must have begin(world, subgoal, attempt) and act(world), got {shown(executor)}")
    if not isinstance(getattr(executor, "name", None), str):
        raise ValueError(f"an executor must have a name, as text, got {shown(executor)}")
    return executor


class ByWorld:
    """The executor of the world at hand, chosen when a subgoal begins."""

    def __init__(self, name: str, classes: Mapping[str, str]) -> None:
        """`classes`: by the world's name without its version, module:class."""
        self.name, self._classes = name, classes
        self._made: dict[str, Executor] = {}

    def begin(self, world: World, subgoal: Subgoal, attempt: int) -> None:
        """A new attempt. Raises ValueError in a world that has no executor of this name."""
        family = world_name(world).rpartition("-v")[0]
        if family not in self._classes:
            known = ", ".join(self._classes)
            raise ValueError(f"the executor {self.name!r} has no skills for {family or world!r}; it has for: {known}")
        if family not in self._made:
            self._made[family] = _class_of(self._classes[family])()
        self._executor = self._made[family]
        self._executor.begin(world, subgoal, attempt)

    def act(self, world: World) -> Array:
        """The next action."""
        return self._executor.act(world)


def world_name(world: World) -> str:
    """The registered name of a world, such as "sparring/TabletopControl-v0"; empty for one that has none."""
    metadata: object = getattr(world, "metadata", None)
    return str(metadata.get("name", "")) if isinstance(metadata, Mapping) else ""


def _class_of(place: str) -> Callable[[], Executor]:
    module, _, name = place.partition(":")
    found: Callable[[], Executor] = getattr(importlib.import_module(module), name)
    return found


def _cloned(file: str) -> Executor:
    from sparring.envs.robot.executors.cloned import load_executor

    return load_executor(Path(file))


def _remote(address: str) -> Executor:
    from sparring.envs.robot.executors.remote import RemoteExecutor

    return RemoteExecutor(address)
