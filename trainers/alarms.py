"""Alarms: what a run's figures show that nobody should wait to find out. Each is raised once, until it is over."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from statistics import median

COLLAPSED = 0.1
"""Of what entropy or length were at first: below it they have collapsed."""
MISMATCH = 0.1
"""Nats between the sampler's log-probability of a token and the learner's, on average.

Single tokens say nothing: in bf16 improbable ones differ by half a nat.
"""
GROWTH = 1.5
"""Memory against what it was after the first updates."""
SETTLING = 5
"""Updates in which memory finds its size, and the first values of a figure are taken."""


class Alarms:
    """Fed with the metrics of one update after another, gives the alarms that are new."""

    def __init__(self) -> None:
        self._first: dict[str, list[float]] = {}
        self._unlearnt = 0
        self._raised: set[str] = set()
        self._illegal: deque[float] = deque(maxlen=3)

    def feed(self, metrics: Mapping[str, float | None]) -> list[str]:
        """What is wrong now and was not before, a line each."""
        found = dict(self._wrong(metrics))
        new = [line for name, line in found.items() if name not in self._raised]
        self._raised = set(found)
        return new

    def _wrong(self, metrics: Mapping[str, float | None]) -> Iterator[tuple[str, str]]:
        if metrics.get("samples") is not None:
            self._unlearnt = 0 if metrics["samples"] else self._unlearnt + 1
        if self._unlearnt >= 3:
            yield (
                "unlearnt",
                (
                    f"nothing was learnt from the last {self._unlearnt} updates: all returns of a group were equal, or "
                    "nothing was selected; try other tasks, more attempts at each, or imitation first"
                ),
            )
        if (illegal := metrics.get("illegal_share")) is not None:
            self._illegal.append(illegal)
        if len(self._illegal) == self._illegal.maxlen and min(self._illegal) > 0.99:
            yield (
                "illegal",
                (
                    "every action of the last three updates was illegal, so there is nothing to learn from: "
                    "imitate an agent that plays first; where actions are listed, choose among them (--decoding legal)"
                ),
            )
        for name, what in (("entropy", "the entropy of its choices"), ("tokens_per_turn", "the length of its answers")):
            start, now = self._start(name, metrics), metrics.get(name)
            if start and now is not None and now < COLLAPSED * start:
                yield name, f"{what} has collapsed: {now:.3g}, and {start:.3g} at first"
        mismatch = metrics.get("sampler_mismatch_mean")
        if mismatch is not None and mismatch > MISMATCH and not metrics.get("staleness"):
            yield (
                "mismatch",
                (
                    f"sampler and learner disagree by {mismatch:.2g} nats a token: these are not the weights, or "
                    "not the numbers, that the games were played with"
                ),
            )
        start, now = self._start("memory_gb", metrics), metrics.get("memory_gb")
        if start and now is not None and now > GROWTH * start:
            yield "memory", f"memory grows: {now:.1f} GB, and {start:.1f} GB after the first updates"

    def _start(self, name: str, metrics: Mapping[str, float | None]) -> float | None:
        """What a figure was in the first updates; None until it is known."""
        values, value = self._first.setdefault(name, []), metrics.get(name)
        if len(values) < SETTLING and value is not None:
            values.append(value)
        return median(values) if len(values) == SETTLING else None
