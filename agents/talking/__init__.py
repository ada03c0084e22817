"""Agents that talk: one growing conversation an episode, with or without a thought before each action."""
