"""Pictures of the tabletop, by the twin and by MuJoCo; tests that need OpenGL are skipped with the reason."""

import os
import subprocess
import sys

import numpy as np
import pytest

from sparring.envs.robot.executors.tabletop import ScriptedTabletop
from sparring.envs.robot.tabletop import geometry as g
from sparring.envs.robot.tabletop.control import SIMULATORS, TabletopControl
from sparring.envs.robot.tabletop.raster import RGB
from sparring.envs.robot.types import RenderingUnavailable
from sparring.registry import MissingExtra

SIZE = 128


def begun(simulator, seed=0, **kwargs):
    world = TabletopControl(simulator, **kwargs)
    world.reset(seed=seed)
    return world


@pytest.fixture(params=SIMULATORS)
def simulator(request):
    if request.param == "mujoco":
        pytest.importorskip("mujoco")
        can_draw(begun("mujoco"))
    return request.param


def can_draw(world):
    try:
        world.frame("top", 16)
    except RenderingUnavailable as error:
        pytest.skip(str(error))


def colour_at(frame, point):
    """The mean colour around a point of the table, in a picture from above."""
    (low_x, high_x), (low_y, high_y), _ = g.REACH
    column = round((point[0] - low_x) / (high_x - low_x) * len(frame))
    row = round((high_y - point[1]) / (high_y - low_y) * len(frame))
    return frame[row - 1 : row + 2, column - 1 : column + 2].reshape(-1, 3).mean(0)


def away(world):
    """Move the hand to where it hides nothing."""
    for _ in range(30):
        world.advance(np.array([-1, -1, 1, -1], np.float32))


def hue(colour):
    colour = np.asarray(colour, float)
    return (colour - colour.mean()) / max(np.linalg.norm(colour - colour.mean()), 25.0)


def test_every_camera_draws_a_picture_that_is_neither_black_nor_one_colour(simulator):
    world = begun(simulator)
    for camera in world.cameras:
        frame = world.frame(camera, SIZE)
        assert frame.shape == (SIZE, SIZE, 3)
        assert frame.dtype == np.uint8
        assert 60 < frame.mean() < 230
        assert frame.reshape(-1, 3).std(0).min() > 10


def test_every_cube_is_seen_from_above_in_its_colour_and_at_its_place(simulator):
    for seed in range(6):
        world = begun(simulator, seed)
        away(world)
        frame = world.frame("top", SIZE)
        for cube in world.task.cubes:
            seen = hue(colour_at(frame, world.position(cube)))
            colours = {name: float(np.linalg.norm(seen - hue(rgb))) for name, rgb in RGB.items()}
            coloured = {name: far for name, far in colours.items() if name not in ("white", "black")}
            name = cube.split()[0]
            assert name not in coloured or min(coloured, key=coloured.get) == name, (seed, cube, coloured)


def test_the_lamp_shines_when_it_is_on_and_the_drawer_shows_when_it_is_open(simulator):
    world = begun(simulator, task="tidy")
    away(world)
    before = world.frame("top", SIZE)
    executor = ScriptedTabletop()
    for subgoal in world.task.plan[2:]:
        executor.begin(world, subgoal, 0)
        for _ in range(60):
            world.advance(executor.act(world))
    away(world)
    after = world.frame("top", SIZE)
    lamp = after[: SIZE // 3, : SIZE // 3].astype(int) - before[: SIZE // 3, : SIZE // 3]
    drawer = after[SIZE // 4 : SIZE // 2, 2 * SIZE // 3 :].astype(int) - before[SIZE // 4 : SIZE // 2, 2 * SIZE // 3 :]
    assert (lamp.sum(-1) > 60).sum() >= 10
    assert (np.abs(drawer).sum(-1) > 60).sum() >= 20


def test_drawing_changes_nothing_and_the_same_state_is_the_same_picture(simulator):
    world, other = begun(simulator), begun(simulator, 1)
    before = world.state.tobytes()
    first = world.frame("top", 64)
    other.frame("top", 64)
    assert np.array_equal(world.frame("top", 64), first)
    assert world.state.tobytes() == before


def test_every_size_shows_the_same_scene_also_when_more_sizes_are_asked_for_than_are_kept(simulator):
    world = begun(simulator)
    means = [world.frame("top", size).mean() for size in (32, 64, 96, 128, 256, 128, 32, 256, 512, 32)]
    assert max(means) - min(means) < 6


def test_render_gives_the_overview_where_it_was_asked_for(simulator):
    assert begun(simulator).render() is None
    world = begun(simulator, render_mode="rgb_array")
    assert np.array_equal(world.render(), world.frame("top"))


def test_the_wrist_camera_moves_with_the_hand():
    pytest.importorskip("mujoco")
    world = begun("mujoco")
    can_draw(world)
    before = world.frame("wrist", SIZE)
    away(world)
    assert np.abs(before.astype(int) - world.frame("wrist", SIZE)).mean() > 8


def test_a_closed_world_leaves_other_worlds_their_pictures(simulator):
    world, other = begun(simulator), begun(simulator)
    first = world.frame("top", 64)
    other.frame("top", 64)
    other.close()
    assert np.array_equal(world.frame("top", 64), first)


PLAY = """
import sys
import numpy as np
from sparring.envs.robot.tabletop.control import TabletopControl
world = TabletopControl("mujoco")
world.reset(seed=0)
world.step(np.zeros(4, np.float32))
"""


def run(code, **environment):
    hidden = ("MUJOCO_GL", "PYOPENGL_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    started = [sys.executable, "-P", "-c", PLAY + code]
    return subprocess.run(started, capture_output=True, text=True, timeout=120, env=kept | environment, check=False)


def test_playing_without_pictures_never_loads_opengl():
    pytest.importorskip("mujoco")
    done = run("sys.exit(', '.join(name for name in sys.modules if name.startswith('OpenGL')) or 0)")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_machine_that_cannot_draw_says_what_to_install_as_often_as_it_is_asked():
    pytest.importorskip("mujoco")
    code = """
for _ in range(2):
    try:
        world.frame("top", 32)
    except Exception as error:
        print(type(error).__name__, str(error))
"""
    done = run(code, MUJOCO_GL="glfw")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("RenderingUnavailable MuJoCo cannot draw through glfw") for line in lines)
    assert all("libosmesa6" in line for line in lines)
    assert done.stderr == ""


def test_without_mujoco_one_line_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "mujoco", None)
    monkeypatch.delitem(sys.modules, "sparring.envs.robot.tabletop.simulation.physics", raising=False)
    with pytest.raises(MissingExtra, match=r'mujoco is not installed: run `pip install "sparring\[robot\]"`'):
        TabletopControl("mujoco")
    assert begun("twin").state.shape == (18,)
