"""The command line as people and scripts use it: exit codes, what is printed, what is left on disk."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from rich.console import Console

from sparring import registry
from sparring.cli import terminal
from sparring.cli.app import COMMANDS, main
from sparring.rollout.loop import Match, play
from sparring.store.store import Store
from sparring.trainers.run_folder import read_metrics
from sparring.types import Seen

torch.set_num_threads(1)
KUHN = "sparring/KuhnPoker-v0"
TINY = ("--steps", "2", "--games-per-update", "16", "--evaluation-games", "2", "--device", "cpu")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "run"
    assert main(["train", "spiral", "--run", str(path), *TINY, "--json"]) == 0
    return path


@pytest.fixture
def run(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture
def wide(monkeypatch):
    """Tables whose rows are one line each."""
    monkeypatch.setattr(terminal, "out", Console(width=400))
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def refused(capsys):
    """Runs a request that must be refused; gives what was said, on one line."""

    def ask(*argv, code=2):
        capsys.readouterr()
        assert main([str(word) for word in argv]) == code
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err + printed.out
        return " ".join(printed.err.split())

    return ask


@pytest.fixture
def answer(capsys):
    """Runs a request with --json and gives the parsed value; constants outside JSON (NaN, Infinity) are refused."""

    def ask(*argv, code=0):
        capsys.readouterr()
        assert main([*(str(word) for word in argv), "--json"]) == code
        return strict_json(capsys.readouterr().out)

    return ask


def strict_json(text):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def flip_byte(run):
    """Damage the first frame of the store, which holds episodes."""
    (segment,) = (run / "episodes" / "segments").glob("*.zst")
    content = bytearray(segment.read_bytes())
    content[200] ^= 1
    segment.write_bytes(content)


def contents(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "index.sqlite-" not in path.name)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


# Help


def test_no_words_show_the_help_with_every_command(capsys):
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert all(re.search(rf"^  {command} +\S", shown, re.MULTILINE) for command in COMMANDS)


PLAIN = [name for name in COMMANDS if name not in ("train", "sandbox")]


@pytest.mark.parametrize(
    "command", [(), *((name,) for name in PLAIN), ("train", "spiral"), ("sandbox", "run"), ("sandbox", "selftest")]
)
def test_help_describes_every_option(capsys, command, wide):
    assert main([*command, "--help"]) == 0
    lines = [line.strip("│ ") for line in capsys.readouterr().out.splitlines()]
    options = [index for index, line in enumerate(lines) if re.match(r"--?[a-z]|STR|PATH|\[PATH", line)]
    assert options
    for index in options:
        _, gap, described = lines[index].partition("  ")
        text = described if gap else lines[index + 1]
        assert len(text.partition("(default")[0].split()) >= 1, lines[index]
        assert not text.startswith(("(default", "(required")), lines[index]


def test_help_of_training_shows_what_to_type_and_says_defaults_in_words_at_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["train", "spiral", "--help"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    examples = [line.split() for line in shown.splitlines() if line.startswith("  sparring train spiral --run")]
    typed = {word for words in examples for word in words}
    assert {"KuhnPoker,LeducPoker", "--resume", "--probe"} <= typed
    assert {word for word in typed if word.startswith("--")} <= set(
        re.findall(r"--[a-z-]+", shown.partition("-h, --help")[2])
    )
    said = " ".join(re.sub(r"[│|]", " ", shown).split())
    for words in ("(default: KuhnPoker)", "--games GAME,GAME", "(default: by the model's size)", "then 1)"):
        assert words in said
    assert "None" not in said
    assert "sparring/" not in said


@pytest.mark.parametrize(
    "command", [*(("train", method) for method in ("spiral", "kdrl", "self-challenge")), ("compare-methods",)]
)
def test_help_breaks_no_line_where_only_the_source_does(capsys, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "2000")
    assert main([*command, "--help"]) == 0
    lines = [line.strip("│| ") for line in capsys.readouterr().out.splitlines()]
    starts = [index for index, line in enumerate(lines) if line.startswith("-")]
    assert len(starts) > 15
    for start, following in pairwise(starts):
        assert len([line for line in lines[start + 1 : following] if re.match(r"[(\w]", line)]) <= 1, lines[start]


def test_train_without_a_method_lists_the_methods(capsys):
    assert main(["train"]) == 2
    assert "spiral" in capsys.readouterr().out
    assert main(["train", "--help"]) == 0
    assert "sparring train spiral --help" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        (["trian"], "unknown command 'trian'; did you mean 'train'?"),
        (["train", "spirl", "--run", "r"], "unknown training method 'spirl'; did you mean 'spiral'?"),
        (["train", "spiral", "--run", "r", "--stepps", "3"], "--steps"),
        (["train", "spiral", "--run", "r", "--games", "KuhnPokr"], f"did you mean '{KUHN}'?"),
        (["train", "spiral", "--run", "r", "--estimator", "ray"], "rae"),
        (["play", "KuhnPoker", "--episods", "3"], "--episodes"),
        (["play", "KuhnPokr"], f"unknown environment 'KuhnPokr'; did you mean '{KUHN}'?"),
        (["play", "KuhnPoker", "--agents", "randm,random"], "unknown agent 'randm'; did you mean 'random'?"),
        (["eval", "cfrr"], "unknown agent 'cfrr'; did you mean 'cfr'?"),
        (["eval", "cfr", "--env", "KuhnPokr"], f"did you mean '{KUHN}'?"),
    ],
)
def test_a_misspelt_word_is_answered_with_the_nearest(refused, tmp_path, monkeypatch, words, nearest):
    monkeypatch.chdir(tmp_path)
    assert nearest in refused(*words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["play", "KuhnPoker", "--agents", "random"], f"{KUHN} has 2 seats (player_0, player_1), got 1 agent"),
        (["play", "KuhnPoker", "--agents", "random,cfr,random"], "round robin every agent plays every other one once"),
        (["play", "ToolTasks", "--agents", "random,random"], "ToolTasks-v0 has one seat, in which every agent plays"),
        (["play", "KuhnPoker", "--agents", "constant,random"], "agent 'constant' needs an argument after a colon"),
        (["play", "KuhnPoker", "--agents", "random:2,random"], "agent 'random' takes no argument, got 'random:2'"),
        (["play", "KuhnPoker", "--episodes", "0"], "episodes must be >= 1, got 0"),
        (["play", "KuhnPoker", "--episodes", "many"], "--episodes"),
        (["play"], "env"),
        (["eval", "random", "--games", "-3"], "games must be >= 0, got -3"),
        (["train", "spiral"], "--run"),
        (["train", "spiral", "--run", "r", "--steps", "0"], "steps must be >= 1, got 0"),
        (["train", "spiral", "--run", "r", "--resume"], "there is no run in r to go on with"),
        (["report", "r", "-o", "r.html"], "r is not a run folder"),
        (["report", "-o", "r.html"], "at least one run folder"),
        (["replay", "r", "e"], "no episode store at r"),
        (["verify", "r"], "no episode store at r"),
    ],
)
def test_a_request_that_cannot_be_carried_out_names_the_rule_and_the_value(refused, tmp_path, monkeypatch, words, rule):
    monkeypatch.chdir(tmp_path)
    assert rule in refused(*words)
    assert not list(tmp_path.iterdir())


# envs, doctor, play


def test_envs_lists_everything_registered(answer, capsys, wide):
    rows = answer("envs")
    assert [row["name"] for row in rows] == [row.name for row in registry.envs]
    assert all(row["seats"] >= 1 and row["summary"] and row["family"] for row in rows)
    assert main(["envs"]) == 0
    shown = capsys.readouterr().out
    assert all(row.name in shown for row in registry.envs)


def test_doctor_says_what_is_missing_and_the_command_for_it(answer, capsys, monkeypatch, wide):
    here = answer("doctor")
    assert here["python"]
    extras = (
        "train",
        "code",
        "adventures",
        "textworld",
        "textworld-express",
        "scienceworld",
        "textarena",
        "track",
        "retrieval",
        "atlas",
        "postgres",
        "parquet",
        "archive",
        "ray",
        "robot",
        "docker",
        "libero",
        "metaworld",
        "openai",
        "serve",
    )
    assert here["missing"] == {extra: [] for extra in extras}
    assert set(here["sandbox"]) == {"namespaces", "docker"}
    monkeypatch.setattr(registry, "installed", lambda module: False)
    assert main(["doctor"]) == 0
    assert 'pip install "sparring[train]"' in capsys.readouterr().out
    assert "torch" in answer("doctor")["missing"]["train"]


def test_play_tells_both_sides_of_the_result(answer):
    found = answer("play", "KuhnPoker", "--agents", "random,constant:bet", "--episodes", 20)
    ours, theirs = found["standings"]
    assert (ours["agent"], theirs["agent"]) == ("random", "constant:bet")
    assert ours["outcomes"]["wins"] == theirs["outcomes"]["losses"]
    assert ours["reward"]["value"] == -theirs["reward"]["value"]
    assert found["faults"] == []


def test_an_interval_without_bounds_is_null_in_json(answer):
    words = ("play", "SimpleNegotiation", "--agents", "constant:deny,constant:deny", "--episodes")
    for episodes in (1, 4):  # one deal; two deals that came out the same
        reward = answer(*words, episodes)["standings"][0]["reward"]
        assert (reward["value"], reward["low"], reward["high"]) == (0.0, None, None)


def test_play_prints_a_table_and_the_seed_decides_it(capsys):
    tables = []
    for seed in ("1", "1", "2"):
        assert main(["play", "KuhnPoker", "--agents", "cfr,random", "--episodes", "30", "--seed", seed]) == 0
        tables.append(capsys.readouterr().out)
    assert "reward (95 % interval)" in tables[0]
    assert tables[0] == tables[1] != tables[2]


def test_play_tells_two_agents_of_one_name_apart(capsys, wide):
    assert main(["play", "KuhnPoker", "--episodes", "4"]) == 0
    shown = capsys.readouterr().out
    assert "random (agent 1)" in shown
    assert "random (agent 2)" in shown


def test_episodes_that_broke_off_are_counted_named_and_fail_the_command(answer, capsys):
    words = ("play", "KuhnPoker", "--agents", "minimax,random", "--episodes", "8")
    found = answer(*words, code=1)
    assert len(found["faults"]) == 8
    assert main(list(words)) == 1
    assert "the same 8 times" in capsys.readouterr().err


def test_a_missing_extra_gives_the_one_command_that_installs_it(refused, monkeypatch):
    def require(module, extra):
        raise registry.MissingExtra(f'{module} is not installed: run `pip install "sparring[{extra}]"`')

    monkeypatch.setattr(registry, "require", require)
    said = refused("play", "KuhnPoker", "--agents", "nano,random")
    assert said.count("pip install") == 1
    assert 'pip install "sparring[train]"' in said


def test_play_records_a_store_that_verifies_and_takes_the_same_games_again(answer, tmp_path):
    for _ in range(2):
        answer("play", "KuhnPoker", "--episodes", 10, "--store", tmp_path / "games")
    found = answer("verify", tmp_path / "games")
    assert (found["episodes"], found["ok"], found["faults"]) == (10, True, [])


def test_other_agents_and_seeds_play_their_own_games_into_one_store(answer, tmp_path):
    for words in (("random,random", 0), ("cfr,random", 0), ("random,random", 1), ("cfr,random", 0)):
        answer(
            "play",
            "KuhnPoker",
            "--episodes",
            10,
            "--store",
            tmp_path / "games",
            "--agents",
            words[0],
            "--seed",
            words[1],
        )
    with Store(tmp_path / "games") as store:
        assert store.count == 30
        assert {"random,random/0", "cfr,random/0", "random,random/1"} == {
            row.id.partition(f"/{KUHN}")[0] for row in store.rows()
        }


def test_play_refuses_a_store_it_cannot_write_before_the_first_game(refused, tmp_path, monkeypatch):
    monkeypatch.setattr("sparring.scoreboard.matches.play_rows", lambda *_: pytest.fail("played"))
    (tmp_path / "file").write_text("years of work")
    assert "file" in refused("play", "KuhnPoker", "--store", tmp_path / "file")
    assert (tmp_path / "file").read_text() == "years of work"


# train


def test_train_makes_a_run_folder_and_prints_a_line_per_update(tmp_path, capsys):
    path = tmp_path / "run"
    assert main(["train", "spiral", "--run", str(path), *TINY, "--games=KuhnPoker,TicTacToe", "--json"]) == 0
    lines = [strict_json(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["update"] for line in lines] == [0, 1, 2]
    assert lines == read_metrics(path / "metrics.jsonl")
    assert {"config.json", "metrics.jsonl", "checkpoints", "episodes"} <= {item.name for item in path.iterdir()}
    config = json.loads((path / "config.json").read_text())["config"]
    assert (config["steps"], config["games"]) == (2, [KUHN, "sparring/TicTacToe-v0"])


def test_an_existing_run_is_refused_and_left_as_it_is(refused, run):
    before = contents(run)
    assert "continue that run with --resume" in refused("train", "spiral", "--run", run, *TINY)
    assert contents(run) == before


@pytest.mark.parametrize("steps", [("--steps", "3"), ("--steps=3",)])
def test_a_finished_run_goes_on_where_steps_are_raised(run, capsys, steps):
    before = read_metrics(run / "metrics.jsonl")
    assert main(["train", "spiral", "--run", str(run), "--resume", *steps]) == 0
    assert f"sparring report {run}" in capsys.readouterr().out
    after = read_metrics(run / "metrics.jsonl")
    assert [row["update"] for row in after] == [0, 1, 2, 3]
    assert after[:2] == before[:2]


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (("--steps", "1"), "was started with 2, got 1"),
        (("--seed", "5"), "seed stays as the run was started, 0, got 5"),
        (("--games", "TicTacToe"), "games stays as the run was started"),
        (("--games-per-update", "512"), "games_per_update stays as the run was started, 16, got 512"),
        (("--evaluation-games=200",), "evaluation_games stays as the run was started, 2, got 200"),
    ],
)
def test_what_a_resumed_run_cannot_change_is_refused_and_nothing_is_touched(refused, run, words, rule):
    before = contents(run)
    assert rule in refused("train", "spiral", "--run", run, "--resume", *words)
    assert contents(run) == before


def test_a_second_interrupt_says_how_to_go_on(refused, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("sparring.trainers.run.Run.run", interrupted)
    said = refused("train", "spiral", "--run", tmp_path / "run", *TINY, code=130)
    assert f"go on with: sparring train spiral --run {tmp_path / 'run'} --resume" in said


def test_an_error_of_the_device_ends_the_command_without_a_traceback(refused, tmp_path, monkeypatch):
    def fails(*_):
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr("sparring.trainers.run.Run.run", fails)
    said = refused("train", "spiral", "--run", tmp_path / "run", *TINY)
    assert "stopped: CUDA out of memory; go on with:" in said


# eval, report, replay, verify


def test_eval_measures_a_run_in_its_own_game_among_references(answer, run, capsys, wide):
    found = answer("eval", run, "--games", 4)
    assert found["env_id"] == KUHN
    best = min(row[f"nash_conv/{KUHN}"] for row in read_metrics(run / "metrics.jsonl"))
    assert found["nash_conv"] == pytest.approx(best, abs=1e-4)
    assert found["references"]["uniform random"] == pytest.approx(11 / 12)
    assert found["standing"]["episodes"] == 4
    assert main(["eval", str(run), "--games", "0"]) == 0
    shown = capsys.readouterr().out
    assert "NashConv" in shown
    assert f"{found['nash_conv']:.6f}" in shown
    assert "always bet / call" in shown


def test_eval_finds_the_equilibrium_near_zero(answer):
    found = answer("eval", "cfr", "--games", 0)
    assert found["nash_conv"] < 1e-3
    assert found["against_equilibrium"][0] == pytest.approx(-1 / 18, abs=1e-3)
    assert found["standing"] is None


def test_eval_of_a_game_that_cannot_be_solved_says_so(answer, capsys):
    found = answer("eval", "random", "--env", "ConnectFour", "--games", 2)
    assert found["nash_conv"] is None
    assert found["standing"]["episodes"] == 2
    assert main(["eval", "random", "--env", "ConnectFour", "--games", "2"]) == 0
    assert "cannot be solved exactly" in capsys.readouterr().out


def test_eval_of_a_run_before_its_first_checkpoint_says_so(refused, run):
    shutil.rmtree(run / "checkpoints" / "best")
    assert "has no checkpoint yet" in refused("eval", run)


def test_report_writes_one_file_that_needs_no_other(run, tmp_path, capsys):
    page = tmp_path / "page" / "report.html"
    page.parent.mkdir()
    assert main(["report", str(run), "-o", str(page)]) == 0
    assert [path.name for path in page.parent.iterdir()] == ["report.html"]
    assert f"wrote {page}" in capsys.readouterr().out
    assert "<html" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("command", [("report",), ("data",)])
def test_an_output_that_is_somebody_elses_a_link_a_device_or_nowhere_is_refused(refused, run, tmp_path, command):
    notes, link = tmp_path / "notes.txt", tmp_path / "link"
    notes.write_text("years of work")
    link.symlink_to(notes)
    for place, rule in (
        (notes, "it exists and is no "),
        (link, f"it is a link, to {notes}"),
        ("/dev/null", "it exists and is no regular file"),
        (tmp_path, "it exists and is no regular file"),
        (tmp_path / "nowhere" / "out", f"there is no folder {tmp_path / 'nowhere'}"),
    ):
        assert f"cannot write {place}: {rule}" in refused(*command, run, "-o", place)
    assert notes.read_text() == "years of work"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "notes.txt", "run"]


def test_data_without_a_row_says_why_and_leaves_no_file(refused, run, tmp_path):
    said = refused("data", run, "--kind", "programs", "-o", tmp_path / "rows.jsonl")
    assert re.search(r"no rows of kind programs: 36 episodes, 0 broke off, \d+ ended with a reward of 1; ", said)
    assert not (tmp_path / "rows.jsonl").exists()


def damage_config(run):
    (run / "config.json").write_text("{")


def damage_metrics(run):
    (run / "metrics.jsonl").write_text("{}\nnot JSON\n{}\n")


def damage_index(run):
    with closing(sqlite3.connect(run / "episodes" / "index.sqlite")) as db:
        db.execute("UPDATE episodes SET status = 'won' WHERE position = 3")
        db.commit()


def garble_index(run):
    (run / "episodes" / "index.sqlite").write_bytes(b"not a database" * 100)


def another_version(run):
    (run / "episodes" / "store.json").write_text('{"format": "sparring-store", "version": 99}')


@pytest.mark.parametrize(
    "damage", [damage_config, damage_metrics, damage_index, garble_index, another_version, shutil.rmtree]
)
def test_report_of_a_missing_or_damaged_run_writes_nothing(refused, run, tmp_path, damage):
    damage(run)
    assert refused("report", run, "-o", tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("damage", "message"),
    [(damage_index, "is damaged"), (garble_index, "is damaged"), (another_version, "reads only sparring-store")],
)
@pytest.mark.parametrize(
    "words", [("verify", "RUN"), ("replay", "RUN", "e"), ("train", "spiral", "--resume", "--run", "RUN")]
)
def test_a_damaged_store_or_one_of_another_version_is_named(refused, run, damage, message, words):
    damage(run)
    before = contents(run)
    assert message in refused(*(run if word == "RUN" else word for word in words))
    assert contents(run) == before


def test_replay_shows_every_turn(answer, run, capsys):
    whole = answer("replay", run, "update-1/3")
    turns = [turn for seat in whole["trajectories"].values() for turn in seat["turns"]]
    assert turns
    assert main(["replay", str(run), "update-1/3"]) == 0
    shown = capsys.readouterr().out
    for turn in turns:
        assert f"turn {turn['index']}: " in shown
        assert turn["observation"]["content"][0] in shown
        assert f"> {turn['action']!r}" in shown
    assert all(f"reward {seat['reward']:+g}" in shown for seat in whole["trajectories"].values())


def test_replay_of_an_unknown_episode_names_the_nearest_and_never_all(refused, run):
    assert "unknown episode 'updat-1/3'; did you mean 'update-1/3'" in refused("replay", run, "updat-1/3")
    said = refused("replay", run, "zzzz")
    assert "36 are stored, from" in said
    assert len(said) < 200


def test_replay_cannot_steer_the_terminal(tmp_path, capsys):
    agents = {seat: registry.make_agent("random") for seat in ("player_0", "player_1")}
    (episode,) = play([Match("e", KUHN, {seat: seat for seat in agents}, 1)], agents)
    seat, trajectory = next(iter(episode.trajectories.items()))
    hostile = replace(trajectory.turns[0], observation=Seen(("\x1b]0;pwned\x07 \ud800 [bold]plain[/bold]",)))
    changed = replace(trajectory, turns=(hostile, *trajectory.turns[1:]))
    with Store(tmp_path / "store", "a") as store:
        store.append([replace(episode, trajectories={**episode.trajectories, seat: changed})])
    assert main(["replay", str(tmp_path / "store"), "e"]) == 0
    assert r"\x1b]0;pwned\x07 \ud800 [bold]plain[/bold]" in capsys.readouterr().out


def test_verify_passes_a_good_run_and_names_the_episodes_of_a_flipped_byte(answer, run, capsys):
    good = answer("verify", run)
    assert (good["ok"], good["episodes"], good["faults"]) == (True, 36, [])
    assert len(good["root"]) == 64
    flip_byte(run)
    bad = answer("verify", run, code=1)
    assert bad["ok"] is False
    assert main(["verify", str(run)]) == 1
    printed = capsys.readouterr()
    assert f"episode '{bad['faults'][0]['episode_id']}'" in printed.err
    assert "NOT as recorded" in printed.out


def test_verify_of_what_broke_off_is_no_success(answer, tmp_path, capsys):
    words = ("play", "KuhnPoker", "--agents", "minimax,random", "--episodes", 8, "--store", tmp_path / "games")
    answer(*words, code=1)
    found = answer("verify", tmp_path / "games", code=1)
    assert (found["ok"], found["episodes"], found["broken_off"], found["faults"]) == (False, 8, 8, [])
    assert main(["verify", str(tmp_path / "games")]) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "NOTHING was verified, as none had come to its end; 8 were broken off by a fault" in shown
    assert "all as recorded" not in shown


def test_verify_counts_what_broke_off_beside_what_did_not(answer, tmp_path, capsys):
    for agents in ("minimax,random", "random,constant:bet"):
        with Store(tmp_path / "games", "a") as store:
            seats = dict(zip(("player_0", "player_1"), map(registry.make_agent, agents.split(",")), strict=True))
            store.append(
                play([Match(f"{agents}/{n}", KUHN, {seat: seat for seat in seats}, n) for n in range(4)], seats)
            )
    assert answer("verify", tmp_path / "games")["broken_off"] == 4
    assert main(["verify", str(tmp_path / "games")]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "all as recorded; 4 were broken off by a fault and are verified only as far as they went" in shown


def test_verify_of_an_empty_store_is_no_success(answer, tmp_path):
    Store(tmp_path / "games", "a").close()
    assert answer("verify", tmp_path / "games", code=1)["ok"] is False


def test_replay_of_a_damaged_episode_names_it(refused, answer, run):
    flip_byte(run)
    (damaged, *_) = answer("verify", run, code=1)["faults"]
    said = refused("replay", run, damaged["episode_id"])
    assert f"episode {damaged['episode_id']!r}" in said
    assert "is damaged" in said


def test_what_people_read_keeps_brackets_and_what_scripts_read_is_strict(capsys):
    terminal.complain("[link]left alone[/link]")
    assert "[link]left alone[/link]" in capsys.readouterr().err
    terminal.dump({"a": [float("nan"), (float("-inf"), 1.5)]})
    assert strict_json(capsys.readouterr().out) == {"a": [None, [None, 1.5]]}


# Real processes


def start(*words, limit=None, cwd=None):
    """A process of `python -m sparring`; `limit` is the largest file, in bytes, that it may write."""
    code = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))" if limit else ""
    code += "\nimport sys\nfrom sparring.cli.app import main\nsys.exit(main(sys.argv[1:]))"
    module = ["-c", code] if limit else ["-m", "sparring"]
    return subprocess.Popen(
        [sys.executable, "-P", *module, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=cwd,
    )


def ended(process):
    out, err = process.communicate(timeout=240)
    assert "Traceback" not in err, err
    return process.returncode, out, err


@pytest.mark.slow
def test_the_process_ends_with_the_exit_code(run):
    assert ended(start("envs"))[0] == 0
    assert ended(start("play", "KuhnPokr"))[0] == 2
    flip_byte(run)
    assert ended(start("verify", run))[0] == 1


@pytest.mark.slow
def test_the_installed_script_is_the_same_program():
    script = Path(sys.executable).with_name("sparring")
    if not script.exists():
        pytest.skip("sparring is imported from a path here, not installed")
    result = subprocess.run([script, "envs", "--json"], capture_output=True, text=True, check=True)
    assert [row["name"] for row in strict_json(result.stdout)] == [row.name for row in registry.envs]


@pytest.mark.slow
def test_a_reader_that_leaves_early_gets_no_traceback(run):
    process = start("replay", run, "update-0/0", "--json")
    process.stdout.close()
    process.stdout = None
    assert "Error" not in process.communicate(timeout=120)[1]
    assert process.returncode == 1


@pytest.mark.slow
def test_ctrl_c_saves_says_how_to_go_on_and_the_resumed_run_completes(tmp_path, refused):
    path = tmp_path / "run"
    words = ("train", "spiral", "--run", path, *TINY, "--steps", "12", "--checkpoint-every", "50", "--json")
    process = start(*words)
    assert json.loads(process.stdout.readline())["update"] == 0
    process.send_signal(signal.SIGINT)
    code, _, err = ended(process)
    assert code == 130
    assert f"stopped and saved; go on with: sparring train spiral --run {path} --resume" in err
    done = len(read_metrics(path / "metrics.jsonl"))
    assert 1 <= done < 12
    assert [item.name for item in (path / "checkpoints").glob("update-*")] == [f"update-{done:06d}"]
    code, _, err = ended(start("train", "spiral", "--run", path, "--resume"))
    assert code == 0, err
    assert [row["update"] for row in read_metrics(path / "metrics.jsonl")] == list(range(13))
    assert main(["verify", str(path)]) == 0


@pytest.mark.slow
def test_a_second_ctrl_c_ends_an_update_at_once_and_the_resumed_run_completes(tmp_path):
    path = tmp_path / "run"
    words = ("train", "spiral", "--run", path, *TINY, "--steps", "2", "--games-per-update", "3000", "--json")
    process = start(*words)
    assert json.loads(process.stdout.readline())["update"] == 0
    time.sleep(0.5)  # the next update has begun: before that an end is asked for between two
    process.send_signal(signal.SIGINT)
    assert (
        "stopping after this update (Ctrl-C again: at once, back to the last checkpoint)" in process.stderr.readline()
    )
    process.send_signal(signal.SIGINT)
    code, out, err = ended(process)
    assert (code, out) == (130, "")  # the update was not finished
    assert err == f"sparring: interrupted; go on with: sparring train spiral --run {path} --resume --steps 2\n"
    code, _, err = ended(start("train", "spiral", "--run", path, "--resume"))
    assert code == 0, err
    assert [row["update"] for row in read_metrics(path / "metrics.jsonl")] == list(range(3))
    assert main(["verify", str(path)]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("limit", [100_000, 2_000_000], ids=["the store", "the checkpoint"])
def test_a_full_disk_stops_training_and_what_is_recorded_stays_readable(tmp_path, limit):
    path = tmp_path / "run"
    code, _, err = ended(start("train", "spiral", "--run", path, *TINY, "--evaluation-games", "300", limit=limit))
    assert code == 2
    assert "stopped: " in err
    assert "--resume" in err
    with Store(path / "episodes") as store:
        assert len(list(store)) == store.count
        stored = store.count
    assert (stored == 0) == (limit == 100_000)
    assert ended(start("train", "spiral", "--run", path, "--resume"))[0] == 0
    assert main(["verify", str(path)]) == 0


def test_a_folder_that_cannot_be_written_is_named(refused):
    assert "/proc/run" in refused("train", "spiral", "--run", "/proc/run", *TINY)


def config_of(settings):
    return json.dumps({"format": 3, "method": "spiral", "config": settings})


DAMAGED_CONFIGS = [
    ("{", "is damaged"),
    ("[]", "is damaged"),
    (config_of([]), "is damaged: its settings are no JSON object"),
    (config_of({"games": 3}), "is damaged: games must be a list of names, got 3"),
    (config_of({"steps": "x"}), "is damaged: steps must be a whole number, got 'x'"),
]
READERS = ["report RUN -o r.html", "eval RUN --games 2", "watch RUN", "play KuhnPoker --agents RUN,random"]


@pytest.mark.parametrize(("config", "said"), DAMAGED_CONFIGS)
def test_a_damaged_config_is_named_by_every_command_that_reads_it(refused, run, tmp_path, monkeypatch, config, said):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, "mine")
    Path("mine/config.json").write_text(config)
    for words in READERS:
        assert f"mine/config.json {said}" in refused(*words.replace("RUN", "mine").split())
    assert not Path("r.html").exists()


@pytest.mark.parametrize(("config", "said"), DAMAGED_CONFIGS)
def test_verify_checks_the_episodes_and_names_a_damaged_config(run, tmp_path, capsys, config, said):
    shutil.copytree(run, tmp_path / "mine")
    (tmp_path / "mine" / "config.json").write_text(config)
    assert main(["verify", str(tmp_path / "mine")]) == 1
    printed = capsys.readouterr()
    assert "all as recorded" in printed.out
    assert f"mine/config.json {said}" in printed.err


def test_a_damaged_list_of_policies_is_named(refused, run, tmp_path):
    shutil.copytree(run, tmp_path / "mine")
    (tmp_path / "mine" / "policies.json").write_text("{")
    assert "mine/policies.json is damaged" in refused("report", tmp_path / "mine", "-o", tmp_path / "r.html")
