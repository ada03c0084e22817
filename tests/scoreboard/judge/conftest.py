"""A server without sockets: graders ask it through the same protocol as a real one."""

import json
import random

import pytest

from sparring.envs.remote.connection import Refused
from sparring.faults import ServerFailed

ACTION = {"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}
PAGES = {
    "/health": (200, {"status": "healthy"}),
    "/metadata": (200, {"name": "digits", "description": "Guess a digit.", "version": "1", "reward_range": [0, 1]}),
    "/schema": (200, {"action": ACTION, "observation": {}, "state": {}}),
    "/list_environments": (200, ["digits"]),
    "/digits/splits": (200, [{"name": "train", "type": "train"}, {"name": "test", "type": "test"}]),
}


def refusal(code):
    return Refused("here", code, code)


class Digits:
    """Guess a digit in five tries; the seed draws it."""

    most, rng = 5, random.Random

    def __init__(self):
        self.secret, self.count, self.episode_id = None, 0, None

    def reset(self, seed=None, episode_id=None, split="train", index=None):
        self.rng_now = self.rng(seed)
        self.secret, self.count, self.episode_id = self.rng_now.randrange(10), 0, episode_id
        return self.said(f"Begin {self.rng_now.random()}.", 0.0, False)

    def step(self, action):
        if self.secret is None:
            raise refusal("EXECUTION_ERROR")
        if not isinstance(action, dict) or not isinstance(action.get("message"), str):
            raise refusal("VALIDATION_ERROR")
        self.count += 1
        right = action["message"] == str(self.secret)
        answer = self.said(f"No {self.rng_now.random()}.", float(right), right or self.count == self.most)
        if answer["done"]:
            self.secret = None
        return answer

    def state(self):
        return {"episode_id": self.episode_id, "step_count": self.count}

    def said(self, text, reward, done):
        metadata = {"legal_actions": [str(digit) for digit in range(10)], "solution": [str(self.secret)]}
        return {"observation": {"text": text}, "reward": reward, "done": done, "metadata": metadata}


class FakeSession:
    def __init__(self, client):
        self.client, self.game, self.is_open = client, client.game(), False
        if client.playing < client.room:
            client.playing += 1
            self.is_open = True

    def ask(self, kind, data=None):
        if not self.client.lives:
            raise ServerFailed("the connection is lost")
        if not self.is_open:
            raise refusal("CAPACITY_REACHED")
        if kind == "state":
            return json.loads(json.dumps(self.game.state()))
        return json.loads(json.dumps(self.game.reset(**data) if kind == "reset" else self.game.step(data)))

    def exchange(self, text):
        if not self.client.lives:
            raise ServerFailed("the connection is lost")
        try:
            said = json.loads(text)
            return {"type": "observation", "data": self.ask(said["type"], said["data"])}
        except Refused as error:
            return {"type": "error", "data": {"code": error.code}}
        except (ValueError, KeyError, TypeError):
            return self.garbled()

    def garbled(self):
        return {"type": "error", "data": {"code": "INVALID_JSON"}}

    def close(self):
        if self.is_open:
            self.client.playing -= 1
        self.is_open = False

    def drop(self):
        self.close()


class FakeClient:
    """Serves a game; `tasks` by split."""

    session = FakeSession

    def __init__(self, game=Digits, room=100, pages=PAGES, tasks=None):
        self.game, self.room, self.pages, self.playing, self.lives = game, room, dict(pages), 0, True
        self.tasks = tasks or {"train": [{"id": n, "x": n} for n in range(9)], "test": [{"id": 0, "x": 9}]}

    def get(self, path):
        if not self.lives:
            raise ServerFailed("connection refused")
        return self.pages.get(path, (404, None))

    def post(self, path, body):
        if path == "/mcp":
            return 200, {"jsonrpc": "2.0", "error": {}}
        tasks = self.tasks[body["split"]]
        if path.endswith("/num_tasks"):
            return 200, {"num_tasks": len(tasks)}
        return 200, {"tasks": tasks[body["start"] : body["stop"]]}

    def open(self):
        if not self.lives:
            raise ServerFailed("connection refused")
        return self.session(self)


@pytest.fixture
def digits():
    """The sound game, to derive others from."""
    return Digits


@pytest.fixture
def fake():
    """The client, and the class of its sessions."""
    return FakeClient


@pytest.fixture
def fake_session():
    return FakeSession


@pytest.fixture
def pages():
    """What the sound server says by path."""
    return PAGES
