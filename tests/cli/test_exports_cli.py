"""`sparring export | import`: the words of people, the streams, and what stays on the disk."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from sparring.cli.app import main
from sparring.exports.formats import FORMATS
from sparring.rollout.loop import Match, play
from sparring.store.store import Store

GAME = "sparring/KuhnPoker-v0"


@pytest.fixture
def games(tmp_path):
    seats = {"player_0": "cfr", "player_1": "random"}
    with Store(tmp_path / "games", "a") as store:
        store.append(play([Match(f"g/{n}", GAME, seats, n) for n in range(12)]))
    return tmp_path / "games"


def test_an_export_says_what_it_wrote_and_what_the_format_has_no_place_for(games, tmp_path, capsys):
    assert main(["export", str(games), "--to", "openai", "-o", str(tmp_path / "chats.jsonl"), "--agent", "cfr"]) == 0
    said = capsys.readouterr()
    rows = len((tmp_path / "chats.jsonl").read_text().splitlines())
    assert said.out.startswith(f"wrote {rows} rows to ")
    lost, left_out = said.err.splitlines()
    assert lost == f"openai has no place for {FORMATS['openai'].lost}"
    assert left_out.startswith("left out: 12 trajectories of other agents; ")


def test_where_an_agent_must_be_named_those_of_the_store_are_listed(games, tmp_path, capsys):
    words = ["export", str(games), "--to", "openai", "-o", str(tmp_path / "chats.jsonl")]
    assert main(words) == 2
    assert "nobody learnt (--agent names whose to take); the store has cfr, random\n" in capsys.readouterr().err
    assert main([*words, "--agent", "nope"]) == 2
    assert "no episode of the store matches; the store has cfr, random" in capsys.readouterr().err
    with Store(games, "a") as store:
        first = next(iter(store))
        seat = first.trajectories["player_1"]
        for n in range(8):
            trajectories = {**first.trajectories, "player_1": replace(seat, agent=f"twin{n}")}
            store.append([replace(first, id=f"twin/{n}", trajectories=trajectories)])
    assert main([*words, "--agent", "nope"]) == 2
    assert "; the store has cfr, random, twin0, twin1, twin2, twin3, twin4, twin5 and 2 more" in capsys.readouterr().err


@pytest.mark.parametrize("output", ["-", "/dev/stdout"])
@pytest.mark.parametrize("name", ["openai", "agentgym"])
def test_an_export_to_standard_output_is_rows_only(games, tmp_path, capsys, monkeypatch, name, output):
    monkeypatch.chdir(tmp_path)
    words = ["export", str(games), "--to", name, "--agent", "cfr", "-o"]
    assert main([*words, "file"]) == 0
    capsys.readouterr()
    before = sorted(tmp_path.iterdir())
    assert main([*words, output]) == 0
    said = capsys.readouterr()
    assert said.out == (tmp_path / "file").read_text()
    assert said.err.startswith("wrote ")
    assert sorted(tmp_path.iterdir()) == before


def test_what_standard_output_cannot_take_is_one_line(games, capsys):
    refused = (
        (["parquet"], "a Parquet file cannot be written to standard output: name a new one with -o"),
        (["hf-dataset"], "a folder cannot be written to standard output: name a new one with -o"),
        (["atif", "--json"], "--json and -o - both write to standard output: leave one of them out"),
        (["openai", "--env", "TicTacToe"], "no rows for openai: no episode of the store matches"),
    )
    for words, line in refused:
        assert main(["export", str(games), "-o", "-", "--to", *words]) == 2
        said = capsys.readouterr()
        assert (said.out, said.err) == ("", f"sparring: {line}\n")


@pytest.mark.slow
def test_a_reader_that_goes_away_ends_an_export_without_a_word(tmp_path):
    seats = {"player_0": "random", "player_1": "random"}
    with Store(tmp_path / "games", "a") as store:
        store.append(play([Match(f"g/{n}", GAME, seats, n) for n in range(200)]))
    command = [sys.executable, "-m", "sparring", "export", "games", "--to", "verifiers", "-o", "/dev/stdout"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith("{")
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(30) == 1


def test_a_script_gets_json(games, tmp_path, capsys):
    assert main(["export", str(games), "--to", "atif", "-o", str(tmp_path / "a.jsonl"), "--limit", "3", "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == {"rows": 6, "left_out": "", "lost": FORMATS["atif"].lost}
    assert said.err == ""


def test_a_store_comes_back_to_the_same_root(games, tmp_path, capsys):
    file, again = tmp_path / "episodes.jsonl", tmp_path / "again"
    assert main(["export", str(games), "--to", "verifiers", "-o", str(file), "--env", "KuhnPoker"]) == 0
    assert main(["import", str(file), "--from", "verifiers", "--store", str(again), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"episodes": 12, "new": 12}
    assert main(["import", str(file), "--from", "verifiers", "--store", str(again)]) == 0
    assert capsys.readouterr().out.startswith(f"12 episodes read from {file}, 0 of them new")
    with Store(games) as one, Store(again) as other:
        assert one.root() == other.root()
    assert main(["verify", str(again)]) == 0


def test_a_run_folder_is_read_and_never_written(games, tmp_path, capsys):
    run = tmp_path / "run"
    run.mkdir()
    games.rename(run / "episodes")
    assert main(["export", str(run), "--to", "verifiers", "-o", str(tmp_path / "e.jsonl")]) == 0
    assert main(["import", str(tmp_path / "e.jsonl"), "--from", "verifiers", "--store", str(run)]) == 2
    assert "is a run folder, whose episodes are its own: name another store" in capsys.readouterr().err


def test_the_help_names_every_format(capsys):
    assert main(["export", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert all(f" {name}" in said for name in FORMATS)


@pytest.mark.slow
def test_ctrl_c_leaves_no_half_file(tmp_path):
    seats = {"player_0": "random", "player_1": "random"}
    with Store(tmp_path / "games", "a") as store:
        store.append(play([Match(f"g/{n}", "sparring/LeducPoker-v0", seats, n) for n in range(4000)]))
    output = tmp_path / "new" / "episodes.jsonl"
    words = [
        sys.executable,
        "-m",
        "sparring",
        "export",
        str(tmp_path / "games"),
        "--to",
        "verifiers",
        "-o",
        str(output),
    ]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not (output.parent.is_dir() and list(output.parent.iterdir())):
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said == "sparring: interrupted\n"
    assert list(output.parent.iterdir()) == []
