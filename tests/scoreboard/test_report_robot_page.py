"""A robot's episode in the page: strip, line of steps and lists follow the turns; hostile text stays text; live too."""

import threading
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, ViewportSize, expect

from sparring.cli.app import main
from sparring.content import Blob
from sparring.rollout.loop import Match, play
from sparring.scoreboard.live.server import serve
from sparring.scoreboard.report.build import build_report
from sparring.scoreboard.standings import load_run
from sparring.store.store import Store
from sparring.types import Episode, Seen, Trajectory, Turn

HOSTILE = "</script><img src=x onerror=alert(1)>\u202e"
SEED, FAULT = 1, 0.6


@pytest.fixture
def allowed() -> tuple[str, ...]:
    """The ends of every PNG file in base64, which browsers count among requests although nothing is sent."""
    return ("/version", "AElFTkSuQmCC", "ErkJggg==", "RK5CYII=")


def robot_episodes(tasks: int = 1) -> list[Episode]:
    kwargs = {"fault": FAULT, "frames": 32}
    seats = {"planner": "sap", "chooser": "random", "verifier": "verifier:rule"}
    plans, teams = (
        [Match(f"{name}{task or ''}", env, agents, SEED + task, kwargs) for task in range(tasks)]
        for name, env, agents in (
            ("plan", "sparring/TabletopPlan-v0", {"player_0": "sap"}),
            ("team", "sparring/TabletopTeam-v0", seats),
        )
    )
    return play([*plans, *teams])


def hostile_episode() -> Episode:
    told = {"kind": "try", "subgoal": HOSTILE, "number": 0, "steps": 20, "checks": [(10, True, False)]}
    told |= {"fault": HOSTILE, "fault_step": 3, "accepted": True, "reached": False}
    hidden = {"attempts": [told], "clauses": {HOSTILE: True}, "control_steps": 20}
    info = {"instruction": HOSTILE, "facts": [HOSTILE]}
    seen = Seen((HOSTILE, Blob.of(np.zeros((8, 8, 3), np.uint8), HOSTILE)), None, info)
    turns = (
        Turn(0, seen, HOSTILE, False, 0.0, hidden=hidden | {"attempts": [], "control_steps": 0}),
        Turn(1, seen, HOSTILE, True, 0.0, hidden=hidden),
    )
    seat = Trajectory("h/player_0", "player_0", HOSTILE, turns, 0.0, Seen((HOSTILE,), None, info), hidden)
    seat.metrics = {"subgoals": 1.0}
    return Episode("h", "their/Robot-v0", "0", {HOSTILE: HOSTILE}, 1, "ok", {"player_0": seat})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("robots")
    with Store(folder / "store", "a") as store:
        store.append([*robot_episodes(), hostile_episode()])
    return folder / "store"


@pytest.fixture(scope="module")
def report(store: Path) -> Path:
    build_report([load_run(store)], store.parent / "page.html")
    return store.parent / "page.html"


def open_episode(page: Page, address: str, id: str) -> None:
    page.goto(f"{address}#episode={id}&turn=1")
    page.wait_for_selector("#viewer:not([hidden])")


def turns_of(page: Page) -> int:
    return int(page.locator("#position").inner_text().split()[-1])


@pytest.mark.slow
def test_every_turn_has_its_picture_which_is_decoded_and_has_words(page: Page, report: Path) -> None:
    open_episode(page, report.as_uri(), "plan")
    pictures = page.locator("#robot .strip img")
    expect(pictures).to_have_count(turns_of(page) + 1)
    for picture in pictures.all():
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 32
        assert picture.get_attribute("alt").startswith("camera top, ")
    assert "closed(drawer)" in pictures.first.get_attribute("alt")


@pytest.mark.slow
def test_a_picture_is_enlarged_on_click_and_goes_away_with_escape(page: Page, report: Path) -> None:
    open_episode(page, report.as_uri(), "plan")
    page.locator("#robot .strip button").first.click()
    expect(page.locator("dialog.enlarged img")).to_have_count(1)
    assert page.locator("dialog.enlarged img").evaluate("image => image.clientWidth") > 300
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)


@pytest.mark.slow
def test_the_line_shows_every_attempt_check_and_fault_and_the_lists_lead_to_turns(page: Page, report: Path) -> None:
    (episode, _) = robot_episodes()
    metrics = episode.trajectories["player_0"].metrics
    open_episode(page, report.as_uri(), "plan")
    assert metrics["faults"] > 0
    expect(page.locator("#robot .steps .check")).to_have_count(int(metrics["checks"]))
    expect(page.locator("#robot .steps .fault")).to_have_count(int(metrics["faults"]))
    expect(page.locator("#robot .steps .pursuit")).to_have_count(int(metrics["subgoals"]))
    expect(page.locator("#robot .steps .check.right.yes")).to_have_count(int(metrics["true_yes"]))
    page.locator("#robot .carried button").last.click()
    expect(page.locator("#position")).to_have_text(f"turn {turns_of(page)} of {turns_of(page)}")
    expect(page.locator("#robot .carried li[aria-current='true']")).to_have_count(1)
    page.locator("#robot .strip li").first.locator("button").last.click()
    expect(page.locator("#position")).to_have_text(f"turn 1 of {turns_of(page)}")


@pytest.mark.slow
def test_a_team_shows_what_chooser_and_verifier_said_and_a_check_leads_to_its_turn(page: Page, report: Path) -> None:
    open_episode(page, report.as_uri(), "team")
    expect(page.locator("#robot .carried .pair").first).to_contain_text("chooser")
    expect(page.locator("#robot .carried .pair").first).to_contain_text("of them true")
    kinds = page.locator("#robot .steps .check").evaluate_all("found => [...new Set(found.map((one) => one.tagName))]")
    assert sorted(kinds) == ["circle", "path"]  # right and wrong verdicts differ in their shape
    page.locator("#robot .steps [role='button']").last.dispatch_event("click")
    seat = page.locator(".turn[aria-current='true'] .seat")
    expect(seat).to_have_text("verifier")


@pytest.mark.slow
def test_hostile_instructions_things_cameras_and_faults_are_shown_as_text(page: Page, report: Path) -> None:
    open_episode(page, report.as_uri(), "h")
    expect(page.locator("#robot")).to_contain_text("</script><img src=x onerror=alert(1)>⟨U+202E⟩")
    expect(page.locator("#manipulation")).to_contain_text("</script><img src=x onerror=alert(1)>")
    assert page.locator("#robot img:not([src^='data:image/png;base64,'])").count() == 0
    assert page.locator("#manipulation img").count() == 0
    page.locator("#robot .strip button").first.click()
    expect(page.locator("dialog.enlarged")).to_contain_text("⟨U+202E⟩")


@pytest.mark.slow
@pytest.mark.parametrize("viewport", [{"width": 390, "height": 800}, {"width": 1400, "height": 900}], ids=str)
@pytest.mark.parametrize("id", ["plan", "team", "h"])
def test_nothing_sticks_out_of_the_page(page: Page, report: Path, viewport: ViewportSize, id: str) -> None:
    open_episode(page, report.as_uri(), id)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


@pytest.mark.slow
def test_a_page_of_robots_has_no_words_of_games(page: Page, tmp_path: Path) -> None:
    with Store(tmp_path / "store", "a") as store:
        store.append(robot_episodes(tasks=4))
    assert main(["report", str(tmp_path / "store"), "-o", str(tmp_path / "page.html")]) == 0
    open_episode(page, (tmp_path / "page.html").as_uri(), "team")
    text = page.locator("body").inner_text()
    words = ("illegal", "Won", "won,", "Win rate", "Opponent", "lost by", "game", "deals")
    assert [word for word in words if word in text] == []
    assert "with an unreadable action" in text


@pytest.mark.slow
def test_the_live_page_shows_the_same_film(page: Page, store: Path) -> None:
    server = serve([store])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        open_episode(page, f"http://127.0.0.1:{server.server_address[1]}/", "plan")
        expect(page.locator("#robot .strip img")).to_have_count(turns_of(page) + 1)
        assert page.locator("#robot .strip img").first.evaluate("image => image.decode().then(() => true)")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
