"""One way to play any environment: Gymnasium, PettingZoo AEC or PettingZoo parallel, whatever its spaces.

    game = adapt(env); step = game.reset(seed); step = game.step({"player_0": "bet"}); ...

A step says who is to move now and what they see, what everybody was paid, and whose game is over. Answers are text: a
discrete action is its number, a vector or a dict is JSON (`[0.5, -1]`). An answer that the action space cannot read is
an illegal action of the agent: the environment does not see it, and the episode ends there, truncated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, SupportsFloat, cast

import gymnasium

from sparring.rollout.actions import Info, Offered, Unreadable
from sparring.rollout.situations import Situations
from sparring.situation import Situation

ONLY_SEAT = "player_0"
UNREADABLE = "unreadable_action"
"""The stop reason of an episode that an answer ended which the action space cannot read."""


@dataclass(slots=True)
class View:
    """What one seat sees."""

    seat: str
    seen: object
    info: Info
    situation: Situation | None = None


@dataclass(slots=True)
class Step:
    """What an environment says after a reset or a step."""

    movers: Sequence[View]
    """Who is to move now: one seat, or several at once; nobody when the episode is over."""
    rewards: Mapping[str, SupportsFloat] = field(default_factory=dict)
    infos: Mapping[str, Info] = field(default_factory=dict)
    """By seat: what the environment says of the action before, and of the reward."""
    ended: Sequence[View] = ()
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


class AecEnv(Protocol):
    """A PettingZoo environment in which one seat acts at a time, as far as it is used here."""

    possible_agents: Sequence[str]
    agents: Sequence[str]
    agent_selection: str
    rewards: Mapping[str, SupportsFloat]
    terminations: Mapping[str, bool]
    truncations: Mapping[str, bool]
    infos: Mapping[str, Info]

    def action_space(self, agent: str, /) -> object: ...
    def reset(self, seed: int | None = None) -> None: ...
    def observe(self, agent: str, /) -> object: ...
    def step(self, action: object, /) -> None: ...


BySeat = Mapping[str, object]


class ParallelEnv(Protocol):
    """A PettingZoo environment in which all seats act at once, as far as it is used here."""

    possible_agents: Sequence[str]
    agents: Sequence[str]

    def action_space(self, agent: str, /) -> object: ...
    def reset(self, seed: int | None = None) -> tuple[BySeat, Mapping[str, Info]]: ...
    def step(
        self, actions: BySeat, /
    ) -> tuple[BySeat, Mapping[str, SupportsFloat], Mapping[str, bool], Mapping[str, bool], Mapping[str, Info]]: ...


GymnasiumEnv = gymnasium.Env[object, object]


def adapt(env: object) -> Game:
    """The game of an environment of any of the three kinds; what is a game already is itself."""
    if hasattr(env, "seats") and not hasattr(env, "action_space"):
        return cast(Game, env)
    if hasattr(env, "agent_iter"):
        return AecGame(cast(AecEnv, env))
    if hasattr(env, "possible_agents"):
        return ParallelGame(cast(ParallelEnv, env))
    return GymnasiumGame(cast(GymnasiumEnv, env))


class GymnasiumGame:
    """A Gymnasium environment: one seat, `player_0`."""

    def __init__(self, env: GymnasiumEnv) -> None:
        self.env = env
        self.seats: tuple[str, ...] = (ONLY_SEAT,)
        space = env.action_space
        self._offered, self._situations = Offered(space), Situations(env, space)
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
        said = self._offered.judged(action, info)
        view, over = self._see(seen, info), bool(terminated or truncated)
        return Step(
            () if over else (view,),
            {ONLY_SEAT: reward},
            {ONLY_SEAT: said},
            (view,) if over else (),
            bool(truncated and not terminated),
        )

    def _see(self, seen: object, info: Info) -> View:
        shown = self._offered.beside(seen, info)
        self._view = View(ONLY_SEAT, seen, shown, self._situations.of(ONLY_SEAT, seen, info))
        return self._view


class AecGame:
    """A PettingZoo environment in which whoever `agent_selection` names acts next."""

    def __init__(self, env: AecEnv) -> None:
        self.env, self.seats = env, tuple(env.possible_agents)
        spaces = {seat: env.action_space(seat) for seat in self.seats}
        self._offered = {seat: Offered(space) for seat, space in spaces.items()}
        self._situations = {seat: Situations(env, space) for seat, space in spaces.items()}

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
            return _unreadable(seat, [self._see(other) for other in env.agents])
        env.step(action)
        infos = dict(env.infos)
        if seat in infos:
            infos[seat] = self._offered[seat].judged(action, infos[seat])
        return self._step(dict(env.rewards), infos)

    def _step(self, rewards: Mapping[str, SupportsFloat], infos: Mapping[str, Info]) -> Step:
        env, ended = self.env, []
        truncated = any(env.truncations.values()) and not any(env.terminations.values())
        while env.agents and (env.terminations[env.agent_selection] or env.truncations[env.agent_selection]):
            ended.append(self._see(env.agent_selection))
            env.step(None)
        movers = (self._see(env.agent_selection),) if env.agents else ()
        return Step(movers, rewards, infos, ended, truncated)

    def _see(self, seat: str) -> View:
        seen, info = self.env.observe(seat), self.env.infos[seat]
        return View(seat, seen, self._offered[seat].beside(seen, info), self._situations[seat].of(seat, seen, info))


class ParallelGame:
    """A PettingZoo environment in which all seats act at once."""

    def __init__(self, env: ParallelEnv) -> None:
        self.env, self.seats = env, tuple(env.possible_agents)
        spaces = {seat: env.action_space(seat) for seat in self.seats}
        self._offered = {seat: Offered(space) for seat, space in spaces.items()}
        self._situations = {seat: Situations(env, space) for seat, space in spaces.items()}
        self._views: Sequence[View] = ()

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
        judged = {seat: self._offered[seat].judged(actions[seat], infos[seat]) for seat in before}
        over = [seat for seat in before if terminations[seat] or truncations[seat]]
        self._views = self._see([seat for seat in before if seat not in over], seen, infos)
        truncated = any(truncations.values()) and not any(terminations.values())
        return Step(self._views, rewards, judged, self._see(over, seen, infos), truncated)

    def _see(self, seats: Iterable[str], seen: BySeat, infos: Mapping[str, Info]) -> Sequence[View]:
        return tuple([self._view(seat, seen[seat], infos[seat]) for seat in seats])

    def _view(self, seat: str, seen: object, info: Info) -> View:
        return View(seat, seen, self._offered[seat].beside(seen, info), self._situations[seat].of(seat, seen, info))


def _unreadable(seat: str, views: Sequence[View]) -> Step:
    return Step((), {}, {seat: {"illegal": True}}, views, True, seat)
