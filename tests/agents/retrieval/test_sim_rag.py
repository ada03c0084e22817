"""sim-rag and its baselines: who is asked what, when a query is written, and SIM-RAG's defects, each put back once."""

import json
from dataclasses import dataclass, field

import numpy as np
import pytest

from sparring import registry
from sparring.agents.models.batching import Batched
from sparring.agents.models.scripted import ScriptedModel
from sparring.agents.retrieval.critic import Case, FixedRounds, Read, Round, critics
from sparring.agents.retrieval.prompts import read_answer, read_query, read_verdict
from sparring.agents.retrieval.sim_rag import SimRag, SimRagPlayer
from sparring.agents.retrieval.talkers import SEARCH_R1
from sparring.agents.talking.agent import TalkingAgent
from sparring.answers.search_actions import STYLES, parse
from sparring.envs.retrieval.search import Search
from sparring.envs.retrieval.types import Hit, Passage, Question
from sparring.rollout.loop import Match, play

ENV = "test/Search-v0"
PASSAGES = (
    Passage("p1", "Tarn", "Tarn is the capital of Ostrel."),
    Passage("p2", "Ostrel", "Ostrel pays with the mira."),
    Passage("p3", "Lunde", "Lunde lies far away."),
)


class NeedsBoth:
    strength = "supports"

    def holds(self, passages):
        return {"p1", "p2"} <= {passage.id for passage in passages}


class Small:
    name, passages = "small", PASSAGES

    def question(self, split, number):
        text = "With what does the country whose capital is Tarn pay?"
        return Question(f"q{number}", text, ("mira",), "chain", 2, NeedsBoth(), ("p1", "p2"), ("Tarn", "Ostrel"))


@dataclass
class ByTitle:
    fingerprint: str = "by title"
    asked: list = field(default_factory=list)

    def search(self, queries, k):
        self.asked += queries
        return [[Hit(one, 1.0) for one in PASSAGES if one.title in query][:k] for query in queries]


@pytest.fixture
def retriever():
    """What test/Search-v0 searches with."""
    used = ByTitle()

    def build(**options):
        return Search(world=Small(), retriever=used, **options)

    with registry.envs.temporary(registry.EnvironmentRow(ENV, build, family="retrieval")):
        yield used


class Model(ScriptedModel):
    """Reads the context as a good reader would; is sure of its own answers where it saw the word mira."""

    def __init__(self, unsure="dollar"):
        super().__init__(self.reply)
        self.unsure, self.prompts = unsure, []

    def reply(self, prompt, seed):
        self.prompts.append(prompt)
        if "Write one line" in prompt:
            return "Query: Ostrel" if "capital of Ostrel" in prompt else "Query: Tarn"
        return f"Answer: {'mira' if 'the mira' in prompt else self.unsure}\nRationale: it says so"

    score = Batched.score

    def score_batch(self, prompts, continuations):
        sure = ["Answer: mira" in bytes(token for token in prompt if token < 256).decode() for prompt in prompts]
        return [[np.array([np.log(p)]) for p in ((0.9, 0.1) if one else (0.2, 0.8))] for one in sure]


def episode(agent, options=None, seed=0, **more):
    (found,) = play([Match("m", ENV, {"player_0": "agent"}, seed, options or {}, **more)], {"agent": agent})
    assert found.status != "agent_error", found.error
    return found


def turns(found):
    return found.trajectories["player_0"].turns


def purposes(found):
    return [[call.purpose for call in turn.calls] for turn in turns(found)]


def kinds(found, style="tags"):
    return [parse(style, turn.action).kind for turn in turns(found)]


@pytest.mark.parametrize("style", STYLES)
def test_it_answers_is_judged_and_searches_until_the_answer_may_stand(retriever, style):
    found = episode(SimRag(Model()), {"style": style})
    assert kinds(found, style) == ["search", "search", "answer"]
    assert retriever.asked == ["Tarn", "Ostrel"]
    assert purposes(found) == [["answer", "critic", "query"], ["answer", "critic", "query"], ["answer", "critic"]]
    assert found.trajectories["player_0"].reward == pytest.approx(1 - 2 * 0.05)
    assert [turn.notes["verdict"] for turn in turns(found)] == pytest.approx([0.2, 0.2, 0.9])
    assert [turn.notes["accepted"] for turn in turns(found)] == [False, False, True]


def test_the_context_has_every_round_with_its_query_and_its_passages(retriever):
    model = Model()
    episode(SimRag(model))
    last = next(prompt for prompt in reversed(model.prompts) if "exactly two lines" in prompt)
    assert (
        "Query: Tarn\nRetrieved Document: Title: Tarn Content: Tarn is the capital of Ostrel.\n"
        "Query: Ostrel\nRetrieved Document: Title: Ostrel Content: Ostrel pays with the mira.\n"
    ) in last


# The defects of the release (shared/facts: 1.3), each put back.


class WritesQueriesForAcceptedAnswers(SimRagPlayer):
    """Defect 2: the query is written, and searched for, before anybody looks at the verdict."""

    async def act(self, observation):
        reply = await super().act(observation)
        if not reply.notes["accepted"]:
            return reply
        _, call = await self._agent.write("Write one line", 0, "query")
        return type(reply)(reply.action, (*reply.calls, call), reply.notes)


def wasted_queries(found):
    return sum(sum(call.purpose == "query" for call in turn.calls) for turn in turns(found)) - kinds(found).count(
        "search"
    )


def test_no_query_is_written_for_an_answer_that_was_accepted(retriever):
    agent = SimRag(Model())
    assert wasted_queries(episode(agent)) == 0
    assert len(retriever.asked) == 2
    agent.open = lambda seat: WritesQueriesForAcceptedAnswers(agent, seat)
    assert wasted_queries(episode(agent)) == 1


class ListsShiftWhenAQuestionIsDone(Search):
    """Defect 1: what was seen is kept by position in a list that other questions share."""

    def reset(self, **options):
        seen = self._rounds.found if self._rounds else {}
        result = super().reset(**options)
        self._rounds.found = seen
        return result


def first_results(build):
    """What two questions one after another are shown for the same query."""
    env = build(world=Small(), retriever=ByTitle(), drop_seen=True)
    shown = []
    for seed in (0, 2):
        env.reset(seed=seed)
        shown.append([one["id"] for one in env.step("<search>Tarn</search>")[4]["passages"]])
    return shown


def test_the_passages_that_one_question_saw_are_not_withheld_from_another():
    assert first_results(Search) == [["p1"], ["p1"]]
    assert first_results(ListsShiftWhenAQuestionIsDone) == [["p1"], []]


def test_a_question_sees_its_own_passages_whichever_others_are_done_before_it(retriever):
    matches = [Match(f"m{seed}", ENV, {"player_0": "agent"}, seed, {"drop_seen": True}) for seed in range(6)]
    found = play(matches, {"agent": SimRag(Model())})
    assert {tuple(kinds(one)) for one in found} == {("search", "search", "answer")}


def test_a_critic_refuses_more_rounds_than_it_was_trained_on(retriever):
    """Defect 4: the release trains on 3 to 4 answers a question and runs 5."""
    agent = SimRag(Model(), critic=FixedRounds(1, max_rounds=3))
    assert episode(agent, {"max_rounds": 3}).status == "ok"
    match = Match("m", ENV, {"player_0": "agent"}, 0, {"max_rounds": 5})
    (found,) = play([match], {"agent": agent})
    assert found.status == "agent_error"
    assert "trained on at most 3 rounds, and this environment allows 5: set max_rounds=3" in found.error
    unaware = SimRag(Model(), critic=FixedRounds(9))  # the defect: a critic that does not say what it was trained on
    assert len(turns(episode(unaware, {"max_rounds": 5}))) > 4


# The stop rule.


@dataclass
class Says:
    probability: float
    threshold, surrender = 0.5, 0.0
    max_rounds: int = 9
    cases: list = field(default_factory=list)

    async def verdict(self, case):
        self.cases.append(case)
        return self.probability


@pytest.mark.parametrize(
    ("threshold", "abstain", "expected"),
    [
        (0.7, 0.0, ["answer"]),
        (0.71, 0.0, ["search", "search", "answer"]),  # SIM-RAG: the last answer is given whatever the critic says
        (0.71, 0.7, ["search", "search", "answer"]),
        (0.71, 0.71, ["search", "search", "give_up"]),
    ],
)
def test_the_threshold_accepts_and_the_last_answer_is_given_or_given_up(retriever, threshold, abstain, expected):
    critic = Says(0.7)
    found = episode(SimRag(Model(), critic=critic, threshold=threshold, abstain=abstain), {"max_rounds": 2})
    assert kinds(found) == expected
    assert all("critic" not in one for one in purposes(found))
    assert critic.cases[0] == Case(critic.cases[0].question, (), "dollar", "it says so")


def test_an_unsure_answer_is_never_accepted_and_given_up_at_the_end(retriever):
    found = episode(SimRag(Model(unsure="Unsure."), critic=Says(1.0)), {"max_rounds": 1})
    assert kinds(found) == ["search", "give_up"]


@pytest.mark.parametrize(("k", "searches"), [(0, 0), (1, 1), (3, 3), (9, 4)])
def test_a_fixed_number_of_rounds_is_kept(retriever, k, searches):
    found = episode(SimRag(Model(), critic=FixedRounds(k)), {"max_rounds": 4})
    assert kinds(found) == ["search"] * searches + ["answer"]


@pytest.mark.parametrize("bad", [{"threshold": 1.5}, {"abstain": -1}, {"threshold": True}])
def test_a_probability_out_of_range_is_named(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))} must be a probability from 0 to 1, got"):
        SimRag(Model(), **bad)


def test_a_verdict_that_is_no_probability_is_a_fault_of_the_agent(retriever):
    (found,) = play([Match("m", ENV, {"player_0": "agent"}, 0)], {"agent": SimRag(Model(), critic=Says(float("nan")))})
    assert found.status == "agent_error"
    assert "a verdict must be a probability from 0 to 1, got nan" in found.error


# What the model writes is never trusted.


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00",
        "a" * 50_000,
        "</search><answer>42</answer>",
        '{"search_query": 7}',
        "Answer:\nRationale:",
        "{" * 9_000,
    ],
    ids=len,
)
@pytest.mark.parametrize("style", STYLES)
def test_garbage_is_played_to_the_end(retriever, text, style):
    class Garbage(Model):
        def reply(self, prompt, seed):
            return text

    found = episode(SimRag(Garbage()), {"style": style, "max_rounds": 2})
    assert found.sound
    assert all(turn.legal for turn in turns(found))


def test_a_context_that_does_not_fit_is_cut(retriever):
    model = Model()
    model.context = 900
    found = episode(SimRag(model, critic=FixedRounds(4)), {"max_rounds": 4})
    assert found.sound
    prompts = [segment for turn in turns(found) for one in turn.calls for segment in one.segments[:1]]
    assert max(len(segment.token_ids) for segment in prompts) <= 900 - 256


@pytest.mark.parametrize(
    ("text", "answer", "rationale"),
    [
        ("Answer: mira\nRationale: it says so", "mira", "it says so"),
        ("well\n answer:  the  mira \nRATIONALE: a", "the mira", "a"),
        ("mira\nbecause of this", "mira", "because of this"),
        ("Rationale: a\nAnswer: b", "b", "a"),
        ("", "", ""),
    ],
)
def test_answers_are_read(text, answer, rationale):
    assert read_answer(text) == (answer, rationale)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("Query: the mira", "the mira"),
        ('{"search_query": "the mira", "reasoning": "x"}', "the mira"),
        ('Sure: {"search_query": "the mira"}', "the mira"),
        ('"the mira"\nmore', "the mira"),
        ("Query:", ""),
        ("", ""),
    ],
)
def test_queries_are_read(text, query):
    assert read_query(text) == query


def test_verdicts_are_read():
    assert read_verdict(" **Yes**, it does")
    assert not read_verdict("No. Yes would be wrong")
    assert not read_verdict("")


def test_unsure_is_known_in_several_spellings():
    assert [read_answer(f"Answer: {text}").is_unsure for text in ("unsure", "Unsure.", "I don't know", "mira")] == [
        True,
        True,
        True,
        False,
    ]


# Critics in folders.


def test_a_critic_is_read_from_its_folder(tmp_path):
    (tmp_path / "critic.json").write_text(json.dumps({"kind": "rounds", "k": 2}))
    assert critics.load(tmp_path) == FixedRounds(2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is no critic: it has no critic.json"),
        ("{", "critic.json is damaged"),
        ("[1]", "must be an object with the kind of the critic"),
        ('{"kind": "round"}', "rounds"),
        ('{"kind": "rounds", "k": -1}', "k in .* must be a whole number >= 0, got -1"),
    ],
)
def test_a_folder_that_holds_no_critic_is_named(tmp_path, content, message):
    if content is not None:
        (tmp_path / "critic.json").write_text(content)
    with pytest.raises((ValueError, registry.UnknownName), match=message):
        critics.load(tmp_path)


def test_a_case_is_told_in_the_layout_of_the_release():
    case = Case("Who?", (Round("q", (Read("T", "x"),)),), "a", "r")
    assert case.text == (
        "Question: Who?\nContext:\nQuery: q\nRetrieved Document: Title: T Content: x\nAnswer: a\nRationale: r"
    )


# Search-R1: what was retrieved is prompt, and nothing else.


def test_every_retrieved_token_lies_in_a_prompt_segment_and_every_generated_one_is_the_models(retriever):
    said = ["<think>so</think><search>Tarn</search>", "<search>Ostrel</search>", "<answer>mira</answer>"]
    model = ScriptedModel(lambda prompt, seed: said[prompt.count("<|assistant|>") - 1])
    found = episode(TalkingAgent(model, system=SEARCH_R1, trainable=True))
    assert [turn.action for turn in turns(found)] == said
    generated, prompted = [], []
    for turn in turns(found):
        for segment in turn.segments:
            text = model.decode(segment.token_ids)
            (generated if segment.kind == "generated" else prompted).append(text)
    assert generated == said
    shown = "".join(prompted)
    for passage in PASSAGES[:2]:
        assert passage.text in shown
        assert all(passage.text not in text for text in generated)
    assert len({call.continues for _, call in found.trajectories["player_0"].calls}) == 3  # one sample
