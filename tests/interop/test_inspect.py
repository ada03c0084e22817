"""inspect_ai evaluates a model on our environments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inspect_ai")
from inspect_ai import eval as evaluate
from inspect_ai.model import ModelOutput, ModelUsage, get_model

from sparring import Match
from sparring import play as play_here
from sparring.interop.inspect_ai import game

KUHN = "sparring/KuhnPoker-v0"
pytestmark = pytest.mark.slow


def answers(text: str, count: int = 100) -> Any:
    outputs = [ModelOutput.from_content("mockllm/model", text) for _ in range(count)]
    for output in outputs:
        output.usage = ModelUsage(
            input_tokens=1, output_tokens=1, total_tokens=2
        )  # else it asks the network how to count
    return get_model("mockllm/model", custom_outputs=outputs, memoize=False)


def ran(task: Any, folder: Path, **given: Any) -> Any:
    (log,) = evaluate(task, log_dir=str(folder), display="none", score_display=False, **given)
    return log


def test_the_scores_are_the_payoffs_of_play(tmp_path: Path) -> None:
    log = ran(game(KUHN, opponent="constant:bet/call", episodes=6), tmp_path, model=answers("I [bet]."))
    assert log.status == "success"
    scores = {sample.metadata["seed"]: sample.scores["payoff"].value for sample in log.samples}
    seats = {"player_0": "constant:bet", "player_1": "constant:bet/call"}
    episodes = play_here([Match(f"m/{seed}", KUHN, seats, seed) for seed in range(6)])
    assert scores == {episode.seed: episode.trajectories["player_0"].reward for episode in episodes}
    assert log.samples[0].messages[0].role == "system"
    assert "Your card is" in log.samples[0].messages[1].text


def test_a_model_of_inspects_plays_the_other_seat(tmp_path: Path) -> None:
    log = ran(
        game("sparring/TicTacToe-v0", opponent="role", episodes=1, seat="player_1"),
        tmp_path,
        model=answers("no cell at all"),
        model_roles={"opponent": answers("4")},
    )
    assert log.status == "success"
    assert log.samples[0].scores["payoff"].metadata["illegal"] == 1


def test_a_fault_is_an_error_of_its_sample(tmp_path: Path) -> None:
    log = ran(game(KUHN, episodes=1), tmp_path, model=answers("bet", 0))
    assert log.status == "error"
    assert not log.samples[0].scores


@pytest.mark.parametrize(
    "wrong", [{"seat": "player_9"}, {"episodes": 0}, {"opponent": "nobody"}, {"env_id": "Nothing"}]
)
def test_what_there_is_not(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError)):
        game(**wrong)
