"""The remote executor and our server of executors, over loopback; and servers that misbehave."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest

from sparring.cli.app import main
from sparring.envs.robot.executors.named import executor_of
from sparring.envs.robot.executors.remote import RemoteExecutor
from sparring.envs.robot.executors.serving import MOST_SESSIONS, serve
from sparring.envs.robot.executors.tabletop import ScriptedTabletop
from sparring.envs.robot.executors.wire import Moment, Told, message_of
from sparring.envs.robot.tabletop.control import TabletopControl
from sparring.envs.robot.types import ExecutorFailed
from sparring.robotics.words import Subgoal


def begun(seed=0, **kwargs):
    world = TabletopControl("twin", **kwargs)
    world.reset(seed=seed)
    return world


@contextmanager
def running(server):
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def answering(reply, about=b'{"frame": false}', status=200):
    """A server whose answer to /act is `reply(request)`, bytes; None ends the connection."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self._send(about)

        def do_POST(self):
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            content = reply(asked[-1])
            if content is not None:
                self._send(content, status)

        def _send(self, content, status=200):
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    with running(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield url, asked


def states(world, executor, steps=25):
    passed = []
    for subgoal in world.task.plan:
        executor.begin(world, subgoal, 0)
        for _ in range(steps):
            world.advance(executor.act(world))
            passed.append(world.state.tobytes())
    return passed


@pytest.mark.parametrize("name", ["scripted", "hasty"])
def test_an_executor_behind_a_server_acts_exactly_as_it_does_here(name):
    with running(serve(lambda: executor_of(name))) as url:
        assert states(begun(2), executor_of(f"remote:{url}")) == states(begun(2), executor_of(name))


def test_two_episodes_at_one_server_do_not_disturb_each_other():
    with running(serve(lambda: executor_of("hasty"))) as url:
        worlds, remote, here = [begun(1), begun(5)], [RemoteExecutor(url) for _ in range(2)], []
        for world, executor in zip(worlds, remote, strict=True):
            executor.begin(world, world.task.plan[0], 0)
        for _ in range(15):
            for world, executor in zip(worlds, remote, strict=True):
                world.advance(executor.act(world))
        for seed in (1, 5):
            world, executor = begun(seed), executor_of("hasty")
            executor.begin(world, world.task.plan[0], 0)
            for _ in range(15):
                world.advance(executor.act(world))
            here.append(world.state.tobytes())
        assert [world.state.tobytes() for world in worlds] == here


def test_a_server_hears_openvlas_prompt_the_state_and_a_frame_if_it_wants_one():
    reply = json.dumps({"action": [0, 0, 0, 1]}).encode()
    for about, wants in [(b'{"frame": true}', True), (b'{"frame": false}', False), (b"garbage", True)]:
        with answering(lambda asked: reply, about) as (url, asked):
            world, executor = begun(), RemoteExecutor(url)
            executor.begin(world, Subgoal("pick up", world.task.cubes[0]), 2)
            executor.act(world)
            executor.act(world)
        first, second = asked
        assert first["prompt"] == f"In: What action should the robot take to pick up {world.task.cubes[0]}?\nOut:"
        assert first["state"] == world.state.tolist()
        assert (first["attempt"], first["step"], second["step"]) == (2, 0, 1)
        assert first["session"] == second["session"]
        assert (first["frame"] is not None) == wants
        if wants:
            assert np.array_equal(Told(first).frame("top"), world.frame("top", 128))


def test_a_told_world_answers_as_the_world_does():
    world = begun(3, task="everything")
    for subgoal in world.task.plan:
        executor = ScriptedTabletop()
        executor.begin(world, subgoal, 0)
        for _ in range(20):
            world.advance(executor.act(world))
        told = Told(json.loads(json.dumps(message_of(world, Moment("a", subgoal, 0, 0), "w", None))))
        assert told.facts() == world.facts()
        assert told.things == world.things
        assert all(told.evaluate(fact) for fact in world.facts())
        assert all(np.array_equal(told.position(thing), world.position(thing)) for thing in world.things)
        assert np.array_equal(told.rest(1.0), world.rest(1.0))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "with JSON"),
        (b"up and to the left", "with JSON"),
        (b"\xff\xfe\0", "with JSON"),
        (b"[" * 100_000, "with JSON"),
        (b"[0, 0, 0, 1]", "it must be"),
        (b"null", "it must be"),
        (b'{"action": [0, 0, 0]}', "a list of 4 numbers, got 3 of them"),
        (b'{"action": [0, 0, 0, 0, 0, 0, 0]}', "a list of 4 numbers, got 7 of them"),
        (b'{"action": [0, 0, NaN, 1]}', "finite numbers, got nan"),
        (b'{"action": [0, 0, 1e999, 1]}', "finite numbers, got inf"),
        (b'{"action": [0, 0, 1' + b"0" * 400 + b", 1]}", "finite numbers"),
        (b'{"action": [0, 0, true, 1]}', "finite numbers, got True"),
        (b'{"action": "up"}', "a list of 4 numbers"),
    ],
)
def test_a_server_that_answers_garbage_is_a_fault_with_the_reason(answer, said):
    world = begun()
    with answering(lambda asked: answer) as (url, _):
        executor = RemoteExecutor(url)
        executor.begin(world, world.task.plan[0], 0)
        with pytest.raises(ExecutorFailed, match=said):
            executor.act(world)


def test_large_actions_are_clipped():
    world = begun()
    with answering(lambda asked: b'{"action": [9, -9, 0.5, 1e30]}') as (url, _):
        executor = RemoteExecutor(url)
        executor.begin(world, world.task.plan[0], 0)
        assert executor.act(world).tolist() == [1.0, -1.0, 0.5, 1.0]


def test_a_server_that_is_late_dies_refuses_or_is_not_there_is_a_fault_with_the_reason():
    world = begun()

    def act(url):
        executor = RemoteExecutor(url, timeout=0.5)
        executor.begin(world, world.task.plan[0], 0)
        executor.act(world)

    with answering(lambda asked: time.sleep(1.5)) as (url, _), pytest.raises(ExecutorFailed, match=r"in 0\.5 s"):
        act(url)
    with answering(lambda asked: None) as (url, _), pytest.raises(ExecutorFailed, match="failed"):
        act(url)
    with (
        answering(lambda asked: b"no GPU left", status=500) as (url, _),
        pytest.raises(ExecutorFailed, match="status 500: no GPU left"),
    ):
        act(url)
    with pytest.raises(ExecutorFailed, match="failed: connection refused"):
        act(url)


def post(url, body):
    try:
        with urlopen(Request(f"{url}/act", body, {"Content-Type": "application/json"}), timeout=10) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


def test_our_server_refuses_what_is_wrong_by_the_field_and_goes_on():
    world = begun()
    good = message_of(
        world, Moment("a", Subgoal("pick up", world.task.cubes[0]), 0, 0), "sparring/TabletopControl-v0", None
    )
    wrong = [
        ({"subgoal": {**good["subgoal"], "verb": "fly"}}, "subgoal.verb must be one of pick up"),
        ({"subgoal": {**good["subgoal"], "thing": "cup"}}, "the subgoal's 'cup' is none of the things"),
        ({"subgoal": {**good["subgoal"], "where": "bin"}}, "subgoal.where must be a text with place"),
        ({"subgoal": 5}, "subgoal must be an object"),
        ({"state": "x"}, "state must be a list"),
        ({"hand": [0, 0]}, "hand must be a list of 3 numbers"),
        ({"opening": None}, "opening must hold finite numbers"),
        ({"positions": {}}, "positions must have every thing"),
        ({"actions": 10**9}, "actions must be a whole number from 1 to 64"),
        ({"things": {"cup": {"verbs": ["eat"]}}}, "things.cup.verbs must be a list of verbs"),
        ({"facts": [[]]}, "every fact must be a list of texts"),
        ({"frame": {"camera": "top", "shape": [9, 9, 3], "base64": "AAAA"}}, "height x width x 3 bytes"),
        ({"frame": {"camera": "top", "shape": [1, 1, 3], "base64": "!"}}, "must be base64"),
        ({"step": -1}, "step must be a whole number"),
    ]
    with running(serve(ScriptedTabletop)) as url:
        for change, said in wrong:
            status, answer = post(url, json.dumps({**good, **change}).encode())
            assert status == 400
            assert said in answer["error"], (change, answer)
        for body in (b"", b"\0", b"[]", b"[" * 100_000, b'"\\ud800"'):
            assert post(url, body)[0] == 400
        status, answer = post(url, json.dumps({**good, "world": "mine/Kitchen-v0"}).encode())
        assert (status, len(answer["action"])) == (200, 4)


def test_an_executor_that_fails_there_is_a_fault_here_with_its_words():
    class Broken(ScriptedTabletop):
        def act(self, world):
            raise RuntimeError("the arm is unplugged")

    world = begun()
    with running(serve(Broken)) as url:
        executor = RemoteExecutor(url)
        executor.begin(world, world.task.plan[0], 0)
        with pytest.raises(ExecutorFailed, match="the arm is unplugged"):
            executor.act(world)


def test_a_server_keeps_no_more_than_its_sessions():
    world = begun()
    server = serve(ScriptedTabletop)
    try:
        for number in range(MOST_SESSIONS + 20):
            moment = Moment(str(number), world.task.plan[0], 0, 0)
            server.sessions.act(json.loads(json.dumps(message_of(world, moment, "w", None))))
        assert len(server.sessions._executors) == MOST_SESSIONS
    finally:
        server.server_close()


def test_a_dead_server_is_reported_once_a_run_with_a_count(capsys):
    dead = "TabletopPlan:executor=remote:http://127.0.0.1:9"
    assert main(["play", dead, "--agents", "sap", "--episodes", "8"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "sparring: 8 of 8 episodes broke off and are not counted:"
    assert "env_error" in said[1]
    assert said[1].endswith("the executor at http://127.0.0.1:9 failed: connection refused")
    assert said[2:] == ["sparring: the same 8 times"]
