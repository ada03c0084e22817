"""Whether a game is a new one: what is left of it without its words."""

from __future__ import annotations

import hashlib
import json

from sparring.envs.adventures.worlds.spec import Game

WORDS = frozenset({"text", "title", "theme", "intro", "message", "refusal", "origin", "skill", "verb", "version"})
"""Fields whose words do not make another game."""


def fingerprint(game: Game) -> str:
    """SHA-256 of map, things, actions and goal, with every name replaced by its place; other words do not count."""
    names = [room.name for room in game.rooms] + [thing.name for thing in game.things]
    places = {name: f"#{at}" for at, name in enumerate(names)}
    for thing in game.things:
        states = [state for group in thing.states for state in group]
        places |= {state: f"{places[thing.name]}.{at}" for at, state in enumerate(states) if state not in places}
    bare = _bare(game.model_dump(), places)
    return hashlib.sha256(json.dumps(bare, sort_keys=True).encode()).hexdigest()


def _bare(value: object, places: dict[str, str]) -> object:
    if isinstance(value, dict):
        return {name: _bare(item, places) for name, item in value.items() if name not in WORDS}
    if isinstance(value, list | tuple):
        return [_bare(item, places) for item in value]
    return places.get(value, value) if isinstance(value, str) else value
