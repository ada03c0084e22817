"""Jericho (Hausknecht et al. 2020, arXiv 1909.05398), hosted: a Z-machine game of yours.

Jericho comes with TextWorld and is under the GPL; only the process that plays imports it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Unpack

from sparring import registry
from sparring.envs.adventures.hosted.game import HostedGame, HostedOptions
from sparring.envs.adventures.hosted.worker import EngineSpec
from sparring.registry import require_installed

SUFFIX = re.compile(r"\.z[1-8]")
HEADER_BYTES = 64


@registry.envs.register(
    "sparring/Jericho-v0",
    family="adventures",
    skills=("language", "planning", "exploration"),
    extra="textworld",
    host="engine",
    unit="points",
)
class Jericho(HostedGame):
    """A game out of a Z-machine file.

    game: the path of a `.z1` to `.z8` file. Of a game that Jericho knows (Zork and some fifty others) there are score,
        end and admissible commands; of another one the text only, and the reward is 0.
    Needs the extra "textworld", which brings Jericho.
    """

    metadata = {**HostedGame.metadata, "name": "sparring/Jericho-v0"}
    distribution = "jericho"

    def __init__(self, game: str = "", **options: Unpack[HostedOptions]) -> None:
        require_installed("jericho", "textworld")
        super().__init__(EngineSpec("jericho", {"file": story_file(game)}), **options)


def story_file(game: str) -> str:
    """The path of a Z-machine game. Raises ValueError for what is none."""
    if not game:
        raise ValueError("Jericho-v0 needs a game file of yours: sparring/Jericho-v0:game=PATH (.z1 to .z8)")
    path = Path(game).expanduser().absolute()
    if not path.is_file():
        raise ValueError(f"game must be a file, and there is none at {game}")
    if not SUFFIX.fullmatch(path.suffix):
        raise ValueError(f"game must be a .z1 to .z8 file, got {path.name}")
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES or header[0] != int(path.suffix[2]):
        raise ValueError(f"{path.name} is no Z-machine game: its first byte must be {path.suffix[2]}, the version")
    return str(path)
