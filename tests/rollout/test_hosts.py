"""Environments that hang, exit, never end or return what is no number cost their own episode, and nothing else."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest

from sparring import registry
from sparring.agents.scripted import RandomAgent
from sparring.rollout.loop import Match, play
from sparring.scoreboard.verify import verify
from sparring.store.store import Store
from sparring.types import Episode, Reply

ID = "test/Odd-v0"
HANG = """
import threading, time
import gymnasium
from sparring import registry
from sparring.rollout import hosts
from sparring.agents.scripted import RandomAgent
from sparring.rollout.loop import Match, play

class Hung(gymnasium.Env):
    metadata = {"slow": True}
    action_space = gymnasium.spaces.Text(10)
    def reset(self, seed=None, options=None):
        self.seed = seed
        return "go", {"legal_actions": ("go",)}
    def step(self, action):
        if self.seed % 10 == 0:
            threading.Event().wait()  # in C, where nothing can interrupt it
        return "over", 1.0, True, False, {}

registry.envs.add(registry.EnvironmentRow("test/Hung-v0", Hung))
registry.envs.load()
hosts.STEP_TIMEOUT_SECONDS = 1.0
started = time.monotonic()
episodes = play(Match(str(seed), "test/Hung-v0", {"player_0": "random"}, seed) for seed in range(60))
print(sum(episode.status == "ok" for episode in episodes), time.monotonic() - started)
"""


class Odd(gymnasium.Env[Any, str]):
    """Two steps; what the second one does is said by `fault`, for every tenth seed."""

    action_space = gymnasium.spaces.Text(10)
    observation_space = gymnasium.spaces.Text(100)
    closed: list[int] = []
    seen: Any = None

    def __init__(self, fault: str = "", slow: bool = False) -> None:
        self.metadata = {"slow": slow}
        self.fault = fault
        self.seed, self.count = 0, 0

    def reset(self, seed: int | None = None, options: Any = None) -> Any:
        self.seed, self.count = seed or 0, 0
        return self._observation(), {"legal_actions": ("go",)}

    def step(self, action: str) -> Any:
        self.count += 1
        info: dict[str, Any] = {"legal_actions": ("go",)}
        reward: Any = 1.0
        if self.fault == "ctrl-c":
            signal.raise_signal(signal.SIGINT)
        if self.count == 2 and self.seed % 10 == 0:
            if self.fault == "hang":
                while True:
                    time.sleep(0.01)
            if self.fault == "sleep":
                time.sleep(1e6)
            if self.fault == "wait":
                threading.Event().wait()
            if self.fault == "read":
                ends = socket.socketpair()
                ends[0].recv(1)
            if self.fault == "generator":
                raise GeneratorExit
            if self.fault == "exit":
                sys.exit(3)
            if self.fault == "stop":
                raise StopIteration
            reward = {"nan": np.nan, "inf": np.inf, "-inf": -np.inf}.get(self.fault, reward)
            info |= {"part": {"reward_parts": {"bonus": np.nan}}, "illegal": {"illegal": "yes"}}.get(self.fault, {})
        if self.fault == "letters":
            info["legal_actions"] = "go"
        if self.fault == "huge":
            reward = 1e308
        return self._observation(), reward, self.count == 2 and self.fault != "endless", False, info

    def _observation(self) -> Any:
        return f"step {self.count}" if self.seen is None else self.seen

    def close(self) -> None:
        Odd.closed.append(self.seed)
        if self.fault == "close":
            time.sleep(1e6)


@pytest.fixture(autouse=True)
def odd(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("sparring.rollout.hosts.STEP_TIMEOUT_SECONDS", 1.0)
    monkeypatch.setattr(Odd, "closed", [])
    monkeypatch.setattr(Odd, "seen", None)
    with registry.envs.temporary(registry.EnvironmentRow(ID, Odd)):
        yield


def played(count: int = 20, agent: Any = None, max_steps: int = 10_000, **kwargs: Any) -> list[Episode]:
    seats = {"player_0": agent or RandomAgent()}
    return play(
        [
            Match(str(seed), ID, {seat: seat for seat in seats}, seed, kwargs, max_steps=max_steps)
            for seed in range(count)
        ],
        seats,
    )


def statuses(episodes: list[Episode]) -> list[str]:
    return [episode.status for episode in episodes]


EVERY_TENTH_FAILS = (["env_error"] + ["ok"] * 9) * 2


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("sparring-")}


def test_six_hung_environments_of_sixty_cost_six_episodes_and_one_time_out() -> None:
    started = time.monotonic()
    episodes = played(60, fault="hang", slow=True)
    assert time.monotonic() - started < 2.0
    assert statuses(episodes) == (["env_error"] + ["ok"] * 9) * 6
    assert "did not answer within 1 s" in str(episodes[0].error)
    assert len(episodes[0].trajectories["player_0"].turns) == 1


def test_no_thread_is_left_of_environments_that_hung() -> None:
    before = threads()
    played(20, fault="hang", slow=True)
    until = time.monotonic() + 10
    while threads() - before and time.monotonic() < until:
        time.sleep(0.05)
    assert threads() - before == set()
    assert {0, 10} <= set(Odd.closed)


def test_waiting_for_a_thread_is_not_counted_as_hanging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparring.rollout.hosts.THREADS", 1)
    monkeypatch.setattr("sparring.rollout.hosts.STEP_TIMEOUT_SECONDS", 0.3)
    assert statuses(played(40, fault="hang", slow=True)) == (["env_error"] + ["ok"] * 9) * 4


@pytest.mark.parametrize("fault", ["hang", "sleep", "wait", "read"])
def test_an_environment_that_hangs_in_the_event_loop_is_interrupted(fault: str) -> None:
    started = time.monotonic()
    assert statuses(played(fault=fault)) == EVERY_TENTH_FAILS
    assert time.monotonic() - started < 5.0


def test_after_the_first_that_hangs_the_others_hang_side_by_side() -> None:
    started = time.monotonic()
    assert statuses(played(60, fault="sleep")) == (["env_error"] + ["ok"] * 9) * 6
    assert time.monotonic() - started < 5.0


@pytest.mark.parametrize("slow", [False, True])
def test_environments_that_hang_when_they_are_closed_cost_one_time_out(slow: bool) -> None:
    started = time.monotonic()
    assert statuses(played(20, fault="close", slow=slow)) == ["ok"] * 20
    assert time.monotonic() - started < 5.0


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_a_step_that_hangs_at_once(number: signal.Signals) -> None:
    code = HANG.replace('"slow": True', '"slow": False').replace("TIMEOUT_SECONDS = 1.0", "TIMEOUT_SECONDS = 99.0")
    code = code.replace("started = time", "print('ready', flush=True)\nstarted = time", 1)
    code = "import signal\nsignal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))\n" + code
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # it is ignored in the background
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(1.0)
    sent = time.monotonic()
    process.send_signal(number)
    process.communicate(timeout=30)
    assert time.monotonic() - sent < 5.0
    assert process.returncode not in (0, None)


def test_ctrl_c_inside_a_step_is_whose_handler_is_set() -> None:
    asked: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: asked.append(number))
    try:
        assert statuses(played(1, fault="ctrl-c")) == ["ok"]
    finally:
        signal.signal(signal.SIGINT, before)
    assert asked == [signal.SIGINT] * 2


@pytest.mark.slow
def test_a_program_ends_though_environments_wait_in_c_for_ever() -> None:
    done = subprocess.run([sys.executable, "-c", HANG], capture_output=True, text=True, timeout=60, check=True)
    sound, seconds = done.stdout.split()
    assert (sound, done.stderr) == ("54", "")
    assert float(seconds) < 2.0


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("fault", ["exit", "stop", "generator", "nan", "inf", "-inf", "part", "illegal"])
def test_what_an_environment_does_costs_its_own_episode(fault: str, slow: bool) -> None:
    episodes = played(fault=fault, slow=slow)
    assert statuses(episodes) == EVERY_TENTH_FAILS
    assert all(np.isfinite(trajectory.reward) for episode in episodes for trajectory in episode.trajectories.values())
    if fault in ("nan", "inf", "-inf"):
        assert f"the reward of player_0 must be a finite number, got {fault}" in str(episodes[0].error)


def test_a_sum_of_rewards_that_is_not_finite_is_a_fault() -> None:
    assert statuses(played(2, fault="huge")) == ["env_error"] * 2


def test_legal_actions_must_be_a_sequence_of_texts() -> None:
    (episode,) = played(1, fault="letters")
    assert episode.status == "env_error"
    assert "must be a sequence of strings, got 'go'" in str(episode.error)


def test_an_environment_that_failed_is_closed_and_plays_no_further_match() -> None:
    seats = {"player_0": RandomAgent()}
    play(
        [Match(str(seed), ID, {seat: seat for seat in seats}, seed, {"fault": "exit"}) for seed in (10, 11, 12)],
        seats,
        concurrency=1,
    )
    assert Odd.closed == [10, 12]


def test_an_endless_environment_is_truncated_and_verified(tmp_path: Any) -> None:
    episodes = played(2, fault="endless", max_steps=50)
    for episode in episodes:
        trajectory = episode.trajectories["player_0"]
        assert (episode.status, trajectory.stop_reason, len(trajectory.turns)) == ("truncated", "step_cap", 50)
    with Store(tmp_path / "store", "a") as store:
        store.append(episodes)
        assert verify(store).faults == ()


def test_an_action_that_is_no_text_is_the_agents_fault() -> None:
    class Mute(RandomAgent):
        async def act(self, observation: Any) -> Reply:
            return Reply(None)  # type: ignore[arg-type]

    (episode,) = played(1, agent=Mute())
    assert episode.status == "agent_error"
    assert "an action must be text, got NoneType" in str(episode.error)


def test_an_agent_that_exits_costs_its_own_episode() -> None:
    class Quits(RandomAgent):
        async def act(self, observation: Any) -> Reply:
            if self.seat.seed % 2:
                sys.exit(1)
            return await super().act(observation)

    assert set(statuses(played(40, agent=Quits()))) == {"ok", "agent_error"}


def observed(seen: Any) -> Any:
    Odd.seen = seen
    (episode,) = played(1)
    return episode if episode.status != "ok" else episode.trajectories["player_0"].turns[0]


def test_arrays_are_seen_whole_and_no_two_look_alike() -> None:
    for size in (500, 5000):
        one = np.zeros(size)
        other = one.copy()
        other[size // 2] = 1e-12
        assert "..." not in observed(one).observation.text
        assert observed(one).observation == observed(one).observation != observed(other).observation
        assert observed({"text": "same", "board": one}).observation.text == "same"
    assert (
        observed({"text": "same", "board": one}).observation != observed({"text": "same", "board": other}).observation
    )


def test_an_image_is_a_blob_and_what_is_no_observation_is_refused() -> None:
    image = np.arange(64 * 3, dtype=np.uint8).reshape(8, 8, 3)
    written, blob = observed({"image": image, "speed": 0.5}).observation.content
    assert (written, blob.name, blob.shape) == ("speed: 0.5", "image", (8, 8, 3))
    assert np.array_equal(blob.array(), image)
    assert "must be text, numbers, arrays" in observed(object()).error
    assert observed((np.int64(3), {"left": True, "speed": 0.1})).observation.text == "(3, left: True\nspeed: 0.1)"
