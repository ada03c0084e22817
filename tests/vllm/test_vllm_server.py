"""vLLM's server, started as docs/scale.md says, and models of it that play and that are learnt from."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest

from sparring import registry
from sparring.agents import models
from sparring.agents.models.weights.smollm2 import folder
from sparring.agents.players import WritingAgent
from sparring.agents.talking.agent import TalkingAgent
from sparring.rollout.loop import Match, play
from sparring.samples import samples
from sparring.trainers.batch import signals_of
from sparring.trainers.learner import Learner, LearnerConfig
from sparring.types import Sampling

PATIENCE = 240
"""Seconds until the server must answer."""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of a server with SmolLM2, in fp32."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder())),
        *("--served-model-name", "smollm2", "--dtype", "float32", "--enforce-eager", "--max-model-len", "1024"),
        *("--logprobs-mode", "processed_logprobs", "--host", "127.0.0.1", "--port", str(port)),
    ]
    settings = {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}
    log = tmp_path_factory.mktemp("server") / "log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            command, env={**os.environ, **settings}, stdout=written, stderr=written, start_new_session=True
        )
    try:
        for _ in range(PATIENCE):
            assert process.poll() is None, log.read_text()[-2000:]
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
                break
            except OSError:
                time.sleep(1)
        else:
            pytest.fail(log.read_text()[-2000:])
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def served(address):
    return models.load(f"openai:smollm2:url={address}:tokenizer=smollm2")


def test_a_server_writes_the_tokens_that_we_would(served, ours):
    prompts = [ours.chat([{"role": "user", "content": f"Tell me about the {thing}."}]) for thing in ("moon", "sea")]
    greedy = Sampling(temperature=0, max_new_tokens=12)

    async def ask(sampling):
        return await asyncio.gather(*(served.generate(prompt, sampling, seed=3) for prompt in prompts))

    written = asyncio.run(ask(greedy))
    assert [one.token_ids for one in written] == [one.token_ids for one in ours.generate_batch(prompts, greedy, [3, 3])]
    sampled, again = asyncio.run(ask(Sampling(max_new_tokens=12))), asyncio.run(ask(Sampling(max_new_tokens=12)))
    assert [one.token_ids for one in sampled] == [one.token_ids for one in again]
    for prompt, one in zip(prompts, sampled, strict=True):
        np.testing.assert_allclose(one.logprobs, ours.score_batch([prompt], [[one.token_ids]])[0][0], atol=1e-4)


def test_a_server_scores_as_we_do(served, ours):
    prompt, said = ours.encode("The pot is one coin each. " * 30), [ours.encode("bet"), ours.encode("check it now")]
    told = asyncio.run(served.score(prompt, said))
    for theirs, own in zip(told, ours.score_batch([prompt], [said])[0], strict=True):
        np.testing.assert_allclose(theirs, own, atol=1e-4)


def test_the_law_of_another_temperature_is_shown(served, ours):
    prompt = ours.chat([{"role": "user", "content": "Say a number."}])
    (one,) = [asyncio.run(served.generate(prompt, Sampling(temperature=0.5, max_new_tokens=8), seed=1))]
    plain = ours.score_batch([prompt], [[one.token_ids]])[0][0]
    assert np.abs(np.array(one.logprobs) - plain).max() > 0.05, "not that of temperature 1"


def test_games_that_a_server_played_are_learnt_from(served, ours):
    agents = {
        "player_0": WritingAgent(served, sampling=Sampling(max_new_tokens=8, decoding="free"), trainable=True),
        "player_1": registry.make_agent("random"),
    }
    matches = [Match(f"e{seed}", "sparring/KuhnPoker-v0", {seat: seat for seat in agents}, seed) for seed in range(4)]
    episodes = play(matches, agents)
    signals = [one for e in episodes for one in signals_of(e.trajectories["player_0"], advantage=1.0)]
    assert signals
    before = {name: value.clone() for name, value in ours.weights().items()}
    try:
        measured = Learner(ours, LearnerConfig(learning_rate=1e-6)).step(signals)
    finally:
        ours.sync(before, ours.weights_fingerprint[:12] or "again")
    assert measured["samples"] == len(signals)
    assert measured["sampler_mismatch"] < 1e-3, "exp of it is the ratio: near 1"


def test_a_server_plays_by_its_text_too(address):
    agent = registry.make_agent(f"openai:smollm2:url={address}:max_new_tokens=8")
    agents = {"player_0": agent, "player_1": registry.make_agent("random")}
    (episode,) = play([Match("e", "sparring/KuhnPoker-v0", {seat: seat for seat in agents}, seed=1)], agents)
    assert episode.status == "ok", episode.error


def test_a_chat_is_recorded_in_the_servers_own_tokens_and_learnt_from(address, ours):
    served = models.load(f"openai:smollm2:url={address}:token_ids=true")
    agent = TalkingAgent(served, sampling=Sampling(max_new_tokens=8, decoding="free"), trainable=True)
    match = Match("a", "sparring/Adventure-v0", {"player_0": "me"}, seed=1, max_steps=3)
    (episode,) = play([match], {"me": agent})
    assert episode.status == "truncated", episode.error
    trajectory = episode.trajectories["player_0"]
    for sample in samples(trajectory):
        tokens: list[int] = []
        for segment in sample.segments:
            if segment.kind == "generated":
                scores = ours.score_batch([tokens], [[segment.token_ids]])[0][0]
                np.testing.assert_allclose(segment.logprobs, scores, atol=1e-4)
            tokens += segment.token_ids
    for _, call in trajectory.calls:
        assert ours.decode(call.segments[-1].token_ids) == call.messages[-1].content
    assert signals_of(trajectory, advantage=1.0)
