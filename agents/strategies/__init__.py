"""Strategies of inference: agents that ask one model several times before they act."""
