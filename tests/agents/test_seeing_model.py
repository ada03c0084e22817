"""A model behind a server is sent the pictures of an observation, over real HTTP; what is recorded only names them."""

import base64
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from sparring.agents.models.pictures import pictures_of, png
from sparring.content import Blob, content_of
from sparring.rollout.loop import Match, play
from sparring.scoreboard.verify import verify
from sparring.store.store import Store

PLAN, TEAM = "sparring/TabletopPlan-v0", "sparring/TabletopTeam-v0"
SIZE = 32


class Handler(BaseHTTPRequestHandler):
    """Answers by the last message; a message is a text, or parts of type text and image_url, as in OpenAI's schema."""

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(request["messages"])
        parts = request["messages"][-1]["content"]
        if isinstance(parts, list) and self.server.reads_text_only:
            return self.send(400, {"error": {"message": "image_url is not supported by this model"}})
        choice = {"index": 0, "message": {"role": "assistant", "content": self.server.says}, "finish_reason": "stop"}
        self.send(200, {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]})

    def send(self, status, body):
        answer = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def serve(monkeypatch):
    servers = []

    def start(says, *, reads_text_only=False):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.asked, server.says, server.reads_text_only = [], says, reads_text_only
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def decoded(part):
    """The pixels of an `image_url` part, by Pillow."""
    image = pytest.importorskip("PIL.Image", reason="needs Pillow, which reads PNG files")
    assert part["type"] == "image_url"
    kind, _, data = part["image_url"]["url"].partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(image.open(io.BytesIO(base64.b64decode(data))))


def verified(tmp_path, frames):
    """An episode whose verifier is behind a server."""
    seats = {"planner": "planner:scripted", "chooser": "constant:scripted", "verifier": "verifier:openai:seer"}
    (episode,) = play([Match("m", TEAM, seats, 1, {"task": "bin", "max_subgoals": 2, "retries": 0, "frames": frames})])
    return episode


def test_a_verifier_gets_the_frames_of_every_check(serve, tmp_path):
    server = serve("yes")
    episode = verified(tmp_path, SIZE)
    assert episode.sound, episode.error
    turns = episode.trajectories["verifier"].turns
    assert len(server.asked) == len(turns) > 1
    for messages, turn in zip(server.asked, turns, strict=True):
        text, *images = messages[-1]["content"]
        blobs = pictures_of(turn.observation.content)
        assert len(images) == len(blobs) > 0
        assert text["type"] == "text"
        for part, blob in zip(images, blobs, strict=True):
            assert (decoded(part) == blob.array()).all()
            assert f"{blob.name} {SIZE}x{SIZE}x3 |u1, sha256 {blob.sha256[:12]}" in text["text"]
        assert isinstance(messages[0]["content"], str)
        assert len(messages) == 2, "every question stands for itself"


def test_the_record_names_the_pictures_and_holds_no_bytes_of_them(serve, tmp_path):
    serve("yes")
    episode = verified(tmp_path, SIZE)
    with Store(tmp_path / "store", "a") as store:
        store.append([episode])
    with Store(tmp_path / "store") as store:
        again = store.get("m")
        assert verify(store).ok
        turn = again.trajectories["verifier"].turns[-1]
        (call,) = turn.calls
        blob = pictures_of(turn.observation.content)[0]
        assert blob.sha256[:12] in call.messages[-2].content
        assert "base64" not in str(call)
        assert len(str(call)) < 20_000
        assert Blob.array(blob, store.blob(blob.sha256)).shape == (SIZE, SIZE, 3)


def test_a_planner_sees_how_the_scene_looks_now_and_not_what_was_before(serve):
    server = serve("turn on lamp")
    kwargs = {"task": "light", "max_turns": 3, "retries": 0, "frames": SIZE}
    (episode,) = play([Match("m", PLAN, {"player_0": "planner:openai:seer"}, 0, kwargs)])
    assert episode.sound, episode.error
    assert len(server.asked) == 3
    for messages, turn in zip(server.asked, episode.trajectories["player_0"].turns, strict=True):
        assert all(isinstance(message["content"], str) for message in messages[:-1])
        pictures = messages[-1]["content"][1:]
        wanted = [blob.array() for blob in pictures_of(turn.observation.content)]
        assert [decoded(part).tolist() for part in pictures] == [one.tolist() for one in wanted]


def test_without_frames_the_server_is_sent_text(serve, tmp_path):
    server = serve("yes")
    assert verified(tmp_path, 0).sound
    assert all(isinstance(message["content"], str) for messages in server.asked for message in messages)


def test_a_server_that_reads_text_only_is_named_with_the_reason(serve, tmp_path):
    serve("yes", reads_text_only=True)
    episode = verified(tmp_path, SIZE)
    assert not episode.sound
    assert "image_url is not supported by this model" in episode.error
    assert "it was sent pictures, which a model that reads text only refuses" in episode.error


def test_a_model_in_this_process_ignores_pictures():
    seats = {"planner": "planner:scripted", "chooser": "constant:scripted", "verifier": "verifier:nano:decoding=legal"}
    kwargs = {"task": "bin", "max_subgoals": 1, "retries": 0}
    with_pictures, without = (
        play([Match("m", TEAM, seats, 1, {**kwargs, "frames": size})])[0].trajectories["verifier"] for size in (SIZE, 0)
    )
    assert [turn.calls[0].messages for turn in with_pictures.turns] == [
        turn.calls[0].messages for turn in without.turns
    ]


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (5, 7, 4)])
def test_a_png_holds_the_pixels(shape):
    image = pytest.importorskip("PIL.Image", reason="needs Pillow, which reads PNG files")
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert (np.asarray(image.open(io.BytesIO(png(pixels)))).reshape(shape) == pixels).all()


def test_only_bytes_of_pixels_are_pictures():
    seen = {
        "text": "x",
        "camera": np.zeros((4, 4, 3), np.uint8),
        "stack": np.zeros((4, 4, 3, 4), np.uint8),
        "five": np.zeros((4, 4, 5), np.uint8),
        "empty": np.zeros((0, 4, 3), np.uint8),
        "numbers": np.zeros(2000, np.float32),
    }
    assert [blob.name for blob in pictures_of(content_of(seen))] == ["camera"]
    assert pictures_of(("text alone",)) == ()
    with pytest.raises(ValueError, match="needs its own bytes, got none"):
        Blob("0" * 64, "|u1", (4, 4)).array()
