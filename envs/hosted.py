"""Environments that other libraries register, by their own ids: `gym:ID`, `pettingzoo:MODULE`, `openspiel:NAME`.

sparring play gym:FrozenLake-v1 --agents random          sparring check pettingzoo:classic.tictactoe_v3

Those of Gymnasium and PettingZoo speak by a table of words, where there is one: the option `words` names another
table, or "none", which gives the environment as it is.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import gymnasium
import pettingzoo
from gymnasium.envs.registration import load_env_creator

from sparring import registry
from sparring.envs.words.numbers import UnfitWords
from sparring.envs.words.table import READY, Words, ready_words, words_of
from sparring.envs.words.worded import WordedEnv, WordedSeats
from sparring.registry import EnvironmentRow, MissingExtra, UnknownName, unknown


def gymnasium_row(name: str) -> EnvironmentRow:
    """An environment of Gymnasium's register. Raises UnknownName."""
    try:
        gymnasium.spec(name)
    except gymnasium.error.Error as error:
        raise UnknownName(_nearest("Gymnasium environment", name, gymnasium.registry, str(error))) from error
    version = _version("gymnasium", gymnasium.__version__, "gym", name)
    return EnvironmentRow(name, _make_gymnasium, "hosted", f"{name} of Gymnasium", kwargs={"id": name}, version=version)


def pettingzoo_row(name: str) -> EnvironmentRow:
    """An environment of a PettingZoo module, such as classic.tictactoe_v3. Raises UnknownName, MissingExtra."""
    try:
        with _saying_what_is_missing(name, of="pettingzoo"):
            module = importlib.import_module(f"pettingzoo.{name}")
    except ModuleNotFoundError as error:
        raise UnknownName(unknown("PettingZoo module", name, _modules())) from error
    build = getattr(module, "env", None) or getattr(module, "parallel_env", None)
    if build is None:
        raise UnknownName(unknown("PettingZoo module", name, _modules()))
    with _saying_what_is_missing(name):
        env = build()
    theirs = tuple(map(str, env.possible_agents))
    env.close()
    seats = partial(_seats, name, theirs)
    return EnvironmentRow(
        name,
        _make_pettingzoo,
        "hosted",
        f"{name} of PettingZoo",
        kwargs={"module": name},
        seats=len(theirs),
        version=_version("pettingzoo", pettingzoo.__version__, "pettingzoo", name),
        seat_names=seats({}),
        seats_with=seats,
    )


@contextmanager
def _saying_what_is_missing(name: str, of: str = "") -> Iterator[None]:
    """Raises MissingExtra where a package is not installed; a module of the library `of` is no package."""
    try:
        yield
    except gymnasium.error.DependencyNotInstalled as error:
        raise MissingExtra(f"{name} cannot be made: {error}".splitlines()[0]) from error
    except ImportError as error:
        if of and (error.name or "").partition(".")[0] == of:
            raise
        missing = f"needs {error.name}: pip install {error.name}" if error.name else f"cannot be made: {error}"
        raise MissingExtra(f"{name} {missing}".splitlines()[0]) from error


@cache
def _modules() -> tuple[str, ...]:
    """The modules of PettingZoo that make environments: classic.rps_v2, ..."""
    folder = Path(pettingzoo.__file__).parent
    found = [".".join(file.relative_to(folder).with_suffix("").parts) for file in folder.glob("*/*_v[0-9]*.py")]
    return tuple(sorted(found))


def _seats(name: str, theirs: tuple[str, ...], options: Mapping[str, object]) -> tuple[str, ...]:
    """The seats, as the words that the options name call them. Raises UnfitWords."""
    words = words_of(options.get("words", READY), "pettingzoo", name)
    return theirs if words is None else words.named(theirs)


def _version(library: str, number: str, scheme: str, name: str) -> str:
    """Of the library, and of our own words for the environment."""
    words = ready_words(scheme, name)
    return f"{library} {number}" + (f", words {words.sha256[:8]}" if words else "")


def open_spiel_row(name: str) -> EnvironmentRow:
    """A game of OpenSpiel, in its own notation: hex(board_size=5). Raises UnknownName, ValueError."""
    from sparring.envs.games.loading import load_game
    from sparring.envs.games.named import open_spiel

    ours = registry.envs.row("sparring/OpenSpiel-v0")
    seats = load_game(name).num_players()
    summary = f"{name} of OpenSpiel"
    return EnvironmentRow(name, open_spiel, "games", summary, kwargs={"game": name}, seats=seats, version=ours.version)


def _make_gymnasium(
    id: str, words: str | Path | None = READY, instructions: bool = True, **kwargs: Any
) -> gymnasium.Env[Any, Any]:
    """Raises ValueError for options that the environment does not name, or that are of another kind than its own."""
    entry = gymnasium.spec(id).entry_point
    with _saying_what_is_missing(id):
        build = load_env_creator(entry) if isinstance(entry, str) else entry
    _require_known_options(id, build, kwargs)

    def make(**given: Any) -> gymnasium.Env[Any, Any]:
        try:
            with _saying_what_is_missing(id):
                return gymnasium.make(id, disable_env_checker=True, **given)
        except (
            LookupError,
            ValueError,
            AssertionError,
            gymnasium.error.Error,
        ) as error:  # a value that it does not know
            raise ValueError(f"{id} cannot be made with {kwargs}: {type(error).__name__}: {error}") from error

    modes = getattr(build, "metadata", {}).get("render_modes", ())
    speak = partial(WordedEnv, instructions=instructions)
    made: gymnasium.Env[Any, Any] = _worded(make, kwargs, words_of(words, "gym", id), words, modes, speak)
    return made


def _make_pettingzoo(module: str, words: str | Path | None = READY, instructions: bool = True, **kwargs: Any) -> Any:
    """Raises ValueError for options that the environment does not name."""
    library = importlib.import_module(f"pettingzoo.{module}")
    build = getattr(library, "env", None) or library.parallel_env
    raw = getattr(library, "raw_env", build)
    _require_known_options(module, raw, kwargs)
    table = words_of(words, "pettingzoo", module)
    modes = getattr(raw, "metadata", {}).get("render_modes", ())

    def speak(env: Any, words: Words) -> Any:
        if not hasattr(env, "agent_iter"):
            raise words.unfit("the table", f"seats of {module} act at once, and only those that act in turn have words")
        return WordedSeats(env, words, instructions)

    return _worded(build, kwargs, table, words, modes, speak)


def _worded(
    make: Callable[..., Any],
    kwargs: Mapping[str, object],
    table: Words | None,
    said: str | Path | None,
    modes: Iterable[str],
    speak: Callable[..., Any],
) -> Any:
    """The environment, speaking by the table. Our own tables are for the usual options: with others that change its
    spaces it stays as it is.
    """
    if table is None:
        return make(**kwargs)
    draws = table.drawing and "ansi" in modes and "render_mode" not in kwargs
    env = make(**kwargs, **({"render_mode": "ansi"} if draws else {}))
    try:
        return speak(env, words=table)
    except UnfitWords:
        env.close()
        if said == READY:
            return make(**kwargs)
        raise


def _require_known_options(name: str, build: object, options: Mapping[str, object]) -> None:
    """Raises ValueError for an option that a builder does not name, or of another kind than its default."""
    known = inspect.signature(build).parameters if callable(build) else {}
    anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values())
    for option, value in options.items():
        if option not in known and not anything:
            raise ValueError(f"{name} has no option {option!r}; it takes {', '.join(known)}")
        if option in known and isinstance(known[option].default, bool) and not isinstance(value, bool):
            raise ValueError(f"{option} of {name} must be true or false, got {value!r}")


def _nearest(kind: str, name: str, known: Iterable[str], said: str) -> str:
    """One line, without the library's list of everything."""
    line = unknown(kind, name, known)
    return said.splitlines()[0] if "; known: " in line else line


registry.envs.schemes |= {"gym": gymnasium_row, "pettingzoo": pettingzoo_row, "openspiel": open_spiel_row}
