"""The episode store gives back what was put in, or says which episode is damaged."""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparring.cli.app import main
from sparring.content import canonical_json
from sparring.store.store import DamagedEpisode, DamagedStore, Store, StoreVersionError
from sparring.types import (
    Call,
    Episode,
    Message,
    Policy,
    Sampling,
    Seen,
    Segment,
    Trajectory,
    Turn,
)

Where = Callable[[str], Path | str]
SEATS = ("player_0", "player_1")
NUMBERS = count(1)


def make_turn(index: int, text: str = "You hold the king.", action: str = "bet", legal: bool = True) -> Turn:
    segments = (Segment("prompt", (7, 8, 9)), Segment("generated", (1, 2), (-0.5, -0.25), ((1, 3), (2,))))
    call = Call(Policy("nano", trainable=True), Sampling(), segments)
    seen = Seen((text,), ("bet", "pass"))
    return Turn(index, seen, action, legal, 0.0, calls=(call,), env_seconds=0.1, agent_seconds=0.2)


def make_episode(id: str, text: str = "You hold the king.", reward: float = 1.0, agent: str = "random") -> Episode:
    trajectories = {
        seat: Trajectory(
            id=f"{id}/{seat}",
            seat=seat,
            agent=agent if seat == "player_0" else "random",
            turns=tuple(make_turn(index, text) for index in range(number, 4, 2)),
            reward=reward if seat == "player_0" else -reward,
            reward_parts={"payoff": reward if seat == "player_0" else -reward},
            parents=(("retry_of", "other/player_0"),),
        )
        for number, seat in enumerate(SEATS)
    }
    return Episode(id, "sparring/KuhnPoker-v0", "0", {}, 7, "ok", trajectories, task="t", group="g")


def filled(path: Path | str, count: int = 24, batch: int = 4) -> list[Episode]:
    episodes = [make_episode(f"e{number}") for number in range(count)]
    with Store(path, "a") as store:
        for start in range(0, count, batch):
            store.append(episodes[start : start + batch])
    return episodes


def joined(text: str) -> str:
    """A high and a low surrogate side by side are one character in JSON, by its definition."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


hostile = st.text(st.characters(exclude_categories=()), max_size=20).map(joined) | st.sampled_from(
    ["\x00", "\ud800", "</script><img onerror=alert(1)>", "\r\n\x85\u2028", "'; DROP TABLE episodes;--", "\udcff\udcfe"]
)
floats = st.floats(allow_nan=False)
jsonable = st.recursive(
    st.none() | st.booleans() | st.integers() | floats | hostile,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hostile, inner, max_size=3),
    max_leaves=6,
)


segments = st.lists(st.integers(0, 50_000), max_size=4).flatmap(
    lambda ids: st.builds(
        Segment,
        kind=st.sampled_from(["prompt", "generated", "scaffold"]),
        token_ids=st.just(tuple(ids)),
        logprobs=st.none() | st.just(tuple(-float(id) for id in ids)),
        allowed=st.none() | st.just(tuple((id, id + 1) for id in ids)),
    )
)
notes = st.dictionaries(hostile | st.just("env_seconds"), jsonable, max_size=2)
seen = st.builds(
    Seen,
    content=st.lists(hostile, max_size=2).map(tuple),
    legal_actions=st.none() | st.lists(hostile, max_size=3).map(tuple),
    info=notes,
)
calls = st.builds(
    Call,
    policy=st.builds(Policy, model=hostile, adapter=st.none() | hostile, trainable=st.booleans()),
    sampling=st.none() | st.builds(Sampling, temperature=floats),
    segments=st.lists(segments, max_size=2).map(tuple),
    messages=st.lists(st.builds(Message, hostile, hostile), max_size=2).map(tuple),
    purpose=hostile,
    continues=st.none() | hostile,
    stop_reason=hostile,
)
turns = st.builds(
    Turn,
    index=st.integers(0, 99),
    observation=seen,
    action=hostile,
    legal=st.booleans(),
    reward=floats,
    reward_parts=st.dictionaries(hostile, floats, max_size=2),
    hidden=notes,
    calls=st.lists(calls, max_size=2).map(tuple),
    notes=notes,
    env_seconds=floats,
    agent_seconds=floats,
)
trajectories = st.builds(
    Trajectory,
    id=hostile,
    seat=hostile,
    agent=hostile,
    turns=st.lists(turns, max_size=3).map(tuple),
    reward=floats,
    last=st.none() | seen,
    hidden=notes,
    reward_parts=st.dictionaries(hostile, floats, max_size=2),
    metrics=st.dictionaries(hostile, floats, max_size=2),
    stop_reason=hostile,
    parents=st.lists(st.tuples(hostile, hostile), max_size=2).map(tuple),
)
built_episodes = st.builds(
    Episode,
    id=hostile,
    env_id=hostile,
    env_version=hostile,
    env_kwargs=st.dictionaries(hostile, jsonable, max_size=2),
    seed=st.integers(0, 2**70),
    sample=st.integers(0, 9),
    status=st.sampled_from(["ok", "truncated", "env_error", "agent_error"]),
    trajectories=st.dictionaries(hostile, trajectories, max_size=2),
    task=st.none() | hostile,
    group=st.none() | hostile,
    error=st.none() | hostile,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(episodes=st.lists(built_episodes, max_size=3, unique_by=lambda episode: canonical_json(episode.id)))
def test_any_episode_comes_back_equal(where: Where, episodes: list[Episode]) -> None:
    path = where(f"any{next(NUMBERS)}")
    with Store(path, "a") as store:
        store.append(episodes)
    with Store(path) as store:
        assert list(store) == episodes
        assert store.get_many([episode.id for episode in episodes]) == {e.id: e for e in episodes}
        assert [row.hash for row in store.rows()] == [episode.hash for episode in episodes]


def test_what_is_appended_is_counted_found_and_iterated_in_order(where: Where) -> None:
    episodes = [make_episode("b"), make_episode("a", agent="smollm2"), make_episode("c")]
    with Store(where("s"), "a") as store:
        store.append(episodes[:2])
        store.append(episodes[2:])
        assert (len(store), store.count) == (3, 3)
        assert list(store) == episodes
        assert "a" in store
        assert "z" not in store
        assert store.get("a") == episodes[1]
        assert list(store.get_many(["c", "b"])) == ["c", "b"]
        assert store.find(agent="smollm2") == [episodes[1]]
        assert store.find(env_id="sparring/KuhnPoker-v0", limit=2) == episodes[:2]
        assert store.find(env_id="other") == store.find(status="truncated") == store.find(group="h") == []
        assert store.find(group="g", status="ok") == episodes
        assert [(row.id, episode) for row, episode in store.scan(agent="smollm2")] == [("a", episodes[1])]
        assert [row.position for row, _ in store.scan(group="g", limit=2)] == [1, 2]


def test_rows_say_what_the_episodes_hold(where: Where) -> None:
    episode = make_episode("e")
    first = episode.trajectories["player_0"]
    illegal = replace(first, turns=(*first.turns[:-1], replace(first.turns[-1], legal=False)), reward=-1.0)
    episode = replace(episode, trajectories={**episode.trajectories, "player_0": illegal})
    with Store(where("s"), "a") as store:
        store.append([episode])
        (row,) = store.rows()
    assert (row.position, row.id, row.env_id, row.status, row.seed) == (1, "e", "sparring/KuhnPoker-v0", "ok", 7)
    assert (row.group, row.task, row.hash) == ("g", "t", episode.hash)
    assert row.rewards == {"player_0": -1.0, "player_1": -1.0}
    assert row.payoffs == {"player_0": 1.0, "player_1": -1.0}
    assert row.illegal == {"player_0": 1, "player_1": 0}
    assert row.turns == {"player_0": 2, "player_1": 2}
    assert row.tokens == {"player_0": 4, "player_1": 4}


def test_a_missing_id_is_a_key_error_that_names_it(where: Where) -> None:
    filled(where("s"), 1)
    with Store(where("s")) as store, pytest.raises(KeyError, match="nowhere"):
        store.get("nowhere")


def test_an_equal_episode_is_stored_once_and_another_with_its_id_is_refused(where: Where) -> None:
    episode = make_episode("e")
    slower = replace(
        episode,
        trajectories={
            seat: replace(t, turns=tuple(replace(turn, env_seconds=9.0) for turn in t.turns))
            for seat, t in episode.trajectories.items()
        },
    )
    with Store(where("s"), "a") as store:
        store.append([episode, episode])
        root = store.root()
        store.append([slower])
        assert (len(store), store.root()) == (1, root)
        with pytest.raises(ValueError, match="'e' is taken"):
            store.append([make_episode("f"), make_episode("e", reward=-1.0)])
        with pytest.raises(ValueError, match="'g' is taken"):
            store.append([make_episode("g"), make_episode("g", reward=-1.0)])
        assert list(store) == [episode]


def test_the_root_depends_on_contents_and_order_only(where: Where) -> None:
    one, two = make_episode("a"), make_episode("b")
    roots = []
    for name, batches in (("x", [[one, two]]), ("y", [[one], [two]]), ("z", [[two], [one]])):
        with Store(where(name), "a") as store:
            for batch in batches:
                store.append(batch)
            roots.append(store.root())
    assert roots[0] == roots[1] != roots[2]


def test_content_that_json_would_change_is_refused_by_name(where: Where) -> None:
    with Store(where("s"), "a") as store:
        with pytest.raises(TypeError, match="episode 'keys' cannot be stored: keys must be strings, got 1"):
            store.append([replace(make_episode("keys"), env_kwargs={"sizes": [{1: 2}]})])
        with pytest.raises(TypeError, match=r"episode 'object' cannot be stored: .*Path"):
            store.append([replace(make_episode("object"), env_kwargs={"path": Path("x")})])
        assert len(store) == 0


def test_columns_come_back_by_method_and_refuse_to_change(where: Where) -> None:
    with Store(where("s"), "a") as store:
        store.put_columns("spiral", "advantage", {"e/player_0": 0.1, "e/\ud800": float("inf")})
        store.put_columns("spiral", "advantage", {"e/player_0": 0.1, "f/player_0": float("nan")})
        store.put_columns("spiral", "advantage", {"f/player_0": float("nan")})
        store.put_columns("reinforce", "advantage", {"e/player_0": -1})
        with pytest.raises(ValueError, match=r"spiral/advantage of 'e/player_0' is stored as 0.1, got 0.2"):
            store.put_columns("spiral", "advantage", {"new": 1.0, "e/player_0": 0.2})
    with Store(where("s")) as store:
        found = store.columns("spiral", "advantage")
        assert repr(found) == repr({"e/player_0": 0.1, "e/\ud800": float("inf"), "f/player_0": float("nan")})
        assert store.columns("reinforce", "advantage") == {"e/player_0": -1.0}
        assert store.columns("reinforce", "weight") == {}


def test_reading_a_path_without_a_store_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no episode store at .*nowhere.*sparring train"):
        Store(tmp_path / "nowhere")
    filled(tmp_path / "run" / "episodes", 1)
    with pytest.raises(FileNotFoundError, match=r"did you mean .*run/episodes\?"):
        Store(tmp_path / "run")


def test_a_store_opened_for_reading_refuses_to_append(where: Where) -> None:
    filled(where("s"), 1)
    with Store(where("s")) as store:
        with pytest.raises(PermissionError, match="open for reading"):
            store.append([make_episode("new")])
        with pytest.raises(PermissionError, match="open for reading"):
            store.put_columns("m", "n", {"e": 1.0})


@pytest.mark.parametrize("mode", ["r", "a"])
@pytest.mark.parametrize("text", ['{"format": "sparring-store", "version": 1}', "{", '{"format": "other"}'])
def test_another_format_version_is_refused_and_left_alone(tmp_path: Path, mode: str, text: str) -> None:
    filled(tmp_path / "s", 1)
    marker = tmp_path / "s" / "store.json"
    marker.write_text(text)
    with pytest.raises(StoreVersionError, match="store"):
        Store(tmp_path / "s", mode)  # type: ignore[arg-type]
    assert marker.read_text() == text


def test_an_unknown_mode_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mode must be 'r' or 'a', got 'w'"):
        Store(tmp_path / "s", "w")  # type: ignore[arg-type]


def test_a_reader_sees_what_a_writer_has_acknowledged(where: Where) -> None:
    with Store(where("s"), "a") as writer, Store(where("s")) as reader:
        writer.append([make_episode("a")])
        assert [episode.id for episode in reader] == ["a"]
        writer.append([make_episode("b")])
        assert [episode.id for episode in reader] == ["a", "b"]


def test_a_large_segment_is_followed_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparring.store.segments.ROTATE_BYTES", 1500)
    episodes = filled(tmp_path / "s", 24, batch=2)
    assert len(list((tmp_path / "s" / "segments").iterdir())) > 1
    with Store(tmp_path / "s") as store:
        assert list(store) == episodes


def test_what_a_crash_left_half_written_is_moved_aside_on_append(tmp_path: Path) -> None:
    episodes = filled(tmp_path / "s")
    (segment,) = (tmp_path / "s" / "segments").iterdir()
    size = segment.stat().st_size
    torn = segment.read_bytes()[: size // 3]
    with open(segment, "ab") as file:
        file.write(torn)
    (segment.parent / "orphan.zst").write_bytes(b"torn")
    with Store(tmp_path / "s") as store:
        assert list(store) == episodes
    assert segment.stat().st_size > size
    with Store(tmp_path / "s", "a") as store:
        store.append([make_episode("after")])
        assert [episode.id for episode in store][-1] == "after"
    assert segment.stat().st_size == size
    assert not (segment.parent / "orphan.zst").exists()
    assert {file.read_bytes() for file in segment.parent.glob("*.torn")} == {torn, b"torn"}


def test_a_live_writers_tail_is_left_alone(tmp_path: Path) -> None:
    with Store(tmp_path / "s", "a") as first:
        first.append([make_episode("a")])
        (segment,) = (tmp_path / "s" / "segments").iterdir()
        with open(segment, "ab") as file:
            file.write(b"in the middle of a write")
        size = segment.stat().st_size
        Store(tmp_path / "s", "a").close()
        assert segment.stat().st_size == size


def test_a_damaged_frame_costs_only_its_own_episodes_and_names_them(tmp_path: Path) -> None:
    episodes = filled(tmp_path / "s", 24, batch=4)
    (segment,) = (tmp_path / "s" / "segments").iterdir()
    flip(segment, segment.stat().st_size * 8 // 2)
    with Store(tmp_path / "s") as store:
        found = [episode for _, episode in store.scan()]
        damaged = [fault for fault in found if isinstance(fault, DamagedEpisode)]
        assert [fault.episode_id for fault in damaged] == [
            row.id for row, episode in store.scan() if isinstance(episode, DamagedEpisode)
        ]
        assert len(damaged) == 4
        assert [episode for episode in found if isinstance(episode, Episode)] == [
            episode for episode in episodes if episode.id not in {fault.episode_id for fault in damaged}
        ]
        with pytest.raises(DamagedEpisode, match=rf"episode '{damaged[0].episode_id}' in .*zst at byte \d+"):
            store.get(damaged[0].episode_id)
        with pytest.raises(DamagedEpisode):
            list(store)


def test_an_index_row_of_another_episode_is_not_believed(tmp_path: Path) -> None:
    filled(tmp_path / "s", 4)
    with sqlite3.connect(tmp_path / "s" / "index.sqlite") as db:
        db.execute("UPDATE episodes SET line = 1 WHERE id = 'e0'")
    with Store(tmp_path / "s") as store:
        with pytest.raises(DamagedStore, match="checksum"):
            list(store)
        with pytest.raises(DamagedStore, match="checksum"):
            store.get("e3")


def test_a_lookup_that_a_damaged_index_would_miss_is_an_error_and_not_a_miss(tmp_path: Path) -> None:
    filled(tmp_path / "s", 4)
    with sqlite3.connect(tmp_path / "s" / "index.sqlite") as db:
        db.execute("DELETE FROM episodes WHERE id = 'e1'")
    for look in (lambda s: "e1" in s, lambda s: s.find(group="g"), lambda s: s.known(["e1"]), lambda s: list(s.rows())):
        with Store(tmp_path / "s") as store, pytest.raises(DamagedStore, match="does not follow"):
            look(store)


def test_rows_that_went_missing_are_noticed(tmp_path: Path) -> None:
    filled(tmp_path / "s", 4)
    with sqlite3.connect(tmp_path / "s" / "index.sqlite") as db:
        db.execute("DELETE FROM episodes WHERE id = 'e3'")
    with pytest.raises(DamagedStore, match="3 episodes"):
        Store(tmp_path / "s")


def flip(path: Path, bit: int) -> None:
    with open(path, "r+b") as file:
        file.seek(bit // 8)
        (byte,) = file.read(1)
        file.seek(bit // 8)
        file.write(bytes([byte ^ (1 << bit % 8)]))


def read_everything(path: Path) -> object:
    with Store(path) as store:
        by_id = store.get_many([f"e{number}" for number in range(24)])
        columns = store.columns("spiral", "advantage")
        return list(store), by_id, columns, store.root(), store.find(agent="random"), list(store.rows())


@pytest.mark.slow
@pytest.mark.parametrize("part", ["segments", "index.sqlite", "store.json"])
def test_no_flipped_bit_goes_unnoticed(tmp_path: Path, part: str) -> None:
    filled(tmp_path / "s", 24)
    with Store(tmp_path / "s", "a") as store:
        store.put_columns("spiral", "advantage", {f"e{n}/player_0": n / 7 for n in range(24)})
    truth, generator, found = read_everything(tmp_path / "s"), random.Random(part), 0
    for _ in range(100):
        shutil.copytree(tmp_path / "s", tmp_path / "copy")
        target = tmp_path / "copy" / part
        target = max(target.iterdir(), key=os.path.getsize) if target.is_dir() else target
        flip(target, generator.randrange(target.stat().st_size * 8))
        try:
            assert read_everything(tmp_path / "copy") == truth, "a flipped bit changed what was read"
        except (DamagedStore, StoreVersionError):
            found += 1
        shutil.rmtree(tmp_path / "copy")
    assert found >= 20


WRITER = """
import sys
sys.path.insert(0, {folder!r})
from test_store import Store, make_episode
with Store({path!r}, "a") as store:
    start = store.count
    for number in range(start, start + 100_000, 3):
        batch = [make_episode(f"{name}{{number + k}}", text="x" * 500) for k in range(3)]
        store.append(batch)
        print(*[episode.id for episode in batch], flush=True)
"""


@pytest.mark.slow
def test_killing_the_writer_loses_no_acknowledged_episode(where: Where) -> None:
    path, acknowledged, generator = where("s"), [], random.Random(0)
    for round in range(20):
        code = WRITER.format(folder=str(Path(__file__).parent), path=str(path), name=f"r{round}-")
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        first = process.stdout.readline()
        for _ in range(generator.randrange(1, 12)):
            first += process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        acknowledged += (first + process.communicate()[0]).split()
    assert len(acknowledged) > 60
    with Store(path, "a") as store:
        stored = [episode.id for episode in store]
        assert set(acknowledged) <= set(stored)
        assert len(stored) == len(set(stored)) == store.count
        assert store.get(acknowledged[0]) == make_episode(acknowledged[0], text="x" * 500)


def write_some(path: Path | str, name: str) -> None:
    with Store(path, "a") as store:
        for number in range(30):
            store.append([make_episode(f"{name}{number}"), make_episode(f"both{number}")])


@pytest.mark.slow
def test_two_processes_write_to_one_store(where: Where) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=write_some, args=(where("s"), name)) for name in "ab"]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    with Store(where("s")) as store:
        expected = {f"{name}{number}" for name in ("a", "b", "both") for number in range(30)}
        assert {episode.id for episode in store} == expected
        assert store.count == 90


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """The next write beyond `size` bytes of any file fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("limit", ["segment", "index"])
def test_a_full_disk_leaves_what_is_recorded_readable(tmp_path: Path, limit: str) -> None:
    noise = random.Random(0).randbytes(60_000).hex()
    with Store(tmp_path / "s", "a") as store:
        store.append([make_episode("a")])
        (segment,) = (tmp_path / "s" / "segments").iterdir()
        log = tmp_path / "s" / "index.sqlite-wal"
        size = segment.stat().st_size + 1000 if limit == "segment" else log.stat().st_size + 100
        with file_size_limit(size), pytest.raises(OSError, match=r"."):
            store.append([make_episode("b", text=noise if limit == "segment" else "short")])
        assert [episode.id for episode in store] == ["a"]
        store.append([make_episode("c")])
        assert [episode.id for episode in store] == ["a", "c"]
    with Store(tmp_path / "s", "a") as store:
        assert [episode.id for episode in store] == ["a", "c"]


def test_a_closed_store_is_one_file_per_kind_and_readable_without_writing(tmp_path: Path) -> None:
    episodes = filled(tmp_path / "s", 4)
    before = sorted(os.listdir(tmp_path / "s"))
    assert before == ["index.sqlite", "segments", "store.json"]
    with Store(tmp_path / "s") as store:
        assert list(store) == episodes


@pytest.mark.parametrize("words", ["verify games", "replay games", "play KuhnPoker --episodes 3 --store games"])
def test_a_link_to_nothing_beside_the_index_is_named_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["play", "KuhnPoker", "--episodes", "2", "--store", "games"]) == 0
    link = Path("games/index.sqlite-shm")
    link.unlink(missing_ok=True)
    link.symlink_to("/nowhere/at-all")
    capsys.readouterr()
    assert main(words.split()) == 2
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    said = "index.sqlite-shm beside it is a link to /nowhere/at-all, where nothing is; remove the link"
    assert line == f"sparring: games/index.sqlite: {said}"
    link.unlink()
    assert main(words.split()) == 0
    capsys.readouterr()
    Path("new").mkdir()
    Path("new/index.sqlite-shm").symlink_to("/nowhere/at-all")
    assert main(["play", "KuhnPoker", "--episodes", "2", "--store", "new"]) == 2
    assert said in capsys.readouterr().err
