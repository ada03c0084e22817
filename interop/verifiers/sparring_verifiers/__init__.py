"""Environments of Sparring in verifiers and prime-rl: the taskset `sparring-verifiers`."""

from sparring_verifiers.env import SparringEnv
from sparring_verifiers.harness import ChatHarness
from sparring_verifiers.taskset import SparringTaskset

__all__ = ["ChatHarness", "SparringEnv", "SparringTaskset"]
