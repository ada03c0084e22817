"""Environments of other libraries that speak by a table of words: text to see, text to answer.

An answer that names no action is illegal: the environment does not see it, and the episode ends there, truncated.
"""

from __future__ import annotations

from typing import Any

import gymnasium
from pettingzoo import AECEnv

from sparring.envs.any_text import AnyText
from sparring.envs.text_seats import TextSeats, require_text
from sparring.envs.words.speaking import Speaker, WordedSituation
from sparring.envs.words.table import SeatWords, Words
from sparring.rollout.actions import Info, Unreadable

ONLY = "player_0"
LONGEST_TEXT = 50_000
LONGEST_ANSWER = 10_000


class WordedEnv(gymnasium.Wrapper[str, str, Any, Any]):
    """A Gymnasium environment that speaks."""

    def __init__(self, env: gymnasium.Env[Any, Any], words: Words, instructions: bool) -> None:
        """`instructions`: whether what is told begins with the rules. Raises UnfitWords."""
        super().__init__(env)
        for seat in words.seats:
            raise words.unfit("[seats]", f"an environment of one seat has no {seat!r}")
        self._words = words
        self._speaker = Speaker(words, SeatWords(ONLY), env.observation_space, env.action_space, instructions)
        self.observation_space, self.action_space = (
            AnyText(LONGEST_TEXT, min_length=0),
            AnyText(LONGEST_ANSWER, min_length=0),
        )
        self._seen: object = None
        self._said: Info = {}
        self._is_broken_off = self._has_begun = False
        self._name = env.spec.id if env.spec else type(env.unwrapped).__name__

    @property
    def instructions(self) -> str:
        """The rules: with `instructions=False` the text leaves them out."""
        return self._speaker.instructions

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Start an episode. The first info has the SHA-256 of the table."""
        self._seen, self._said = self.env.reset(seed=seed, options=options)
        self._is_broken_off, self._has_begun = False, True
        text, info = self._told(is_over=False)
        return text, {**info, "words": self._words.sha256}

    def step(self, action: str) -> tuple[str, Any, bool, bool, dict[str, Any]]:
        """Act by a word. RuntimeError before `reset`, TypeError for an action that is no text."""
        if not self._has_begun:
            raise RuntimeError(f"{self._name} has not begun: step was called before reset")
        require_text(action)
        if self._is_broken_off:
            return self._broken_off()
        try:
            meant: Any = self._speaker.read(action)
        except Unreadable:
            self._is_broken_off = True
            return self._broken_off()
        self._seen, reward, terminated, truncated, said = self.env.step(meant)
        self._said = self._speaker.judged(meant, said)
        text, info = self._told(is_over=bool(terminated or truncated))
        return text, reward, terminated, truncated, info

    def agent_situation(self, seat: str) -> WordedSituation:
        """What the seat sees now, as programs want it."""
        return self._speaker.situation(self._seen, self._said)

    def _told(self, is_over: bool) -> tuple[str, dict[str, Any]]:
        info: dict[str, Any] = self._speaker.info(self._seen, self._said)
        drawn = self.env.render() if self.env.render_mode == "ansi" else None
        if is_over:
            info = {name: value for name, value in info.items() if name not in ("legal_actions", "suggested_actions")}
        return self._speaker.text(self._seen, drawn, info.get("legal_actions", ())), info

    def _broken_off(self) -> tuple[str, float, bool, bool, dict[str, Any]]:
        text, info = self._told(is_over=True)
        return text, 0.0, False, True, {**info, "illegal": True}


class WordedSeats(TextSeats):
    """A PettingZoo environment, in which one seat acts at a time, that speaks. Its seats may have new names."""

    def __init__(self, env: AECEnv[Any, Any, Any], words: Words, instructions: bool) -> None:
        """Raises UnfitWords."""
        self._inner, self._words = env, words
        theirs = tuple(map(str, env.possible_agents))
        self._ours = dict(zip(theirs, words.named(theirs), strict=True))
        self._theirs = {ours: seat for seat, ours in self._ours.items()}
        super().__init__(
            tuple(self._theirs), AnyText(LONGEST_TEXT, min_length=0), AnyText(LONGEST_ANSWER, min_length=0)
        )
        self._speakers = {
            ours: Speaker(
                words,
                words.seats.get(seat, SeatWords(ours)),
                env.observation_space(seat),
                env.action_space(seat),
                instructions,
            )
            for ours, seat in self._theirs.items()
        }
        self.metadata = {**TextSeats.metadata, "name": str(env.metadata.get("name", "worded"))}
        self.render_mode = "ansi"

    def instructions(self, seat: str) -> str:
        """The rules, and what this seat alone is told: with `instructions=False` the text leaves them out."""
        self.require_seat(seat)
        return self._speakers[seat].instructions

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Start an episode. The first infos have the SHA-256 of the table."""
        self._inner.reset(seed=seed, options=options)
        self._begin(self._ours[self._inner.agent_selection])
        self._follow()
        for info in self.infos.values():
            info["words"] = self._words.sha256

    def step(self, action: str | None) -> None:
        """Act for `agent_selection` by a word; a seat whose game is over steps with None."""
        if self._over is False and (self.terminations[self.agent_selection] or self.truncations[self.agent_selection]):
            if action is not None:
                raise ValueError(f"the game of {self.agent_selection} is over: it steps with None")
            self._inner.step(None)
            self._follow()
            return
        super().step(action)

    def observe(self, agent: str) -> str:
        """What a seat is told."""
        self.require_begun()
        self.require_seat(agent)
        drawn = self._inner.render() if getattr(self._inner.unwrapped, "render_mode", None) == "ansi" else None
        legal: Any = self.infos.get(agent, {}).get("legal_actions", ())
        return self._speakers[agent].text(self._inner.observe(self._theirs[agent]), drawn, legal)

    def agent_situation(self, seat: str) -> WordedSituation:
        """What the seat sees now, as programs want it."""
        theirs = self._theirs[seat]
        return self._speakers[seat].situation(self._inner.observe(theirs), self._inner.infos[theirs])

    def close(self) -> None:
        """Close the environment."""
        self._inner.close()

    def _take_turn(self, seat: str, action: str) -> None:
        speaker = self._speakers[seat]
        try:
            meant = speaker.read(action)
        except Unreadable:
            self._break_off(seat)
            return
        self._inner.step(meant)
        judged = speaker.judged(meant, self._inner.infos.get(self._theirs[seat], {}))
        self._follow()
        if seat in self.infos and "illegal" in judged:
            self.infos[seat]["illegal"] = judged["illegal"]

    def _break_off(self, seat: str) -> None:
        self._clear_rewards()
        self._over = True
        self.truncations = dict.fromkeys(self.agents, True)
        self.infos = {one: {} for one in self.agents}
        self.infos[seat] = {"illegal": True}

    def _follow(self) -> None:
        """Take over what the environment says, under our names."""
        inner = self._inner
        self.agents = [self._ours[seat] for seat in inner.agents]
        if inner.agents:
            self.agent_selection = self._ours[inner.agent_selection]
        self.rewards = {self._ours[seat]: reward for seat, reward in inner.rewards.items()}
        self.terminations = {self._ours[seat]: over for seat, over in inner.terminations.items()}
        self.truncations = {self._ours[seat]: over for seat, over in inner.truncations.items()}
        self.infos = {self._ours[seat]: self._info(seat) for seat in inner.agents}
        self._cumulative_rewards = {seat: self._cumulative_rewards.get(seat, 0.0) for seat in self.rewards}
        self._accumulate_rewards()

    def _info(self, seat: str) -> dict[str, object]:
        """Only who is to move has legal actions."""
        inner, ours = self._inner, self._ours[seat]
        is_to_move = seat == inner.agent_selection and not inner.terminations[seat] and not inner.truncations[seat]
        if is_to_move:
            return self._speakers[ours].info(inner.observe(seat), inner.infos[seat])
        return {name: value for name, value in inner.infos[seat].items() if name != "action_mask"}
