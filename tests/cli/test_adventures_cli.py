"""`sparring adventures`: games written, proven and played in the terminal, and what is refused."""

import json

import pytest

from sparring.cli.app import main
from sparring.envs.adventures.worlds.proofs import Manifest
from sparring.envs.adventures.worlds.rules import read_game
from sparring.scoreboard.verify import verify
from sparring.store.store import Store


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
    for named in (sorted(folder.glob("*.json")), [folder]):
        assert main(["adventures", "prove", *map(str, named), "--json"]) == 0
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
        (["write", "--ideas", "{}/missing.txt", "-o", "{}/new"], "missing.txt"),
        (["write", "--ideas", "{}/file", "-o", "{}/new", "--difficulty", "0"], "difficulty must be from 1 to 5, got 0"),
        (["write", "--ideas", "{}/file", "-o", "{}/new", "--model", "smolm2"], "did you mean 'smollm2'"),
        (["write", "--ideas", "{}/file", "-o", "{}/file"], "is a file: -o takes a folder"),
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


@pytest.mark.parametrize("end", ["quit", EOFError])
def test_a_person_asks_for_help_at_no_cost_and_leaves_with_one_line(tmp_path, capsys, monkeypatch, end):
    main(["adventures", "sample", "-o", str(tmp_path), "--count", "1", "--difficulty", "1"])
    file = next(file for file in tmp_path.glob("*.json") if ".proof." not in file.name)
    capsys.readouterr()
    answers = iter(["help", "look", end])

    def answer(prompt=""):
        said = next(answers)
        if said is EOFError:
            raise EOFError
        return said

    monkeypatch.setattr("builtins.input", answer)
    assert main(["adventures", "play", str(file)]) == 130
    printed = capsys.readouterr()
    help_line = next(line for line in printed.err.splitlines() if line.startswith("write what to do in words: "))
    assert {"look", "take", "go", "inventory"} <= set(help_line.partition(": ")[2].partition(";")[0].split(", "))
    assert "turn 1 of" in printed.err
    assert "turn 2 of" not in printed.err
    assert printed.out == ""
    assert printed.err.splitlines()[-1].startswith("sparring: you left the game")
    assert "Adventure-v0" not in printed.err


def test_ideas_without_words_are_refused_and_nothing_is_made(tmp_path, capsys):
    (tmp_path / "ideas.txt").write_text("# only a note\n\n")
    assert main(["adventures", "write", "--ideas", str(tmp_path / "ideas.txt"), "-o", str(tmp_path / "new")]) == 2
    assert "holds no idea: write one a line" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_model_writes_games_of_ideas_which_are_proven_recorded_and_not_written_twice(tmp_path, capsys):
    ideas, output = tmp_path / "ideas.txt", tmp_path / "games"
    ideas.write_text("A baker looks for flour\n# a note\nA baker looks for flour\nA robot waters \x00 its flower\n")
    words = ["adventures", "write", "--ideas", str(ideas), "-o", str(output), "--model", "nano", "--json"]
    code = main(words)
    found = json.loads(capsys.readouterr().out)
    assert [one["idea"] for one in found["ideas"]] == ["A baker looks for flour", "A robot waters its flower"]
    assert code == int(found["proven"] == 0)
    for one in found["ideas"]:
        assert bool(one["file"]) != bool(one["reasons"])
        assert one["answers"] >= 20
    games = sorted(path.name for path in output.glob("written-*.json") if ".proof." not in path.name)
    assert games == [one["file"] for one in found["ideas"] if one["file"]]
    with Store(output / "episodes") as store:
        before = [row.id for row in store.rows()]
        assert len(before) == 2
        assert verify(store).ok
    main(words)
    assert json.loads(capsys.readouterr().out) == found
    with Store(output / "episodes") as store:
        assert [row.id for row in store.rows()] == before
    if games:
        assert main(["adventures", "prove", *map(str, output.iterdir())]) == 0
