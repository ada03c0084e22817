"""Environments in processes of their own: the same episodes, and what crashes or hangs costs its own one only."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import gymnasium
import pytest

from sparring import registry
from sparring.rollout.adapters import adapt
from sparring.rollout.loop import Match, play
from sparring.rollout.pool import EnvPool

MODULE = """
import os, time
import gymnasium
from gymnasium import spaces
from sparring import registry

class Odd(gymnasium.Env):
    def __init__(self, fault=""):
        self.observation_space = self.action_space = spaces.Text(100)
        self.fault = fault

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.seed, self.turns = seed, 0
        return f"{self.np_random.integers(100)}", {"suggested_actions": ("a", "b"), "hidden": {"pid": 0}}

    def step(self, action):
        self.turns += 1
        if self.fault and self.seed % 5 == 0:
            if self.fault == "exit":
                os._exit(3)
            if self.fault == "hang":
                time.sleep(10_000)
            raise ValueError("odd")
        seen = f"{action} {self.np_random.integers(100)}"
        return seen, 1.0, self.turns == 3, False, {"suggested_actions": ("a", "b")}

registry.envs.register("test/Inline-v0")(Odd)
registry.envs.register("test/Process-v0", host="process")(Odd)
"""
PLAY = """
import json, sys, time
from sparring.rollout import hosts
from sparring.agents import make
from sparring.rollout.pool import EnvPool
from sparring.rollout.loop import Match, play

if __name__ == "__main__":
    hosts.STEP_TIMEOUT_SECONDS = 3.0
    env_id, fault = sys.argv[1:3]
    started = time.time()
    kwargs = {"fault": fault} if fault else {}
    matches = [Match(f"e{s}", env_id, {"player_0": "random"}, s, kwargs) for s in range(1, 11)]
    episodes = play(matches, concurrency=2)
    texts = [[turn.observation.text for _, turn in e.turns] for e in episodes]
    rows = [(e.status, e.fault, e.error, e.trajectories["player_0"].reward, t) for e, t in zip(episodes, texts)]
    print(json.dumps({"rows": rows, "seconds": time.time() - started}))
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    (folder / "odd_envs.py").write_text(textwrap.dedent(MODULE))
    (folder / "played.py").write_text(textwrap.dedent(PLAY))
    info = folder / "odd-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sparring.envs]\nodd = odd_envs\n")
    return folder


def played(place: Path, env_id: str, fault: str = "") -> dict:
    import json

    paths = os.pathsep.join([str(place), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, str(place / "played.py"), env_id, fault]
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def left_over(place: Path) -> list[str]:
    """Command lines of processes that still run from that folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(place).encode() in entry.read_bytes():
                found.append((entry.parent / "cmdline").read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return found


@pytest.mark.slow
def test_another_process_plays_the_same_episodes(place: Path) -> None:
    assert played(place, "test/Process-v0")["rows"] == played(place, "test/Inline-v0")["rows"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "said", "kind"),
    [
        ("exit", "process ended by itself, with exit code 3", "environment"),
        ("hang", "did not answer within 3 s", "timeout"),
        ("raise", "ValueError: odd", "environment"),
    ],
)
def test_what_crashes_or_hangs_costs_its_own_episode_and_leaves_no_process(
    place: Path, fault: str, said: str, kind: str
) -> None:
    rows = played(place, "test/Process-v0", fault)["rows"]
    broken = [row for row in rows if row[0] != "ok"]
    assert [row[:2] for row in broken] == [["env_error", kind]] * 2
    assert all(said in row[2] for row in broken)
    deadline = time.monotonic() + 10
    while left_over(place) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left_over(place) == []


def test_however_many_matches_are_played_at_once_few_environments_in_processes_are_alive(monkeypatch) -> None:
    """Counted at the seam, without starting a process a match: games stand in for those of other processes."""
    alive, most = 0, 0

    class Counted:
        metadata = {"slow": True}
        seats = ("player_0",)

        def __init__(self, env_id, kwargs, timeout):
            nonlocal alive, most
            alive += 1
            most = max(most, alive)
            self.game = adapt(registry.envs.make("gym:FrozenLake-v1"))

        def reset(self, seed):
            time.sleep(0.01)
            return self.game.reset(seed)

        def step(self, answers):
            return self.game.step(answers)

        def close(self):
            nonlocal alive
            alive -= 1

    monkeypatch.setattr("sparring.rollout.pool.ProcessGame", Counted)
    monkeypatch.setattr("sparring.rollout.loop.PROCESSES", 3)
    row = registry.EnvironmentRow("test/Heavy-v0", lambda: None, host="process")
    with registry.envs.temporary(row):
        matches = [Match(f"m{n}", "test/Heavy-v0", {"player_0": "random"}, n) for n in range(40)]
        episodes = play(matches, concurrency=40)
    assert {episode.error for episode in episodes} == {None}
    assert (most, alive) == (3, 0)


def test_what_starts_a_process_by_an_option_is_limited_and_the_same_without_it_is_not(monkeypatch):
    """As an environment does whose backend is a compiled game."""
    waiting = {"compiled": 0, "plain": 0}
    most = dict(waiting)

    class Game(gymnasium.Env):
        metadata = {"slow": True}
        action_space = observation_space = gymnasium.spaces.Text(9)

        def __init__(self, backend="plain"):
            self.backend = backend

        def reset(self, *, seed=None, options=None):
            waiting[self.backend] += 1
            most[self.backend] = max(most[self.backend], waiting[self.backend])
            return "go", {"suggested_actions": ["on"]}

        def step(self, action):
            time.sleep(0.02)
            waiting[self.backend] -= 1
            return "end", 1.0, True, False, {}

    monkeypatch.setattr("sparring.rollout.loop.PROCESSES", 2)
    row = registry.EnvironmentRow("test/Backend-v0", Game, engine_with={"backend": "compiled"})
    with registry.envs.temporary(row):
        for backend in waiting:
            matches = [
                Match(f"m{n}", "test/Backend-v0", {"player_0": "random"}, n, {"backend": backend}) for n in range(12)
            ]
            assert {episode.status for episode in play(matches, concurrency=12)} == {"ok"}
    assert most["compiled"] == 2
    assert most["plain"] > 2


def test_compiled_adventures_count_as_processes_and_native_ones_do_not():
    def match(**kwargs):
        return Match("m", "sparring/Adventure-v0", {"player_0": "random"}, 0, kwargs)

    assert EnvPool.has_process(match(backend="inform7"))
    assert not EnvPool.has_process(match(backend="native"))
    assert not EnvPool.has_process(match())
