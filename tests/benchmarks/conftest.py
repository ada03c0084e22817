"""Benchmarks are scripts: their tests load them as modules."""

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def script():
    """Loads a script of `benchmarks/` by its name, for the tests of one file."""
    names = []

    def load(name):
        spec = importlib.util.spec_from_file_location(f"{name}_benchmark", SCRIPTS / f"{name}.py")
        module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        names.append(spec.name)
        spec.loader.exec_module(module)
        return module

    yield load
    for name in names:
        del sys.modules[name]
