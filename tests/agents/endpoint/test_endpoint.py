"""The endpoint over real HTTP: what OpenAI's clients get, and what is said where they ask for what there is not."""

import asyncio
import json
import socket
import threading
import time

import httpx
import pytest
from openai import AsyncOpenAI, OpenAI

from sparring.agents import models
from sparring.agents.endpoint import capture, serve_model
from sparring.agents.endpoint.app import MOST_BODY
from sparring.agents.models.rounds import require_wanted
from sparring.agents.models.scripted import ScriptedModel

SAID = [{"role": "user", "content": "Bet or check?"}]
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]


def say(prompt, seed):
    return f"I say {prompt.count('<|user|>')} of {seed % 7}. STOP here."


@pytest.fixture(scope="module")
def server():
    with serve_model(ScriptedModel(say), token="a long secret") as started:
        yield started


@pytest.fixture(scope="module")
def nano():
    return models.load_shared("nano")


def post(server, body, path="/v1/chat/completions", key="a long secret", **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    said = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"} | headers
    return httpx.post(f"{server.address}{path}", content=data, headers=said, timeout=30)


def asked(**changes):
    return {"model": "scripted", "messages": SAID, "seed": 3} | changes


def test_an_answer_is_what_openais_client_reads(server):
    client = OpenAI(base_url=server.base_url, api_key="a long secret", max_retries=0)
    answer = client.chat.completions.create(model="scripted", messages=SAID, seed=3, logprobs=True)
    (choice,) = answer.choices
    assert (choice.message.content, choice.finish_reason) == ("I say 1 of 3. STOP here.", "stop")
    assert answer.usage.completion_tokens == len(choice.logprobs.content) == len("I say 1 of 3. STOP here.") + 1
    assert [model.id for model in client.models.list()] == ["scripted"]


def test_a_stream_says_what_an_answer_says(server):
    client = OpenAI(base_url=server.base_url, api_key="a long secret", max_retries=0)
    events = list(
        client.chat.completions.create(
            model="scripted", messages=SAID, seed=3, stream=True, stream_options={"include_usage": True}
        )
    )
    assert "".join(e.choices[0].delta.content or "" for e in events if e.choices) == "I say 1 of 3. STOP here."
    assert [e.choices[0].finish_reason for e in events if e.choices][-1] == "stop"
    assert events[-1].usage.completion_tokens == 25


def test_token_ids_stand_where_vllm_has_them(nano):
    with capture(nano) as session:
        body = {"model": "nano", "messages": SAID, "max_tokens": 4, "logprobs": True, "return_token_ids": True}
        answer = httpx.post(f"{session.base_url}/chat/completions", json=body).json()
    (choice,) = answer["choices"]
    assert answer["prompt_token_ids"] == nano.chat(SAID)
    assert nano.decode(choice["token_ids"]) == choice["message"]["content"]
    assert len(choice["token_ids"]) == len(choice["logprobs"]["content"]) == 4


def test_a_text_that_is_to_end_the_answer_does(server):
    (choice,) = post(server, asked(stop=["nowhere", "STOP"], return_token_ids=True)).json()["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("I say 1 of 3. ", "stop")
    assert bytes(choice["token_ids"]).decode() == "I say 1 of 3. STOP"


def test_requests_meet_in_one_batch():
    sizes = []

    class Counting(ScriptedModel):
        def generate_batch(self, prompts, sampling, seeds):
            time.sleep(0 if sizes else 0.3)
            sizes.append(len(prompts))
            return super().generate_batch(prompts, sampling, seeds)

    async def ask(session):
        async with AsyncOpenAI(base_url=session.base_url, api_key=session.key, max_retries=0) as client:
            asked = [client.chat.completions.create(model="scripted", messages=SAID) for _ in range(24)]
            return await asyncio.gather(*asked)

    with capture(Counting(say)) as session:
        assert len(asyncio.run(ask(session))) == 24
    assert sum(sizes) == 24
    assert max(sizes) > 1


@pytest.mark.parametrize(
    ("body", "status", "code", "said"),
    [
        (b"{", 400, None, "the body is no JSON"),
        (b"[" * 100_000, 400, None, "the body is no JSON"),
        (b"\xff\xfe{}", 400, None, "the body is no JSON"),
        (b"[]", 400, None, "the body must be a JSON object"),
        ({}, 400, None, "model must be the name of a model, got None"),
        (asked(model=7), 400, None, "model must be the name of a model, got 7"),
        (asked(model="gpt-4o"), 404, "model_not_found", "there is no model 'gpt-4o'; there is scripted"),
        (
            asked(model="../../etc/passwd\n\0\ud83d" + "x" * 9999),
            404,
            "model_not_found",
            "there is no model '../../etc",
        ),
        (asked(messages="hi"), 400, None, "messages must be a list"),
        (asked(messages=[]), 400, None, "messages must be a list of at least one message"),
        (asked(messages=["hi"]), 400, None, r"messages[0] must have a role"),
        (asked(messages=[{"role": "king", "content": ""}]), 400, None, "messages[0] must have a role among system"),
        (asked(messages=[{"role": "user", "content": 5}]), 400, None, "messages[0]: content must be a text"),
        (asked(messages=[{"role": "user", "content": [{"type": "image_url"}]}]), 400, None, "takes no pictures"),
        (asked(messages=[{"role": "assistant", "tool_calls": [1]}]), 400, None, "a tool call must have a function"),
        (asked(max_tokens=0), 400, None, "max_tokens must be a whole number from 1 to 9223372036854775807, got 0"),
        (asked(max_completion_tokens="9"), 400, None, "max_completion_tokens must be a whole number"),
        (asked(max_tokens=10**9), 400, "context_length_exceeded", "the context of scripted is 32768 tokens"),
        (asked(temperature=float("nan")), 400, None, "temperature must be a number >= 0"),
        (asked(temperature=10**400), 400, None, "temperature must be a number >= 0"),
        (asked(temperature=True), 400, None, "temperature must be a number >= 0"),
        (asked(top_p=0), 400, None, "top_p must be a number > 0"),
        (asked(seed=1.5), 400, None, "seed must be a whole number"),
        (asked(stop=[""]), 400, None, "stop must be a text or up to 16 texts"),
        (asked(stream="yes"), 400, None, "stream must be true or false"),
        (asked(logprobs=3), 400, None, "logprobs must be true or false"),
        (asked(n=2), 400, "unsupported_value", "n cannot be 2 here"),
        (asked(guided_choice=["a"]), 400, "unsupported_value", "guided_choice cannot be a value of type list here"),
        (asked(add_generation_prompt=False), 400, "unsupported_value", "add_generation_prompt cannot be False here"),
        (asked(reasoning_effort="high"), 400, "unsupported_value", "reasoning_effort cannot be 'high' here"),
        (asked(temperature=1e-320), 400, None, "temperature must be 0, or >= 0.0001"),
        (asked(top_k=5), 400, "unsupported_value", "top_k cannot be 5 here"),
        (asked(response_format={"type": "json_object"}), 400, "unsupported_value", "response_format cannot be"),
        (asked(tools=TOOLS), 400, "unsupported_value", "the chat template of scripted has no place for these tools"),
        (asked(tools=[{}]), 400, None, "tools must be a list of functions"),
        (asked(tools=TOOLS, tool_choice="required"), 400, "unsupported_value", "tool_choice cannot be 'required'"),
    ],
)
def test_what_cannot_be_answered_is_an_error_in_openais_form(server, body, status, code, said):
    answer = post(server, body)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (status, "invalid_request_error", code)
    assert said in error["message"]
    assert len(error["message"]) < 400
    assert post(server, asked()).status_code == 200, "the server lives on"


def test_a_prompt_that_is_too_long_says_so(nano):
    with capture(nano) as session:
        client = OpenAI(base_url=session.base_url, api_key=session.key, max_retries=0)
        with pytest.raises(Exception, match="the context of nano is 2048 tokens: the prompt has") as caught:
            client.chat.completions.create(model="nano", messages=[{"role": "user", "content": "word " * 3000}])
        assert caught.value.code == "context_length_exceeded"
        assert not session.calls()


def test_a_body_that_is_too_large_is_refused(server):
    answer = post(server, b" " * (MOST_BODY + 2**21))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")
    assert post(server, asked()).status_code == 200


@pytest.mark.parametrize("key", ["none", "wrong", "a long secret2", "sk-sparring-"])
def test_a_wrong_key_is_refused(server, key):
    answer = post(server, asked(), key=key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


def test_other_paths_and_methods_are_errors_in_the_same_form(server):
    for answer in (post(server, {}, "/v1/embeddings"), httpx.get(f"{server.base_url}/chat/completions")):
        assert answer.status_code in (404, 405)
        assert answer.json()["error"]["code"] == "not_found"


def test_without_a_token_only_this_machine_is_answered():
    with serve_model(ScriptedModel(say)) as server:
        assert post(server, asked(), key="anything").status_code == 200
        assert post(server, asked(), Host="evil.example").status_code == 403
    with pytest.raises(ValueError, match="token must be given where other machines reach the server"):
        serve_model(ScriptedModel(say), host="0.0.0.0")


def test_a_model_that_fails_is_an_error_of_the_server_which_lives_on():
    def fail(prompt, seed):
        if seed == 13:
            raise RuntimeError("out of paper")
        return "fine"

    with capture(ScriptedModel(fail)) as session:
        url = f"{session.base_url}/chat/completions"
        answer = httpx.post(url, json=asked(seed=13))
        assert (answer.status_code, answer.json()["error"]["type"]) == (500, "server_error")
        assert "out of paper" in answer.json()["error"]["message"]
        assert str(session.failure) == "out of paper"
        assert httpx.post(url, json=asked()).json()["choices"][0]["message"]["content"] == "fine"


def test_what_nobody_waits_for_any_more_is_given_up():
    answering = threading.Event()

    def write(prompt, seed):
        if seed == 13:
            answering.set()
            for _ in range(3000):
                require_wanted()
                time.sleep(0.01)
        return "there"

    with capture(ScriptedModel(write)) as session:
        url = httpx.URL(f"{session.base_url}/chat/completions")
        body = json.dumps(asked(seed=13)).encode()
        with socket.create_connection((url.host, url.port)) as line:
            head = f"POST {url.path} HTTP/1.1\r\nHost: here\r\nContent-Length: {len(body)}\r\n\r\n"
            line.sendall(head.encode() + body)
            assert answering.wait(60)
        assert httpx.post(url, json=asked(), timeout=60).json()["choices"][0]["message"]["content"] == "there"
        assert len(session.calls()) == 1


def test_a_model_that_is_text_only_answers_chats_only(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with serve_model(ScriptedModel(say), name="behind") as behind:
        model = models.load(f"openai:behind:url={behind.base_url}")
        with capture(model) as session:
            chat = httpx.post(f"{session.base_url}/chat/completions", json=asked(model="behind", return_token_ids=True))
            assert chat.json()["choices"][0]["message"]["content"].startswith("I say 1 of")
            assert "token_ids" not in chat.json()["choices"][0], "bytes are no tokens of that model"
            (call,) = session.calls()
            assert call.segments[1].logprobs is None
            for path, changes in (("chat/completions", {"logprobs": True}), ("completions", {"prompt": "a"})):
                answer = httpx.post(f"{session.base_url}/{path}", json=asked(model="behind", **changes))
                assert answer.status_code == 400, path


class WithTools(ScriptedModel):
    """A model whose template shows tools."""

    def chat(self, messages, tools=()):
        shown = [{"role": "system", "content": json.dumps(tools)}] if tools else []
        return super().chat([*shown, *({**one, "role": one["role"].replace("tool", "user")} for one in messages)])

    def shows_tools(self, tools):
        return True


def test_a_tool_is_called_and_its_result_goes_on_with_the_same_tokens():
    def write(prompt, seed):
        return (
            "done"
            if "a lamp" in prompt
            else 'Hm.\n<tool_call>\n{"name": "look", "arguments": {"at": "ä"}}\n</tool_call>'
        )

    with capture(WithTools(write)) as session:
        client = OpenAI(base_url=session.base_url, api_key=session.key, max_retries=0)
        first = client.chat.completions.create(model="scripted", messages=SAID, tools=TOOLS).choices[0]
        (call,) = first.message.tool_calls
        assert (first.finish_reason, call.function.name) == ("tool_calls", "look")
        assert json.loads(call.function.arguments) == {"at": "ä"}
        heard = {"role": "tool", "tool_call_id": call.id, "content": "a lamp"}
        said = [*SAID, first.message.model_dump(exclude_none=True), heard]
        second = client.chat.completions.create(model="scripted", messages=said, tools=TOOLS).choices[0]
        assert second.message.content == "done"
        one, two = session.calls()
    assert (one.continues, two.continues) == (None, "0.0")
    assert [(said.role, said.content) for said in two.messages] == [("tool", "a lamp"), ("assistant", "done")]


def test_completions_take_tokens_and_score_them(nano):
    with serve_model(nano) as server:
        served = models.load(f"openai:nano:url={server.base_url}:tokenizer=nano")
        prompt, sampling = nano.chat(SAID), models.Sampling(max_new_tokens=6)
        written = asyncio.run(served.generate(prompt, sampling, seed=5))
        (own,) = nano.generate_batch([prompt], sampling, [5])
        assert (written.token_ids, written.stop_reason) == (own.token_ids, own.stop_reason)
        assert written.logprobs == pytest.approx(own.logprobs, abs=1e-5)
        told = asyncio.run(served.score(prompt, [own.token_ids, (65, 66)]))
        mine = nano.score_batch([prompt], [[own.token_ids, (65, 66)]])[0]
        assert [list(one) for one in told] == [pytest.approx(list(one), abs=1e-4) for one in mine]
        answer = post(server, {"model": "nano", "prompt": [[999_999]]}, "/v1/completions")
        assert "token ids of nano must be <" in answer.json()["error"]["message"]
