"""Sparring: LLM agents that learn by playing.

The names below are the front door: `import sparring`, or `from sparring import Match, make_agent, play`. Each is loaded
when it is used first. Everything else stands in the packages: `sparring.registry`, `sparring.scoreboard`, ...
"""

from __future__ import annotations

TYPE_CHECKING = False  # what type checkers take for true; `typing` has it too, and is slow to import
if TYPE_CHECKING:
    from sparring.envs import make
    from sparring.protocols import Agent, LanguageModel, Player, Seat
    from sparring.registry import MissingExtra, UnknownName, make_agent
    from sparring.rollout.loop import Match, play
    from sparring.samples import Sample
    from sparring.sandbox import Sandbox
    from sparring.scoreboard.verify import verify
    from sparring.store.store import Store
    from sparring.types import (
        Call,
        Episode,
        Message,
        Observation,
        Policy,
        Reply,
        Sampling,
        Segment,
        Trajectory,
        Turn,
    )

__version__ = "0.1.0"
__all__ = [
    "Agent",
    "Call",
    "Episode",
    "LanguageModel",
    "Match",
    "Message",
    "MissingExtra",
    "Observation",
    "Player",
    "Policy",
    "Reply",
    "Sample",
    "Sampling",
    "Sandbox",
    "Seat",
    "Segment",
    "Store",
    "Trajectory",
    "Turn",
    "UnknownName",
    "make",
    "make_agent",
    "play",
    "verify",
]
_HOMES = {
    "sparring.envs": ("make",),
    "sparring.protocols": ("Agent", "LanguageModel", "Player", "Seat"),
    "sparring.registry": ("MissingExtra", "UnknownName", "make_agent"),
    "sparring.rollout.loop": ("Match", "play"),
    "sparring.samples": ("Sample",),
    "sparring.sandbox": ("Sandbox",),
    "sparring.scoreboard.verify": ("verify",),
    "sparring.store.store": ("Store",),
    "sparring.types": (
        *("Call", "Episode", "Message", "Observation", "Policy", "Reply", "Sampling", "Segment", "Trajectory", "Turn"),
    ),
}
"""The modules that the names come from."""

if not TYPE_CHECKING:  # for type checkers an unknown name stays unknown

    def __getattr__(name: str) -> object:
        """Load a name of the front door. Raises AttributeError with the nearest name."""
        import importlib

        for home, names in _HOMES.items():
            if name in names:
                value = globals()[name] = getattr(importlib.import_module(home), name)
                return value
        import difflib

        near = difflib.get_close_matches(name, __all__, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise AttributeError(f"module 'sparring' has no attribute {name!r}{hint}", name=name)


def __dir__() -> list[str]:
    """The names of the front door, loaded or not, and what is there already."""
    return sorted({*globals(), *__all__})
