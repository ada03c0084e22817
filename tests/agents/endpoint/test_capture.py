"""What a session records: which calls go on from which, and that their tokens are what the model saw and wrote."""

import asyncio

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import AsyncOpenAI, OpenAI

from sparring.agents import models
from sparring.agents.endpoint import Session, capture
from sparring.agents.endpoint.answering import answer_chat
from sparring.agents.endpoint.requests import read_chat
from sparring.agents.models.scripted import ScriptedModel
from sparring.samples import samples
from sparring.types import Reply, Trajectory, Turn

SYSTEM = {"role": "system", "content": "Be brief."}


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


def played(*turns):
    """The trajectory of a player whose turns had these calls."""
    seen = None
    return Trajectory(
        "t", "player_0", "a", tuple(Turn(i, seen, "x", True, 0.0, calls=c) for i, c in enumerate(turns)), 0
    )


class Talk:
    """A program of which only the requests matter."""

    def __init__(self, model=None, **options):
        self.model = model or ScriptedModel(lambda prompt, seed: f"answer {prompt.count('<|assistant|>')}")
        self.session = Session(self.model, "http://here", **options)

    def ask(self, *messages, **fields):
        chat = read_chat({"model": "m", "messages": list(messages), "max_tokens": 30} | fields)
        return asyncio.run(answer_chat(self.model, chat, self.session)).said["content"]


def test_a_conversation_that_goes_on_is_one_sample():
    talk = Talk()
    first = talk.ask(SYSTEM, user("a"))
    second = talk.ask(SYSTEM, user("a"), assistant(first), user("b"))
    before = talk.session.calls()
    talk.ask(SYSTEM, user("a"), assistant(first), user("b"), assistant(second), user("c"), user("d"))
    after = talk.session.calls(1)
    assert [call.continues for call in (*before, *after)] == [None, "0.0", "0.1"]
    (sample,) = samples(played(before, after))
    tokens = [token for segment in sample.segments for token in segment.token_ids]
    whole = [SYSTEM, user("a"), assistant(first), user("b"), assistant(second), user("c"), user("d")]
    assert tokens[: len(talk.model.chat(whole))] == talk.model.chat(whole)
    assert [message.content for message in after[0].messages] == ["c", "d", "answer 3"]
    assert talk.session.notes() == {}


def test_the_turn_is_that_of_the_observation():
    talk = Talk()
    said = talk.ask(user("a"))
    talk.ask(user("a"), assistant(said), user("b"))
    assert [call.continues for call in talk.session.calls(turn=4)] == [None, "4.0"]
    talk.ask(user("a"), assistant(said), user("c"))
    with pytest.raises(ValueError, match="turn must be > 4, whose calls were handed over already, got 4"):
        talk.session.calls(turn=4)
    assert [call.continues for call in talk.session.calls(turn=6)] == ["4.0"]


@pytest.mark.parametrize(
    "others",
    [
        [user("a"), assistant("answer 1"), user("b")],
        [SYSTEM, user("a"), assistant("answer 1 "), user("b")],
        [SYSTEM, user("a "), assistant("answer 1"), user("b")],
        [SYSTEM, user("Earlier: a."), user("b")],
    ],
    ids=["other system prompt", "other answer", "other question", "compacted"],
)
def test_what_does_not_go_on_byte_for_byte_is_a_new_root(others):
    talk = Talk()
    talk.ask(SYSTEM, user("a"))
    talk.ask(*others)
    assert [call.continues for call in talk.session.calls()] == [None, None]
    assert talk.session.notes() == {}, "its messages did not go on either"


def test_two_requests_may_go_on_from_one_answer():
    talk = Talk()
    first = talk.ask(user("a"))
    for text in ("b", "c"):
        talk.ask(user("a"), assistant(first), user(text))
    calls = talk.session.calls()
    assert [call.continues for call in calls] == [None, "0.0", "0.0"]
    assert len(samples(played(calls))) == 2


def test_an_answer_that_a_text_ended_goes_on_with_all_that_the_model_wrote():
    talk = Talk(ScriptedModel(lambda prompt, seed: "yes. END of it"))
    said = talk.ask(user("a"), stop="END")
    assert said == "yes. "
    talk.ask(user("a"), assistant(said), user("b"))
    first, second = talk.session.calls()
    assert (first.messages[-1].content, first.stop_reason) == ("yes. END", "stop")
    assert second.continues == "0.0"


class Forgetful(ScriptedModel):
    """Its template leaves earlier answers out, as Qwen3's does with thoughts."""

    def chat(self, messages, tools=()):
        return super().chat([one for one in messages if one["role"] != "assistant"])


def test_a_template_that_changes_the_past_is_counted():
    talk = Talk(Forgetful(lambda prompt, seed: "hm"))
    said = talk.ask(user("a"))
    talk.ask(user("a"), assistant(said), user("b"))
    assert [call.continues for call in talk.session.calls()] == [None, None]
    assert talk.session.notes() == {"broken_prefixes": 1}
    assert talk.session.notes() == {}
    Reply("x", notes={"broken_prefixes": 1})


class Watched:
    """A model that remembers what it was shown, and what it wrote there."""

    def __init__(self, model):
        self._model, self.seen = model, []

    def __getattr__(self, name):
        return getattr(self._model, name)

    async def generate(self, prompt, sampling, seed):
        written = await self._model.generate(prompt, sampling, seed)
        self.seen.append((*prompt, *written.token_ids))
        return written


ROUND = st.tuples(st.sampled_from(["on", "on", "back", "anew"]), st.text(max_size=8), st.integers(1, 5))


@settings(max_examples=20)
@given(st.lists(ROUND, min_size=1, max_size=6), st.integers(0, 2**40))
def test_segments_are_what_was_sent_and_answered(rounds, seed):
    talk = Talk(Watched(models.load_shared("nano")), seed=seed)
    history, said = [], []
    for how, text, tokens in rounds:
        history = {"on": history, "back": history[:-2], "anew": []}[how] + [user(text)]
        answer = talk.ask(*history, max_tokens=tokens)
        said.append((list(history), answer))
        history = [*history, assistant(answer)]
    trajectory = played(talk.session.calls())
    calls, whole = dict(trajectory.calls), {}
    for number, (id, call) in enumerate(calls.items()):
        before_ids, before_messages = whole.get(call.continues, ((), ()))
        prompt, written = call.segments
        assert talk.model.decode(written.token_ids) == said[number][1]
        assert talk.model.decode(prompt.token_ids) == "".join(one.content for one in call.messages[:-1])
        ids = (*before_ids, *prompt.token_ids, *written.token_ids)
        assert ids == talk.model.seen[number], "token for token what the model saw and wrote"
        messages = (*before_messages, *call.messages)
        told = [{"role": one.role, "content": one.content} for one in messages]
        assert told == [*said[number][0], assistant(said[number][1])]
        whole[id] = ids, messages
    assert all(
        tuple(token for segment in sample.segments for token in segment.token_ids) in talk.model.seen
        for sample in samples(trajectory)
    )


def test_answers_without_a_seed_depend_on_the_sessions_and_differ():
    def three(seed):
        talk = Talk(models.load_shared("nano"), seed=seed)
        return [talk.ask(user("a")) for _ in range(3)]

    assert three(1) == three(1)
    assert len(set(three(1))) == 3
    assert three(1) != three(2)


def test_an_answer_at_temperature_0_is_not_learnt_from():
    talk = Talk(models.load_shared("nano"), trainable=True)
    talk.ask(user("a"))
    talk.ask(user("a"), temperature=0)
    assert [call.policy.trainable for call in talk.session.calls()] == [True, False]


def test_programs_in_this_process_are_captured_blocking_or_not():
    with capture("nano") as session:
        client = OpenAI(base_url=session.base_url, api_key="whatever")
        client.chat.completions.create(model="nano", messages=[user("a")], max_tokens=2)
        assert [call.messages[0].content for call in session.calls()] == ["a"]

    async def ask():
        async with capture("nano") as session:
            async with AsyncOpenAI(base_url=session.base_url, api_key=session.key) as client:
                await client.chat.completions.create(model="nano", messages=[user("b")], max_tokens=2)
            return session.calls()

    assert [call.messages[0].content for call in asyncio.run(ask())] == ["b"]


def test_a_session_is_known_by_its_key_too_and_ends_with_its_block():
    with capture("nano") as session:
        root = session.base_url.partition("/session/")[0]
        body = {"model": "nano", "messages": [user("a")], "max_tokens": 1}
        key = {"Authorization": f"Bearer {session.key}"}
        assert httpx.post(f"{root}/v1/chat/completions", json=body, headers=key).status_code == 200
        assert httpx.post(f"{root}/v1/chat/completions", json=body).status_code == 401
        assert httpx.post(f"{root}/session/guess/v1/chat/completions", json=body).status_code == 404
        assert len(session.calls()) == 1
    assert httpx.post(f"{session.base_url}/chat/completions", json=body).status_code == 404
    assert httpx.post(f"{root}/v1/chat/completions", json=body, headers=key).status_code == 401
