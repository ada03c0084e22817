"""Tasks of reasoning-gym, hosted by their names: the library's questions and its scores."""

import pytest
import reasoning_gym
import torch

from sparring import registry
from sparring.cli.app import main
from sparring.envs import make
from sparring.envs.conformance import review
from sparring.rollout.loop import Match, play
from sparring.scoreboard.verify import verify
from sparring.store.store import Store
from sparring.trainers.methods.grpo import Config, Grpo
from sparring.trainers.run import Run

torch.set_num_threads(1)
LEGS = "reasoning-gym:leg_counting"


@pytest.mark.parametrize("task", ["leg_counting", "word_sorting"])
def test_questions_and_scores_are_the_librarys(task):
    env = make(f"reasoning-gym:{task}")
    for seed in range(5):
        dataset = reasoning_gym.create_dataset(task, size=1, seed=seed)
        question, info = env.reset(seed=seed)
        assert (question, info["hidden"]["answer"]) == (dataset[0]["question"], dataset[0]["answer"])
        for answer in (dataset[0]["answer"], "7", "no idea"):
            env.reset(seed=seed)
            _, reward, terminated, truncated, after = env.step(answer)
            assert (reward, terminated, truncated) == (dataset.score_answer(answer, dataset[0]), True, False)
            assert after["illegal"] is False


@pytest.mark.parametrize("answer", ["", " \n", "x" * 10_001])
def test_an_answer_that_is_none_is_illegal_and_scores_nothing(answer):
    env = make(LEGS)
    env.reset(seed=1)
    _, reward, terminated, _, info = env.step(answer)
    assert (reward, terminated, info["illegal"]) == (0.0, True, True)


def test_a_task_conforms_and_its_options_are_its_own():
    assert review(LEGS).ok
    few, _ = make(LEGS, max_animals=3).reset(seed=4)
    many, _ = make(LEGS, min_animals=9, max_animals=9).reset(seed=4)
    assert len(few) < len(many)


def test_an_unknown_task_and_an_unknown_option_are_one_line(capsys):
    with pytest.raises(
        registry.UnknownName, match="unknown reasoning-gym task 'leg_count'; did you mean 'leg_counting'"
    ):
        registry.envs.row("reasoning-gym:leg_count")
    with pytest.raises(ValueError, match=r"reasoning-gym:leg_counting cannot be made with \{'colour': 'red'\}"):
        make(LEGS, colour="red")
    assert main(["check", "reasoning-gym:leg_count"]) == 2
    assert "did you mean 'leg_counting'" in capsys.readouterr().err


def test_it_is_played_stored_verified_and_trained_on(tmp_path):
    with Store(tmp_path / "store", "a") as store:
        store.append(play([Match("m", LEGS, {"player_0": "chat:nano:max_new_tokens=4"}, 3)]))
        assert verify(store).ok
    config = Config(games=(LEGS,), agent="chat", decoding="free", max_new_tokens=4, steps=1, games_per_update=4,
                    group_size=2, evaluation_games=0, probe_games=2, device="cpu")  # fmt: skip
    rows = []
    assert Run.start(Grpo, config, tmp_path / "run").run(rows.append)
    assert rows[0]["faults"] == 0
    assert f"probe/{LEGS} vs other tasks" in rows[0]


def test_the_librarys_answers_are_there_to_be_imitated():
    episodes = play([Match(f"m/{seed}", LEGS, {"player_0": "walkthrough"}, seed) for seed in range(5)])
    assert [one.trajectories["player_0"].reward for one in episodes] == [1.0] * 5


def test_options_of_the_task_stand_in_its_spec_wherever_games_are_named():
    name, options = registry.envs.parts("reasoning-gym:leg_counting:min_animals=9:max_animals=9")
    assert (name, options) == (LEGS, {"min_animals": 9, "max_animals": 9})
    assert make(LEGS, **options).reset(seed=4)[0] != make(LEGS).reset(seed=4)[0]
