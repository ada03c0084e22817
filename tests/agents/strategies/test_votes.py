"""Votes over sampled answers, aggregation of them, and critiques where a vote is close."""

import asyncio
import math
import random

import gymnasium
import pytest
from gymnasium import spaces

from sparring import registry
from sparring.agents.models.scripted import ScriptedModel
from sparring.agents.strategies.gsa import Gsa
from sparring.agents.strategies.self_check import SelfCheck
from sparring.agents.strategies.self_consistency import SelfConsistency
from sparring.agents.strategies.votes import candidates, certainty
from sparring.agents.talking.agent import TalkingAgent
from sparring.protocols import Completion, Seat
from sparring.registry import EnvironmentRow
from sparring.rollout.loop import Match, act_now, play, run_coroutine
from sparring.samples import samples
from sparring.types import Observation, Sampling

FREE = Sampling(max_new_tokens=4096, decoding="free")
DOORS = ("left", "right")


class Sampled(ScriptedModel):
    """Gives these answers one after another to the observation itself, and what `judge` says to everything else."""

    def __init__(self, answers, judge=lambda prompt: "[right]", logprobs=()):
        self.answers, self.judge, self.logprobs, self.asked = list(answers), judge, list(logprobs), []
        super().__init__(self._next)

    def _next(self, prompt, seed):
        self.asked.append(prompt)
        is_draft = not any(sign in prompt for sign in ("Check your", "You have answered"))
        return self.answers.pop(0) if is_draft else self.judge(prompt)

    def generate_batch(self, prompts, sampling, seeds):
        written = super().generate_batch(prompts, sampling, seeds)
        if not self.logprobs:
            return written
        return [
            Completion(one.token_ids, (self.logprobs.pop(0), *one.logprobs[1:]), one.stop_reason, one.weights_version)
            for one in written
        ]


def talking(model, kind="chat"):
    return TalkingAgent(model, kind=kind, sampling=FREE)


def answered(strategy, legal=DOORS, text="Two doors."):
    player = strategy.open(Seat("test/Doors-v0", "player_0", seed=1))
    return act_now(player, Observation((text,), legal))


def test_the_majority_of_the_samples_is_the_action():
    model = Sampled(["[left]", "[right]", "[right]", "[left]", "[right]"])
    reply = answered(SelfConsistency(talking(model), samples=5))
    assert reply.action == "right"
    assert [(one["answer"], one["calls"]) for one in reply.notes["votes"]] == [("right", [1, 2, 4]), ("left", [0, 3])]
    assert [call.purpose for call in reply.calls] == ["vote"] * 5


def test_a_tie_goes_to_the_higher_summed_log_probability():
    model = Sampled(["[left]", "[right]", "[left]", "[right]"], logprobs=[-1.0, -3.0, -4.0, -1.5])
    reply = answered(SelfConsistency(talking(model), samples=4))
    assert reply.action == "right", "-4.5 against -5"
    assert [one["logprob"] for one in reply.notes["votes"]] == [-4.5, -5.0]


def test_a_tie_without_log_probabilities_goes_to_the_first_answer():
    class Mute(Sampled):
        shows_logprobs = False

        def generate_batch(self, prompts, sampling, seeds):
            shown = super().generate_batch(prompts, sampling, seeds)
            return [Completion(one.token_ids, None, one.stop_reason, one.weights_version) for one in shown]

    reply = answered(SelfConsistency(talking(Mute(["[right]", "[left]"])), samples=2))
    assert reply.action == "right"
    assert [one["logprob"] for one in reply.notes["votes"]] == [None, None]


def test_free_answers_are_compared_by_their_value():
    reply = answered(SelfConsistency(talking(Sampled(["7", "12.50", "$12.5"])), samples=3), legal=None)
    assert reply.action == "12.50"


@pytest.mark.parametrize(("answers", "wanted"), [(["", " ", "7"], "7"), (["", ""], "")])
def test_an_empty_answer_counts_only_where_there_is_no_other(answers, wanted):
    model = Sampled(answers)
    assert answered(SelfConsistency(talking(model), samples=len(answers)), legal=None).action == wanted


def test_an_illegal_answer_has_no_vote_beside_a_legal_one():
    model = Sampled(["jump", "jump", "[left]"])
    assert answered(SelfConsistency(talking(model), samples=3)).action == "left"


def test_all_samples_are_shown_in_one_prompt_and_the_new_answer_is_the_action():
    model = Sampled(["[left]", "[left]", "[left]"], judge=lambda prompt: "[right]")
    reply = answered(Gsa(talking(model), samples=3))
    assert reply.action == "right", "no vote is taken"
    assert [call.purpose for call in reply.calls] == ["act", "act", "act", "aggregate"]
    shown = reply.calls[-1].messages[-2].content
    assert shown.startswith("Two doors.")
    assert [f"Answer {number}:\n[left]" in shown for number in (1, 2, 3, 4)] == [True, True, True, False]
    assert reply.calls[-1].continues is None


def test_the_majority_stands_where_the_aggregated_answer_is_illegal():
    model = Sampled(["[left]", "[right]", "[left]"], judge=lambda prompt: "")
    assert answered(Gsa(talking(model), samples=3)).action == "left"


def test_long_answers_are_cut_to_half_of_the_room_and_the_question_is_still_asked():
    model = Sampled(["A" * 4000 + str(n) for n in range(4)], judge=lambda prompt: "done")
    agent = TalkingAgent(model, kind="chat", sampling=FREE, context=6000)
    reply = answered(Gsa(agent, samples=4), legal=None)
    prompt = reply.calls[-1].messages[-2].content
    assert reply.action == "done"
    assert prompt.count("characters are left out") == 4
    assert len(prompt) < 3000 + 500
    assert prompt.endswith("Answer again, in the same form as before.")
    assert all(f"A{n}\n" in prompt for n in range(4)), "the ends of the answers are shown"


def test_certainty_is_the_log_ratio_of_the_first_two_votes():
    model = Sampled(["[left]"] * 3 + ["[right]"])
    strategy = SelfCheck(talking(model), samples=4, certainty=math.log(3))
    reply = answered(strategy)
    assert reply.notes["certainty"] == pytest.approx(math.log(3))
    assert [call.purpose for call in reply.calls] == ["vote"] * 4, "certain enough: nothing is critiqued"


def test_a_close_vote_is_checked_and_candidates_judged_wrong_are_dropped():
    model = Sampled(
        ["[left]", "[left]", "[right]"], judge=lambda p: "[wrong]" if "[left]" in last_said(p) else "[right]"
    )
    reply = answered(SelfCheck(talking(model), samples=3, certainty=1.0))
    assert reply.action == "right"
    assert [one["verdict"] for one in reply.notes["verdicts"]] == ["wrong", "right"]
    assert [(call.purpose, call.continues) for call in reply.calls[3:]] == [("critique", "0.0"), ("critique", "0.2")]


def last_said(prompt):
    """The model's own answer that a critique is about."""
    return prompt.split("<|assistant|>")[1]


@pytest.mark.parametrize("verdict", ["[wrong]", "[right]", "", "perhaps", "\x00\ud800"])
def test_a_critic_that_always_says_the_same_leaves_the_vote_as_it_is(verdict):
    model = Sampled(["[right]", "[left]", "[left]"], judge=lambda prompt: verdict)
    assert answered(SelfCheck(talking(model), samples=3)).action == "left"


def test_where_all_agree_nothing_is_checked():
    reply = answered(SelfCheck(talking(Sampled(["[left]"] * 3)), samples=3, certainty=9.0))
    assert (reply.notes["certainty"], len(reply.calls)) == (None, 3)


def test_candidates_and_certainty_of_one_answer():
    (one,) = candidates_of(["[left]", "[left]"])
    assert certainty([one]) == math.inf


def candidates_of(answers):
    notes = []

    class Kept(SelfConsistency):
        async def decide(self, asking):
            notes.extend(candidates(await asking.drafts(self.samples, "vote"), DOORS))
            return await super().decide(asking)

    answered(Kept(talking(Sampled([*answers, *answers])), samples=len(answers)))
    return notes


class Rooms(gymnasium.Env):
    """Four rooms with two doors each."""

    observation_space = action_space = spaces.Text(100)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at = 0
        return "Room 0.", {"legal_actions": DOORS}

    def step(self, action):
        self.at += 1
        return f"Room {self.at}.", 1.0, self.at == 4, False, {"legal_actions": DOORS}


def walked(strategy):
    with registry.envs.temporary(EnvironmentRow("test/Rooms-v0", Rooms)):
        (episode,) = play([Match("m", "test/Rooms-v0", {"player_0": "us"}, 3)], {"us": strategy})
    assert episode.error is None
    return episode.trajectories["player_0"]


def test_the_conversation_goes_on_behind_the_winning_sample():
    model = Sampled(["[left]", "[right]", "[right]"] * 4)
    walk = walked(SelfConsistency(talking(model), samples=3))
    assert [[call.continues for call in turn.calls] for turn in walk.turns[:3]] == [
        [None] * 3,
        ["0.1"] * 3,
        ["1.1"] * 3,
    ]
    assert len(samples(walk)) == 2 * 4 + 1
    assert "[right]" in model.asked[-1]
    assert "[left]" not in model.asked[-1].replace("[left], [right]", "")


def test_an_answer_that_was_no_draft_is_rendered_anew_in_the_next_turn():
    model = Sampled(["[left]", "[left]"] * 4, judge=lambda prompt: "[right]")
    walk = walked(Gsa(talking(model), samples=2))
    assert [turn.action for turn in walk.turns] == ["right"] * 4
    assert all(call.continues is None for _, call in walk.calls)
    roles = [(message.role, message.content) for message in walk.turns[1].calls[0].messages]
    assert [role for role, _ in roles] == ["system", "user", "assistant", "user", "assistant"]
    assert roles[2] == ("assistant", "[right]"), "the aggregated answer, not the draft"
    assert "You have answered" not in "".join(content for _, content in roles)


def test_a_vote_is_right_as_often_as_the_binomial_distribution_says():
    """A model that is right in 60 % of its answers, and a vote of 5 of them: right in 68.3 %."""

    def write(prompt, seed):
        return "[right]" if random.Random(seed).random() < 0.6 else "[left]"

    strategy = SelfConsistency(talking(ScriptedModel(write)), samples=5)
    seen = Observation(("Which door?",), DOORS)
    players = [strategy.open(Seat("test/Doors-v0", "player_0", seed=seed)) for seed in range(1000)]

    async def all_of_them():
        return await asyncio.gather(*(player.act(seen) for player in players))

    replies = run_coroutine(all_of_them())
    share = sum(reply.action == "right" for reply in replies) / len(replies)
    expected = sum(math.comb(5, wins) * 0.6**wins * 0.4 ** (5 - wins) for wins in (3, 4, 5))
    assert share == pytest.approx(expected, abs=3 * math.sqrt(expected * (1 - expected) / len(replies)))
    assert sum(call.messages[-1].content == "[right]" for reply in replies for call in reply.calls) < 3150
