"""A small server of OpenEnv's wire, written from the protocol: what it plays, and how it goes wrong, tests choose."""

import asyncio
import json
import random
import socket
import threading
import time

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute

TEXT = {"type": "object", "properties": {"metadata": {"type": "object"}, "message": {"type": "string"}}}


class Guess:
    """Guess a digit in five tries; the seed chooses it. Sound."""

    schema = {**TEXT, "required": ["message"]}
    most = 5

    def __init__(self):
        self.state = {"episode_id": None, "step_count": 0}
        self.secret = None

    def reset(self, seed=None, episode_id=None, split="train", index=None, **rest):
        self.secret = random.Random(f"{split}{seed if index is None else index}").randrange(10)
        self.state = {"episode_id": episode_id, "step_count": 0}
        return self.said(f"A digit of {split}, like {random.Random(seed).randrange(1000)}.", 0.0, False)

    def step(self, action):
        if self.secret is None:
            raise RuntimeError("reset first")
        if set(action) - {"metadata"} != {"message"} or not isinstance(action["message"], str):
            raise ValueError("VALIDATION_ERROR")
        self.state["step_count"] += 1
        right, last = action["message"] == str(self.secret), self.state["step_count"] == self.most
        answer = self.said("Right." if right else "Wrong.", float(right), right or last)
        if right or last:
            answer["metadata"]["truncated"] = last and not right
            self.secret = None
        return answer

    def said(self, text, reward, done):
        return {
            "observation": {"text": text, "tries": self.state["step_count"]},
            "reward": reward,
            "done": done,
            "metadata": {"legal_actions": [str(digit) for digit in range(10)], "solution": [str(self.secret)]},
        }


class Server:
    """Serves a game on a free port, in a thread."""

    def __init__(self, game, most_sessions=100):
        self.game, self.most_sessions, self.sessions = game, most_sessions, 0
        routes = [
            Route("/health", lambda request: JSONResponse({"status": "healthy"})),
            Route(
                "/metadata", lambda request: JSONResponse({"name": "guess", "description": "Guess.", "version": "1"})
            ),
            Route("/schema", self.schema),
            Route("/mcp", lambda request: JSONResponse({"jsonrpc": "2.0", "error": {}}), methods=["POST"]),
            WebSocketRoute("/ws", self.session),
        ]
        config = uvicorn.Config(Starlette(routes=routes), log_level="critical", ws="websockets-sansio", lifespan="off")
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.uvicorn = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.uvicorn.run, args=([self.socket],), daemon=True)
        self.thread.start()
        while not self.uvicorn.started:
            time.sleep(0.01)

    async def schema(self, request):
        empty = {"type": "object", "properties": {}}
        return JSONResponse({"action": self.game.schema, "observation": empty, "state": empty})

    async def session(self, websocket):
        await websocket.accept()
        if self.sessions >= self.most_sessions:
            await websocket.send_text(json.dumps(refusal("CAPACITY_REACHED", "full")))
            await websocket.close()
            return
        self.sessions += 1
        try:
            game = self.game()
            async for text in websocket.iter_text():
                answers = await asyncio.to_thread(answers_of, game, text)
                if answers is None:
                    break
                for answer in answers:
                    await websocket.send_text(answer if isinstance(answer, str) else json.dumps(answer))
        finally:
            self.sessions -= 1

    def stop(self):
        self.uvicorn.should_exit = self.uvicorn.force_exit = True
        self.thread.join(10)
        self.socket.close()


def refusal(code, message):
    return {"type": "error", "data": {"message": message, "code": code}}


def answers_of(game, text):
    """The frames that answer a text; None to hang up."""
    try:
        asked = json.loads(text)
    except ValueError as error:
        return [refusal("INVALID_JSON", str(error))]
    if not isinstance(asked, dict) or asked.get("type") not in ("reset", "step", "state", "close"):
        return [refusal("UNKNOWN_TYPE", "what?")]
    if asked["type"] == "close":
        return None
    try:
        if asked["type"] == "state":
            return [{"type": "state", "data": game.state}]
        if asked["type"] == "reset":
            data = asked.get("data", {})
            if not isinstance(data.get("seed", 0), int):
                raise ValueError("VALIDATION_ERROR")
            return [{"type": "observation", "data": game.reset(**data)}]
        return getattr(game, "frames", lambda found: [found])({"type": "observation", "data": game.step(asked["data"])})
    except ConnectionError:
        return None
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        known = str(error) == "VALIDATION_ERROR" or isinstance(error, KeyError | TypeError)
        return [refusal("VALIDATION_ERROR" if known else "EXECUTION_ERROR", str(error))]


@pytest.fixture
def guess():
    """The sound game, to derive others from."""
    return Guess


@pytest.fixture
def serve():
    """Starts a server for a game; all are stopped at the end."""
    started = []

    def start(game, **options):
        started.append(Server(game, **options))
        return started[-1]

    yield start
    for server in started:
        server.stop()
