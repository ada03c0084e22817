"""What writers choose among: verbs and changes by skill; and examples out of the themes, which prompts show."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from typing import Literal

from sparring.envs.adventures.worlds.themes import themes_of

Stock = Literal["room", "thing", "box", "key", "person", "furniture", "fixture", "machine", "door"]
Example = tuple[str, str]
"""What an answer was to, and the answer."""


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
def known_names(kind: Stock) -> tuple[str, ...]:
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
def known_places() -> tuple[Example, ...]:
    """Rooms and things, and a sentence about each."""
    themes = themes_of("train")
    return tuple(pair for theme in themes for pair in (*theme.rooms.items(), *theme.texts.items()))


@cache
def known_deeds() -> tuple[Example, ...]:
    """What was done, and what players read then."""
    rows = [row for theme in themes_of("train") for row in theme.transforms]
    return tuple((f"{row.verb} the {row.item} {row.preposition} the {row.second}", row.message) for row in rows)


@cache
def known_titles() -> tuple[Example, ...]:
    """Themes and titles."""
    return tuple((theme.name, title) for theme in themes_of("train") for title in theme.titles)


@cache
def known_intros() -> tuple[Example, ...]:
    """Themes and beginnings of stories."""
    return tuple((theme.name, intro) for theme in themes_of("train") for intro in theme.intros)


@cache
def known_endings() -> tuple[Example, ...]:
    """Themes, and what players read after winning."""
    return tuple((theme.name, row.won) for theme in themes_of("train") for row in theme.deliveries)


def some(rng: random.Random, examples: tuple[Example, ...], count: int) -> tuple[Example, ...]:
    """So many of the examples."""
    return tuple(rng.sample(examples, min(count, len(examples))))


def some_names(rng: random.Random, kind: Stock, count: int) -> tuple[str, ...]:
    """Names of a kind."""
    names = known_names(kind)
    return tuple(rng.sample(names, min(count, len(names))))
