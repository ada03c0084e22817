"""What the protocol plays: the adventures to train on, and the targets where it measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sparring import registry
from sparring.registry import MissingExtra
from sparring.trainers.starling.settings import Settings

ADVENTURE, TEXTWORLD, EXPRESS = "sparring/Adventure-v0", "sparring/TextWorld-v0", "sparring/TextWorldExpress-v0"
ONE_THING = "numLocations=1/numItemsToPutAway=1/includeDoors=0"
"""The easiest common-sense games: one room, one thing to put away."""


@dataclass(frozen=True, slots=True)
class Target:
    """So many games of an environment: its seeds from 0 on."""

    name: str
    env_id: str
    kwargs: Mapping[str, object]
    games: int

    @property
    def spec(self) -> str:
        """The environment's id with its options, which says all of it."""
        return self.env_id + "".join(f":{name}={value}" for name, value in self.kwargs.items())

    @property
    def unlimited(self) -> Target:
        """The same games with their own limits."""
        return replace(self, kwargs={name: value for name, value in self.kwargs.items() if name != "max_turns"})

    def task(self, game: int) -> str:
        """What episodes call a game."""
        return f"{self.name}/game-{game}"


def training_games(settings: Settings) -> Target:
    """The adventures to pre-train on."""
    return _adventures("train", "train", settings.train_games, settings)


def target(name: str, settings: Settings) -> Target:
    """A target by its name."""
    if name == "held-out":
        return _adventures(name, "held_out", settings.held_out_games, settings)
    turns = {"max_turns": settings.target_turns}
    if name == "cooking":
        return Target(name, TEXTWORLD, {"kind": "cooking", "recipe": 1, "take": 1, **turns}, settings.target_games)
    return Target(name, EXPRESS, {"game": "twc", "parameters": ONE_THING, **turns}, settings.target_games)


def available(settings: Settings) -> tuple[list[Target], list[str]]:
    """The targets that can be played here, and a line about each of the others."""
    found: list[Target] = []
    missing: list[str] = []
    for name in settings.targets:
        one = target(name, settings)
        try:
            registry.envs.make(one.env_id, **one.kwargs).close()
            found.append(one)
        except MissingExtra as error:
            missing.append(f"{name} is left out: {error}")
    return found, missing


def _adventures(name: str, split: str, games: int, settings: Settings) -> Target:
    which: dict[str, object] = {"games": "hundred"}
    if settings.games == "seeded":
        which = {"games": games, "difficulty": settings.difficulty}
    return Target(name, ADVENTURE, {"split": split, **which, "max_turns": settings.max_turns}, games)
