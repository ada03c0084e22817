"""Data files that come with an installed package, read without importing it."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
from pathlib import Path

from sparring.registry import MissingExtra


def read_rows(package: str, path: str, sha256: str) -> list[dict[str, str]]:
    """The rows of a gzipped file of JSON lines whose values are texts.

    Raises MissingExtra with the command that installs the package, ValueError where the file is not the one with
    that checksum: what we know of its rows, and that its tests may run here, holds for that one alone.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra(f'{package} is not installed: run `pip install "sparring[code]"`')
    data = (Path(next(iter(spec.submodule_search_locations))) / path).read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != sha256:
        raise ValueError(f"{package}/{path} must have the SHA-256 {sha256}, got {digest}: another version is installed")
    return [json.loads(line) for line in gzip.decompress(data).splitlines()]
