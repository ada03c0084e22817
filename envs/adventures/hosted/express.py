"""TextWorldExpress (Jansen and Cote 2023, arXiv 2208.01174), hosted: eight games in a Java machine."""

from __future__ import annotations

from typing import Literal, Unpack, get_args

from sparring import registry
from sparring.envs.adventures.hosted.engines import require_java
from sparring.envs.adventures.hosted.game import HostedGame, HostedOptions
from sparring.envs.adventures.hosted.worker import EngineSpec
from sparring.envs.code.split_rng import Split

Game = Literal["cookingworld", "twc", "coin", "mapreader", "arithmetic", "sorting", "simonsays", "peckingorder"]


@registry.envs.register(
    "sparring/TextWorldExpress-v0",
    family="adventures",
    skills=("language", "planning", "commonsense"),
    extra="textworld-express",
    host="engine",
    unit="score",
)
class TextWorldExpress(HostedGame):
    """One of the eight games of TextWorldExpress; its score goes from 0 to 1, and a mistake may cost 1.

    game: cookingworld, twc (common sense), coin, mapreader, arithmetic, sorting, simonsays or peckingorder.
    parameters: in the engine's own words, `numLocations=3/includeDoors=0`, with a slash or a comma between them.
    split: "train" or "held_out"; the engine's folds of 1,000 games each, of which the seed names one.
    Needs the extra "textworld-express" and Java.
    """

    metadata = {**HostedGame.metadata, "name": "sparring/TextWorldExpress-v0"}
    distribution = "textworld-express"
    and_in_names = True

    def __init__(
        self, game: Game = "twc", parameters: str = "", split: Split = "train", **options: Unpack[HostedOptions]
    ) -> None:
        if game not in get_args(Game):
            raise ValueError(f"game must be one of {', '.join(get_args(Game))}, got {game!r}")
        require_java("textworld_express", "textworld-express")
        spec = EngineSpec("textworld_express", {"game": game, "parameters": parameters.replace("/", ",")})
        super().__init__(spec, split, **options)
