"""A trained critic: its score, its calibration, and where to stop; kept as JSON and arrays, never as pickles."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from sparring.agents.retrieval.critic.calibration import Calibration
from sparring.agents.retrieval.critic.evidence import Evidence
from sparring.agents.retrieval.critic.features import Vocabulary
from sparring.agents.retrieval.critic.states import Head, states_of
from sparring.agents.retrieval.critic.trees import Trees

if TYPE_CHECKING:
    from sparring.agents.models.trainable import LocalModel

Floats = NDArray[np.float64]
VERSION = 1
SETTINGS, ARRAYS = "critic.json", "critic.npz"


class Score(Protocol):
    """What says how much evidence looks like sufficient."""

    def log_odds(self, evidence: Sequence[Evidence]) -> Floats:
        """Of each evidence. [N]"""
        ...


@dataclass(frozen=True, slots=True)
class CountingScore:
    """Boosted trees over counted words and names."""

    vocabulary: Vocabulary
    trees: Trees

    def log_odds(self, evidence: Sequence[Evidence]) -> Floats:
        """Of each evidence. [N]"""
        return self.trees.log_odds(np.array([self.vocabulary.features(one) for one in evidence]))


@dataclass(frozen=True, slots=True)
class ReadingScore:
    """A linear head on a language model's hidden state."""

    model: LocalModel
    spec: str
    """What loads the model."""
    head: Head

    def log_odds(self, evidence: Sequence[Evidence]) -> Floats:
        """Of each evidence. [N]"""
        return self.head.log_odds(states_of(self.model, evidence))


@dataclass(frozen=True, slots=True)
class Critic:
    """How probable it is that what was found suffices, and what to do about it."""

    score: CountingScore | ReadingScore
    calibration: Calibration
    threshold: float
    """Accept from this probability on: what earned most in practice, see `scoreboard.verdicts.best_threshold`."""
    surrender: float = 0.0
    """Below this probability, with no searches left, giving up is better than answering."""

    def probabilities(self, evidence: Sequence[Evidence]) -> Floats:
        """Of each decision point. [N]"""
        return self.calibration.probability(self.score.log_odds(evidence))

    def probability(self, evidence: Evidence) -> float:
        """Of one decision point, in [0, 1]."""
        return float(self.probabilities([evidence])[0])

    def save(self, folder: Path) -> None:
        """Write it into a folder that is there."""
        settings: dict[str, object] = {
            "version": VERSION,
            "calibration": asdict(self.calibration),
            "threshold": self.threshold,
            "surrender": self.surrender,
        }
        if isinstance(self.score, CountingScore):
            settings |= {"kind": "counting", "vocabulary": asdict(self.score.vocabulary)}
            arrays: Mapping[str, NDArray[np.generic]] = self.score.trees.arrays()
        else:
            model, head = self.score.model, self.score.head
            made_with = {"model": self.score.spec, "weights": model.weights_fingerprint}
            settings |= {"kind": "reading", **made_with}
            arrays = {"weights_D": head.weights_D, "bias": np.array(head.bias)}
        np.savez(folder / ARRAYS, **arrays)  # type: ignore[arg-type]  # it takes the first for another argument
        (folder / SETTINGS).write_text(json.dumps(settings, indent=1) + "\n")


def open_critic(folder: Path, model: LocalModel | None = None) -> Critic:
    """Read what `Critic.save` wrote; `model`: the language model, where it is in memory already.

    Raises ValueError where the folder holds no critic, a damaged one, or one of another model.
    """
    try:
        settings = json.loads((folder / SETTINGS).read_text())
        return _restored(settings, _read_arrays(folder / ARRAYS), model)
    except FileNotFoundError as error:
        raise ValueError(
            f"{folder} holds no critic: `sparring train sim-rag --run RUN` leaves one in RUN/critic"
        ) from error
    except (KeyError, TypeError, BadZipFile, json.JSONDecodeError) as error:
        raise ValueError(f"the critic in {folder} is damaged: {error}") from error


def _read_arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except ValueError as error:  # numpy takes what is no archive for a pickle, and does not open it
        raise BadZipFile(f"{path.name} is no archive of arrays") from error


def _restored(settings: dict[str, object], arrays: dict[str, NDArray[np.generic]], model: LocalModel | None) -> Critic:
    if settings["version"] != VERSION:
        raise ValueError(f"the critic has version {settings['version']}, this Sparring reads version {VERSION}")
    kept = cast("dict[str, list[float]]", settings["calibration"])
    calibration = Calibration(cast("float", kept["temperature"]), tuple(kept["scores"]), tuple(kept["probabilities"]))
    score = _counting(settings, arrays) if settings["kind"] == "counting" else _reading(settings, arrays, model)
    return Critic(score, calibration, cast("float", settings["threshold"]), cast("float", settings["surrender"]))


def _counting(settings: dict[str, object], arrays: dict[str, NDArray[np.generic]]) -> CountingScore:
    words = cast("dict[str, list[str]]", settings["vocabulary"])
    return CountingScore(Vocabulary(tuple(words["question"]), tuple(words["titles"])), Trees.read(arrays))


def _reading(
    settings: dict[str, object], arrays: dict[str, NDArray[np.generic]], model: LocalModel | None
) -> ReadingScore:
    spec = cast("str", settings["model"])
    if model is None:
        from sparring.agents.models import load_trainable

        model = load_trainable(spec)
    if model.weights_fingerprint != settings["weights"]:
        raise ValueError(
            f"the critic reads {spec} with the weights {settings['weights']}, got {model.weights_fingerprint}"
        )
    return ReadingScore(model, spec, Head(arrays["weights_D"].astype(np.float64), float(arrays["bias"])))
