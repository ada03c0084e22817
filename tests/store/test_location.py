"""Where a store is, from what somebody wrote; passwords are never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparring.store.location import Server, location_of
from sparring.store.store import Store


def test_a_url_is_a_server_and_anything_else_a_folder() -> None:
    assert location_of("postgresql://me@h/d?store=games") == Server("postgresql://me@h/d", "games")
    assert location_of("postgres://h/d") == Server("postgres://h/d", "sparring")
    both = location_of("postgresql:///d?host=/tmp/x&store=a_1&connect_timeout=3")
    assert both == Server("postgresql:///d?host=/tmp/x&connect_timeout=3", "a_1")
    assert location_of(both) is both
    assert location_of("runs/first") == location_of(Path("runs/first")) == Path("runs/first")


def test_a_server_is_shown_as_it_is_written_without_its_password() -> None:
    for url, shown in (
        ("postgresql://me:se:cret@h:5432/d?store=games", "postgresql://me@h:5432/d?store=games"),
        ("postgresql://me@h/d?password=secret&sslmode=require", "postgresql://me@h/d?password=...&sslmode=require"),
        ("postgresql://me:se[cret@h/d", "postgresql://me@h/d"),
        ("postgresql://h/d?sslpassword=secret", "postgresql://h/d?sslpassword=..."),
        ("postgresql://h/d", "postgresql://h/d"),
    ):
        assert str(location_of(url)) == shown
        assert "secret" not in repr(location_of(url))


@pytest.mark.parametrize("name", ["", "A", "pg_x", "a-b", "1a", 'a"b', "x" * 64, "a b"])
def test_a_name_that_is_no_plain_name_of_a_schema_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="store must be a name of small letters"):
        location_of(f"postgresql://h/d?store={name}")


def test_what_is_neither_is_refused_with_what_would_be_right() -> None:
    with pytest.raises(ValueError, match="where that is an archive, `sparring store copy` makes a store of it"):
        Store("s3://bucket/games")
    with pytest.raises(ValueError, match="give the URL as text"):
        Store(Path("postgresql://h/d"))
    with pytest.raises(TypeError, match="path must be the path of a folder, or a postgresql:// URL, got 3"):
        Store(3)  # type: ignore[arg-type]
