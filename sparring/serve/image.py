"""A Docker image that serves environments, made of what is installed here: no registry, no Dockerfile, no network."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import sparring
from sparring import registry
from sparring.sandbox.rootfs import ENVIRONMENT, LIBRARIES, PACKAGES, PYTHON, bare_python, copy_libraries, copy_package

PORT = 8000
OURS = "sparring"
NAME = re.compile(r"[\w.-]+")
EXTRA = re.compile(r"extra\s*==\s*['\"]([\w-]+)['\"]")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "site-packages", "test", "tests", "idlelib", "tkinter", "*.a")


def build_image(name: str, command: Sequence[str], extras: Sequence[str]) -> None:
    """An image whose containers run `sparring COMMAND`. `extras`: those of ours that it needs, such as "serve".

    Raises MissingExtra, and SandboxUnavailable where no Docker engine answers.
    """
    from sparring.sandbox.backends.docker import connect

    registry.require("docker", "docker")
    client = connect()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        _fill(root, extras)
        with tempfile.TemporaryFile() as file:
            with tarfile.open(fileobj=file, mode="w") as archive:
                archive.add(root, arcname=".", filter=_owned_by_root)
            file.seek(0)
            _import(client, file, name, command)


def _fill(root: Path, extras: Sequence[str]) -> None:
    """Python, the packages, and the shared libraries of both."""
    bare_python(root, LEFT_OUT)
    for one in sorted(_needed(extras)):
        copy_package(one, root / PACKAGES[1:])
    shutil.copytree(Path(sparring.__file__).parent, root / PACKAGES[1:] / OURS, ignore=LEFT_OUT, dirs_exist_ok=True)
    copy_libraries([root / PYTHON[1:], *root.rglob("*.so*")], root)
    (root / "tmp").mkdir(mode=0o777, exist_ok=True)
    (root / "data").mkdir(mode=0o777)


def _needed(extras: Sequence[str]) -> set[str]:
    """The distributions that ours needs with these extras, as far as they are installed here."""
    found, waiting = set[str](), [(OURS, tuple(extras))]
    while waiting:
        name, asked = waiting.pop()
        for required, wanted in _requirements(name, asked):
            if required not in found:
                found.add(required)
                waiting.append((required, wanted))
    return found - {OURS}


def _requirements(name: str, extras: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(distribution, extras of it) that are installed, whatever other markers say."""
    for line in importlib.metadata.requires(name) or []:
        wanted, _, marker = line.partition(";")
        if (extra := EXTRA.search(marker)) and extra[1] not in extras:
            continue
        match = NAME.match(wanted.strip())
        if match is None:
            continue
        inner = re.search(r"\[([^\]]*)\]", wanted)
        try:
            installed = importlib.metadata.distribution(match[0]).metadata["Name"]
        except importlib.metadata.PackageNotFoundError:
            continue
        yield installed, tuple(part.strip() for part in inner[1].split(",")) if inner else ()


def _import(client: Any, file: Any, name: str, command: Sequence[str]) -> None:
    kept = {key: value for key, value in ENVIRONMENT.items() if key not in ("PYTHONPATH", "PYTHONHASHSEED")}
    kept |= {"PYTHONPATH": PACKAGES, "HOME": "/data", "LD_LIBRARY_PATH": LIBRARIES}
    words = [PYTHON, "-P", "-m", OURS, *command]
    changes = [f"ENV {key}={value}" for key, value in kept.items()]
    changes += [f"CMD {json.dumps(words)}", f"EXPOSE {PORT}", "WORKDIR /data", "USER 1000:1000"]
    repository, _, tag = name.partition(":")
    client.api.import_image_from_data(file, repository=repository, tag=tag or "latest", changes=changes)


def _owned_by_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry
