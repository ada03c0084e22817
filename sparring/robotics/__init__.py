"""The words of manipulation that environments and agents share: things, subgoals, skills, a sensor's readings."""
