"""`sparring check URL` and `openenv:URL` on servers that openenv's own classes serve, sound ones and broken ones."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sparring.rollout.loop import Match, play
from sparring.scoreboard.judge import OpenEnvClient, judge
from sparring.scoreboard.verify import verify
from sparring.store.store import Store

pytest.importorskip("openenv")
pytestmark = pytest.mark.slow
SERVERS = Path(__file__).parent / "openenv_servers.py"
START_SECONDS = 60


@pytest.fixture
def serve():
    started = []

    def start(name):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        started.append(subprocess.Popen([sys.executable, SERVERS, name, str(port)]))
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return f"http://127.0.0.1:{port}"
            except OSError:
                time.sleep(0.1)
        raise TimeoutError(name)

    yield start
    for server in started:
        server.kill()
        server.wait()


def graded(url):
    report = judge(OpenEnvClient(url, seconds=10), url, episodes=10)
    return report, {grade.name: grade.saw for grade in report.grades if grade.verdict == "FAIL"}


def test_a_sound_server_passes_and_plays_here(serve, tmp_path):
    url = serve("echo")
    report, failed = graded(url)
    assert failed == {}
    skipped = {grade.name for grade in report.grades if grade.verdict == "SKIP"}
    assert skipped == {"floor", "solution", "tasks"}
    assert (
        "8 at once, the next one is refused by CAPACITY_REACHED" in {g.name: g.saw for g in report.grades}["sessions"]
    )
    episodes = play([Match(f"m{seed}", f"openenv:{url}", {"player_0": "nano"}, seed) for seed in range(3)])
    assert [episode.status for episode in episodes] == ["ok"] * 3
    with Store(tmp_path, "a") as store:
        store.append(episodes)
        assert verify(store).ok


@pytest.mark.parametrize(
    ("name", "grades", "said"),
    [
        ("seed", {"seed", "determinism", "replay"}, {"seed": "different answers: observation.text is"}),
        ("shared", {"isolation"}, {"isolation": "beside another session the episode of seed"}),
        ("nan", {"rewards"}, {"rewards": "is null (NaN becomes null in its JSON)"}),
        (
            "plays-on",
            {"step before reset", "state", "after the end"},
            {"state": "step_count is 2 after 1 step", "after the end": "the steps after the end are paid 1.0"},
        ),
    ],
)
def test_a_broken_server_fails_in_what_is_broken(serve, name, grades, said):
    _, failed = graded(serve(name))
    assert set(failed) == grades
    assert all(text in failed[grade] for grade, text in said.items())


def test_a_server_that_dies_is_said_once_and_the_rest_is_skipped(serve):
    report, failed = graded(serve("dies"))
    assert len(failed) == 1
    (saw,) = failed.values()
    assert "is lost" in saw
    assert report.grades[-1].verdict == "SKIP"
    assert "does not answer any more, since: " in report.grades[-1].saw
