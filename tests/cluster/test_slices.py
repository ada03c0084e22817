"""How matches are cut for workers, and put in order again: no cluster is needed for that."""

import random

import pytest

from sparring import registry
from sparring.cluster.slices import HEAVY, TRIES, WEIGHT, Slices
from sparring.registry import UnknownName
from sparring.rollout.loop import Match, play

pytest.importorskip("ray")
PARCEL = object()
SEATS = ("player_0", "player_1")


def matches_of(count, env_id="sparring/KuhnPoker-v0"):
    return [Match(f"m/{index}", env_id, dict.fromkeys(SEATS, "random"), index) for index in range(count)]


def slices_of(matches, window=100, packed=None):
    packed = [] if packed is None else packed
    return Slices(matches, {}, lambda agents: packed.append(list(agents)) or PARCEL, window)


def begun(slices):
    return list(iter(slices.next, None))


@pytest.fixture
def process_environment():
    row = registry.EnvironmentRow("test/Process-v0", object, seats=2, host="process")
    with registry.envs.temporary(row):
        yield row.name


def test_a_slice_holds_so_many_light_matches_and_fewer_heavy_ones(process_environment):
    light, heavy = matches_of(WEIGHT + 3), matches_of(6, process_environment)
    sizes = [len(slice.matches) for slice in begun(slices_of([*light, *heavy]))]
    assert sizes == [WEIGHT, 3 + (WEIGHT - 3) // HEAVY, 6 - (WEIGHT - 3) // HEAVY]


def test_what_is_left_after_whole_slices_is_cut_alike():
    whole = [slice.matches for slice in begun(slices_of(matches_of(100)))]
    rest = [slice.matches for slice in begun(slices_of(matches_of(100)[2 * WEIGHT :]))]
    assert rest == whole[2:]


def test_slices_come_back_in_order_whatever_the_order_of_the_workers():
    matches = matches_of(10 * WEIGHT)
    slices, handed_over = slices_of(matches), []
    open_slices = begun(slices)
    random.Random(0).shuffle(open_slices)
    for slice in open_slices:
        slices.played(slice, play(slice.matches))
        handed_over += [pair for finished in slices.finished() for pair in finished]
    assert [match for match, _ in handed_over] == matches
    assert [episode.id for _, episode in handed_over] == [match.id for match in matches]
    assert slices.next() is None
    assert slices.is_over


def test_no_more_slices_are_open_than_the_window_has_room_for():
    drawn = []
    slices = slices_of((drawn.append(match) or match for match in matches_of(100_000)), window=3)
    open_slices = begun(slices)
    assert len(open_slices) == 3
    assert len(drawn) <= 4 * WEIGHT
    slices.played(open_slices[1], play(open_slices[1].matches))
    assert list(slices.finished()) == []
    assert slices.next() is None
    slices.played(open_slices[0], play(open_slices[0].matches))
    assert len(list(slices.finished())) == 2
    assert len(begun(slices)) == 2


def test_a_lost_slice_is_played_again_and_at_last_match_by_match():
    slices = slices_of(matches_of(3))
    (first,) = begun(slices)
    for _ in range(TRIES - 1):
        slices.lost(first)
        assert slices.next() is first
    slices.lost(first)
    singles = begun(slices)
    assert [[match.id for match in single.matches] for single in singles] == [["m/0"], ["m/1"], ["m/2"]]
    for single in singles[::2]:
        slices.played(single, play(single.matches))
    for _ in range(TRIES):
        slices.lost(singles[1])
    ((_, sound), (match, broken), (_, sound_too)), *_ = slices.finished()
    assert (sound.error, sound_too.error) == (None, None)
    assert (broken.id, broken.status) == (match.id, "env_error")
    assert broken.error == "3 workers died while they played it"


def test_agents_are_packed_once_and_again_when_a_new_one_plays():
    packed = []
    later = Match("m/new", "sparring/KuhnPoker-v0", {"player_0": "random", "player_1": "minimax"}, 0)
    begun(slices_of([*matches_of(2 * WEIGHT), later], packed=packed))
    assert packed == [["random"], ["random", "minimax"]]


def test_an_agent_that_nobody_knows_is_named():
    unknown = Match("m", "sparring/KuhnPoker-v0", dict.fromkeys(SEATS, "randm"), 0)
    with pytest.raises(UnknownName, match="did you mean 'random'"):
        slices_of([unknown]).next()
