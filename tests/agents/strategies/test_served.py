"""Strategies over a model behind a server: no log-probabilities, no token choices, answers of any kind."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sparring.agents import make
from sparring.rollout.loop import Match, play

KUHN = "sparring/KuhnPoker-v0"


@pytest.fixture
def server():
    """Its address, and what it was asked."""
    asked = []

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self):
            messages = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"]
            asked.append(messages)
            said = "Thought: fine\nAction: [right]" if "[right]" in messages[-1]["content"] else "Action: [bet]"
            message = {"role": "assistant", "content": said}
            body = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}/v1", asked
    running.shutdown()
    running.server_close()


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        ("self-consistency", 5),
        ("gsa", 5),
        ("self-check", 5),
        ("self-refine", 2),
        ("sr-nle", 4),
        ("cycleprompt", 3),
        ("reflexion", 1),
        ("risk", 3),
    ],
)
def test_a_served_model_plays_by_every_strategy(server, name, calls):
    url, asked = server
    agent = make(f"{name}:openai:some-model:url={url}:temperature=0")
    seats = {"player_0": "us", "player_1": "constant:fold"}
    (episode,) = play([Match("m", KUHN, seats, 1)], {"us": agent})
    assert (episode.error, episode.status) == (None, "ok")
    (turn,) = episode.trajectories["player_0"].turns
    assert (turn.action, turn.legal) == ("bet", True)
    assert len(turn.calls) == len(asked) == calls
    assert all(segment.logprobs is None for segment in turn.segments)
    if name == "risk":
        assert turn.notes["rules"]["likelihood"] is None
