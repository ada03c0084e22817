"""Pictures of the tabletop by MuJoCo. OpenGL is loaded with the first picture, and never before."""

from __future__ import annotations

import atexit
import importlib
import os
import threading
import warnings
from collections.abc import Mapping

import mujoco

from sparring.envs.robot.drawing import environment_kept, platform
from sparring.envs.robot.types import Frame, RenderingUnavailable

MOST_RENDERERS = 4
"""Sizes whose renderers a process keeps; the one that was used longest ago is closed first."""
INSTALL = "install a software OpenGL (Debian, Ubuntu: apt-get install libosmesa6) and set MUJOCO_GL=osmesa"


class _Renderer(mujoco.Renderer):
    """MuJoCo's; it can be closed when it was made by half, and then frees nothing of another one's."""

    _gl_context = None
    _mjr_context = None

    def close(self) -> None:
        """Free what is its own: MuJoCo's order would free the same names in whichever context is current."""
        if self._gl_context and self._mjr_context:
            self._gl_context.make_current()
            self._mjr_context.free()
            self._mjr_context = None
        super().close()


_lock = threading.Lock()
_renderers: dict[int, _Renderer] = {}
_failed: list[RenderingUnavailable] = []
"""Why this process cannot draw: a second try of the same OpenGL may end the process."""


def picture(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    camera: str,
    size: int,
    colours: Mapping[int, tuple[int, int, int]],
) -> Frame:
    """[size, size, 3]: what a camera sees, with these colours (0 to 255) of geometries by their index.

    Raises RenderingUnavailable where the machine has no OpenGL.
    """
    with _lock:
        renderer = _renderer(model, size)
        for geom, colour in colours.items():
            model.geom_rgba[geom, :3] = [part / 255 for part in colour]
        renderer.update_scene(data, camera)
        drawn: Frame = renderer.render().copy()
    return drawn


def close_renderers() -> None:
    """Free what OpenGL holds; the next picture makes it anew."""
    while _renderers:
        _renderers.popitem()[1].close()


def _renderer(model: mujoco.MjModel, size: int) -> _Renderer:
    while size not in _renderers and len(_renderers) >= MOST_RENDERERS:
        _renderers.pop(next(iter(_renderers))).close()
    renderer = _renderers.pop(size, None) or _made(model, size)
    _renderers[size] = renderer
    return renderer


def _made(model: mujoco.MjModel, size: int) -> _Renderer:
    if _failed:
        raise RenderingUnavailable(str(_failed[0]))
    try:
        _choose()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # GLFW warns of what it then fails by
            made = _Renderer(model, size, size)
    except Exception as error:  # (each of the three OpenGL libraries raises errors of its own)
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        _failed.append(RenderingUnavailable(f"this machine cannot draw: {reason}; {INSTALL}"))
        raise _failed[0] from error
    atexit.unregister(close_renderers)
    atexit.register(close_renderers)  # after OpenGL's own, so that it runs before it
    return made


def _choose() -> None:
    """Draw through what works here, which is one for all worlds of a process. Raises RenderingUnavailable."""
    with environment_kept():
        os.environ["MUJOCO_GL"] = platform()
        importlib.reload(mujoco.gl_context)
