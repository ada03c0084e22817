"""The report takes whatever `verify` takes, and the commands that it prints run as they stand."""

from __future__ import annotations

import html
import json
import re
import shlex
from pathlib import Path

import pytest

from sparring.agents.scripted import ScriptedAgent
from sparring.cli.app import main
from sparring.rollout.loop import Match, play
from sparring.scoreboard.evaluate import load_for_report
from sparring.scoreboard.report.build import load_run, render
from sparring.store.store import Store
from sparring.types import Observation, Reply

KUHN = "sparring/KuhnPoker-v0"


@pytest.fixture(scope="module")
def ladder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A round robin of four agents in Kuhn poker, and two of them in tic-tac-toe, in one bare store."""
    path = tmp_path_factory.mktemp("stores") / "ladder"
    names = ["random", "constant:bet", "constant:check", "cfr"]
    pairs = [(one, other) for place, one in enumerate(names) for other in names[place + 1 :]]
    for one, other in pairs:
        assert main(["play", "KuhnPoker", "--agents", f"{one},{other}", "--episodes", "6", "--store", str(path)]) == 0
    assert main(["play", "TicTacToe", "--agents", "minimax,random", "--episodes", "4", "--store", str(path)]) == 0
    return path


def tables(page: str) -> list[str]:
    return re.findall(r'<table class="cross" aria-label="(.*?), agent by agent"', page)


def test_a_bare_store_shows_one_cross_table_an_environment(ladder: Path, tmp_path: Path) -> None:
    assert main(["report", str(ladder), "-o", str(tmp_path / "ladder.html")]) == 0
    page = (tmp_path / "ladder.html").read_text()
    assert tables(page) == ["Kuhn poker", "Tic tac toe"]
    first = page[page.index('<table class="cross"') :].partition("</table>")[0]
    rows = [name.replace("<wbr>", "") for name in re.findall(r'<th scope="row">(.*?)</th>', first)]
    assert sorted(rows) == ["cfr", "constant:bet", "constant:check", "random"]
    totals = re.findall(r'class="n total"><span class="value">(.*?)</span>', first)
    found = [float(total.replace("\N{MINUS SIGN}", "-")) for total in totals]
    assert found == sorted(found, reverse=True)
    assert len(re.findall(r"6 games", first)) == 12
    assert first.count('class="interval">itself') == 4
    assert "earned most of 4 agents in Kuhn poker" in page


def test_several_stores_and_runs_stand_on_one_page(ladder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "metrics.jsonl").write_text(json.dumps({"update": 0, f"nash_conv/{KUHN}": 0.9}) + "\n")
    twin = tmp_path / "twin"
    assert main(["play", "KuhnPoker", "--agents", "random,cfr", "--episodes", "2", "--store", str(twin)]) == 0
    assert main(["report", str(run), str(ladder), str(twin), "-o", str(tmp_path / "all.html")]) == 0
    page = (tmp_path / "all.html").read_text()
    assert tables(page) == ["Kuhn poker", "Tic tac toe", "Kuhn poker"]
    assert "<title>Sparring: run, ladder, twin</title>" in page


def test_what_is_neither_a_run_nor_a_store_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["report", str(tmp_path), "-o", str(tmp_path / "r.html")]) == 2
    assert "is not a run folder and not a store: it has no metrics.jsonl and no episodes" in capsys.readouterr().err
    assert main(["report", str(tmp_path / "missing"), "-o", str(tmp_path / "r.html")]) == 2
    assert "is not a run folder and not a store: nothing is there" in capsys.readouterr().err
    assert not (tmp_path / "r.html").exists()


def test_a_store_that_lost_its_marker_is_told_how_to_be_mended(
    ladder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["play", "KuhnPoker", "--episodes", "2", "--store", str(tmp_path / "s")]) == 0
    (tmp_path / "s" / "store.json").unlink()
    assert main(["report", str(tmp_path / "s"), "-o", str(tmp_path / "r.html")]) == 2
    assert "sparring store reindex" in capsys.readouterr().err


def test_every_command_on_the_page_runs_as_printed_from_another_folder(
    ladder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ladder.parent)
    page = render([load_for_report(Path("ladder"))])
    monkeypatch.chdir(tmp_path)
    check = page[page.index('id="check"') :]
    printed = [html.unescape(command) for command in re.findall(r"<code>(sparring .*?)</code>", check)]
    assert [shlex.split(command)[1] for command in printed] == ["verify", "replay", "report"]
    for command in printed:
        assert main(shlex.split(command)[1:]) == 0
    assert (tmp_path / "again.html").exists()


def test_a_page_offers_only_what_can_be_checked(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"update": 0}\n')
    check = render([load_for_report(tmp_path)]).partition('id="check"')[2]
    assert re.findall(r"<code>sparring (\w+)", check) == ["report"]


class Alone(ScriptedAgent):
    """Answers a one-seat environment."""

    def __init__(self, name: str) -> None:
        self.name, self.policies, self.sampling = name, (), None

    async def act(self, observation: Observation) -> Reply:
        return Reply("<answer>1</answer>")


def test_agents_of_one_seat_stand_by_their_mean_reward(tmp_path: Path) -> None:
    matches = [
        Match(f"{name}/{n}", "sparring/ToolTasks-v0", {"player_0": name}, n, {"family": "sequences"})
        for n in range(2)
        for name in ("one", "two")
    ]
    with Store(tmp_path / "store", "a") as store:
        store.append(play(matches, {name: Alone(name) for name in ("one", "two")}))
    page = render([load_for_report(tmp_path / "store")])
    assert tables(page) == ["Tool tasks"]
    assert "Mean reward an episode." in page


def test_games_of_other_settings_have_a_table_of_their_own(tmp_path: Path) -> None:
    players = {"player_0": "random", "player_1": "random"}
    options = [{"game": "nim"}, {"game": "tic_tac_toe"}, {"game": "nim"}]
    matches = [Match(f"{n}", "sparring/OpenSpiel-v0", players, n, kwargs) for n, kwargs in enumerate(options)]
    with Store(tmp_path / "store", "a") as store:
        store.append(play(matches))
    run = load_run(tmp_path / "store")
    assert [(table.variant, table.totals["random"].n) for table in run.tables] == [
        ("game=nim", 2),
        ("game=tic_tac_toe", 1),
    ]
    assert tables(render([run])) == ["Open spiel, game=nim", "Open spiel, game=tic_tac_toe"]
