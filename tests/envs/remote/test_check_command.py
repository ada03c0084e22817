"""`sparring check URL` over real sockets: what people and scripts get."""

import json

from sparring.cli.app import main


def test_a_sound_server_is_graded_for_people(serve, guess, capsys):
    server = serve(guess, most_sessions=70)
    assert main(["check", server.url, "--episodes", "10"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"guess at {server.url}"
    assert "PASS  isolation: played two episodes alone, then both at once, a step of each in turn" in lines
    assert "      why not: the server has no task API" in lines
    assert "right:" not in "".join(lines)  # what would be right is said where it is not
    assert lines[-1].startswith("17 passed, 0 failed, 1 skipped: sound (")


def test_a_broken_server_is_graded_for_scripts(serve, guess, capsys):
    class Seedless(guess):
        def reset(self, seed=None, **data):
            return super().reset(seed=None, index=None, **data)

    assert main(["check", serve(Seedless).url, "--episodes", "10", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    failed = {grade["name"]: grade for grade in report["grades"] if grade["verdict"] == "FAIL"}
    assert report["ok"] is False
    assert "observation.text is" in failed["seed"]["saw"]
    assert failed["seed"]["right"] == "one observation: pass the seed of reset() to everything that draws"


def test_actions_come_from_a_file(serve, guess, tmp_path, capsys):
    file, played = tmp_path / "moves", set()

    class Played(guess):
        def step(self, action):
            played.add(action.get("message") if isinstance(action, dict) else None)
            return super().step(action)

    file.write_text("one\n\ntwo\n")
    url = serve(Played).url
    assert main(["check", url, "--episodes", "5", "--actions", str(file)]) == 0
    assert {"one", "two"} <= played
    assert "" not in played
    file.write_text("\n \n")
    assert main(["check", url, "--actions", str(file)]) == 2
    assert f"{file} holds no actions: write one a line" in capsys.readouterr().err
