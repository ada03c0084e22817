"""Environments: `make` builds one by its id; Gymnasium and PettingZoo find the same ids.

sparring.envs.make("sparring/KuhnPoker-v0")                                        all seats (PettingZoo AEC)
gymnasium.make("sparring.envs:sparring/KuhnPoker-v0", opponent="random")           one seat, the other one played
pettingzoo.env_registry.registration.make("aec", "sparring/KuhnPoker-v0")          where PettingZoo has a register
"""

from __future__ import annotations

import importlib
from typing import Any, Literal

import gymnasium

from sparring import registry

View = Literal["text", "discrete"]


def make(env_id: str, view: View = "text", **kwargs: Any) -> Any:
    """The environment of that id: a PettingZoo AECEnv, or a Gymnasium Env where it has one seat.

    view: "text" (strings in, strings out) or "discrete" (`Discrete` actions, a tensor and an action mask).
    kwargs: the environment's own.
    Raises UnknownName with the nearest ids, ValueError for a view that there is not.
    """
    if view not in ("text", "discrete"):
        raise ValueError(f"view must be 'text' or 'discrete', got {view!r}")
    if view == "discrete" and registry.envs.row(env_id).seats == 1:
        raise ValueError(f"{env_id} takes any text as an action, so it has no discrete view: leave out view")
    env = registry.envs.make(env_id, **kwargs)
    if view == "text":
        return env
    from sparring.envs.views.discrete import DiscreteView

    return DiscreteView(env)


def _make_for_gymnasium(env_id: str, **kwargs: Any) -> Any:
    if registry.envs.row(env_id).seats == 1:
        if "opponent" in kwargs or "seat" in kwargs:
            raise ValueError(f"{env_id} has one seat: leave out opponent and seat")
        return make(env_id, **kwargs)
    from sparring.envs.views.single_seat import SingleSeat

    return SingleSeat(env_id, **kwargs)


def _make_for_pettingzoo(env_id: str, **kwargs: Any) -> Any:
    return make(env_id, **kwargs)


def _register_everywhere() -> None:
    """Bring our rows and those of third parties into the libraries' own registers; imports no game engine."""
    for row in registry.envs:
        name = row.name
        try:
            if name not in gymnasium.registry:
                gymnasium.register(name, entry_point=f"{__name__}:_make_for_gymnasium", kwargs={"env_id": name})
            if row.seats > 1:
                _register_with_pettingzoo(name)
        except gymnasium.error.Error as error:  # no id for Gymnasium
            registry.envs.leave_out(name, error)


def _register_with_pettingzoo(name: str) -> None:
    try:
        registration = importlib.import_module("pettingzoo.env_registry.registration")
    except ImportError:
        return
    if name not in registration.aec_registry:
        registration.register("aec", name, f"{__name__}:_make_for_pettingzoo", kwargs={"env_id": name})


_register_everywhere()
