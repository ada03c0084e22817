"""Executors: what carries out a subgoal."""
