"""A store in which every rule of the exports has an episode."""

from __future__ import annotations

from dataclasses import replace

import gymnasium
import pytest

from sparring import registry
from sparring.store.store import Store
from sparring.types import Call, Episode, Message, Policy, Sampling, Seen, Segment, Trajectory, Turn

LEARNER = Policy("learner", "7", trainable=True)
FROZEN, CRITIC = Policy("frozen", "3"), Policy("critic")
ONE, TWO = "test/Ask-v0", "test/Talk-v0"


@pytest.fixture(autouse=True)
def environments():
    with (
        registry.envs.temporary(registry.EnvironmentRow(ONE, gymnasium.Env)),
        registry.envs.temporary(registry.EnvironmentRow(TWO, gymnasium.Env, seats=2)),
    ):
        yield


def call(policy, asked, answer, tokens=(), **changes):
    """Two prompt tokens, a forced one, and these generated ones."""
    segments = ()
    if tokens:
        generated = Segment("generated", tuple(tokens), tuple(-0.1 * t for t in tokens), ((1, 2),) * len(tokens))
        segments = (Segment("prompt", (90, 91)), Segment("scaffold", (92,)), generated)
    return Call(policy, Sampling(0.7), segments, (Message("user", asked), Message("assistant", answer)), **changes)


def turn(index, *calls, legal=True, reward=0.0):
    text = calls[0].messages[0].content if calls else f"look {index}"
    return Turn(index, Seen((text,), ("a", "b")), f"act {index}", legal, reward, hidden={"gold": "b"}, calls=calls)


def seat(id, name, agent, turns, reward, **changes):
    parts = {"payoff": reward}
    return Trajectory(f"{id}/{name}", name, agent, tuple(turns), reward, Seen(("over",)), reward_parts=parts, **changes)


def learner_against_frozen(id, reward=1.0, seed=0, **changes):
    """Four calls of the learner, with a critic that is text, a broken conversation and an illegal turn."""
    one = (
        turn(0, call(LEARNER, "hello", "[a", (1, 2))),
        turn(2, call(LEARNER, "go on", "[b", (3,), continues="0.0"), call(CRITIC, "well?", "fine", purpose="critic")),
        turn(4, call(LEARNER, "anew", "[c", (4, 5, 6), stop_reason="length"), legal=False),
        turn(6, call(LEARNER, "last", "[d", (7,), continues="2.0"), reward=reward),
    )
    other = (turn(1, call(FROZEN, "hi", "[x", (8,))), turn(3), turn(5, call(FROZEN, "yes", "[y", (9,))))
    seats = {
        "player_0": seat(id, "player_0", "learner", one, reward),
        "player_1": seat(id, "player_1", "frozen", other, -reward),
    }
    return replace(Episode(id, TWO, "0", {}, seed, "ok", seats, task=f"{TWO}/{seed}"), **changes)


def solo(id, answer, reward, seed=1, sample=0, agent="expert", policy=None):
    """One question, one answer: of a model, or of none."""
    calls = (call(policy, f"question {seed}", answer, (5, 6)),) if policy else ()
    turns = (replace(turn(0, *calls, reward=reward), action=answer),)
    seats = {"player_0": seat(id, "player_0", agent, turns, reward)}
    return Episode(id, ONE, "0", {}, seed, "ok", seats, sample=sample, task=f"{ONE}/{seed}")


EPISODES = (
    learner_against_frozen("two/1"),
    learner_against_frozen("two/2", -1.0),
    learner_against_frozen("broken", status="env_error", error="gone", fault="environment"),
    learner_against_frozen("held", env_kwargs={"split": "held_out"}),
    learner_against_frozen("measured", group="evaluation/3"),
    solo("expert", "b \ud800", 1.0, seed=2**70),
    solo("right", "[b", 1.0, sample=1, policy=LEARNER),
    solo("wrong", "[a", 0.0, sample=2, policy=LEARNER),
)


@pytest.fixture
def episodes():
    return EPISODES


@pytest.fixture
def made_up(tmp_path):
    """The path of a store with all of them."""
    with Store(tmp_path / "store", "a") as store:
        store.append(EPISODES)
    return tmp_path / "store"
