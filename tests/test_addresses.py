"""Which names mean this machine."""

from __future__ import annotations

import pytest

from sparring.addresses import is_loopback, names_this_machine


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]"])
def test_a_local_name_is_one_with_and_without_a_port(name: str) -> None:
    assert names_this_machine(name)
    assert names_this_machine(f"{name}:8000")


@pytest.mark.parametrize("host", ["", ":8000", "example.org", "example.org:80", "localhost.example.org", "[::1", "::2"])
def test_any_other_name_is_none(host: str) -> None:
    assert not names_this_machine(host)


def test_who_reaches_a_server() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.0.0.2", "::1")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "example.org", "", "[::1]")))
