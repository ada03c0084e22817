"""What a run's figures show that nobody should wait to find out."""

from sparring.trainers.alarms import SETTLING, Alarms


def raised(*rows):
    alarms = Alarms()
    return [[line.partition(":")[0] for line in alarms.feed(row)] for row in rows]


def test_an_update_in_which_all_is_well_raises_nothing():
    well = {"samples": 64.0, "illegal_share": 0.1, "entropy": 0.6, "sampler_mismatch": 1e-6, "memory_gb": 2.0}
    assert raised(*[well] * 20) == [[]] * 20


def test_an_alarm_is_raised_once_until_it_is_over():
    nothing, something = {"samples": 0.0}, {"samples": 8.0}
    found = raised(nothing, nothing, nothing, nothing, something, nothing, nothing, nothing)
    assert [len(lines) for lines in found] == [0, 0, 1, 0, 0, 0, 0, 1]
    assert found[2] == ["nothing was learnt from the last 3 updates"]


def test_three_updates_of_illegal_actions_only_say_what_to_do():
    alarms = Alarms()
    lines = [alarms.feed({"illegal_share": 1.0, "samples": 4.0}) for _ in range(3)]
    assert lines[:2] == [[], []]
    assert "imitate an agent that plays first" in lines[2][0]


def test_collapse_is_measured_against_the_first_updates():
    rows = [{"entropy": 0.8, "tokens_per_turn": 200.0}] * SETTLING
    found = raised(*rows, {"entropy": 0.2, "tokens_per_turn": 100.0}, {"entropy": 0.05, "tokens_per_turn": 10.0})
    assert found[:-1] == [[]] * (SETTLING + 1)
    assert found[-1] == [
        "the entropy of its choices has collapsed",
        "the length of its answers has collapsed",
    ]


def test_a_part_is_compared_with_itself_alone():
    alarms, rows = Alarms(), [("explore", 60.0), ("critique", 5.0)] * (SETTLING + 2)
    assert [alarms.feed({"tokens_per_turn": length}, part) for part, length in rows] == [[]] * len(rows)
    fallen = [("explore", 4.0), ("critique", 5.0), ("explore", 4.0), ("explore", 60.0), ("explore", 4.0)]
    found = [alarms.feed({"tokens_per_turn": length}, part) for part, length in fallen]
    line = "the length of its answers (explore) has collapsed: 4, and 60 at first"
    assert found == [[line], [], [], [], [line]]


def test_samples_that_are_too_long_are_said_once():
    alarms = Alarms()
    found = [alarms.feed({"samples": 4.0, "too_long": float(count)}, "fit") for count in (0, 3, 0, 2)]
    assert [len(lines) for lines in found] == [0, 1, 0, 0]
    assert "3 of its samples are longer than the model's context and are left out" in found[1][0]


def test_a_mismatch_between_sampler_and_learner_and_memory_that_grows_are_named():
    assert raised({"sampler_mismatch_mean": 0.9})[0] == ["sampler and learner disagree by 0.9 nats a token"]
    one_token = {"sampler_mismatch": 0.6, "sampler_mismatch_mean": 0.02}
    assert raised(one_token) == [[]], "rounding to bf16 does it"
    found = raised(*[{"memory_gb": 2.0}] * SETTLING, {"memory_gb": 2.9}, {"memory_gb": 3.2})
    assert found[-2:] == [[], ["memory grows"]]


def test_figures_that_are_not_there_raise_nothing():
    assert raised({"update": 3.0}, {"entropy": None, "samples": None}) == [[], []]
