"""`openenv:URL`: an environment that an OpenEnv server serves, whoever wrote it, as a text environment of one seat.

Options of the id go into every reset beside the seed: `openenv:http://127.0.0.1:8000:split=test:index=3`.
"""

from __future__ import annotations

from contextlib import suppress

import gymnasium

from sparring import registry
from sparring.addresses import TOKEN
from sparring.envs.any_text import AnyText
from sparring.envs.remote.actions import ActionForm, action_form
from sparring.envs.remote.connection import WRONG_ACTION, Connection, Data, Refused, SessionLost, place_of
from sparring.envs.remote.frames import Frame, Info, frame_of, seed_of, shown
from sparring.envs.retrieval.wire.http import Service
from sparring.faults import ServerFailed
from sparring.registry import EnvironmentRow, require_installed

MOST_CHARACTERS = 1_000_000
"""Of an action that is sent."""
KNOCK_SECONDS = 10.0
"""Until a server must say what it serves."""


class OpenEnvGame(gymnasium.Env[str, str]):
    """A session on a server, kept from episode to episode.

    Where the server's action has one field, the text fills it, else the text must be a JSON object. A text that is no
    action, or that the server's schema refuses, is illegal: it ends the episode, truncated, as everywhere else.
    """

    metadata = {"render_modes": [], "slow": True}

    def __init__(self, url: str, split: str | None = None, index: int | None = None, **options: object) -> None:
        """Nothing is asked of the server before the first reset. `split`, `index`: which task, where it has tasks."""
        self.observation_space = AnyText(10 * MOST_CHARACTERS, min_length=0)
        self.action_space = AnyText(MOST_CHARACTERS, min_length=0)
        chosen = {"split": split, "index": index}
        self._url, self._place = url, f"the OpenEnv server at {place_of(url)}"
        self._options = options | {name: value for name, value in chosen.items() if value is not None}
        self._form: ActionForm | None = None
        self._connection: Connection | None = None
        self._text, self._is_playing = "", False

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[str, Info]:
        """Start the episode of a seed. Raises ServerFailed, TimeoutError."""
        super().reset(seed=seed)
        asked = self._options | (options or {})
        asked["seed"] = int(self.np_random.integers(2**31)) if seed is None else seed_of(seed)
        self._is_playing = False
        form = self._form = self._form or action_form(schema_of(self._url))
        text, info = self._shown(frame_of(self._place, self._begun(asked), after_reset=True))
        self._is_playing = True
        if not form.is_text and "legal_actions" not in info:
            text = f"{text}\n\nAn action is JSON with these fields: {form.in_words}"
        return text, info

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        """Play an action. Raises ServerFailed, TimeoutError; then the episode is lost."""
        if self._form is None or self._connection is None or not self._is_playing:
            raise RuntimeError(f"{self._place} has no episode in play: call reset first")
        self._is_playing = False
        try:
            payload = self._form.payload(self._of_possible_length(action))
        except ValueError as error:
            return self._illegal(str(error))
        try:
            frame = frame_of(self._place, self._connection.ask("step", payload))
        except Refused as error:
            if error.code == WRONG_ACTION:
                return self._illegal("the server does not take it as an action")
            raise
        self._is_playing = not frame.done
        text, info = self._shown(frame)
        return text, frame.reward, frame.done and not frame.truncated, frame.truncated, info

    def close(self) -> None:
        """End the session."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._is_playing = None, False

    def _begun(self, asked: Info) -> Data:
        """The answer to a reset. A session that the server gave up between two episodes is opened anew."""
        try:
            if self._connection is not None:
                with suppress(SessionLost):
                    return self._connection.ask("reset", asked)
            self._connection = Connection(self._url)
            return self._connection.ask("reset", asked)
        except (ServerFailed, TimeoutError):
            self.close()
            raise

    def _of_possible_length(self, action: str) -> str:
        if not self.action_space.contains(action):
            raise ValueError(f"an action must be text of at most {MOST_CHARACTERS} characters")
        return action

    def _shown(self, frame: Frame) -> tuple[str, Info]:
        self._text, info = shown(frame)
        if self._form is not None and self._form.choices and "legal_actions" not in info:
            info["legal_actions"] = self._form.choices
        return self._text, info

    def _illegal(self, why: str) -> tuple[str, float, bool, bool, Info]:
        return f"{self._text}\n\nThe episode is over: {why}.", 0.0, False, True, {"illegal": True}


def schema_of(url: str) -> dict[str, object]:
    """The JSON schema of a server's actions. Raises ServerFailed, ValueError for what is no address."""
    said = _service(url).ask("GET", "/schema")
    action = said.get("action") if isinstance(said, dict) else None
    if not isinstance(action, dict):
        raise ServerFailed(f"the OpenEnv server at {place_of(url)} must name its action in /schema, got {said!r:.80}")
    return action


def open_env_row(url: str) -> EnvironmentRow:
    """A server by its address. Raises ServerFailed where none answers, ValueError, MissingExtra."""
    require_installed("websockets", "serve")
    service = _service(url)
    if place_of(url) != url:
        raise ValueError(f"an id is recorded, so it must hold no name and password: openenv:{place_of(url)}")
    schema_of(url)
    status, _ = service.ask_plainly("GET", "/metadata")
    said = service.ask("GET", "/metadata") if status == 200 else {}
    facts = said if isinstance(said, dict) else {}
    name = f"{facts.get('name', 'an environment')} at {place_of(url)}"
    version = f"openenv {facts.get('version') or 'unknown'}"
    return EnvironmentRow(url, OpenEnvGame, "hosted", name, kwargs={"url": url}, version=version)


def _service(url: str) -> Service:
    return Service(url, KNOCK_SECONDS, "OpenEnv server", ServerFailed, TOKEN)


registry.envs.schemes |= {"openenv": open_env_row}
