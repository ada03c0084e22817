"""Matches wait where a server has room for fewer than we want to play at once."""

import asyncio

import pytest

from sparring.rollout import crowds
from sparring.rollout.crowds import Crowds
from sparring.types import Episode


def episode(fault=None):
    return Episode("e", "env", "0", {}, 0, "env_error" if fault else "ok", {}, fault=fault)


class Room:
    """A server with a number of places, of which others hold some."""

    def __init__(self, places):
        self.free, self.tries, self.most, self.playing = places, 0, 0, 0

    async def play(self):
        self.tries += 1
        await asyncio.sleep(0)
        if self.playing >= self.free:
            return episode("capacity")
        self.playing += 1
        self.most = max(self.most, self.playing)
        await asyncio.sleep(0.001)
        self.playing -= 1
        return episode()


def played(room, count):
    async def all_of_them():
        crowd = Crowds()
        return await asyncio.gather(*(crowd.played("env", room.play) for _ in range(count)))

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("places", [1, 3, 50])
def test_all_are_played_and_nobody_asks_again_and_again(places):
    room = Room(places)
    assert [one.fault for one in played(room, 50)] == [None] * 50
    assert room.most == places
    assert room.tries <= 2 * 50


def test_where_others_hold_all_places_the_fault_stands_after_some_tries(monkeypatch):
    monkeypatch.setattr(crowds, "PAUSE", 0.0)
    room = Room(0)
    assert [one.fault for one in played(room, 3)] == ["capacity"] * 3
    assert room.tries <= 3 * (crowds.TRIES + 2)


def test_another_fault_is_not_tried_again():
    tries = []

    async def broken():
        tries.append(1)
        return episode("server")

    async def one():
        return await Crowds().played("env", broken)

    assert asyncio.run(one()).fault == "server"
    assert len(tries) == 1
