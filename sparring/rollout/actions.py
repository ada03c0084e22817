"""What a seat may do, and which action an answer names: text as it is, a number, a vector or a dict as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

MOST_LISTED = 1_000
"""Discrete actions that are listed as legal; a larger space is not."""
MOST_SUGGESTED = 64
"""Numbers in an action that is suggested."""
WHERE = (0.0, 0.5, 1.0)
"""Places in a space at which actions are suggested."""
LISTS = (spaces.Box, spaces.MultiDiscrete, spaces.MultiBinary, spaces.Tuple)
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
    action = _made(space, _said(space, answer))
    if not space.contains(action):
        raise Unreadable(f"action {answer[:80]!r} is not in {space}")
    return action


def _said(space: spaces.Space[Any], answer: str) -> object:
    """The JSON of an answer. The outer brackets of a list may be missing, or stand around a dict. Raises Unreadable."""
    text = answer.strip()
    if isinstance(space, spaces.Dict) and text[:1] == "[" and text[-1:] == "]":
        text = text[1:-1]
    for written in (text, f"[{text}]") if isinstance(space, LISTS) else (text,):
        try:
            return json.loads(written, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            why = error
    raise Unreadable(f"action {answer[:80]!r} is no JSON: {why}")


def _no_number(word: str) -> object:
    raise ValueError(f"{word} is no number")


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
    """What was said as NumPy wants it; `contains` judges it. Nothing is rounded, cut or left out."""
    try:
        if isinstance(space, spaces.Dict):
            if set(said) != set(space.spaces):
                raise ValueError(f"the names must be {', '.join(space.spaces)}")
            return {name: _made(part, said[name]) for name, part in space.spaces.items()}
        if isinstance(space, spaces.Tuple):
            return tuple(_made(part, one) for part, one in zip(space.spaces, said, strict=True))
        if isinstance(space, spaces.Discrete):
            return _whole(said)
        if isinstance(space, spaces.Text):
            return said
        return _array(space, said)
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise Unreadable(f"it does not fit {space}: {error}") from error


def _whole(said: object) -> int:
    """A whole number. Raises ValueError for a truth value, a fraction or a text."""
    if type(said) is not int:
        raise ValueError(f"{said!r} is no whole number")
    return said


def _array(space: spaces.Space[Any], numbers: object) -> NDArray[Any]:
    """Numbers as the space holds them. Raises ValueError where that would change them, and for truth values."""
    said = np.asarray(numbers)
    if said.dtype.kind not in "iuf" or any(isinstance(one, bool) for one in np.asarray(numbers, object).flat):
        raise ValueError("it must be numbers")
    whole = np.issubdtype(space.dtype, np.integer)
    with np.errstate(over="ignore", invalid="ignore"):
        made = said.astype(space.dtype).reshape(space.shape)
    if not np.isfinite(made).all() or (whole and (made != said.reshape(space.shape)).any()):
        raise ValueError("these numbers cannot be held")
    return made


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
        self._is_discrete = isinstance(space, spaces.Discrete)
        self.start = int(space.start) if isinstance(space, spaces.Discrete) else 0
        self._allowed: tuple[str, ...] | None = None
        self.suggested = () if self.legal or self._space is None else _examples(space)

    def read(self, answer: str) -> object:
        """The action that an answer names. Raises Unreadable."""
        return answer if self._space is None else action_of(self._space, answer)

    def judged(self, action: object, info: Info) -> Info:
        """What the environment says of an action; one that its mask did not allow is illegal, if it says nothing."""
        if self._allowed is None or "illegal" in info:
            return info
        return {**info, "illegal": str(action) not in self._allowed}

    def beside(self, seen: object, info: Info) -> Info:
        """The info with the actions that are open."""
        self._allowed = None
        if not (self.legal or self.suggested) or "legal_actions" in info or "suggested_actions" in info:
            return info
        if self._is_discrete:
            mask = info.get("action_mask", seen.get("action_mask") if isinstance(seen, Mapping) else None)
            open_now = None if mask is None else np.flatnonzero(np.asarray(mask))
            if open_now is not None and len(open_now) <= MOST_LISTED:
                self._allowed = tuple(str(self.start + at) for at in open_now)
                return {**info, "legal_actions": self._allowed}
            if self.legal:
                return {**info, "legal_actions": self.legal}
        return {**info, "suggested_actions": self.suggested}


def _numbers(space: object) -> tuple[str, ...]:
    if not isinstance(space, spaces.Discrete) or space.n > MOST_LISTED:
        return ()
    return tuple(str(int(space.start) + index) for index in range(int(space.n)))


def _examples(space: object) -> tuple[str, ...]:
    """Some actions: the lower end of every part of the space, the middle, the upper end."""
    found = (_at(space, where) for where in WHERE)
    return tuple(dict.fromkeys(text_of_action(action) for action in found if action is not None and _is_short(action)))


def _at(space: object, where: float) -> object:
    """The action at a place from 0, the lower end, to 1, the upper end; None for a space that has no such places."""
    if isinstance(space, spaces.Dict | spaces.Tuple):
        parts = space.spaces.items() if isinstance(space, spaces.Dict) else enumerate(space.spaces)
        made = {name: _at(part, where) for name, part in parts}
        if any(part is None for part in made.values()):
            return None
        return made if isinstance(space, spaces.Dict) else tuple(made.values())
    if isinstance(space, spaces.Discrete):
        return int(space.start) + round((int(space.n) - 1) * where)
    if isinstance(space, spaces.MultiDiscrete):
        return (space.start + np.round((space.nvec - 1) * where)).astype(space.dtype)
    if isinstance(space, spaces.MultiBinary):
        return np.full(space.shape, round(where), space.dtype)
    if isinstance(space, spaces.Text):
        return ""
    if not isinstance(space, spaces.Box):
        return None
    low, high = np.maximum(space.low, -1e3), np.minimum(space.high, 1e3)
    return (low + (high - low) * where).astype(space.dtype)


def _is_short(action: object) -> bool:
    if isinstance(action, Mapping | tuple):
        return all(map(_is_short, action.values() if isinstance(action, Mapping) else action))
    return not isinstance(action, np.ndarray) or action.size <= MOST_SUGGESTED
