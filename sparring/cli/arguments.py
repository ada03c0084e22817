"""What the words of a command line name: environments, agents, runs, stores, episodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparring import registry
from sparring.cli import outline
from sparring.protocols import Agent
from sparring.specs import Spec, parse_spec, read_options, typed_options
from sparring.store.location import Location
from sparring.store.run_files import CONFIG, is_run, read_config

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SERVERS = ("openenv", "agentgym")
"""What serves environments by an address, as `sparring.envs.remote` knows it."""
HOSTED = ("gym", "pettingzoo", "openspiel", "reasoning-gym", "textarena", *SERVERS)
"""The registers of other libraries, as `sparring.envs.hosted` knows them, and servers."""
ALIASES = {"envs": "games", "from": "source"}
"""Options that are not called like their setting."""


def env_id(name: str) -> str:
    """An environment's id; the `sparring/` in front and the version may be left out."""
    if _is_hosted(name):
        return registry.envs.row(name).name
    if name in HOSTED:
        place = "URL" if name in SERVERS else "NAME"
        raise registry.UnknownName(f"{name} is a library of environments: write {name}:{place}")
    known = {row.name for row in outline.outline(registry.envs)}
    for candidate in (name, f"sparring/{name}", f"sparring/{name}-v0"):
        if candidate in known:
            return candidate
    raise registry.UnknownName(registry.unknown(registry.envs.kind, name, known, "sparring envs"))


def require_known(env_spec: str, agent_specs: Sequence[str]) -> None:
    """Refuse unknown names of environments and agents before anything heavy is loaded. Raises UnknownName, ValueError.

    What may be wrong beside the names is found later, where the things themselves are at hand.
    """
    env_id(_env_name(parse_spec(env_spec)))
    for spec in agent_specs:
        if not _is_a_path(spec):
            outline.find_row(registry.agents, parse_spec(spec).name)


def _is_a_path(spec: str) -> bool:
    return ("/" in spec and ":" not in spec) or Path(spec).is_dir()


def env(spec: str) -> tuple[str, dict[str, object]]:
    """An environment's id and options: `KuhnPoker`, `KuhnPoker:illegal=spiral`, `OpenSpiel:game=nim`."""
    parsed = parse_spec(spec)
    id = env_id(_env_name(parsed))
    if _is_hosted(id):
        options = read_options(f"environment {id}", registry.envs.row(id).build, parsed.options)
        try:
            registry.envs.make(id, **options).close()
        except TypeError as error:
            raise ValueError(f"{id} cannot be made with {options}: {error}") from error
        return id, options
    if parsed.argument is not None:
        raise ValueError(f"environment {id} takes options such as `{parsed.name}:option=value`, got {spec!r}")
    row = registry.envs.row(id)
    options = typed_options(f"environment {id}", row.build, parsed.options)
    if options or row.extra or row.host == "inline":
        registry.envs.make(id, **options).close()  # what it refuses is refused once, before anything is played
    return id, options


def env_with_options(spec: str) -> str:
    """An environment's id with its options: `gym:FrozenLake-v1:is_slippery=false`."""
    parsed = parse_spec(spec)
    id = env_id(_env_name(parsed)) + "".join(f":{name}={value}" for name, value in parsed.options.items())
    return registry.envs.row(id).name if parsed.options else id


def _env_name(parsed: Spec) -> str:
    """`gym:FrozenLake-v1` is one name."""
    whole = f"{parsed.name}:{parsed.argument}"
    return whole if parsed.argument and _is_hosted(whole) else parsed.name


def _is_hosted(name: str) -> bool:
    """Whether a name is one in another library's register."""
    return name.partition(":")[0] in HOSTED and ":" in name


def agent(spec: str) -> Agent:
    """The agent of a spec, or the best checkpoint of a run folder. Raises UnknownName, ValueError."""
    from sparring.agents import named

    if is_run(Path(spec)):
        settings_of(Path(spec))  # a damaged one is named before a model is loaded
    return named.make(spec)


def agents(specs: str) -> list[Agent]:
    """Agents by commas; equal specs share one agent, so that a model is loaded once."""
    names = split_agents(specs)
    made = {name: agent(name) for name in dict.fromkeys(names)}
    return [made[name] for name in names]


def split_agents(specs: str) -> list[str]:
    """`random, cfr` as its specs."""
    return [name.strip() for name in specs.split(",")]


def measured(what: str, spec: str | None) -> tuple[Agent, str, dict[str, object]]:
    """The agent to measure, the environment (None: a run's first game, else Kuhn poker), and its settings.

    A run plays as it was trained, and in its own games by its illegal rule.
    """
    run = Path(what)
    if not is_run(run):
        return agent(what), *env(spec or "KuhnPoker")
    settings = settings_of(run)
    games = settings.get("games") or [env_id("KuhnPoker")]
    game, options = env(spec or games[0])
    illegal = settings.get("illegal", "forfeit") if game in games else "forfeit"
    return agent(what), game, ({} if illegal == "forfeit" else {"illegal": illegal}) | options


def settings_of(run: Path) -> dict[str, Any]:
    """The settings a run was started with. Raises RunError where the folder is no run of ours."""
    return read_config(run)["config"]


def damage_of_settings(run: Location) -> str:
    """What is wrong with a run's `config.json`; nothing for a store, which has none."""
    try:
        if isinstance(run, Path) and (run / CONFIG).is_file():
            read_config(run)
    except ValueError as error:
        return str(error)
    return ""


def require_resumable(method: str, config: DataclassInstance, run: Path, steps: int | None, argv: list[str]) -> None:
    """A resumed run keeps its settings: what `argv` gives beside --resume must not say otherwise. Raises ValueError."""
    from sparring.trainers.run_folder import require_method
    from sparring.trainers.settings import restore

    if not run.exists():
        raise ValueError(f"there is no run in {run} to go on with: leave out --resume to begin one")
    require_method(run, method)
    started = restore(type(config), settings_of(run), run)
    before = getattr(started, "steps", 0)
    if steps is not None and steps < before:
        raise ValueError(f"steps can only be raised: {run} was started with {before}, got {steps}")
    words = {word.partition("=")[0].removeprefix("--").replace("-", "_") for word in argv if word.startswith("--")}
    given = {ALIASES.get(word, word) for word in words}
    for field in fields(config):
        was, got = getattr(started, field.name), getattr(config, field.name)
        if field.name in given - {"steps"} and got != was:
            raise ValueError(f"{field.name} stays as the run was started, {was!r}, got {got!r}")


def numbered_episode(episode: str, known: list[str]) -> str:
    """The id of the episode of that number, counted from 1. Raises UnknownName for what is no such number."""
    if episode.isdecimal() and 1 <= int(episode) <= len(known):
        return known[int(episode) - 1]
    if known and episode.lstrip("+-").isdecimal():
        raise registry.UnknownName(f"episodes are numbered from 1 to {len(known)}, got {episode}")
    raise registry.UnknownName(unknown_episode(episode, known))


def unknown_episode(episode: str, known: list[str]) -> str:
    """The nearest ids; the first and the last where none is near, since a run holds many thousands."""
    message = registry.unknown("episode", episode, known)
    if known and "; known: " in message:
        return f"unknown episode {episode!r}; {len(known)} are stored, from {known[0]!r} to {known[-1]!r}"
    return message
