"""The conformance suite finds what it is there to find."""

from collections.abc import Sequence
from typing import Any

import pytest

from sparring.envs.conformance import text_games as conformance
from sparring.envs.games.tic_tac_toe import TicTacToe


class ForgetsToReset(TicTacToe):
    def _start(self, seed: int | None) -> None:
        self.games = getattr(self, "games", 0) + 1
        super()._start(seed)

    def observe(self, agent: str) -> str:
        return f"Game {self.games}\n{super().observe(agent)}"


class StepsOnOthers(TicTacToe):
    played = 0

    def _play(self, action: str) -> bool:
        StepsOnOthers.played += 1
        return super()._play(action)

    def _info(self) -> dict[str, Any]:
        return {**super()._info(), "played": StepsOnOthers.played}


class ChokesOnNul(TicTacToe):
    def _play(self, action: str) -> bool:
        if "\x00" in action:
            raise ValueError("embedded null byte")
        return super()._play(action)


class TakesAnything(TicTacToe):
    def _play(self, action: str) -> bool:
        return super()._play(action) or super()._play(self.infos[self.agent_selection]["legal_actions"][0])


class RefusesWhatItLists(TicTacToe):
    def _play(self, action: str) -> bool:
        return action != "4" and super()._play(action)


class PaysBoth(TicTacToe):
    def _finish(self, parts_by_seat: Sequence[dict[str, float]], truncated: bool = False) -> None:
        super()._finish([{"payoff": 1.0}, {"payoff": 1.0}], truncated)


class LeavesItsCharset(TicTacToe):
    def observe(self, agent: str) -> str:
        return super().observe(agent) + "♟"


class HidesTheSeatFromItsKey(TicTacToe):
    def _info(self) -> dict[str, Any]:
        return {**super()._info(), "state_key": "always the same"}


@pytest.mark.parametrize(
    ("check", "broken", "message"),
    [
        (lambda c: conformance.check_reset_leaves_nothing(c, 0), ForgetsToReset, "after a finished one"),
        (conformance.check_interleaving, StepsOnOthers, "while another instance plays"),
        (conformance.check_hostile_strings, TakesAnything, "illegal: True"),
        (lambda c: conformance.check_legal_actions_are_accepted(c(), 0), RefusesWhatItLists, "after the listed '4'"),
        (lambda c: conformance.check_payoff_sums_to_zero(c(), 0), PaysBoth, "payoffs that sum to 0"),
        (lambda c: conformance.check_spaces(c(), 0), LeavesItsCharset, "observation in observation_space"),
        (lambda c: conformance.check_state_keys(c(), 1), HidesTheSeatFromItsKey, "one text for one state_key"),
    ],
)
def test_a_broken_environment_is_caught(check, broken, message):
    with pytest.raises(AssertionError, match=message):
        check(broken)


def test_an_environment_that_chokes_on_a_string_is_caught():
    with pytest.raises(ValueError, match="embedded null byte"):
        conformance.check_hostile_strings(ChokesOnNul)
