import tempfile
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sparring.trainers.league import League, frozen_seat

SEATS = ["player_0", "player_1"]


def snapshot(update):
    return {"w": torch.tensor([float(update)])}


def league_after(folder, size, updates):
    league = League(folder, size)
    for update in updates:
        league.add(f"update-{update}", snapshot(update))
    return league


@given(st.integers(1, 6), st.integers(1, 40))
def test_the_league_keeps_its_size_and_the_newest(size, count):
    with tempfile.TemporaryDirectory() as folder:
        league = League(Path(folder), size)
        for update in range(10, 10 * count + 1, 10):
            league.add(f"update-{update}", snapshot(update))
            assert len(league.members) <= size
            assert league.members[-1] == f"update-{update}" or size == 1
        assert league.members == sorted(league.members, key=lambda name: int(name[7:]))


def test_the_league_keeps_a_spread_of_the_past(tmp_path):
    ages = [int(name[7:]) for name in league_after(tmp_path, 4, range(10, 410, 10)).members]
    assert ages[0] <= 150
    assert ages[-1] == 400


def test_snapshots_that_left_stay_on_disk_until_pruned(tmp_path):
    league = league_after(tmp_path, 1, [10, 20])
    assert league.members == ["update-20"]
    assert len(list(tmp_path.iterdir())) == 2
    league.prune()
    assert [file.stem for file in tmp_path.iterdir()] == ["update-20"]
    assert league.weights("update-20")["w"].item() == 20.0


def test_draws_repeat_and_reach_every_member(tmp_path):
    league = league_after(tmp_path, 3, [1, 2, 3])
    draws = [league.draw(7, update) for update in range(100)]
    assert draws == [league.draw(7, update) for update in range(100)]
    assert set(draws) == set(league.members)
    assert League(tmp_path, 3).draw(7, 1) is None


def test_frozen_seats_rotate_and_keep_their_share():
    seats = Counter(frozen_seat(index, SEATS, 0.2) for index in range(4000))
    assert seats["player_0"] == seats["player_1"] == 400
    assert frozen_seat(0, SEATS, 0.0) is None


@given(st.floats(0.0, 1.0), st.integers(0, 10_000), st.integers(1, 64))
def test_any_number_of_matches_meets_the_league_in_its_share_to_within_one_and_in_both_seats(share, start, count):
    seats = Counter(frozen_seat(index, SEATS, share) for index in range(start, start + count))
    frozen = [seats[seat] for seat in SEATS]
    assert abs(sum(frozen) - share * count) < 1.0 + 1e-6
    assert abs(frozen[0] - frozen[1]) <= 1


def test_a_small_share_meets_the_league_now_and_then():
    assert sum(frozen_seat(index, SEATS, 0.02) is not None for index in range(500)) == 10


def test_a_damaged_snapshot_is_never_given_out(tmp_path):
    league = league_after(tmp_path, 2, [3])
    content = bytearray((tmp_path / "update-3.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "update-3.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"update-3\.safetensors is damaged"):
        league.weights("update-3")


def test_what_the_checkpoint_before_needs_stays_on_disk(tmp_path):
    league = league_after(tmp_path, 1, [10])
    league.prune()
    league.add("update-20", snapshot(20))
    league.prune()
    assert sorted(file.stem for file in tmp_path.iterdir()) == ["update-10", "update-20"]
    league.add("update-30", snapshot(30))
    league.prune()
    assert sorted(file.stem for file in tmp_path.iterdir()) == ["update-20", "update-30"]


def test_a_league_survives_a_checkpoint(tmp_path):
    league, other = league_after(tmp_path, 2, [3]), League(tmp_path, 2)
    other.load_state_dict(league.state_dict())
    assert other.members == ["update-3"]
