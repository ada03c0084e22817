"""`agentgym:URL`: an environment of AgentGym (arXiv 2406.04151) behind its HTTP server, with BabyAI's wire.

POST /create, /reset {id, data_idx}, /step {id, action}; the reward of a step is the change of `score`. The wire knows
no seed: the number of the task is the option `index`, else the seed.
"""

from __future__ import annotations

import json
from contextlib import suppress

import gymnasium

from sparring import registry
from sparring.addresses import TOKEN
from sparring.envs.any_text import AnyText
from sparring.envs.remote.connection import ANSWER_SECONDS, place_of
from sparring.envs.remote.frames import Info, finite, seed_of
from sparring.envs.retrieval.wire.http import Service
from sparring.faults import ServerFailed
from sparring.registry import EnvironmentRow

MOST_CHARACTERS = 1_000_000
"""Of an action that is sent."""


class AgentGymTask(gymnasium.Env[str, str]):
    """One environment of a server, kept from episode to episode.

    An action that is no Unicode text, or too long, is illegal: it ends the episode, truncated, and is not sent.
    """

    metadata = {"render_modes": [], "slow": True}

    def __init__(self, url: str, index: int | None = None) -> None:
        """Nothing is asked of the server before the first reset. `index`: the task, whatever the seed."""
        self.observation_space = AnyText(10 * MOST_CHARACTERS, min_length=0)
        self.action_space = AnyText(MOST_CHARACTERS, min_length=0)
        self._service = _service(url)
        self._place, self._index = f"the AgentGym server at {place_of(url)}", index
        self._id: int | None = None
        self._text, self._score, self._is_playing = "", 0.0, False

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[str, Info]:
        """Start a task. Raises ServerFailed."""
        super().reset(seed=seed)
        drawn = int(self.np_random.integers(2**31)) if seed is None else seed_of(seed)
        self._is_playing = False
        if self._id is None:
            self._id = self._created()
        answer = self._posted("/reset", {"id": self._id, "data_idx": drawn if self._index is None else self._index})
        self._text, self._score, done = self._read(answer)
        if done:
            raise ServerFailed(f"{self._place}: the episode is over at its reset")
        self._is_playing = True
        return self._text, {}

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        """Play an action. Raises ServerFailed; then the episode is lost."""
        if not self._is_playing:
            raise RuntimeError(f"{self._place} has no episode in play: call reset first")
        self._is_playing = False
        if not self.action_space.contains(action) or not _is_unicode(action):
            return f"{self._text}\n\nThe episode is over: that is no action.", 0.0, False, True, {"illegal": True}
        answer = self._posted("/step", {"id": self._id, "action": action})
        before = self._score
        self._text, self._score, done = self._read(answer)
        self._is_playing = not done
        return self._text, self._score - before, done, False, {}

    def close(self) -> None:
        """Give the environment back to the server."""
        if self._id is not None:
            with suppress(ServerFailed):
                self._posted("/close", {"id": self._id})
        self._id, self._is_playing = None, False

    def _created(self) -> int:
        said = self._posted("/create", {})
        id = said.get("id") if isinstance(said, dict) else said
        if type(id) is not int:
            raise ServerFailed(f"{self._place} must answer /create with an id, a whole number, got {said!r:.80}")
        return id

    def _posted(self, path: str, body: Info) -> object:
        return self._service.ask("POST", path, json.dumps(body).encode())

    def _read(self, answer: object) -> tuple[str, float, bool]:
        """Observation, score and whether it is over. Raises ServerFailed."""
        if not isinstance(answer, dict) or "error" in answer:
            raise ServerFailed(f"{self._place} answers {answer!r:.200}")
        text, done = answer.get("observation"), answer.get("done")
        if not isinstance(text, str) or not isinstance(done, bool):
            raise ServerFailed(f"{self._place} must answer with an observation, a text, and done, got {answer!r:.200}")
        return text, finite(self._place, "score", answer.get("score")), done


def agent_gym_row(url: str) -> EnvironmentRow:
    """A server by its address. Raises ServerFailed where none answers, ValueError."""
    _service(url).ask_plainly("GET", "/")
    summary = f"an environment of AgentGym at {place_of(url)}"
    return EnvironmentRow(url, AgentGymTask, "hosted", summary, kwargs={"url": url}, version="agentgym")


def _service(url: str) -> Service:
    return Service(url, ANSWER_SECONDS, "AgentGym server", ServerFailed, TOKEN)


def _is_unicode(text: str) -> bool:
    with suppress(UnicodeEncodeError):
        text.encode()
        return True
    return False


registry.envs.schemes |= {"agentgym": agent_gym_row}
