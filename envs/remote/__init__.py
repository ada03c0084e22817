"""Environments that another process serves, by their address: `openenv:URL` and `agentgym:URL`.

    sparring play openenv:http://127.0.0.1:8000 --agents random --store games        sparring verify games

The client speaks the wire and imports nothing of the servers' libraries. A lost connection, a late answer and an error
of the server are faults of the episode, never a reward.
"""
