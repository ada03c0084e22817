"""Pictures of the tabletop by MuJoCo. OpenGL is loaded with the first picture, and never before."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cache

import mujoco

from sparring.envs.robot.drawing import Drawer
from sparring.envs.robot.types import Frame

_lock = threading.Lock()


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
        for geom, colour in colours.items():
            model.geom_rgba[geom, :3] = [part / 255 for part in colour]
        return _drawer(model).draw(data, int(model.camera(camera).id), size)


@cache
def _drawer(model: mujoco.MjModel) -> Drawer:
    """A process has one model of the tabletop, which all worlds share, and so one drawer."""
    return Drawer(model)
