"""`sparring check`: every planted fault is found, sound environments pass, and what others wrote is reviewed."""

from __future__ import annotations

import json
import os
import random
import shutil
import string
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from pettingzoo import ParallelEnv

from sparring import registry
from sparring.cli.app import main
from sparring.envs.conformance.report import Review, review, review_of
from sparring.envs.conformance.subject import Subject


class Counting(gymnasium.Env[str, str]):
    """Sound: count to a drawn number of turns, one text a turn; anything but a number is illegal."""

    def __init__(self, max_turns: int = 5) -> None:
        self.observation_space = self.action_space = spaces.Text(200_000, charset=string.printable)
        self.max_turns = max_turns

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.goal, self.taken = int(self.np_random.integers(2, 9)), 0
        return self._seen(), self._info()

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.taken += 1
        right = action == f"<answer>{self.goal}</answer>"
        over = self.taken >= self.max_turns
        info = {
            **self._info(),
            "illegal": not right and action not in ("1", "2"),
            "reward_parts": {"payoff": float(right)},
        }
        return self._seen(), float(right), right, over and not right, info

    def right_answer(self) -> str:
        return str(self.goal)

    def _seen(self) -> str:
        return f"Count to {self.goal}. Turn {self.taken}."

    def _info(self) -> dict[str, Any]:
        return {"suggested_actions": ("1", "2", f"<answer>{self.goal}</answer>")}


class NeverEnds(Counting):
    def step(self, action: str) -> Any:
        seen, _, _, _, info = super().step(action)
        return seen, 0.0, False, False, {**info, "reward_parts": {"payoff": 0.0}}


class UsesGlobalRandomness(Counting):
    def _seen(self) -> str:
        return f"{super()._seen()} {random.random()}"


class RemembersTheLastEpisode(Counting):
    total = 0

    def step(self, action: str) -> Any:
        self.total += 1
        return super().step(action)

    def _seen(self) -> str:
        return f"{super()._seen()} {self.total} in all."


class SharesItsCount(Counting):
    steps = 0

    def step(self, action: str) -> Any:
        SharesItsCount.steps += 1
        return super().step(action)

    def reset(self, **kwargs: Any) -> Any:
        SharesItsCount.steps = 0
        return super().reset(**kwargs)

    def _seen(self) -> str:
        return f"{super()._seen()} {self.steps} steps."


class ChokesOnGarbage(Counting):
    def step(self, action: str) -> Any:
        action.encode()
        return super().step(action)


class TakesGarbage(Counting):
    def step(self, action: str) -> Any:
        seen, reward, terminated, truncated, info = super().step(action)
        return seen, reward, terminated, truncated, {**info, "illegal": False}


class OneActionTooMany(Counting):
    def step(self, action: str) -> Any:
        seen, reward, terminated, _, info = super().step(action)
        return seen, reward, terminated, self.taken > self.max_turns and not terminated, info


class CallsABudgetAnEnd(Counting):
    def step(self, action: str) -> Any:
        seen, reward, terminated, truncated, info = super().step(action)
        return seen, reward, terminated or truncated, False, info


class PaysNothingOfItsParts(Counting):
    def step(self, action: str) -> Any:
        seen, _, terminated, truncated, info = super().step(action)
        return seen, 1.0, terminated, truncated, {**info, "reward_parts": {"payoff": 0.25}}


class PaysNaN(Counting):
    def step(self, action: str) -> Any:
        seen, _, terminated, truncated, info = super().step(action)
        return seen, float("nan"), terminated, truncated, {**info, "reward_parts": {}}


class RefusesWhatItLists(Counting):
    def step(self, action: str) -> Any:
        seen, reward, terminated, truncated, info = super().step(action)
        return seen, reward, terminated, truncated, {**info, "illegal": action != "1"}


class LeavesItsSpace(Counting):
    def __init__(self, max_turns: int = 5) -> None:
        super().__init__(max_turns)
        self.observation_space = spaces.Text(5)


class RewardsIdleness(Counting):
    def step(self, action: str) -> Any:
        seen, _, terminated, truncated, info = super().step(action)
        reward = float(action == "")
        return seen, reward, terminated, truncated, {**info, "reward_parts": {"payoff": reward}}


class CannotTakeNumpysSeeds(Counting):
    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        if isinstance(seed, np.integer):
            raise OverflowError("Python int too large to convert to C long")
        return super().reset(seed=seed, options=options)


class FailsToClose(Counting):
    def close(self) -> None:
        raise RuntimeError("no window")


def reviewed(build: Callable[..., Any]) -> Review:
    return review_of(Subject(build))


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        (NeverEnds, "comes to an end"),
        (UsesGlobalRandomness, "equal seeds give equal episodes"),
        (RemembersTheLastEpisode, "reset leaves nothing"),
        (SharesItsCount, "instances do not touch each other"),
        (ChokesOnGarbage, "hostile texts are illegal actions"),
        (TakesGarbage, "hostile texts are illegal actions"),
        (OneActionTooMany, "budgets allow exactly n actions"),
        (CallsABudgetAnEnd, "budgets allow exactly n actions"),
        (PaysNothingOfItsParts, "rewards are finite and made of their parts"),
        (PaysNaN, "rewards are finite and made of their parts"),
        (RefusesWhatItLists, "listed actions are accepted"),
        (LeavesItsSpace, "observations lie in their spaces"),
        (RewardsIdleness, "doing nothing does not pay"),
        (CannotTakeNumpysSeeds, "numpy seeds are seeds"),
        (FailsToClose, "closing is harmless"),
    ],
)
def test_a_planted_fault_is_found(planted: type[Counting], found: str) -> None:
    result = reviewed(planted)
    assert found in [fault.what for fault in result.faults]
    assert not result.ok
    assert "not conform" in result.verdict


def test_a_sound_environment_conforms() -> None:
    result = reviewed(Counting)
    assert result.faults == []
    assert {one.what for one in result.findings if one.verdict == "not here"} == {
        "processes agree",
        "rewards stay in their range",
    }


HASHES = """
from test_review import Counting
from sparring import registry

@registry.envs.register("test/Hashes-v0")
class Hashes(Counting):
    def _seen(self):
        return f"{super()._seen()} {hash('a text') % 97}"
"""


def test_another_process_that_plays_otherwise_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hashes.py").write_text(HASHES)
    shutil.copy(__file__, tmp_path / "test_review.py")
    info = tmp_path / "hashes-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hashes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sparring.envs]\ngames = hashes\n")
    paths = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    code = (
        "from sparring.envs.conformance.report import review\nprint([f.what for f in review('test/Hashes-v0').faults])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "['processes agree']", done.stderr


class Bidding(ParallelEnv[str, str, str]):
    """General-sum: three seats name a number at once; the highest is paid."""

    metadata = {"name": "bidding"}
    possible_agents = ["left", "middle", "right"]

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        return self._text

    def action_space(self, agent: str) -> spaces.Space[Any]:
        return self._number

    def __init__(self) -> None:
        self._text, self._number = spaces.Text(100, charset=string.printable), spaces.Discrete(3)

    def reset(self, seed: int | None = None, options: Any = None) -> Any:
        self.agents, self.prize = list(self.possible_agents), random.Random(seed).randrange(9)
        return dict.fromkeys(self.agents, f"The prize is {self.prize}."), {seat: {} for seat in self.agents}

    def step(self, actions: dict[str, int]) -> Any:
        self.agents = []
        rewards = {seat: float(self.prize * (number == max(actions.values()))) for seat, number in actions.items()}
        over = dict.fromkeys(actions, True)
        return dict.fromkeys(actions, "Over."), rewards, over, dict.fromkeys(over, False), {seat: {} for seat in over}


def test_seats_that_move_at_once_and_are_paid_alike_conform() -> None:
    result = reviewed(Bidding)
    assert result.faults == []
    assert (result.seats, result.zero_sum) == (("left", "middle", "right"), False)


OURS = [
    row
    for row in registry.envs
    if row.host != "engine" and (row.family != "games" or row.seats == 1 or row.name == "sparring/Chess-v0")
]
"""Those with an engine of their own need options, and time: `test_adventures_hosted.py` reviews them.

Games of several seats are reviewed in `test_envs.py`, chess in shorter games than here.
"""


SHORT = {
    "sparring/LiberoControl-v0": {"max_steps": 10, "task": 0},
    "sparring/LiberoPlan-v0": {"max_turns": 1, "budget": 10, "retries": 1, "task": 0},
    "sparring/MetaWorldControl-v0": {"max_steps": 40},
    "sparring/MetaWorldPlan-v0": {"max_turns": 3, "budget": 50},
}
"""Simulators step for seconds in an episode of the usual length."""


@pytest.mark.parametrize("row", OURS, ids=lambda row: row.name)
def test_every_environment_of_ours_conforms(row: registry.EnvironmentRow) -> None:
    assert [f"{fault.what}: {fault.detail}" for fault in review(row.name, **SHORT.get(row.name, {})).faults] == []


def test_an_episode_is_played_once_for_all_checks_and_everything_built_is_closed() -> None:
    played: list[int | None] = []
    open_now: set[int] = set()

    class Watched(Counting):
        def __init__(self, max_turns: int = 5) -> None:
            super().__init__(max_turns)
            open_now.add(id(self))

        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            played.append(seed)
            return super().reset(seed=seed, options=options)

        def close(self) -> None:
            open_now.discard(id(self))

    assert review_of(Subject(Watched)).ok
    assert (played.count(3), played.count(7)) == (2, 2)  # once for all, and again by its own check
    assert open_now == set()


@pytest.mark.parametrize(
    "env_id",
    ["gym:FrozenLake-v1", "gym:CartPole-v1", "gym:Pendulum-v1", "gym:Blackjack-v1", "pettingzoo:classic.tictactoe_v3"],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_environments_of_others_are_reviewed(env_id: str) -> None:
    result = review(env_id)
    assert result.faults == []
    assert sum(one.verdict == "holds" for one in result.findings) >= 12


def test_what_is_worth_knowing_of_blackjack_is_said() -> None:
    (advice,) = [one for one in review("gym:Blackjack-v1").findings if one.verdict == "advice"]
    assert (advice.what, advice.detail[:27]) == ("nothing is paid after the end", "a step after the end pays -")


def test_the_command_prints_a_review_and_fails_where_something_does_not_hold(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", "TicTacToe"]) == 0
    shown = capsys.readouterr().out
    assert "sparring/TicTacToe-v0: 2 seats (player_0, player_1), actions Text, rewards sum to zero" in shown
    assert "sparring/TicTacToe-v0 conforms: " in shown
    with registry.envs.temporary(registry.EnvironmentRow("test/NaN-v0", PaysNaN)):
        assert main(["check", "test/NaN-v0", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [one["detail"] for one in found["findings"] if one["verdict"] == "fault"] == ["player_0 is paid nan"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gym:FrozenLke-v1", "unknown Gymnasium environment 'FrozenLke-v1'; did you mean 'FrozenLake-v1'"),
        ("pettingzoo:classic.chequers_v9", "unknown PettingZoo module 'classic.chequers_v9'"),
        ("openspiel:nimm", "did you mean 'nim'"),
    ],
)
def test_an_unknown_environment_of_another_library_is_one_line(
    name: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", name]) == 2
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 1
    assert said in shown[0]
