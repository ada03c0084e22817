"""Cloning the scripted executor: what is learnt, measured and written."""

from contextlib import nullcontext

import numpy as np
import pytest

pytest.importorskip("torch")

from sparring.cli.app import main
from sparring.envs.robot.executors.cloned import ClonedExecutor, load_policy
from sparring.envs.robot.executors.features import FEATURES
from sparring.envs.robot.executors.seeing import neighbours_of
from sparring.envs.robot.executors.tabletop import ScriptedTabletop
from sparring.envs.robot.tabletop.raster import RGB
from sparring.trainers.robot.cloning import Settings, clone
from sparring.trainers.robot.demonstrations import collect
from sparring.trainers.robot.looking import collect_pictures, colour_of, fit_eye
from sparring.trainers.robot.measuring import measure


def silent(what, total):
    return nullcontext(lambda: None)


def test_demonstrations_are_the_experts_actions_and_equal_for_equal_seeds():
    shown, again, other = (collect("twin", range(3), seed) for seed in (0, 0, 1))
    assert shown.features_NF.shape == (len(shown.actions_NA), FEATURES)
    assert np.array_equal(shown.features_NF, again.features_NF)
    assert not np.array_equal(shown.features_NF[:50], other.features_NF[:50])
    assert np.abs(shown.actions_NA).max() <= 1
    verbs = shown.features_NF[:, :6].sum(0) > 0
    assert verbs[0]  # every task picks something up


def test_scripted_play_is_measured_as_perfect_and_an_idle_executor_as_nothing():
    class Idle:
        name = "idle"

        def begin(self, world, subgoal, attempt):
            pass

        def act(self, world):
            return world.rest(-1.0)

    perfect, nothing = (measure(executor, "twin", 12, 0) for executor in (ScriptedTabletop(), Idle()))
    assert perfect.tasks.value == 1.0
    assert {one.value for one in perfect.verbs.values()} == {1.0}
    assert nothing.tasks.value == 0.0
    assert sum(one.n for one in nothing.verbs.values()) == 12


@pytest.mark.slow
def test_a_cloned_executor_picks_up_and_places_on_unseen_tasks(tmp_path):
    file = tmp_path / "policy.npz"
    found = clone(Settings(demos=120, iterations=2000, tasks=60), file, silent)
    assert found.verbs["pick up"].value >= 0.9
    assert found.verbs["place"].value >= 0.9
    policy = load_policy(file)
    assert policy.made["held_out"]["tasks"][0] == found.tasks.value
    again = measure(ClonedExecutor(policy), "twin", 60, 0)
    assert again.tasks == found.tasks


def test_equal_settings_write_equal_files_and_another_seed_another_one(tmp_path):
    files = []
    for number, seed in enumerate((0, 0, 1)):
        files.append(tmp_path / f"{number}.npz")
        clone(Settings(demos=2, iterations=3, tasks=1, seed=seed), files[-1], silent)
    first, again, other = (file.read_bytes() for file in files)
    assert first == again
    assert first != other


@pytest.mark.slow
def test_the_detector_finds_cubes_by_their_colour_on_tables_that_it_never_saw():
    eye = fit_eye(collect_pictures("twin", 400, 0), 500, 0)
    pictures = collect_pictures("twin", 40, 1)
    names = {tuple(colour_of(name).tolist()): name for name in RGB}
    errors = []
    for frame, colour, place in zip(pictures.which_N, pictures.colours_N3, pictures.places_N2, strict=True):
        sight = eye._find(neighbours_of(pictures.frames_F[frame]), names[tuple(colour.tolist())])
        errors.append(np.hypot(sight.x - place[0], sight.y - place[1]))
    assert np.median(errors) < 0.015


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"demos": 0}, "demos must be a whole number >= 1, got 0"),
        ({"iterations": 1.5}, "iterations must be a whole number >= 1, got 1.5"),
        ({"simulator": "bullet"}, "simulator must be one of twin, mujoco, got 'bullet'"),
        ({"kind": "sound"}, "kind must be one of state, pixels, got 'sound'"),
    ],
)
def test_a_wrong_setting_is_named(wrong, said):
    with pytest.raises(ValueError, match=said):
        Settings(**wrong)


def test_the_command_trains_measures_and_writes(tmp_path, capsys):
    file = tmp_path / "policy.npz"
    words = f"robot clone --kind pixels --demos 2 --iterations 3 --pictures 2 --tasks 2 --json -o {file}"
    assert main(words.split()) == 0
    assert '"whole tasks"' in capsys.readouterr().out
    assert load_policy(file).eye is not None
    assert [one.name for one in tmp_path.iterdir()] == ["policy.npz"]
