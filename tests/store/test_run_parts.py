"""A run that has lost a file says so: in `runs`, `compare`, `watch`, in the report's terminal line and on its page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sparring.cli.app import main
from sparring.scoreboard.evaluate import load_for_report
from sparring.scoreboard.report.build import render
from sparring.scoreboard.report.header import facts, headlines
from sparring.scoreboard.run_summary import summarise
from sparring.store.runs import find_runs
from sparring.trainers import run_lock

WORDS = ("--steps", "2", "--games-per-update", "8", "--evaluation-games", "8", "--device", "cpu", "--json")
LOST = {
    "metrics.jsonl": "metrics.jsonl is missing, but checkpoints/update-000002 says that 2 updates were done",
    "policies.json": "policies.json is missing: the policies of the run cannot be shown",
    "checkpoints": "checkpoints is missing: the run cannot go on, and its best policy cannot be measured",
    "episodes": "episodes is missing: the games cannot be shown or verified, and the run cannot go on",
    "config.json": "config.json is missing: the run's method, model and settings are unknown",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "first"
    assert main(["train", "spiral", "--run", str(run), *WORDS]) == 0
    return run


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "first", symlinks=True))


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize("part", LOST)
def test_a_report_names_a_lost_part_on_the_page_and_in_one_line(
    run: Path, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    remove(run / part)
    assert main(["report", str(run), "-o", str(run.parent / "page.html")]) == 0
    printed = capsys.readouterr()
    said = " ".join(printed.err.split())
    assert said == f"sparring: first: {LOST[part]}"
    page = (run.parent / "page.html").read_text().replace("&#39;", "'")
    assert f'<p class="alarm">first: {LOST[part]}</p>' in page


def test_a_whole_run_an_interrupted_one_and_one_under_way_have_lost_nothing(run: Path) -> None:
    assert ([*load_for_report(run).damaged], summarise(run).damage) == ([], "")
    remove(run / "policies.json")
    remove(run / "checkpoints")
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    (run / "metrics.jsonl").write_text("".join(lines[:2]))  # killed before its first checkpoint
    assert (summarise(run).state, summarise(run).damage) == ("interrupted", "")
    (run / "metrics.jsonl").unlink()
    (run / "checkpoints" / "update-000002").mkdir(parents=True)
    run_lock.acquire(run)
    try:
        assert (summarise(run).state, summarise(run).damage) == ("running", "")
    finally:
        run_lock.release(run)


def test_the_verdict_of_a_run_without_its_metrics_says_what_is_still_known(run: Path) -> None:
    remove(run / "metrics.jsonl")
    (headline,) = headlines(load_for_report(run))
    assert headline.verdict == f"nano trained on Kuhn poker; how well is not known, because {LOST['metrics.jsonl']}."
    assert [name for name, *_ in headline.tiles] == ["episodes", "illegal actions"]
    assert dict(facts(load_for_report(run)))["State"] == "unknown: lines of metrics.jsonl are lost"


@pytest.mark.parametrize(("kept", "held"), [(0, "no updates"), (1, "1 update")])
def test_metrics_that_end_before_the_last_checkpoint_are_no_curve_of_the_run(run: Path, kept: int, held: str) -> None:
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    (run / "metrics.jsonl").write_text("".join(lines[:kept]))
    reason = f"metrics.jsonl holds {held}, but checkpoints/update-000002 says that 2 updates were done"
    assert (summarise(run).state, summarise(run).damage) == ("damaged", reason)
    assert f"how well is not known, because {reason}." in render([load_for_report(run)])


def test_runs_shows_lost_metrics_as_damage_and_the_updates_of_the_last_checkpoint(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    remove(run / "metrics.jsonl")
    assert main(["runs", str(run.parent)]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1].split()[1:5] == ["damaged", "nano", "KuhnPoker", "2/2"]
    assert LOST["metrics.jsonl"] in " ".join(printed.err.split())
    remove(run / "checkpoints")
    assert summarise(run).damage == "metrics.jsonl is missing, but policies.json says that all updates were done"


def test_a_run_that_lost_another_part_keeps_its_state_and_names_the_part(run: Path) -> None:
    for part in ("policies.json", "checkpoints", "episodes"):
        remove(run / part)
    found = summarise(run)
    assert (found.state, found.done) == ("finished", 2)
    assert found.damage == "; ".join(LOST[part] for part in ("episodes", "checkpoints", "policies.json"))


def test_a_run_without_its_settings_is_still_listed(run: Path) -> None:
    remove(run / "config.json")
    assert find_runs(run.parent) == [run]
    assert (summarise(run).state, "it has no config.json" in summarise(run).damage) == ("damaged", True)


def test_compare_and_watch_name_lost_metrics(run: Path, finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    remove(run / "metrics.jsonl")
    capsys.readouterr()
    assert main(["compare", str(finished), str(run), "--json"]) == 0
    printed = capsys.readouterr()
    assert f"{run}: {LOST['metrics.jsonl']}" in printed.err
    assert json.loads(printed.out)["runs"] == [str(finished), str(run)]
    assert main(["watch", str(run)]) == 0
    assert capsys.readouterr().out == f"{run}: damaged\n"
