"""The two loops of BM25, compiled by numba; import this where numba is installed. Compiling takes seconds, once."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapreplace
from typing import Any

import numpy as np
from bm25s.scoring import _compute_relevance_from_scores_jit_ready
from numba import njit
from numpy.typing import NDArray


def _best(scores: NDArray[np.float32], k: int) -> list[tuple[np.float32, int]]:
    """The `k` highest scores > 0 with their negated positions, lowest first; of equal scores the first positions.

    The scan goes upwards, and of equal scores the heap gives up the last position first: what stays is exact.
    """
    heap = [(np.float32(0), -at) for at in range(len(scores), len(scores) - k, -1)]
    heap.sort()
    lowest = heap[0][0]
    for at in range(len(scores)):
        if scores[at] > lowest:
            heapreplace(heap, (scores[at], -at))
            lowest = heap[0][0]
    heap.sort()
    return heap


def _kept(function: Callable[..., Any]) -> Any:
    """Compiled, and kept on the disk for the next process where a place for it can be written."""
    try:
        return njit(cache=True, nogil=True)(function)
    except RuntimeError:
        return njit(nogil=True)(function)


add_scores = _kept(_compute_relevance_from_scores_jit_ready)
best = _kept(_best)
