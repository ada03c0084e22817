"""The tabletop as a model of MuJoCo, written from the numbers of `geometry`: a gantry with two fingers over a table.

    world ─► hand (slides x, y, z) ─► two fingers (slides along y)
          ─► four free cubes, the bin, the cabinet, the drawer (slide along y), the lamp with its button (slide along z)

One model serves every task: the colours of the cubes are set when a picture is drawn.
"""

from __future__ import annotations

from sparring.envs.robot.tabletop import geometry as g
from sparring.envs.robot.tabletop.tasks import CUBES

TIMESTEP, SUBSTEPS = 0.005, 10
"""Seconds of a step of the physics, and how many make a control step: 20 control steps a second."""
MOST_PIXELS = 1024
"""Height and width of the largest picture."""
FINGER = (0.012, 0.004, 0.030)
"""Half its edges; the tip is 1 cm below the point between the fingers."""
TIP, PALM = 0.010, 0.062
"""Below and above the point between the fingers, metres: the tips, and the middle of the palm."""
BUTTON_TRAVEL = 0.018
WALL = 0.003
"""Half the thickness of a wall."""
TABLE = ".73 .67 .58 1"
BIN, CABINET, DRAWER, HANDLE, STEEL = ".43 .46 .51 1", ".47 .33 .20 1", ".63 .46 .31 1", ".2 .2 .2 1", ".30 .33 .38 1"
CUBE, HAND, FURNITURE = 'contype="1" conaffinity="7"', 'contype="2" conaffinity="4"', 'contype="4" conaffinity="0"'
GHOST = 'contype="0" conaffinity="0"'
"""Cubes touch everything; the hand touches cubes and furniture; furniture touches cubes and hand; a ghost nothing."""


def mjcf() -> str:
    """The model as XML."""
    cubes = "".join(_cube(at) for at in range(CUBES))
    return f"""<mujoco model="tabletop">
  <compiler angle="degree" autolimits="true"/>
  <option timestep="{TIMESTEP}" integrator="implicitfast" cone="pyramidal" iterations="20" ls_iterations="20"/>
  <size memory="4M"/>
  <visual>
    <global offwidth="{MOST_PIXELS}" offheight="{MOST_PIXELS}"/>
    <headlight ambient=".35 .35 .35" diffuse=".35 .35 .35" specular=".05 .05 .05"/>
    <quality shadowsize="512" offsamples="0"/>
  </visual>
  <default>
    <geom friction="1 .005 .0001" solref=".012 1" density="300"/>
    <position forcelimited="true"/>
  </default>
  <asset>
    <texture name="sky" type="skybox" builtin="flat" rgb1=".85 .88 .92" width="8" height="8"/>
  </asset>
  <worldbody>
    <light pos="-.3 -.5 1.4" dir=".25 .35 -1" diffuse=".5 .5 .5" specular=".1 .1 .1"/>
    <camera name="top" pos="0 0 1.1" xyaxes="1 0 0 0 1 0" fovy="32"/>
    <camera name="front" pos="0 -.80 .62" xyaxes="1 0 0 0 .62 .78" fovy="36"/>
    <geom name="table" type="plane" size=".5 .5 .05" rgba="{TABLE}" {FURNITURE}/>
    {_bin()}{_cabinet()}{_drawer()}{_lamp()}{cubes}{_hand()}
  </worldbody>
  <actuator>
    {_motor("x", 3000, 110, 60)}{_motor("y", 3000, 110, 60)}{_motor("z", 3000, 110, 60)}
    {_motor("left", 800, 14, 20)}{_motor("right", 800, 14, 20)}
  </actuator>
</mujoco>"""


def _motor(joint: str, kp: float, kv: float, force: float) -> str:
    return f'<position joint="{joint}" kp="{kp}" kv="{kv}" forcerange="-{force} {force}"/>'


def _box(middle: tuple[float, ...], half: tuple[float, ...], colour: str, bits: str, more: str = "") -> str:
    at, size = (" ".join(f"{value:.6g}" for value in values) for values in (middle, half))
    return f'<geom type="box" pos="{at}" size="{size}" rgba="{colour}" {bits} {more}/>\n    '


def _cube(at: int) -> str:
    box = _box(
        (0, 0, 0), (g.HALF,) * 3, "1 1 1 1", CUBE, f'name="cube{at}" mass=".05" condim="4" solimp=".95 .99 .001"'
    )
    return f'<body name="cube{at}" pos="0 0 {g.HALF}"><freejoint name="cube{at}"/>{box}</body>\n    '


def _walls(x: float, y: float, half_x: float, half_y: float, height: float, colour: str) -> str:
    """Four walls around a floor; their insides are `half_x` and `half_y` from the middle."""
    out, up = WALL, height / 2
    return "".join(
        _box(middle, half, colour, FURNITURE)
        for middle, half in (
            ((x - half_x - out, y, up), (out, half_y + 2 * out, up)),
            ((x + half_x + out, y, up), (out, half_y + 2 * out, up)),
            ((x, y - half_y - out, up), (half_x + 2 * out, out, up)),
            ((x, y + half_y + out, up), (half_x + 2 * out, out, up)),
        )
    )


def _bin() -> str:
    x, y = g.BIN_MIDDLE
    floor = _box((x, y, g.BIN_FLOOR / 2), (g.BIN_HALF, g.BIN_HALF, g.BIN_FLOOR / 2), BIN, FURNITURE)
    return floor + _walls(x, y, g.BIN_HALF, g.BIN_HALF, g.BIN_WALL, BIN)


def _cabinet() -> str:
    """Two sides, a back and a top around where the drawer is when it is closed."""
    depth, wide, tall = 0.16, g.DRAWER_HALF_X + 4 * WALL, g.CABINET_TOP
    y = g.DRAWER_FRONT + depth / 2
    sides = "".join(
        _box((g.DRAWER_X + side * (wide + WALL), y, tall / 2), (WALL, depth / 2, tall / 2), CABINET, FURNITURE)
        for side in (-1, 1)
    )
    back = _box((g.DRAWER_X, g.DRAWER_FRONT + depth, tall / 2), (wide, WALL, tall / 2), CABINET, FURNITURE)
    top = _box((g.DRAWER_X, y, tall - WALL), (wide + 2 * WALL, depth / 2, WALL), CABINET, FURNITURE)
    return sides + back + top


def _drawer() -> str:
    """The drawer; where the body is, is its front face when it is closed."""
    half_y, floor = g.DRAWER_DEPTH / 2, g.DRAWER_FLOOR / 2
    inside = _box((0, half_y, floor), (g.DRAWER_HALF_X, half_y, floor), DRAWER, FURNITURE)
    walls = _walls(0, half_y + WALL, g.DRAWER_HALF_X, half_y - 2 * WALL, g.DRAWER_WALL, DRAWER)
    bar_half = (0.03, g.HANDLE_HALF, g.HANDLE_HALF)
    bar = _box((0, -g.HANDLE_OUT, g.HANDLE_HEIGHT), bar_half, HANDLE, FURNITURE, 'name="handle"')
    posts = "".join(
        _box((side * 0.024, -g.HANDLE_OUT / 2, g.HANDLE_HEIGHT), (0.004, g.HANDLE_OUT / 2, 0.004), HANDLE, FURNITURE)
        for side in (-1, 1)
    )
    slide = f'<joint name="drawer" type="slide" axis="0 -1 0" range="0 {g.DRAWER_TRAVEL}" damping="6"/>'
    at = f"{g.DRAWER_X} {g.DRAWER_FRONT} 0"
    return f'<body name="drawer" pos="{at}" gravcomp="1">{slide}{inside}{walls}{bar}{posts}</body>\n    '


def _lamp() -> str:
    """A base, a button on a spring, and a bulb behind it that shines when the lamp is on."""
    x, y = g.LAMP_AT
    low = (g.BUTTON_TOP - BUTTON_TRAVEL) / 2
    base = _box((x, y, low / 2), (0.035, 0.035, low / 2), STEEL, FURNITURE)
    size = f"{g.BUTTON_REACH} {(g.BUTTON_TOP - low) / 2}"
    middle = (g.BUTTON_TOP + low) / 2
    button = (
        f'<body name="button" pos="{x} {y} {middle}" gravcomp="1">'
        f'<joint name="button" type="slide" axis="0 0 -1" range="0 {BUTTON_TRAVEL}" stiffness="150" damping="4"/>'
        f'<geom name="button" type="cylinder" size="{size}" rgba=".8 .1 .1 1" {FURNITURE}/></body>\n    '
    )
    bulb = f'<geom name="bulb" type="sphere" size=".022" pos="{x} {y + 0.065} .05" rgba=".35 .35 .35 1" {FURNITURE}/>'
    post = _box((x, y + 0.065, 0.015), (0.008, 0.008, 0.015), STEEL, FURNITURE)
    return base + button + bulb + post


def _hand() -> str:
    slides = "".join(
        f'<joint name="{name}" type="slide" axis="{axis}" range="{low - 0.02} {high + 0.02}"/>'
        for name, axis, (low, high) in zip("xyz", ("1 0 0", "0 1 0", "0 0 1"), g.REACH, strict=True)
    )
    palm = _box((0, 0, PALM), (0.02, 0.05, 0.012), STEEL, HAND, 'mass=".4"')
    mast = f'<geom type="cylinder" size=".01 .05" pos="0 0 {PALM + 0.06}" rgba=".6 .62 .66 1" {GHOST} mass="0"/>'
    wrist = f'<camera name="wrist" pos="-.13 0 {PALM + 0.08}" xyaxes="0 -1 0 .71 0 .71" fovy="60"/>'
    fingers = "".join(_finger(name, side) for name, side in (("left", -1), ("right", 1)))
    return f'<body name="hand" gravcomp="1">{slides}{palm}{mast}{wrist}{fingers}</body>'


def _finger(name: str, side: int) -> str:
    slide = f'<joint name="{name}" type="slide" axis="0 {side} 0" range="0 {g.MOST_OPEN / 2}"/>'
    middle = (0, side * FINGER[1], FINGER[2] - TIP)
    pad = _box(middle, FINGER, STEEL, HAND, f'name="{name}" mass=".05" condim="4" friction="1.5 .02 .0001"')
    return f'<body name="{name}" gravcomp="1">{slide}{pad}</body>'
