"""What an environment says beside an observation: what is read of it here, and what is kept as it is."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from sparring.content import NOTHING, content_of, plain, plain_or_none
from sparring.rollout.actions import Info
from sparring.situation import Situation
from sparring.types import Observation

PAID = frozenset(("reward_parts", "metrics"))
READ = frozenset(
    ("action_mask", "hidden", "illegal", "legal_actions", "metrics", "reward_parts", "state_key", "suggested_actions")
)
"""What is read of an environment's info; everything else in it is kept as it is."""
TEXTS = frozenset((str, np.str_))


def observation_of(seen: object, info: Info, turn: int, situation: Situation | None = None) -> Observation:
    """What an agent is shown of what a seat sees. Raises TypeError for what is no observation."""
    return Observation(
        content=content_of(seen),
        legal_actions=legal_actions_of(info),
        suggested_actions=info.get("suggested_actions"),
        state_key=info.get("state_key"),
        turn=turn,
        info=rest_of(info),
        situation=situation,
    )


def hidden_of(info: Info) -> Mapping[str, object]:
    """What no agent sees. Raises TypeError where it is not plain data."""
    if "hidden" not in info:
        return NOTHING
    hidden: Mapping[str, object] = plain(info["hidden"], 'info["hidden"]')
    return hidden


def rest_of(info: Info) -> Info:
    """What an environment says beyond what is read here, as plain data; what JSON cannot hold is left out."""
    if READ.issuperset(info):
        return NOTHING
    found = {name: plain_or_none(value) for name, value in info.items() if name not in READ}
    return {str(name): value for name, value in found.items() if value is not None}


def parts_of(seat: str, reward: float, info: Info) -> Mapping[str, float]:
    """What a step's reward is made of: as the environment says, else all of it is the payoff.

    An environment of several seats may leave the parts of an earlier step in its infos: without a reward they say
    nothing. Raises ValueError for parts that do not sum to the reward.
    """
    parts = {name: float(part) for name, part in info.get("reward_parts", {}).items()}
    if math.isclose(math.fsum(parts.values()), reward, rel_tol=1e-9, abs_tol=1e-12):
        return parts
    if reward == 0.0:
        return {}
    if not parts:
        return {"payoff": reward}
    raise ValueError(f"the parts of the reward of {seat} must sum to {reward}, got {parts}")


def metrics_of(seat: str, metrics: object) -> dict[str, float]:
    """What the environment measured. Raises ValueError unless these are finite numbers by name."""
    if not isinstance(metrics, Mapping):
        raise ValueError(f"the metrics of {seat} must be numbers by name, got {metrics!r:.80}")
    found = {str(name): float(value) for name, value in metrics.items()}
    for name, value in found.items():
        if not math.isfinite(value):
            raise ValueError(f"the metric {name!r} of {seat} must be a finite number, got {value}")
    return found


def legal_actions_of(info: Info) -> tuple[str, ...] | None:
    """The accepted strings, where they are finite."""
    actions = info.get("legal_actions")
    if actions is None:
        return None
    if isinstance(actions, str) or not TEXTS.issuperset(map(type, actions)):
        raise TypeError(f'info["legal_actions"] must be a sequence of strings, got {actions!r:.80}')
    return tuple(actions)


def is_illegal(info: Info) -> bool:
    illegal = info.get("illegal", False)
    if illegal is False:
        return False
    if not isinstance(illegal, bool | np.bool_):
        raise TypeError(f'info["illegal"] must be True or False, got {illegal!r:.80}')
    return bool(illegal)
