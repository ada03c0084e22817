"""The attack suite as data: the ways that we know out of a sandbox, into the next run, and around a grader.

The programs do no harm where they succeed: they write back what they have read, touch names of their own, and clean up.
They are run by `sparring.sandbox.selftest`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from sparring.sandbox.attacks import (
    files,
    fork_server,
    host_calls,
    kernel,
    leftovers,
    network,
    processes,
    resources,
    secrets,
    survivors,
    time_and_output,
    values,
    verdict,
)
from sparring.sandbox.attacks.probe import Breach, Family, Probe

MODULES = (
    resources,
    time_and_output,
    processes,
    files,
    secrets,
    network,
    kernel,
    host_calls,
    leftovers,
    survivors,
    fork_server,
    verdict,
    values,
)
FAMILIES: tuple[str, ...] = get_args(Family)
PROBES: tuple[Probe, ...] = tuple(
    sorted(
        (probe for module in MODULES for probe in module.PROBES),
        key=lambda probe: (FAMILIES.index(probe.family), probe.number),
    )
)


def probes(families: Sequence[str] = ()) -> list[Probe]:
    """The probes of these families, all of them by default. Raises ValueError for a name that is no family."""
    for family in families:
        if family not in FAMILIES:
            raise ValueError(f"there is no family {family!r}; there are {', '.join(FAMILIES)}")
    return [probe for probe in PROBES if not families or probe.family in families]


__all__ = ["FAMILIES", "PROBES", "Breach", "Family", "Probe", "probes"]
