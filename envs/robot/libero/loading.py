"""Importing LIBERO without what it does while it is imported: it prints, logs and chooses an OpenGL platform."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
from types import ModuleType

from sparring.envs.robot.drawing import environment_kept
from sparring.registry import MissingExtra, require

EXTRA = "libero"


def load(module: str) -> ModuleType:
    """A module of `libero.libero`. Raises MissingExtra with the command that installs it."""
    name = f"libero.libero.{module}"
    with environment_kept(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        require("mujoco", EXTRA)
        if os.environ.get("MUJOCO_GL") is None:
            os.environ["MUJOCO_GL"] = "glx"  # otherwise robosuite sets "egl" and fails where there is none
        try:
            return importlib.import_module(name)
        except ImportError as error:
            said = f'{error.name or "libero"} is not installed: run `pip install "sparring[{EXTRA}]"`'
            raise MissingExtra(said) from error
