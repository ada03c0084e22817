"""Language models learn in the seats of the robot family: RL as it is, and imitation of the scripted planner."""

from dataclasses import replace

import pytest
import torch

from sparring.agents.named import make
from sparring.rollout.loop import Match, play
from sparring.store.store import Store
from sparring.trainers.methods.grpo import Config, Grpo
from sparring.trainers.methods.imitate import Config as ImitateConfig
from sparring.trainers.methods.imitate import Imitate
from sparring.trainers.run import Run

torch.set_num_threads(1)
PLAN, TEAM = "sparring/TabletopPlan-v0", "sparring/TabletopTeam-v0"
QUICK = {"evaluation_games": 0, "probe_every": 0, "device": "cpu", "seed": 5}
SMALL = Config(steps=1, group_size=4, games_per_update=4, **QUICK)


def ran(tmp_path, **changes):
    """The rows of a run, and the episodes that it learnt from."""
    rows = []
    assert Run.start(Grpo, replace(SMALL, **changes), tmp_path / "run").run(rows.append)
    with Store(tmp_path / "run" / "episodes") as store:
        return rows, list(store)


def test_grpo_learns_to_plan(tmp_path):
    rows, episodes = ran(tmp_path, games=(f"{PLAN}:max_turns=5:task=light",), group_size=8, games_per_update=8)
    assert all(episode.sound for episode in episodes)
    assert len({episode.trajectories["player_0"].reward for episode in episodes}) > 1
    assert rows[0]["samples"] > 0
    assert rows[0]["grad_norm"] > 0


def test_each_seat_of_a_team_learns_among_teammates(tmp_path):
    game = f"{TEAM}:max_subgoals=3:retries=0:fault=0.3"
    rows, episodes = ran(tmp_path, games=(game,), games_per_update=12, opponents=("teammate",))
    assert all(episode.sound for episode in episodes), [episode.error for episode in episodes]
    learners = {}
    for episode in episodes:
        (own,) = [seat for seat, trajectory in episode.trajectories.items() if trajectory.trainable]
        learners[own] = learners.get(own, 0) + 1
        assert {t.agent for seat, t in episode.trajectories.items() if seat != own} == {"teammate"}
    assert learners == {"planner": 4, "chooser": 4, "verifier": 4}
    assert rows[0]["grad_norm"] > 0


@pytest.mark.parametrize(("game", "seats"), [
    (PLAN, {"player_0": "planner:scripted"}),
    (TEAM, {"planner": "planner:scripted", "chooser": "constant:scripted", "verifier": "verifier:rule"}),
])  # fmt: skip
def test_the_scripted_planner_is_imitated(game, seats, tmp_path):
    with Store(tmp_path / "games", "a") as store:
        store.append(play(Match(f"g/{seed}", game, seats, seed) for seed in range(6)))
    config = ImitateConfig(
        games=(game,), source=str(tmp_path / "games"), expert="planner:scripted", steps=6, games_per_update=6,
        learning_rate=3e-3, **QUICK,
    )  # fmt: skip
    rows = []
    assert Run.start(Imitate, config, tmp_path / "run").run(rows.append)
    assert rows[0]["not_imitated"] == 0
    assert rows[0]["imitated"] > 6
    losses = [row["loss"] for row in rows if "loss" in row]
    assert losses[-1] < losses[0]


def test_a_teammate_takes_the_seats_of_a_team_alone():
    seats = dict.fromkeys(("planner", "chooser", "verifier"), "teammate")
    (episode,) = play([Match("m", TEAM, seats, 1, {"task": "bin"})])
    assert episode.sound, episode.error
    assert episode.trajectories["planner"].metrics["success"] == 1
    (episode,) = play([Match("m", PLAN, {"player_0": "teammate"}, 1)])
    assert not episode.sound
    assert "teammate takes the seats planner, chooser, verifier, got player_0" in episode.error
    with pytest.raises(ValueError, match=r"must be teammate or teammate:FILE.json, got teammate:smollm2"):
        make("teammate:smollm2")
