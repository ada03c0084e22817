"""Every stored episode can be played again, and what was changed is named."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from sparring import registry
from sparring.agents.scripted import ScriptedAgent
from sparring.content import canonical_json
from sparring.rollout.loop import Match, play
from sparring.scoreboard.matches import seats_of
from sparring.scoreboard.verify import Fault, VerifyResult, verify
from sparring.store.schema import EMPTY_ROOT, checksum, next_root
from sparring.store.store import Store
from sparring.types import Episode, Observation, Policy, Reply, Sampling, Seen, Turn

KUHN = "sparring/KuhnPoker-v0"


@dataclass
class Scripted(ScriptedAgent):
    """Draws among the legal actions by the observation's seed; blunders with an illegal one now and then."""

    name: str = "scripted"
    policies: tuple[Policy, ...] = ()
    sampling: Sampling | None = None
    blunders: float = 0.1
    breaks_at: int | None = None

    async def act(self, observation: Observation) -> Reply:
        if observation.turn == self.breaks_at:
            raise RuntimeError("out of ideas")
        generator = random.Random(self.seat.turn_seed(observation.turn))
        actions = observation.legal_actions or observation.suggested_actions
        if generator.random() < self.blunders or not actions:
            return Reply("\x00 nonsense </script>")
        return Reply(generator.choice(actions))


def played(count: int = 40, env_id: str = KUHN, agent: Scripted | None = None, **env_kwargs: Any) -> list[Episode]:
    seats = dict.fromkeys(seats_of(env_id), agent or Scripted())
    return play(
        [
            Match(f"e{seed}", env_id, {seat: seat for seat in seats}, seed, env_kwargs, task=f"t{seed}")
            for seed in range(count)
        ],
        seats,
    )


def verified(path: Path, episodes: list[Episode]) -> VerifyResult:
    with Store(path, "a") as store:
        store.append(episodes)
    with Store(path) as store:
        return verify(store)


def change_turn(episode: Episode, seat: str, position: int, **changes: Any) -> Episode:
    trajectory = episode.trajectories[seat]
    turns: list[Turn] = list(trajectory.turns)
    turns[position] = replace(turns[position], **changes)
    return change_seat(episode, seat, turns=tuple(turns))


def change_seat(episode: Episode, seat: str, **changes: Any) -> Episode:
    changed = replace(episode.trajectories[seat], **changes)
    return replace(episode, trajectories={**episode.trajectories, seat: changed})


@pytest.mark.parametrize(
    "env_kwargs", [{}, {"illegal": "spiral"}, {"illegal": "retry", "retries": 1}, {"action_order": "reversed"}]
)
def test_honest_episodes_come_out_as_recorded(tmp_path: Path, env_kwargs: dict[str, Any]) -> None:
    episodes = played(**env_kwargs)
    result = verified(tmp_path / "s", episodes)
    assert result.ok, result.faults
    assert result.episodes == 40
    assert result.turns == sum(len(episode.turns) for episode in episodes) > 60
    assert result.broken_off == 0
    assert any(not turn.legal for episode in episodes for _, turn in episode.turns)


@pytest.mark.parametrize("env_id", [row.name for row in registry.envs if row.seats == 2])
def test_every_two_seat_environment_verifies(tmp_path: Path, env_id: str) -> None:
    result = verified(tmp_path / "s", played(4, env_id, Scripted(blunders=0.02)))
    assert result.ok, result.faults
    assert result.turns > 4


CHANGES: list[tuple[str, Callable[[Episode], Episode]]] = [
    ("observation", lambda e: change_turn(e, "player_0", 0, observation=Seen(("You hold all kings.",)))),
    ("legal_actions", lambda e: change_turn(e, "player_0", 0, observation=_other_actions(e))),
    ("hidden", lambda e: change_turn(e, "player_0", 0, hidden={"gold": 1})),
    ("last", lambda e: change_seat(e, "player_1", last=None)),
    ("metrics", lambda e: change_seat(e, "player_1", metrics={"made": 1.0})),
    ("legal", lambda e: change_turn(e, "player_0", 0, legal=not e.trajectories["player_0"].turns[0].legal)),
    ("reward", lambda e: change_turn(e, "player_1", -1, reward=17.0)),
    ("reward", lambda e: change_seat(e, "player_0", reward=e.trajectories["player_0"].reward + 1e-9)),
    ("reward_parts", lambda e: change_seat(e, "player_1", reward_parts={"payoff": 0.5, "bonus": 1.5})),
    ("status", lambda e: replace(e, status="truncated")),
    ("seat", lambda e: replace(e, trajectories=_swapped(e))),
    ("observation", lambda e: replace(e, seed=_other_seed(e))),
    ("environment", lambda e: replace(e, env_version="99")),
    ("environment", lambda e: replace(e, env_id="sparring/KuhnPokr-v0")),
    ("environment", lambda e: replace(e, env_kwargs={"illegal": "ignored"})),
]


def _other_actions(episode: Episode) -> Seen:
    return replace(episode.trajectories["player_0"].turns[0].observation, legal_actions=None)


def _swapped(episode: Episode) -> dict[str, Any]:
    first, second = episode.trajectories["player_0"], episode.trajectories["player_1"]
    return {"player_0": replace(first, turns=second.turns), "player_1": replace(second, turns=first.turns)}


def _other_seed(episode: Episode) -> int:
    """A seed that deals player_0 another card."""
    card = episode.turns[0][1].observation.text
    env = registry.envs.make(KUHN)
    for seed in range(100):
        env.reset(seed=seed)
        if env.observe("player_0") != card:
            return seed
    raise AssertionError("every seed deals the same card")


@pytest.mark.parametrize(("what", "change"), CHANGES, ids=[what for what, _ in CHANGES])
def test_a_changed_episode_is_named_with_what_differs(
    tmp_path: Path, what: str, change: Callable[[Episode], Episode]
) -> None:
    episodes = played(12, agent=Scripted(blunders=0.0))
    episodes[5] = change(episodes[5])
    result = verified(tmp_path / "s", episodes)
    assert [(fault.episode_id, fault.what) for fault in result.faults] == [("e5", what)]
    assert not result.ok
    assert str(result.faults[0]).startswith(f"episode 'e5': {what}: ")


def test_a_changed_action_is_found_by_what_follows_it(tmp_path: Path) -> None:
    episodes = played(40, agent=Scripted(blunders=0.0))
    long = next(number for number, episode in enumerate(episodes) if len(episode.turns) == 3)
    other = {"check": "bet", "bet": "check"}[episodes[long].turns[0][1].action]
    episodes[long] = change_turn(episodes[long], "player_0", 0, action=other)
    result = verified(tmp_path / "s", episodes)
    assert [fault.episode_id for fault in result.faults] == [f"e{long}"]


def test_missing_and_surplus_actions_are_found(tmp_path: Path) -> None:
    episodes = played(40, agent=Scripted(blunders=0.0))
    short, long = [number for number, episode in enumerate(episodes) if len(episode.turns) == 2][:2]
    last = episodes[long].trajectories["player_1"].turns[-1]
    episodes[short] = change_seat(episodes[short], "player_1", turns=())
    episodes[long] = change_seat(episodes[long], "player_1", turns=(last, replace(last, index=2)))
    faults = {fault.episode_id: fault for fault in verified(tmp_path / "s", episodes).faults}
    assert set(faults) == {f"e{short}", f"e{long}"}
    assert faults[f"e{long}"].what == "turns"


def test_one_changed_byte_is_a_fault_of_its_episode_and_does_not_stop_the_rest(tmp_path: Path) -> None:
    episodes = played(10)
    with Store(tmp_path / "s", "a") as store:
        for episode in episodes:
            store.append([episode])
    (segment,) = (tmp_path / "s" / "segments").iterdir()
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 0x10
    segment.write_bytes(content)
    with Store(tmp_path / "s") as store:
        result = verify(store)
    (fault,) = result.faults
    assert fault.what == "damaged"
    assert fault.episode_id in {"e4", "e5"}
    assert segment.name in fault.detail
    assert result.episodes == 10


def test_an_index_that_tells_another_score_is_found(tmp_path: Path) -> None:
    """Even a forger who repairs the row's checksum."""
    with Store(tmp_path / "s", "a") as store:
        store.append(played(3))
    with sqlite3.connect(tmp_path / "s" / "index.sqlite") as db:
        row = list(db.execute("SELECT * FROM episodes WHERE id = 'e1'").fetchone())
        row[8] = canonical_json({**json.loads(row[8]), "rewards": {"player_0": 9.0, "player_1": -9.0}})
        db.execute("UPDATE episodes SET summary = ?, checksum = ? WHERE id = 'e1'", (row[8], checksum(row[:-1])))
    with Store(tmp_path / "s") as store:
        (fault,) = verify(store).faults
    assert (fault.episode_id, fault.what) == ("e1", "index")


def test_the_root_is_chained_over_episode_hashes(tmp_path: Path) -> None:
    episodes = played(3)
    result = verified(tmp_path / "s", episodes)
    root = EMPTY_ROOT
    for episode in episodes:
        root = next_root(root, episode.hash)
    assert result.root == root


def test_the_root_is_of_what_was_verified_while_others_write_on(tmp_path: Path) -> None:
    with Store(tmp_path / "store", "a") as store:
        store.append(played(3))
        root = store.root()
        found = verify(store, lambda done, total: store.append(played(4)[3:]) if done == total else None)
        assert (found.episodes, found.root, store.count) == (3, root, 4)
        assert verify(store).root == store.root()


def test_episodes_that_lack_a_seat_cannot_be_compared_and_are_not_called_changed(tmp_path: Path) -> None:
    halves = [
        replace(game, trajectories={seat: one for seat, one in game.trajectories.items() if seat == "player_0"})
        for game in played(2)
    ]
    found = verified(tmp_path / "store", halves)
    assert [str(fault.detail) for fault in found.not_compared] == ["nothing is recorded of player_1"] * 2
    assert len(found.faults) == 2


def test_episodes_that_broke_off_are_verified_as_far_as_they_went(tmp_path: Path) -> None:
    episodes = played(12, agent=Scripted(blunders=0.0, breaks_at=1))
    broken = [episode for episode in episodes if episode.status == "agent_error"]
    assert 0 < len(broken) < 12
    result = verified(tmp_path / "honest", episodes)
    assert result.ok, result.faults
    assert result.broken_off == len(broken)
    changed = [change_turn(episode, "player_0", 0, observation=Seen(("other",))) for episode in broken]
    assert len(verified(tmp_path / "changed", changed).faults) == len(broken)


def test_progress_reaches_the_total(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    with Store(tmp_path / "s", "a") as store:
        store.append(played(600))
        verify(store, lambda done, total: seen.append((done, total)))
    assert seen == [(512, 600), (600, 600)]


def test_an_empty_store_proves_nothing(tmp_path: Path) -> None:
    result = verified(tmp_path / "s", [])
    assert (result.ok, result.episodes, result.faults) == (False, 0, ())


def test_a_store_of_episodes_that_all_broke_off_proves_nothing(tmp_path: Path) -> None:
    episodes = played(8, agent=Scripted(blunders=0.0, breaks_at=0))
    result = verified(tmp_path / "s", episodes)
    assert (result.ok, result.episodes, result.broken_off, result.faults) == (False, 8, 8, ())


def test_a_fault_reads_as_one_sentence() -> None:
    fault = Fault("e1", "reward", "of player_0: recorded 1.0, replayed -1.0")
    assert str(fault) == "episode 'e1': reward: of player_0: recorded 1.0, replayed -1.0"
