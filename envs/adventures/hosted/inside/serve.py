"""The loop of the process: an order comes in as JSON, what the engine says goes out as JSON."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any

from .situation import Engine, Impossible

ENGINES = {
    "textworld": ".textworld_engine:TextWorldEngine",
    "inform": ".inform_engine:InformEngine",
    "jericho": ".jericho_engine:JerichoEngine",
    "textworld_express": ".express_engine:ExpressEngine",
    "scienceworld": ".scienceworld_engine:ScienceWorldEngine",
}
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
            said = {
                "error": " ".join(f"{error}".split()) or type(error).__name__,
                "impossible": isinstance(error, Impossible),
            }
        pipe.send_bytes(json.dumps(said).encode("utf-8"))
    if engine is not None:
        engine.close()
    os._exit(0)


def build(name: str, options: dict[str, Any]) -> Engine:
    """The engine of that name; its library is imported now."""
    module, _, kind = ENGINES[name].partition(":")
    engine: Engine = getattr(importlib.import_module(module, __package__), kind)(**options)
    return engine


def carried_out(engine: Engine, order: dict[str, Any]) -> object:
    """What an order comes to: {"reset": seed}, {"step": command}, {"plan": seed}."""
    if "reset" in order:
        return engine.reset(order["reset"]).as_dict()
    if "step" in order:
        return engine.step(order["step"]).as_dict()
    return engine.plan(order["plan"])


def _end_with(parent: int) -> None:
    """Kill this process and all that it has started once its parent is gone, also while the engine hangs."""
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os.killpg(0, signal.SIGKILL)
