"""`program:COMMAND`: somebody else's agent, a program that knows nothing of Sparring, plays a seat.

One process plays one episode. For every observation it reads one line of JSON from its standard input,

    {"text": "Your card is K. ...", "legal_actions": ["check", "bet"], "suggested_actions": null, "turn": 0,
     "seat": "player_0", "info": {}}

and it writes its action as one line to its standard output; an action with line breaks as `{"action": "..."}`. What it
writes to its standard error is kept for messages about it. It asks its model at `OPENAI_BASE_URL`, with
`OPENAI_API_KEY`, under the name in `OPENAI_MODEL`: that is a session of its own. Its calls are recorded with the turn.

The program runs with the rights of whoever started Sparring, and is not in the sandbox, which has no network to reach
a model by. So it has to be allowed by name (`as_user=true`). All its processes are ended with the episode.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

from sparring import registry
from sparring.agents import models
from sparring.agents.models.loading import model_name
from sparring.agents.processes import Process, ProgramFailed
from sparring.agents.prompts import readable
from sparring.protocols import LanguageModel, Seat
from sparring.types import Observation, Policy, Reply, Sampling, Seen

if TYPE_CHECKING:
    from sparring.agents.endpoint import Session

TIMEOUT = 120.0
"""Seconds that a turn may take."""
AT_ONCE = 64
"""Programs that are waited for at one time."""


class ProgramAgent:
    """A program in a seat, with a model of ours behind it."""

    sampling: Sampling | None = None
    """The program decides how its tokens are drawn; each call says so."""
    has_process = True
    """So that no more games are played at one time than there may be processes."""

    def __init__(
        self,
        command: str,
        model: str | LanguageModel = "smollm2",
        *,
        timeout: float = TIMEOUT,
        trainable: bool = False,
        name: str | None = None,
    ) -> None:
        """`command`: its words, as a shell reads them. `timeout`: seconds that a turn may take.

        Raises ValueError for a command without words or with an open quote, and what `models.load` raises.
        """
        registry.require("starlette", "serve")
        registry.require("uvicorn", "serve")
        try:
            self.words = self.files = shlex.split(command)
        except ValueError as error:
            raise ValueError(f"command of a program: {error}, got {command!r}") from None
        if not self.words:
            raise ValueError("command of a program must name it, got none")
        if not 0 < timeout < 86_400:
            raise ValueError(f"timeout must be > 0 and < 86400 seconds, got {timeout}")
        self.model = models.load_shared(model_name(model)) if isinstance(model, str) else model
        self.timeout, self.trainable = timeout, trainable
        self.name = name or f"program:{command}:model={self.model.name}"

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Which weights act now."""
        return (models.policy_of(self.model, self.trainable),)

    def open(self, seat: Seat) -> ProgramPlayer:
        """A session for a process of its own, which starts with the first observation."""
        return ProgramPlayer(self, seat)


class ProgramPlayer:
    """One process, and what it asks."""

    def __init__(self, agent: ProgramAgent, seat: Seat) -> None:
        from sparring.agents.endpoint.server import shared_server

        self._agent, self._seat, self._server = agent, seat, shared_server()
        self._session = self._server.open_session(agent.model, trainable=agent.trainable, seed=seat.turn_seed(0))
        self._process: Process | None = None
        self._starting, self._closed = Lock(), False

    async def act(self, observation: Observation) -> Reply:
        """The program's next line. Raises TimeoutError, ProgramFailed, and what the model failed with."""
        loop = asyncio.get_running_loop()
        try:
            action = await loop.run_in_executor(_threads(), self._ask, _line(observation, self._seat))
        except (ProgramFailed, TimeoutError):
            if self._session.failure is not None:
                raise self._session.failure from None
            raise
        return Reply(action, self._session.calls(observation.turn), self._session.notes())

    def close(self, last: Seen | None) -> None:
        """End the program, whatever it is doing."""
        self._server.endpoint.remove(self._session)
        with self._starting:
            self._closed = True
        if self._process is not None:
            self._process.kill()

    def _ask(self, line: bytes) -> str:
        return _action(self._started().ask(line, self._agent.timeout))

    def _started(self) -> Process:
        with self._starting:
            if self._closed:
                raise ProgramFailed("the episode is over")
            if self._process is None:
                self._process = Process(self._agent.words, _environment(self._session), self._session.key)
            return self._process


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_ONCE, "sparring-program")


def _environment(session: Session) -> dict[str, str]:
    """The environment of a program: that of this process, without a key to another model."""
    ours = {"OPENAI_BASE_URL": session.base_url, "OPENAI_API_KEY": session.key, "OPENAI_MODEL": session.model.name}
    ours["NO_PROXY"] = ",".join(filter(None, (os.environ.get("NO_PROXY"), "127.0.0.1")))
    return {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")} | ours


def _line(observation: Observation, seat: Seat) -> bytes:
    """An observation as the program reads it. Raises ValueError where it shows arrays only."""
    said = {
        "text": readable(observation),
        "legal_actions": observation.legal_actions,
        "suggested_actions": observation.suggested_actions,
        "turn": observation.turn,
        "seat": seat.seat,
        "info": dict(observation.info),
    }
    return json.dumps(said).encode() + b"\n"


def _action(line: bytes) -> str:
    """The action in a line."""
    text = line.decode("utf-8", "replace").strip()
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return text
    named = isinstance(said, dict) and list(said) == ["action"] and isinstance(said["action"], str)
    return said["action"] if named else text


@registry.agents.register("program", family="programs of others", extra="serve")
def program(argument: str, *, model: str = "smollm2", as_user: bool = False, timeout: float = TIMEOUT) -> ProgramAgent:
    """A program that asks a model here through OpenAI's protocol: `program:COMMAND:model=MODEL:as_user=true`."""
    if not as_user:
        raise ValueError(
            f"program:{argument} would run with your rights, outside the sandbox: add :as_user=true if you would start "
            "it yourself"
        )
    return ProgramAgent(argument, model, timeout=timeout)
