"""Pictures of the tabletop by MuJoCo. OpenGL is loaded with the first picture, and never before."""

from __future__ import annotations

import atexit
import importlib
import os
import sys
from collections.abc import Mapping

import mujoco

from sparring.envs.robot.types import Frame, RenderingUnavailable

MOST_RENDERERS = 4
"""Sizes whose renderers a process keeps; the one that was used longest ago is closed first."""
INSTALL = "install a software OpenGL (Debian, Ubuntu: apt-get install libosmesa6) and set MUJOCO_GL=osmesa"
_renderers: dict[int, mujoco.Renderer] = {}


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


def _renderer(model: mujoco.MjModel, size: int) -> mujoco.Renderer:
    renderer = _renderers.pop(size, None) or _made(model, size)
    while len(_renderers) >= MOST_RENDERERS:
        _renderers.pop(next(iter(_renderers))).close()
    _renderers[size] = renderer
    return renderer


def _made(model: mujoco.MjModel, size: int) -> mujoco.Renderer:
    if not _renderers:
        atexit.unregister(close_renderers)
        atexit.register(close_renderers)
    _choose_software()
    try:
        return mujoco.Renderer(model, size, size)
    except Exception as error:  # (each of the three OpenGL libraries raises errors of its own)
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise RenderingUnavailable(f"this machine cannot draw: {reason}; {INSTALL}") from error


def _choose_software() -> None:
    """Without a display, and where nobody chose, the software OpenGL draws."""
    if not sys.platform.startswith("linux") or os.environ.get("MUJOCO_GL"):
        return
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return
    os.environ["MUJOCO_GL"] = "osmesa"
    try:
        importlib.reload(mujoco.gl_context)
    except Exception as error:
        del os.environ["MUJOCO_GL"]
        raise RenderingUnavailable(f"this machine has no display and no software OpenGL; {INSTALL}") from error
