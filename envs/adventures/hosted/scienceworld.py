"""ScienceWorld (Wang et al. 2022, arXiv 2203.07540), hosted: thirty tasks of primary-school science."""

from __future__ import annotations

from typing import Unpack

from sparring import registry
from sparring.envs.adventures.hosted.engines import require_java
from sparring.envs.adventures.hosted.game import HostedGame, HostedOptions
from sparring.envs.adventures.hosted.worker import EngineSpec
from sparring.envs.code.split_rng import Split
from sparring.registry import unknown

TASKS = (
    *("boil", "melt", "freeze", "change-the-state-of-matter-of"),
    *("use-thermometer", "measure-melting-point-known-substance", "measure-melting-point-unknown-substance"),
    *("power-component", "power-component-renewable-vs-nonrenewable-energy"),
    *("test-conductivity", "test-conductivity-of-unknown-substances"),
    *("find-living-thing", "find-non-living-thing", "find-plant", "find-animal", "grow-plant", "grow-fruit"),
    *("chemistry-mix", "chemistry-mix-paint-secondary-color", "chemistry-mix-paint-tertiary-color"),
    *("lifespan-longest-lived", "lifespan-shortest-lived", "lifespan-longest-lived-then-shortest-lived"),
    *("identify-life-stages-1", "identify-life-stages-2", "inclined-plane-determine-angle"),
    *("inclined-plane-friction-named-surfaces", "inclined-plane-friction-unnamed-surfaces"),
    *("mendelian-genetics-known-plant", "mendelian-genetics-unknown-plant"),
)


@registry.envs.register(
    "sparring/ScienceWorld-v0",
    family="adventures",
    skills=("language", "planning", "science"),
    extra="scienceworld",
    host="engine",
    unit="points",
)
class ScienceWorld(HostedGame):
    """A task of ScienceWorld; its score goes to 100, and a wrong answer costs 100 and ends it.

    task: one of the thirty, such as find-plant or boil.
    simplifications: in the engine's own words, such as `easy`, or `openDoors/teleportAction`.
    split: "train" or "held_out"; the engine's variations for training and testing, of which the seed names one.
    Listing the valid actions is most of a step's work: list_actions=False leaves it out.
    Needs the extra "scienceworld" and Java, with 1.5 GB of memory for each game that is played at a time.
    """

    metadata = {**HostedGame.metadata, "name": "sparring/ScienceWorld-v0"}
    distribution = "scienceworld"
    and_in_names = True

    def __init__(
        self,
        task: str = "find-plant",
        simplifications: str = "",
        split: Split = "train",
        **options: Unpack[HostedOptions],
    ) -> None:
        if task not in TASKS:
            raise ValueError(unknown("task of ScienceWorld", task, TASKS))
        require_java("scienceworld", "scienceworld")
        settings = {
            "task": task,
            "simplifications": simplifications.replace("/", ","),
            "lists": options.get("list_actions", True),
        }
        super().__init__(EngineSpec("scienceworld", settings), split, **options)
