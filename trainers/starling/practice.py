"""GRPO in a fixed number of games: the games are the environment's seeds from 0 on, so that they can be measured too.

These games may be held-out ones: a learning curve on a target is learnt there, as in the paper. Nothing of it goes
back into pre-training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sparring.rollout.match import Match
from sparring.trainers.methods.grpo import Grpo


class Practice(Grpo):
    """GRPO whose tasks are the games 0, 1, ... of `tasks`."""

    name = "starling-practice"
    learns_held_out = True

    def attempt(
        self, update: int, index: int, env_id: str, task: int, sample: int, others: Mapping[str, str] | None = None
    ) -> Match:
        """The index-th match of an update; the task's number is the seed."""
        return replace(super().attempt(update, index, env_id, task, sample, others), seed=task)
