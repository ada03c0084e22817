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


CONTRAST = """element => {
  const light = (color) => {
    const [r, g, b] = color.match(/[0-9.]+/g).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let seen = 1;
  for (let one = element; one; one = one.parentElement) seen *= getComputedStyle(one).opacity;
  const [ink, paper] = [getComputedStyle(element).color, getComputedStyle(document.body).backgroundColor].map(light);
  return seen < 1 ? 0 : (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
}"""
"""The contrast of a text with the page; 0 where it is see-through."""


@pytest.mark.slow
def test_rounds_that_are_still_to_come_can_be_read(page: Page, report: Path) -> None:
    open_episode(page, report, "walk")
    for part in (".said", ".found b", ".found .text", ".skill"):
        later = page.locator(f"#search .rounds > li.later {part}").first
        assert later.evaluate(CONTRAST) >= 4.5, part  # WCAG AA
    colors = [page.locator(f"#search .rounds > {place} .said").first for place in ("li:not(.later)", "li.later")]
    now, later = (one.evaluate("element => getComputedStyle(element).color") for one in colors)
    assert now != later


@pytest.mark.slow
def test_a_page_of_searches_has_no_words_of_games(page: Page, tmp_path: Path) -> None:
    match = Match("walk", "sparring/Search-v0", {"player_0": "searcher"}, 3, {"kinds": "chain", "hops": 3})
    with Store(tmp_path / "store", "a") as store:
        store.append(play([match]))
    build_report([load_run(tmp_path / "store")], tmp_path / "page.html")
    open_episode(page, tmp_path / "page.html", "walk")
    text = page.locator("body").inner_text()
    assert [word for word in ("illegal", "Won", "Win rate", "Opponent", "lost by", "Games") if word in text] == []
    assert "unreadable actions" in text
    assert "with an unreadable action" in text
    page.locator("#search .rounds button").last.click()
    expect(page.locator(".turn .verdict").first).to_have_text("readable")


@pytest.mark.slow
def test_hostile_questions_passages_facts_and_answers_are_shown_as_text(page: Page, report: Path) -> None:
    open_episode(page, report, "h")
    expect(page.locator("#search .found")).to_contain_text("</script><img src=x onerror=alert(1)>⟨U+202E⟩")
    assert page.locator("#search img").count() == 0
