"""Judging what was done: a critique of one attempt, a choice between two. Each is an environment like any other."""
