"""What the words of a command line name: environments, agents, runs, stores, episodes."""

from __future__ import annotations

from dataclasses import fields
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

from sparring import registry

AS_TRAINED = ("prompt", "decoding", "temperature", "max_new_tokens")
"""The settings of a run that its weights were trained to play with."""


def env_id(name: str) -> str:
    """An environment's id; the `sparring/` in front and the version may be left out."""
    known = {row.name for row in registry.envs}
    for candidate in (name, f"sparring/{name}", f"sparring/{name}-v0"):
        if candidate in known:
            return candidate
    return str(registry.envs.row(name).name)


def agent(spec: str) -> Any:
    """The agent of a spec. Raises UnknownName, and ValueError where the part after the colon is missing or too much."""
    name, colon, _ = spec.partition(":")
    argument = signature(registry.agents.row(name).build).parameters.get("argument")
    if colon and argument is None:
        raise ValueError(f"agent {name!r} takes no argument, got {spec!r}")
    if argument is not None and argument.default is Parameter.empty and not spec[len(name) + 1 :]:
        raise ValueError(f"agent {name!r} needs an argument after a colon, `{name}:...`, got {spec!r}")
    return registry.make_agent(spec)


def measured(what: str, env: str | None) -> tuple[Any, str, dict[str, Any]]:
    """The agent to measure, the environment (None: a run's first game, else Kuhn poker), and its settings.

    A run plays as it was trained: prompt, decoding, temperature, longest answer, and in its games the illegal rule.
    """
    run = Path(what)
    if not (run / "config.json").is_file():
        return agent(what), env_id(env or "KuhnPoker"), {}
    settings = settings_of(run)
    as_trained = {name: settings[name] for name in AS_TRAINED if name in settings}
    games = settings.get("games") or [env_id("KuhnPoker")]
    game = games[0] if env is None else env_id(env)
    illegal = settings.get("illegal", "forfeit") if game in games else "forfeit"
    player = registry.agents.make("model", argument=str(best_of(run)), **as_trained)
    return player, game, {} if illegal == "forfeit" else {"illegal": illegal}


def settings_of(run: Path) -> dict[str, Any]:
    """The settings a run was started with. Raises RunError where the folder is no run of ours."""
    from sparring.trainers.run_folder import RunFolder

    settings = RunFolder(run).read_config()["config"]
    if not isinstance(settings, dict):
        raise ValueError(f"{run / 'config.json'} is damaged: its settings are no JSON object")
    return settings


def require_resumable(config: Any, run: Path, steps: int | None) -> None:
    """A resumed run keeps its settings: what is given beside --resume must not say otherwise. Raises ValueError."""
    from sparring.trainers.settings import restore

    started = restore(type(config), settings_of(run), run)
    if steps is not None and steps < getattr(started, "steps", 0):
        raise ValueError(f"steps can only be raised: {run} was started with {started.steps}, got {steps}")
    for field in fields(config):
        was, got = getattr(started, field.name), getattr(config, field.name)
        if field.name != "steps" and got not in (field.default, was):
            raise ValueError(f"{field.name} stays as the run was started, {was!r}, got {got!r}")


def split_lists(argv: list[str]) -> list[str]:
    """`--games A,B` and `--games=A,B` as `--games A B`."""
    words: list[str] = []
    for before, word in zip(["", *argv], argv, strict=False):
        if word.startswith("--games="):
            words += ["--games", *word.removeprefix("--games=").split(",")]
        else:
            words += word.split(",") if before == "--games" else [word]
    return words


def unknown_episode(episode: str, known: list[str]) -> str:
    """The nearest ids; the first and the last where none is near, since a run holds many thousands."""
    message = registry.unknown("episode", episode, known)
    if known and "; known: " in message:
        return f"unknown episode {episode!r}; {len(known)} are stored, from {known[0]!r} to {known[-1]!r}"
    return message


def store_of(run: Path) -> Path:
    """The store of a run folder, or the store itself."""
    return run / "episodes" if (run / "episodes").is_dir() else run


def best_of(run: Path) -> Path:
    """The best checkpoint of a run. Raises ValueError before the first, and where it is damaged."""
    from sparring.trainers.whole_files import SUMS, require_sealed

    best = run / "checkpoints" / "best"
    if not best.is_dir():
        raise ValueError(f"{run} has no checkpoint yet ({best} is missing)")
    if (best / SUMS).is_file():
        require_sealed(best)
    return best
