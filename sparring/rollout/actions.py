"""What a seat may do, and which action an answer names: text as it is, a number, a vector or a dict as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

MOST_LISTED = 1_000
"""Discrete actions that are listed as legal; a larger space is not."""
MOST_SUGGESTED = 64
"""Numbers in an action that is suggested."""
Info = Mapping[str, Any]
"""What an environment says beside an observation."""


class Unreadable(ValueError):
    """An answer is no action of the space."""


def action_of(space: object, answer: str) -> object:
    """The action that a text names in a space. Raises Unreadable.

    A text space takes it as it is. A number of a discrete space may stand in one pair of brackets.
    """
    if not isinstance(space, spaces.Space) or takes_text(space):
        return answer
    if isinstance(space, spaces.Discrete):
        return _discrete(space, answer)
    try:
        said = json.loads(answer)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"action {answer[:80]!r} is no JSON: {error}") from error
    action = _made(space, said)
    if not space.contains(action):
        raise Unreadable(f"action {answer[:80]!r} is not in {space}")
    return action


def takes_text(space: object) -> bool:
    """Whether a space takes an answer as it is: text, or a space that is not Gymnasium's."""
    return isinstance(space, spaces.Text) or not isinstance(space, spaces.Space)


def text_of_action(action: object) -> str:
    """The inverse of `action_of` for an action that is not text: `2`, `[0.5, -1.0]`, `{"grip": 1}`."""
    return json.dumps(_listed(action))


def _discrete(space: spaces.Discrete, answer: str) -> int:
    text = answer.strip()
    if text[:1] == "[" and text[-1:] == "]":
        text = text[1:-1].strip()
    digits = text.removeprefix("-")
    if len(text) > 20 or not (digits.isascii() and digits.isdecimal()):
        raise Unreadable(f"action {answer[:80]!r} is no number")
    first, action = int(space.start), int(text)
    if not first <= action < first + int(space.n):
        raise Unreadable(f"action {action} is not from {first} to {first + int(space.n) - 1}")
    return action


def _made(space: spaces.Space[Any], said: Any) -> object:
    """What was said as NumPy wants it; `contains` judges it."""
    try:
        if isinstance(space, spaces.Dict):
            return {name: _made(part, said[name]) for name, part in space.spaces.items()}
        if isinstance(space, spaces.Tuple):
            return tuple(_made(part, one) for part, one in zip(space.spaces, said, strict=True))
        if isinstance(space, spaces.Discrete):
            return int(said)
        if isinstance(space, spaces.Text):
            return said
        return np.asarray(said, dtype=space.dtype).reshape(space.shape)
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise Unreadable(f"it does not fit {space}: {error}") from error


def _listed(action: object) -> object:
    if isinstance(action, Mapping):
        return {name: _listed(value) for name, value in action.items()}
    if isinstance(action, tuple | list):
        return [_listed(value) for value in action]
    return action.tolist() if isinstance(action, np.ndarray | np.generic) else action


class Offered:
    """What a seat may do, for environments that do not say it themselves."""

    def __init__(self, space: object) -> None:
        self._space = None if takes_text(space) else space
        self.legal = _numbers(space)
        self.start = int(space.start) if isinstance(space, spaces.Discrete) else 0
        self.suggested = _examples(space)

    def read(self, answer: str) -> object:
        """The action that an answer names. Raises Unreadable."""
        return answer if self._space is None else action_of(self._space, answer)

    def beside(self, seen: object, info: Info) -> Info:
        """The info with the actions that are open."""
        if not (self.legal or self.suggested) or "legal_actions" in info or "suggested_actions" in info:
            return info
        if self.legal:
            mask = info.get("action_mask", seen.get("action_mask") if isinstance(seen, Mapping) else None)
            if mask is None:
                return {**info, "legal_actions": self.legal}
            return {**info, "legal_actions": tuple(str(self.start + at) for at in np.flatnonzero(np.asarray(mask)))}
        return {**info, "suggested_actions": self.suggested}


def _numbers(space: object) -> tuple[str, ...]:
    if not isinstance(space, spaces.Discrete) or space.n > MOST_LISTED:
        return ()
    return tuple(str(int(space.start) + index) for index in range(int(space.n)))


def _examples(space: object) -> tuple[str, ...]:
    """Some actions of a space of vectors: its lower end, its middle, its upper end."""
    if not isinstance(space, spaces.Box) or space.shape is None or int(np.prod(space.shape)) > MOST_SUGGESTED:
        return ()
    low, high = np.maximum(space.low, -1e3), np.minimum(space.high, 1e3)
    ends = [low, low + (high - low) / 2, high]
    return tuple(dict.fromkeys(text_of_action(end.astype(space.dtype)) for end in ends))
