"""Plays environments with agents: adapters, hosts, the loop, and the episode that is being written down."""
