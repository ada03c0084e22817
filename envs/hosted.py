"""Environments that other libraries register, by their own ids: `gym:ID`, `pettingzoo:MODULE`, `openspiel:NAME`.

sparring play gym:FrozenLake-v1 --agents random          sparring check pettingzoo:classic.tictactoe_v3
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable
from typing import Any

import gymnasium
import pettingzoo
from gymnasium.envs.registration import load_env_creator

from sparring import registry
from sparring.registry import EnvironmentRow, MissingExtra, UnknownName, unknown


def gymnasium_row(name: str) -> EnvironmentRow:
    """An environment of Gymnasium's register. Raises UnknownName."""
    try:
        gymnasium.spec(name)
    except gymnasium.error.Error as error:
        raise UnknownName(_nearest("Gymnasium environment", name, gymnasium.registry, str(error))) from error
    version = f"gymnasium {gymnasium.__version__}"
    return EnvironmentRow(name, _make_gymnasium, "hosted", f"{name} of Gymnasium", kwargs={"id": name}, version=version)


def pettingzoo_row(name: str) -> EnvironmentRow:
    """An environment of a PettingZoo module, such as classic.tictactoe_v3. Raises UnknownName, MissingExtra."""
    try:
        module = importlib.import_module(f"pettingzoo.{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("pettingzoo"):
            raise UnknownName(f"unknown PettingZoo module {name!r}: write it as classic.tictactoe_v3") from error
        raise MissingExtra(f"{name} needs {error.name}: pip install {error.name}") from error
    build = getattr(module, "env", None) or getattr(module, "parallel_env", None)
    if build is None:
        raise UnknownName(f"pettingzoo.{name} makes no environment: write a module such as classic.tictactoe_v3")
    env = build()
    seats = tuple(map(str, env.possible_agents))
    env.close()
    version = f"pettingzoo {pettingzoo.__version__}"
    return EnvironmentRow(
        name, build, "hosted", f"{name} of PettingZoo", seats=len(seats), version=version, seat_names=seats
    )


def open_spiel_row(name: str) -> EnvironmentRow:
    """A game of OpenSpiel, in its own notation: hex(board_size=5). Raises UnknownName, ValueError."""
    from sparring.envs.games.loading import load_game
    from sparring.envs.games.named import open_spiel

    ours = registry.envs.row("sparring/OpenSpiel-v0")
    seats = load_game(name).num_players()
    summary = f"{name} of OpenSpiel"
    return EnvironmentRow(name, open_spiel, "games", summary, kwargs={"game": name}, seats=seats, version=ours.version)


def _make_gymnasium(id: str, **kwargs: Any) -> gymnasium.Env[object, object]:
    """Raises ValueError for options that the environment does not name, or that are of another kind than its own."""
    entry = gymnasium.spec(id).entry_point
    build = load_env_creator(entry) if isinstance(entry, str) else entry
    known = inspect.signature(build).parameters if build is not None else {}
    anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values())
    for name, value in kwargs.items():
        if name not in known and not anything:
            raise ValueError(f"{id} has no option {name!r}; it takes {', '.join(known)}")
        if name in known and isinstance(known[name].default, bool) and not isinstance(value, bool):
            raise ValueError(f"{name} of {id} must be true or false, got {value!r}")
    try:
        return gymnasium.make(id, disable_env_checker=True, **kwargs)
    except (LookupError, ValueError, AssertionError) as error:  # a value that it does not know
        raise ValueError(f"{id} cannot be made with {kwargs}: {type(error).__name__}: {error}") from error


def _nearest(kind: str, name: str, known: Iterable[str], said: str) -> str:
    """One line, without the library's list of everything."""
    line = unknown(kind, name, known)
    return said.splitlines()[0] if "; known: " in line else line


registry.envs.schemes |= {"gym": gymnasium_row, "pettingzoo": pettingzoo_row, "openspiel": open_spiel_row}
