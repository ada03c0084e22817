"""The task suites of LIBERO and LIBERO-PRO: their tasks, instructions, official initial states and step caps."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sparring.envs.robot.libero.loading import load
from sparring.registry import UnknownName, unknown

CAPS: Mapping[str, int] = {
    "libero_spatial": 220,
    "libero_object": 280,
    "libero_goal": 300,
    "libero_10": 520,
    "libero_90": 400,
}
"""Control steps of one episode, as in the evaluation of OpenVLA (arXiv 2406.09246); the same under LIBERO-PRO."""
PERTURBATIONS = ("lan", "object", "swap", "task")
"""Of LIBERO-PRO: another wording, other looks, other places, another goal. Each suite but libero_90 has all four."""
SUITES = (*CAPS, *(f"{suite}_{kind}" for suite in CAPS if suite != "libero_90" for kind in PERTURBATIONS))
SAYS_ITSELF = ("_lan", "_task")
"""Suites whose problem files hold the instruction; that of the others is the task's name, as in LIBERO's protocol."""
LANGUAGE = re.compile(r"\(:language\s+([^)]*)\)")


@dataclass(frozen=True, slots=True)
class Task:
    """One task of a suite."""

    suite: str
    number: int
    name: str
    instruction: str
    problem: Path
    """The BDDL file."""
    inits: npt.NDArray[np.float64]
    """[inits, 1 + nq + nv]: the official initial states; each is MuJoCo's time, positions and velocities."""


def cap_of(suite: str) -> int:
    """Control steps of an episode in a suite."""
    return next(cap for base, cap in CAPS.items() if suite == base or suite.startswith(f"{base}_"))


def tasks_in(suite: str) -> int:
    """How many tasks a suite has. Raises UnknownName with the nearest suites."""
    if suite not in SUITES:
        raise UnknownName(unknown("suite of LIBERO", str(suite), SUITES))
    return 90 if suite == "libero_90" else 10


@lru_cache(maxsize=32)
def find_task(suite: str, number: int) -> Task:
    """A task of a suite by its number, from 0. Raises MissingExtra without LIBERO."""
    with contextlib.redirect_stdout(io.StringIO()):
        benchmark = load("benchmark").get_benchmark(suite)()
    entry = benchmark.get_task(number)
    problem = Path(benchmark.get_task_bddl_file_path(number))
    said = LANGUAGE.search(problem.read_text(encoding="utf-8"))
    instruction = said[1].strip().lower() if said and suite.endswith(SAYS_ITSELF) else entry.language.lower()
    inits = np.asarray(benchmark.get_task_init_states(number), np.float64)
    return Task(suite, number, entry.name, instruction, problem, inits)
