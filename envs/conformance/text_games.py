"""What our games of two seats promise beyond what any environment must: payoffs of zero sum, keys, spaces of text."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from gymnasium.spaces import Space

from sparring import registry

MAX_ACTIONS = 2_000
"""An episode longer than this counts as one that never ends."""
MAX_POSITIONS = 20
"""In how many positions of an episode, and for how many of its actions, each listed action is tried."""
HOSTILE = (
    "",
    " \n\t ",
    "\x00",
    "a" * 1_000_000,
    "[" * 10_000,
    "\ud800\udfff",
    "\U0001f0cf\U0001f4a5",
    "я ставлю",
    "下注",
    "9" * 5_000,
    "[]",
    "]bet[",
    "{0.__class__}%s%n",
)
"""Strings that no environment may choke on, nor take for a legal action."""

Transcript = list[tuple[object, ...]]


class TwoSeats(Protocol):
    """What is asked of a game: PettingZoo's interface, with texts to see and to answer."""

    possible_agents: list[str]
    agent_selection: str
    rewards: Mapping[str, float]
    terminations: Mapping[str, bool]
    truncations: Mapping[str, bool]
    infos: Mapping[str, Mapping[str, Any]]
    metadata: Mapping[str, object]

    def observation_space(self, agent: str) -> Space[str]: ...

    def action_space(self, agent: str) -> Space[str]: ...

    def reset(self, seed: int | None = None) -> None: ...

    def observe(self, agent: str) -> str: ...

    def step(self, action: str) -> None: ...


def check_text_game(env_id: str, episodes: int = 3, **kwargs: object) -> None:
    """Play an environment in every way the contract speaks of.

    episodes: how many seeds the random play covers. kwargs: the environment's own.
    Raises AssertionError naming the environment and what was expected.
    """

    def build() -> TwoSeats:
        env: TwoSeats = registry.envs.make(env_id, **kwargs)
        return env

    for seed in range(episodes):
        check_spaces(build(), seed)
        check_seed_fixes_the_episode(build, seed)
        check_reset_leaves_nothing(build, seed)
        check_legal_actions_are_accepted(build(), seed)
        check_payoff_sums_to_zero(build(), seed)
    check_interleaving(build)
    check_hostile_strings(build)
    check_state_keys(build(), episodes)


def check_spaces(env: TwoSeats, seed: int) -> None:
    """Every observation of every seat, and every action played, lies in its space; a space is one object."""
    for seat in env.possible_agents:
        _expect(env, env.observation_space(seat) is env.observation_space(seat), f"one observation space of {seat}")
        _expect(env, env.action_space(seat) is env.action_space(seat), f"one action space of {seat}")
    for mover, action in _episode(env, seed):
        for seat in env.possible_agents:
            seen = env.observe(seat)
            _expect(env, seen in env.observation_space(seat), f"observation in observation_space({seat!r}): {seen!r}")
        _expect(env, action in env.action_space(mover), f"action in action_space({mover!r}): {action!r}")
    for seat in env.possible_agents:
        seen = env.observe(seat)
        _expect(env, seen in env.observation_space(seat), f"last observation in observation_space: {seen!r}")


def check_seed_fixes_the_episode(build: Callable[[], TwoSeats], seed: int) -> None:
    """Equal seeds and actions give equal observations, rewards and infos, whatever the global generators do."""
    first, second = build(), build()
    random.seed(1)
    expected = _transcript(first, seed)
    random.seed(2)
    _expect(first, _transcript(second, seed) == expected, f"equal episodes of two instances with seed {seed}")


def check_reset_leaves_nothing(build: Callable[[], TwoSeats], seed: int) -> None:
    """An episode is the same on a fresh instance, after another episode, and after one that was broken off."""
    used = build()
    expected = _transcript(build(), seed)
    _transcript(used, seed + 1)
    _expect(used, _transcript(used, seed) == expected, f"the episode of seed {seed} after a finished one")
    used.reset(seed=seed + 2)
    used.step(_some_action(random.Random(0), used))
    _expect(used, _transcript(used, seed) == expected, f"the episode of seed {seed} after an unfinished one")


def check_interleaving(build: Callable[[], TwoSeats]) -> None:
    """Two instances stepped in turns, one reset with another seed midway, do not disturb each other."""
    env, other = build(), build()
    expected = _transcript(build(), 7)
    rng, steps = random.Random(7), random.Random(0)
    env.reset(seed=7)
    got = [_row(env)]
    while not _done(env):
        other.reset(seed=123)
        other.step(_some_action(steps, other))
        env.step(_some_action(rng, env))
        got.append(_row(env))
    _expect(env, got == expected, "the same episode while another instance plays")


def check_legal_actions_are_accepted(env: TwoSeats, seed: int) -> None:
    """Listed actions, legal or suggested, are accepted where they are listed, and reported as legal."""
    path = [action for _, action in _episode(env, seed)]
    for length in range(0, len(path), max(1, len(path) // MAX_POSITIONS)):
        listed = _listed(_replay(env, seed, path[:length]))
        for action in listed[:: max(1, len(listed) // MAX_POSITIONS)]:
            _replay(env, seed, path[:length])
            seat = env.agent_selection
            env.step(action)
            _expect(env, env.infos[seat].get("illegal") is False, f"illegal: False after the listed {action!r}")


def check_payoff_sums_to_zero(env: TwoSeats, seed: int) -> None:
    """Payoffs of a zero-sum game sum to 0, each reward is the sum of its parts, and the end is termination."""
    for _ in _episode(env, seed):
        pass
    _check_end(env)
    truncated = any(env.truncations.values())
    _expect(env, not (truncated and any(env.terminations.values())), "truncation is never termination")


def check_hostile_strings(build: Callable[[], TwoSeats]) -> None:
    """Any string is valid input: it never raises, and leaves zero-sum payoffs at a zero sum.

    It is illegal; in a conversation, where not all legal actions are listed, a text of the action space may be legal.
    """
    env = build()
    for text in HOSTILE:
        env.reset(seed=0)
        seat = env.agent_selection
        may_be_said = "legal_actions" not in env.infos[seat] and env.action_space(seat).contains(text)
        env.step(text)
        called = env.infos[seat].get("illegal")
        _expect(env, called is True or may_be_said, f"infos say illegal: True after {text[:20]!r}, got {called}")
        if _done(env):
            _check_end(env)
        for other in env.possible_agents:
            _expect(env, env.observe(other) in env.observation_space(other), f"a valid text after {text[:20]!r}")


def check_state_keys(env: TwoSeats, episodes: int) -> None:
    """Equal state keys of one seat come with equal texts and equal legal actions."""
    seen: dict[tuple[str, str], tuple[object, ...]] = {}
    for seed in range(10 * episodes):
        for seat, _ in _episode(env, seed):
            info = env.infos[seat]
            _expect(env, isinstance(info.get("state_key"), str), "a state_key, a string, for the seat to move")
            shown = (env.observe(seat), info.get("legal_actions"))
            known = seen.setdefault((seat, info["state_key"]), shown)
            _expect(env, known == shown, f"one text for one state_key: {known!r} and {shown!r}")


def _expect(env: TwoSeats, holds: bool, what: str) -> None:
    assert holds, f"{env.metadata.get('name', env)}: expected {what}"


def _check_end(env: TwoSeats) -> None:
    parts: dict[str, Any] = {seat: env.infos[seat].get("reward_parts") for seat in env.possible_agents}
    for seat, named in parts.items():
        _expect(env, isinstance(named, dict) and "payoff" in named, f"reward_parts with a payoff for {seat}")
        total = sum(named.values())
        _expect(env, abs(total - env.rewards[seat]) < 1e-9, f"the reward of {seat} to be the sum of {named}")
    payoffs = [named["payoff"] for named in parts.values()]
    if getattr(env, "zero_sum", True):
        _expect(env, abs(sum(payoffs)) < 1e-9, f"payoffs that sum to 0, got {payoffs}")


def _episode(env: TwoSeats, seed: int) -> Iterator[tuple[str, str]]:
    """Random legal play: yields (seat, action) before each step."""
    rng = random.Random(seed)
    env.reset(seed=seed)
    for _ in range(MAX_ACTIONS):
        if _done(env):
            return
        action = _some_action(rng, env)
        yield env.agent_selection, action
        env.step(action)
    raise AssertionError(f"{env.metadata.get('name', env)}: expected an end within {MAX_ACTIONS} actions")


def _replay(env: TwoSeats, seed: int, actions: list[str]) -> TwoSeats:
    env.reset(seed=seed)
    for action in actions:
        env.step(action)
    return env


def _transcript(env: TwoSeats, seed: int) -> Transcript:
    """Everything that an episode of random legal play shows."""
    rng = random.Random(seed)
    env.reset(seed=seed)
    rows = [_row(env)]
    while not _done(env):
        env.step(_some_action(rng, env))
        rows.append(_row(env))
    return rows


def _row(env: TwoSeats) -> tuple[object, ...]:
    texts = tuple(env.observe(seat) for seat in env.possible_agents)
    infos = {seat: {name: _plain(value) for name, value in info.items()} for seat, info in env.infos.items()}
    return texts, env.agent_selection, dict(env.rewards), dict(env.terminations), dict(env.truncations), infos


def _plain(value: object) -> object:
    return value.tolist() if hasattr(value, "tolist") else value


def _some_action(rng: random.Random, env: TwoSeats) -> str:
    listed = _listed(env)
    _expect(env, len(listed) > 0, "legal_actions or suggested_actions, not empty, for the seat to move")
    return rng.choice(listed)


def _listed(env: TwoSeats) -> tuple[str, ...]:
    info = env.infos[env.agent_selection]
    return tuple(info.get("legal_actions") or info.get("suggested_actions") or ())


def _done(env: TwoSeats) -> bool:
    return any(env.terminations.values()) or any(env.truncations.values())
