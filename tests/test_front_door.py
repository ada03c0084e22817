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


MATCH = sparring.Match("m", "sparring/KuhnPoker-v0", {"player_0": "random", "player_1": "random"}, 1)


@pytest.fixture
def store(tmp_path):
    with sparring.Store(tmp_path / "store", "a") as opened:
        yield opened


class Odd:
    """No agent, and no environment."""


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda _: sparring.play(MATCH), "matches must be a list, each a Match, got a value of type Match"),
        (lambda _: sparring.play("x"), "matches must be a list, each a Match, got 'x'"),
        (lambda _: sparring.play([MATCH, 3]), "matches[1] must be a Match, got 3"),
        (lambda _: sparring.play([MATCH], [Odd()]), "agents must be agents by the names that the matches use, got"),
        (lambda _: sparring.play([MATCH], {"random": "cfr"}), "agents['random'] must be an agent, got 'cfr' (a spec"),
        (lambda _: sparring.play([MATCH], {"a": Odd()}), "agents['a'] must be an agent, got a value of type Odd"),
        (lambda _: sparring.play([MATCH], {"a": Odd}), "agents['a'] must be an agent, got the class Odd"),
        (lambda _: sparring.play([MATCH], concurrency="4"), "concurrency must be a whole number, got '4'"),
        (lambda _: sparring.play([MATCH], on_event=3), "on_event must be a function or None, got 3"),
        (lambda store: sparring.verify(str(store.path)), "store must be an open Store"),
        (lambda _: sparring.verify(None), "store must be an open Store (`with Store(path) as store`), got None"),
        (lambda _: sparring.make(None), "the name of the environment must be text, got None"),
        (lambda _: sparring.make(["x"]), "the name of the environment must be text, got a value of type list"),
        (lambda _: sparring.make_agent(None), "a name must be text, such as 'random', got None"),
        (lambda _: sparring.Store(3), "path must be the path of a folder, or a postgresql:// URL, got 3"),
        (lambda store: store.append(["x"]), "episodes[0] must be an Episode, got 'x'"),
        (lambda store: store.append(sparring.play([MATCH])[0]), "episodes must be a list, each an Episode, got"),
        (lambda store: store.get(3), "ids[0] must be an episode's id, got 3"),
        (lambda store: store.get_many("m"), "ids must be a list, each an episode's id, got 'm'"),
        (lambda store: store.known([3]), "ids[0] must be an episode's id, got 3"),
        (lambda store: store.blob(3), "sha256 must be text, got 3"),
        (lambda store: store.put_columns("m", "a", [1.0]), "values must be numbers by the ids of trajectories"),
        (lambda store: store.put_columns("m", "a", {"x": "1"}), "the value of 'x' must be a number, got '1'"),
        (lambda _: sparring.Match(env=3), "unexpected keyword argument 'env'"),
        (lambda _: sparring.Match("m", "e", {}, 1, 3), "match 'm': env_kwargs must be a mapping, got 3"),
        (lambda _: sparring.Match("m", "e", {}, 1, parents=3), "match 'm': parents must be a mapping, got 3"),
        (lambda _: sparring.Sandbox(3), "backend must be the name of a backend, got 3"),
        (lambda _: sparring.Sandbox(workers="2"), "workers must be a whole number, got '2'"),
        (lambda _: sparring.Sandbox(limits=3), "limits must be Limits, got 3"),
        (lambda _: sparring.Sandbox(packages="numpy"), "packages must be a list, each the name of a distribution, got"),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_refused_in_one_line(store, call, rule):
    with pytest.raises(TypeError) as error:
        call(store)
    assert rule in str(error.value)
    assert len(str(error.value).splitlines()) == 1
