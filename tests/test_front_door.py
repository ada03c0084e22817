"""The names of `import sparring`: each is the thing itself, loaded when it is used first."""

import ast
import importlib
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import sparring

NAMES = sorted(sparring.__all__)


def python(code):
    """What a fresh interpreter prints, as JSON."""
    command = [sys.executable, "-c", f"import json, sys\n{code}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_import_sparring_loads_nothing_else():
    loaded = set(python("before = set(sys.modules); import sparring; print(json.dumps([*set(sys.modules) - before]))"))
    others = {name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names}
    assert others == {"sparring"}


def test_looking_at_the_names_loads_nothing_else():
    code = "import sparring; names = dir(sparring); print(json.dumps([names, 'sparring.types' in sys.modules]))"
    names, loaded = python(code)
    assert {*NAMES, "__version__"} <= set(names)
    assert not loaded


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_what_type_checkers_take_it_for(name):
    homes = {
        alias.name: node.module
        for node in ast.walk(ast.parse(Path(sparring.__file__).read_text()))
        if isinstance(node, ast.ImportFrom) and node.module != "__future__"
        for alias in node.names
    }
    assert sorted(homes) == NAMES
    assert getattr(sparring, name) is getattr(importlib.import_module(homes[name]), name)


def test_no_name_is_that_of_a_module_which_would_take_its_place():
    modules = {module.name for module in pkgutil.iter_modules(sparring.__path__)}
    assert {"envs", "registry", "rollout", "samples"} <= modules
    assert modules.isdisjoint(NAMES)


def test_a_name_stays_the_same_when_all_packages_are_imported():
    code = "import sparring; from sparring import make, play\n"
    code += "import sparring.scoreboard.verify, sparring.rollout.loop\n"
    code += "print(json.dumps([sparring.make is make, sparring.play is play, callable(sparring.verify)]))"
    assert python(code) == [True, True, True]


def test_an_unknown_name_names_the_nearest():
    with pytest.raises(AttributeError, match=r"^module 'sparring' has no attribute 'Trajectry'; did you mean 'Trajec"):
        sparring.Trajectry  # noqa: B018
    with pytest.raises(AttributeError, match=r"^module 'sparring' has no attribute 'zzz'$"):
        sparring.zzz  # noqa: B018
