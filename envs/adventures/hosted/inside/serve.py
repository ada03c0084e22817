"""The loop of the process: an order comes in as JSON, what the engine says goes out as JSON."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any

from .situation import Engine

LOOK_SECONDS = 1.0
"""How often the process looks whether whoever started it is still there."""


def main() -> None:
    """Answer orders until nobody is left to give them. The arguments: descriptor, parent, engine, options."""
    descriptor, parent, name, options = sys.argv[-4:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever asks
    threading.Thread(target=_end_with, args=(int(parent),), daemon=True).start()
    pipe, engine = Connection(int(descriptor)), None
    while True:
        try:
            order = json.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            break
        try:
            engine = engine or build(name, json.loads(options))
            said: dict[str, Any] = {"said": carried_out(engine, order)}
        except Exception as error:  # noqa: BLE001  (told to whoever asked)
            traceback.print_exc()
            said = {"error": " ".join(f"{error}".split()) or type(error).__name__, "kind": _kind(error)}
        pipe.send_bytes(json.dumps(said).encode("utf-8"))
    os.killpg(0, signal.SIGKILL)  # with everything that the engine has started


def build(name: str, options: dict[str, Any]) -> Engine:
    """The engine of that name; its library is imported now."""
    if name == "textworld":
        from .textworld_engine import TextWorldEngine

        return TextWorldEngine(**options)
    if name == "jericho":
        from .jericho_engine import JerichoEngine

        return JerichoEngine(**options)
    if name == "textworld_express":
        from .express_engine import ExpressEngine

        return ExpressEngine(**options)
    from .scienceworld_engine import ScienceWorldEngine

    return ScienceWorldEngine(**options)


def carried_out(engine: Engine, order: dict[str, Any]) -> object:
    """What an order comes to: {"reset": seed}, {"step": command}, {"plan": seed}."""
    if "reset" in order:
        return engine.reset(order["reset"]).as_dict()
    if "step" in order:
        return engine.step(order["step"]).as_dict()
    return engine.plan(order["plan"])


def _kind(error: Exception) -> str:
    """Whether what was asked for was wrong, or the engine failed at it."""
    return "value" if isinstance(error, ValueError | KeyError | FileNotFoundError) else "engine"


def _end_with(parent: int) -> None:
    """Kill this process and all that it has started once its parent is gone, also while the engine hangs."""
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os.killpg(0, signal.SIGKILL)
