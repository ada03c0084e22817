"""The simulation of many GPUs against closed forms."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "scale.py"


@pytest.fixture(scope="module")
def scale(script):
    return script("scale")


def erlang_c_wait(load, servers, service):
    """The mean time in the queue of M/M/c: C(c, a) s / (c - a), with Erlang's C."""
    waiting = load**servers / math.factorial(servers) * servers / (servers - load)
    return waiting / (sum(load**k / math.factorial(k) for k in range(servers)) + waiting) * service / (servers - load)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.5), (3, 2.1), (8, 6.0)])
def test_a_station_keeps_people_waiting_as_long_as_erlang_says(scale, servers, load):
    rng, station, count = np.random.default_rng(1), scale.Station(servers), 100_000
    arrivals = rng.exponential(1 / load, count).cumsum()
    waits = [station.serve(at, s)[0] - at for at, s in zip(arrivals, rng.exponential(1.0, count), strict=True)]
    assert np.mean(waits) == pytest.approx(erlang_c_wait(load, servers, 1.0), rel=0.05)
    assert station.busy / (arrivals[-1] * servers) == pytest.approx(load / servers, rel=0.02)


@pytest.mark.parametrize(("play", "learn", "learners"), [(6.0, 4.0, 1), (3.0, 40.0, 4)])
def test_constant_times_give_the_sum_in_turn_and_the_longer_one_at_the_same_time(scale, play, learn, learners):
    costs = scale.Costs(games=10, play=(play,), learn=(learn,), nodes=8 * scale.PACK, network=1e9)
    step, players = 2 * learn / learners, 2  # two players' games, shared out evenly over 16 passes
    in_turn = scale.simulate(costs, players, learners, ahead=0)
    assert in_turn.seconds_per_update == pytest.approx(play + step, rel=1e-6)
    assert in_turn.staleness == 0
    together = scale.simulate(costs, players, learners, ahead=1, updates=400)
    assert together.seconds_per_update == pytest.approx(max(play, step), rel=0.01)
    assert 0.9 < together.staleness <= 1
    assert together.games_per_second == pytest.approx(players * 10 / max(play, step), rel=0.01)


def test_one_writer_bounds_what_all_players_write(scale):
    costs = scale.Costs(games=10, play=(0.1,), learn=(0.1,), nodes=scale.PACK, store=0.05, network=1e9)
    row = scale.simulate(costs, 40, 40, ahead=1)
    assert row.games_per_second == pytest.approx(1 / 0.05, rel=0.05)
    assert row.store_busy > 0.95


def test_the_committed_table_is_that_of_the_committed_costs(scale):
    found = json.loads((SCRIPT.parent / "results" / "scale.json").read_text())
    read = scale.read_costs(found["costs"]["network"], found["costs"]["batch"])
    assert json.loads(json.dumps(scale.asdict(read))) == found["costs"]
    few = found["rows"][0]
    again = scale.simulate(read, few["players"], few["learners"], few["ahead"])
    assert scale.rounded(again) == few
