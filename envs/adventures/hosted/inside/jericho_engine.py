"""Jericho (Hausknecht et al. 2020, arXiv 1909.05398): one Z-machine game out of a file.

Where Jericho knows the game it reads score, end and valid actions from the game's memory; of any other game it knows
the text alone. Jericho is under the GPL: it is imported in this process only.
"""

from __future__ import annotations

import importlib.util
import re
import warnings
from pathlib import Path

import jericho

from .situation import Situation, clean

warnings.simplefilter("ignore")
PROMPT = re.compile(r"\n*>(?: {20,}[^\n]*)?\s*\Z")
"""The prompt, and behind it the status line, which the interpreter pads with blanks."""


WORD = re.compile("[a-z]{2,}")


def _words(text: str) -> set[tuple[str, str]]:
    """Every word as a possible name. Jericho keeps those that the game knows, and drops what cannot be examined."""
    return {(word, kind) for word in WORD.findall(text.lower()) for kind in ("NOUN", "ADJ")}


if importlib.util.find_spec("en_core_web_sm") is None:
    jericho.util.extract_objs = _words  # it would download a language model


class JerichoEngine:
    """The game of a file."""

    def __init__(self, file: str) -> None:
        self._name = Path(file).stem
        self._env = jericho.FrotzEnv(file, seed=1)
        self._known = bool(self._env.is_fully_supported)
        self._lists = self._known and self._env.act_gen is not None

    def reset(self, seed: int) -> Situation:
        """Start the game; the seed is that of the interpreter's random numbers."""
        self._env.seed(1 + abs(seed) % (2**31 - 2))
        text, _ = self._env.reset()
        return self._situation(text)

    def step(self, command: str) -> Situation:
        """Play a command."""
        text, *_ = self._env.step(command)
        return self._situation(text)

    def plan(self, seed: int) -> list[str] | None:
        """The walkthrough that Jericho has of a game that it knows; it holds for Jericho's own seed of the game."""
        return list(self._env.get_walkthrough()) or None

    def close(self) -> None:
        """Nothing was started."""

    def _situation(self, text: str) -> Situation:
        won = self._known and bool(self._env.victory())
        lost = self._known and bool(self._env.game_over()) and not won
        halted = bool(self._env.frotz_lib.halted())
        return Situation(
            clean(PROMPT.sub("", text)),
            float(self._env.get_score()) if self._known else 0.0,
            float(self._env.get_max_score()) if self._known else None,
            won,
            lost,
            won or lost or halted,
            sorted(self._env.get_valid_actions(use_parallel=False)) if self._lists else None,
            name=self._name,
        )
