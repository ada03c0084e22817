"""A compiled game of ours: its marked line at the end of every turn says score, end and room.

Jericho is under the GPL: it is imported in this process only.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import jericho

from .situation import Situation, clean

warnings.simplefilter("ignore")
MARK = re.compile(r"\[sparring (\d+) ([012]) (\d+) ([01]) ([a-z -]+)\]")
DIGITS = 24


class InformEngine:
    """The compiled games of a folder; a file's name is its number, in hexadecimal digits."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._loaded: Path | None = None

    def reset(self, seed: int) -> Situation:
        """Start the game of that number."""
        path = self._folder / f"{seed:0{DIGITS}x}.z8"
        if path != self._loaded:
            self._env = jericho.FrotzEnv(str(path), seed=1)
            self._loaded = path
        text, _ = self._env.reset()
        return self._situation(text)

    def step(self, command: str) -> Situation:
        """Play a command."""
        text, *_ = self._env.step(command)
        return self._situation(text)

    def plan(self, seed: int) -> list[str] | None:
        """Nothing is known: the solver of the game knows more."""
        return None

    def close(self) -> None:
        """Nothing was started."""

    def _situation(self, text: str) -> Situation:
        """Raises ValueError unless exactly one turn was played."""
        marks = list(MARK.finditer(text))
        if len(marks) != 1:
            raise ValueError(f"a turn ends with one mark, got {len(marks)} in {text[-200:]!r}")
        points, outcome, turn, accepted, room = marks[0].groups()
        return Situation(
            clean(text[: marks[0].start()]),
            float(points),
            won=outcome == "1",
            lost=outcome == "2",
            over=outcome != "0",
            understood=accepted == "1",
            room=room,
            turn=int(turn),
        )
