"""A store on a PostgreSQL server: what only servers do. What both kinds of stores do is in `test_store.py`."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from sparring.agents.scripted import RandomAgent
from sparring.cli.app import main
from sparring.content import Blob
from sparring.rollout.loop import play
from sparring.scoreboard.matches import by_name, rotated_matches
from sparring.store import postgres
from sparring.store.location import location_of
from sparring.store.postgres_tables import FrameTable
from sparring.store.segments import Frame
from sparring.store.store import DamagedEpisode, DamagedStore, Store, StoreVersionError
from sparring.types import Episode, Seen

Where = Callable[[], str]
AGENTS = by_name([RandomAgent(), RandomAgent()])
EPISODES = play(rotated_matches("sparring/KuhnPoker-v0", list(AGENTS), 12, 0), AGENTS)


def renamed(episode: Episode, id: str) -> Episode:
    return replace(episode, id=id)


@contextmanager
def sql(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection of somebody else to the schema of a store."""
    place = location_of(url)
    with psycopg.connect(place.dsn, autocommit=True) as connection:  # type: ignore[union-attr]
        connection.execute(f"SET search_path = {place.name}")  # type: ignore[union-attr]
        yield connection


@contextmanager
def with_setting(url: str, setting: str) -> Iterator[None]:
    """The server runs with another setting meanwhile, for every connection."""
    with sql(url) as connection:
        connection.execute(f"ALTER SYSTEM SET {setting}")
        connection.execute("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        with psycopg.connect(location_of(url).dsn, autocommit=True) as connection:  # type: ignore[union-attr]
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(f"ALTER SYSTEM RESET {setting.split(' ')[0]}")
            connection.execute("SELECT pg_reload_conf()")


def one_line(message: object) -> str:
    assert "\n" not in str(message)
    return str(message)


def test_the_root_and_the_frames_are_those_of_a_folder(on_server: Where, tmp_path: Path) -> None:
    for place in (on_server(), tmp_path / "s"):
        with Store(place, "a") as store:
            store.append(EPISODES[:5])
            store.put_columns("m", "n", {"a": 1.0})
            store.append(EPISODES[5:])
    with Store(on_server()) as one, Store(tmp_path / "s") as other:
        assert (one.root(), one.count) == (other.root(), 12)
        both = zip(one.parts.index.frames(1), other.parts.index.frames(1), strict=True)
        for (number, mine), (same, theirs) in both:
            assert number == same
            assert one.parts.frames.read(mine) == other.parts.frames.read(theirs)
        assert one.damage() == []


def test_stores_of_one_database_do_not_see_each_other(on_server: Callable[[str], str]) -> None:
    with Store(on_server("a"), "a") as one, Store(on_server("b"), "a") as other:
        one.append(EPISODES[:2])
        assert (one.count, other.count) == (2, 0)


def test_names_that_are_longer_than_an_index_takes(on_server: Where) -> None:
    long = random.Random(0).randbytes(9000).hex()
    episode = renamed(EPISODES[0], long)
    with Store(on_server(), "a") as store:
        store.append([episode])
        store.append([episode])
        store.put_columns("m", "n", {long: 1.0})
        assert (store.get(long), store.count, store.columns("m", "n")) == (episode, 1, {long: 1.0})
        with pytest.raises(ValueError, match="is taken"):
            store.append([renamed(EPISODES[1], long)])


def test_blobs_are_kept_once_and_damage_is_noticed(on_server: Where) -> None:
    blob = Blob.of(np.arange(5000))
    first = next(iter(EPISODES[0].trajectories.values()))
    trajectory = replace(first, last=Seen((blob, "the end")))
    episode = replace(EPISODES[0], trajectories={**EPISODES[0].trajectories, first.seat: trajectory})
    with Store(on_server(), "a") as store:
        store.append([episode, renamed(episode, "again")])
        assert store.blob(blob.sha256) == blob.data
        with pytest.raises(KeyError, match="no blob 00"):
            store.blob("00")
        with sql(on_server()) as connection:
            assert connection.execute("SELECT count(*) FROM blobs").fetchone() == (1,)
            connection.execute("UPDATE blobs SET data = set_byte(data, 60, get_byte(data, 60) # 1)")
        with pytest.raises(DamagedStore, match="is damaged"):
            store.blob(blob.sha256)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE episodes SET summary = summary || ' ' WHERE position = 3", "checksum of the row"),
        ("DELETE FROM episodes WHERE position = 3", "does not follow|frame"),
        ("DELETE FROM episodes WHERE position = 12", "it ends with 11 episodes"),
        ("DELETE FROM frames WHERE sequence = 1", "frame 1 is missing"),
        ("DROP TABLE frames CASCADE", "does not exist"),
    ],
)
def test_changed_rows_are_noticed(on_server: Where, statement: str, message: str) -> None:
    with Store(on_server(), "a") as store:
        store.append(EPISODES[:6])
        store.append(EPISODES[6:])
    with sql(on_server()) as connection:
        connection.execute(statement)
    with pytest.raises(DamagedStore, match=message) as failure, Store(on_server()) as store:
        store.get_many([episode.id for episode in EPISODES])
    one_line(failure.value)


def test_a_changed_frame_costs_its_own_episodes_and_is_named(on_server: Where) -> None:
    with Store(on_server(), "a") as store:
        store.append(EPISODES[:6])
        store.append(EPISODES[6:])
        with sql(on_server()) as connection:
            flip = "set_byte(data, 200, get_byte(data, 200) # 1)"
            connection.execute(f"UPDATE segments SET data = {flip} WHERE sequence = 1")
        found = [episode for _, episode in store.scan()]
        assert [isinstance(one, DamagedEpisode) for one in found] == [True] * 6 + [False] * 6
        with pytest.raises(DamagedEpisode, match="frame 1 is damaged"):
            store.get(EPISODES[0].id)
        with sql(on_server()) as connection:
            connection.execute("DELETE FROM segments WHERE sequence = 2")
        with pytest.raises(DamagedEpisode, match="frame 2 is damaged: the server has 0 of"):
            list(Store(on_server()).get_many([EPISODES[7].id]))


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_writer_goes_on_when_the_server_was_restarted(server: Any, on_server: Where, how: signal.Signals) -> None:
    with Store(on_server(), "a") as store, Store(on_server()) as reader:
        store.append(EPISODES[:4])
        server.stop(how)
        server.start()
        store.append(EPISODES[4:8])
        assert reader.get(EPISODES[5].id) == EPISODES[5]
        assert list(reader) == EPISODES[:8]
        server.stop(how)
        threading.Timer(0.7, server.start).start()
        store.append(EPISODES[4:12])
        assert list(store) == list(reader) == EPISODES
    with Store(on_server()) as store:
        assert list(store) == EPISODES


def test_a_connection_that_breaks_within_an_append_neither_loses_nor_doubles(
    on_server: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(on_server(), "a") as store:
        plain, broken = postgres.PostgresDatabase._ask, iter((True, False))

        def cut(self: Any, query: str, values: Any = ()) -> Any:
            answer = plain(self, query, values)
            if query == "COMMIT" and next(broken, False):  # it is committed, and the answer is lost
                self._connection.close()
                raise postgres.ServerGone("the answer is lost")
            return answer

        monkeypatch.setattr(postgres.PostgresDatabase, "_ask", cut)
        store.append(EPISODES[:3])
        assert list(store) == EPISODES[:3]


def test_a_connection_that_is_ended_within_an_append_costs_nothing(
    on_server: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(on_server(), "a") as store:
        store.append(EPISODES[:2])
        plain, ended = FrameTable.append, iter((True, False))

        def end(table: FrameTable, sequence: int, blob: bytes) -> Frame:
            frame = plain(table, sequence, blob)
            if next(ended, False):
                (number,) = table._db.first("SELECT pg_backend_pid()") or ()
                with sql(on_server()) as other:
                    other.execute("SELECT pg_terminate_backend(%s)", (number,))
            return frame

        monkeypatch.setattr(FrameTable, "append", end)
        store.append(EPISODES)
        assert list(store) == EPISODES
    with Store(on_server()) as store:
        assert list(store) == EPISODES


def test_who_may_not_use_the_schema_is_told_so(on_server: Where, server: Any) -> None:
    with Store(on_server(), "a") as store:
        store.append(EPISODES[:2])
    with sql(on_server()) as connection:
        connection.execute("DROP ROLE IF EXISTS guest")
        connection.execute("CREATE ROLE guest LOGIN")
    as_guest = on_server().replace("sparring@", "guest@")
    with pytest.raises(PermissionError, match="permission denied for schema") as failure:
        Store(as_guest)
    one_line(failure.value)
    with pytest.raises(PermissionError, match="permission denied for database"):
        Store(f"{as_guest}_new", "a")


@pytest.mark.slow
def test_a_server_that_does_not_come_back_is_one_line_and_the_rest_is_there(
    server: Any, on_server: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "AWAY_SECONDS", 0.5)
    waits, wait = [], postgres.PostgresDatabase._reconnect
    monkeypatch.setattr(postgres.PostgresDatabase, "_reconnect", lambda db: (waits.append(1), wait(db)))
    with Store(on_server(), "a") as store, Store(on_server(), "a") as unread:
        store.append(EPISODES[:4])
        server.stop()
        try:
            with pytest.raises(ConnectionError, match="cannot be used: connection") as failure:
                store.append(EPISODES[4:])
            with pytest.raises(ConnectionError, match="cannot be used"):
                store.get(EPISODES[0].id)  # away is not damaged
            one_line(failure.value)
            with pytest.raises(ConnectionError, match="cannot be used"):
                unread.append(EPISODES[4:])
            assert len(waits) == 3  # each waits once
        finally:
            server.start()
        store.append(EPISODES[6:])
        assert list(store) == EPISODES[:4] + EPISODES[6:]


def test_a_server_that_says_nothing_is_waited_for_so_long_only(
    on_server: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(on_server(), "a") as store:
        store.append(EPISODES[:4])
        row = store.parts.index._db.first("SELECT pg_backend_pid()")
        monkeypatch.setattr(postgres, "ANSWER_SECONDS", 0.3)
        os.kill(row[0], signal.SIGSTOP)
        try:
            with pytest.raises(TimeoutError, match=r"did not answer for 0\.3 s"):
                store.append(EPISODES[4:])
        finally:
            os.kill(row[0], signal.SIGCONT)
        monkeypatch.undo()
        assert list(store) == EPISODES[:4]
        store.append(EPISODES)
        assert list(store) == EPISODES


def test_another_writer_is_waited_for_so_long_only(on_server: Where, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "LOCK_SECONDS", 0.2)
    with Store(on_server(), "a") as store, sql(on_server()) as other:
        store.append(EPISODES[:4])
        with other.transaction():
            other.execute("SELECT * FROM head FOR UPDATE")
            with pytest.raises(TimeoutError, match=r"locked by another writer for 0\.2 s"):
                store.append(EPISODES[4:])
        store.append(EPISODES[4:])
        assert list(store) == EPISODES


def test_a_database_that_may_only_be_read_is_read_and_refuses_writers(on_server: Where) -> None:
    with Store(on_server(), "a") as store:
        store.append(EPISODES[:4])
        with with_setting(on_server(), "default_transaction_read_only = on"):
            with pytest.raises(PermissionError, match="cannot be written: the database is read-only"):
                Store(on_server(), "a")
            with Store(on_server()) as reader:
                assert list(reader) == EPISODES[:4]
            wait_for_setting(store, "on")
            with pytest.raises(PermissionError, match=r"written: cannot execute .* read-only transaction"):
                store.append(EPISODES[4:])
        wait_for_setting(store, "off")
        store.append(EPISODES[4:])
        assert list(store) == EPISODES


def wait_for_setting(store: Store, value: str) -> None:
    """Connections hear of a setting between two statements, a moment later."""
    for _ in range(2000):
        if store.parts.index._db.first("SHOW default_transaction_read_only") == (value,):
            return
    raise AssertionError("the setting did not change")


def test_a_server_that_could_lose_what_it_acknowledges_is_refused(on_server: Where) -> None:
    Store(on_server(), "a").close()
    with with_setting(on_server(), "fsync = off"):
        with pytest.raises(OSError, match="runs with fsync=off, so it could lose episodes") as failure:
            open_often(on_server())
        one_line(failure.value)


def open_often(url: str) -> None:
    """The server hears of a setting a moment later."""
    for _ in range(2000):
        Store(url, "a").close()


def test_commits_are_durable_where_the_server_makes_them_lazy(on_server: Where) -> None:
    url = on_server() + "&options=-c%20synchronous_commit%3Doff"
    with Store(url, "a") as store:
        assert store.parts.index._db.first("SHOW synchronous_commit") == ("on",)


def test_a_full_disk_is_one_line_and_costs_nothing_that_is_recorded(on_server: Where) -> None:
    with Store(on_server(), "a") as store, sql(on_server()) as other:
        store.append(EPISODES[:4])
        other.execute(
            "CREATE FUNCTION disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING "
            "ERRCODE = '53100', MESSAGE = 'could not extend file: No space left on device'; END $$"
        )
        other.execute("CREATE TRIGGER disk BEFORE INSERT ON segments FOR EACH ROW EXECUTE FUNCTION disk()")
        with pytest.raises(OSError, match="No space left on device") as failure:
            store.append(EPISODES[4:])
        assert "store=" in one_line(failure.value)
        other.execute("DROP TRIGGER disk ON segments")
        assert list(store) == EPISODES[:4]
        store.append(EPISODES[4:])
        assert list(store) == EPISODES


def test_what_is_no_store_of_this_version_is_refused_and_left_alone(on_server: Callable[[str], str]) -> None:
    with pytest.raises(FileNotFoundError, match="no episode store at postgresql://"):
        Store(on_server("none"))
    with Store(on_server("old"), "a") as store:
        store.append(EPISODES[:2])
    with sql(on_server("old")) as connection:
        connection.execute("UPDATE marker SET version = 1")
    for mode in ("r", "a"):
        with pytest.raises(StoreVersionError, match="reads only sparring-store version"):
            Store(on_server("old"), mode)  # type: ignore[arg-type]
    name = location_of(on_server("else")).name  # type: ignore[union-attr]
    with sql(on_server("old")) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
        connection.execute(f"CREATE TABLE {name}.customers (id int)")
    with pytest.raises(FileExistsError, match="holds something else and no episode store"):
        Store(on_server("else"), "a")
    with pytest.raises(FileNotFoundError):
        Store(on_server("else"))


def test_a_wrong_database_user_or_address_is_one_line_without_the_password(server: Any, tmp_path: Path) -> None:
    for url, message in (
        (f"postgresql://sparring:secret@/nowhere?host={server.folder}", 'database "nowhere" does not exist'),
        (f"postgresql://nobody:secret@/postgres?host={server.folder}", 'role "nobody" does not exist'),
        (f"postgresql://sparring@/postgres?host={tmp_path}&password=secret", "No such file or directory"),
        ("postgresql://sparring:secret@127.0.0.1:1/postgres", "Connection refused"),
    ):
        with pytest.raises(ConnectionError, match=message) as failure:
            Store(url, "a")
        assert "secret" not in one_line(failure.value)
    with pytest.raises(ValueError, match='is no address of a database: invalid URI query parameter: "colour"') as wrong:
        Store("postgresql://u:secret@h/d?colour=red")
    assert "secret" not in one_line(wrong.value)
    for url in ("u:se cret@h/d", "u@h/d?password=se cret", "u:se%zzcret@h/d", "u:secret@[::1/d"):
        with pytest.raises(ValueError, match="in a name or password, blanks, %, @ and / are written %20") as wrong:
            Store(f"postgresql://{url}")
        assert "cret" not in one_line(wrong.value)
    with pytest.raises(ValueError, match="a @ of a user's name or password is written %40"):
        Store("postgresql://u:sec@ret@h/d")


def test_commands_take_the_url_of_a_store(
    on_server: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = on_server("cli")
    assert main(["play", "KuhnPoker", "--episodes", "6", "--store", url]) == 0
    assert main(["play", "KuhnPoker", "--episodes", "8", "--store", url]) == 0
    assert f"6 of these games were in {url} already" in capsys.readouterr().out
    assert main(["verify", url]) == 0
    assert "8 episodes" in capsys.readouterr().out
    assert main(["replay", url, "3"]) == 0
    assert main(["report", url, "-o", str(tmp_path / "r.html")]) == 0
    assert f"sparring verify &#39;{url}" in (tmp_path / "r.html").read_text().replace("&amp;", "&")
    capsys.readouterr()
    assert main(["data", url, "-o", str(tmp_path / "rows.jsonl"), "--agent", "random"]) == 2
    assert "none of 16 attempts has recorded tokens" in capsys.readouterr().err
    assert main(["verify", url.replace("cli", "none")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no episode store at postgresql://sparring@/" in line
    for verb in ("compact", "reindex"):
        assert main(["store", verb, url]) == 2
        assert "only a store in a folder has" in capsys.readouterr().err
