"""A trained critic: its score, its calibration, and where to stop; kept as JSON and arrays, never as pickles."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from sparring.agents.retrieval.critic import SETTINGS, Case, critics
from sparring.agents.retrieval.trained.calibration import Calibration
from sparring.agents.retrieval.trained.features import Vocabulary
from sparring.agents.retrieval.trained.states import Head, states_of
from sparring.agents.retrieval.trained.trees import Trees

if TYPE_CHECKING:
    from sparring.agents.models.trainable import LocalModel

Floats = NDArray[np.float64]
Arrays = Mapping[str, NDArray[np.generic]]
VERSION = 1
ARRAYS, MODEL = "critic.npz", "model"
COUNTING, READING = "counting", "reading"


@dataclass(frozen=True, slots=True)
class CountingScore:
    """Boosted trees over counted words and names."""

    vocabulary: Vocabulary
    trees: Trees

    def log_odds(self, cases: Sequence[Case]) -> Floats:
        """That what was found suffices, of each case. [N]"""
        return self.trees.log_odds(np.array([self.vocabulary.features(one) for one in cases]))


@dataclass(frozen=True, slots=True)
class ReadingScore:
    """A linear head on a language model's hidden state."""

    model: LocalModel
    spec: str
    """What loads the model, without the adapter."""
    head: Head
    adapted: bool = False
    """Whether the model has an adapter that was trained for this critic; it is kept beside the critic."""

    def log_odds(self, cases: Sequence[Case]) -> Floats:
        """That what was found suffices, of each case. [N]"""
        return self.head.log_odds(states_of(self.model, cases))


@dataclass(frozen=True, slots=True)
class TrainedCritic:
    """How probable it is that what was found suffices, and what to do about it."""

    score: CountingScore | ReadingScore
    calibration: Calibration
    threshold: float
    """Accept from this probability on: what earned most in practice, see `scoreboard.verdicts.best_threshold`."""
    surrender: float
    """Below this probability, with no searches left, giving up is better than answering; 0: never."""
    max_rounds: int
    """The most rounds of a case that it was trained on."""

    def probabilities(self, cases: Sequence[Case]) -> Floats:
        """Of each case. [N]"""
        return self.calibration.probability(self.score.log_odds(cases))

    async def verdict(self, case: Case) -> float:
        """The probability, 0 to 1, that what was found suffices."""
        return float(self.probabilities([case])[0])

    def save(self, folder: Path) -> None:
        """Write it into a folder that is there; `critics.load` reads it."""
        settings: dict[str, object] = {
            "version": VERSION,
            "calibration": asdict(self.calibration),
            "threshold": self.threshold,
            "surrender": self.surrender,
            "max_rounds": self.max_rounds,
        }
        if isinstance(self.score, CountingScore):
            settings |= {"kind": COUNTING, "vocabulary": asdict(self.score.vocabulary)}
            arrays: Arrays = self.score.trees.arrays()
        else:
            model, head = self.score.model, self.score.head
            settings |= {"kind": READING, "model": self.score.spec, "adapted": self.score.adapted}
            settings |= {"weights": model.weights_fingerprint}
            if self.score.adapted:
                model.save(folder / MODEL)
            arrays = {"weights_D": head.weights_D, "bias": np.array(head.bias)}
        np.savez(folder / ARRAYS, **arrays)  # type: ignore[arg-type]  # it takes the first for another argument
        (folder / SETTINGS).write_text(json.dumps(settings, indent=1) + "\n")


@critics.reader(COUNTING)
def read_counting(folder: Path, settings: Mapping[str, object]) -> TrainedCritic:
    """A critic that counts. Raises ValueError for a damaged one."""
    try:
        words = cast("Mapping[str, Sequence[str]]", settings["vocabulary"])
        trees = Trees.read(_read_arrays(folder / ARRAYS))
        vocabulary = Vocabulary(tuple(words["question"]), tuple(words["titles"]))
        if trees.feature_TM.max() >= len(vocabulary.names):
            raise ValueError("its trees ask for features that its vocabulary has not")
        return _restored(CountingScore(vocabulary, trees), settings)
    except (KeyError, TypeError, ValueError, OSError, BadZipFile) as error:
        raise ValueError(f"the critic in {folder} is damaged: {error}") from error


@critics.reader(READING)
def read_reading(folder: Path, settings: Mapping[str, object]) -> TrainedCritic:
    """A critic that reads with a language model, which is loaded. Raises ValueError for a damaged one."""
    return open_reading(folder, settings, None)


def open_reading(folder: Path, settings: Mapping[str, object], model: LocalModel | None) -> TrainedCritic:
    """The same with a model that is in memory already. Raises ValueError where its weights are others."""
    spec, adapted = str(settings.get("model")), settings.get("adapted") is True
    if model is None:
        from sparring.agents.models import load_trainable

        model = load_trainable(str(folder / MODEL) if adapted else spec)
    if not adapted and model.weights_fingerprint != settings.get("weights"):
        raise ValueError(
            f"the critic in {folder} was trained with {spec} of the weights {settings.get('weights')}, "
            f"here it has {model.weights_fingerprint}"
        )
    try:
        arrays = _read_arrays(folder / ARRAYS)
        head = Head(arrays["weights_D"].astype(np.float64), float(arrays["bias"]))
        return _restored(ReadingScore(model, spec, head, adapted), settings)
    except (KeyError, TypeError, ValueError, OSError, BadZipFile) as error:
        raise ValueError(f"the critic in {folder} is damaged: {error}") from error


def _restored(score: CountingScore | ReadingScore, settings: Mapping[str, object]) -> TrainedCritic:
    if settings["version"] != VERSION:
        raise ValueError(f"it has version {settings['version']}, this Sparring reads version {VERSION}")
    kept = cast("Mapping[str, Sequence[float]]", settings["calibration"])
    temperature = cast("float", kept["temperature"])
    calibration = Calibration(temperature, tuple(kept["scores"]), tuple(kept["probabilities"]))
    threshold, surrender = (float(cast("float", settings[name])) for name in ("threshold", "surrender"))
    return TrainedCritic(score, calibration, threshold, surrender, int(cast("int", settings["max_rounds"])))


def _read_arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except ValueError as error:  # numpy takes what is no archive for a pickle, and does not open it
        raise BadZipFile(f"{path.name} is no archive of arrays") from error
