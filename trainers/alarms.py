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


Name = tuple[str, str]
"""Of a figure or an alarm, and the part that it is of; "": of all updates."""


class Alarms:
    """Fed with the metrics of one update after another, gives the alarms that are new."""

    def __init__(self) -> None:
        self._first: dict[Name, list[float]] = {}
        self._unlearnt = 0
        self._too_long = 0.0
        self._raised: set[Name] = set()
        self._illegal: deque[float] = deque(maxlen=3)

    def feed(self, metrics: Mapping[str, float | None], part: str = "") -> list[str]:
        """What is wrong now and was not before, a line each.

        `part`: what the update does, where updates differ. A verdict of one word is no collapse of answers of sixty.
        """
        found = {(name, ""): line for name, line in self._wrong(metrics)}
        found |= {(name, part): line for name, line in self._collapsed(metrics, part)}
        new = [line for name, line in found.items() if name not in self._raised]
        elsewhere = {(name, other) for name, other in self._raised if other not in ("", part)}
        self._raised = elsewhere | set(found)
        return new

    def _collapsed(self, metrics: Mapping[str, float | None], part: str) -> Iterator[tuple[str, str]]:
        of = f" ({part})" if part else ""
        for name, what in (("entropy", "the entropy of its choices"), ("tokens_per_turn", "the length of its answers")):
            start, now = self._start((name, part), metrics), metrics.get(name)
            if start and now is not None and now < COLLAPSED * start:
                yield name, f"{what}{of} has collapsed: {now:.3g}, and {start:.3g} at first"

    def _wrong(self, metrics: Mapping[str, float | None]) -> Iterator[tuple[str, str]]:
        self._too_long = metrics.get("too_long") or self._too_long
        if self._too_long:
            yield (
                "too_long",
                (
                    f"{self._too_long:.0f} of its samples are longer than the model's context and are left out; "
                    "`too_long` of the metrics counts those of every update"
                ),
            )
        if metrics.get("samples") is not None:
            self._unlearnt = 0 if metrics["samples"] else self._unlearnt + 1
        if self._unlearnt >= 3:
            yield (
                "unlearnt",
                (
                    f"nothing was learnt from the last {self._unlearnt} updates: all returns of a group were equal, "
                    "nothing was selected, or all was too long; try other tasks, more attempts at each, or imitation "
                    "first"
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
        mismatch = metrics.get("sampler_mismatch_mean")
        if mismatch is not None and mismatch > MISMATCH and not metrics.get("staleness"):
            yield (
                "mismatch",
                (
                    f"sampler and learner disagree by {mismatch:.2g} nats a token: these are not the weights, or "
                    "not the numbers, that the games were played with"
                ),
            )
        start, now = self._start(("memory_gb", ""), metrics), metrics.get("memory_gb")
        if start and now is not None and now > GROWTH * start:
            yield "memory", f"memory grows: {now:.1f} GB, and {start:.1f} GB after the first updates"

    def _start(self, name: Name, metrics: Mapping[str, float | None]) -> float | None:
        """What a figure was in the first updates of its part; None until it is known."""
        values, value = self._first.setdefault(name, []), metrics.get(name[0])
        if len(values) < SETTLING and value is not None:
            values.append(value)
        return median(values) if len(values) == SETTLING else None
