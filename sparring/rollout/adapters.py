"""One way to play any environment: Gymnasium, PettingZoo AEC or PettingZoo parallel, whatever its spaces.

    game = adapt(env); step = game.reset(seed); step = game.step({"player_0": "bet"}); ...

A step says who is to move now and what they see, what everybody was paid, and whose game is over. Answers are text: a
discrete action is its number, a vector or a dict is JSON (`[0.5, -1]`). An answer that the action space cannot read is
an illegal action of the agent: the environment does not see it, and the episode ends there, truncated.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces

ONLY_SEAT = "player_0"
UNREADABLE = "unreadable_action"
"""The stop reason of an episode that an answer ended which the action space cannot read."""
MOST_LISTED = 1_000
"""Discrete actions that are listed as legal; a larger space is not."""
MOST_SUGGESTED = 64
"""Numbers in an action that is suggested."""
Info = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """What one seat sees."""

    seat: str
    seen: Any
    info: Info


@dataclass(frozen=True, slots=True)
class Step:
    """What an environment says after a reset or a step."""

    movers: tuple[View, ...]
    """Who is to move now: one seat, or several at once; nobody when the episode is over."""
    rewards: Mapping[str, float] = field(default_factory=dict)
    infos: Mapping[str, Info] = field(default_factory=dict)
    """By seat: what the environment says of the action before, and of the reward."""
    ended: tuple[View, ...] = ()
    """What seats see whose game is over."""
    truncated: bool = False
    unreadable: str | None = None
    """The seat whose answer could not be read."""


class Game(Protocol):
    """An environment as the rollout sees it."""

    seats: tuple[str, ...]

    def reset(self, seed: int) -> Step:
        """Start an episode."""
        ...

    def step(self, answers: Mapping[str, str]) -> Step:
        """Play the answers of everybody who is to move."""
        ...


def adapt(env: Any) -> Game:
    """The game of an environment of any of the three kinds; what is a game already is itself."""
    if hasattr(env, "seats") and not hasattr(env, "action_space"):
        game: Game = env
        return game
    if hasattr(env, "agent_iter"):
        return AecGame(env)
    return ParallelGame(env) if hasattr(env, "possible_agents") else GymnasiumGame(env)


class GymnasiumGame:
    """A Gymnasium environment: one seat, `player_0`."""

    def __init__(self, env: Any) -> None:
        self.env = env
        self.seats: tuple[str, ...] = (ONLY_SEAT,)
        self._offered = Offered(env.action_space)
        self._view: View | None = None

    def reset(self, seed: int) -> Step:
        """Start an episode."""
        return Step((self._see(*self.env.reset(seed=seed)),))

    def step(self, answers: Mapping[str, str]) -> Step:
        """Play the answer of the seat."""
        try:
            action = self._offered.read(answers[ONLY_SEAT])
        except Unreadable:
            return _unreadable(ONLY_SEAT, (self._view,) if self._view else ())
        seen, reward, terminated, truncated, info = self.env.step(action)
        view, over = self._see(seen, info), bool(terminated or truncated)
        return Step(
            () if over else (view,),
            {ONLY_SEAT: reward},
            {ONLY_SEAT: info},
            (view,) if over else (),
            bool(truncated and not terminated),
        )

    def _see(self, seen: Any, info: Info) -> View:
        self._view = View(ONLY_SEAT, seen, self._offered.beside(seen, info))
        return self._view


class AecGame:
    """A PettingZoo environment in which whoever `agent_selection` names acts next."""

    def __init__(self, env: Any) -> None:
        self.env, self.seats = env, tuple(env.possible_agents)
        self._offered = {seat: Offered(env.action_space(seat)) for seat in self.seats}

    def reset(self, seed: int) -> Step:
        """Start an episode."""
        self.env.reset(seed=seed)
        return self._step({}, {})

    def step(self, answers: Mapping[str, str]) -> Step:
        """Play the answer of the seat that is to move."""
        env, seat = self.env, self.env.agent_selection
        try:
            action = self._offered[seat].read(answers[seat])
        except Unreadable:
            return _unreadable(seat, [self._see(one) for one in env.agents])
        env.step(action)
        return self._step(dict(env.rewards), dict(env.infos))

    def _step(self, rewards: Mapping[str, float], infos: Mapping[str, Info]) -> Step:
        env, ended = self.env, []
        truncated = any(env.truncations.values()) and not any(env.terminations.values())
        while env.agents and (env.terminations[env.agent_selection] or env.truncations[env.agent_selection]):
            ended.append(self._see(env.agent_selection))
            env.step(None)
        movers = (self._see(env.agent_selection),) if env.agents else ()
        return Step(movers, rewards, infos, tuple(ended), truncated)

    def _see(self, seat: str) -> View:
        seen = self.env.observe(seat)
        return View(seat, seen, self._offered[seat].beside(seen, self.env.infos[seat]))


class ParallelGame:
    """A PettingZoo environment in which all seats act at once."""

    def __init__(self, env: Any) -> None:
        self.env, self.seats = env, tuple(env.possible_agents)
        self._offered = {seat: Offered(env.action_space(seat)) for seat in self.seats}
        self._views: tuple[View, ...] = ()

    def reset(self, seed: int) -> Step:
        """Start an episode."""
        seen, infos = self.env.reset(seed=seed)
        self._views = self._see(self.env.agents, seen, infos)
        return Step(self._views)

    def step(self, answers: Mapping[str, str]) -> Step:
        """Play the answers of all seats that are still in the game."""
        before, actions = tuple(self.env.agents), {}
        for seat in before:
            try:
                actions[seat] = self._offered[seat].read(answers[seat])
            except Unreadable:
                return _unreadable(seat, self._views)
        seen, rewards, terminations, truncations, infos = self.env.step(actions)
        over = [seat for seat in before if terminations[seat] or truncations[seat]]
        self._views = self._see([seat for seat in before if seat not in over], seen, infos)
        truncated = any(truncations.values()) and not any(terminations.values())
        return Step(self._views, rewards, infos, self._see(over, seen, infos), truncated)

    def _see(self, seats: Iterable[str], seen: Mapping[str, Any], infos: Mapping[str, Info]) -> tuple[View, ...]:
        return tuple(View(seat, seen[seat], self._offered[seat].beside(seen[seat], infos[seat])) for seat in seats)


class Unreadable(ValueError):
    """An answer is no action of the space."""


def action_of(space: Any, answer: str) -> Any:
    """The action that a text names in a space. Raises Unreadable.

    A text space takes it as it is. A number of a discrete space may stand in one pair of brackets.
    """
    if takes_text(space):
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


def takes_text(space: Any) -> bool:
    """Whether a space takes an answer as it is: text, or a space that is not Gymnasium's."""
    return isinstance(space, spaces.Text) or not isinstance(space, spaces.Space)


def text_of_action(action: Any) -> str:
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


def _made(space: Any, said: Any) -> Any:
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


def _listed(action: Any) -> Any:
    if isinstance(action, Mapping):
        return {name: _listed(value) for name, value in action.items()}
    if isinstance(action, tuple | list):
        return [_listed(value) for value in action]
    return action.tolist() if isinstance(action, np.ndarray | np.generic) else action


class Offered:
    """What a seat may do, for environments that do not say it themselves."""

    def __init__(self, space: Any) -> None:
        self._space = None if takes_text(space) else space
        self.legal = _numbers(space)
        self.start = int(space.start) if isinstance(space, spaces.Discrete) else 0
        self.suggested = _examples(space)

    def read(self, answer: str) -> Any:
        """The action that an answer names. Raises Unreadable."""
        return answer if self._space is None else action_of(self._space, answer)

    def beside(self, seen: Any, info: Info) -> Info:
        """The info with the actions that are open."""
        if not (self.legal or self.suggested) or "legal_actions" in info or "suggested_actions" in info:
            return info
        if self.legal:
            mask = info.get("action_mask", seen.get("action_mask") if isinstance(seen, Mapping) else None)
            if mask is None:
                return {**info, "legal_actions": self.legal}
            return {**info, "legal_actions": tuple(str(self.start + at) for at in np.flatnonzero(np.asarray(mask)))}
        return {**info, "suggested_actions": self.suggested}


def _numbers(space: Any) -> tuple[str, ...]:
    if not isinstance(space, spaces.Discrete) or space.n > MOST_LISTED:
        return ()
    return tuple(str(int(space.start) + index) for index in range(int(space.n)))


def _examples(space: Any) -> tuple[str, ...]:
    """Some actions of a space of vectors: its lower end, its middle, its upper end."""
    if not isinstance(space, spaces.Box) or space.shape is None or int(np.prod(space.shape)) > MOST_SUGGESTED:
        return ()
    low, high = np.maximum(space.low, -1e3), np.minimum(space.high, 1e3)
    ends = [low, low + (high - low) / 2, high]
    return tuple(dict.fromkeys(text_of_action(end.astype(space.dtype)) for end in ends))


def _unreadable(seat: str, views: Iterable[View]) -> Step:
    return Step((), {}, {seat: {"illegal": True}}, tuple(views), True, seat)
