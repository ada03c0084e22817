"""The processes of foreign engines: what hangs, crashes or is killed there, and who may use them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import gymnasium
import pytest

from sparring import envs
from sparring.envs.adventures.hosted import session as sessions
from sparring.envs.adventures.hosted import worker as module
from sparring.envs.adventures.hosted.session import CommandLost, Session
from sparring.envs.adventures.hosted.worker import MOST_IDLE, EngineFailed, EngineGone, EngineSpec, Worker, workers
from sparring.rollout.hosts import PROCESSES
from sparring.rollout.loop import Match, play

pytestmark = pytest.mark.slow
needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="no Java here: install openjdk-17-jre-headless")
COIN = "sparring/TextWorld-v0:kind=coin_collector:level=3"
TWC = "sparring/TextWorldExpress-v0:parameters=numLocations=2/numItemsToPutAway=1"
JAVA_TWC = pytest.param(TWC, marks=needs_java)


@pytest.fixture(autouse=True)
def no_engine_is_left():
    """A Java machine takes up to 1.5 GB: none waits for the next test."""
    yield
    workers.close_idle()


def processes(group):
    """The state letters of a group's processes by their names."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = file.read_text().rpartition(")")
        except OSError:
            continue
        if int(rest.split()[2]) == group:
            found.append((name.partition("(")[2], rest.split()[0]))
    return found


def running(group):
    return [name for name, state in processes(group) if state != "Z"]


@pytest.mark.parametrize(
    ("command", "seconds", "said"), [("\x00", 2.0, "did not answer within 2 s"), ("a\x00b", 60.0, "SIGSEGV")]
)
def test_a_command_that_hangs_or_ends_the_interpreter_costs_itself_only(command, seconds, said, monkeypatch):
    monkeypatch.setattr(sessions, "STEP_SECONDS", seconds)
    session = Session(envs.make(COIN)._session.spec)  # no gate before it
    commands = session.plan(5)
    session.reset(5)
    session.step(commands[0])
    there = session.step("look").text
    with pytest.warns(RuntimeWarning, match=said), pytest.raises(CommandLost):
        session.step(command)
    assert session.step("look").text == there
    assert [session.step(command) for command in commands[1:]][-1].won
    session.close()


def test_who_is_interrupted_leaves_no_answer_for_the_next():
    def interrupt(*_):
        raise TimeoutError("interrupted")

    before = signal.signal(signal.SIGALRM, interrupt)
    session = Session(envs.make(COIN)._session.spec)
    first = session.reset(5).text
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        with pytest.raises(TimeoutError, match="interrupted"):
            session.step("\x00")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert session.step("inventory").text == "You are carrying nothing."
    assert session.reset(5).text == first
    session.close()


@pytest.mark.parametrize("env_id", [COIN, JAVA_TWC])
def test_an_engine_that_is_killed_is_started_again_and_the_game_goes_on(env_id):
    env = envs.make(env_id)
    commands = env.walkthrough(1)
    env.reset(seed=1)
    for command in commands[:2]:
        env.step(command)
    group = env._session._held[0]._process.pid
    os.killpg(group, signal.SIGKILL)
    with pytest.warns(RuntimeWarning, match="ended by SIGKILL.*the game goes on in a new process"):
        _, reward, _, _, info = env.step(commands[2])
    assert (reward, info["illegal"]) == (0.0, True)
    again = env._session._held[0]._process.pid
    while not (step := env.step(commands[2]))[2]:
        del commands[2]
    assert step[4]["metrics"]["won"] == 1.0
    assert running(group) == []
    env.close()
    workers.close_idle()
    assert processes(again) == []


@needs_java
def test_a_java_machine_that_dies_is_said_in_one_line_and_the_game_goes_on():
    env = envs.make(TWC)
    env.reset(seed=1)
    before = env.step("look around")[0]
    java = subprocess.run(
        ["pgrep", "-g", str(env._session._held[0]._process.pid), "java"], capture_output=True, text=True, check=True
    )
    os.kill(int(java.stdout), signal.SIGKILL)
    with pytest.warns(RuntimeWarning) as warned:
        env.step("inventory")
    (line,) = [str(one.message) for one in warned]
    assert line.isprintable()
    assert "textworld_express" in line
    assert env.step("look around")[0] == before
    env.close()


@needs_java
def test_no_process_outlives_whoever_was_killed():
    script = (
        "import time; from sparring import envs; env = envs.make('sparring/TextWorldExpress-v0'); env.reset(seed=1)\n"
        "print(env._session._held[0]._process.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    group = int(parent.stdout.readline())
    assert len(running(group)) == 2  # Python and Java
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while running(group) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert running(group) == []


def test_an_engine_that_cannot_be_started_is_a_fault(monkeypatch, tmp_path):
    (tmp_path / "java").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "java").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises((EngineGone, EngineFailed), match=r"^textworld_express: Java did not start"):
        envs.make(TWC).reset(seed=1)


def test_many_games_at_a_time_take_few_processes():
    matches = [Match(f"m{n}", COIN, {"player_0": "random"}, n % 3, env_kwargs={"max_turns": 5}) for n in range(40)]
    most = 0

    def count(event):
        nonlocal most
        most = max(most, len(module._alive))

    episodes = list(play(matches, on_event=count))
    assert {episode.status for episode in episodes} <= {"ok", "truncated"}
    assert 0 < most <= 2 * PROCESSES
    assert len(module._alive) <= MOST_IDLE


def test_a_game_that_was_closed_goes_on_where_it_stood():
    env = envs.make(COIN)
    commands = env.walkthrough(1)
    env.reset(seed=1)
    env.step(commands[0])
    env.close()
    envs.make(COIN).reset(seed=2)  # another game takes the process
    assert [env.step(command) for command in commands[1:]][-1][4]["metrics"]["won"] == 1.0
    env.close()


def test_nothing_of_an_engine_is_imported_where_the_environment_is():
    script = (
        "import sys, gymnasium\nenv = gymnasium.make('sparring.envs:sparring/TextWorld-v0', kind='coin_collector')\n"
        "env.reset(seed=1); env.step('look'); env.close()\n"
        "print([name for name in ('textworld', 'jericho', 'py4j', 'spacy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def _looks(env, queue):
    queue.put(env.step("look")[0])


def test_a_game_goes_on_in_a_forked_process_and_in_its_parent():
    env = envs.make(COIN)
    env.reset(seed=1)
    env.step(env.walkthrough(1)[0])
    context = get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=_looks, args=(env, queue))
    child.start()
    theirs = queue.get()
    child.join(60)
    assert env.step("look")[0] == theirs
    assert child.exitcode == 0
    env.close()


def test_vectorised_environments_step_in_daemon_processes():
    venv = gymnasium.vector.AsyncVectorEnv([lambda: envs.make(COIN, list_actions=False)] * 2, shared_memory=False)
    seen, _ = venv.reset(seed=[1, 2])
    assert len(set(seen)) == 2
    _, rewards, *_ = venv.step(("look", "a\x00b"))
    assert list(rewards) == [0.0, 0.0]
    venv.close()


@needs_java
def test_an_engines_process_leaves_no_folder():
    worker = Worker(EngineSpec("textworld_express", {"game": "coin", "parameters": ""}))
    worker.ask({"reset": 1}, 60)
    folder = Path(worker._folder)
    assert folder.is_dir()
    worker.close()
    assert not folder.exists()


def test_compiled_games_that_somebody_may_be_about_to_open_are_kept(tmp_path):
    engine = pytest.importorskip("sparring.envs.adventures.hosted.inside.textworld_engine")
    names = [f"tw-{number:03d}" for number in range(engine.MOST_GAMES + 20)]
    for number, name in enumerate(names):
        for ending in (".z8", ".json"):
            (tmp_path / f"{name}{ending}").touch()
        if number < 20:  # all others were asked for just now
            os.utime(tmp_path / f"{name}.z8", (1.0 + number, 1.0 + number))
    assert engine._taken(tmp_path / "tw-000.z8")
    engine._forget_the_oldest(tmp_path)
    left = {path.stem for path in tmp_path.glob("*.z8")}
    assert left == {"tw-000", *names[20:]}
    assert left == {path.stem for path in tmp_path.glob("*.json")}
    assert not engine._taken(tmp_path / "tw-001.z8")
