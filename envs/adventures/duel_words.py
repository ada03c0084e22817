"""Names and sentences out of the themes, for a writer who only decides how a game is built."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from sparring.envs.adventures.hundred import ideas_of
from sparring.types import derive_seed

if TYPE_CHECKING:
    from sparring.envs.adventures.writing.desk import WriterDesk
    from sparring.envs.adventures.writing.slots import Slot


def fill_with_stock(desk: WriterDesk, seed: int) -> None:
    """Answer all slots up to the next one that asks how the game is built; the seed decides."""
    while desk.slot is not None and desk.slot.kind != "choice":
        slot = desk.slot
        rng = random.Random(derive_seed(seed, "stock", slot.name, desk.answers))
        said = rng.choice(slot.choices) if slot.choices else _name(desk, slot, rng)
        desk.answer(said if slot.kind == "name" or slot.choices else _sentence(slot, rng))


def idea_of(seed: int) -> str:
    """The idea of a seed: one of those of the hundred that are trained on."""
    return random.Random(derive_seed(seed, "idea")).choice(ideas_of("train"))


def _name(desk: WriterDesk, slot: Slot, rng: random.Random) -> str:
    """One that the game can take; "" where the themes have no more."""
    from sparring.envs.adventures.writing import stock

    names = stock.some_names(rng, slot.stock, 1_000)
    return next((name for name in names if name not in slot.examples and not desk.sketch.problem_of(name)), "")


def _sentence(slot: Slot, rng: random.Random) -> str:
    from sparring.envs.adventures.writing import stock

    known = stock.known_messages() if slot.name.startswith("message") else stock.known_sentences()
    return rng.choice([sentence for sentence in known if sentence not in slot.examples])
