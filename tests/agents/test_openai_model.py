"""A model behind a server: over real HTTP, what is asked, what comes back, and what is said when nothing does."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sparring import registry
from sparring.agents import models
from sparring.agents.code.code_act import CodeAct
from sparring.agents.models.byte_tokens import messages_of
from sparring.agents.models.openai import OpenAIModel
from sparring.agents.players import WritingAgent
from sparring.rollout.loop import play
from sparring.rollout.recording import Match
from sparring.trainers.batch import signals_of
from sparring.types import Sampling

FREE = Sampling(temperature=0.5, top_p=0.9, max_new_tokens=300, decoding="free")


class Server(ThreadingHTTPServer):
    """Answers each chat with what `write(messages)` returns: a text, or a status with a reason to stop."""

    def __init__(self, write):
        super().__init__(("127.0.0.1", 0), Handler)
        self.write, self.asked, self.raw = write, [], None
        self.closing = threading.Event()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, request))
        if self.server.raw:
            return self.server.raw(self, request["messages"][-1]["content"])
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

    def send(self, body, status=200, **headers):
        self.send_response(status)
        for name, value in {"Content_Type": "application/json", "Content_Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def serve(monkeypatch):
    servers = []

    def start(write=None, raw=None):
        server = Server(write)
        server.raw = raw
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        return server

    yield start
    for server in servers:
        server.closing.set()
        server.shutdown()
        server.server_close()


def answers(model, *prompts, sampling=FREE, seeds=None):
    """What the model writes to prompts that are asked together."""

    async def together():
        asked = zip(prompts, seeds or range(len(prompts)), strict=True)
        return await asyncio.gather(*(model.generate(prompt, sampling, seed) for prompt, seed in asked))

    return asyncio.run(together())


def test_the_server_is_asked_what_the_model_saw(serve):
    server = serve(lambda messages: (f"You said {messages[-1]['content']}.", "stop"))
    model = OpenAIModel("some-model")
    talk = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Ü <|end|>"}]
    prompts = [model.chat(talk), model.chat(talk[1:])]
    first, second = answers(model, *prompts, seeds=[2**40 + 3, 4])
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
    (completion,) = answers(model, model.chat([{"role": "user", "content": "\ud83d"}]))
    assert (model.decode(completion.token_ids), completion.stop_reason) == (content or "", stop)


def test_a_served_model_solves_a_task_and_cannot_be_trained_on(serve):
    def write(messages):
        if len(messages) == 1:
            return "<execute>print(6 * 7)</execute>", "stop"
        return f"<answer>{messages[-1]['content'].split()[-1]}</answer>", "stop"

    server = serve(write)
    model = models.load("openai:some-model")
    agent = CodeAct(model, sampling=Sampling(max_new_tokens=300, decoding="free"), trainable=True)
    (episode,) = play([Match("e", "sparring/ToolTasks-v0", {"player_0": "player_0"}, seed=3)], {"player_0": agent})
    (_, ran), (_, answered) = episode.turns
    assert "\n42" in answered.observation.text
    assert answered.action == "<answer>42</answer>"
    assert len(server.asked) == 2
    assert [segment.logprobs for turn in (ran, answered) for segment in turn.segments] == [None] * 4
    with pytest.raises(ValueError, match="log-probabilities"):
        signals_of(episode.trajectories["player_0"])


def test_a_served_model_plays_games(serve):
    serve(lambda _: (r"I bet. \boxed{bet}", "stop"))
    agents = {"player_0": registry.make_agent("openai:m"), "player_1": registry.make_agent("constant:bet")}
    (episode,) = play([Match("e", "sparring/KuhnPoker-v0", {seat: seat for seat in agents}, seed=1)], agents)
    assert [turn.action for seat, turn in episode.turns if seat == "player_0"] == ["bet"]


def test_a_server_that_refuses_or_is_not_there_is_named(serve, monkeypatch):
    server = serve(lambda _: ("no such model", "404"))
    prompt = OpenAIModel("m").chat([{"role": "user", "content": "?"}])
    with pytest.raises(ConnectionError, match=rf"'m' at http://127.0.0.1:{server.server_port}.*no such model"):
        answers(OpenAIModel("m"), prompt)
    monkeypatch.delenv("OPENAI_BASE_URL")
    with pytest.raises(ValueError, match="or set OPENAI_BASE_URL"):
        OpenAIModel("m")


def completion(text, **more):
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps({"choices": [choice], **more}).encode()


def question(model, text="?"):
    return model.chat([{"role": "user", "content": text}])


def drip(data, every=0.05):
    """Sends its bytes one by one, and nothing else, until the test is over."""

    def raw(handler, _):
        for byte in data:
            if handler.server.closing.wait(every):
                return
            handler.wfile.write(bytes([byte]))

    return raw


def never(handler, _):
    handler.server.closing.wait()


def busy(handler, _):
    handler.send(b'{"error": {"message": "slow down"}}', 429, Retry_After=50)


SLOW_HEAD = b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000
SLOW_BODY = b'HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n{"choices": [{"message": {"content": "' + b"x" * 9000


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (never, "not within 0.5 s "),
        (drip(SLOW_HEAD), "not within 0.5 s "),
        (drip(SLOW_BODY, 0.002), "not within 0.5 s, its last status was 200"),
        (busy, "not within 0.5 s, its last status was 429"),
    ],
)
def test_a_request_ends_within_its_time_whatever_the_server_does(serve, raw, said):
    serve(raw=raw)
    model = OpenAIModel("m", timeout=0.5)
    started = time.monotonic()
    with pytest.raises(ConnectionError, match=said):
        answers(model, question(model))
    assert 0.4 < time.monotonic() - started < 3


def test_the_time_of_a_request_can_be_set_from_outside_and_must_be_a_time(serve, monkeypatch):
    serve(raw=never)
    monkeypatch.setenv("SPARRING_SERVER_TIMEOUT", "0.25")
    assert OpenAIModel("m").timeout == 0.25
    for value in ("0", "-1", "nan", "inf", "soon"):
        monkeypatch.setenv("SPARRING_SERVER_TIMEOUT", value)
        with pytest.raises(ValueError, match=f"SPARRING_SERVER_TIMEOUT must be a number of seconds > 0, got '{value}'"):
            OpenAIModel("m")


KEY = "sk-very-secret-0123456789"


@pytest.mark.parametrize("around", ["\n", "\r\n", " "])
def test_a_key_out_of_a_file_works_with_its_line_break(serve, monkeypatch, around):
    seen = []

    def raw(handler, _):
        seen.append(handler.headers["Authorization"])
        handler.send(completion("ok"), 200)

    serve(raw=raw)
    monkeypatch.setenv("OPENAI_API_KEY", KEY + around)
    answers(OpenAIModel("m"), question(OpenAIModel("m")))
    assert seen == [f"Bearer {KEY}"]


@pytest.mark.parametrize("key", [f"{KEY}\nmore", f"{KEY}\x07", f"{KEY}é"])
def test_a_key_that_no_header_can_hold_is_refused_and_not_shown(serve, monkeypatch, key):
    serve(raw=never)
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(ValueError, match="OPENAI_API_KEY must be printable ASCII") as refused:
        OpenAIModel("m")
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("status", [200, 401])
def test_the_key_is_nowhere_in_what_a_server_echoes(serve, monkeypatch, status):
    def raw(handler, _):
        said = f"bad key {handler.headers['Authorization']}"
        handler.send(completion(said) if status == 200 else json.dumps({"error": {"message": said}}).encode(), status)

    serve(raw=raw)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    agents = {"player_0": WritingAgent(OpenAIModel("m"), sampling=FREE), "player_1": registry.make_agent("random")}
    (episode,) = play([Match("e", "sparring/KuhnPoker-v0", {seat: seat for seat in agents}, seed=1)], agents)
    model = OpenAIModel("m")
    written = [model.decode(segment.token_ids) for _, turn in episode.turns for segment in turn.segments]
    assert "bad key Bearer [key]" in (written[1] if status == 200 else episode.error)
    assert KEY not in repr(episode)
    assert not any(KEY in text for text in written)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"<html>502</html>", b"[]", b"3", b'"x"', b"{}", b'{"choices": null}', b'{"choices": []}',
        b'{"choices": {"0": 1}}', b'{"choices": [null]}', b'{"choices": [{"message": null}]}',
        b'{"choices": [{"message": {"content": 7}}]}', b'{"choices": [{"message": {"content": ["a"]}}]}',
        b'{"choices": [{"message": {"content": "unfinished', b"\xff\xfe", b"[" * 100_000, b'{"a": ' * 20_000,
    ],
)  # fmt: skip
def test_an_answer_of_another_shape_is_one_clear_error(serve, body):
    serve(raw=lambda handler, _: handler.send(body))
    model = OpenAIModel("m")
    with pytest.raises(
        ConnectionError, match=r"'m' at http.* gave no answer: what it sent is no chat completion: "
    ) as e:
        answers(model, question(model))
    assert len(str(e.value)) < 600


@pytest.mark.parametrize("padding", range(150, 210, 5))
def test_half_a_key_is_not_shown_either(serve, monkeypatch, padding):
    serve(raw=lambda handler, _: handler.send(b"-" * padding + handler.headers["Authorization"].encode()))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    model = OpenAIModel("m")
    with pytest.raises(ConnectionError) as raised:
        answers(model, question(model))
    assert KEY[:4] not in str(raised.value)


def test_a_connection_that_breaks_off_is_one_clear_error(serve):
    serve(raw=lambda handler, _: handler.send(b'{"choices"', Content_Length=5000))
    model = OpenAIModel("m")
    with pytest.raises(ConnectionError, match="gave no answer"):
        answers(model, question(model))


@pytest.mark.parametrize("text", ["x" * 10_000_000, "\u00fc\n" * 1_000_000, "y" * 5000])
def test_an_answer_is_cut_at_what_was_asked(serve, text):
    sent = []

    def raw(handler, _):
        body = completion(text)
        handler.send(b"", Content_Length=len(body))
        for start in range(0, len(body), 2**16):
            handler.wfile.write(body[start : start + 2**16])
            sent.append(start)

    serve(raw=raw)
    model = OpenAIModel("m")
    (written,) = answers(model, question(model), sampling=Sampling(max_new_tokens=64, decoding="free"))
    assert written.stop_reason == "length"
    assert text.startswith(model.decode(written.token_ids))
    assert 64 <= len(written.token_ids) <= 64 * 20
    assert len(sent) * 2**16 < 9_000_000  # the rest was never taken


def test_one_request_that_fails_or_hangs_costs_its_own_episode(serve):
    def raw(handler, text):
        if text == "hang":
            return never(handler, text)
        if text == "bad":
            return handler.send(b'{"error": {"message": "no"}}', 400)
        return handler.send(completion(text.upper()))

    server = serve(raw=raw)
    model = OpenAIModel("m", timeout=1.0)
    finished = []

    async def ask(text):
        try:
            answer = model.decode((await model.generate(question(model, text), FREE, 0)).token_ids)
        except ConnectionError:
            answer = "failed"
        finished.append(text)
        return answer

    async def together():
        return await asyncio.gather(*(ask(text) for text in ("hang", "a", "bad", "b")))

    assert asyncio.run(together()) == ["failed", "A", "failed", "B"]
    assert finished[-1] == "hang"
    assert len(server.asked) == 4


SCRIPT = """
import asyncio, sys
from sparring import registry
from sparring.rollout.recording import Match
from sparring.rollout.loop import play
from sparring.agents.models.openai import OpenAIModel
from sparring.types import Sampling
if sys.argv[1] == "play":
    agents = {"player_0": registry.make_agent("openai:m"), "player_1": registry.make_agent("random")}
    play([Match(str(i), "sparring/KuhnPoker-v0", {seat: seat for seat in agents}, seed=i) for i in range(20)], agents)
else:
    model = OpenAIModel("m")
    async def ask():
        prompt = model.chat([{"role": "user", "content": "?"}])
        await asyncio.gather(*(model.generate(prompt, Sampling(decoding="free"), seed) for seed in range(20)))
    asyncio.run(ask())
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["play", "generate"])
def test_one_interrupt_ends_everything_at_once(serve, how):
    server = serve(raw=never)
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, how],
        env=os.environ,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # it is ignored in the background
    )
    try:
        waiting = time.monotonic() + 60
        while len(server.asked) < 16 and time.monotonic() < waiting:
            time.sleep(0.02)
        assert len(server.asked) == 16
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=5)
    finally:
        process.kill()
    assert process.returncode == -signal.SIGINT
    assert said.rstrip().endswith(b"KeyboardInterrupt")


def test_a_server_may_be_asked_for_its_likeliest_words(serve):
    server = serve(lambda _: ("ok", "stop"))
    agent = WritingAgent(OpenAIModel("m"), sampling=Sampling(temperature=0, decoding="free"))
    play(
        [Match("e", "sparring/KuhnPoker-v0", {"player_0": "player_0", "player_1": "player_1"}, seed=1)],
        {"player_0": agent, "player_1": agent},
    )
    assert server.asked[0][1]["temperature"] == 0
