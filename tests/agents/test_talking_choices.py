"""Think, then choose: a free thought and an exact choice among the legal actions, recorded and trained on as one."""

import asyncio

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces

from sparring import registry
from sparring.agents import make
from sparring.agents.choices import choose, options_of
from sparring.agents.models.scripted import ScriptedModel
from sparring.agents.models.transformers import TransformersModel
from sparring.agents.models.weights.reading import read_model
from sparring.agents.talking.agent import TalkingAgent, talking_player
from sparring.protocols import Completion, Seat
from sparring.registry import EnvironmentRow
from sparring.rollout.loop import Match, act_now, play
from sparring.samples import samples
from sparring.trainers.batch import signals_of
from sparring.trainers.learner import Learner, LearnerConfig
from sparring.types import Observation, Sampling

torch.set_num_threads(1)
TTT = "sparring/TicTacToe-v0"


class Watched(TransformersModel):
    """A model that remembers every prompt that it computed with."""

    async def generate(self, prompt, sampling, seed):
        self.seen = [*getattr(self, "seen", []), tuple(prompt)]
        return await super().generate(prompt, sampling, seed)

    async def score(self, prompt, continuations):
        self.scored = [*getattr(self, "scored", []), tuple(prompt)]
        return await super().score(prompt, continuations)


class Dictated(Watched):
    """One that is made to write this and then to end its answer, with the log-probabilities that it gives to it."""

    text = ""

    async def generate(self, prompt, sampling, seed):
        self.seen = [*getattr(self, "seen", []), tuple(prompt)]
        ids = (*self.encode(self.text), 256)
        (scores,) = await TransformersModel.score(self, prompt, [ids])
        return Completion(ids, tuple(map(float, scores)), "eos", self.weights_version)


def nano(seed, kind=Watched):
    return kind.from_loaded(read_model("nano", device="cpu", seed=seed), "fp32")


class Rooms(gymnasium.Env):
    """Five rooms with two doors each."""

    observation_space = action_space = spaces.Text(100)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at = 0
        return "Room 0.", {"legal_actions": ("left", "right")}

    def step(self, action):
        self.at += 1
        return f"Room {self.at}.", 1.0, self.at == 5, False, {"legal_actions": ("left", "right")}


class Scored(ScriptedModel):
    """Writes what it is told to, and finds all actions equally likely by the token."""

    def score_batch(self, prompts, continuations):
        return [[np.full(len(one), -1.0) for one in each] for each in continuations]

    async def score(self, prompt, continuations):
        return self.score_batch([prompt], [continuations])[0]


def shown_before(trajectory):
    """What the model saw before each answer, by the record."""
    tokens = ()
    for _, call in trajectory.calls:
        tokens = (*(tokens if call.continues else ()), *call.segments[0].token_ids)
        yield tokens
        tokens += tuple(token for segment in call.segments[1:] for token in segment.token_ids)


def plain_logprobs(model, tokens):
    with torch.no_grad():
        return model.module(torch.tensor([tokens])).logits[0].double()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["chat", "react"])
def test_fifty_games_of_legal_decoding_have_no_illegal_action(kind):
    agent = TalkingAgent(nano(3), kind=kind, sampling=Sampling(max_new_tokens=10, decoding="legal"))
    matches = [Match(str(n), TTT, {"player_0": "us", "player_1": "us"}, n) for n in range(50)]
    turns = [turn for episode in play(matches, {"us": agent}) for _, turn in episode.turns]
    assert len(turns) > 250
    assert [turn for turn in turns if not turn.legal] == []
    assert len({turn.action for turn in turns}) == 9


def require_recorded_as_computed(model, trajectory, temperature):
    """The record of one sample against one plain forward pass; how many tokens were free, and how many were chosen."""
    (sample,) = samples(trajectory)
    tokens = [token for segment in sample.segments for token in segment.token_ids]
    logits = plain_logprobs(model, tokens) / temperature
    place, checked = 0, {"free": 0, "among": 0}
    for segment in sample.segments:
        for offset, token in enumerate(segment.token_ids):
            if segment.kind == "generated":
                here = logits[place - 1]
                among = torch.arange(len(here)) if segment.allowed is None else torch.tensor(segment.allowed[offset])
                expected = here[token] - here[among].logsumexp(0)
                assert segment.logprobs[offset] == pytest.approx(float(expected), abs=1e-4)
                checked["free" if segment.allowed is None else "among"] += 1
            place += 1
    assert list(shown_before(trajectory)) == model.seen
    return tokens, checked


def played(agent):
    matches = [Match("m", TTT, {"player_0": "us", "player_1": "random"}, 2)]
    (episode,) = play(matches, {"us": agent, "random": make("random")})
    return episode.trajectories["player_0"]


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_thought_and_choice_are_recorded_as_a_plain_forward_pass_computes_them(temperature):
    model = nano(7)
    sampling = Sampling(temperature, max_new_tokens=10, decoding="legal")
    trajectory = played(TalkingAgent(model, kind="react", sampling=sampling, trainable=True))
    tokens, checked = require_recorded_as_computed(model, trajectory, temperature)
    assert checked["free"] >= 10
    assert checked["among"] >= 3
    assert all(tokens[: len(prompt)] == list(prompt) for prompt in model.scored)


@pytest.mark.parametrize(("text", "thought"), [("Thought: hm.\nAction: and more", "hm."), ("I stop", "I stop")])
def test_a_thought_that_is_cut_keeps_the_log_probabilities_of_what_is_left(text, thought):
    model = nano(7, Dictated)
    model.text = text
    sampling = Sampling(max_new_tokens=40, decoding="legal")
    trajectory = played(TalkingAgent(model, kind="react", sampling=sampling, trainable=True))
    _, checked = require_recorded_as_computed(model, trajectory, 1.0)
    kept = text.removesuffix(" and more")
    assert checked["free"] == len(model.encode(kept)) * len(trajectory.turns)
    assert {turn.notes["thought"] for turn in trajectory.turns} == {thought}


def test_actions_are_drawn_as_often_as_their_recorded_log_probabilities_say():
    model, counts, logprobs = nano(7), dict.fromkeys(("check", "bet", "bet more"), 0), {}
    options, prompt = options_of(model, tuple(counts)), model.encode("Action: [")

    async def draw():
        for n in range(200):
            option, among = await choose(model, prompt, options, 0.8, n / 200)
            counts[option.action] += 1
            logprobs[option.action] = among

    asyncio.run(draw())
    for action, among in logprobs.items():
        assert counts[action] / 200 == pytest.approx(float(np.exp(sum(among))), abs=0.011)


def test_the_thought_ends_where_the_model_writes_action_and_what_follows_is_not_kept():
    queue = ["Thought: why not.\nAction: something long", "x" * 50, ""]
    model = Scored(lambda prompt, seed: queue.pop(0))
    agent = TalkingAgent(model, kind="react", sampling=Sampling(max_new_tokens=40, decoding="legal"))
    player = agent.open(Seat("env", "player_0"))
    told, cut, silent = (act_now(player, Observation(("?",), ("left", "right"), turn=turn)) for turn in range(3))
    assert told.calls[0].messages[-1].content == f"Thought: why not.\nAction: [{told.action}]"
    assert told.notes["thought"] == "why not."
    assert cut.calls[0].messages[-1].content == f"{'x' * 40}\nAction: [{cut.action}]"
    assert silent.calls[0].messages[-1].content == f"Action: [{silent.action}]"
    kinds = [[segment.kind for segment in reply.calls[0].segments] for reply in (told, silent)]
    assert kinds == [
        ["prompt", "generated", "scaffold", "generated", "scaffold"],
        ["prompt", "scaffold", "generated", "scaffold"],
    ]


@pytest.mark.parametrize("kind", ["chat", "react"])
@pytest.mark.parametrize("decoding", ["free", "legal"])
def test_a_learner_takes_a_step_on_an_episode_of_several_turns(kind, decoding):
    model = nano(9)
    sampling = Sampling(max_new_tokens=8, decoding=decoding)
    agent = talking_player(model, kind=kind, sampling=sampling, name="learner", trainable=True)
    with registry.envs.temporary(EnvironmentRow("test/Rooms-v0", Rooms)):
        (episode,) = play([Match("m", "test/Rooms-v0", {"player_0": "us"}, 1)], {"us": agent})
    trajectory = episode.trajectories["player_0"]
    (signal,) = signals_of(trajectory, [1.0, -1.0, 0.5, 2.0, -0.5], game="Rooms", spellings=lambda actions: [
        option.token_ids for option in options_of(model, actions)
    ])  # fmt: skip
    free = sum(allowed is None for allowed in signal.allowed)
    assert (free > 0) == (decoding == "free" or kind == "react")
    assert (len(signal.allowed) > free) == (decoding == "legal")
    before = {name: value.clone() for name, value in model.weights().items()}
    measured = Learner(model, LearnerConfig(learning_rate=1e-3, length=8)).step([signal], magnet=0.1)
    assert measured["sampler_mismatch"] < 1e-3
    assert measured["skipped_steps"] == 0
    assert any(not torch.equal(before[name], value) for name, value in model.weights().items())
