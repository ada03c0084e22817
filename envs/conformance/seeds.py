"""Checks on what decides an episode: its seed and its actions, and nothing else.

Each yields a sentence for every way in which the property does not hold, and nothing where it does.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from itertools import count

import numpy as np

from sparring.envs.conformance.playing import Record, episode, played, replayed
from sparring.envs.conformance.subject import MANY_SEEDS, SEEDS, NotHere, Subject

MOST_MEETINGS = 10
"""How often another instance is begun while an episode is played."""
IN_A_PROCESS = """
import json, sys
from sparring.envs.conformance.seeds import fingerprint
from sparring.envs.conformance.subject import Subject
from sparring import registry
said = json.loads(sys.argv[1])
subject = Subject(lambda: registry.envs.make(said["id"], **said["kwargs"]))
print(fingerprint(subject))
"""


def equal_seeds_give_equal_episodes(subject: Subject) -> Iterator[str]:
    """Two instances with one seed and the same actions show the same, whatever the global generators do."""
    second = subject.build()
    for seed in SEEDS:
        first = episode(subject, seed)
        _disturb(seed)
        again = replayed(second, seed, first.answers)
        yield from _difference(first, again, f"seed {seed} on two instances")


def other_seeds_give_other_episodes(subject: Subject) -> Iterator[str]:
    """Among twelve seeds at least two differ in what is seen first, or in what follows the same actions."""
    first, other = episode(subject, 0), subject.build()
    for seed in range(1, MANY_SEEDS):
        if replayed(other, seed, first.answers).rows != first.rows:
            return
    yield f"{MANY_SEEDS} seeds give one episode: nothing in it is drawn by the seed"


def numpy_seeds_are_seeds(subject: Subject) -> Iterator[str]:
    """`reset(seed=numpy.int64(3))` is `reset(seed=3)`, or refused in a message."""
    expected = episode(subject, 3)
    try:
        again = replayed(subject.build(), np.int64(3), expected.answers)  # type: ignore[arg-type]
    except OverflowError as error:
        yield f"a NumPy seed raises OverflowError: {error}"
    except Exception:  # noqa: BLE001  (a refusal)
        return
    else:
        yield from _difference(expected, again, "NumPy's seed 3 instead of Python's")


def reset_leaves_nothing(subject: Subject) -> Iterator[str]:
    """An episode is the same on a fresh instance, after a finished episode, and after one that was broken off."""
    expected, used = episode(subject, 0), subject.build()
    played(used, 1)
    yield from _difference(expected, replayed(used, 0, expected.answers), "seed 0 after a finished episode")
    played(used, 2, most=1)
    yield from _difference(expected, replayed(used, 0, expected.answers), "seed 0 after an unfinished episode")


def instances_do_not_touch_each_other(subject: Subject) -> Iterator[str]:
    """An episode is the same while another instance plays between its steps."""
    expected, other = episode(subject, 7), subject.build()
    every, turns = max(1, len(expected.answers) // MOST_MEETINGS), count()

    def meet() -> None:
        if next(turns) % every == 0:
            played(other, 123, most=2)

    beside = replayed(subject.build(), 7, expected.answers, between=meet)
    yield from _difference(expected, beside, "seed 7 while a second instance plays")


def processes_agree(subject: Subject) -> Iterator[str]:
    """Another process, with another hash seed, plays the same episodes."""
    if subject.env_id is None:
        raise NotHere("it is not registered, so no other process can build it")
    said = json.dumps({"id": subject.env_id, "kwargs": subject.kwargs or {}})
    command = [sys.executable, "-c", IN_A_PROCESS, said]
    done = subprocess.run(command, capture_output=True, text=True, env=_other_hash_seed(), timeout=300)
    if done.returncode:
        raise NotHere(
            f"another process cannot build it: {(done.stderr.strip().splitlines() or ['no message'])[-1][:120]}"
        )
    if done.stdout.strip() != fingerprint(subject):
        yield "another process shows other episodes for the same seeds and actions"


def fingerprint(subject: Subject) -> str:
    """What the first seeds show, as one text: equal in every process."""
    rows = [repr(episode(subject, seed).rows) for seed in SEEDS]
    return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogatepass")).hexdigest()


def _difference(expected: Record, again: Record, what: str) -> Iterator[str]:
    for number, (before, after) in enumerate(zip(expected.rows, again.rows, strict=False)):
        if before != after:
            yield f"{what}: step {number} shows something else"
            return
    if len(expected.rows) != len(again.rows):
        yield f"{what}: {len(expected.rows)} steps and {len(again.rows)} steps"


def _disturb(seed: int) -> None:
    """Set the global generators, which an environment must not use."""
    random.seed(seed)
    np.random.seed(seed)


def _other_hash_seed() -> dict[str, str]:
    return {**os.environ, "PYTHONHASHSEED": "12345"}
