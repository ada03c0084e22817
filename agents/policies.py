"""Policies of other libraries as players: numbers in, one score an action out, and the best legal action is played."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sparring import registry
from sparring.agents.scripted import ScriptedAgent
from sparring.agents.situations import situation_of
from sparring.situation import Situation
from sparring.types import Call, Observation, Policy, Reply

EXPORTED = ".pt2"
KEPT = frozenset(("name", "policies", "_calls", "seat"))
"""What a pickle of a player holds beside the path of its file."""


class ScoringAgent(ScriptedAgent):
    """Scores the discrete actions of what it sees. Illegal ones are left out, whatever their score.

    deterministic: the best legal action; else it is drawn from the softmax over the legal ones, with the turn's seed.
    """

    def __init__(self, name: str, file: Path, deterministic: bool) -> None:
        super().__init__(name)
        weights = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
        self.policies = (Policy(name, weights[:8], weights=weights),)
        self._calls = (Call(self.policies[0]),)
        self._file, self._deterministic = file.absolute(), deterministic

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """A player that shares the model, which never changes in play."""
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        return other

    def __reduce__(self) -> tuple[object, ...]:
        """The path of the file: a pickle holds no model, and is opened where the same file is."""
        kept = {name: value for name, value in vars(self).items() if name in KEPT}
        return _reopened, (type(self), str(self._file), self._deterministic, kept)

    def scores(self, situation: Situation) -> NDArray[np.float64]:
        """The logits [number of actions], legal or not; of a policy without probabilities what it ranks actions by."""
        raise NotImplementedError

    async def act(self, observation: Observation) -> Reply:
        """The best legal action, or one that is drawn."""
        texts, probabilities = self._distribution(observation)
        drawn = random.Random(self.seat.turn_seed(observation.turn)).choices(texts, probabilities)
        return Reply(drawn[0], self._calls)

    async def action_distribution(self, observation: Observation) -> dict[str, float]:
        """The exact probability of every legal action."""
        return dict(zip(*self._distribution(observation), strict=True))

    def _distribution(self, observation: Observation) -> tuple[list[str], list[float]]:
        """The legal actions, and how likely each one is."""
        situation = situation_of(observation, self.seat)
        mask = situation.mask()
        legal = np.flatnonzero(mask)
        if not legal.size:
            raise ValueError(f"{self.seat.env_id} says that no action is legal here")
        scores = require_scores(self.scores(situation), len(mask), self.name, self.seat.env_id)[legal]
        if self._deterministic:
            probabilities = np.arange(len(legal)) == scores.argmax()
        else:
            probabilities = np.exp(scores - scores.max())
        probabilities = probabilities / probabilities.sum()
        return [situation.action_text(int(action)) for action in legal], list(map(float, probabilities))


def _reopened(kind: Callable[..., ScoringAgent], file: str, deterministic: bool, kept: dict[str, Any]) -> ScoringAgent:
    """A player out of a pickle. Raises ValueError where the file is not there, or another one."""
    player = kind(file, deterministic=deterministic)
    before, now = kept["policies"][0].weights, player.policies[0].weights
    if before != now:
        raise ValueError(f"{file} has changed since {kept['name']} was pickled: SHA-256 {now}, and it was {before}")
    vars(player).update(kept)
    return player


def require_scores(scores: NDArray[np.float64], actions: int, name: str, env_id: str) -> NDArray[np.float64]:
    """Raises ValueError for what are no finite scores of that many actions."""
    if scores.shape != (actions,):
        raise ValueError(f"{name} scores {math.prod(scores.shape)} actions, and {env_id} has {actions}")
    if not np.isfinite(scores).all():
        raise ValueError(f"{name} must answer finite numbers, got {scores[~np.isfinite(scores)][0]}")
    return scores


def require_file(path: str, agent: str) -> Path:
    """Raises ValueError where there is no such file."""
    if not (file := Path(path)).is_file():
        raise ValueError(f"agent {agent!r} needs a file, {agent}:PATH, and there is none at {path!r}")
    return file


@registry.agents.register("torch", family="policies", extra="train")
class TorchAgent(ScoringAgent):
    """A module that torch has saved: the vector of the discrete view in, one logit an action out."""

    def __init__(self, argument: str, *, deterministic: bool = True) -> None:
        """argument: a TorchScript file, or one of torch.export (.pt2): float32 [1, n] -> [1, number of actions].
        deterministic: the best legal action; false draws from the softmax.
        """
        self._torch: Any = registry.require("torch", "train")
        file = require_file(argument, "torch")
        self._module = self._loaded(file)
        super().__init__(f"torch:{argument}", file, deterministic)

    def scores(self, situation: Situation) -> NDArray[np.float64]:
        """The module's answer to the vector."""
        vector = situation.vector()
        try:
            with self._torch.no_grad():
                logits = self._module(self._torch.from_numpy(vector)[None])
        except Exception as error:
            first = str(error).strip().rpartition("\n")[2]
            raise ValueError(
                f"{self.name} cannot read the {len(vector)} numbers of {self.seat.env_id}: {first:.200}"
            ) from error
        if not isinstance(logits, self._torch.Tensor):
            raise ValueError(f"{self.name} must answer one tensor of logits, got {type(logits).__name__}")
        answered: NDArray[np.float64] = logits.detach().cpu().double().numpy().reshape(-1)
        return answered

    def _loaded(self, file: Path) -> Any:
        """The module. Neither form is a pickle of Python objects: a file of `torch.save` is refused."""
        try:
            if file.suffix == EXPORTED:
                return self._torch.export.load(file).module()
            return self._torch.jit.load(file, map_location="cpu").eval()
        except Exception as error:
            first = str(error).partition("\n")[0]
            raise ValueError(
                f"{file} is no module that can be loaded: save it by torch.jit.save, or as {EXPORTED} by "
                f"torch.export.save ({type(error).__name__}: {first:.120})"
            ) from error
