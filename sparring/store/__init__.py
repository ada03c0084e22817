"""The episode store, which only grows, and the folder of a run."""
