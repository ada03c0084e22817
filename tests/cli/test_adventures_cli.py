"""`sparring adventures`: games written, proven and played in the terminal, and what is refused."""

import json

import pytest

from sparring.cli.app import main
from sparring.envs.adventures.worlds.proofs import Manifest
from sparring.envs.adventures.worlds.rules import read_game


def test_games_are_written_with_their_proofs_and_proven_again(tmp_path, capsys):
    folder = tmp_path / "games"
    assert main(["adventures", "sample", "-o", str(folder), "--count", "4", "--seed", "10"]) == 0
    games = sorted(file for file in folder.glob("*.json") if ".proof." not in file.name)
    assert len(games) == 4
    assert "9 pass, 4 not run" in capsys.readouterr().out
    for file in games:
        manifest = Manifest.model_validate_json(file.with_name(f"{file.stem}.proof.json").read_text())
        assert manifest.ok
        assert manifest.game == read_game(file.read_bytes()).hash
    assert main(["adventures", "prove", *map(str, sorted(folder.glob("*.json"))), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert list(again["games"]) == [file.name for file in games]


def test_what_needs_a_compiler_is_said_to_be_not_run(tmp_path, capsys):
    main(["adventures", "sample", "-o", str(tmp_path), "--count", "1", "--difficulty", "1"])
    file = next(file for file in tmp_path.glob("*.json") if ".proof." not in file.name)
    capsys.readouterr()
    assert main(["adventures", "prove", str(file)]) == 0
    said = capsys.readouterr().out
    assert "3 compiled: not run: it needs the compiled game" in said
    assert "7 hostile texts: pass" in said


def test_a_game_twice_is_not_new(tmp_path, capsys):
    main(["adventures", "sample", "-o", str(tmp_path), "--count", "1"])
    file = next(file for file in tmp_path.glob("*.json") if ".proof." not in file.name)
    copy = tmp_path / "zz.json"
    copy.write_bytes(file.read_bytes())
    assert main(["adventures", "prove", str(file), str(copy)]) == 1
    assert "another game has the same map, things, actions and goal" in capsys.readouterr().out


def test_every_broken_rule_of_a_game_is_a_line(tmp_path, capsys):
    main(["adventures", "sample", "-o", str(tmp_path), "--count", "1"])
    file = next(file for file in tmp_path.glob("*.json") if ".proof." not in file.name)
    data = json.loads(file.read_text())
    data["start"] = "moon"
    data["actions"][0]["verb"] = "take"
    file.write_text(json.dumps(data))
    capsys.readouterr()
    assert main(["adventures", "prove", str(file)]) == 1
    said = capsys.readouterr().err
    assert "start: there is no room 'moon'" in said
    assert "actions[0].verb: 'take' is a verb of the parser's own" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sample", "--count", "0", "-o", "{}/new"], "count must be >= 1, got 0"),
        (["sample", "--difficulty", "9", "-o", "{}/new"], "difficulty must be from 1 to 5, got 9"),
        (["sample", "-o", "{}/file"], "is a file: -o takes a folder"),
        (["prove", "{}/missing.json"], "missing.json"),
        (["prove"], "there is no game among the files"),
        (["play", "{}/missing.json"], "missing.json"),
        (["play", "{}/file"], "is no game: game: it must be one JSON object"),
        (["sampel"], "sampel"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_nothing_is_made(tmp_path, capsys, words, said):
    (tmp_path / "file").write_text("no json")
    assert main(["adventures", *(word.format(tmp_path) for word in words)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_person_plays_a_game_by_typing_commands(tmp_path, capsys, monkeypatch):
    main(["adventures", "sample", "-o", str(tmp_path), "--count", "1", "--difficulty", "1"])
    file = next(file for file in tmp_path.glob("*.json") if ".proof." not in file.name)
    plan = Manifest.model_validate_json(file.with_name(f"{file.stem}.proof.json").read_text()).plan
    answers = iter(plan)
    monkeypatch.setattr("builtins.input", lambda prompt="": next(answers))
    assert main(["adventures", "play", str(file)]) == 0
    assert "You have won." in capsys.readouterr().err
