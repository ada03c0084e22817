"""A text game of another engine as a Gymnasium environment: one seat, one command a step.

text ─► gate ─► the engine, in a process of its own ─► text, score, end
          └──► refused: the step is charged, the engine sees nothing
"""

from __future__ import annotations

from importlib.metadata import version
from typing import ClassVar, TypedDict

import gymnasium

from sparring.envs.adventures.gate import MOST_BYTES, Refused, gate
from sparring.envs.adventures.hosted.inside.situation import Situation
from sparring.envs.adventures.hosted.session import CommandLost, Session
from sparring.envs.adventures.hosted.worker import EngineSpec
from sparring.envs.any_text import SharedText
from sparring.envs.code.feedback import CHARSET, shown
from sparring.envs.code.split_rng import SPLITS, Split

MOST_OBSERVED = 20_000
"""Characters of an observation."""
SEEDS = 2**31
SUGGESTED = ("look", "inventory", "wait", "north", "south", "east", "west", "up", "down", "in", "out")
"""Commands of nearly every text adventure, for one whose engine lists none."""
Info = dict[str, object]
Step = tuple[str, float, bool, bool, Info]


class HostedOptions(TypedDict, total=False):
    """The options of every hosted game."""

    max_turns: int
    list_actions: bool
    render_mode: str | None


class HostedGame(gymnasium.Env[str, str]):
    """A game of a foreign engine. Any text is a valid action; none raises, hangs or ends the process.

    max_turns: after that many commands the episode is truncated.
    list_actions: whether `info["legal_actions"]` lists the engine's admissible commands; where an engine knows none,
        `info["suggested_actions"]` lists what is common in such games.

    The reward is the difference of the engine's score. `info` holds score, max_score, turns_left, and illegal: whether
    the gate or the engine refused the command. Raises EngineGone from `reset` and `step` where the engine cannot be
    brought back.
    """

    metadata: dict[str, object] = {"render_modes": ["ansi"], "render_fps": 1, "slow": True}
    distribution: ClassVar[str]
    """Whose version is recorded with every episode: another one may play the same seeds otherwise."""
    and_in_names: ClassVar[bool] = False
    """Whether names of the engine's things hold `and`, which its parser does not take for `then`."""

    def __init__(
        self,
        engine: EngineSpec,
        split: Split = "train",
        *,
        max_turns: int = 100,
        list_actions: bool = True,
        render_mode: str | None = None,
    ) -> None:
        self.max_turns, self.list_actions, self.render_mode = max_turns, list_actions, render_mode
        if max_turns < 1:
            raise ValueError(f"max_turns must be >= 1, got {max_turns}")
        if split not in SPLITS:
            raise ValueError(f"split must be 'train' or 'held_out', got {split!r}")
        self.split = split
        self.observation_space = SharedText(MOST_OBSERVED, min_length=0, charset=CHARSET)
        self.action_space = SharedText(MOST_BYTES, charset=CHARSET)
        self._session = Session(engine)
        self._now: Situation | None = None
        self._seen, self._over, self._turns = "", True, 0
        self._illegal = False

    def reset(self, *, seed: int | None = None, options: dict[str, object] | None = None) -> tuple[str, Info]:
        """Start the game of a seed; `options` are not used. Raises what the engine raises."""
        super().reset(seed=seed)
        self._number = int(self.np_random.integers(SEEDS)) if seed is None else int(seed)
        self._now = self._session.reset(self._engine_seed(self._number))
        self._turns, self._over, self._illegal = 0, self._now.over, False
        said = (self._introduction(), self._now.text)
        self._seen = shown("\n\n".join(part for part in said if part))[:MOST_OBSERVED]
        engine = f"{self.distribution} {version(self.distribution)}"
        return self._seen, self._info() | {"hidden": {"engine": engine}}

    def step(self, action: str) -> Step:
        """Play a command. After the end nothing happens any more."""
        if self._now is None or self._over:
            ended = self._now is not None and self._now.over
            return self._seen, 0.0, ended, not ended, self._info()
        self._turns += 1
        before = self._now.score
        self._seen, self._illegal = self._played(action)
        reward, terminated = self._now.score - before, self._now.over
        truncated = self._turns >= self.max_turns and not terminated
        self._over = terminated or truncated
        if self._over:
            self._session.close()
        info = self._info() | {"reward_parts": {"payoff": reward}}
        if self._over:
            info["metrics"] = self._metrics()
        return self._seen, reward, terminated, truncated, info

    def render(self) -> str | None:
        """The latest observation, with render_mode="ansi"."""
        return self._seen if self.render_mode == "ansi" else None

    def close(self) -> None:
        """Let go of the engine's process, which serves the next game."""
        self._session.close()

    def walkthrough(self, seed: int) -> list[str] | None:
        """Commands that win the game of a seed, where the engine knows them; for baselines and tests, never shown."""
        return self._session.plan(self._engine_seed(seed))

    def _engine_seed(self, seed: int) -> int:
        """What is held out has the numbers below 0."""
        return abs(seed) if self.split == "train" else ~abs(seed)

    def _introduction(self) -> str:
        """What is said before the first text of the game."""
        return f"Your task: {self._now.task}" if self._now is not None and self._now.task else ""

    def _played(self, action: str) -> tuple[str, bool]:
        """What is seen, and whether the command was refused."""
        try:
            self._now = self._session.step(gate(action, self.and_in_names))
        except Refused as reason:
            return f"Not played: {reason}.", True
        except CommandLost:
            return "Not played: the game does not take this command.", True
        return shown(self._now.text)[:MOST_OBSERVED], not self._now.understood

    def _info(self) -> Info:
        now = self._now
        if now is None:
            return {}
        info: Info = {"score": now.score, "turns_left": self.max_turns - self._turns, "illegal": self._illegal}
        if now.max_score is not None:
            info["max_score"] = now.max_score
        if now.name:
            info["task"] = now.name
        if self.list_actions and now.admissible is not None:
            info["legal_actions"] = tuple(filter(self._passes, now.admissible))
        elif self.list_actions:
            info["suggested_actions"] = SUGGESTED
        return info

    def _passes(self, command: str) -> bool:
        try:
            return bool(gate(command, self.and_in_names))
        except Refused:
            return False

    def _metrics(self) -> dict[str, float]:
        assert self._now is not None
        metrics = {"won": float(self._now.won), "lost": float(self._now.lost)}
        if self._now.max_score:
            metrics["score"] = self._now.score / self._now.max_score
        return metrics
