"""Environments in which an agent writes programs; they run in the sandbox, and what they print is observed."""
