"""Samples that are longer than the model's context: left out and counted, and the run goes on."""

import logging
import math

import pytest
import torch

from sparring.rollout.loop import Match, play
from sparring.store.store import Store
from sparring.trainers.batch import Signal
from sparring.trainers.methods.imitate import Config, Imitate
from sparring.trainers.run import Run
from sparring.trainers.too_long import that_fit

torch.set_num_threads(1)
CRITIQUE = "sparring/Critique-v0"


def signal(length, pair=""):
    tokens = tuple(range(length))
    return Signal(tokens, (length - 1,), (math.nan,), (None,), pair=pair)


def test_the_last_token_of_a_sample_is_no_input():
    kept, left_out = that_fit([signal(9), signal(11), signal(12)], context=10)
    assert ([len(one.tokens) for one in kept], left_out) == ([9, 11], 1)


def test_a_pair_goes_whole():
    given = [signal(5, "a"), signal(12, "a"), signal(6, "b"), signal(7, "b"), signal(8)]
    kept, left_out = that_fit(given, context=10)
    assert ([one.pair for one in kept], left_out) == (["b", "b", ""], 2)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Two verdicts on short attempts, and one on an attempt that nano cannot read."""
    path = tmp_path_factory.mktemp("shown") / "store"
    shown = [{"task": "What is 2 + 2?", "attempt": "4" * length, "right": True} for length in (1, 2, 3_000)]
    matches = [Match(f"g/{n}", CRITIQUE, {"player_0": "walkthrough"}, n, kwargs) for n, kwargs in enumerate(shown)]
    with Store(path, "a") as opened:
        opened.append(play(matches))
    return str(path)


def test_a_run_learns_the_rest_and_says_so(store, tmp_path, caplog):
    config = Config(
        games=(CRITIQUE,), source=store, steps=2, games_per_update=8, evaluation_games=0, probe_every=0, device="cpu"
    )  # fmt: skip
    rows = []
    with caplog.at_level(logging.WARNING):
        assert Run.start(Imitate, config, tmp_path / "run").run(rows.append)
    assert [(row["samples"], row["too_long"]) for row in rows[:2]] == [(2, 1), (2, 1)]
    (said,) = [record.getMessage() for record in caplog.records if "longer than" in record.getMessage()]
    assert said.startswith("update 0: 1 of its samples are longer than the model's context")
