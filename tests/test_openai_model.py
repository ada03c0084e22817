"""A model behind a server: over real HTTP, what is asked, what comes back, and what is said when nothing does."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sparring import registry
from sparring.agents.code_act import CodeAct, load_models
from sparring.agents.models.openai import OpenAIModel
from sparring.agents.models.text import messages_of
from sparring.recording import Match
from sparring.rollout import play
from sparring.trainers.batch import signals_of
from sparring.types import Sampling

FREE = Sampling(temperature=0.5, top_p=0.9, max_new_tokens=300, decoding="free")


class Server(ThreadingHTTPServer):
    """Answers each chat with what `write(messages)` returns: a text, or a status with a reason to stop."""

    def __init__(self, write):
        super().__init__(("127.0.0.1", 0), Handler)
        self.write, self.asked = write, []


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, request))
        content, reason = self.server.write(request["messages"])
        status = 200 if reason in ("stop", "length") else int(reason)
        message = {"role": "assistant", "content": content}
        choice = {"index": 0, "message": message, "finish_reason": reason}
        body = {"id": "1", "object": "chat.completion", "created": 0, "model": request["model"], "choices": [choice]}
        answer = json.dumps(body if status == 200 else {"error": {"message": content}}).encode()
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

    def start(write):
        server = Server(write)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_server_is_asked_what_the_model_saw(serve):
    server = serve(lambda messages: (f"You said {messages[-1]['content']}.", "stop"))
    model = OpenAIModel("some-model")
    talk = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Ü <|end|>"}]
    prompts = [model.chat(talk), model.chat(talk[1:])]
    first, second = model.generate(prompts, FREE, seeds=[2**40 + 3, 4])
    assert model.decode(first.token_ids) == model.decode(second.token_ids) == "You said Ü <|end|>."
    assert (first.logprobs, first.stop_reason) == (None, "eos")
    path, request = next(asked for asked in server.asked if len(asked[1]["messages"]) == 2)
    assert path == "/v1/chat/completions"
    assert request == {"model": "some-model", "messages": talk, "temperature": 0.5, "top_p": 0.9, "max_tokens": 300,
                       "seed": 3}  # fmt: skip


def test_any_conversation_comes_back_out_of_its_tokens():
    model = load_text_model()
    talk = [{"role": "user", "content": "a\0\ud83d"}, {"role": "assistant", "content": ""}]
    assert messages_of(model.chat(talk)) == [*talk, {"role": "assistant", "content": ""}]


def load_text_model():
    from sparring.agents.models.scripted import ScriptedModel

    return ScriptedModel(lambda prompt, seed: "")


@pytest.mark.parametrize(("content", "reason", "stop"), [(None, "stop", "eos"), ("x" * 5, "length", "length")])
def test_no_text_and_text_that_was_cut(serve, content, reason, stop):
    serve(lambda _: (content, reason))
    model = OpenAIModel("m")
    (completion,) = model.generate([model.chat([{"role": "user", "content": "\ud83d"}])], FREE, [0])
    assert (model.decode(completion.token_ids), completion.stop_reason) == (content or "", stop)


def test_a_served_model_solves_a_task_and_cannot_be_trained_on(serve):
    def write(messages):
        if len(messages) == 1:
            return "<execute>print(6 * 7)</execute>", "stop"
        return f"<answer>{messages[-1]['content'].split()[-1]}</answer>", "stop"

    server = serve(write)
    (model,) = load_models(["openai:some-model"])
    agent = CodeAct(model, sampling=Sampling(max_new_tokens=300, decoding="free"), trainable=True)
    (episode,) = play([Match("e", "sparring/ToolTasks-v0", {"player_0": agent}, seed=3)])
    (_, ran), (_, answered) = episode.turns
    assert "\n42" in answered.observation
    assert answered.action == "<answer>42</answer>"
    assert len(server.asked) == 2
    assert [segment.logprobs for turn in (ran, answered) for segment in turn.segments] == [None] * 4
    with pytest.raises(ValueError, match="log-probabilities"):
        signals_of(episode.trajectories["player_0"])


def test_a_served_model_plays_games(serve):
    serve(lambda _: (r"I bet. \boxed{bet}", "stop"))
    agents = {"player_0": registry.make_agent("openai:m"), "player_1": registry.make_agent("constant:bet")}
    (episode,) = play([Match("e", "sparring/KuhnPoker-v0", agents, seed=1)])
    assert [turn.action for seat, turn in episode.turns if seat == "player_0"] == ["bet"]


def test_a_server_that_refuses_or_is_not_there_is_named(serve, monkeypatch):
    server = serve(lambda _: ("no such model", "404"))
    prompt = [OpenAIModel("m").chat([{"role": "user", "content": "?"}])]
    with pytest.raises(ConnectionError, match=rf"'m' at http://127.0.0.1:{server.server_port}.*no such model"):
        OpenAIModel("m").generate(prompt, FREE, [0])
    monkeypatch.delenv("OPENAI_BASE_URL")
    with pytest.raises(ValueError, match="Set OPENAI_BASE_URL"):
        OpenAIModel("m")
