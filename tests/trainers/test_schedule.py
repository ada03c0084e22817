import pytest

from sparring.trainers.schedule import Schedule


def test_a_schedule_falls_geometrically_from_the_first_to_the_last_update():
    schedule = Schedule.of(5)
    assert [schedule.value(update, 1.0, 1 / 16) for update in range(5)] == pytest.approx(
        [1, 1 / 2, 1 / 4, 1 / 8, 1 / 16]
    )


def test_an_end_of_zero_is_reached_at_the_last_update():
    schedule = Schedule.of(5)
    assert [schedule.value(update, 0.5, 0.0) for update in range(5)] == pytest.approx([0.5, 0.375, 0.25, 0.125, 0.0])


def test_a_beginning_of_zero_stays_zero():
    assert [Schedule.of(3).value(update, 0.0, 0.1) for update in range(3)] == [0.0, 0.0, 0.0]


def test_one_update_has_the_first_value():
    assert Schedule.of(1).value(0, 0.5, 0.1) == 0.5


def test_a_stretched_schedule_leaves_the_past_as_it_was():
    before, after = Schedule.of(6), Schedule.of(6).stretched(4, 60)
    assert [after.value(u, 1.0, 0.1) for u in range(4)] == [before.value(u, 1.0, 0.1) for u in range(4)]
    assert [after.value(u, 1.0, 0.1) for u in range(4, 60)] == [
        Schedule.of(60).value(u, 1.0, 0.1) for u in range(4, 60)
    ]
    assert after.stretched(4, 80).stretches == ((0, 6), (4, 80))
    assert after.stretched(9, 80).stretches == ((0, 6), (4, 60), (9, 80))


def test_a_schedule_survives_the_settings_file(tmp_path):
    schedule = Schedule.of(6).stretched(4, 60)
    assert Schedule.read(schedule.to_json(), tmp_path) == schedule


@pytest.mark.parametrize("damaged", [None, [], "abc", [[1, 6]], [[0]], [[0, "6"]], [[0, 6.5]], [[0, -6]]])
def test_a_damaged_schedule_is_named(tmp_path, damaged):
    with pytest.raises(ValueError, match=r"config\.json is damaged: schedule must be a list of \[update, steps\]"):
        Schedule.read(damaged, tmp_path)


def test_the_step_size_rises_in_equal_steps_before_it_falls():
    schedule = Schedule.of(7)
    assert [schedule.value(update, 1.0, 1 / 16, warmup=2) for update in range(7)] == pytest.approx(
        [1 / 3, 2 / 3, 1, 1 / 2, 1 / 4, 1 / 8, 1 / 16]
    )


@pytest.mark.parametrize(
    ("shape", "last", "expected"),
    [
        ("linear", 0.2, [1.0, 0.8, 0.6, 0.4, 0.2]),
        ("linear", 0.0, [1.0, 0.75, 0.5, 0.25, 0.0]),
        ("cosine", 0.0, [1.0, (2 + 2**0.5) / 4, 0.5, (2 - 2**0.5) / 4, 0.0]),
        ("cosine", 0.5, [1.0, 0.5 + (2 + 2**0.5) / 8, 0.75, 0.5 + (2 - 2**0.5) / 8, 0.5]),
        ("constant", 0.2, [1.0] * 5),
    ],
)
def test_shapes_of_the_way_down(shape, last, expected):
    schedule = Schedule.of(5)
    assert [schedule.value(update, 1.0, last, shape) for update in range(5)] == pytest.approx(expected)
    assert schedule.value(9, 1.0, last, shape) == pytest.approx(expected[-1])


@pytest.mark.parametrize("shape", ["geometric", "linear", "cosine", "constant"])
def test_a_stretched_schedule_of_any_shape_leaves_the_past_as_it_was(shape):
    before, after = Schedule.of(6), Schedule.of(6).stretched(4, 60)
    assert [after.value(u, 1.0, 0.1, shape, 2) for u in range(4)] == [
        before.value(u, 1.0, 0.1, shape, 2) for u in range(4)
    ]
    assert after.value(59, 1.0, 0.1, shape, 2) == pytest.approx(1.0 if shape == "constant" else 0.1)
