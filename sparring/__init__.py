"""Sparring: LLM agents that learn by playing."""

__version__ = "0.1.0"
