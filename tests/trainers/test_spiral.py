"""Self-play end to end on nano: the same run twice, a run that is killed, a run that is interrupted."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sparring.scoreboard.standings import load_run
from sparring.scoreboard.verify import verify
from sparring.store.store import Store
from sparring.trainers.methods.spiral import Config, Spiral
from sparring.trainers.run import Run
from sparring.trainers.run_folder import RunError, RunFolder, read_metrics

torch.set_num_threads(1)
SMALL = Config(
    steps=6,
    games_per_update=24,
    league_every=1,
    league_size=2,
    league_share=0.5,
    checkpoint_every=3,
    evaluation_games=4,
    seed=11,
)
TIMES = {"seconds", "tokens_per_second", "turns_per_second", "memory_gb"}


def fingerprint(path: Path) -> dict[str, object]:
    """Everything that two equal runs must agree on: tokens, parameters, measurements."""
    *_, checkpoint = sorted((path / "checkpoints").glob("update-*"))
    weights = hashlib.sha256()
    for name, tensor in sorted(load_file(checkpoint / "weights.safetensors").items()):
        weights.update(name.encode() + tensor.numpy().tobytes())
    tokens = hashlib.sha256()
    with Store(path / "episodes") as store:
        for episode in sorted(store, key=lambda episode: episode.id):
            for _, turn in episode.turns:
                tokens.update(repr([segment.token_ids for segment in turn.segments]).encode())
        hashes = sorted(row.hash for row in store.rows())
    metrics = [{k: v for k, v in row.items() if k not in TIMES} for row in read_metrics(path / "metrics.jsonl")]
    return {"weights": weights.hexdigest(), "tokens": tokens.hexdigest(), "episodes": hashes, "metrics": metrics}


class PowerCut(BaseException):
    """Nothing is saved."""


def power_cut(now: bool) -> bool:
    if now:
        raise PowerCut
    return False


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "undisturbed"
    assert Run.start(Spiral, SMALL, path).run()
    return fingerprint(path)


def test_one_seed_gives_one_run(undisturbed, tmp_path):
    Run.start(Spiral, SMALL, tmp_path / "again").run()
    assert fingerprint(tmp_path / "again") == undisturbed


def test_another_seed_gives_another_run(undisturbed, tmp_path):
    Run.start(Spiral, Config(**{**settings(), "seed": 12}), tmp_path / "other").run()
    other = fingerprint(tmp_path / "other")
    assert other["tokens"] != undisturbed["tokens"]
    assert other["weights"] != undisturbed["weights"]


def settings():
    return {field.name: getattr(SMALL, field.name) for field in fields(Config)}


def test_a_run_stopped_between_updates_resumes_as_if_left_alone(undisturbed, tmp_path):
    path, updates = tmp_path / "run", []
    finished = Run.start(Spiral, SMALL, path).run(updates.append, should_stop=lambda: len(updates) == 3)
    assert not finished
    assert Run.resume(Spiral, path).run()
    assert fingerprint(path) == undisturbed


SCRIPT = """
import sys, torch
from pathlib import Path
torch.set_num_threads(1)
from sparring.trainers.methods.spiral import Config, Spiral
from sparring.trainers.run import Run
path = Path(sys.argv[1])
run = Run.resume(Spiral, path) if path.exists() else Run.start(Spiral, Config(**eval(sys.argv[2])), path)
print("ready", flush=True)
run.run()
"""


@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(3))
def test_a_run_killed_at_random_moments_resumes_as_if_left_alone(undisturbed, tmp_path, attempt):
    path, generator = tmp_path / "run", random.Random(attempt)
    for update in (generator.randrange(3), generator.randrange(3, SMALL.steps - 1), None):
        command = [sys.executable, "-P", "-c", SCRIPT, str(path), repr(settings())]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"})
        assert process.stdout.readline() == b"ready\n"
        if update is None:
            assert process.wait(timeout=120) == 0
        else:
            wait_for_update(path / "metrics.jsonl", update)
            time.sleep(generator.uniform(0.0, 0.1))
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
    assert fingerprint(path) == undisturbed


def wait_for_update(metrics, update):
    """Until so many updates are written down, in this run or before."""
    until = time.monotonic() + 60
    while time.monotonic() < until and not (metrics.exists() and metrics.read_bytes().count(b"\n") >= update):
        time.sleep(0.005)


@pytest.mark.parametrize("done", [0, 3])
def test_raised_steps_train_on_games_of_the_very_weights_that_played_them(tmp_path, done):
    """A run that died in its fifth update, with its last checkpoint after `done` updates, goes on to more updates."""
    path, rows = tmp_path / "run", []
    config = replace(SMALL, steps=6, checkpoint_every=done or 50, learning_rate=3e-2, magnet=0.0)
    with pytest.raises(PowerCut):
        Run.start(Spiral, config, path).run(rows.append, should_stop=lambda: power_cut(len(rows) == 5))
    resumed = Run.resume(Spiral, path, steps=20)
    assert resumed.done == done
    again = []
    resumed.run(again.append)
    assert max(row["sampler_mismatch"] for row in again[:-1]) < 1e-4
    rates = {row["update"]: row["learning_rate"] for row in rows}
    assert all(row["learning_rate"] == rates[row["update"]] for row in again if row["update"] < 4)
    assert again[-2]["learning_rate"] == pytest.approx(3e-2 * config.learning_rate_decay)


def test_the_stretched_schedule_is_that_of_every_later_resume_too(tmp_path):
    config = replace(SMALL, steps=2, checkpoint_every=1, evaluation_games=2)
    for path in (tmp_path / "once", tmp_path / "twice"):
        Run.start(Spiral, config, path).run()
    rows = []
    Run.resume(Spiral, tmp_path / "once", steps=5).run()
    assert not Run.resume(Spiral, tmp_path / "twice", steps=5).run(rows.append, should_stop=lambda: len(rows) == 1)
    Run.resume(Spiral, tmp_path / "twice").run()
    assert fingerprint(tmp_path / "once") == fingerprint(tmp_path / "twice")


def test_evaluation_games_of_different_weights_are_never_pooled(tmp_path):
    path = tmp_path / "run"
    Run.start(Spiral, replace(SMALL, steps=1), path).run()
    Run.resume(Spiral, path, steps=2).run()
    played = {s.agent: s.episodes for s in load_run(path).standings if s.opponent == "random"}
    assert played == {"nano (before)": 4, "nano (update 1)": 4, "nano (update 2)": 4}


@pytest.mark.parametrize(("games", "share"), [(8, 0.25), (10, 0.2), (12, 0.5)])
def test_the_league_sits_in_its_share_of_few_games_and_in_both_seats(tmp_path, games, share):
    path = tmp_path / "run"
    envs = ("sparring/KuhnPoker-v0", "sparring/TicTacToe-v0")
    config = replace(SMALL, games=envs, games_per_update=games, league_share=share, steps=5, evaluation_games=0)
    config = replace(config, probe_every=0)
    Run.start(Spiral, config, path).run()
    with Store(path / "episodes") as store:
        for env in envs:
            rows = [row for row in store.rows(env_id=env) if row.group != "update-0"]
            seats = [seat for row in rows for seat, agent in row.agents.items() if agent == "nano (league)"]
            assert abs(len(seats) - share * len(rows)) <= 1
            assert abs(seats.count("player_0") - seats.count("player_1")) <= 1


def test_an_end_of_zero_is_what_the_last_update_has(tmp_path):
    rows = []
    Run.start(Spiral, replace(SMALL, steps=3, magnet_final=0.0, learning_rate_decay=0.0), tmp_path / "run").run(
        rows.append
    )
    assert [row["magnet"] for row in rows[:-1]] == pytest.approx([0.25, 0.125, 0.0])
    assert [row["learning_rate"] for row in rows[:-1]] == pytest.approx([5e-4, 2.5e-4, 0.0])


def test_every_episode_of_a_run_verifies_and_frozen_seats_never_train(tmp_path):
    Run.start(Spiral, SMALL, tmp_path / "run").run()
    with Store(tmp_path / "run" / "episodes") as store:
        assert verify(store).ok
        league = [e for e in store if any(t.agent == "nano (league)" for t in e.trajectories.values())]
        advantages = store.columns("spiral/rae", "advantage")
    assert {seat for e in league for seat, t in e.trajectories.items() if t.agent == "nano (league)"} == {
        "player_0",
        "player_1",
    }
    frozen = [t.id for e in league for t in e.trajectories.values() if not t.trainable]
    assert frozen
    assert not set(frozen) & set(advantages)


def test_several_games_train_in_turn(tmp_path):
    games = ("sparring/KuhnPoker-v0", "sparring/TicTacToe-v0")
    rows = []
    Run.start(Spiral, Config(**{**settings(), "games": games, "steps": 1}), tmp_path / "run").run(rows.append)
    assert {f"reward/{game}/player_{seat}" for game in games for seat in (0, 1)} <= set(rows[0])
    assert rows[0]["nash_conv/sparring/KuhnPoker-v0"] > 0


def test_a_game_that_cannot_be_solved_leaves_its_last_model(tmp_path):
    games = ("sparring/TicTacToe-v0",)
    Run.start(Spiral, Config(**{**settings(), "games": games, "steps": 1}), tmp_path / "run").run()
    assert (tmp_path / "run" / "checkpoints" / "best" / "model.safetensors").is_file()


def test_the_papers_rule_for_illegal_actions_can_be_asked_for(tmp_path):
    config = Config(**{**settings(), "decoding": "free", "max_new_tokens": 2, "steps": 1, "illegal": "spiral"})
    Run.start(Spiral, config, tmp_path / "run").run()
    with Store(tmp_path / "run" / "episodes") as store:
        parts = [t.reward_parts for e in store for t in e.trajectories.values()]
    assert {"payoff": 0.0, "forfeit": -1.5} in parts


def test_writing_freely_trains_too(tmp_path):
    rows = []
    config = Config(**{**settings(), "decoding": "free", "max_new_tokens": 6, "steps": 2})
    Run.start(Spiral, config, tmp_path / "run").run(rows.append)
    assert rows[0]["illegal_share"] > 0.9, "random bytes are hardly ever an action"
    assert rows[0]["tokens"] > 24
    assert rows[0]["grad_norm"] > 0


def test_a_run_in_which_everything_fails_stops_and_says_why(tmp_path, monkeypatch):
    run = Run.start(Spiral, SMALL, tmp_path / "run")

    def broken(*_):
        raise RuntimeError("no more memory")

    monkeypatch.setattr(run.model, "score", broken)
    with pytest.raises(RuntimeError, match=r"episodes failed; the first: .*no more memory"):
        run.run()
    assert Run.resume(Spiral, tmp_path / "run").run()
    with Store(tmp_path / "run" / "episodes") as store:
        assert {row.status for row in store.rows()} == {"ok"}, "what failed was played again"


def test_an_existing_folder_is_never_overwritten(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match="already exists and is no run of ours; choose another --run folder"):
        Run.start(Spiral, SMALL, tmp_path / "run")
    assert (tmp_path / "run" / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "has no config.json"),
        ("{", "is damaged"),
        ("[]", "is damaged"),
        (json.dumps({"format": 99, "method": "spiral", "config": {}}), "run format 99, this version reads format 3"),
        (json.dumps({"format": 3, "method": "other", "config": {}}), "is a run of other, not of spiral"),
    ],
)
def test_a_folder_that_is_no_run_of_ours_is_named(tmp_path, content, message):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(RunError, match=message):
        RunFolder.open(tmp_path, "spiral")


def test_a_damaged_checkpoint_is_named(tmp_path):
    Run.start(Spiral, Config(**{**settings(), "steps": 1}), tmp_path / "run").run()
    (checkpoint,) = (tmp_path / "run" / "checkpoints").glob("update-*")
    (checkpoint / "state.pt").write_bytes(b"garbage")
    with pytest.raises(RunError, match="is damaged"):
        Run.resume(Spiral, tmp_path / "run")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("steps", 0, "steps must be >= 1, got 0"),
        ("magnet", -1.0, "magnet must be >= 0, got -1.0"),
        ("league_share", 1.5, r"league_share must be in \[0, 1\]"),
        ("games", (), "games must name at least one"),
    ],
)
def test_impossible_settings_are_named(field, value, message):
    with pytest.raises(ValueError, match=message):
        Config(**{**settings(), field: value})


def test_only_what_an_estimator_uses_is_in_the_checkpoint(tmp_path):
    """So runs begun before there was a baseline by state, which were all of rae, go on."""
    states = {}
    for estimator in ("rae", "state"):
        run = Run.start(Spiral, replace(SMALL, estimator=estimator), tmp_path / estimator)
        assert run.run()
        states[estimator] = run.method.state_dict()
        resumed = Run.resume(Spiral, tmp_path / estimator).method.state_dict()
        assert {**resumed, "league": None} == {**states[estimator], "league": None}  # it lists older members anew
    assert set(states["rae"]) == {"baselines", "league"}
    assert states["state"]["states"]["sums"]
