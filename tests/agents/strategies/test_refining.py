"""Answers, explanations and tasks that are critiqued and written again."""

import pytest

from sparring.agents.models.scripted import ScriptedModel
from sparring.agents.strategies.cycleprompt import CyclePrompt
from sparring.agents.strategies.self_refine import SelfRefine
from sparring.agents.strategies.sr_nle import SrNle
from sparring.agents.talking.agent import TalkingAgent
from sparring.protocols import Seat
from sparring.rollout.loop import act_now
from sparring.types import Observation, Sampling

FREE = Sampling(max_new_tokens=4096, decoding="free")


class Script(ScriptedModel):
    """Says these things in turn, whatever it is asked."""

    def __init__(self, *said):
        self.said, self.asked = list(said), []
        super().__init__(self._next)

    def _next(self, prompt, seed):
        self.asked.append(prompt)
        return self.said.pop(0)


def answered(kind, model, legal=None, text="What is 2 + 3?", **options):
    agent = TalkingAgent(model, kind="chat", sampling=FREE, context=options.pop("context", None))
    strategy = kind(agent, **options)
    return act_now(strategy.open(Seat("test/Asks-v0", "player_0", seed=1)), Observation((text,), legal))


def steps(reply):
    return [(call.purpose, call.continues) for call in reply.calls]


def test_a_content_critique_ends_the_refinement():
    reply = answered(SelfRefine, Script("5", "2 + 3 is 5. [right]"), rounds=3)
    assert reply.action == "5"
    assert steps(reply) == [("act", None), ("critique", "0.0")]
    assert reply.notes == {"rounds": 1, "verdicts": [{"call": 1, "verdict": "right"}], "verdict": ["right"]}


def test_answer_critique_and_new_answer_are_one_conversation():
    model = Script("6", "It is one too many. [wrong]", "5", "Now it is right. [right]")
    reply = answered(SelfRefine, model, rounds=3)
    assert reply.action == "5"
    assert steps(reply) == [("act", None), ("critique", "0.0"), ("refine", "0.1"), ("critique", "0.2")]
    assert "It is one too many. [wrong]" in model.asked[2]


@pytest.mark.parametrize("rounds", [0, 1, 3])
def test_a_critic_who_is_never_content_costs_so_many_rounds(rounds):
    reply = answered(SelfRefine, Script("0", *["[wrong]", "1"] * rounds), rounds=rounds)
    assert len(reply.calls) == 1 + 2 * rounds
    assert reply.action == ("1" if rounds else "0")


@pytest.mark.parametrize("said", ["", "It may be right or wrong.", "[perhaps]"])
def test_a_critique_without_a_verdict_asks_for_a_change(said):
    reply = answered(SelfRefine, Script("6", said, "5"))
    assert (reply.action, reply.notes["verdicts"][0]["verdict"]) == ("5", None)


@pytest.mark.parametrize("refined", ["", "   ", "jump"])
def test_an_empty_or_illegal_answer_replaces_no_legal_one(refined):
    reply = answered(SelfRefine, Script("[left]", "[wrong]", refined), legal=("left", "right"))
    assert reply.action == "left"


def test_a_follow_up_that_does_not_fit_is_asked_anew_and_cut():
    model = Script("a" * 1500, "[wrong]", "short")
    reply = answered(SelfRefine, model, text="What? " + "z" * 1500, context=2000)
    assert reply.action == "short"
    assert steps(reply)[1] == ("critique", None), "it continues nothing"
    asked = reply.calls[1].messages[1].content
    assert len(asked.encode()) < 2000
    assert "characters are left out" in asked
    assert asked.endswith("or [wrong] if it must be changed.")


def test_an_explanation_is_refined_until_the_critique_is_content_and_then_answered_from():
    model = Script("5", "I guessed.", "Nothing decided it. [wrong]", "Because 2 + 3 = 5.", "[right]", "five")
    reply = answered(SrNle, model, rounds=3)
    assert reply.action == "five"
    assert steps(reply) == [
        ("act", None),
        ("explain", "0.0"),
        ("critique", "0.1"),
        ("refine", "0.2"),
        ("critique", "0.3"),
        ("act", None),
    ]
    last = reply.calls[-1].messages[1].content
    assert "Because 2 + 3 = 5." in last
    assert "I guessed." not in last
    assert (reply.notes["faithful"], reply.notes["rounds"]) == (False, 2)


def test_an_explanation_that_leads_to_the_same_answer_is_faithful():
    reply = answered(SrNle, Script("5", "Because.", "[right]", "5.0"))
    assert (reply.action, reply.notes["faithful"]) == ("5.0", True)


def test_an_empty_answer_from_an_explanation_is_not_faithful_and_the_first_answer_stands():
    reply = answered(SrNle, Script("5", "", "[right]", ""))
    assert (reply.action, reply.notes["faithful"]) == ("5", False)


def test_a_task_that_can_be_read_from_the_answer_ends_the_cycle():
    model = Script("The sum of 2 and 3 is 5", "What is the sum of 2 and 3?", "Both ask for it. [right]")
    reply = answered(CyclePrompt, model, rounds=3)
    assert reply.action == "The sum of 2 and 3 is 5"
    assert steps(reply) == [("act", None), ("back", None), ("critique", None)]
    assert reply.notes["consistent"] is True


def test_the_backward_map_sees_the_answer_and_not_the_task():
    model = Script("five", "a task", "[right]")
    answered(CyclePrompt, model)
    assert "five" in model.asked[1]
    assert "2 + 3" not in model.asked[1]
    assert "2 + 3" in model.asked[2]
    assert "a task" in model.asked[2]


def test_what_differs_is_the_hint_for_the_next_answer():
    model = Script("6", "What is 3 + 3?", "The first number differs. [wrong]", "5", "What is 2 + 3?", "[right]")
    reply = answered(CyclePrompt, model, rounds=2)
    assert reply.action == "5"
    assert [purpose for purpose, _ in steps(reply)] == ["act", "back", "critique", "refine", "back", "critique"]
    assert "The first number differs." in model.asked[3]
    assert reply.notes["rounds"] == 2


def test_a_cycle_that_never_closes_says_so():
    reply = answered(CyclePrompt, Script(*["x", "y", "[wrong]"] * 2, "last"), rounds=2)
    assert (reply.action, reply.notes["consistent"]) == ("last", False)
