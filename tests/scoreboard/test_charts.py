"""Charts place points, ticks and labels where they belong."""

from __future__ import annotations

import itertools
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.scoreboard.report.charts import (
    MOST_POINTS,
    MOST_SHAPES,
    PHONE,
    SMALL,
    WIDE,
    Chart,
    Series,
    fixed,
    line_chart,
    nice_ticks,
    number,
    spread,
)

finite = st.floats(-1e6, 1e6)


@given(st.floats(-1e4, 1e4), st.floats(1e-2, 1e6), st.integers(2, 10))
def test_ticks_are_few_and_lie_within_the_axis(low: float, span: float, most: int) -> None:
    ticks = nice_ticks(low, low + span, most)
    assert len(ticks) <= most + 1
    assert all(low - 1e-6 * span <= tick <= low + 1.000001 * span for tick in ticks)


def test_ticks_are_round() -> None:
    assert nice_ticks(0, 1, 5) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert nice_ticks(-3, 148, 3) == [0, 100]
    assert nice_ticks(7, 7, 3) == [7]


@given(st.lists(finite, max_size=12), st.floats(1, 50))
def test_labels_are_spread_apart_in_order(positions: list[float], gap: float) -> None:
    moved = spread(positions, gap)
    order = sorted(range(len(positions)), key=lambda index: positions[index])
    for one, other in itertools.pairwise(order):
        assert moved[other] - moved[one] >= gap - 1e-6


def test_labels_that_do_not_overlap_stay() -> None:
    assert spread([0, 100, 50], 15) == [0, 100, 50]
    assert spread([10, 10], 20) == [0, 20]


def test_numbers_read_well() -> None:
    assert [number(x) for x in (0.9166667, -0.05, 12345.6, 0.00012, 0, math.nan, -math.inf)] == [
        "0.9167",
        "\N{MINUS SIGN}0.05",
        "12,346",
        "1.2e\N{MINUS SIGN}04",
        "0",
        "\N{EN DASH}",
        "\N{MINUS SIGN}∞",
    ]
    assert [fixed(x, 1) for x in (52.666, -0.5, math.inf)] == ["52.7", "\N{MINUS SIGN}0.5", "∞"]


def test_a_line_starts_and_ends_at_the_edges_of_the_plot() -> None:
    chart = line_chart("t", [Series("s", [(0, 0.0), (10, 2.0)])], {"uniform": 1.0}, zero_based=True)
    assert chart is not None
    (line,) = chart.lines
    bottom = WIDE.height - WIDE.bottom
    assert line.path.startswith(f"M{WIDE.left:g},{bottom:g}L{WIDE.width - WIDE.right:g},")
    assert line.last == "2"
    (mark,) = chart.references
    assert line.end[1] < mark.y < bottom
    assert mark.y == pytest.approx((line.end[1] + bottom) / 2, abs=0.11)
    assert json.loads(chart.hover)[0]["points"][0][:2] == [0, 0.0]


def test_a_reference_that_is_near_widens_the_axis() -> None:
    chart = line_chart("t", [Series("s", [(0, 0.1), (1, 0.4)])], {"uniform": 0.45})
    assert chart is not None
    (mark,) = chart.references
    assert WIDE.top < mark.y < chart.lines[0].end[1]
    assert mark.beyond == ""


def test_a_reference_far_beyond_stands_at_the_edge_and_leaves_the_axis_to_the_lines() -> None:
    points = [(0.0, 0.7), (1.0, 0.2)]
    alone = line_chart("t", [Series("s", points)], zero_based=True)
    chart = line_chart("t", [Series("s", points)], {"always fold": 20.0}, zero_based=True)
    assert chart is not None
    assert alone is not None
    assert chart.lines == alone.lines
    (mark,) = chart.references
    assert (mark.y, mark.value, mark.beyond) == (WIDE.top, "20", "\N{UPWARDS ARROW}")


def test_values_that_are_never_negative_have_no_negative_axis() -> None:
    for values in ([0.0, 0.02, 0.01], [0.0, 0.0, 0.0], [0.4, 0.5, 0.6]):
        chart = line_chart("share", [Series("s", list(enumerate(values)))], most=1.0)
        assert chart is not None
        assert all("\N{MINUS SIGN}" not in tick.text for tick in chart.y_ticks)
        assert min(y for _, y in _pixels(chart)) >= WIDE.top
    signed = line_chart("t", [Series("s", [(0, 0.0), (1, -0.5)])])
    assert signed is not None
    assert any("\N{MINUS SIGN}" in tick.text for tick in signed.y_ticks)


def test_a_share_of_all_does_not_leave_its_axis() -> None:
    chart = line_chart("share", [Series("s", [(0, 0.9), (1, 1.0)])], most=1.0)
    assert chart is not None
    assert chart.lines[0].end[1] == WIDE.top


def _pixels(chart: Chart) -> list[tuple[float, float]]:
    pairs = (pair.split(",") for pair in chart.lines[0].path.removeprefix("M").split("L"))
    return [(float(x), float(y)) for x, y in pairs]


@pytest.mark.parametrize("last", [1, 2, 3, 5, 12, 148])
def test_updates_are_marked_by_whole_numbers(last: int) -> None:
    for frame in (WIDE, SMALL, PHONE):
        chart = line_chart("t", [Series("s", [(0, 1.0), (last, 2.0)])], frame=frame)
        assert chart is not None
        marks = [tick.text for tick in chart.x_ticks]
        assert all(mark.isdigit() for mark in marks)
        assert len(set(marks)) == len(marks) >= 2


def test_a_long_line_is_thinned_and_keeps_its_ends() -> None:
    points = [(float(x), float(x % 7)) for x in range(10_001)]
    chart = line_chart("t", [Series("s", points)])
    assert chart is not None
    kept = json.loads(chart.hover)[0]["points"]
    assert len(kept) <= MOST_POINTS + 1
    assert (kept[0][0], kept[-1][0]) == (0, 10_000)


@pytest.mark.parametrize("points", [[], [(0.0, math.nan)], [(math.inf, 1.0)]])
def test_nothing_finite_is_no_chart(points: list[tuple[float, float]]) -> None:
    assert line_chart("t", [Series("s", points)], {"uniform": 1.0}) is None


def test_a_single_point_is_a_chart() -> None:
    chart = line_chart("t", [Series("s", [(3, 0.0)])])
    assert chart is not None
    assert [tick.text for tick in chart.x_ticks] == ["3"]


def test_lines_of_several_colors_carry_shapes_at_different_points() -> None:
    points = [(float(x), float(x)) for x in range(40)]
    chart = line_chart("t", [Series("a", points, 0), Series("b", points, 1)])
    assert chart is not None
    one, other = (set(line.shapes) for line in chart.lines)
    assert one & other == {chart.lines[0].end}
    assert all(MOST_SHAPES <= len(line.shapes) <= MOST_SHAPES + 2 for line in chart.lines)


def test_lines_of_one_color_carry_none() -> None:
    points = [(float(x), float(x)) for x in range(40)]
    chart = line_chart("t", [Series("a", points), Series("b", points, dashed=True)])
    assert chart is not None
    assert [line.shapes for line in chart.lines] == [(), ()]


def test_on_a_phone_a_name_stands_at_the_side_where_no_line_runs_through_it() -> None:
    falling = Series("policy", [(n, 0.9 - 0.085 * n) for n in range(11)])
    references = {"equilibrium (CFR+)": 0.0001, "uniform random": 0.9167}
    chart = line_chart("NashConv", [falling], references, PHONE, zero_based=True)
    assert chart is not None
    assert {one.label: one.at_start for one in chart.references} == {
        "equilibrium (CFR+)": True,
        "uniform random": False,
    }
    wide = line_chart("NashConv", [falling], references, WIDE, zero_based=True)
    assert wide is not None
    assert not any(one.at_start for one in wide.references)  # there the names stand beside the plot
    flat = line_chart("NashConv", [Series("policy", [(0, 0.01), (10, 0.01)])], {"bottom": 0.01}, PHONE)
    assert flat is not None
    assert not flat.references[0].at_start  # no side is free
