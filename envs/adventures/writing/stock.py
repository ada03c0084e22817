"""What writers choose among: verbs and changes by skill; and examples out of the themes, which prompts show."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from typing import Literal

from sparring.envs.adventures.worlds.themes import themes_of

Example = Literal["room", "thing", "box", "key", "person", "furniture", "fixture", "machine", "door"]


@dataclass(frozen=True, slots=True)
class Change:
    """How a thing gets into another state."""

    skill: str
    verb: str
    before: str
    after: str
    station: str
    """What kind of thing it is done at."""

    def __str__(self) -> str:
        return f"{self.verb} it, from {self.before} to {self.after}"


CHANGES = (
    Change("cooking", "boil", "raw", "boiled", "a stove or a fire"),
    Change("cooking", "roast", "uncooked", "roasted", "an oven or a fire"),
    Change("cleaning", "wash", "dirty", "washed", "a tub or a sink"),
    Change("repairing", "mend", "broken", "mended", "a work bench"),
    Change("sharpening", "hone", "blunt", "honed", "a grinding stone"),
    Change("painting", "paint", "plain", "painted", "a paint stand"),
    Change("gardening", "sprinkle", "dry", "sprinkled", "a pump or a well"),
    Change("measuring", "weigh", "unweighed", "weighed", "a pair of scales"),
    Change("decoding", "decode", "coded", "decoded", "a machine or a big book"),
    Change("sewing", "stitch", "torn", "stitched", "a sewing table"),
    Change("operating", "charge", "flat", "charged", "a socket or a mill"),
    Change("blessing", "bless", "plain-looking", "blessed", "an altar or a statue"),
)
SEARCHES = ("rummage", "comb", "sift", "rake", "explore", "ransack", "probe", "shake")
HANDS = ("hand", "deliver", "lend", "bring", "return", "trade")
JOINS = ("glue", "bolt", "stack", "weave", "pin", "mix")
FITS = ("fit", "mount", "bolt", "hook", "wedge", "plug")
STARTS = ("crank", "launch", "ignite", "activate", "operate", "trigger")


@cache
def known_names(kind: Example) -> tuple[str, ...]:
    """Names of a kind out of the training themes."""
    found: dict[str, None] = {}
    for theme in themes_of("train"):
        names = {
            "room": theme.rooms,
            "thing": theme.clutter,
            "box": theme.containers,
            "key": theme.keys,
            "person": [row.name for row in theme.people],
            "furniture": theme.supporters,
            "fixture": theme.scenery,
            "machine": [row.name for row in theme.engines],
            "door": theme.doors,
        }[kind]
        found |= dict.fromkeys(names)
    return tuple(found)


@cache
def known_sentences() -> tuple[str, ...]:
    """Sentences about rooms and things out of the training themes."""
    themes = themes_of("train")
    return tuple(text for theme in themes for text in (*theme.rooms.values(), *theme.texts.values()))


@cache
def known_messages() -> tuple[str, ...]:
    """What players read when something worked."""
    return tuple(row.message for theme in themes_of("train") for row in theme.transforms)


def some_names(rng: random.Random, kind: Example, count: int) -> tuple[str, ...]:
    """Examples of names of a kind."""
    names = known_names(kind)
    return tuple(rng.sample(names, min(count, len(names))))
