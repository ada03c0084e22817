"""A server that shows tokens, over real HTTP: what it is asked, and what is said where it shows too little."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from sparring import registry
from sparring.agents import models
from sparring.agents.models.served_tokens import ServedTokens
from sparring.registry import UnknownName
from sparring.types import Sampling

PROMPT = [5, 6, 7]


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, request))
        choices = [
            self.server.answer(request, prompt) | {"index": index} for index, prompt in enumerate(request["prompt"])
        ]
        body = json.dumps({"id": "1", "object": "text_completion", "model": "m", "created": 0, "choices": choices})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


def answer(request, prompt, processed=True, **changes):
    """As vLLM answers: two tokens, whose log-probabilities are those of the temperature or not."""
    temperature = request["temperature"] if processed else 1.0
    top = {"token_id:1": -1.0, "token_id:2": -1.0 - 3.0 / (temperature or 1.0)}
    places = [None, *({str(token): {"logprob": -token / 10}} for token in prompt[1:])]
    return {
        "text": "ab",
        "finish_reason": "stop",
        "token_ids": [65, 256],
        "prompt_token_ids": prompt,
        "logprobs": {"tokens": ["a", "b"], "token_logprobs": [-0.25, -0.5], "top_logprobs": [top, top]},
        "prompt_logprobs": places if request.get("prompt_logprobs") is not None else None,
        **changes,
    }


@pytest.fixture
def serve(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    servers = []

    def start(answer=answer):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.answer, server.asked = answer, []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server, models.load(f"openai:m:url=http://127.0.0.1:{server.server_port}/v1:tokenizer=nano")

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def write(model, sampling=Sampling(max_new_tokens=9)):  # noqa: B008
    return asyncio.run(model.generate(PROMPT, sampling, seed=2**40 + 3))


def test_tokens_are_sent_and_tokens_come_back(serve):
    server, model = serve()
    nano = models.load("nano")
    assert (model.shows_logprobs, model.tokenizer_fingerprint) == (True, nano.tokenizer_fingerprint)
    said = [{"role": "user", "content": "Your card is K."}]
    assert model.chat(said) == nano.chat(said)
    assert model.decode(model.encode("bet")) == "bet"
    written = write(model)
    assert (written.token_ids, written.logprobs, written.stop_reason) == ((65, 256), (-0.25, -0.5), "eos")
    ((path, request),) = server.asked
    assert path == "/v1/completions"
    sent = {name: request[name] for name in ("prompt", "max_tokens", "logprobs", "return_token_ids", "seed")}
    assert sent == {"prompt": [PROMPT], "max_tokens": 9, "logprobs": 0, "return_token_ids": True, "seed": 3}


def test_continuations_are_scored_in_one_request(serve):
    server, model = serve()
    scores = asyncio.run(model.score(PROMPT, [[8], [9, 1]]))
    np.testing.assert_allclose(np.concatenate(scores), [-0.8, -0.9, -0.1])
    assert [request["prompt"] for _, request in server.asked] == [[[5, 6, 7, 8], [5, 6, 7, 9, 1]]]


def test_log_probabilities_of_another_temperature_are_tried_once(serve):
    server, model = serve()
    sampling = Sampling(temperature=0.5, max_new_tokens=2)
    assert write(model, sampling).logprobs == (-0.25, -0.5)
    assert len(server.asked) == 3, "two to see, one to write"
    write(model, sampling)
    assert len(server.asked) == 4


def test_log_probabilities_of_temperature_1_are_refused_at_another_one(serve):
    _, model = serve(lambda request, prompt: answer(request, prompt, processed=False))
    assert write(model).logprobs == (-0.25, -0.5)
    with pytest.raises(ConnectionError, match=r"of temperature 1 whatever it samples at: .*--logprobs-mode processed"):
        write(model, Sampling(temperature=0.5))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"token_ids": None}, r"it shows no token ids \(return_token_ids\), so what it writes cannot be trained on"),
        ({"token_ids": ["a"]}, "it shows no token ids"),
        ({"logprobs": None}, r"it shows no log-probability for each token \(logprobs\)"),
        ({"logprobs": {"token_logprobs": [-0.1]}}, "it shows no log-probability for each token"),
        ({"prompt_token_ids": [5, 6]}, "it read other tokens than it was sent"),
    ],
)
def test_a_server_that_shows_too_little_is_refused_with_the_reason(serve, changes, said):
    server, model = serve(lambda request, prompt: answer(request, prompt) | changes)
    with pytest.raises(
        ConnectionError, match=rf"'m' at http://127.0.0.1:{server.server_port}/v1/ gave no answer: {said}"
    ):
        write(model)


def test_a_server_that_shows_no_prompt_cannot_score(serve):
    _, model = serve(lambda request, prompt: answer(request, prompt) | {"prompt_logprobs": None})
    with pytest.raises(
        ConnectionError, match=r"no log-probabilities of a prompt \(prompt_logprobs\), so it cannot score"
    ):
        asyncio.run(model.score(PROMPT, [[8]]))


def test_a_tokenizer_is_a_model_that_is_here():
    with pytest.raises(UnknownName, match="unknown model 'nanoo'; did you mean 'nano'"):
        models.load("openai:m:url=http://h/v1:tokenizer=nanoo")
    agent = registry.make_agent("openai:m:url=http://h/v1:tokenizer=nano")
    assert isinstance(agent.model, ServedTokens)
