"""A run folder under two processes, bit flips, kills and lost files: nothing wrong is read, nothing good is lost."""

import json
import logging
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sparring.agents.models.weights.reading import read_model
from sparring.cli.app import main
from sparring.cli.runs import in_bytes
from sparring.store.runs import size_of
from sparring.store.store import Store
from sparring.trainers.methods.spiral import Config, Spiral
from sparring.trainers.run import Run
from sparring.trainers.run_folder import RunError, RunFolder, read_metrics
from sparring.trainers.whole_files import save_weights

torch.set_num_threads(1)
CONFIG = Config(
    steps=4,
    games_per_update=8,
    evaluation_games=2,
    league_every=1,
    league_size=2,
    checkpoint_every=1,
    keep_checkpoints=2,
    device="cpu",
)
TIMES = {"seconds", "tokens_per_second", "turns_per_second", "memory_gb"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "finished"
    assert Run.start(Spiral, CONFIG, path).run()
    return path


@pytest.fixture
def run(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "run", symlinks=True))


@pytest.fixture
def refused(capsys):
    """Runs a request that must be refused with exit code 2; gives what was said, which is one line."""

    def ask(*argv):
        capsys.readouterr()
        assert main([str(word) for word in argv]) == 2
        said = capsys.readouterr().err
        assert "Traceback" not in said
        return " ".join(said.split())

    return ask


def contents(folder, but=(".lock",)):
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in but]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files if "index.sqlite-" not in path.name}


def measured(run):
    return [{k: v for k, v in row.items() if k not in TIMES} for row in read_metrics(run / "metrics.jsonl")]


def flip_bit(file, bit):
    content = bytearray(file.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    file.write_bytes(content)


def checkpoints(run):
    return sorted((run / "checkpoints").glob("update-*"))


# One process at a time


HOLDS = """
import sys
from pathlib import Path
from sparring.trainers.run_folder import RunFolder
path = Path(sys.argv[1])
RunFolder.open(path, "spiral") if path.exists() else RunFolder(path).create("spiral", {})
print("has it", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other_process():
    """Starts a process that keeps a run folder until it is killed at the end."""
    started = []

    def start(path):
        command = [sys.executable, "-P", "-c", HOLDS, str(path)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "has it\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_second_process_is_refused_with_the_owners_pid_until_the_owner_is_killed(refused, run, other_process):
    owner = other_process(run)
    before = contents(run, but=())
    said = refused("train", "spiral", "--run", run, "--resume", "--steps", 6)
    assert f"is in use by process {owner.pid}" in said
    assert contents(run, but=()) == before
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert main(["train", "spiral", "--run", str(run), "--resume", "--steps", "5", "--json"]) == 0
    assert [row["update"] for row in measured(run)] == [0, 1, 2, 3, 4, 5]


@pytest.mark.slow
def test_of_two_new_runs_in_one_folder_the_second_is_refused(refused, tmp_path, other_process):
    owner = other_process(tmp_path / "new")
    (tmp_path / "new" / "config.json").unlink()  # as it is just before the first one has written it
    said = refused("train", "spiral", "--run", tmp_path / "new", "--steps", 1, "--device", "cpu")
    assert f"is in use by process {owner.pid}" in said
    assert [file.name for file in (tmp_path / "new").iterdir()] == [".lock"]


def test_a_start_that_was_killed_before_its_settings_were_written_leaves_the_folder_usable(tmp_path):
    (tmp_path / ".lock").write_text("123\n")
    (tmp_path / ".config.json.partial").write_text("{")
    RunFolder(tmp_path).create("spiral", {})
    assert RunFolder(tmp_path).read_config()["method"] == "spiral"


def test_a_finished_run_gives_its_folder_free(finished):
    assert (finished / ".lock").read_text() == ""


# Checkpoints


def state(number):
    return {"w": torch.full((64,), float(number))}, {"done": number, "notes": list(range(64))}


def folder_with(path, *numbers):
    folder = RunFolder(path)
    folder.create("spiral", {})
    for number in numbers:
        folder.checkpoints.save(number, *state(number))
    return folder


def test_the_last_two_checkpoints_are_kept(tmp_path):
    folder_with(tmp_path / "run", 1, 2, 3)
    assert [path.name for path in checkpoints(tmp_path / "run")] == ["update-000002", "update-000003"]


@pytest.mark.parametrize("name", ["weights.safetensors", "state.pt", "SHA256SUMS"])
def test_no_flipped_bit_is_loaded_and_the_checkpoint_before_takes_over(tmp_path, caplog, name):
    folder_with(tmp_path / "run", 1, 2)
    generator = random.Random(name)
    file = checkpoints(tmp_path / "run")[-1] / name
    for _ in range(40):
        bit = generator.randrange(8 * file.stat().st_size)
        flip_bit(file, bit)
        caplog.clear()
        weights, found = RunFolder(tmp_path / "run").checkpoints.load()
        assert (found["done"], weights["w"][0].item()) == (1, 1.0)
        assert "update-000002 is damaged" in caplog.text
        flip_bit(file, bit)
    assert RunFolder(tmp_path / "run").checkpoints.load()[1]["done"] == 2


@pytest.mark.parametrize("name", ["weights.safetensors", "state.pt", "SHA256SUMS"])
def test_a_file_that_is_missing_from_a_checkpoint_is_noticed(tmp_path, name):
    folder_with(tmp_path / "run", 1, 2)
    (checkpoints(tmp_path / "run")[-1] / name).unlink()
    assert RunFolder(tmp_path / "run").checkpoints.load()[1]["done"] == 1


def test_a_run_without_a_whole_checkpoint_is_refused_and_nothing_is_changed(refused, run):
    for checkpoint in checkpoints(run):
        flip_bit(checkpoint / "state.pt", 999)
    before = contents(run)
    assert "is damaged" in refused("train", "spiral", "--run", run, "--resume", "--steps", 6)
    assert contents(run) == before


def test_a_run_goes_on_from_the_checkpoint_before_a_damaged_one_as_if_nothing_had_happened(finished, run, caplog):
    flip_bit(checkpoints(run)[-1] / "weights.safetensors", 5000)
    with caplog.at_level(logging.WARNING):
        resumed = Run.resume(Spiral, run)
    assert "trying the one before it" in caplog.text
    assert resumed.done == 3
    assert resumed.run()
    assert measured(run) == measured(finished)
    noted = ("state.pt", "SHA256SUMS")  # how far the store had come: here, it had come to the end already
    assert contents(run / "checkpoints", noted) == contents(finished / "checkpoints", noted)


def test_a_damaged_snapshot_of_the_league_is_never_played_against(finished, run):
    newest = torch.load(checkpoints(run)[-1] / "state.pt", weights_only=True)["method"]["league"]["members"][-1]
    flip_bit(run / "checkpoints" / "league" / f"{newest}.safetensors", 9000)
    resumed = Run.resume(Spiral, run)
    assert resumed.done == 3, "the checkpoint before does not rest on it"
    assert resumed.run()
    assert measured(run) == measured(finished)


def test_a_league_that_no_checkpoint_can_do_with_is_refused(refused, run):
    for snapshot in (run / "checkpoints" / "league").iterdir():
        flip_bit(snapshot, 9000)
    before = contents(run)
    said = refused("train", "spiral", "--run", run, "--resume", "--steps", 6)
    assert ".safetensors is damaged" in said
    assert contents(run) == before


def test_eval_refuses_a_damaged_best_checkpoint(refused, run):
    flip_bit(run / "checkpoints" / "best" / "model.safetensors", 9000)
    said = refused("eval", run, "--games", 0)
    assert "best is damaged: the checksum of model.safetensors does not hold" in said


class Killed(BaseException):
    """The end of a process at this very call."""


def dies_at(monkeypatch, call):
    """Let the process end instead of the call-th change of a name in a folder."""
    counted = iter(range(call))

    def or_die(function):
        def change(*arguments, **keywords):
            if next(counted, None) is None:
                raise Killed
            return function(*arguments, **keywords)

        return change

    for module, name in ((os, "replace"), (os, "link"), (os, "symlink"), (shutil, "rmtree"), (Path, "mkdir")):
        monkeypatch.setattr(module, name, or_die(getattr(module, name)))


@pytest.mark.parametrize("call", range(8))
def test_a_kill_while_best_is_written_leaves_the_old_one_or_the_new_one(tmp_path, monkeypatch, call):
    folder = folder_with(tmp_path / "run")

    def best(text):
        return lambda path: (path / "model").write_text(text)

    folder.checkpoints.save_whole("best", best("old"))
    with monkeypatch.context() as patch:
        dies_at(patch, call)
        with suppress(Killed):
            folder.checkpoints.save_whole("best", best("new"))
    assert (folder.checkpoints.path / "best" / "model").read_text() in ("old", "new")
    folder.checkpoints.save_whole("best", best("newer"))
    assert (folder.checkpoints.path / "best" / "model").read_text() == "newer"
    assert len(list(folder.checkpoints.path.iterdir())) == 2, "a folder and the link to it; nothing is left over"


@pytest.mark.parametrize("call", range(8))
def test_a_kill_while_a_checkpoint_is_written_leaves_a_whole_one(tmp_path, monkeypatch, call):
    folder = folder_with(tmp_path / "run", 1, 2)
    with monkeypatch.context() as patch:
        dies_at(patch, call)
        with suppress(Killed):
            folder.checkpoints.save(3, *state(3))
    again = RunFolder(tmp_path / "run")
    found = again.checkpoints.load()[1]["done"]
    assert found in (2, 3)
    again.checkpoints.save(4, *state(4))
    assert [path.name for path in folder.checkpoints.path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("call", range(6))
def test_a_kill_while_equal_files_become_one_leaves_a_whole_checkpoint(tmp_path, monkeypatch, call):
    folder = folder_with(tmp_path / "run", 1)
    save_weights(folder.checkpoints.path / "snapshot.safetensors", state(2)[0])
    with monkeypatch.context() as patch:
        dies_at(patch, call)
        with suppress(Killed):
            folder.checkpoints.save(2, *state(2))
    again = RunFolder(tmp_path / "run")
    assert again.checkpoints.load()[1]["done"] in (1, 2)
    again.checkpoints.save(3, *state(3))
    assert load_file(folder.checkpoints.path / "snapshot.safetensors")["w"][0].item() == 2.0
    assert [path.name for path in folder.checkpoints.path.iterdir() if path.name.startswith(".")] == []


# Disk


def test_weights_that_the_league_holds_take_no_second_room_in_the_checkpoint(finished):
    for checkpoint in checkpoints(finished):
        update = int(checkpoint.name.rpartition("-")[2])
        snapshot = finished / "checkpoints" / "league" / f"update-{update}.safetensors"
        assert snapshot.samefile(checkpoint / "weights.safetensors")


def test_the_last_weights_and_best_are_one_file_where_they_are_equal(tmp_path):
    games = ("sparring/TicTacToe-v0",)
    Run.start(Spiral, replace(CONFIG, games=games, steps=1, league_every=9), tmp_path / "run").run()
    (checkpoint,) = checkpoints(tmp_path / "run")
    best = tmp_path / "run" / "checkpoints" / "best" / "model.safetensors"
    assert best.samefile(checkpoint / "weights.safetensors")


def test_a_copy_of_a_run_in_which_every_name_is_a_file_of_its_own_goes_on_as_the_run_would(finished, run, tmp_path):
    assert not (run / "checkpoints" / "league" / "update-4.safetensors").samefile(
        checkpoints(run)[-1] / "weights.safetensors"
    )
    original = Path(subprocess_copy(finished, tmp_path / "original"))
    for path in (run, original):
        Run.resume(Spiral, path, steps=6).run()
    assert measured(run) == measured(original)
    assert contents(run / "checkpoints") == contents(original / "checkpoints")


def subprocess_copy(source, target):
    """A copy in which names of one file stay names of one file."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
    return target


def test_a_disk_without_hard_links_holds_copies(finished, tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError("no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    Run.start(Spiral, CONFIG, tmp_path / "run").run()
    assert contents(tmp_path / "run" / "checkpoints", ("state.pt", "SHA256SUMS")) == contents(
        finished / "checkpoints", ("state.pt", "SHA256SUMS")
    )


def test_a_run_that_has_ended_keeps_its_last_checkpoint_alone_and_what_that_one_rests_on(tmp_path):
    rows, path = [], tmp_path / "run"
    config = replace(CONFIG, keep_checkpoints=None)
    assert not Run.start(Spiral, config, path).run(rows.append, should_stop=lambda: len(rows) == 3)
    assert [folder.name for folder in checkpoints(path)] == ["update-000002", "update-000003"]
    assert Run.resume(Spiral, path).run()
    assert [folder.name for folder in checkpoints(path)] == ["update-000004"]
    state = torch.load(path / "checkpoints" / "update-000004" / "state.pt", weights_only=True)
    on_disk = sorted(file.stem for file in (path / "checkpoints" / "league").iterdir())
    assert on_disk == sorted(state["method"]["league"]["members"])


@pytest.mark.parametrize("lost", [1, 2])
def test_every_checkpoint_that_is_kept_can_be_gone_on_from(tmp_path, lost):
    path = tmp_path / "run"
    Run.start(Spiral, replace(CONFIG, keep_checkpoints=3, league_size=1, steps=5), path).run()
    before = measured(path)
    assert [folder.name for folder in checkpoints(path)] == ["update-000003", "update-000004", "update-000005"]
    for checkpoint in checkpoints(path)[-lost:]:
        shutil.rmtree(checkpoint)
    resumed = Run.resume(Spiral, path)
    assert resumed.done == 5 - lost
    assert resumed.run()
    assert measured(path) == before
    assert len(checkpoints(path)) == 3
    assert len(list((path / "checkpoints" / "league").iterdir())) == 3


def test_training_ends_by_saying_what_is_kept_on_disk(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["--games-per-update", "4", "--evaluation-games", "2", "--device", "cpu", "--steps", "1"]
    assert main(["train", "spiral", "--run", "mine", *words]) == 0
    size = in_bytes(size_of(Path("mine")))
    assert f"kept: 1 checkpoint, {size} in mine\n" in capsys.readouterr().out


def test_a_copy_in_which_best_is_a_folder_goes_on(finished, tmp_path):
    copy = Path(shutil.copytree(finished, tmp_path / "run"))
    RunFolder.open(copy, "spiral").checkpoints.save_whole("best", lambda path: (path / "model").write_text("new"))
    assert (copy / "checkpoints" / "best" / "model").read_text() == "new"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_never_written(finished, run, value):
    resumed = Run.resume(Spiral, run, steps=6)
    before = contents(run / "checkpoints")
    with torch.no_grad():
        next(resumed.model.module.parameters()).view(-1)[3] = value
    weights = resumed.model.weights()
    with pytest.raises(RuntimeError, match=r"1 of \d+ values of \S+ are not finite"):
        resumed.folder.checkpoints.save(5, weights, {})
    with pytest.raises(RuntimeError, match="not finite"):
        resumed.method.league.add("update-5", weights)
    with pytest.raises(RuntimeError, match="not finite"):
        resumed.measurements.save_best()
    assert {name: content for name, content in contents(run / "checkpoints").items() if "partial" not in name} == before
    assert Run.resume(Spiral, run).done == 4


# What a checkpoint rests on


def lose_the_store(run):
    shutil.rmtree(run / "episodes")


def lose_some_episodes(run):
    with Store(run / "episodes") as store:
        kept = list(store)[:-3]
    shutil.rmtree(run / "episodes")
    with Store(run / "episodes", "a") as store:
        store.append(kept)


def exchange_episodes(run):
    with Store(run / "episodes") as store:
        kept = list(store)
    shutil.rmtree(run / "episodes")
    with Store(run / "episodes", "a") as store:
        store.append(kept[::-1])


def metrics_without(line):
    def damage(run):
        lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
        del lines[line]
        (run / "metrics.jsonl").write_text("".join(lines))

    return damage


def metrics_with(line, text):
    def damage(run):
        lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
        lines[line] = text
        (run / "metrics.jsonl").write_text("".join(lines))

    return damage


def config_with(**changes):
    def damage(run):
        found = json.loads((run / "config.json").read_text())
        found["config"] |= changes
        (run / "config.json").write_text(json.dumps(found))

    return damage


def config_without_settings(run):
    (run / "config.json").write_text(json.dumps({"format": 3, "method": "spiral", "config": [1]}))


def another_model(run):
    made = run.parent / "wide"
    loaded = read_model("nano", device="cpu")
    loaded.model.resize_token_embeddings(loaded.model.config.vocab_size + 8)
    loaded.save(made)
    config_with(model=str(made))(run)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lose_the_store, "episodes holds 0 episodes, but the checkpoint was written after"),
        (lose_some_episodes, "episodes are lost"),
        (exchange_episodes, "are not those that the checkpoint was written after"),
        (metrics_without(0), "metrics.jsonl line 1 must be that of update 0, got 1"),
        (metrics_without(2), "metrics.jsonl line 3 must be that of update 2, got 3"),
        (metrics_with(1, "not JSON\n"), "metrics.jsonl line 2 is damaged"),
        (metrics_with(1, "5\n"), "metrics.jsonl line 2 is damaged"),
        (metrics_with(1, '{"update": "one"}\n'), "metrics.jsonl line 2 is damaged"),
        (metrics_with(3, '{"upd'), "metrics.jsonl line 4 must be that of update 3, got the end"),
        (lambda run: (run / "metrics.jsonl").write_bytes(b"\xff\xfe\n{}\n"), "metrics.jsonl line 1 is damaged"),
        (
            lambda run: (run / "metrics.jsonl").unlink(),
            "metrics.jsonl is missing: bring back the file with",
        ),
        (config_with(steps="abc"), "config.json is damaged: steps must be a whole number, got 'abc'"),
        (config_with(learning_rate="1"), "learning_rate must be a finite number or null, got '1'"),
        (config_with(games=[7]), "config.json is damaged: games must be a list of names, got [7]"),
        (config_with(every_position=True), "every_position needs a small game of perfect information, such as TicTac"),
        (config_with(estimator="ray"), "estimator must be one of state, rae, reinforce, group, got 'ray'"),
        (config_with(magnet=-1), "magnet must be >= 0, got -1"),
        (config_without_settings, "config.json is damaged"),
        (another_model, "do not fit the model"),
    ],
)
def test_a_run_that_has_lost_something_is_refused_in_one_line_and_left_as_it_is(refused, run, damage, message):
    damage(run)
    before = contents(run)
    assert message in refused("train", "spiral", "--run", run, "--resume", "--steps", 6)
    assert contents(run) == before


def test_a_torn_last_line_of_metrics_is_done_again(finished, run):
    (checkpoint, last) = checkpoints(run)
    shutil.rmtree(last)
    content = (run / "metrics.jsonl").read_bytes()
    (run / "metrics.jsonl").write_bytes(content[:-30])
    assert Run.resume(Spiral, run).run()
    assert checkpoint.exists()
    assert measured(run) == measured(finished)


def test_a_number_that_is_not_finite_is_null_in_metrics(tmp_path):
    folder = folder_with(tmp_path / "run")
    folder.log({"update": 0, "loss": float("nan"), "grad_norm": float("inf"), "seconds": 1.5})
    assert read_metrics(folder.metrics) == [{"update": 0, "loss": None, "grad_norm": None, "seconds": 1.5}]


# Numbers that are not finite


def test_a_reward_that_is_not_finite_is_named_and_nothing_is_learnt_from_it(finished, run):
    resumed = Run.resume(Spiral, run, steps=6)
    with Store(run / "episodes", "a") as store:
        (episode,) = store.get_many(["update-0/0"]).values()
        seat, trajectory = next(iter(episode.trajectories.items()))
        spoilt = replace(trajectory, reward=float("nan"))
        episode = replace(episode, trajectories={**episode.trajectories, seat: spoilt})
        before = resumed.method.baselines.state_dict()
        with pytest.raises(ValueError, match=f"trajectory {trajectory.id} has a reward that is not finite: nan"):
            resumed.learn([episode])
    assert resumed.method.baselines.state_dict() == before


def test_a_step_that_cannot_be_taken_is_counted_in_metrics(run, monkeypatch):
    resumed, rows = Run.resume(Spiral, run, steps=6), []
    signals = resumed.method.signals

    def too_large(episodes):
        return (replace(signal, advantage=1e39) for signal in signals(episodes))

    monkeypatch.setattr(resumed.method, "signals", too_large)
    before = {name: value.clone() for name, value in resumed.model.weights().items()}
    assert resumed.run(rows.append)
    assert [row["skipped_steps"] for row in rows[:-1]] == [1.0, 1.0]
    assert all(torch.equal(before[name], value) for name, value in resumed.model.weights().items())


# Runs that cannot work


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["--temperature", "0"], "temperature must be > 0, got 0.0"),
        (["--temperature", "nan"], "temperature must be a finite number, got nan"),
        (["--magnet", "inf"], "magnet must be a finite number, got inf"),
        (["--learning-rate", "-1e-3"], "learning_rate must be >= 0, got -0.001"),
        (["--learning-rate-decay", "-1"], "learning_rate_decay must be >= 0"),
        (["--evaluation-games", "-1"], "evaluation_games must be >= 0, got -1"),
        (["--evaluate-every", "-1"], "evaluate_every must be >= 0, got -1"),
        (["--baseline-decay", "1"], "baseline_decay must be in [0, 1), got 1.0"),
        (["--momentum", "1"], "momentum must be in [0, 1), got 1.0"),
        (["--max-new-tokens", "0", "--decoding", "free"], "max_new_tokens must be >= 1, got 0"),
        (["--steps", "0"], "steps must be >= 1, got 0"),
        (["--games", "CodeIO"], "spiral needs games of two seats or more, sparring/CodeIO-v0 has 1"),
        (["--games", "KuhnPoker,HumanEval"], "spiral needs games of two seats or more, sparring/HumanEval-v0 has 1"),
        (["--games", "ToolTasks"], "spiral needs games of two seats or more, sparring/ToolTasks-v0 has 1"),
        (["--seed", "99999999999999999999999"], "seed must be in [0, 2**63), got 99999999999999999999999"),
        (["--decoding", "free", "--max-new-tokens", "100000"], "max_new_tokens must be below the context of nano"),
        (["--prompt", "brackets"], "unknown prompt template 'brackets'; did you mean 'bracket'?"),
        (["--device", "cuda:77"], "device must be auto, cpu, or one that torch finds here, got 'cuda:77'"),
        (["--device", "gpu"], "device must be auto, cpu, or one that torch finds here, got 'gpu'"),
        (["--device", "meta"], "device must be auto, cpu, or one that torch finds here, got 'meta'"),
        (["--model", "./no-such-model"], "no-such-model"),
        (["--model", "nan"], "unknown model 'nan'; did you mean 'nano'"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_a_folder_is_made(refused, tmp_path, monkeypatch, words, rule):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    small = ("--steps", "1", "--games-per-update", "2", "--evaluation-games", "0", "--device", "cpu")
    assert rule in refused("train", "spiral", "--run", "deep/run", *small, *words)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_game_whose_engine_is_missing_is_refused_before_a_folder_is_made(tmp_path):
    """In a process of its own: elsewhere the engine has been imported already."""
    code = "import sys; sys.modules['pyspiel'] = None; from sparring.cli.app import main; sys.exit(main(sys.argv[1:]))"
    words = ["train", "spiral", "--run", str(tmp_path / "run"), "--games", "LeducPoker", "--device", "cpu"]
    done = subprocess.run([sys.executable, "-P", "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pyspiel" in done.stderr
    assert not list(tmp_path.iterdir())


def test_what_a_run_prints_to_go_on_with_works_as_printed(tmp_path, monkeypatch, capsys):
    path = tmp_path / "my runs" / "kuhn's"
    words = ["--games-per-update", "4", "--evaluation-games", "2", "--device", "cpu", "--steps", "1", "--json"]
    with monkeypatch.context() as patch:
        patch.setattr(Run, "run", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert main(["train", "spiral", "--run", str(path), *words]) == 130
    said = capsys.readouterr().err.replace("\n", " ")
    command = shlex.split(said.partition("go on with: ")[2])
    assert command[0] == "sparring"
    assert main([*command[1:], "--json"]) == 0


def test_a_run_of_another_method_says_how_to_go_on(tmp_path):
    RunFolder(tmp_path / "my run").create("other", {})
    with pytest.raises(RunError, match=r"go on with: sparring train other --run '.*my run' --resume"):
        RunFolder.open(tmp_path / "my run", "spiral")


def test_a_run_of_the_format_before_can_be_measured_and_is_not_resumed(refused, run):
    found = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**found, "format": 1}))
    assert main(["eval", str(run), "--games", "0", "--json"]) == 0
    said = refused("train", "spiral", "--run", run, "--resume")
    assert "was written in run format 1, this version resumes format 3" in said


def test_a_run_without_checkpoints_says_that_it_starts_again(run, caplog):
    shutil.rmtree(run / "checkpoints")
    assert Run.resume(Spiral, run).done == 0
    (record,) = caplog.records
    assert record.getMessage() == f"{run / 'checkpoints'} holds no checkpoint: the run starts again at update 0"
