"""Executors that learn: demonstrations of the scripted one, a small network, and what it reaches on unseen tasks."""
