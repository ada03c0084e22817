"""Agreement of latent, decoded and sampled answers, by hand."""

from __future__ import annotations

import math

import pytest

from sparring.scoreboard.consistency import Answers, internal_consistency, majority


def test_the_table_that_was_worked_out_by_hand():
    found = internal_consistency(
        [
            Answers("q1", ("a", "a", "b"), "a", "a"),
            Answers("q2", ("a", "b"), "a", "b"),
            Answers("q3", ("c", "c"), None, "d"),
        ]
    )
    assert found.latent_decoded.value == pytest.approx(1 / 2)
    assert found.latent_sampled.value == pytest.approx(1 / 2)  # q2's samples are a draw
    assert found.decoded_sampled.value == 1
    assert found.agreement.value == pytest.approx((1 + 0 + 0) / 3)
    assert found.among_samples.value == pytest.approx((1 / 3 + 0 + 1) / 3)


def test_a_draw_is_no_answer():
    assert majority(["a", "b", "b"]) == "b"
    assert majority(["a", "b"]) is None
    assert majority([]) is None


def test_one_layer_alone_agrees_with_nothing():
    found = internal_consistency([Answers("q", ("a",)), Answers("r", (), "b")])
    assert math.isnan(found.agreement.value)
    assert found.among_samples.n == 0


def test_full_agreement_of_few_questions_is_no_certainty():
    found = internal_consistency([Answers(q, ("a", "a"), "a", "a") for q in range(4)])
    assert found.agreement.value == 1
    assert found.agreement.low < 0.6
