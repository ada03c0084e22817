"""What an executor on another machine is told of a world, and the world as that machine knows it.

    POST /act {"prompt": "In: What action should the robot take to pick up red cube?\\nOut:", "instruction": ..,
               "subgoal": {"verb", "thing", "relation", "where"}, "attempt": 0, "step": 0, "session": ..,
               "world": "sparring/TabletopControl-v0", "actions": 4, "state": [..], "hand": [x, y, z], "opening": 1.0,
               "positions": {name: [x, y, z]}, "facts": [["open", "drawer"], ..],
               "things": {name: {"verbs": [..], "holds": "in" | "on" | null}},
               "frame": {"camera", "shape": [h, w, 3], "base64": raw bytes, top row first} | null}
        -> {"action": [..]}
    GET /about -> {"executor": name, "frame": whether it looks at pictures}

The prompt is OpenVLA's (arXiv 2406.09246), the frame is what its kind needs; an executor of states reads the rest.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import cast, get_args

import numpy as np

from sparring.envs.robot.types import Array, Frame, Point, RenderingUnavailable, World
from sparring.robotics.words import RELATIONS, VERBS, Clause, Subgoal, Thing, Verb

PROMPT = "In: What action should the robot take to {subgoal}?\nOut:"
LARGEST = float(np.finfo(np.float32).max)
MOST_ACTIONS, MOST_NUMBERS, MOST_THINGS = 64, 4096, 256
"""Of a request: numbers of an action and of the state, and things."""


class BadMessage(ValueError):
    """A message that is not of this wire; the text says which field, and what would be right."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Which step of which attempt a message is about."""

    session: str
    subgoal: Subgoal
    attempt: int
    step: int
    """0 is the attempt's first."""


def message_of(world: World, moment: Moment, name: str, frame: Frame | None) -> dict[str, object]:
    """A request. Its facts and positions are the world's own."""
    things = {
        thing.name: {"verbs": [verb for verb in VERBS if verb in thing.verbs], "holds": thing.holds}
        for thing in world.things.values()
    }
    picture = {"camera": world.cameras[0], "shape": list(frame.shape)} if frame is not None else None
    return {
        "prompt": PROMPT.format(subgoal=moment.subgoal),
        "instruction": world.instruction,
        **asdict(moment),
        "world": name,
        "actions": len(world.rest(-1.0)),
        "state": world.state.tolist(),
        "hand": world.hand.tolist(),
        "opening": float(world.opening),
        "positions": {thing: world.position(thing).tolist() for thing in world.things},
        "facts": [[fact.name, *fact.arguments] for fact in world.facts()],
        "things": things,
        "frame": picture and {**picture, "base64": b64encode(cast(Frame, frame).tobytes()).decode()},
    }


class Told:
    """A world as a message tells it: everything can be asked, and nothing moved."""

    goal: tuple[Clause, ...] = ()
    cap = 0
    simulator = "told"

    def __init__(self, message: Mapping[str, object]) -> None:
        """Raises BadMessage naming the first field that is wrong."""
        self.metadata = {"name": _text(message, "world")}
        self.instruction = _text(message, "instruction")
        self.things = _things(message)
        self.state: Array = np.array(_numbers(message, "state", MOST_NUMBERS), np.float32)
        self.hand: Point = np.array(_numbers(message, "hand", 3, exactly=True))
        self.opening = _numbers({"opening": [message.get("opening")]}, "opening", 1)[0]
        self._actions = _whole(message, "actions", 1, MOST_ACTIONS)
        self._positions = _positions(message)
        self._facts = _facts(message)
        self.cameras, self._frame = _frame(message)

    def rest(self, grip: float) -> Array:
        """The action that moves nothing."""
        action = np.zeros(self._actions, np.float32)
        action[-1] = grip
        return action

    def evaluate(self, clause: Clause) -> bool:
        """Whether a clause was among the facts."""
        for thing in clause.arguments:
            self.position(thing)
        return clause in self._facts

    def facts(self) -> tuple[Clause, ...]:
        """What was told."""
        return self._facts

    def solved(self) -> bool:
        """Raises RuntimeError: the goal is not told."""
        raise RuntimeError("a world that was told of does not know its goal")

    def position(self, thing: str) -> Point:
        """Where a thing was said to be. Raises ValueError for one that was not told of."""
        if thing not in self._positions:
            raise ValueError(f"there is no {thing!r}; there is: {', '.join(self._positions)}")
        return self._positions[thing]

    def frame(self, camera: str, size: int = 128) -> Frame:
        """The picture that was sent, of its own size. Raises RenderingUnavailable where there was none."""
        if self._frame is None or camera not in self.cameras:
            raise RenderingUnavailable(f"the message brought no picture of the camera {camera!r}")
        return self._frame

    def advance(self, action: Array) -> None:
        """Raises RuntimeError: this world is elsewhere."""
        raise RuntimeError("a world that was told of cannot be moved")

    def knock(self, thing: str, shift: Sequence[float]) -> None:
        """Raises RuntimeError: this world is elsewhere."""
        raise RuntimeError("a world that was told of cannot be moved")


def moment_of(message: Mapping[str, object]) -> Moment:
    """Which step a request is about. Raises BadMessage."""
    said = _object(message, "subgoal")
    verb, relation, where = said.get("verb"), said.get("relation"), said.get("where")
    if verb not in VERBS:
        raise BadMessage(f"subgoal.verb must be one of {', '.join(VERBS)}, got {verb!r:.60}")
    if relation is not None and relation not in RELATIONS:
        raise BadMessage(f"subgoal.relation must be in, on or null, got {relation!r:.60}")
    if not (isinstance(where, str) if verb == "place" else where is None):
        raise BadMessage(f"subgoal.where must be a text with place, and null with other verbs, got {where!r:.60}")
    if (relation is None) != (where is None):
        raise BadMessage("subgoal.relation and subgoal.where must both be there, or neither")
    subgoal = Subgoal(verb, _text(said, "thing"), relation, _text(said, "where") if relation else None)
    attempt, step = (_whole(message, name, 0, 2**31) for name in ("attempt", "step"))
    return Moment(_text(message, "session"), subgoal, attempt, step)


def action_of(answer: object, length: int) -> Array:
    """The action of an answer, clipped to -1..1. Raises BadMessage naming what is wrong."""
    if not isinstance(answer, Mapping) or "action" not in answer:
        raise BadMessage(f'it must be {{"action": [{length} numbers]}}, got {answer!r:.80}')
    values = _numbers(answer, "action", length, exactly=True)
    clipped: Array = np.clip(np.array(values), -1, 1).astype(np.float32)
    return clipped


def _numbers(message: Mapping[str, object], name: str, most: int, exactly: bool = False) -> list[float]:
    values = message.get(name)
    if not isinstance(values, list) or len(values) > most or (exactly and len(values) != most):
        how_many = f"{most}" if exactly else f"at most {most}"
        got = f"{len(values)} of them" if isinstance(values, list) else f"{values!r:.60}"
        raise BadMessage(f"{name} must be a list of {how_many} numbers, got {got}")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
            raise BadMessage(f"{name} must hold finite numbers, got {value!r:.60}")
    return [float(value) for value in values]


def _is_finite(value: int | float) -> bool:
    """Whether 32 bits hold it."""
    return abs(value) <= LARGEST


def _text(message: Mapping[str, object], name: str) -> str:
    value = message.get(name)
    if not isinstance(value, str):
        raise BadMessage(f"{name} must be a text, got {value!r:.60}")
    return value


def _whole(message: Mapping[str, object], name: str, low: int, high: int) -> int:
    value = message.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadMessage(f"{name} must be a whole number from {low} to {high}, got {value!r:.60}")
    return value


def _object(message: Mapping[str, object], name: str) -> dict[str, object]:
    value = message.get(name)
    if not isinstance(value, dict) or len(value) > MOST_THINGS:
        raise BadMessage(f"{name} must be an object of at most {MOST_THINGS} entries, got {value!r:.60}")
    return value


def _things(message: Mapping[str, object]) -> dict[str, Thing]:
    things = {}
    for name in _object(message, "things"):
        said = _object(_object(message, "things"), name)
        verbs, holds = said.get("verbs"), said.get("holds")
        if not isinstance(verbs, list) or not all(verb in get_args(Verb) for verb in verbs):
            raise BadMessage(f"things.{name}.verbs must be a list of verbs, got {verbs!r:.60}")
        if holds is not None and holds not in RELATIONS:
            raise BadMessage(f"things.{name}.holds must be in, on or null, got {holds!r:.60}")
        things[name] = Thing(name, frozenset(verbs), holds)
    return things


def _positions(message: Mapping[str, object]) -> dict[str, Point]:
    said = _object(message, "positions")
    missing = set(_object(message, "things")) - set(said)
    if missing:
        raise BadMessage(f"positions must have every thing, {', '.join(sorted(missing))} is missing")
    return {name: np.array(_numbers(said, name, 3, exactly=True)) for name in said}


def _facts(message: Mapping[str, object]) -> tuple[Clause, ...]:
    facts = message.get("facts")
    if not isinstance(facts, list) or len(facts) > MOST_NUMBERS:
        raise BadMessage(f"facts must be a list, got {facts!r:.60}")
    for fact in facts:
        if not isinstance(fact, list) or not fact or not all(isinstance(word, str) for word in fact):
            raise BadMessage(f"every fact must be a list of texts, got {fact!r:.60}")
    return tuple(Clause(fact[0], tuple(fact[1:])) for fact in facts)


def _frame(message: Mapping[str, object]) -> tuple[tuple[str, ...], Frame | None]:
    if message.get("frame") is None:
        return (), None
    said = _object(message, "frame")
    height, width, deep = (int(value) for value in _numbers(said, "shape", 3, exactly=True))
    try:
        content = b64decode(_text(said, "base64"), validate=True)
    except ValueError as error:
        raise BadMessage("frame.base64 must be base64") from error
    if deep != 3 or min(height, width) < 1 or len(content) != height * width * 3:
        raise BadMessage(f"frame.base64 must hold height x width x 3 bytes, got {len(content)} for {said['shape']}")
    return (_text(said, "camera"),), np.frombuffer(content, np.uint8).reshape(height, width, 3)
