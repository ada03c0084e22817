from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sparring.trainers.league import League, frozen_seat

SEATS = ["player_0", "player_1"]


@given(st.integers(1, 6), st.integers(1, 40))
def test_the_league_keeps_its_size_and_the_newest(size, count):
    league = League(size)
    for update in range(10, 10 * count + 1, 10):
        league.add(f"update-{update}")
        assert len(league.members) <= size
        assert league.members[-1] == f"update-{update}" or size == 1
    assert league.members == sorted(league.members, key=lambda name: int(name[7:]))


def test_the_league_keeps_a_spread_of_the_past():
    league = League(4)
    for update in range(10, 410, 10):
        league.add(f"update-{update}")
    ages = [int(name[7:]) for name in league.members]
    assert ages[0] <= 150
    assert ages[-1] == 400


def test_names_that_leave_are_told():
    league = League(1)
    assert league.add("update-10") == []
    assert league.add("update-20") == ["update-10"]


def test_draws_repeat_and_reach_every_member():
    league = League(3, ["update-1", "update-2", "update-3"])
    draws = [league.draw(7, update) for update in range(100)]
    assert draws == [league.draw(7, update) for update in range(100)]
    assert set(draws) == set(league.members)
    assert League(3).draw(7, 1) is None


def test_frozen_seats_rotate_and_keep_their_share():
    seats = Counter(frozen_seat(index, SEATS, 0.2) for index in range(4000))
    assert seats["player_0"] == seats["player_1"] == 400
    assert frozen_seat(0, SEATS, 0.0) is None


def test_a_league_survives_a_checkpoint():
    league, other = League(2, ["update-3"]), League(2)
    other.load_state_dict(league.state_dict())
    assert other.members == ["update-3"]
