"""`sparring exact`, `sparring eval` and `sparring board --exact` show exact figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sparring.cli.app import main


def test_exact_prints_everybody_against_everybody(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["exact", "KuhnPoker", "--agents", "random,cfr,constant:bet/call"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert " ".join(shown[0].split()) == "exact payoff against 1 2 3 uniform equilibrium NashConv Nash alpha"
    bet = shown[3].split()
    assert (bet[1], bet[2], bet[4], bet[7]) == ("constant:bet/call", "+0.3750", ".", "0.666667")


def test_exact_takes_options_of_a_game_and_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["exact", "KuhnPoker:illegal=retry", "--agents", "random,constant:check/fold", "--orders", "--json"]) == 0
    )
    told = json.loads(capsys.readouterr().out)
    assert told["env"] == "sparring/KuhnPoker-v0:illegal=retry"
    assert told["payoffs"] == [[0.0, pytest.approx(0.5)], [pytest.approx(-0.5), 0.0]]


def test_eval_says_what_beats_an_agent_and_what_costs_it_most(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "constant:bet/call", "--orders", "--games", "0"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "a best response wins +0.3333 moving first, +0.3333 moving second" in shown
    assert (
        "where it gains most: You act first. Betting so far: none. Your card is J. Play check: +0.333 a game." in shown
    )
    assert "fold alone is worth 0.333 more a game." in shown
    assert "NashConv 0.666667 given, 0.666667 reversed; policies differ from the one given by 0.000 reversed" in shown


def test_eval_asks_a_language_model_behind_letters_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "nano", "--orders", "--games", "0", "--json"]) == 0
    lists = json.loads(capsys.readouterr().out)["lists"]
    assert list(lists["nash_conv"]) == ["given", "reversed", "behind letters"]
    assert lists["total_variation"]["behind letters"] > 0


def test_exact_measures_a_language_model_at_every_position_of_an_open_game(capsys: pytest.CaptureFixture[str]) -> None:
    game = "openspiel:nim(pile_sizes=1;2)"
    assert main(["exact", game, "--agents", "nano,random,minimax"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["agent", "optimal", "moves", "blunders", "exploitability"]
    assert lines[1] == ["minimax", "100.0", "%", "0.0", "%", "0.000000"]
    assert {line[0] for line in lines[2:]} == {"nano", "random"}
    assert main(["exact", game, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told["agents"]) == ["random", "minimax"]
    assert told["agents"]["minimax"] == {"optimal": 1.0, "blunders": 0.0, "exploitability": 0.0}


def test_an_equilibrium_has_no_decisions_to_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "cfr", "--games", "0"]) == 0
    assert "where it gains most" not in capsys.readouterr().out


def test_a_tournament_with_exact_measures_its_agents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, page = tmp_path / "cup", tmp_path / "cup.html"
    words = f"tournament --envs KuhnPoker --agents random,cfr --rounds 2 --store {store} --exact -o {page}"
    assert main(words.split()) == 0
    assert "(equilibrium (CFR+))" in capsys.readouterr().out
    assert 'id="exact"' in page.read_text()
    assert main(["verify", str(store), "--board", str(page)]) == 0
