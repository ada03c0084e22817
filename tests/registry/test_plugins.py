"""Distributions of others: a broken one is named and left out, and everything else works."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from sparring import registry
from sparring.registry import EnvironmentRow, Registry, Row

GOOD = """
    from sparring import registry
    from sparring.envs.games.tic_tac_toe import TicTacToe

    @registry.envs.register("good/Noughts-v0", family="games", seats=2)
    class Noughts(TicTacToe):
        \"\"\"Another name for it.\"\"\"
"""
HALF = """
    from sparring import registry
    from sparring.envs.games.tic_tac_toe import TicTacToe

    @registry.agents.register("half-agent", family="players")
    def agent(): ...

    @registry.envs.register("half/Noughts-v0", family="games", seats=2)
    class Noughts(TicTacToe):
        \"\"\"Registered before the module breaks.\"\"\"

"""
ADD = "from sparring import registry\nregistry.envs.add(registry.EnvironmentRow({}))\n"
BROKEN = {
    "import": "import no_such_module",
    "raise": HALF + "    raise LookupError('half\\nway')",
    "exit": HALF + "    raise SystemExit(3)",
    "strange": "class Strange(BaseException):\n    def __str__(self): raise ValueError\nraise Strange",
    "syntax": "def f(:",
    "taken": HALF + "    registry.envs.register('sparring/KuhnPoker-v0', seats=2)(Noughts)",
    "takes ours over": (
        "from dataclasses import replace\nfrom sparring import registry\n"
        "registry.envs.add(replace(registry.envs.row('sparring/KuhnPoker-v0'), family='mine'))"
    ),
    "no row": "from sparring import registry\nregistry.envs.add('rubbish')",
    "no name": ADD.format("3, dict"),
    "no build": ADD.format("'rubbish/A-v0', None"),
    "no seats": ADD.format("'rubbish/A-v0', dict, seats='two'"),
    "no kwargs": ADD.format("'rubbish/A-v0', dict, kwargs=[1]"),
    "no skills": ADD.format("'rubbish/A-v0', dict, skills='planning'"),
    "no id": ADD.format("'rub bish//A', dict, family='games'"),
}  # fmt: skip
LIST = "from sparring import envs, registry; print(*[row.name for row in registry.envs])"


def distribution(folder, name, code, groups=("sparring.envs",), value=None):
    """Something that looks installed: a module, its metadata, its entry points."""
    module = name.replace("-", "_")
    (folder / f"{module}.py").write_text(textwrap.dedent(code))
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    points = "".join(f"[{group}]\n{module} = {value or module}\n" for group in groups)
    (info / "entry_points.txt").write_text(points)


def python(folder, *arguments):
    """A fresh interpreter to which these distributions are installed."""
    paths = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_distribution_is_named_once_and_left_out(tmp_path, kind):
    distribution(tmp_path, "broken-one", BROKEN[kind])
    distribution(tmp_path, "good-one", GOOD)
    done = python(tmp_path, "-c", LIST)
    assert done.returncode == 0, done.stderr
    names = done.stdout.split()
    assert {"good/Noughts-v0", "sparring/KuhnPoker-v0", "sparring/CodeIO-v0"} <= set(names)
    assert not {name for name in names if "half" in name or "rub" in name}
    (line,) = done.stderr.splitlines()
    assert "the plug-in broken-one 1.0 (broken_one) is left out: " in line


@pytest.mark.slow
def test_every_door_is_open_beside_broken_distributions(tmp_path):
    distribution(tmp_path, "broken-one", BROKEN["exit"], ("sparring.envs", "sparring.agents", "sparring.trainers"))
    distribution(tmp_path, "no-such-name", "", value="no_such_name:thing")
    distribution(tmp_path, "no-reference", "", value="1 + 1")
    (tmp_path / "no_reference-1.0.dist-info" / "METADATA").unlink()
    kuhn = "gymnasium.make('sparring.envs:sparring/KuhnPoker-v0', opponent='random')"
    sparring = ("-m", "sparring")
    for command in (
        (*sparring, "envs"),
        (*sparring, "play", "KuhnPoker", "--episodes", "4"),
        ("-c", "import sparring.envs"),
        ("-c", f"import gymnasium; {kuhn}.reset()"),
    ):
        done = python(tmp_path, *command)
        assert done.returncode == 0, done.stderr
        for name in ("broken-one 1.0", "no-such-name 1.0", "no_reference-1.0"):
            lines = [line for line in done.stderr.splitlines() if name in line]
            assert len(lines) == 1, done.stderr
            assert "is left out: " in lines[0]
    told = json.loads(python(tmp_path, *sparring, "doctor", "--json").stdout)["plug-ins left out"]
    assert any("broken-one 1.0 (broken_one) is left out: SystemExit: 3" in line for line in told)


@pytest.mark.slow
def test_what_a_broken_module_has_imported_of_its_own_is_still_there_for_others(tmp_path):
    """`shop` has two entry points; the first imports the module of the second, then breaks."""
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "__init__.py").touch()
    (shop / "first.py").write_text("import shop.second\nraise ValueError('no')")
    (shop / "second.py").write_text(textwrap.dedent(GOOD))
    info = tmp_path / "shop-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sparring.envs]\na = shop.first\nb = shop.second\n")
    done = python(tmp_path, "-c", LIST)
    assert "good/Noughts-v0" in done.stdout.split()
    assert "shop 1.0 (shop.first) is left out: ValueError: no" in done.stderr


INTERRUPTED = """
from sparring import registry
try:
    registry.agents.row("random")
except KeyboardInterrupt:
    print("interrupted")
print(registry.agents.row("random").name, registry.agents.row("late").name)
"""
LATE = """
import builtins
from sparring import registry
if not hasattr(builtins, "seen"):
    builtins.seen = True
    raise KeyboardInterrupt
registry.agents.register("late", family="players")(dict)
"""


@pytest.mark.slow
def test_an_interrupted_look_up_is_made_anew_by_the_next_one(tmp_path):
    distribution(tmp_path, "late", LATE, ("sparring.agents",))
    done = python(tmp_path, "-c", INTERRUPTED)
    assert done.stdout.splitlines() == ["interrupted", "random late"], done.stderr
    assert not done.stderr


def test_a_module_of_ours_that_fails_is_an_error_each_time(tmp_path, monkeypatch):
    package = tmp_path / "own_things"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "first.py").write_text("from test_things import things\nthings.register('first')(dict)")
    (package / "second.py").write_text("raise RuntimeError('broken')")
    things = Registry("thing", Row, "own_things")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "test_things", type(sys)("test_things"))
    sys.modules["test_things"].things = things
    for _ in range(2):
        with pytest.raises(RuntimeError, match="broken"):
            things.row("first")
    (package / "second.py").write_text("mended = True")
    assert things.row("first").build is dict
    for name in [name for name in sys.modules if name.startswith("own_things")]:
        monkeypatch.delitem(sys.modules, name)


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ({"name": ""}, "name must be text without blanks, commas, brackets, got ''"),
        ({"name": "a[/]"}, r"name must be text without blanks, commas, brackets, got 'a\[/\]'"),
        ({"build": 3}, "build must be callable, got 3"),
        ({"seats": 0}, "seats must be a whole number >= 1, got 0"),
        ({"seats": True}, "seats must be a whole number >= 1, got True"),
        ({"reward_range": (0, None)}, r"reward_range must be \(least, most\) or None, got \(0, None\)"),
        ({"extra": 1}, "extra must be text or None, got 1"),
    ],
)
def test_a_row_that_nobody_could_use_is_refused(row, rule):
    things = Registry("thing", EnvironmentRow, "sparring.envs.games")
    with pytest.raises(ValueError, match=rule):
        things.add(EnvironmentRow(**{"name": "pear", "build": dict, **row}))
    assert registry.envs.row("sparring/KuhnPoker-v0").seats == 2
