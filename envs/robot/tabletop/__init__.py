"""The embedded world: a gripper over a table with four cubes, a bin, a drawer and a lamp; kinematic, or by MuJoCo."""
