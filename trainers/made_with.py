"""What a run was made with: time, versions, source commit, hardware. Written into `config.json` when a run starts."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

import sparring

PACKAGES = ("torch", "transformers")


def made_with(device: str = "auto") -> dict[str, str]:
    """Plain data; `device` is the setting of that name. What cannot be told is left out."""
    facts: dict[str, str] = {"started": datetime.now(UTC).isoformat(timespec="seconds")}
    facts |= {"sparring": sparring.__version__, "python": platform.python_version()}
    facts |= {name: found for name in PACKAGES if (found := _version(name)) is not None}
    facts |= {"hardware": _hardware(device)}
    commit = _commit(Path(sparring.__file__).resolve().parent)
    return facts if commit is None else {**facts, "commit": commit}


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
