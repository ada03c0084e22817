"""What is at stake in a game: rewards and regularisers of different games are compared in units of it."""

from __future__ import annotations

import math

from sparring import registry
from sparring.trainers.config import RunConfig


def scales_of(config: RunConfig, stakes: bool) -> dict[str, float]:
    """What the rewards of every game are divided by: what the settings say, else with `stakes` its stake, else 1."""
    said = dict(zip(config.games, config.reward_scales, strict=False))
    return {game: said.get(game, stake_of(game) if stakes else 1.0) for game in config.games}


def stake_of(env_id: str) -> float:
    """Half the range of a game's rewards, in its own unit: 2 chips in Kuhn poker, 13 in Leduc poker, 1 for -1 to 1.

    1 where the range is not known, or has an end that is not.
    """
    bounds = registry.envs.row(env_id).reward_range
    width = 0.0 if bounds is None else bounds[1] - bounds[0]
    return width / 2 if 0 < width < math.inf else 1.0
