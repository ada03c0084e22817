import asyncio
import math
import threading
from dataclasses import replace
from functools import partial

import gymnasium
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sparring import registry
from sparring.agents.code.code_act import CodeAct
from sparring.agents.code.tree_of_code import TreeOfCode
from sparring.agents.models.batching import Batched
from sparring.agents.models.transformers import TransformersModel
from sparring.agents.models.weights.reading import read_model
from sparring.agents.players import LanguageModelAgent, WritingAgent, make_player
from sparring.protocols import Completion, Seat
from sparring.rollout.loop import Match, act_now, play, run_coroutine
from sparring.types import Observation, Sampling

torch.set_num_threads(1)
MODEL = TransformersModel.from_loaded(read_model("nano", device="cpu", seed=5), "fp32")
SEEN = Observation(("Your card is K.",), ("check", "bet", "bet more"))


class Writer(Batched):
    """A language model that writes what it is told to, byte by byte."""

    name, weights_version = "writer", "1"
    tokenizer_fingerprint, weights_fingerprint, shows_logprobs = "bytes", "", True

    def __init__(self, text):
        self.text = text.encode("utf-8", "surrogatepass")

    def encode(self, text):
        return list(text.encode("utf-8", "surrogatepass"))

    def decode(self, token_ids):
        return bytes(token_ids).decode("utf-8", "replace")

    def chat(self, messages):
        return self.encode(messages[-1]["content"])

    def generate_batch(self, prompts, sampling, seeds):
        return [Completion(tuple(self.text), (-1.0,) * len(self.text), "eos", "1") for _ in prompts]

    def score_batch(self, prompts, continuations):
        return [[np.full(len(c), -1.0) for c in cs] for cs in continuations]


def replied(agent, seed=4):
    """What the agent answers to what it sees, with the randomness of a seed."""
    return act_now(agent.open(Seat("sparring/KuhnPoker-v0", "player_0", seed=seed)), SEEN)


def distribution(agent, seen=SEEN):
    return asyncio.run(agent.action_distribution(seen))


def test_the_action_distribution_is_the_models_own_renormalised_token_by_token():
    agent = LanguageModelAgent(MODEL)
    prompt = [*MODEL.chat(agent.template.messages(SEEN.text)), *MODEL.encode("[")]

    def after(written):
        with torch.no_grad():
            return MODEL.module(torch.tensor([prompt + MODEL.encode(written)])).logits[0, -1].double()

    c, b, space, end = (MODEL.encode(text)[0] for text in ("check", "bet", " more", "]"))
    first, second = after(""), after("bet")
    bet = torch.softmax(first[[c, b]], 0)[1]
    more = torch.softmax(second[[space, end]], 0)[0]
    expected = {"check": 1 - bet, "bet": bet * (1 - more), "bet more": bet * more}
    assert distribution(agent) == pytest.approx({action: float(p) for action, p in expected.items()}, abs=1e-6)


def test_sampled_actions_follow_the_distribution():
    agent = LanguageModelAgent(MODEL)
    expected = distribution(agent)
    drawn = [replied(agent, seed).action for seed in range(300)]
    for action, probability in expected.items():
        spread = math.sqrt(probability * (1 - probability) / len(drawn))
        assert abs(drawn.count(action) / len(drawn) - probability) < 5 * spread + 1e-9


def test_the_recorded_log_probabilities_are_those_of_the_action():
    agent = LanguageModelAgent(MODEL)
    reply = replied(agent)
    generated = reply.calls[0].segments[-1]
    assert MODEL.decode(generated.token_ids) == reply.action + "]"
    assert sum(generated.logprobs) == pytest.approx(math.log(distribution(agent)[reply.action]), abs=1e-9)
    assert all(token in allowed for token, allowed in zip(generated.token_ids, generated.allowed, strict=True))


def test_segments_are_what_the_model_saw():
    reply = replied(LanguageModelAgent(MODEL))
    kinds = [segment.kind for segment in reply.calls[0].segments]
    ids = [token for segment in reply.calls[0].segments[:2] for token in segment.token_ids]
    assert kinds == ["prompt", "scaffold", "generated"]
    assert ids == MODEL.chat([{"role": "user", "content": SEEN.text}]) + MODEL.encode("[")


def test_equal_seeds_give_equal_replies_whatever_the_batch():
    agent = LanguageModelAgent(MODEL)

    async def together():
        seats = [Seat("sparring/KuhnPoker-v0", "player_0", seed=seed) for seed in range(20)]
        return await asyncio.gather(*(agent.open(seat).act(SEEN) for seat in seats))

    assert asyncio.run(together())[4] == replied(agent)


def test_a_lower_temperature_sharpens_the_distribution():
    two = replace(SEEN, legal_actions=("check", "bet"))
    warm = distribution(LanguageModelAgent(MODEL), two)
    cold = distribution(LanguageModelAgent(MODEL, sampling=Sampling(temperature=0.1)), two)
    best = max(warm, key=warm.get)
    assert cold[best] > warm[best]
    assert sum(cold.values()) == pytest.approx(1.0)


def test_free_writing_is_parsed():
    agent = make_player(Writer("I would say [bet]!"), prompt="bracket", sampling=Sampling(decoding="free"))
    reply = replied(agent)
    assert reply.action == "bet"
    assert reply.calls[0].segments[-1].allowed is None
    assert reply.calls[0].stop_reason == "eos"


@given(st.text(max_size=200))
def test_whatever_a_model_writes_is_at_worst_an_illegal_action(text):
    (episode,) = play_free(text)
    assert episode.status == "ok"
    assert [turn.legal for _, turn in episode.turns].count(False) <= 1


@pytest.mark.parametrize("text", ["", "x" * 1_000_000, "\x00\x01\xff", "我下注", "[bet] or [check]", "]]]][[[["])
def test_garbage_is_an_illegal_action_counted_apart_from_skill(text):
    (episode,) = play_free(text)
    (turn,) = episode.trajectories["player_0"].turns
    assert not turn.legal
    assert episode.trajectories["player_0"].reward_parts == {"payoff": 0.0, "forfeit": -2.0}
    assert episode.trajectories["player_1"].reward_parts == {"payoff": 0.0, "forfeit": 2.0}


def play_free(text):
    agent = WritingAgent(Writer(text))
    return play(
        [Match("m", "sparring/KuhnPoker-v0", {"player_0": "player_0", "player_1": "player_1"}, 1)],
        {"player_0": agent, "player_1": agent},
    )


def test_a_distribution_needs_legal_actions():
    with pytest.raises(ValueError, match="lists no legal actions"):
        distribution(LanguageModelAgent(MODEL), Observation(("Offer.",)))


def test_a_prompt_that_does_not_fit_costs_its_own_question():
    prompts = [MODEL.encode("x" * length) for length in (20, 2397, 30, 2048)]

    async def ask(question):
        return await asyncio.gather(*map(question, prompts), return_exceptions=True)

    free = asyncio.run(ask(lambda prompt: MODEL.generate(prompt, Sampling(max_new_tokens=4), seed=1)))
    scores = asyncio.run(ask(lambda prompt: MODEL.score(prompt, [[1, 2], [3]])))
    assert str(free[1]) == "the prompt has 2397 tokens and up to 4 follow, the context of nano is 2048"
    assert str(scores[3]) == "the prompt has 2048 tokens and up to 2 follow, the context of nano is 2048"
    for answers in (free, scores):
        assert [isinstance(answer, ValueError) for answer in answers] == [False, True, False, True]
    alone = MODEL.generate_batch([prompts[2]], Sampling(max_new_tokens=4), [1])[0]
    assert free[2].token_ids == alone.token_ids
    assert free[2].logprobs == pytest.approx(alone.logprobs, abs=1e-5)
    np.testing.assert_allclose(scores[0][0], MODEL.score_batch([prompts[0]], [[[1, 2]]])[0][0], atol=1e-5)


@pytest.mark.parametrize("decoding", ["legal", "free"])
def test_an_episode_whose_prompt_does_not_fit_fails_alone(decoding):
    sampling = Sampling(max_new_tokens=4, decoding=decoding)
    short = make_player(MODEL, prompt="bracket", sampling=sampling)
    long = make_player(MODEL, prompt="bracket", sampling=sampling)
    long.template = replace(long.template, instruction="{observation}" + "x" * 2400)
    matches = [
        Match(str(i), "sparring/KuhnPoker-v0", {"player_0": "long" if i == 3 else "short", "player_1": "short"}, seed=i)
        for i in range(6)
    ]
    episodes = play(matches, {"long": long, "short": short})
    assert [episode.status for episode in episodes] == ["ok"] * 3 + ["agent_error"] + ["ok"] * 2
    assert "the context of nano is 2048" in episodes[3].error


class Fragile(Writer):
    """Fails as a whole where one of its prompts is bad, and does not say which."""

    def generate_batch(self, prompts, sampling, seeds):
        if self.encode("bad") in prompts:
            raise RuntimeError("no")
        return super().generate_batch(prompts, sampling, seeds)


def test_a_call_that_fails_as_a_whole_is_asked_again_one_by_one():
    model = Fragile("[bet]")

    async def together():
        asked = (model.generate(model.encode(text), Sampling(), 0) for text in ("a", "bad", "b"))
        return await asyncio.gather(*asked, return_exceptions=True)

    first, bad, last = asyncio.run(together())
    assert model.decode(first.token_ids) == model.decode(last.token_ids) == "[bet]"
    assert isinstance(bad, RuntimeError)


@pytest.mark.parametrize(
    ("sampling", "message"),
    [
        (Sampling(temperature=0), "temperature must be > 0 and finite, got 0"),
        (Sampling(temperature=-1), "temperature must be > 0 and finite, got -1"),
        (Sampling(temperature=math.nan, decoding="free"), "temperature must be > 0 and finite, got nan"),
        (Sampling(top_p=0), "top_p must be > 0 and <= 1, got 0"),
        (Sampling(top_p=1.5), "top_p must be > 0 and <= 1, got 1.5"),
        (Sampling(max_new_tokens=0, decoding="free"), "max_new_tokens must be >= 1, got 0"),
        (Sampling(max_new_tokens=-3), "max_new_tokens must be >= 1, got -3"),
    ],
)
@pytest.mark.parametrize("agent", [partial(make_player, prompt="bracket"), CodeAct, TreeOfCode])
def test_sampling_that_cannot_work_is_refused_when_an_agent_is_made(agent, sampling, message):
    with pytest.raises(ValueError, match=message):
        agent(MODEL, sampling=sampling)


def test_a_player_that_writes_freely_shows_no_distribution_over_legal_actions():
    writer = make_player(MODEL, prompt="bracket", sampling=Sampling(decoding="free"))
    chooser = make_player(MODEL, prompt="bracket", sampling=Sampling(decoding="legal"))
    assert not hasattr(writer, "action_distribution")
    assert distribution(chooser) == distribution(LanguageModelAgent(MODEL))
    with pytest.raises(ValueError, match=r"sampling\.decoding must be 'legal', got 'free'"):
        LanguageModelAgent(MODEL, sampling=Sampling(decoding="free"))


def test_a_registered_model_takes_the_sampling_it_is_to_play_with():
    warm = registry.agents.make("nano", device="cpu", temperature=0.2, max_new_tokens=7)
    assert warm.sampling == Sampling(temperature=0.2, max_new_tokens=7)
    assert not hasattr(registry.agents.make("nano", device="cpu", decoding="free"), "action_distribution")


def finished_within(seconds, ask):
    """What `ask` gives, asked in a thread that may hang."""
    answer = []
    thread = threading.Thread(target=lambda: answer.append(ask()), daemon=True)
    thread.start()
    thread.join(seconds)
    assert answer, f"no answer within {seconds} s"
    return answer[0]


def test_a_model_can_be_asked_from_inside_a_running_loop():
    agent = LanguageModelAgent(MODEL)

    async def notebook_cell():
        return replied(agent)

    assert finished_within(20, lambda: asyncio.run(notebook_cell())) == replied(agent)


def test_a_model_opponent_answers_in_a_notebook():
    async def notebook_cell():
        opponent = LanguageModelAgent(MODEL)
        env = gymnasium.make("sparring.envs:sparring/KuhnPoker-v0", opponent=opponent, seat="player_1")
        return env.reset(seed=0)[0]

    assert "You act second" in finished_within(20, lambda: asyncio.run(notebook_cell()))


def test_two_event_loops_ask_one_model_and_neither_waits_for_the_other():
    agent, other = LanguageModelAgent(MODEL), replace(SEEN, content=("Your card is Q.",))

    async def notebook_cell():
        in_the_background = asyncio.ensure_future(agent.action_distribution(other))
        await asyncio.sleep(0)  # it has asked, and this loop stands still before it is answered
        return run_coroutine(agent.action_distribution(SEEN)), await in_the_background

    answers = finished_within(20, lambda: asyncio.run(notebook_cell()))
    assert answers == (distribution(LanguageModelAgent(MODEL)), distribution(LanguageModelAgent(MODEL), other))


@pytest.mark.parametrize("prompt", ["bracket", "boxed", "plain"])
def test_where_no_action_is_listed_the_whole_answer_may_be_the_action(prompt):
    program = "<execute>\nprint([1, 2][0])\nprint([3])\n</execute>"
    agent = WritingAgent(Writer(program), prompt=prompt)
    reply = asyncio.run(agent.reply(Observation(("Write a program.",)), 0))
    assert reply.action == program
    assert "two-player" not in reply.calls[0].messages[0].content
    listed = asyncio.run(agent.reply(Observation(("Act.",), ("bet",)), 0))
    assert listed.action == {"bracket": "", "boxed": "", "plain": program}[prompt]


def test_a_boxed_answer_is_read_where_no_action_is_listed():
    agent = WritingAgent(Writer("I think \\boxed{42}"), prompt="boxed")
    assert asyncio.run(agent.reply(Observation(("What is 6 * 7?",)), 0)).action == "42"
