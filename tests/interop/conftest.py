"""Tests with other people's programs in environments of their own: `make test-interop`. Elsewhere none is collected."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

collect_ignore_glob = [] if any(map(importlib.util.find_spec, ("openenv", "verifiers"))) else ["test_*.py"]


@contextmanager
def _serving(envs: str, *options: str) -> Iterator[str]:
    command = [sys.executable, "-m", "sparring", "serve", "--envs", envs, "--port", "0", *options]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield server.stdout.readline().split()[-1]
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="session")
def serving() -> Any:
    """Runs `sparring serve` with these environments by commas, and options, in a `with` block; gives its address."""
    return _serving
