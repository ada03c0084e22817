"""Models behind a server that says its tokens: what is recorded, what trains on it, and what is refused."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import pytest

from sparring import registry
from sparring.agents import models
from sparring.agents.endpoint import serve_model
from sparring.agents.players import WritingAgent
from sparring.agents.talking.agent import TalkingAgent
from sparring.rollout.loop import Match, play
from sparring.samples import samples
from sparring.trainers.batch import signals_of
from sparring.trainers.learner import Learner, LearnerConfig
from sparring.types import Sampling

FREE = Sampling(max_new_tokens=4, decoding="free")


@pytest.fixture(scope="module")
def nano():
    return models.load_trainable("nano", device="cpu")


@pytest.fixture
def served(nano):
    with serve_model(nano) as server:
        yield models.load(f"openai:nano:url={server.base_url}:token_ids=true")


def adventure(agent, steps=3):
    match = Match("m", "sparring/Adventure-v0", {"player_0": "me"}, 1, max_steps=steps)
    (episode,) = play([match], {"me": agent})
    return episode


def test_a_conversation_with_a_server_is_recorded_in_its_own_tokens(nano, served):
    episode = adventure(TalkingAgent(served, sampling=FREE, trainable=True))
    assert episode.status == "truncated", episode.error
    trajectory = episode.trajectories["player_0"]
    for _, call in trajectory.calls:
        prompt, written = call.segments
        assert call.policy.tokenizer == ""
        assert len(written.logprobs) == len(written.token_ids) == 4
        assert nano.decode(written.token_ids) == call.messages[-1].content
        if call.continues is None:
            said = [{"role": one.role, "content": one.content} for one in call.messages[:-1]]
            assert prompt.token_ids == tuple(nano.chat(said))


def test_a_server_that_tokenises_an_answer_anew_begins_a_new_sample(nano, served):
    """The server remembers nothing: what `nano` wrote as bytes may be read as words when it is sent again."""
    episode = adventure(TalkingAgent(served, sampling=FREE, trainable=True), steps=4)
    trajectory = episode.trajectories["player_0"]
    calls = [call for _, call in trajectory.calls]
    for before, call in pairwise(calls):
        written = before.segments[1].token_ids
        same = nano.encode(nano.decode(written)) == list(written)
        assert (call.continues is not None) == same
        assert (len(call.messages) == 2) == same, "a new root is recorded with all its messages"


def test_games_that_a_server_played_are_learnt_from(nano, served):
    agents = {
        "player_0": WritingAgent(served, sampling=FREE, trainable=True),
        "player_1": registry.make_agent("random"),
    }
    matches = [Match(f"e{seed}", "sparring/KuhnPoker-v0", {seat: seat for seat in agents}, seed) for seed in range(4)]
    episodes = play(matches, agents)
    assert {episode.status for episode in episodes} <= {"ok"}, [episode.error for episode in episodes]
    signals = [one for e in episodes for one in signals_of(e.trajectories["player_0"], advantage=1.0)]
    measured = Learner(nano, LearnerConfig(learning_rate=1e-6)).step(signals)
    assert measured["samples"] == len(signals) > 0
    assert measured["sampler_mismatch"] < 1e-3


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(self.server.said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def told(logprobs, tokens=(65, 66), prompt=(1, 2)):
    content = None if logprobs is None else {"content": [{"token": "a", "logprob": one} for one in logprobs]}
    choice = {"index": 0, "message": {"role": "assistant", "content": "ab"}, "finish_reason": "stop"}
    choice |= {"token_ids": tokens, "logprobs": content}
    return {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice],
            "prompt_token_ids": prompt}  # fmt: skip


@pytest.fixture
def saying(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_server_that_says_everything(saying):
    saying.said = told([-0.5, -1])
    model = models.load(f"openai:m:url=http://127.0.0.1:{saying.server_port}/v1:token_ids=true")
    episode = adventure(WritingAgent(model, sampling=FREE), steps=1)
    ((_, call),) = episode.trajectories["player_0"].calls
    prompt, written = call.segments
    assert (prompt.token_ids, written.token_ids, written.logprobs) == ((1, 2), (65, 66), (-0.5, -1.0))
    assert call.messages[-1].content == "ab"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (told([-0.5]), "1 log-probabilities for 2 tokens"),
        (told([-0.5, -0.5, -0.5]), "3 log-probabilities for 2 tokens"),
        (told([-0.5, None]), "not all or no log-probabilities for 2 tokens"),
        (told([-0.5, float("nan")]), "not all or no log-probabilities for 2 tokens"),
        (told([-0.5, -9999.0]), "not all or no log-probabilities for 2 tokens"),
        (told([-0.5, True]), "not all or no log-probabilities for 2 tokens"),
        (told(None), "0 log-probabilities for 2 tokens"),
        (told([-0.5, -0.5], tokens=None), "it shows no token ids"),
        (told([-0.5, -0.5], tokens=["a", "b"]), "it shows no token ids"),
        (told([-0.5, -0.5], prompt=None), "it shows no token ids"),
    ],
)
def test_what_a_server_leaves_out_is_its_fault_and_never_made_up(saying, said, reason):
    saying.said = said
    model = models.load(f"openai:m:url=http://127.0.0.1:{saying.server_port}/v1:token_ids=true")
    episode = adventure(WritingAgent(model, sampling=FREE), steps=1)
    assert (episode.status, episode.fault) == ("agent_error", "server")
    assert reason in episode.error
    assert not samples(episode.trajectories["player_0"])


def test_another_temperature_is_refused():
    with pytest.raises(ValueError, match=r"must be asked at temperature 1 and top_p 1, got 0\.5 and 1"):
        registry.make_agent("openai:m:url=http://127.0.0.1:9/v1:token_ids=true:temperature=0.5")


def test_tokens_are_sent_or_shown_and_not_both():
    with pytest.raises(ValueError, match="takes tokenizer, which sends tokens, or token_ids, and not both"):
        models.load("openai:m:url=http://h/v1:token_ids=true:tokenizer=nano")
