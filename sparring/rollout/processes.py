"""An environment in a process of its own: what crashes or hangs there takes only its own episode with it.

A row with `host="process"` is played so. The process builds the environment from its id and options, and answers resets
and steps; whoever waits too long for it kills it.
"""

from __future__ import annotations

import multiprocessing
import pickle
import signal
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from sparring import registry
from sparring.rollout.adapters import Step, adapt

ENDING_SECONDS = 2.0
"""How long a process may take to close its environment."""


class ProcessGame:
    """A game that another process plays: `reset` and `step` as of any other, and `close` ends the process."""

    metadata = {"slow": True}

    def __init__(self, env_id: str, kwargs: Mapping[str, object], timeout: float) -> None:
        """Raises what the environment raises when it is built, and TimeoutError after `timeout` seconds."""
        self._timeout = timeout
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, env_id, dict(kwargs)), daemon=True)
        self.process.start()
        theirs.close()
        self.seats: tuple[str, ...] = self._answer()

    def reset(self, seed: int) -> Step:
        """Start an episode."""
        return self._ask("reset", seed)

    def step(self, answers: Mapping[str, str]) -> Step:
        """Play the answers of everybody who is to move."""
        return self._ask("step", dict(answers))

    def close(self) -> None:
        """End the process: by asking, then by force."""
        with suppress(OSError, ValueError):
            self._pipe.send(("close", None))
            self.process.join(ENDING_SECONDS)
        self._kill()

    def _ask(self, what: str, argument: object) -> Step:
        try:
            self._pipe.send((what, argument))
        except OSError as error:
            raise self._gone() from error
        step: Step = self._answer()
        return step

    def _answer(self) -> Any:
        """What the process says. Raises TimeoutError, and whatever the environment raised."""
        if not self._pipe.poll(self._timeout):
            self._kill()
            raise TimeoutError(f"the environment did not answer within {self._timeout:g} s, and its process was killed")
        try:
            kind, said = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise self._gone() from error
        if kind == "error":
            raise said
        return said

    def _gone(self) -> RuntimeError:
        self.process.join(ENDING_SECONDS)
        code = self.process.exitcode
        self._kill()
        return RuntimeError(f"the environment's process ended by itself, with exit code {code}")

    def _kill(self) -> None:
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self._pipe.close()


def _serve(pipe: Connection, env_id: str, kwargs: dict[str, object]) -> None:
    """In the other process: answer until it is told to end, or nobody is left to ask."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever asks
    env = None
    try:
        env = registry.envs.make(env_id, **kwargs)
        game = adapt(env)
        pipe.send(("done", game.seats))
        while (asked := pipe.recv())[0] != "close":
            try:
                pipe.send(("done", game.reset(asked[1]) if asked[0] == "reset" else game.step(asked[1])))
            except Exception as error:  # noqa: BLE001  (raised again where it was asked)
                pipe.send(("error", _sendable(error)))
    except (EOFError, OSError):
        return
    except Exception as error:  # noqa: BLE001
        pipe.send(("error", _sendable(error)))
    finally:
        if env is not None:
            with suppress(Exception):
                env.close()


def _sendable(error: Exception) -> Exception:
    """The error itself, or its words where it cannot travel."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001  (errors of others pickle in any way)
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
