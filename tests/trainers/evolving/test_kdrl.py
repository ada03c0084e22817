"""KDRL: the teacher's word, where it is asked, and nothing else beside GRPO."""

import asyncio
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from sparring.agents import models
from sparring.agents.players import LanguageModelAgent
from sparring.trainers.methods.grpo import Config as GrpoConfig
from sparring.trainers.methods.grpo import Grpo
from sparring.trainers.methods.kdrl import Config, Kdrl
from sparring.trainers.run import Run
from sparring.types import Observation

torch.set_num_threads(1)
SMALL = {
    "games": ("sparring/Critique-v0",), "games_per_update": 16, "group_size": 4, "steps": 2, "evaluation_games": 0,
    "probe_every": 0, "device": "cpu", "seed": 3, "learning_rate": 1e-3, "checkpoint_every": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "teacher"
    Run.start(Grpo, GrpoConfig(**{**SMALL, "seed": 9, "learning_rate": 1e-2}), path).run()
    return str(path)


def finished(method, config, path):
    rows = []
    Run.start(method, config, path).run(rows.append)
    return rows, load_file(max((path / "checkpoints").glob("update-*")) / "weights.safetensors")


def same(one, other):
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_without_weight_on_the_teacher_it_is_grpo(teacher, tmp_path):
    _, grpo = finished(Grpo, GrpoConfig(**SMALL), tmp_path / "grpo")
    _, kdrl = finished(Kdrl, Config(teacher=teacher, distil=0.0, distil_final=0.0, **SMALL), tmp_path / "kdrl")
    assert same(grpo, kdrl)


def test_the_weight_of_the_teacher_falls_linearly_and_is_in_the_metrics(teacher, tmp_path):
    rows, _ = finished(
        Kdrl, Config(teacher=teacher, distil=0.5, distil_final=0.1, **{**SMALL, "steps": 5}), tmp_path / "run"
    )
    assert [row["reference_kl"] for row in rows[:5]] == pytest.approx([0.5, 0.4, 0.3, 0.2, 0.1])


@pytest.mark.parametrize("mask", ["none", "wrong", "unsolved"])
def test_the_teacher_is_asked_where_the_mask_says(teacher, tmp_path, mask):
    run = Run.start(Kdrl, Config(teacher=teacher, mask=mask, **{**SMALL, "steps": 1}), tmp_path / "run")
    attempts, asked = [], {}
    advantages, signals_of = run.method.advantages, run.method.signals_of
    run.method.advantages = lambda found: (attempts.extend(found), advantages(found))[1]

    def watched(attempt, values):
        signals = list(signals_of(attempt, values))
        asked[attempt.trajectory.id] = {signal.referenced for signal in signals}
        return signals

    run.method.signals_of = watched
    run.run()
    solved = {attempt.group for attempt in attempts if attempt.trajectory.reward == 1.0}
    for attempt in attempts:
        wanted = {
            "none": True,
            "wrong": attempt.trajectory.reward < 1.0,
            "unsolved": attempt.group not in solved,
        }[mask]
        equal = len({one.trajectory.reward for one in attempts if one.group == attempt.group}) == 1
        if equal and not wanted:
            assert attempt.trajectory.id not in asked, "GRPO learns nothing from it, and the teacher is not asked"
        else:
            assert asked[attempt.trajectory.id] == {wanted}


def test_the_students_own_word_as_the_teachers_changes_nothing(tmp_path):
    """d is 0 everywhere at the first update."""
    config = Config(teacher="nano", distil=10.0, distil_final=10.0, **{**SMALL, "steps": 1})
    _, kdrl = finished(Kdrl, config, tmp_path / "kdrl")
    _, grpo = finished(Grpo, GrpoConfig(**{**SMALL, "steps": 1}), tmp_path / "grpo")
    assert all(torch.allclose(value, grpo[name], atol=1e-6) for name, value in kdrl.items())


def test_a_student_draws_near_to_its_teacher(teacher, tmp_path):
    run = Run.start(
        Kdrl, Config(teacher=teacher, distil=1.0, distil_final=1.0, **{**SMALL, "steps": 12}), tmp_path / "run"
    )
    taught, before = models.load_trainable(teacher), says_right(run.model)
    run.run()
    assert abs(says_right(run.model) - says_right(taught)) < abs(before - says_right(taught)) / 2


def says_right(model):
    """How likely it finds one attempt right."""
    seen = Observation(("A task:\nWhat is 3 + 4?\n\nAn attempt at it:\n7",), ("right", "wrong"))
    return asyncio.run(LanguageModelAgent(model).action_distribution(seen))["right"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"teacher": ""}, "kdrl needs a teacher: --teacher MODEL"),
        ({"teacher": "nano", "reference_kl": 0.1}, r"reference_kl must be 0: the divergence of kdrl is the teacher's"),
    ],
)
def test_what_cannot_work_is_refused_before_a_folder_is_made(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        Run.start(Kdrl, replace(Config(**SMALL), **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_teacher_with_other_tokens_is_refused(tmp_path):
    with pytest.raises(ValueError, match="teacher smollm2 has other tokens than the model nano"):
        Run.start(Kdrl, Config(teacher="smollm2", **SMALL), tmp_path / "run")
    assert not (tmp_path / "run").exists()
