"""Gradient-boosted trees as plain arrays: fitted by scikit-learn, kept without pickle, asked with numpy alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sklearn.ensemble import GradientBoostingClassifier  # type: ignore[import-untyped]

LEAF = -1


@dataclass(frozen=True, slots=True)
class Trees:
    """T trees of at most M nodes: the log-odds are `start` plus the sum of the leaves that features lead to.

    A row goes left where its feature <= threshold. Leaves have feature `LEAF`.
    """

    start: float
    feature_TM: NDArray[np.int32]
    threshold_TM: NDArray[np.float64]
    left_TM: NDArray[np.int32]
    right_TM: NDArray[np.int32]
    value_TM: NDArray[np.float64]
    """Of leaves, the learning rate included."""

    @classmethod
    def of(cls, model: GradientBoostingClassifier) -> Trees:
        """The trees of a binary classifier that was fitted with `init` left as it is."""
        trees = [stage[0].tree_ for stage in model.estimators_]
        most = max(tree.node_count for tree in trees)

        def table(name: str, fill: float, kind: type) -> NDArray[np.generic]:
            rows = [np.asarray(getattr(tree, name)).reshape(tree.node_count) for tree in trees]
            return np.array([np.pad(row, (0, most - len(row)), constant_values=fill) for row in rows]).astype(kind)

        left = table("children_left", LEAF, np.int32)
        return cls(
            _log_odds(float(model.init_.class_prior_[1])),
            np.where(left == LEAF, LEAF, table("feature", LEAF, np.int32)).astype(np.int32),
            table("threshold", 0.0, np.float64).astype(np.float64),
            left.astype(np.int32),
            table("children_right", LEAF, np.int32).astype(np.int32),
            (table("value", 0.0, np.float64) * model.learning_rate).astype(np.float64),
        )

    def log_odds(self, features_NF: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of each row. [N]"""
        return np.array([self._log_odds_of(row) for row in features_NF.astype(np.float32)])

    def _log_odds_of(self, features_F: NDArray[np.float32]) -> float:
        """All trees go down one step at a time, together."""
        trees = np.arange(len(self.feature_TM))
        nodes_T = np.zeros(len(trees), np.int32)
        while True:
            feature_T = self.feature_TM[trees, nodes_T]
            inner = feature_T != LEAF
            if not inner.any():
                return float(self.start + self.value_TM[trees, nodes_T].sum())
            goes_left = features_F[np.maximum(feature_T, 0)] <= self.threshold_TM[trees, nodes_T]
            below = np.where(goes_left, self.left_TM[trees, nodes_T], self.right_TM[trees, nodes_T])
            nodes_T = np.where(inner, below, nodes_T)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """What a file keeps."""
        names = ("feature_TM", "threshold_TM", "left_TM", "right_TM", "value_TM")
        return {"start": np.array(self.start)} | {name: getattr(self, name) for name in names}

    @classmethod
    def read(cls, arrays: dict[str, NDArray[np.generic]]) -> Trees:
        """Take back what `arrays` gave. Raises ValueError for trees that lead nowhere."""
        names: Sequence[str] = ("feature_TM", "threshold_TM", "left_TM", "right_TM", "value_TM")
        if missing := [name for name in ("start", *names) if name not in arrays]:
            raise ValueError(f"the trees lack {', '.join(missing)}")
        trees = cls(float(arrays["start"]), *(arrays[name] for name in names))  # type: ignore[arg-type]
        inner, places = trees.feature_TM != LEAF, np.arange(trees.feature_TM.shape[1])
        if not ((trees.left_TM > places) & (trees.right_TM > places) | ~inner).all():
            raise ValueError("the trees lead back to where they came from")
        return trees


def _log_odds(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))
