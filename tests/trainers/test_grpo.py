"""Groups of attempts at one task: who plays what, what is learnt from it, and resumed to the bit."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from sparring.agents import named
from sparring.cli.arguments import measured
from sparring.rollout.loop import Match, play
from sparring.store.store import Store
from sparring.trainers.advantages import batch_normalised, leave_one_out, returns_to_go
from sparring.trainers.methods.grpo import Config, Grpo
from sparring.trainers.methods.reinforce import Config as ReinforceConfig
from sparring.trainers.methods.reinforce import Reinforce
from sparring.trainers.run import Run
from sparring.trainers.tasks import SETTLED, Tasks

torch.set_num_threads(1)
TTT, LAKE = "sparring/TicTacToe-v0", "gym:FrozenLake-v1"
SMALL = Config(
    games=(TTT,), opponents=("random",), steps=2, games_per_update=16, group_size=4, evaluation_games=2, probe_games=2,
    checkpoint_every=1, device="cpu", seed=5,
)  # fmt: skip


def played(path, update=None):
    with Store(path / "episodes") as store:
        return [e for e in store if e.id.startswith("update-" if update is None else f"update-{update}/")]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path, rows = tmp_path_factory.mktemp("runs") / "run", []
    assert Run.start(Grpo, SMALL, path).run(rows.append)
    return path, rows


def test_a_group_is_several_attempts_at_one_task_from_one_seat(finished):
    groups = {}
    for episode in played(finished[0]):
        groups.setdefault(episode.task, []).append(episode)
    assert [len(group) for group in groups.values()] == [4] * 8
    for group in groups.values():
        assert len({episode.seed for episode in group}) == 1
        assert sorted(episode.sample for episode in group) == [0, 1, 2, 3]
        seats = [seat for e in group for seat, t in e.trajectories.items() if t.trainable]
        assert len(seats) == 4
        assert len(set(seats)) == 1
    assert len({len(e.turns) for e in groups["task-0"]} | {e.hash for e in groups["task-0"]}) > 2, "attempts differ"


def test_seats_and_opponents_take_turns(tmp_path):
    config = replace(SMALL, opponents=("random", "minimax"), steps=1, games_per_update=32, probe_every=0)
    Run.start(Grpo, config, tmp_path / "run").run()
    found = {}
    for episode in played(tmp_path / "run"):
        (own,) = [seat for seat, t in episode.trajectories.items() if t.trainable]
        (other,) = [t.agent for t in episode.trajectories.values() if not t.trainable]
        found[own, other] = found.get((own, other), 0) + 1
    assert found == {(f"player_{seat}", agent): 8 for seat in (0, 1) for agent in ("random", "minimax")}


def test_equal_groups_teach_nothing_and_are_counted(finished):
    path, rows = finished
    episodes = {e.id: e for e in played(path)}
    with Store(path / "episodes") as store:
        columns = store.columns("grpo/group", "advantage")
    for update in (0, 1):
        rewards, learnt = {}, {}
        for episode in (e for id, e in episodes.items() if id.startswith(f"update-{update}/")):
            for trajectory in (t for t in episode.trajectories.values() if t.trainable):
                rewards.setdefault(episode.task, []).append(trajectory.reward)
                learnt.setdefault(episode.task, []).append(trajectory.id in columns)
        equal = [task for task, values in rewards.items() if len(set(values)) == 1]
        assert rows[update]["equal_groups"] == len(equal) / 4
        assert all(any(learnt[task]) is (task not in equal) for task in rewards)
    assert sum(columns.values()) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("changes", [{}, {"credit": "turn", "discount": 0.9}, {"tasks": 3, "estimator": "batch"}])
def test_a_run_stopped_between_updates_resumes_to_the_bit(tmp_path, changes):
    config = replace(SMALL, **changes)
    Run.start(Grpo, config, tmp_path / "whole").run()
    rows = []
    assert not Run.start(Grpo, config, tmp_path / "cut").run(rows.append, should_stop=lambda: len(rows) == 1)
    assert Run.resume(Grpo, tmp_path / "cut").run()
    whole, cut = (
        load_file(max((tmp_path / name / "checkpoints").glob("update-*")) / "weights.safetensors")
        for name in ("whole", "cut")
    )
    assert all(torch.equal(value, cut[name]) for name, value in whole.items())


def test_a_run_stopped_before_its_first_update_records_what_the_run_left_alone_does(tmp_path):
    Run.start(Grpo, SMALL, tmp_path / "whole").run()
    assert not Run.start(Grpo, SMALL, tmp_path / "cut").run(should_stop=lambda: True)
    assert Run.resume(Grpo, tmp_path / "cut").run()
    whole, cut = ({e.id: e.hash for e in played(tmp_path / name)} for name in ("whole", "cut"))
    assert whole == cut


def test_an_environment_of_one_seat_is_measured_on_other_tasks(tmp_path):
    rows = []
    config = replace(SMALL, games=(LAKE,), opponents=(), steps=1, horizons=(5,))
    Run.start(Grpo, config, tmp_path / "run").run(rows.append)
    assert f"probe/{LAKE} vs other tasks" in rows[0]
    assert max(len(e.turns) for e in played(tmp_path / "run")) <= 5


def test_horizons_grow_in_steps(tmp_path):
    config = replace(SMALL, games=(LAKE,), opponents=(), steps=3, horizons=(2, 4), horizon_every=2, probe_every=0)
    Run.start(Grpo, config, tmp_path / "run").run()
    longest = [max(len(e.turns) for e in played(tmp_path / "run", update)) for update in range(3)]
    assert longest == [2, 2, 4]


def test_the_code_tasks_that_are_held_out_measure_and_never_train(tmp_path):
    config = replace(SMALL, games=("sparring/CodeIO-v0",), opponents=(), steps=1, group_size=2, games_per_update=2,
                     decoding="free", max_new_tokens=4, evaluation_games=0, horizons=(1,))  # fmt: skip
    Run.start(Grpo, config, tmp_path / "run").run()
    with Store(tmp_path / "run" / "episodes") as store:
        splits = {
            (row.id.partition("/")[0][:5], dict(store.get(row.id).env_kwargs).get("split")) for row in store.rows()
        }
    assert splits == {("updat", None), ("probe", "held_out")}


def test_what_the_model_said_at_the_start_holds_it(tmp_path):
    rows = []
    config = replace(SMALL, reference_kl=100.0, learning_rate=1e-4, steps=2)
    run = Run.start(Grpo, config, tmp_path / "held")
    run.run(rows.append)
    free = Run.start(Grpo, replace(config, reference_kl=0.0), tmp_path / "free")
    free.run()
    start = run.load_model().weights()
    moved = [sum(float((r.model.weights()[n] - v).square().sum()) for n, v in start.items()) for r in (run, free)]
    assert rows[1]["loss"] != rows[0]["loss"]
    assert moved[0] != moved[1]


@pytest.mark.parametrize("changes", [{"baseline": "moving"}, {"baseline": "batch", "credit": "turn", "discount": 0.5}])
def test_reinforce_plays_learns_and_resumes(tmp_path, changes):
    config = ReinforceConfig(games=(TTT,), steps=2, games_per_update=8, evaluation_games=0, probe_every=0,
                             checkpoint_every=1, device="cpu", **changes)  # fmt: skip
    rows = []
    assert not Run.start(Reinforce, config, tmp_path / "run").run(rows.append, should_stop=lambda: len(rows) == 1)
    assert Run.resume(Reinforce, tmp_path / "run").run(rows.append)
    assert [row["update"] for row in rows] == [0, 1, 2]
    assert 0 < rows[0]["samples"] < rows[0]["turns"], "the last cell of a board is no decision"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"games_per_update": 18}, "games_per_update must be a multiple of group_size, 4, got 18"),
        ({"games": (LAKE,)}, "opponents need a seat to play in, and gym:FrozenLake-v1 has one seat"),
        ({"horizons": (0, 3)}, "horizons must grow from 1 on, got 0, 3"),
        ({"horizons": (8, 4)}, "horizons must grow from 1 on, got 8, 4"),
        ({"discount": 0.5}, "discount 0.5 needs credit 'turn', got credit 'episode'"),
        ({"games": (TTT, TTT)}, "games must name each environment once, got sparring/TicTacToe-v0 twice"),
        ({"opponents": ("human",)}, "opponents: a person cannot be asked for games while a run goes on"),
    ],
)
def test_settings_that_cannot_work_are_refused(tmp_path, changes, rule):
    with pytest.raises(ValueError, match=rule):
        Run.start(Grpo, replace(SMALL, **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_conversation_is_one_sample_and_plays_on_as_it_was_trained(tmp_path):
    rows = []
    config = replace(SMALL, agent="chat", steps=1, games_per_update=8, magnet=0.01)
    Run.start(Grpo, config, tmp_path / "run").run(rows.append)
    assert rows[0]["broken_prefixes"] == 0
    assert rows[0]["samples"] <= 8 < rows[0]["turns"]
    agent = named.make(str(tmp_path / "run"))
    assert type(agent).__name__ == "TalkingAgent"
    (episode,) = play([Match("m", TTT, {"player_0": "mine", "player_1": "random"}, 1)], {"mine": agent})
    calls = [call for turn in episode.trajectories["player_0"].turns for call in turn.calls]
    assert [call.continues is None for call in calls] == [True, *[False] * (len(calls) - 1)]


# Tasks


def test_tasks_that_teach_nothing_are_drawn_rarely_and_looked_at_again():
    tasks = Tasks(run_seed=1, count=40)
    tasks.record([(f"task-{task}", 1.0) for task in range(20) for _ in range(3)])
    tasks.record([("task-0", 0.0), ("task-0", 1.0)])
    assert sorted(tasks.settled) == list(range(1, 20))
    drawn = [task for update in range(500) for task in tasks.draw(update, 4)]
    share = sum(task in tasks.settled for task in drawn) / len(drawn)
    assert share == pytest.approx(19 * SETTLED / (19 * SETTLED + 21), abs=0.03)


def test_a_draw_repeats_a_task_only_where_there_are_fewer():
    tasks = Tasks(run_seed=1, count=5)
    assert sorted(tasks.draw(0, 5)) == [0, 1, 2, 3, 4]
    assert sorted(tasks.draw(0, 10)) == sorted([0, 1, 2, 3, 4] * 2)
    assert tasks.draw(3, 4) == Tasks(run_seed=1, count=5).draw(3, 4)
    assert Tasks(1, 0).draw(2, 3) == [6, 7, 8]


# Advantages


def test_leave_one_out_is_unbiased_and_batch_normalisation_keeps_scales():
    returns, groups = np.array([1.0, 0.0, 0.0, 4.0, 10.0]), ["a", "a", "a", "b", "b"]
    assert leave_one_out(returns, groups).tolist() == [1.0, -0.5, -0.5, -6.0, 6.0]
    centred = np.array([2 / 3, -1 / 3, -1 / 3, -3.0, 3.0])
    np.testing.assert_allclose(batch_normalised(returns, groups), centred / (centred.std(ddof=1) + 1e-4))
    assert leave_one_out(np.array([3.0]), ["a"]).tolist() == [0.0]


def test_returns_to_go_are_discounted_from_the_end():
    assert returns_to_go([1.0, 0.0, 2.0], 0.5).tolist() == [1.5, 1.0, 2.0]
    assert returns_to_go([]).tolist() == []


@pytest.mark.parametrize("credit", ["episode", "turn"])
def test_a_learnt_baseline_resumes_to_the_bit(tmp_path, credit):
    config = ReinforceConfig(games=(TTT,), steps=3, games_per_update=8, evaluation_games=0, probe_every=0,
                             checkpoint_every=1, device="cpu", baseline="linear", baseline_decay=0.7,
                             credit=credit)  # fmt: skip
    Run.start(Reinforce, config, tmp_path / "whole").run()
    rows = []
    assert not Run.start(Reinforce, config, tmp_path / "cut").run(rows.append, should_stop=lambda: len(rows) == 2)
    assert Run.resume(Reinforce, tmp_path / "cut").run()
    whole, cut = (
        load_file(max((tmp_path / name / "checkpoints").glob("update-*")) / "weights.safetensors")
        for name in ("whole", "cut")
    )
    assert all(torch.equal(value, cut[name]) for name, value in whole.items())
    with Store(tmp_path / "whole" / "episodes") as store:
        advantages = store.columns("reinforce/linear", "advantage")
        first = {t.id: t.reward for e in store if e.id.startswith("update-0/") for t in e.trajectories.values()}
    if credit == "episode":
        assert all(advantages[id] == reward for id, reward in first.items() if id in advantages)


@pytest.mark.parametrize(
    "way",
    [
        {"prompt": "boxed"},
        {"decoding": "free", "max_new_tokens": 5, "temperature": 0.7},
        {"decoding": "free", "max_new_tokens": 5, "prompt": "boxed"},
        {"agent": "chat", "temperature": 0.5},
        {"agent": "react", "max_new_tokens": 7},
        {"agent": "chat", "decoding": "free", "max_new_tokens": 5},
        {"agent": "react", "decoding": "free", "max_new_tokens": 5},
    ],
)
def test_a_run_is_measured_later_in_the_way_in_which_it_was_trained(tmp_path, way):
    """The last games of the run, played again by what `sparring eval RUN` loads: the same tokens."""
    config = replace(SMALL, steps=1, games_per_update=4, evaluation_games=2, probe_every=0, **way)
    Run.start(Grpo, config, tmp_path / "run").run()
    agent, game, kwargs = measured(str(tmp_path / "run"), None)
    with Store(tmp_path / "run" / "episodes") as store:
        for index in range(2):
            then = store.get(f"evaluation-1/{TTT}/{index}")
            (own,) = [seat for seat, t in then.trajectories.items() if t.agent != "random"]
            agents = {seat: "mine" if seat == own else "random" for seat in then.trajectories}
            (now,) = play([Match(then.id, game, agents, then.seed, kwargs, task=then.task)], {"mine": agent})
            for one, other in zip(then.trajectories[own].turns, now.trajectories[own].turns, strict=True):
                assert one.action == other.action
                for before, after in zip(one.calls, other.calls, strict=True):
                    assert before.sampling == after.sampling
                    assert [s.token_ids for s in before.segments] == [s.token_ids for s in after.segments]
                    assert before.messages == after.messages
