"""Games for one player of TextArena (Guertler et al. 2025, arXiv 2504.11442) by their own names.

    sparring play textarena:GuessTheNumber-v0 --agents chat:smollm2

Options are those of the game's own class (`textarena:GuessTheNumber-v0:max_number=10`). The library draws from Python's
global generator; here every environment has a state of its own for it, so that games do not disturb each other. Its
code runs in this process. What TextArena shows is shown, the history of the game included.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Protocol

import gymnasium

from sparring import registry
from sparring.envs.any_text import AnyText, Info
from sparring.registry import EnvironmentRow, UnknownName, require, unknown

MOST_CHARACTERS = 10_000
"""Of an answer that is passed on."""
EXTRA = "textarena"
LOST = -1.0
"""What an invalid move costs in TextArena where a game says nothing else."""


class _State(Protocol):
    error_count: int


class _Arena(Protocol):
    state: _State

    def reset(self, num_players: int, seed: int | None = None) -> None: ...

    def get_observation(self) -> tuple[int, str]: ...

    def step(self, action: str) -> tuple[bool, Info]: ...

    def close(self) -> tuple[dict[int, float], dict[int, Info]]: ...


class TextArenaGame(gymnasium.Env[str, str]):
    """One game; the reward comes at its end, as TextArena gives it.

    `illegal` is true where the game calls a move invalid: it asks once more, and the second one in a row ends it. An
    answer that is no text of a possible length, or on which the game's own code fails, loses at once.
    """

    metadata = {"render_modes": []}

    def __init__(self, game: str, **options: object) -> None:
        """Raises ValueError for a game that one player cannot play, and for options that it does not know."""
        self.observation_space = AnyText(1_000_000, min_length=0)
        self.action_space = AnyText(MOST_CHARACTERS, min_length=0)
        self._game, self._options = game, options
        self._random = random.Random(0).getstate()
        self._arena = self._started(0)

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[str, Info]:
        """Start the game of a seed."""
        super().reset(seed=seed)
        self._arena = self._started(int(self.np_random.integers(2**31)) if seed is None else seed)
        return self._text(), {}

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        """Answer."""
        if not self.action_space.contains(action):
            return "The game is over: that is no answer.", LOST, True, False, _info(LOST, illegal=True)
        try:
            with self._own_random():
                done, _ = self._arena.step(action)
        except Exception:  # noqa: BLE001  (code of the game, on text that a model wrote)
            return "The game is over: it cannot read that.", LOST, True, False, _info(LOST, illegal=True)
        if not done:
            return self._text(), 0.0, False, False, {"illegal": self._arena.state.error_count > 0}
        rewards, told = self._arena.close()
        reward, ended = float(rewards[0]), told[0]
        reason = str(ended.get("reason") or "The game is over.")
        return reason, reward, True, False, _info(reward, illegal=bool(ended.get("invalid_move")))

    def _started(self, seed: int) -> _Arena:
        library = require("textarena", EXTRA)
        name = f"textarena:{self._game}"
        try:
            with self._own_random():
                arena: _Arena = library.make(self._game, **self._options)
                arena.reset(num_players=1, seed=seed)
        except AssertionError as error:
            raise ValueError(f"{name} is no game for one player: {error}") from error
        except TypeError as error:
            raise ValueError(f"{name} cannot be made with {self._options}: {error}") from error
        except LookupError as error:
            raise ValueError(f"{name} needs words of NLTK: run python -m nltk.downloader words") from error
        except Exception as error:  # some of its games have files missing, or do not import
            raise ValueError(f"{name} does not start: {type(error).__name__}: {error}") from error
        return arena

    def _text(self) -> str:
        with self._own_random():
            return self._arena.get_observation()[1].strip()

    @contextmanager
    def _own_random(self) -> Iterator[None]:
        """Python's global generator is this environment's meanwhile."""
        before = random.getstate()
        random.setstate(self._random)
        try:
            yield
        finally:
            self._random = random.getstate()
            random.setstate(before)


def _info(reward: float, illegal: bool) -> Info:
    return {"illegal": illegal, "metrics": {"score": reward}}


def text_arena_row(name: str) -> EnvironmentRow:
    """A game of TextArena's register. Raises UnknownName, MissingExtra."""
    known = require("textarena.envs.registration", EXTRA).ENV_REGISTRY
    if name not in known:
        raise UnknownName(unknown("TextArena game", name, known))
    row = f"textarena {version('textarena')}"
    return EnvironmentRow(name, TextArenaGame, "hosted", f"{name} of TextArena", kwargs={"game": name}, version=row)


registry.envs.schemes |= {"textarena": text_arena_row}
