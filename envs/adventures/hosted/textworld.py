"""TextWorld (Cote et al. 2018, arXiv 1806.11532), hosted: the five kinds of `tw-make`, and game files.

Where we deviate: one command a step; what is won or lost is read from the quests, not from the text; the four seeds of
the generator are drawn from ours, even ones for training and odd ones for what is held out.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Unpack, get_args

from sparring import registry
from sparring.envs.adventures.hosted.game import HostedGame, HostedOptions
from sparring.envs.adventures.hosted.worker import EngineSpec
from sparring.envs.code.split_rng import Split
from sparring.registry import require_installed

Kind = Literal["custom", "simple", "cooking", "coin_collector", "treasure_hunter"]
DEFAULTS: Mapping[str, Mapping[str, object]] = {
    "custom": {"world_size": 5, "nb_objects": 10, "quest_length": 5, "quest_breadth": 1, "theme": "house"},
    "simple": {"rewards": "dense", "goal": "detailed"},
    "cooking": {
        **{"recipe": 1, "take": 1, "go": 1, "recipe_seed": None},
        **{"open": False, "cook": False, "cut": False, "drop": False},
    },
    "coin_collector": {"level": 5},
    "treasure_hunter": {"level": 5},
}
"""The parameters of each kind, under the names that `tw-make` gives them."""
MOST_ROOMS = 100
"""More do not fit into a game."""


@registry.envs.register(
    "sparring/TextWorld-v0",
    family="adventures",
    skills=("language", "planning", "exploration"),
    extra="textworld",
    host="engine",
    unit="points",
)
class TextWorld(HostedGame):
    """A text adventure of TextWorld, made from the seed, or out of a file.

    kind: custom, simple, cooking, coin_collector or treasure_hunter, with the parameters of `tw-make`:
        custom: world_size, nb_objects, quest_length, quest_breadth, theme ("house" or "basic");
        simple: rewards ("dense", "balanced", "sparse"), goal ("detailed", "brief", "none");
        cooking: recipe, take, go (1, 6, 9 or 12 rooms), open, cook, cut, drop, recipe_seed (else the seed decides);
        coin_collector: level 1 to 300 of at most 100 rooms; treasure_hunter: level 1 to 30.
    game: the path of a `.z8` file with TextWorld's `.json` beside it, instead of a kind.
    split: "train" or "held_out"; cooking and simple have other food in each.
    Needs the extra "textworld".
    """

    metadata = {**HostedGame.metadata, "name": "sparring/TextWorld-v0"}
    distribution = "textworld"

    def __init__(
        self,
        kind: Kind = "custom",
        game: str | None = None,
        split: Split = "train",
        world_size: int | None = None,
        nb_objects: int | None = None,
        quest_length: int | None = None,
        quest_breadth: int | None = None,
        theme: Literal["house", "basic"] | None = None,
        rewards: Literal["dense", "balanced", "sparse"] | None = None,
        goal: Literal["detailed", "brief", "none"] | None = None,
        recipe: int | None = None,
        take: int | None = None,
        go: int | None = None,
        open: bool | None = None,
        cook: bool | None = None,
        cut: bool | None = None,
        drop: bool | None = None,
        recipe_seed: int | None = None,
        level: int | None = None,
        **options: Unpack[HostedOptions],
    ) -> None:
        given: dict[str, object] = {
            **{"world_size": world_size, "nb_objects": nb_objects, "quest_length": quest_length},
            **{"quest_breadth": quest_breadth, "theme": theme, "rewards": rewards, "goal": goal, "recipe": recipe},
            **{"take": take, "go": go, "open": open, "cook": cook, "cut": cut, "drop": drop},
            **{"recipe_seed": recipe_seed, "level": level},
        }
        given = {name: value for name, value in given.items() if value is not None}
        require_installed("textworld", "textworld")
        super().__init__(_engine(kind, game, given, split), split, **options)


def _engine(kind: str, game: str | None, given: Mapping[str, object], split: str) -> EngineSpec:
    if game is not None:
        if given:
            raise ValueError(f"a game file takes no parameters of a kind, got {', '.join(given)}")
        return EngineSpec("textworld", {"kind": "file", "parameters": {}, "file": _file(game), "folder": ""})
    parameters = _checked(kind, given)
    if kind == "cooking":
        parameters["split"] = "train" if split == "train" else "test"
    if kind == "simple":
        parameters["test"] = split != "train"
    return EngineSpec("textworld", {"kind": kind, "parameters": parameters, "file": None, "folder": _folder()})


def _checked(kind: str, given: Mapping[str, object]) -> dict[str, object]:
    if kind not in DEFAULTS:
        raise ValueError(f"kind must be one of {', '.join(get_args(Kind))}, got {kind!r}")
    for name in given:
        if name not in DEFAULTS[kind]:
            raise ValueError(f"kind={kind} has no parameter {name!r}; it takes {', '.join(DEFAULTS[kind])}")
    parameters = {**DEFAULTS[kind], **given}
    for name, (least, most) in _ranges(kind, parameters).items():
        value = parameters[name]
        if not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"{name} of kind={kind} must be from {least} to {most}, got {value!r}")
    if kind == "cooking" and parameters["recipe_seed"] is not None and parameters["take"] == 0:
        raise ValueError("recipe_seed of kind=cooking needs take of 1 or more, got take 0")
    if kind == "cooking" and parameters["go"] not in (1, 6, 9, 12):
        raise ValueError(f"go of kind=cooking must be 1, 6, 9 or 12, got {parameters['go']!r}")
    if kind == "coin_collector" and _rooms(parameters["level"]) > MOST_ROOMS:
        raise ValueError(f"level={parameters['level']} of coin_collector has more than {MOST_ROOMS} rooms")
    return parameters


def _ranges(kind: str, parameters: Mapping[str, object]) -> dict[str, tuple[int, int]]:
    """The least and the most of the numbers."""
    if kind == "custom":
        return {"world_size": (1, 50), "nb_objects": (1, 100), "quest_length": (1, 20), "quest_breadth": (1, 5)}
    if kind == "cooking":
        recipe = parameters["recipe"]
        return {"recipe": (1, 5), "take": (0, recipe if isinstance(recipe, int) else 0)}
    return {"coin_collector": {"level": (1, 300)}, "treasure_hunter": {"level": (1, 30)}}.get(kind, {})


def _rooms(level: object) -> int:
    assert isinstance(level, int)
    return ((level - 1) // 100 + 1) * ((level - 1) % 100 + 1)


def _file(game: str) -> str:
    path = Path(game).expanduser().absolute()
    if not path.is_file():
        raise ValueError(f"game must be a file, and there is none at {game}")
    if path.suffix != ".z8":
        raise ValueError(f"game must be a .z8 file, got {path.name}")
    if not path.with_suffix(".json").is_file():
        raise ValueError(f"{path.name} has no {path.stem}.json beside it: play it as sparring/Jericho-v0:game={game}")
    return str(path)


_folders: dict[int, str] = {}


def _folder() -> str:
    """Where this process keeps compiled games: made when first needed, removed at its end."""
    if os.getpid() not in _folders:
        _folders[os.getpid()] = tempfile.mkdtemp(prefix="sparring-textworld-")
    return _folders[os.getpid()]


def _remove_folder() -> None:
    if folder := _folders.pop(os.getpid(), None):
        shutil.rmtree(folder, ignore_errors=True)


atexit.register(_remove_folder)
