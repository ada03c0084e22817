"""What the contracts promise of any environment and any agent: played, recorded whole, replayed, trained on."""

from __future__ import annotations

import asyncio
import pickle
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import zstandard
from gymnasium import spaces
from pettingzoo import ParallelEnv

from sparring import registry
from sparring.agents.scripted import ConstantAgent, RandomAgent, ScriptedAgent
from sparring.protocols import Agent
from sparring.registry import EnvironmentRow
from sparring.rollout.actions import Offered
from sparring.rollout.loop import Event, Match, play
from sparring.samples import samples
from sparring.sandbox import SandboxError
from sparring.scoreboard.verify import verify
from sparring.store.store import DamagedStore, Store
from sparring.trainers.batch import signals_of
from sparring.types import (
    Call,
    Episode,
    Observation,
    Policy,
    Reply,
    Sampling,
    Segment,
    call_id,
)

KUHN = "sparring/KuhnPoker-v0"


class Reach(gymnasium.Env[dict[str, Any], np.ndarray]):
    """A point in a picture moves towards a goal that the agent does not see."""

    paint = 255

    def __init__(self, turns: int = 3) -> None:
        self.observation_space = spaces.Dict(
            {"image": spaces.Box(0, 255, (8, 8, 3), np.uint8), "at": spaces.Box(-1, 1, (2,), np.float64)}
        )
        self.action_space, self.turns = spaces.Box(-1, 1, (2,), np.float32), turns

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        super().reset(seed=seed)
        self.at, self.goal, self.taken = np.zeros(2), self.np_random.uniform(-1, 1, 2), 0
        return self._seen(), self._info()

    def step(self, action: np.ndarray) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        before = float(np.linalg.norm(self.goal - self.at))
        self.at, self.taken = np.clip(self.at + 0.5 * action, -1, 1), self.taken + 1
        nearer = before - float(np.linalg.norm(self.goal - self.at))
        parts = {"nearer": nearer, "effort": -0.1}
        info = {**self._info(), "reward_parts": parts, "metrics": {"distance": before - nearer}, "odd": object()}
        return self._seen(), sum(parts.values()), False, self.taken == self.turns, info

    def _seen(self) -> dict[str, Any]:
        image = np.zeros((8, 8, 3), np.uint8)
        image[tuple(((self.at + 1) * 3.5).astype(int))] = self.paint
        return {"image": image, "at": self.at.copy()}

    def _info(self) -> dict[str, Any]:
        return {"hidden": {"goal": self.goal.tolist()}, "taken": np.int64(self.taken)}


class Bidding(ParallelEnv[str, str, str]):
    """Three seats name a number at once, twice; who alone named the highest gets 2 from the others."""

    metadata = {"name": "bidding"}

    def __init__(self) -> None:
        self.possible_agents = ["left", "middle", "right"]
        self.action_spaces = {seat: spaces.Discrete(3, start=1) for seat in self.possible_agents}
        self.observation_spaces = {seat: spaces.Text(100) for seat in self.possible_agents}

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[dict[str, str], dict[str, Any]]:
        self.agents, self.said = list(self.possible_agents), list[str]()
        return dict.fromkeys(self.agents, "Name a number."), {seat: {} for seat in self.agents}

    def step(self, actions: dict[str, int]) -> tuple[Any, ...]:
        most = max(actions.values())
        winners = [seat for seat, number in actions.items() if number == most]
        alone = winners[0] if len(winners) == 1 else None
        rewards = {seat: 0.0 if alone is None else 2.0 if seat == alone else -1.0 for seat in actions}
        self.said.append(" ".join(map(str, actions.values())))
        over = dict.fromkeys(actions, len(self.said) == 2)
        seen = dict.fromkeys(actions, "Said: " + ", ".join(self.said))
        if all(over.values()):
            self.agents = []
        return seen, rewards, over, dict.fromkeys(actions, False), {seat: {} for seat in actions}


class Says(ScriptedAgent):
    """One answer to everything."""

    async def act(self, observation: Observation) -> Reply:
        return Reply(self.name)


@pytest.fixture(autouse=True)
def rows() -> Iterator[None]:
    with (
        registry.envs.temporary(EnvironmentRow("test/Reach-v0", Reach)),
        registry.envs.temporary(
            EnvironmentRow("test/Bidding-v0", Bidding, seats=3, seat_names=("left", "middle", "right"))
        ),
        registry.envs.temporary(EnvironmentRow("test/FrozenLake-v1", gymnasium.make, kwargs={"id": "FrozenLake-v1"})),
        registry.envs.temporary(EnvironmentRow("test/Pendulum-v1", gymnasium.make, kwargs={"id": "Pendulum-v1"})),
    ):
        yield


def one(env_id: str, agents: dict[str, Agent], seed: int = 1, **match: Any) -> Episode:
    (episode,) = play([Match(match.pop("id", "e"), env_id, {seat: seat for seat in agents}, seed, **match)], agents)
    return episode


def stored(path: Path, *episodes: Episode) -> Path:
    with Store(path, "a") as store:
        store.append(episodes)
    return path


def verified(path: Path) -> list[str]:
    with Store(path) as store:
        return [fault.what for fault in verify(store).faults]


def test_a_continuous_environment_with_a_picture_is_played_stored_and_replayed(tmp_path: Path) -> None:
    episode = one("test/Reach-v0", {"player_0": Says("[1.0, 1.0]")})
    (seat,) = episode.trajectories.values()
    assert (episode.status, len(seat.turns)) == ("truncated", 3)
    assert seat.turns[0].observation.text.startswith("at: [0. 0.]")
    (blob,) = [part for part in seat.turns[0].observation.content if not isinstance(part, str)]
    assert (blob.name, blob.shape, blob.array().max()) == ("image", (8, 8, 3), 255)
    path = stored(tmp_path / "s", episode)
    assert verified(path) == []
    with Store(path) as store:
        assert store.get("e") == episode
        assert np.array_equal(blob.array(store.blob(blob.sha256)), blob.array())


def test_a_flipped_pixel_fails_verification(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stored(tmp_path / "s", one("test/Reach-v0", {"player_0": RandomAgent()}))
    file = sorted((path / "blobs").glob("*/*.zst"))[0]
    whole = file.read_bytes()
    pixels = bytearray(zstandard.decompress(whole))
    pixels[3] ^= 1
    file.write_bytes(zstandard.compress(bytes(pixels)))
    assert verified(path) == ["damaged"]
    with Store(path) as store, pytest.raises(DamagedStore, match="another hash"):
        store.blob(file.stem)
    file.write_bytes(whole)
    monkeypatch.setattr(Reach, "paint", 254)
    assert verified(path) == ["observation"]


def test_three_seats_that_move_at_once(tmp_path: Path) -> None:
    seats = {"left": ConstantAgent("1"), "middle": ConstantAgent("3"), "right": ConstantAgent("2")}
    episode = one("test/Bidding-v0", dict(seats))
    assert {seat: t.reward for seat, t in episode.trajectories.items()} == {"left": -2, "middle": 4, "right": -2}
    assert [turn.index for _, turn in episode.turns] == list(range(6))
    assert episode.trajectories["left"].last.text == "Said: 1 3 2, 1 3 2"  # type: ignore[union-attr]
    assert verified(stored(tmp_path / "s", episode)) == []


@pytest.mark.parametrize("answer", ["up", "7", "[9]", "", "1.5.2", "[NaN]", "\u0663"])
def test_an_answer_that_no_action_space_can_read_is_the_agents_illegal_action(answer: str, tmp_path: Path) -> None:
    for env_id in ("test/FrozenLake-v1", "test/Pendulum-v1"):
        episode = one(env_id, {"player_0": Says(answer)})
        (seat,) = episode.trajectories.values()
        assert (episode.status, seat.stop_reason, [turn.legal for turn in seat.turns]) == (
            "truncated",
            "unreadable_action",
            [False],
        )
        assert verified(stored(tmp_path / env_id, episode)) == []


def test_environments_that_we_did_not_write_say_what_may_be_done() -> None:
    lake = one("test/FrozenLake-v1", {"player_0": RandomAgent()})
    assert lake.trajectories["player_0"].turns[0].observation.legal_actions == ("0", "1", "2", "3")
    pendulum = one("test/Pendulum-v1", {"player_0": RandomAgent()}, max_steps=5)
    assert {turn.action for _, turn in pendulum.turns} <= {"[-2.0]", "[0.0]", "[2.0]"}
    assert one("test/Bidding-v0", {s: RandomAgent() for s in ("left", "middle", "right")}).sound


def test_what_is_hidden_is_kept_and_no_agent_sees_it(tmp_path: Path) -> None:
    seen: list[Observation] = []

    class Looks(ScriptedAgent):
        async def act(self, observation: Observation) -> Reply:
            seen.append(observation)
            return Reply("[0, 0]")

    episode = one("test/Reach-v0", {"player_0": Looks("looks")})
    (seat,) = episode.trajectories.values()
    goal = seat.turns[0].hidden["goal"]
    assert [turn.hidden for turn in seat.turns] == [{"goal": goal}] * 3 == [seat.hidden] * 3
    assert not any("goal" in repr(observation) for observation in seen)
    assert [dict(observation.info) for observation in seen] == [{"taken": 0}, {"taken": 1}, {"taken": 2}]


def test_parts_of_the_reward_are_summed_and_the_latest_metrics_kept() -> None:
    episode = one("test/Reach-v0", {"player_0": Says("[1.0, 0.0]")})
    (seat,) = episode.trajectories.values()
    for name in ("nearer", "effort"):
        assert seat.reward_parts[name] == pytest.approx(sum(turn.reward_parts[name] for turn in seat.turns))
    assert sum(seat.reward_parts.values()) == pytest.approx(seat.reward)
    assert seat.metrics == {"distance": pytest.approx(np.linalg.norm(np.array(seat.hidden["goal"]) - [1.0, 0.0]))}


def test_samples_of_one_seed_are_attempts_at_one_task() -> None:
    agents: dict[str, Agent] = {"player_0": RandomAgent(), "player_1": RandomAgent()}
    episodes = play([Match(f"e{n}", KUHN, {seat: seat for seat in agents}, 5, sample=n) for n in range(8)], agents)
    assert len({episode.turns[0][1].observation.text for episode in episodes}) == 1
    assert len({tuple(turn.action for _, turn in episode.turns) for episode in episodes}) > 2
    assert [episode.sample for episode in episodes] == list(range(8))
    again = play([Match(f"e{n}", KUHN, {seat: seat for seat in agents}, 5, sample=n) for n in range(8)], agents)
    assert [episode.hash for episode in again] == [episode.hash for episode in episodes]


ACTOR, CRITIC = Policy("actor", trainable=True), Policy("critic", trainable=True)


class Thorough(ScriptedAgent):
    """Answers, lets a critic judge, asks a question: three calls a turn, of two models."""

    policies = (ACTOR, CRITIC)

    async def act(self, observation: Observation) -> Reply:
        turn = observation.turn
        before = call_id(turn - 1, 0) if turn else None
        answer = self._call(ACTOR, 10 * turn + 1, "act", before)
        judged = self._call(CRITIC, 10 * turn + 2, "critic", None)
        asked = self._call(ACTOR, 10 * turn + 3, "query", call_id(turn, 0))
        return Reply("[0, 0]", (answer, judged, asked))

    def _call(self, policy: Policy, token: int, purpose: str, continues: str | None) -> Call:
        said = (Segment("prompt", (token,)), Segment("generated", (100 + token,), (-0.5,)))
        return Call(policy, Sampling(decoding="free"), said, purpose=purpose, continues=continues)


def test_three_calls_a_turn_train_each_only_its_own_model() -> None:
    episode = one("test/Reach-v0", {"player_0": Thorough("thorough")}, env_kwargs={"turns": 2})
    (seat,) = episode.trajectories.values()
    assert {sample.ids for sample in samples(seat)} == {("0.1",), ("0.0", "0.2"), ("1.1",), ("0.0", "1.0", "1.2")}
    with pytest.raises(ValueError, match="name the model to be trained"):
        signals_of(seat)
    actor = [(signal.tokens, signal.targets) for signal in signals_of(seat, 1.0, model="actor")]
    assert actor == [((1, 101, 3, 103), (1, 3)), ((1, 101, 11, 111, 13, 113), (3, 5))]
    critic = [(signal.tokens, signal.targets) for signal in signals_of(seat, 1.0, model="critic")]
    assert critic == [((2, 102), (1,)), ((12, 112), (1,))]


def test_a_call_cannot_continue_what_is_not_there() -> None:
    class Wrong(Thorough):
        async def act(self, observation: Observation) -> Reply:
            return Reply("[0, 0]", (self._call(ACTOR, 1, "act", "7.0"),))

    episode = one("test/Reach-v0", {"player_0": Wrong("wrong")})
    with pytest.raises(ValueError, match=r"call 0\.0 of e/player_0 continues call 7\.0: there is none before it"):
        samples(episode.trajectories["player_0"])


def test_weights_that_change_within_an_episode_are_both_recorded() -> None:
    class Learns(ScriptedAgent):
        async def act(self, observation: Observation) -> Reply:
            return Reply("[0, 0]", (Call(Policy("m", f"update-{observation.turn // 2}", trainable=True)),))

    episode = one("test/Reach-v0", {"player_0": Learns("learns")})
    versions = [call.policy.weights_version for _, call in episode.trajectories["player_0"].calls]
    assert versions == ["update-0", "update-0", "update-1"]


def test_a_reflection_finds_its_pairs_by_a_query(tmp_path: Path) -> None:
    """Ten lines of a method: whatever went badly is tried again, and says what it comes from."""
    agents = {"player_0": "random"}
    with Store(tmp_path / "s", "a") as store:
        first = play([Match(f"first/{seed}", "test/Reach-v0", agents, seed) for seed in range(8)])
        store.append(first)
        failed = [t for episode in first for t in episode.trajectories.values() if t.reward < 0]
        again = []
        for trajectory in failed:
            id = trajectory.id.split("/")[1]
            parents = {"player_0": (("reflection_of", trajectory.id),)}
            again.append(Match(f"second/{id}", "test/Reach-v0", agents, int(id), sample=1, parents=parents))
        store.append(play(again))
        links = store.links("reflection_of")
        wanted = [(f"{match.id}/player_0", before.id) for match, before in zip(again, failed, strict=True)]
        assert [(link.child, link.parent) for link in links] == wanted
        assert store.links(parent=failed[0].id) == [links[0]]
        assert store.links("refined_from") == []
        row = next(store.rows()), list(store.rows())[-1]
        assert (row[0].parents, row[1].parents) == ({}, {"player_0": (("reflection_of", failed[-1].id),)})
    assert verified(tmp_path / "s") == []


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (SandboxError("no engine"), "sandbox"),
        (TimeoutError("late"), "timeout"),
        (MemoryError(), "capacity"),
        (ValueError("odd"), "environment"),
    ],
)
def test_a_fault_says_whose_it_is(error: Exception, kind: str) -> None:
    class Fails(Reach):
        def step(self, action: np.ndarray) -> Any:
            raise error

    with registry.envs.temporary(EnvironmentRow("test/Fails-v0", Fails)):
        episode = one("test/Fails-v0", {"player_0": Says("[0.0, 0.0]")})
    assert (episode.status, episode.fault) == ("env_error", kind)


def test_seats_that_move_at_once_are_asked_at_once() -> None:
    waiting = asyncio.Event

    class Meets(ScriptedAgent):
        gate: Any = None
        here = 0

        async def act(self, observation: Observation) -> Reply:
            Meets.gate = Meets.gate or waiting()
            Meets.here += 1
            if Meets.here == 3:
                Meets.here = 0
                gate, Meets.gate = Meets.gate, None
                gate.set()
            else:
                await asyncio.wait_for(Meets.gate.wait(), 5)
            return Reply(str(1 + random.Random(self.seat.turn_seed(observation.turn)).randrange(3)))

    assert one("test/Bidding-v0", {seat: Meets(seat) for seat in ("left", "middle", "right")}).sound


def test_a_match_is_plain_data_and_gives_the_same_episode_in_another_process(tmp_path: Path) -> None:
    seats = {"player_0": "cfr", "player_1": "nano:temperature=0.5"}
    match = Match("away", KUHN, seats, 7, {"illegal": "retry"}, sample=2, task="t", group="g")
    (tmp_path / "match").write_bytes(pickle.dumps(match))
    code = "import pickle, sys; from pathlib import Path; from sparring.rollout.loop import play; "
    code += "print(play([pickle.loads(Path(sys.argv[1]).read_bytes())])[0].hash)"
    command = [sys.executable, "-P", "-c", code, str(tmp_path / "match")]
    away = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.strip()
    (here,) = play([match])
    assert (here.error, here.hash) == (None, away)
    assert eval(repr(match)) == match


def test_an_agent_in_place_of_its_name_is_refused() -> None:
    with pytest.raises(TypeError, match=r"match 'm': the agent of player_0 must be a name, got <sparring"):
        Match("m", KUHN, {"player_0": RandomAgent()}, 1)  # type: ignore[dict-item]


def test_a_name_that_is_neither_given_nor_a_spec_is_answered_with_the_nearest() -> None:
    with pytest.raises(registry.UnknownName, match="unknown agent 'lerner'; did you mean 'learner'"):
        play([Match("m", KUHN, {"player_0": "lerner", "player_1": "random"}, 1)], {"learner": RandomAgent()})


def test_everything_that_happens_is_told_in_one_shape() -> None:
    told: list[Event] = []
    matches = [Match(f"m{n}", KUHN, {"player_0": "random", "player_1": "cfr"}, n) for n in range(3)]
    episodes = play(matches, concurrency=1, on_event=told.append)
    for match, episode in zip(matches, episodes, strict=True):
        own = [event for event in told if event.match is match]
        assert [event.kind for event in own] == ["begun", *["turn"] * len(episode.turns), "done"]
        assert own[-1].episode == episode
        turns = [
            (event.seat, event.observation.text, event.reply.action)
            for event in own
            if event.observation and event.reply
        ]
        assert turns == [(seat, turn.observation.text, turn.action) for seat, turn in episode.turns]


@pytest.mark.parametrize(
    ("changes", "error", "rule"),
    [
        ({"id": 3}, TypeError, "match 3: id must be text, got 3"),
        ({"group": 3}, TypeError, "group must be text, got 3"),
        ({"seed": True}, TypeError, "seed must be a whole number, got True"),
        ({"sample": "2"}, TypeError, "sample must be a whole number, got '2'"),
        ({"max_steps": 0}, ValueError, "max_steps must be >= 1, got 0"),
        ({"agents": ["random"]}, TypeError, r"agents must be names by seat, got \['random'\]"),
    ],
)
def test_a_match_that_could_not_be_stored_is_refused_when_it_is_made(
    changes: dict[str, Any], error: type[Exception], rule: str
) -> None:
    given = {"id": "m", "env_id": KUHN, "agents": {"player_0": "random", "player_1": "random"}, "seed": 1}
    with pytest.raises(error, match=rule):
        Match(**{**given, **changes})


def test_numbers_of_numpy_are_whole_numbers_and_unknown_seats_are_named(tmp_path: Path) -> None:
    seats = {"player_0": "random", "player_1": "random"}
    match = Match("m", KUHN, seats, np.int64(3), sample=np.int64(2))  # type: ignore[arg-type]
    assert (type(match.seed), type(match.sample)) == (int, int)
    with Store(tmp_path / "s", "a") as store:
        store.append(play([match]))
    (episode,) = play([Match("m", KUHN, {**seats, "player_9": "random"}, 1)])
    assert "there is no seat 'player_9'" in str(episode.error)


def test_an_id_may_hold_options() -> None:
    lake = "gym:FrozenLake-v1:is_slippery=false:words=none"
    (episode,) = play([Match("m", lake, {"player_0": "constant:1"}, 1)])
    assert [turn.observation.text for _, turn in episode.turns][:3] == ["0", "4", "8"]
    assert registry.envs.row("sparring/KuhnPoker-v0:illegal=retry").kwargs["illegal"] == "retry"
    with pytest.raises(ValueError, match="is_slippery of FrozenLake-v1 must be true or false, got 'maybe'"):
        registry.envs.make("gym:FrozenLake-v1:is_slippery=maybe")
    with pytest.raises(ValueError, match="FrozenLake-v1 has no option 'nope'"):
        registry.envs.make("gym:FrozenLake-v1:nope=1")


def test_a_language_model_is_not_asked_about_what_it_cannot_read() -> None:
    (episode,) = play([Match("m", "gym:CartPole-v1", {"player_0": "nano"}, 1)])
    assert episode.trajectories["player_0"].turns, "numbers are text"

    class Picture(gymnasium.Env[np.ndarray, int]):
        observation_space, action_space = spaces.Box(0, 255, (32, 32, 3), np.uint8), spaces.Discrete(2)

        def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
            return np.zeros((32, 32, 3), np.uint8), {}

    with registry.envs.temporary(EnvironmentRow("test/Picture-v0", Picture)):
        (episode,) = play([Match("m", "test/Picture-v0", {"player_0": "nano"}, 1)])
    assert (episode.status, episode.fault) == ("agent_error", "agent")
    assert "the observation shows no text ([array 32x32x3 |u1, sha256" in str(episode.error)


SPACES: list[tuple[spaces.Space[Any], tuple[str, ...], tuple[str, ...]]] = [
    (spaces.Discrete(3, start=1), ("3", "[1]", " 2 "), ("0", "4", "1.0", "right", "[[1]]", "-1", "true")),
    (spaces.MultiDiscrete([2, 3]), ("[1, 2]", "1, 2"), ("[1.7, 2]", "[true, 1]", "[1]", "[2, 0]", "1", '["1", "2"]')),
    (spaces.MultiBinary(2), ("[1, 0]", "1,0"), ("[2, 0]", "[0.5, 0]", "[1]", "[257, 0]")),
    (
        spaces.Box(-1, 1, (2,)),
        ("[0.5, -1]", "0.5, -1", "[1, 0]"),
        ("[2, 0]", "[NaN, 0]", "[1e999, 0]", "[[0.5]]", "hi"),
    ),
    (spaces.Box(-np.inf, np.inf, (1,)), ("[5]", "5"), ("Infinity", "[1e300]", "[null]", '["5"]')),
    (
        spaces.Dict(grip=spaces.Discrete(2), move=spaces.Box(-1, 1, (2,))),
        ('{"grip": 1, "move": [0.5, 0]}', '[{"grip": 0, "move": [0, 0]}]'),
        ('{"grip": 1}', '{"grip": 1, "move": [0, 0], "more": 1}', '{"grip": 1.5, "move": [0, 0]}', "[1, 2]", "{"),
    ),
    (spaces.Tuple((spaces.Discrete(2), spaces.Discrete(2))), ("[1, 0]", "1, 0"), ("[1]", "[1, 0, 1]", "[true, 0]")),
]


class Vectors(gymnasium.Env[object, object]):
    """Three steps; an action outside its space would be an error of ours."""

    observation_space = spaces.Discrete(2)

    def __init__(self, space: spaces.Space[Any]) -> None:
        self.action_space, self.taken = space, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[object, dict[str, Any]]:
        super().reset(seed=seed)
        self.taken = 0
        return 0, {}

    def step(self, action: object) -> tuple[object, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action), action
        self.taken += 1
        return 0, 1.0, self.taken == 3, False, {}


@pytest.mark.parametrize(("space", "right", "wrong"), SPACES)
def test_every_kind_of_action_space_is_read_strictly_and_suggests_actions(
    space: spaces.Space[Any], right: tuple[str, ...], wrong: tuple[str, ...]
) -> None:
    with registry.envs.temporary(registry.EnvironmentRow("test/Vectors-v0", lambda: Vectors(space))):
        seats = {"player_0": "player_0"}
        for answer in right:
            (good,) = play([Match("m", "test/Vectors-v0", seats, 0)], {"player_0": Says(answer)})
            assert (good.status, len(good.turns)) == ("ok", 3), answer
        for answer in wrong:
            (bad,) = play([Match("m", "test/Vectors-v0", seats, 0)], {"player_0": Says(answer)})
            assert [(turn.legal, bad.status) for _, turn in bad.turns] == [(False, "truncated")], answer
            assert bad.trajectories["player_0"].stop_reason == "unreadable_action"
        (drawn,) = play([Match("m", "test/Vectors-v0", seats, 0)], {"player_0": RandomAgent()})
        assert (drawn.status, drawn.error) == ("ok", None)


def test_a_large_discrete_space_lists_what_the_mask_allows_and_else_suggests() -> None:
    offered = Offered(spaces.Discrete(5_000, start=10))
    assert offered.beside(0, {})["suggested_actions"] == ("10", "2510", "5009")
    mask = np.zeros(5_000, np.int8)
    mask[[3, 4_999]] = 1
    assert offered.beside({"action_mask": mask}, {})["legal_actions"] == ("13", "5009")


@pytest.mark.parametrize("reply", ["check", None, Reply(3), Reply("check", 3), Reply("check", ("call",))])  # type: ignore[arg-type]
def test_what_is_no_reply_is_the_agents_fault_in_words(reply: Any) -> None:
    class Odd(Says):
        async def act(self, observation: Observation) -> Reply:
            return reply  # type: ignore[no-any-return]

    agents = {"player_0": Odd(""), "player_1": RandomAgent()}
    (episode,) = play([Match("m", "sparring/KuhnPoker-v0", {seat: seat for seat in agents}, 0)], agents)
    assert (episode.status, episode.fault) == ("agent_error", "agent")
    assert "must be" in str(episode.error) or "must return a Reply" in str(episode.error)
