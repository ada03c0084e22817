"""The contract of an environment, as checks that anybody can run on their own.

    sparring check gym:FrozenLake-v1                  a review, in the terminal
    from sparring.envs.conformance import check_env, review
    check_env("my/Game-v0")                           AssertionError says what was expected

`review` judges any environment: one seat or many, moves in turn or at once, text, numbers or vectors, zero-sum or not,
ours or not. `check_env` also holds our own games of two seats to what they promise beyond that.
"""

from __future__ import annotations

from sparring import registry
from sparring.envs.conformance.report import Finding, Review, review
from sparring.envs.conformance.text_games import check_text_game

__all__ = ["Finding", "Review", "check_env", "review"]
REGISTERS = False


def check_env(env_id: str, episodes: int = 3, **kwargs: object) -> None:
    """Play an environment in every way the contract speaks of.

    episodes: how many seeds the random play covers. kwargs: the environment's own.
    Raises AssertionError naming the environment and what was expected.
    """
    verdict = review(env_id, **kwargs)
    assert verdict.ok, f"{env_id}: " + "; ".join(f"{fault.what}: {fault.detail}" for fault in verdict.faults)
    row = registry.envs.row(env_id).given(kwargs)
    if row.family == "games" and row.seats == 2:
        check_text_game(env_id, episodes, **kwargs)
