"""What an interrupted `sparring eval` shows: what was measured by then, marked as such."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest

from sparring import registry
from sparring.agents.scripted import RandomAgent
from sparring.cli.app import main
from sparring.cli.interrupts import stop_after_update
from sparring.types import Observation, Reply


class Interrupting(RandomAgent):
    """A random player during whose turn somebody presses Ctrl-C; it waits, so that the event loop hears of it."""

    asked, at = 0, 0

    async def act(self, observation: Observation) -> Reply:
        Interrupting.asked += 1
        if Interrupting.asked == Interrupting.at:
            signal.raise_signal(signal.SIGINT)
        return await super().act(observation) if observation.legal_actions else Reply("<answer>7</answer>")


@pytest.fixture(autouse=True)
def agent() -> Iterator[None]:
    Interrupting.asked, before = 0, signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored where the tests run in the background
    with registry.agents.temporary(registry.AgentRow("interrupting", Interrupting)):
        yield
    signal.signal(signal.SIGINT, before)


def test_a_second_ctrl_c_while_the_first_is_answered_waits_for_the_end_of_the_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []

    def complain(text: str) -> None:
        signal.raise_signal(signal.SIGINT)
        said.append(text)

    monkeypatch.setattr("sparring.cli.terminal.complain", complain)
    with stop_after_update() as stop:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert stop()
    assert said == ["stopping after this update (Ctrl-C again: at once, back to the last checkpoint)"]


def test_an_interrupted_evaluation_shows_exact_strength_and_the_games_that_ended(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Interrupting.at = 600  # the exact figures ask it a few times, and the first batch of games is over
    assert main(["eval", "interrupting", "--games", "2000"]) == 130
    printed = capsys.readouterr()
    assert "NashConv in sparring/KuhnPoker-v0" in printed.out
    assert "against uniform: reward " in printed.out
    assert " of 2,000 games had ended; those that ended first count, which may be the easy ones" in " ".join(
        printed.out.split()
    )
    assert printed.err.splitlines() == ["sparring: interrupted"]


def test_an_interrupted_evaluation_in_json_says_how_many_games_are_missing(capsys: pytest.CaptureFixture[str]) -> None:
    Interrupting.at = 600
    assert main(["eval", "interrupting", "--games", "2000", "--json"]) == 130
    measured = json.loads(capsys.readouterr().out)
    assert measured["standing"]["episodes"] + measured["unplayed"] == 2000
    assert measured["standing"]["episodes"] > 0
    assert measured["nash_conv"] > 0


def test_an_interrupted_suite_shows_the_parts_that_were_played_and_the_one_in_play(
    capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    Interrupting.at = 4
    words = ["eval", "interrupting", "--suite", "code", "--games", "3", "--store", f"{tmp_path}/suite"]
    assert main(words) == 130
    printed = capsys.readouterr()
    assert "interrupted: 1 of 8 parts were played" in printed.out
    assert "tool tasks: messages" in printed.out
    assert "the same command plays the rest" in printed.err
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["interrupted"] is False
