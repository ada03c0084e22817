"""An adventure in the page: the map follows the turns, the lists lead to them, and hostile text stays text."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from sparring.rollout.loop import Match, play
from sparring.scoreboard.report.build import build_report
from sparring.scoreboard.standings import load_run
from sparring.store.store import Store
from sparring.types import Episode, Seen, Trajectory, Turn

HOSTILE = "</script><img src=x onerror=alert(1)>\u202e"


def hostile_episode() -> Episode:
    info = {"room": HOSTILE, "inventory": [HOSTILE], "skill": HOSTILE, "score": 0, "max_score": 2}
    seen = Seen((HOSTILE,), (f"go {HOSTILE}",), info)
    turns = (Turn(0, seen, HOSTILE, False, 0.0, hidden={"plan": [HOSTILE]}), Turn(1, seen, HOSTILE, False, 0.0))
    seat = Trajectory("h/player_0", "player_0", HOSTILE, turns, 0.0, last=Seen((HOSTILE,), None, info))
    return Episode("h", "their/Game-v0", "0", {}, 1, "ok", {"player_0": seat})


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adventures")
    match = Match("walk", "sparring/Adventure-v0", {"player_0": "walkthrough"}, 3, {"difficulty": 2})
    with Store(folder / "store", "a") as store:
        store.append([*play([match]), hostile_episode()])
    build_report([load_run(folder / "store")], folder / "page.html")
    return folder / "page.html"


def open_episode(page: Page, report: Path, id: str) -> None:
    page.goto(f"{report.as_uri()}#episode={id}&turn=1")
    page.wait_for_selector("#viewer:not([hidden])")


@pytest.mark.slow
def test_the_map_follows_the_turns_and_a_step_leads_to_its_turn(page: Page, report: Path) -> None:
    open_episode(page, report, "walk")
    expect(page.locator("#adventure .room.here")).to_have_count(1)
    rooms = page.locator("#adventure .room").count()
    assert rooms > 1
    assert page.locator("#adventure .room.later").count() == rooms - 1
    expect(page.locator("#adventure li.kept")).to_have_count(1)
    page.locator("#adventure .beside button").last.click()
    expect(page.locator("#adventure .room.later")).to_have_count(0)
    steps = page.locator("#adventure .beside button").count()
    expect(page.locator("#adventure li.kept")).to_have_count(steps)
    expect(page.locator("#position")).to_have_text(f"turn {steps} of {steps}")


@pytest.mark.slow
def test_hostile_rooms_things_skills_and_plans_are_shown_as_text(page: Page, report: Path) -> None:
    open_episode(page, report, "h")
    expect(page.locator("#adventure")).to_contain_text("</script><img src=x onerror=alert(1)>⟨U+202E⟩")
    assert page.locator("#adventure img").count() == 0


@pytest.mark.slow
@pytest.mark.parametrize("viewport", [{"width": 390, "height": 800}, {"width": 1400, "height": 900}], ids=str)
def test_nothing_sticks_out_of_the_page(page: Page, report: Path, viewport: ViewportSize) -> None:
    open_episode(page, report, "walk")
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
