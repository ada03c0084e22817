"""Environments: `make` builds one by its id; Gymnasium and PettingZoo find the same ids.

sparring.envs.make("sparring/KuhnPoker-v0")                                        all seats (PettingZoo AEC)
gymnasium.make("sparring.envs:sparring/KuhnPoker-v0", opponent="random")           one seat, the other one played
gymnasium.make_vec("sparring.envs:sparring/KuhnPoker-v0", num_envs=64)             64 such games, batched
gymnasium.make_vec("sparring.envs:sparring/KuhnPoker-v0", 4096, view="table")      thousands of a small game
pettingzoo.env_registry.registration.make("aec", "sparring/KuhnPoker-v0")          where PettingZoo has a register
"""

from __future__ import annotations

import importlib
from typing import Any, Literal

import gymnasium

from sparring import registry

View = Literal["text", "discrete"]
GYMNASIUM_ENTRY = f"{__name__}:make_for_gymnasium"
VECTOR_ENTRY = "sparring.envs.views.vector:make_vector"


def make(env_id: str, view: View = "text", **kwargs: Any) -> Any:
    """The environment of that id: a PettingZoo AECEnv, or a Gymnasium Env where it has one seat.

    view: "text" (strings in, strings out) or "discrete" (`Discrete` actions, a tensor and an action mask).
    kwargs: the environment's own.
    Raises UnknownName with the nearest ids, ValueError for a view or a render mode that there is not.
    """
    if view not in ("text", "discrete"):
        raise ValueError(f"view must be 'text' or 'discrete', got {view!r}")
    if view == "discrete" and registry.envs.row(env_id).seats == 1:
        raise ValueError(f"{env_id} takes any text as an action, so it has no discrete view: leave out view")
    env = registry.envs.make(env_id, **kwargs)
    _require_renders(env, env_id, kwargs.get("render_mode"))
    if view == "text":
        return env
    from sparring.envs.views.discrete import DiscreteView

    return DiscreteView(env)


def _require_renders(env: Any, env_id: str, mode: str | None) -> None:
    if mode is None:
        return
    modes = (env.metadata or {}).get("render_modes", ())
    if mode not in modes:
        env.close()
        raise ValueError(f"render_mode of {env_id} must be {' or '.join(map(repr, (*modes, None)))}, got {mode!r}")


def make_for_gymnasium(env_id: str, **kwargs: Any) -> Any:
    """What `gymnasium.make` gives, without its wrappers: one seat; `kwargs` are those of `SingleSeat`, or its own."""
    if registry.envs.row(env_id).seats == 1:
        if "opponent" in kwargs or "seat" in kwargs:
            raise ValueError(f"{env_id} has one seat: leave out opponent and seat")
        return make(env_id, **kwargs)
    from sparring.envs.views.single_seat import SingleSeat

    return SingleSeat(env_id, **kwargs)


def _make_for_pettingzoo(env_id: str, **kwargs: Any) -> Any:
    return make(env_id, **kwargs)


def _register_everywhere() -> None:
    """Bring our rows and those of third parties into the libraries' own registers; imports no game engine.

    Rows that are added later follow when they are added.
    """
    for row in registry.envs:
        try:
            _register(row)
        except gymnasium.error.Error as error:  # no id for Gymnasium
            registry.envs.leave_out(row.name, error)
    registry.envs.tell(_register, _unregister)


def _register(row: registry.EnvironmentRow) -> None:
    """Raises gymnasium.error.Error for a name that is no id."""
    name = row.name
    if name not in gymnasium.registry:
        gymnasium.register(name, GYMNASIUM_ENTRY, vector_entry_point=VECTOR_ENTRY, kwargs={"env_id": name})
    if row.seats > 1:
        _register_with_pettingzoo(name)


def _unregister(name: str) -> None:
    """Take a name that we brought there out of the libraries' registers again."""
    spec = gymnasium.registry.get(name)
    if spec is not None and spec.entry_point == GYMNASIUM_ENTRY:
        del gymnasium.registry[name]
    if (registration := _pettingzoo_register()) is not None:
        registration.aec_registry.pop(name, None)


def _register_with_pettingzoo(name: str) -> None:
    registration = _pettingzoo_register()
    if registration is not None and name not in registration.aec_registry:
        registration.register("aec", name, f"{__name__}:_make_for_pettingzoo", kwargs={"env_id": name})


def _pettingzoo_register() -> Any:
    """The module; None where the installed PettingZoo has none."""
    try:
        return importlib.import_module("pettingzoo.env_registry.registration")
    except ImportError:
        return None


_register_everywhere()
