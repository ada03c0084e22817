"""`agentgym:URL`: BabyAI's wire, by a small server written from it."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sparring import registry
from sparring.rollout.loop import Match, play
from sparring.types import Reply


class Walker:
    name, policies, sampling = "walker", (), None

    def open(self, seat):
        return self

    def close(self, last):
        pass

    async def act(self, observation):
        return Reply("move forward")


class BabyAI(BaseHTTPRequestHandler):
    """The score rises by a quarter with every step forward, and ends at one."""

    scores: dict
    asked: list
    wrong = None
    """What is answered instead to a step."""

    def do_GET(self):
        self.answer("This is environment BabyAI.")

    def do_POST(self):
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.path, said))
        if self.path == "/create":
            self.scores[len(self.scores)] = 0.0
            return self.answer({"id": len(self.scores) - 1})
        if self.path == "/reset":
            self.scores[said["id"]] = 0.0
        elif self.path == "/step" and self.wrong is not None:
            return self.answer(self.wrong)
        elif self.path == "/step" and said["action"] == "move forward":
            self.scores[said["id"]] += 0.25
        score = self.scores[said["id"]]
        said = {"observation": f"You moved {score}.", "reward": 9.0, "score": score, "done": score == 1.0}
        return self.answer(said)

    def answer(self, value):
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def serve():
    servers = []

    def start(**changes):
        handler = type("Served", (BabyAI,), {"scores": {}, "asked": [], **changes})
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}", handler

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_reward_is_the_change_of_the_score(serve):
    url, handler = serve()
    env = registry.envs.make(f"agentgym:{url}")
    assert env.reset(seed=7) == ("You moved 0.0.", {})
    assert env.step("turn left") == ("You moved 0.0.", 0.0, False, False, {})
    assert [env.step("move forward")[1:3] for _ in range(4)] == [(0.25, False)] * 3 + [(0.25, True)]
    env.reset(seed=8)
    assert env.step("move forward")[1] == 0.25
    env.close()
    assert [said for path, said in handler.asked if path == "/reset"] == [
        {"id": 0, "data_idx": 7},
        {"id": 0, "data_idx": 8},
    ]
    assert handler.asked[-1] == ("/close", {"id": 0})


def test_the_task_may_be_chosen_and_a_large_seed_is_mapped(serve):
    url, handler = serve()
    for id, seed in ((f"agentgym:{url}:index=3", 7), (f"agentgym:{url}", 2**62)):
        env = registry.envs.make(id)
        env.reset(seed=seed)
        env.close()
    first, second = (said["data_idx"] for path, said in handler.asked if path == "/reset")
    assert (first, 0 <= second < 2**32) == (3, True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"error": "Env not initialized"},
        {"observation": "x", "score": None, "done": False},
        {"observation": "x", "score": True, "done": False},
        {"observation": 3, "score": 1.0, "done": False},
        {"observation": "x", "score": 1.0, "done": 1},
        b'{"observation": "x", "score": NaN, "done": false}',
        b"<html>",
    ],
)
def test_an_error_of_the_server_is_a_fault_and_no_reward(serve, wrong):
    url, _ = serve(wrong=wrong)
    (episode,) = play([Match("m", f"agentgym:{url}", {"player_0": "walker"}, 1)], {"walker": Walker()})
    assert (episode.status, episode.fault) == ("env_error", "server")
    assert episode.trajectories["player_0"].reward == 0.0


def test_what_is_no_action_is_illegal_and_is_not_sent(serve):
    url, handler = serve()
    env = registry.envs.make(f"agentgym:{url}")
    env.reset(seed=7)
    assert env.step("\ud800")[1:] == (0.0, False, True, {"illegal": True})
    with pytest.raises(RuntimeError, match="call reset first"):
        env.step("move forward")
    env.close()
    assert [path for path, _ in handler.asked] == ["/create", "/reset", "/close"]
