"""A search in the page: the rounds follow the turns, a step leads to its turn, and hostile text stays text."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from sparring.rollout.loop import Match, play
from sparring.scoreboard.report.build import build_report
from sparring.scoreboard.standings import load_run
from sparring.store.store import Store
from sparring.types import Episode, Seen, Trajectory, Turn

HOSTILE = "</script><img src=x onerror=alert(1)>\u202e"


def hostile_episode() -> Episode:
    first = {"question": HOSTILE, "style": "tags", "rounds_left": 5}
    told = {"passages": [{"id": HOSTILE, "title": HOSTILE, "text": HOSTILE}]}
    known = {"answers": [HOSTILE], "kind": HOSTILE, "hops": 1, "proves": [[[HOSTILE, HOSTILE, HOSTILE]]]}
    notes = {"answer": HOSTILE, "verdict": 0.5}
    turns = (
        Turn(0, Seen((HOSTILE,), None, first), f"<search>{HOSTILE}</search>", True, 0.0, hidden=known, notes=notes),
        Turn(1, Seen((HOSTILE,), None, told), HOSTILE, False, 0.0, hidden=known),
    )
    seat = Trajectory("h/player_0", "player_0", HOSTILE, turns, 0.0, last=Seen((HOSTILE,), None, {}))
    return Episode("h", "their/Game-v0", "0", {}, 1, "ok", {"player_0": seat})


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("searches")
    match = Match("walk", "sparring/Search-v0", {"player_0": "searcher"}, 3, {"kinds": "chain", "hops": 3})
    with Store(folder / "store", "a") as store:
        store.append([*play([match]), hostile_episode()])
    build_report([load_run(folder / "store")], folder / "page.html")
    return folder / "page.html"


def open_episode(page: Page, report: Path, id: str) -> None:
    page.goto(f"{report.as_uri()}#episode={id}&turn=1")
    page.wait_for_selector("#viewer:not([hidden])")


@pytest.mark.slow
def test_the_rounds_follow_the_turns_and_a_step_leads_to_its_turn(page: Page, report: Path) -> None:
    open_episode(page, report, "walk")
    expect(page.locator("#search .rounds > li")).to_have_count(4)
    expect(page.locator("#search .rounds > li.later")).to_have_count(3)
    expect(page.locator("#search dl")).to_contain_text("does not suffice")
    assert page.locator("#search .found .chips li").count() >= 3
    page.locator("#search .rounds button").last.click()
    expect(page.locator("#search .rounds > li.later")).to_have_count(0)
    expect(page.locator("#search .mark.enough")).to_have_count(1)
    expect(page.locator("#position")).to_have_text("turn 4 of 4")


@pytest.mark.slow
def test_hostile_questions_passages_facts_and_answers_are_shown_as_text(page: Page, report: Path) -> None:
    open_episode(page, report, "h")
    expect(page.locator("#search .found")).to_contain_text("</script><img src=x onerror=alert(1)>⟨U+202E⟩")
    assert page.locator("#search img").count() == 0
