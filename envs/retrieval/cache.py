"""Answers that were given before, kept by (fingerprint, query, k): rollouts of one question ask alike.

The environments of a process share one store of answers. It forgets what was asked longest ago. A retriever whose
fingerprint is not pinned (a server without a manifest) is asked every time: its answers may change.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

from sparring.envs.retrieval.types import Hit, Retriever

MOST_HITS = 200_000
"""Kept in a store, over all answers; a hit takes about 1 KB where the corpus is on the disk."""
MOST_CHARACTERS = 4096
"""Of a query that is kept."""
UNPINNED = "unpinned"
"""How the fingerprint begins of a retriever whose answers may change."""
Key = tuple[str, str, int]


class Answers:
    """A bounded store of answers; threads may share it."""

    def __init__(self, most_hits: int = MOST_HITS) -> None:
        if most_hits < 1:
            raise ValueError(f"most_hits must be >= 1, got {most_hits}")
        self.most_hits = most_hits
        self._answers: OrderedDict[Key, tuple[Hit, ...]] = OrderedDict()
        self._weight = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: Key) -> list[Hit] | None:
        """The answer, as a list of the caller's own; None where it is not known."""
        with self._lock:
            answer = self._answers.get(key)
            if answer is None:
                return None
            self._answers.move_to_end(key)
        return list(answer)

    def put(self, key: Key, hits: Sequence[Hit]) -> None:
        """Keep an answer, and forget old ones until all fit."""
        with self._lock:
            self._weight -= _weight(self._answers.pop(key, None))
            self._answers[key] = tuple(hits)
            self._weight += _weight(hits)
            while self._weight > self.most_hits and len(self._answers) > 1:
                self._weight -= _weight(self._answers.popitem(last=False)[1])


SHARED = Answers()
"""Of this process."""


class Cached:
    """A `Retriever` that asks another one only what is not known."""

    def __init__(self, retriever: Retriever, answers: Answers = SHARED) -> None:
        self.retriever, self.answers = retriever, answers
        self.fingerprint = retriever.fingerprint

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """What the other retriever answers; each query that is not known is asked once. Raises what that raises."""
        if self.fingerprint.startswith(UNPINNED):
            return self.retriever.search(queries, k)
        known = {query: self.answers.get((self.fingerprint, query, k)) for query in queries}
        missing = [query for query, hits in known.items() if hits is None]
        if missing or k < 1:
            for query, hits in zip(missing, self.retriever.search(missing, k), strict=True):
                known[query] = hits
                if len(query) <= MOST_CHARACTERS:
                    self.answers.put((self.fingerprint, query, k), hits)
        return [list(known[query] or ()) for query in queries]


def _weight(hits: Sequence[Hit] | None) -> int:
    return 0 if hits is None else 1 + len(hits)
