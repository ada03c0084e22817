"""Models of Stable-Baselines3 and its contrib package as players.

Loading such a file runs the Python code that is pickled in it: load only files that you trust.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparring import registry
from sparring.agents.policies import ScoringAgent, require_file
from sparring.situation import Situation

ALGORITHMS = {  # what only this algorithm's files hold, in the order in which they are looked for
    "n_quantiles": ("sb3_contrib", "QRDQN"),
    "exploration_rate": ("stable_baselines3", "DQN"),
    "cg_max_steps": ("sb3_contrib", "TRPO"),
    "clip_range": ("stable_baselines3", "PPO"),
    "gae_lambda": ("stable_baselines3", "A2C"),
}
BY_POLICY = {"sb3_contrib.common.maskable.policies": ("sb3_contrib", "MaskablePPO")}
RANKING = frozenset(("DQN", "QRDQN"))
"""Algorithms whose scores are no logits."""


@registry.agents.register("sb3", family="policies", extra="sb3")
class StableBaselinesAgent(ScoringAgent):
    """A model that Stable-Baselines3 has saved, trained on the discrete view. Loading it runs code in the file."""

    def __init__(self, argument: str, *, deterministic: bool = True) -> None:
        """argument: the file of `model.save`: of MaskablePPO, PPO, A2C, TRPO, DQN or QRDQN.
        deterministic: the best legal action; false draws from the policy's probabilities of the legal ones.
        """
        registry.require("stable_baselines3", "sb3")
        self._torch: Any = registry.require("torch", "sb3")
        file = require_file(argument, "sb3")
        package, algorithm = algorithm_of(file)
        if algorithm in RANKING and not deterministic:
            raise ValueError(f"{algorithm} has no probabilities to draw from: leave out deterministic=false")
        super().__init__(f"sb3:{argument}", file, deterministic)
        build = getattr(registry.require(package, "sb3"), algorithm)
        try:
            self._model = build.load(file, device="cpu")
        except Exception as error:  # of torch, zip and pickle, each with its own
            problem = f"{type(error).__name__}: {error}".splitlines()[0]
            raise ValueError(f"{file} cannot be loaded as a model of {algorithm}: {problem:.200}") from error
        if not hasattr(self._model.action_space, "n"):
            raise ValueError(f"{self.name} must choose among discrete actions, got {self._model.action_space}")
        self._model.policy.set_training_mode(False)

    def scores(self, situation: Situation) -> NDArray[np.float64]:
        """Logits, or values of the actions."""
        policy = self._model.policy
        with self._torch.no_grad():
            seen, _ = policy.obs_to_tensor(self._seen(situation))
            if hasattr(policy, "quantile_net"):
                scores = policy.quantile_net(seen).mean(dim=1)
            elif hasattr(policy, "q_net"):
                scores = policy.q_net(seen)
            else:
                scores = policy.get_distribution(seen).distribution.logits
        answered: NDArray[np.float64] = scores.cpu().double().numpy().reshape(-1)
        return answered

    def _seen(self, situation: Situation) -> Any:
        """The observation as the model takes it. Raises ValueError where it was trained on another one."""
        space, seen = self._model.observation_space, situation.seen()
        if isinstance(seen, Mapping) and not hasattr(space, "spaces"):
            seen = seen.get("observation")
        wanted, shown = _shapes(space), _shapes(seen)
        if wanted != shown:
            raise ValueError(f"{self.name} sees {wanted}, and {self.seat.env_id} shows {shown}")
        return dict(seen) if isinstance(seen, Mapping) else np.asarray(seen)


def algorithm_of(file: Path) -> tuple[str, str]:
    """(package, class) that saved a file, read without running anything in it. Raises ValueError."""
    try:
        with zipfile.ZipFile(file) as archive:
            data = json.loads(archive.read("data"))
        policy = str(data["policy_class"].get("__module__"))
    except (zipfile.BadZipFile, KeyError, ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"{file} is no file that a model of Stable-Baselines3 has saved") from error
    found = BY_POLICY.get(policy) or next((made for key, made in ALGORITHMS.items() if key in data), None)
    if found is None or "recurrent" in policy:
        names = sorted(name for _, name in (*BY_POLICY.values(), *ALGORITHMS.values()))
        raise ValueError(f"{file} must be a model of {', '.join(names)}; its policy is of {policy}")
    return found


def _shapes(value: Any) -> object:
    """The shape of a space or an observation, or these by name."""
    parts = getattr(value, "spaces", value)
    if isinstance(parts, Mapping):
        return {name: _shapes(part) for name, part in sorted(parts.items())}
    return tuple(np.shape(value)) if not hasattr(value, "shape") else tuple(value.shape)
