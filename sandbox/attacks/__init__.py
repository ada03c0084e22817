"""The attack suite as data: the ways that we know out of a sandbox, into the next run, and around a grader.

The programs do no harm where they succeed: they write back what they have read, touch names of their own, and clean up.
They are run by `sparring.sandbox.selftest`.
"""

from __future__ import annotations

from collections.abc import Sequence

from sparring.sandbox.attacks import (
    cross_run,
    files,
    host_calls,
    kernel,
    more_cross_run,
    more_resources,
    network,
    processes,
    resources,
    secrets,
    values,
    verdict,
)
from sparring.sandbox.attacks.probe import Breach, Family, Probe

PROBES: tuple[Probe, ...] = (
    *resources.PROBES,
    *more_resources.PROBES,
    *processes.PROBES,
    *files.PROBES,
    *secrets.PROBES,
    *network.PROBES,
    *kernel.PROBES,
    *host_calls.PROBES,
    *cross_run.PROBES,
    *more_cross_run.PROBES,
    *verdict.PROBES,
    *values.PROBES,
)
FAMILIES: tuple[str, ...] = tuple(dict.fromkeys(probe.family for probe in PROBES))


def probes(families: Sequence[str] = ()) -> list[Probe]:
    """The probes of these families, all of them by default. Raises ValueError for a name that is no family."""
    for family in families:
        if family not in FAMILIES:
            raise ValueError(f"there is no family {family!r}; there are {', '.join(FAMILIES)}")
    return [probe for probe in PROBES if not families or probe.family in families]


__all__ = ["FAMILIES", "PROBES", "Breach", "Family", "Probe", "probes"]
