"""The STARLING protocol: from games to a verdict, stopped and taken up again to the bit, and what is refused."""

import json
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace

import pytest
import torch

from sparring import registry
from sparring.cli.app import main
from sparring.registry import MissingExtra
from sparring.scoreboard.report.build import render
from sparring.scoreboard.standings import load_run
from sparring.scoreboard.transfer import read_results
from sparring.scoreboard.verify import verify
from sparring.store.run_files import EPISODES, RunError
from sparring.store.store import Store
from sparring.trainers.starling import targets
from sparring.trainers.starling.cells import PLAN
from sparring.trainers.starling.practice import Practice
from sparring.trainers.starling.protocol import Protocol, Stopped, read_settings
from sparring.trainers.starling.results import write_results
from sparring.trainers.starling.settings import Settings

torch.set_num_threads(1)
SMALL = Settings(
    seeds=1, targets=("held-out",), train_games=3, held_out_games=3, max_turns=4, imitation_updates=2,
    imitation_batch=2, curve_updates=2, measure_every=1, batch=4, group_size=2, device="cpu",
)  # fmt: skip


def ignore(_):
    """Nobody watches."""


def start(folder, settings=SMALL, should_stop=lambda: False, note=ignore):
    return Protocol.start(settings, folder, note, should_stop)


def after(count):
    """Asks for an end from so many questions on."""
    asked = iter(range(10_000))
    return lambda: next(asked) >= count


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """(folder, results, how far the bar moved, its length) of a protocol in one go."""
    folder, moved = tmp_path_factory.mktemp("starling") / "run", []
    protocol = start(folder)
    found = write_results(protocol, protocol.run(moved.append))
    return folder, found, moved, protocol.steps


def test_every_agent_is_measured_at_every_point_on_every_game(done):
    _, found, _, _ = done
    points = {(one.agent, one.episodes, one.score.n, one.score.clusters) for one in found.measured}
    assert points == {
        *((agent, at, 3, 3) for agent in ("pre-trained", "from scratch") for at in (0, 4, 8)),
        ("random", 0, 3, 3),
        (PLAN, 0, 3, 3),
    }
    assert next(one.score.value for one in found.measured if one.agent == PLAN) == 1.0
    assert found.verdict.startswith("Does pre-training help? held-out: ")


def test_the_bar_only_moves_forward_and_ends_at_its_length(done):
    _, _, moved, steps = done
    assert moved == sorted(moved)
    assert moved[-1] == steps


def test_results_and_page_come_from_the_stored_episodes(done):
    folder, found, _, _ = done
    assert read_results(folder).measured == found.measured
    with Store(folder / EPISODES) as store:
        assert verify(store).ok
    page = render([load_run(folder)])
    assert found.headline in page
    assert "2 updates of imitation" in page


def test_the_skills_are_those_of_the_plans(done):
    _, found, _, _ = done
    assert {"navigation", "collecting"} <= {one.skill for one in found.skills}
    plan = [one for one in found.skills if one.agent == PLAN]
    assert all(one.share.value == 1.0 for one in plan)


def test_a_protocol_that_is_stopped_again_and_again_measures_the_same(done, tmp_path):
    folder, _, _, _ = done
    protocol, cells = start(tmp_path / "run", should_stop=after(1)), None
    for patience in range(2, 12):
        with suppress(Stopped):
            cells = protocol.run(ignore)
            break
        protocol = Protocol.resume(tmp_path / "run", ignore, after(patience))
    assert cells is not None
    write_results(protocol, cells)
    ours, theirs = (json.loads((one / "results.json").read_text()) for one in (tmp_path / "run", folder))
    assert ours == theirs


def test_practice_plays_the_games_that_are_measured(done):
    folder, _, _, _ = done
    with Store(folder / "training" / "seed-0" / "held-out" / "from-scratch" / EPISODES) as store:
        rows = list(store.rows())
    assert {row.seed for row in rows} <= {0, 1, 2}
    assert len({row.sample for row in rows}) > 1
    assert Practice.name not in {row.name for row in registry.trainers}


def test_pre_training_never_sees_a_held_out_game(done):
    folder, _, _, _ = done
    with Store(folder / "plans") as store:
        assert {"split=train" in row.env_id for row in store.rows()} == {True}


def test_a_target_that_is_not_installed_is_left_out_with_a_line(monkeypatch):
    real = registry.envs.make

    def without_java(name, **options):
        if "Express" in name:
            raise MissingExtra("textworld_express needs Java")
        return real(name, **options)

    monkeypatch.setattr(targets.registry.envs, "make", without_java)
    found, missing = targets.available(replace(SMALL, targets=("held-out", "twc")))
    assert [one.name for one in found] == ["held-out"]
    assert missing == ["twc is left out: textworld_express needs Java"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"seeds": 0}, "seeds must be >= 1, got 0"),
        ({"targets": ("held-out", "held-out")}, "each once"),
        ({"batch": 5}, "batch must be a multiple of group_size, 2, got 5"),
        ({"held_out_games": 26}, "held_out_games of the hundred must be at most 25, got 26"),
        ({"imitation_updates": 0}, "there is no pre-training"),
        ({"difficulty": 0}, "difficulty must be from 1 to 5, got 0"),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        replace(SMALL, **wrong)


def test_a_model_that_is_not_there_leaves_no_folder(tmp_path):
    with pytest.raises((ValueError, OSError)):
        start(tmp_path / "run", replace(SMALL, model="nowhere/at-all"))
    assert not (tmp_path / "run").exists()


def test_a_folder_that_holds_something_is_refused(done, tmp_path):
    folder, _, _, _ = done
    with pytest.raises(RunError, match="already exists; continue with --resume"):
        start(folder)
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(RunError, match="no protocol of ours"):
        start(tmp_path)


HOLDS = """
import sys
from pathlib import Path
from sparring.trainers import run_lock
run_lock.acquire(Path(sys.argv[1]))
print("has it", flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
def test_a_protocol_in_use_is_refused_before_anything_is_done(done, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(done[0], run)
    command = [sys.executable, "-P", "-c", HOLDS, str(run)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout.readline() == "has it\n"
        for words, said in (
            (["--resume"], f"{run} is in use by process {owner.pid}"),
            ([], "already exists; continue with --resume"),
        ):
            assert main(["adventures", "starling", "--run", str(run), *words]) == 2
            printed = capsys.readouterr()
            assert said in printed.err
            assert len(printed.err.splitlines()) == 1  # nothing was begun
            assert printed.out == ""
        owner.stdin.close()
    assert main(["adventures", "starling", "--run", str(run), "--resume"]) == 0
    assert (run / ".lock").read_text() == ""


@pytest.mark.parametrize("text", ["", "[]", '{"format": 7}', '{"format": 1, "settings": {"seeds": "many"}}'])
def test_damaged_settings_are_named(tmp_path, text):
    (tmp_path / "protocol.json").write_text(text)
    with pytest.raises(RunError):
        read_settings(tmp_path)


def test_the_command_shows_a_finished_protocol_again(done, tmp_path, capsys):
    shutil.copytree(done[0], tmp_path / "run")
    assert main(["adventures", "starling", "--run", str(tmp_path / "run"), "--resume"]) == 0
    shown = capsys.readouterr().out
    assert "pre-trained - scratch" in shown
    assert "Does pre-training help?" in shown
    assert "navigation" in shown
