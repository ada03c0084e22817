"""Pictures of a MuJoCo model, drawn where they are asked for: no display and no graphics card are needed.

MuJoCo draws through GLFW (a display), EGL (a graphics driver) or OSMesa (software). `MUJOCO_GL` chooses one; where
nothing is set, the first that works is taken. What works is tried in a process of its own, because a platform that
failed keeps the others from being loaded.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Protocol, cast
from weakref import WeakSet

import numpy as np

from sparring.envs.robot.types import Frame, RenderingUnavailable
from sparring.registry import require

PLATFORMS = ("egl", "osmesa")
TRY = "import mujoco; context = mujoco.GLContext(32, 32); context.make_current(); context.free()"
TRY_SECONDS = 60
CHOICES = ("MUJOCO_GL", "PYOPENGL_PLATFORM")
LARGEST = 1024
"""Pixels on a side."""
MOST_GEOMS = 3000
HELP = "install libosmesa6 (apt-get install libosmesa6) or libegl1, or set MUJOCO_GL to a platform that works"


class _Context(Protocol):
    def make_current(self) -> None: ...

    def free(self) -> None: ...


class Drawer:
    """Draws one model; made when the first picture is asked for, and `close`d with the simulator."""

    def __init__(self, model: object, hidden: tuple[int, ...] = ()) -> None:
        """`model`: an MjModel; `hidden`: groups of geoms that are not shown. Raises RenderingUnavailable."""
        self._mujoco = require("mujoco", "robot")
        self._model = model
        sizes = self._model.vis.global_  # type: ignore[attr-defined]
        sizes.offwidth, sizes.offheight = max(sizes.offwidth, LARGEST), max(sizes.offheight, LARGEST)
        self._context, self._drawing = _begin(model, LARGEST)
        self._scene = self._mujoco.MjvScene(model, maxgeom=MOST_GEOMS)
        self._option = self._mujoco.MjvOption()
        for group in hidden:
            self._option.geomgroup[group] = 0
        self._mujoco.mjr_setBuffer(self._mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._drawing)
        if not _drawers:
            atexit.register(_close_all)  # now: a platform's own ending, registered before, comes after it
        _drawers.add(self)

    def draw(self, data: object, camera: int, size: int) -> Frame:
        """[size, size, 3] as a fixed camera sees it, the top row first."""
        require_size(size)
        mujoco = self._mujoco
        self._context.make_current()
        view = mujoco.MjvCamera()
        view.type, view.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, camera
        everything = mujoco.mjtCatBit.mjCAT_ALL
        mujoco.mjv_updateScene(self._model, data, self._option, None, view, everything, self._scene)
        rectangle = mujoco.MjrRect(0, 0, size, size)
        mujoco.mjr_render(rectangle, self._scene, self._drawing)
        pixels: Frame = np.empty((size, size, 3), np.uint8)
        mujoco.mjr_readPixels(pixels, None, rectangle, self._drawing)
        return np.ascontiguousarray(pixels[::-1])

    def close(self) -> None:
        """Free what the picture buffers hold."""
        _drawers.discard(self)
        self._context.make_current()
        self._drawing.free()
        self._context.free()


_drawers: WeakSet[Drawer] = WeakSet()


def _close_all() -> None:
    for drawer in list(_drawers):
        drawer.close()


def require_size(size: object) -> None:
    """Raises ValueError for what is no number of pixels that can be drawn."""
    if type(size) is not int or not 1 <= size <= LARGEST:
        raise ValueError(f"size must be a whole number from 1 to {LARGEST}, got {size!r}")


@contextlib.contextmanager
def environment_kept() -> Iterator[None]:
    """What loads OpenGL writes its choice into the environment, where it would bind processes that start later."""
    before = {name: os.environ.get(name) for name in CHOICES}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


_failed: list[str] = []
"""Why this process cannot draw: a second try of the same OpenGL takes long, and may end the process."""


def _begin(model: object, size: int) -> tuple[_Context, Any]:
    """A context that is current, and the MjrContext in it. Raises RenderingUnavailable."""
    if _failed:
        raise RenderingUnavailable(_failed[0])
    try:
        return _context_of(model, platform(), size)
    except RenderingUnavailable as error:
        _failed.append(str(error))
        raise


def _context_of(model: object, name: str, size: int) -> tuple[_Context, Any]:
    mujoco = require("mujoco", "robot")
    try:
        with environment_kept(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # GLFW warns of what it then fails by
            context = cast(_Context, importlib.import_module(f"mujoco.{name}").GLContext(size, size))
            context.make_current()
            return context, mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
    except Exception as error:  # of OpenGL's bindings, which raise anything
        raise RenderingUnavailable(f"MuJoCo cannot draw through {name} ({type(error).__name__}): {HELP}") from error


@lru_cache(maxsize=1)
def platform() -> str:
    """The platform that draws here: what MUJOCO_GL says, or the first that works. Raises RenderingUnavailable."""
    chosen = os.environ.get("MUJOCO_GL", "").strip().lower()
    if chosen in (*PLATFORMS, "glfw"):
        return chosen
    shown = ("glfw",) if os.environ.get("DISPLAY") or sys.platform in ("darwin", "win32") else ()
    for name in (*shown, *PLATFORMS):
        if _works(name):
            return str(name)
    raise RenderingUnavailable(f"MuJoCo cannot draw on this machine: {HELP}")


def _works(name: str) -> bool:
    told = {key: value for key, value in os.environ.items() if key != "PYOPENGL_PLATFORM"} | {"MUJOCO_GL": name}
    try:
        done = subprocess.run(
            [sys.executable, "-c", TRY], env=told, capture_output=True, timeout=TRY_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
