"""Worlds by name: "fiction", "fiction:size=5000:seed=3", "atlas", "hotpotqa:file=hotpot_dev_distractor_v1.json"."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from sparring.envs.retrieval.types import World
from sparring.envs.retrieval.worlds import atlas, fiction
from sparring.envs.retrieval.worlds.files.beir import load_beir
from sparring.envs.retrieval.worlds.files.flashrag import load_flashrag, load_search_r1, load_sim_rag
from sparring.envs.retrieval.worlds.files.musique import load_musique
from sparring.envs.retrieval.worlds.files.topiocqa import load_topiocqa
from sparring.envs.retrieval.worlds.files.triviaqa import load_triviaqa
from sparring.envs.retrieval.worlds.files.wikipedia_hops import load_2wiki, load_hotpotqa
from sparring.envs.retrieval.worlds.geography import Geography
from sparring.envs.retrieval.worlds.injections import write_injections
from sparring.envs.retrieval.worlds.world import GeographicWorld
from sparring.registry import UnknownName, unknown
from sparring.specs import parse_spec, typed_options


def load_world(spec: str) -> World:
    """The world that a spec names.

    Raises UnknownName with the nearest names, ValueError for an option that is wrong, MissingExtra with the command
    that installs what is not there, BadFile (a ValueError) with file, row and field, and OSError.
    """
    parsed = parse_spec(spec)
    if parsed.name not in WORLDS:
        raise UnknownName(unknown("world", parsed.name, WORLDS))
    if parsed.argument is not None:
        raise ValueError(f"the world {parsed.name!r} takes options only, such as {parsed.name}:size=..., got {spec!r}")
    return _load(spec, tuple(_stamp(value) for value in parsed.options.values()))


def _stamp(value: str) -> tuple[int, int] | None:
    """What changes when the file does, where an option names one."""
    try:
        found = Path(value).stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=4)
def _load(spec: str, stamps: tuple[tuple[int, int] | None, ...]) -> World:
    """The environments of a process share a world: it never changes."""
    parsed = parse_spec(spec)
    build = WORLDS[parsed.name]
    options = typed_options(f"the world {parsed.name!r}", build, parsed.options)
    return build(spec, **options)


def load_fiction(spec: str, /, size: int = 2000, seed: int = 0, injections: int = 0) -> GeographicWorld:
    """An invented geography of about `size` passages, and `injections` passages that forge what is none of theirs."""
    geography = fiction.invent_geography(size, seed)
    return _world(spec, f"fiction/{size}/{seed}", geography, fiction.LICENCE, injections)


def load_atlas(spec: str, /, size: atlas.Size = "normal", injections: int = 0) -> GeographicWorld:
    """The real geography; "large" with cities of 500 inhabitants and more."""
    geography = atlas.read_geography(size)
    return _world(spec, f"atlas/{size}/{atlas.package_versions()}", geography, atlas.LICENCE, injections)


def _world(spec: str, identity: str, geography: Geography, licence: str, injections: int) -> GeographicWorld:
    return GeographicWorld(spec, identity, geography, licence, write_injections(identity, geography, injections))


WORLDS: dict[str, Callable[..., World]] = {
    "fiction": load_fiction,
    "atlas": load_atlas,
    "hotpotqa": load_hotpotqa,
    "2wiki": load_2wiki,
    "musique": load_musique,
    "triviaqa": load_triviaqa,
    "topiocqa": load_topiocqa,
    "flashrag": load_flashrag,
    "beir": load_beir,
    "search-r1": load_search_r1,
    "sim-rag": load_sim_rag,
}
