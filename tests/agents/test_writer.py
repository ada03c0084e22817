"""`writer:MODEL`: JSON of a schema from a server, text where it sends none, and a fresh prompt for each slot."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sparring import registry
from sparring.agents.talking.writer import said_in, schema_of
from sparring.rollout.loop import Match, play
from sparring.types import Observation

ID = "sparring/AdventureWriter-v0"


@contextmanager
def server(write):
    """A chat server that answers with `write(request)`; `asked` has the requests."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(request)
            message = {"role": "assistant", "content": write(request)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            body = json.dumps({"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]})
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    asked: list[dict] = []
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}/v1", asked
    finally:
        http.shutdown()
        http.server_close()


def in_schema(request):
    """What the schema of a request allows: its first choice, or a text that is new each time."""
    kind = request["response_format"]["json_schema"]["schema"]["properties"]["answer"]
    if "enum" in kind:
        return json.dumps({"answer": kind["enum"][0]})
    letters = "".join("bdfglmnprst"[int(c)] + "aeiou"[int(c) % 5] for c in str(request["seed"])[:8])
    return json.dumps({"answer": f"{letters} lies here"})


def play_one(url):
    writer = registry.agents.make("writer", argument="openai:m", url=url)
    return play([Match("0", ID, {"player_0": "w"}, 0, {"difficulty": 1})], {"w": writer})[0]


def test_a_server_is_asked_for_json_of_a_schema_and_writes_a_proven_game():
    with server(in_schema) as (url, asked):
        episode = play_one(url)
    assert episode.error is None
    assert episode.trajectories["player_0"].metrics["proven"] == 1
    turns = episode.trajectories["player_0"].turns
    for turn, request in zip(turns, asked, strict=True):
        form = request["response_format"]
        assert form["type"] == "json_schema"
        kind = form["json_schema"]["schema"]["properties"]["answer"]
        assert kind.get("enum") == (list(turn.observation.legal_actions) if turn.observation.legal_actions else None)
        assert turn.observation.text.splitlines()[0] in request["messages"][-1]["content"]
        assert len(request["messages"]) == 2  # the system prompt and this slot: nothing of before


@pytest.mark.parametrize("rubbish", ["", "{", '{"answer": 3}', '{"answer": ["a"]}', "[" * 5_000, "no json at all"])
def test_a_server_that_ignores_the_schema_costs_a_failed_game_and_no_crash(rubbish):
    with server(lambda request: rubbish) as (url, _):
        episode = play_one(url)
    assert episode.error is None
    assert episode.trajectories["player_0"].metrics["proven"] == 0
    assert episode.trajectories["player_0"].hidden["reasons"]


def test_what_is_said_is_the_answer_of_the_json_or_the_text():
    assert said_in('{"answer": "net loft"}') == "net loft"
    assert said_in("net loft") == "net loft"
    assert said_in('{"answer": null}') == '{"answer": null}'
    assert schema_of(Observation(("x",), legal_actions=("a", "b")))["properties"]["answer"]["enum"] == ["a", "b"]
