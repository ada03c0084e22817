"""Properties over made-up trajectories of several calls, forced tokens, new roots: masks fit, and nothing is lost."""

from __future__ import annotations

import json
import math

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparring.exports import atif, hf_dataset, training_trace, verifiers
from sparring.exports.guards import IMPORTED
from sparring.exports.writing import _line
from sparring.samples import samples
from sparring.types import SOUND, Call, Episode, Message, Policy, Sampling, Seen, Segment, Trajectory, Turn, call_id

PROPERTY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TEXT = st.text(st.characters(codec=None, categories=None), max_size=6).map(lambda text: json.loads(json.dumps(text)))
"""As a store gives it back: two halves of a character become one, a half stays."""
FLOAT = st.floats(allow_nan=False, allow_infinity=False)
IDS = st.lists(st.integers(0, 49_151), min_size=1, max_size=5).map(tuple)
PLAIN = st.dictionaries(TEXT, st.one_of(TEXT, st.integers(), st.just(math.inf), st.none()), max_size=2)


@st.composite
def segments(draw):
    found = []
    for kind in draw(st.lists(st.sampled_from(["prompt", "scaffold", "generated"]), max_size=4)):
        ids = draw(IDS)
        logprobs = allowed = None
        if kind == "generated" and draw(st.integers(0, 5)):
            logprobs = tuple(draw(st.floats(-50, 0)) for _ in ids)
            allowed = draw(st.none() | st.just(tuple(((1, 2),) * len(ids))))
        found.append(Segment(kind, ids, logprobs, allowed))
    return tuple(found)


@st.composite
def calls(draw, before):
    """`before`: (id, model) of the calls that can be continued."""
    model = draw(st.sampled_from(["m", "critic"]))
    policy = Policy(model, draw(TEXT), trainable=model == "m" and draw(st.booleans()))
    continued = [id for id, name in before if name == model]
    said = draw(st.lists(st.sampled_from(["system", "user", "assistant", "tool"]), max_size=3))
    messages = [Message(role, draw(TEXT)) for role in said]
    if draw(st.booleans()):
        messages.append(Message("assistant", draw(TEXT)))
    return Call(
        policy,
        draw(st.none() | st.builds(Sampling, st.floats(0.1, 2))),
        draw(segments()),
        tuple(messages),
        draw(st.sampled_from(["act", "critic"])),
        draw(st.sampled_from([None, *continued])),
        draw(st.sampled_from(["action", "eos", "length"])),
    )


@st.composite
def trajectories(draw, id, seat):
    known, turns = [], []
    for number in range(draw(st.integers(0, 4))):
        made = []
        for place in range(draw(st.integers(0, 3))):
            made.append(draw(calls(tuple(known))))
            known.append((call_id(number, place), made[-1].policy.model))
        seen = Seen((draw(TEXT),), draw(st.none() | st.just(("a", "b"))), draw(PLAIN))
        parts = draw(st.dictionaries(TEXT, FLOAT, max_size=1))
        turns.append(Turn(number, seen, draw(TEXT), draw(st.booleans()), draw(FLOAT), parts, draw(PLAIN), tuple(made)))
    last = draw(st.none() | st.builds(Seen, st.tuples(TEXT)))
    return Trajectory(f"{id}/{seat}", seat, draw(TEXT), tuple(turns), draw(FLOAT), last, draw(PLAIN), parents=())


@st.composite
def episodes(draw):
    id = draw(TEXT)
    seats = {name: draw(trajectories(id, name)) for name in ("one", "two")[: draw(st.integers(1, 2))]}
    task, group = draw(st.none() | TEXT), draw(st.none() | TEXT)
    env = f"{IMPORTED}made-up"  # whose tasks nobody holds out
    seed = draw(st.integers())
    return Episode(id, env, "0", draw(PLAIN), seed, draw(st.sampled_from(SOUND)), seats, 3, task, group)


class Given:
    """A selection of one episode, every seat of it."""

    def __init__(self, episode):
        self.episode, self.left_out = episode, []

    def episodes(self):
        return iter([self.episode])

    def attempts(self):
        return ((self.episode, trajectory) for trajectory in self.episode.trajectories.values())

    def leave_out(self, reason, count=1):
        self.left_out.append(reason)


def through_json(row):
    """As a reader sees it, who takes no half characters and no NaN."""
    found = json.loads(_line(row))
    json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    return found


def generated(call):
    """[T] of a call, 1 on generated tokens."""
    return [int(one.kind == "generated") for one in call.segments for _ in one.token_ids]


def by_id(trajectory):
    return dict(trajectory.calls)


@PROPERTY
@given(episodes())
def test_an_export_of_verifiers_is_the_episode(episode):
    (row,) = verifiers.rows(Given(episode))
    back = verifiers.read(through_json(row))
    assert back == episode
    assert back.hash == episode.hash


@PROPERTY
@given(episodes())
def test_an_export_of_training_traces_is_the_trajectories(episode):
    selection = Given(episode)
    for row in training_trace.rows(selection):
        back = training_trace.read(through_json(row))
        assert back.trajectories == {row["seat"]: episode.trajectories[row["seat"]]}
        assert (back.id, back.seed, back.env_kwargs) == (episode.id, episode.seed, episode.env_kwargs)
    exported = sum(1 for _ in training_trace.rows(Given(episode)))
    assert exported + len(selection.left_out) == len(episode.trajectories)


@PROPERTY
@given(episodes())
def test_a_mask_of_a_training_trace_fits_its_tokens_and_is_1_on_generated_ones_only(episode):
    for row in training_trace.rows(Given(episode)):
        trajectory = episode.trajectories[row["seat"]]
        for turn in row["trace"]["turns"]:
            call = by_id(trajectory)[turn["node_id"]]
            prompt, completion, mask = turn["prompt_token_ids"], turn["completion_token_ids"], turn["loss_mask"]
            assert len(mask) == len(prompt) + len(completion)
            assert len(turn["per_token_logps"]) == len(completion)
            assert not any(mask[: len(prompt)])
            own = generated(call)
            assert all(o >= m for o, m in zip(own, mask[len(mask) - len(own) :], strict=True))
            assert not any(mask) or call.policy.trainable or not trajectory.trainable
            tokens = [token for segment in call.segments for token in segment.token_ids]
            assert (prompt + completion)[len(mask) - len(own) :] == tokens


@PROPERTY
@given(episodes())
def test_the_nodes_of_verifiers_spell_the_recorded_samples(episode):
    (row,) = verifiers.rows(Given(episode))
    for trace, trajectory in zip(row["traces"], episode.trajectories.values(), strict=True):
        nodes = trace["nodes"]
        for node in nodes:
            assert len(node.get("token_ids", ())) == len(node.get("mask", ()))
            assert len(node.get("logprobs", ())) == sum(node.get("mask", ()))
        leaf = {call["call"]: call["node"] for call in trace["calls"]}
        for sample in samples(trajectory):
            found, mask, place = [], [], leaf[sample.ids[-1]]
            while place is not None:
                found, mask = nodes[place]["token_ids"] + found, nodes[place]["mask"] + mask
                place = nodes[place]["parent"]
            assert found == [token for segment in sample.segments for token in segment.token_ids]
            own = [one for call in sample.calls for one in generated(call)]
            assert all(o >= m for o, m in zip(own, mask, strict=True))


@PROPERTY
@given(episodes())
def test_tables_and_atif_have_a_value_of_each_kind_for_each_token(episode):
    for row in hf_dataset.rows(Given(episode)):
        assert len(row["input_ids"]) == len(row["assistant_masks"]) == len(row["logprobs"])
        assert any(row["assistant_masks"])
    for row in atif.rows(Given(episode)):
        for metrics in (step["metrics"] for step in row["steps"] if "metrics" in step):
            length = metrics["completion_tokens"]
            assert length == len(metrics["completion_token_ids"]) == len(metrics["logprobs"])
            assert length == len(metrics["extra"]["loss_mask"])
