"""What tests of several kinds of environments share."""

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete


def with_numbers(env_class):
    """The same environment with numbers for spaces, which PettingZoo's own tests need."""

    class AsNumbers(env_class):
        def __init__(self, **options):
            super().__init__(**options)
            self.numbers = {}

        def observe(self, agent):
            return np.array([len(super().observe(agent))], np.int64)

        def observation_space(self, agent):
            return self.numbers.setdefault(agent, Box(0, 10**6, (1,), np.int64))

        def action_space(self, agent):
            return self.numbers.setdefault(f"{agent} acts", Discrete(50))

        def step(self, action):
            info = self.infos[self.agent_selection]
            actions = info.get("legal_actions") or info.get("suggested_actions") or ("",)
            super().step(None if action is None else actions[int(action) % len(actions)])

    return AsNumbers


@pytest.fixture
def as_numbers():
    """Makes an environment's class one of numbers."""
    return with_numbers
