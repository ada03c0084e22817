"""The board: one page about many agents, every number of it from stored episodes."""
