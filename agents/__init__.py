"""Agents answer what a seat sees: language models with a strategy, solvers, scripted players, people."""

from sparring.registry import make_agent as make

__all__ = ["make"]
