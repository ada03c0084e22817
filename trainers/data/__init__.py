"""Training data out of stored episodes."""
