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

    shown = {name for _, name in slot.examples}
    names = stock.some_names(rng, slot.stock, 1_000)
    return next((name for name in names if name not in shown and not desk.sketch.problem_of(name)), "")


def _sentence(slot: Slot, rng: random.Random) -> str:
    """One of the kind that the slot asks for, and that its prompt does not show."""
    from sparring.envs.adventures.writing import stock

    kinds = {
        "title": stock.known_titles,
        "intro": stock.known_intros,
        "ending": stock.known_endings,
        "message": stock.known_deeds,
    }
    known = kinds.get(slot.name.partition(":")[0], stock.known_places)
    shown = {sentence for _, sentence in slot.examples}
    return rng.choice([sentence for _, sentence in known() if sentence not in shown])
