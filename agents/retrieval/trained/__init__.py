"""Critics that were trained: what they count or read, their calibration, their files."""
