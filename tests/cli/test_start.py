"""How the program starts: what is not loaded, and Ctrl-C from the first moment on."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace

import pytest

from sparring import registry
from sparring.cli import outline
from sparring.cli.app import main
from sparring.start import ctrl_c_at_once
from sparring.trainers.methods.spiral_config import Config

HEAVY = ("torch", "transformers", "scipy", "pyspiel", "gymnasium", "numpy")


SELDOM = ("torch", "transformers", "scipy.stats", "numba", "mujoco", "pandas", "httpx", "sklearn", "jinja2", "pydantic")
SELDOM += ("ray",)
"""What a game between scripted players needs nothing of."""


def loaded_by(words, heavy=HEAVY):
    """The heavy modules that a request has loaded, in a process of its own."""
    code = f"import sys; from sparring.cli.app import main; main({words!r}); "
    code += f"print([m for m in {heavy!r} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=120, check=True)
    return run.stdout.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["trian"],
        ["play", "--help"],
        ["train", "--help"],
        ["train", "spirl"],
        ["train", "spiral", "--help"],
        ["train", "spiral", "--run", "r", "--stepps", "3"],
        ["train", "spiral", "--run", "r", "--steps", "0"],
        ["train", "spiral", "--run", "r", "--games", "KunhPoker"],
        ["envs"],
        ["play", "KunhPoker"],
        ["play", "KunhPoker:illegal=spiral", "--agents", "smollm2,nano"],
        ["play", "OpenSpeil:game=nim"],
        ["play", "KuhnPoker", "--agents", "randm,cfr"],
        ["play", "KuhnPoker:illegal=spiral", "--agents", "cfr,constnat:bet"],
        ["play", "KuhnPoker", "--episodes", "0"],
        ["eval", "cfrr"],
        ["eval", "random", "--env", "KunhPoker"],
        ["eval", "code-akt:smollm2", "--suite", "code"],
        ["runs", "/"],
        ["watch", "nowhere"],
    ],
    ids=" ".join,
)
def test_help_and_mistakes_do_not_wait_for_heavy_libraries(words, tmp_path):
    if words == ["runs", "/"]:
        words = ["runs", str(tmp_path)]
    assert loaded_by(words) == "[]"


@pytest.mark.slow
@pytest.mark.parametrize("env", ["KuhnPoker", "TabletopPlan:ask=plan"])
def test_a_game_between_scripted_players_loads_what_it_needs(env):
    agents = "random,random" if env == "KuhnPoker" else "sap"
    assert loaded_by(["play", env, "--agents", agents, "--episodes", "4"], SELDOM) == "[]"


def untouched():
    """A registry of training methods that has loaded nothing."""
    return registry.Registry("training method", registry.MethodRow, "sparring.trainers")


def test_the_outline_read_from_the_sources_is_what_the_registry_holds():
    rows = {row.name: row for row in registry.trainers}
    found = outline.outline(untouched())
    assert [row.name for row in found] == sorted(rows)
    for row in found:
        loaded = rows[row.name]
        assert replace(row, build=loaded.build) == loaded
        assert outline.config_of(row) is loaded.build.config_type


@pytest.mark.parametrize("known", [registry.envs, registry.agents, registry.trainers], ids=lambda known: known.kind)
def test_the_outline_of_every_kind_names_what_the_registry_holds(known):
    fresh = registry.Registry(known.kind, known.row_type, known.group)
    computed = {"build", "reward_range", "range_with"}  # no literals: what imports the sources knows them
    said = [field.name for field in fields(known.row_type) if field.name not in computed]
    shown = [[getattr(row, name) for name in said] for row in outline.outline(fresh)]
    assert shown == [[getattr(row, name) for name in said] for row in known]
    assert shown


def test_what_the_caller_has_registered_is_in_the_outline_too():
    mine = registry.Registry("training method", registry.MethodRow, "sparring.trainers")
    mine.add(registry.MethodRow("mine", Config))
    assert [row.name for row in outline.outline(mine)] == ["mine"]


def test_the_methods_can_be_listed_as_json(capsys):
    assert main(["train", "--json"]) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == [row.name for row in registry.trainers]


def test_a_method_without_a_config_of_its_own_is_asked_for_it():
    row = outline.find_row(registry.trainers, "spiral")
    bare = registry.MethodRow(row.name, row.build)
    assert outline.config_of(bare) is Config


def test_a_method_may_name_what_runs_it(monkeypatch, tmp_path):
    """Whatever its settings are, RunConfig or not: the row decides."""
    (tmp_path / "own_runner.py").write_text("def start(argv, settings):\n    return len(argv) + (settings is int)\n")
    monkeypatch.syspath_prepend(tmp_path)
    row = registry.MethodRow("own", Config, config="builtins:int", runner="own_runner:start")
    with registry.trainers.temporary(row):
        assert main(["train", "own", "--any", "word"]) == 4
    assert [row.name for row in registry.trainers if row.runner] == ["sim-rag"]


def test_a_row_of_the_outline_builds_nothing():
    with pytest.raises(RuntimeError, match="ask the registry"):
        outline.find_row(untouched(), "spiral").build()


START = "from sparring.start import main; main()"


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.0, 0.05, 0.1, 0.2, 0.4, 0.8])
@pytest.mark.parametrize("words", ["train spiral --run r --device cpu", "play KuhnPoker --episodes 100000"])
def test_ctrl_c_in_the_first_moments_ends_in_one_line(tmp_path, delay, words):
    ready = START.replace("main()", "print(flush=True); main()")  # a slow machine may need long to get there
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", ready, *words.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    process.stdout.readline()
    time.sleep(delay + 0.02)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 130
    assert "Traceback" not in said
    assert "sparring: " in said


@pytest.mark.slow
def test_an_interrupted_process_ends_with_the_code_and_not_by_a_signal():
    code = """
import signal
from sparring.start import end
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    exec("import os, signal; os.kill(os.getpid(), signal.SIGINT); [0 for _ in range(10**7)]")
except KeyboardInterrupt:
    pass
print("kept")
end(130)
"""
    ended = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "kept\n", "")


def test_a_ctrl_c_that_a_shell_has_switched_off_stays_off():
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN);"
        "from sparring import start; start.leave_on_ctrl_c();"
        "assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN; start.handle_ctrl_c_as_usual();"
        "assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True, timeout=60)


def test_a_long_calculation_leaves_ctrl_c_to_whose_handler_is_set():
    asked = []
    before = signal.signal(signal.SIGINT, lambda number, frame: asked.append(number))
    try:
        with ctrl_c_at_once():
            signal.raise_signal(signal.SIGINT)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with pytest.raises(KeyboardInterrupt), ctrl_c_at_once():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert asked == [signal.SIGINT]
