"""A real PostgreSQL server, one a test process, and the two kinds of places where a store may be."""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

SERVERS = Path(__file__).parents[2] / "benchmarks" / "postgres_server.py"
NUMBERS = itertools.count(1)


def load_servers() -> ModuleType:
    spec = importlib.util.spec_from_file_location("postgres_server", SERVERS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def server() -> Iterator[object]:
    """A server; tests may stop and start it, and leave it running."""
    servers = load_servers()
    if servers.programs() is None:
        pytest.skip("no PostgreSQL server is installed; `.ci/postgres` installs one")
    with servers.running_server() as running:
        yield running


@pytest.fixture
def on_server(server: object) -> Callable[[str], str]:
    """name -> URL of a store that no other test has."""
    number = next(NUMBERS)
    return lambda name="s": server.url(f"t{number}_{name}")  # type: ignore[attr-defined]


@pytest.fixture(params=["folder", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Path | str]:
    """name -> where a store of that name may be made, in a folder and on a server."""
    if request.param == "postgres":
        return request.getfixturevalue("on_server")
    return lambda name="s": tmp_path / name
