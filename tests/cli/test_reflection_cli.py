"""`sparring reflection`: a table over stored attempts, JSON, and what is refused."""

import json

import pytest

from sparring.cli.app import main
from sparring.rollout.loop import Match, play
from sparring.store.store import Store

SEATS = {"player_0": "minimax", "player_1": "random"}


def retry_of(trajectory):
    return {"player_0": (("retry_of", trajectory),)}


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "games", "a") as opened:
        first = play(Match(f"g{seed}", "sparring/TicTacToe-v0", SEATS, seed) for seed in range(6))
        again = play(
            Match(f"r{seed}", "sparring/TicTacToe-v0", SEATS, seed, sample=1, parents=retry_of(f"g{seed}/player_0"))
            for seed in range(6)
        )
        opened.append([*first, *again])
    return tmp_path / "games"


def test_figures_and_their_intervals_are_shown_by_agent_and_environment(store, capsys):
    assert main(["reflection", str(store)]) == 0
    shown = capsys.readouterr().out
    assert f"{store}: minimax in sparring/TicTacToe-v0, 12 attempts" in shown
    assert f"{store}: random in sparring/TicTacToe-v0, 12 attempts" in shown
    assert "CL: right answers kept" in shown
    assert shown.count("95 % interval") == 2
    assert "a solved task" not in shown  # nobody wrote tokens


def test_json_holds_every_figure_and_null_for_what_is_not_there(store, capsys):
    assert main(["reflection", str(store), "--json"]) == 0
    minimax, random = json.loads(capsys.readouterr().out)
    assert (minimax["agent"], minimax["attempts"], minimax["correction"]["acc1"]["n"]) == ("minimax", 12, 6)
    assert random["correction"] is None
    assert minimax["critique"] is None


def test_damage_is_not_called_a_fault_of_the_game(store, capsys):
    (segment,) = (store / "segments").glob("*.zst")
    with Store(store, "a") as opened:
        opened.append(play([Match("later", "sparring/TicTacToe-v0", SEATS, 9)]))
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    assert main(["reflection", str(store)]) == 0
    said = capsys.readouterr().err
    assert "12 episodes cannot be read (`sparring verify` says which)" in said
    assert "broke off" not in said


def test_a_store_without_a_whole_attempt_is_refused_in_a_line(tmp_path, capsys):
    Store(tmp_path / "empty", "a").close()
    assert main(["reflection", str(tmp_path / "empty")]) == 2
    assert "holds no attempt that came to its end" in capsys.readouterr().err
    assert main(["reflection"]) == 2
    assert "name at least one run folder or store" in capsys.readouterr().err
    assert main(["reflection", str(tmp_path / "nowhere")]) == 2
