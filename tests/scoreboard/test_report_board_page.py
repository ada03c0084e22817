"""Boards in the page: one for every turn and one at the end, what changed is marked, hostile texts stay text."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from sparring.rollout.loop import Match, play
from sparring.scoreboard.report.build import build_report
from sparring.scoreboard.report.game_board import LOOKS
from sparring.scoreboard.standings import load_run
from sparring.store.store import Store
from sparring.types import Episode, Seen, Trajectory, Turn

RANDOM = {"player_0": "random", "player_1": "random"}
SHAPES = ("Chess", "Hex", "Go", "DotsAndBoxes", "Mancala", "UltimateTicTacToe")
HOSTILE = "\u202e"


def hostile_episode() -> Episode:
    texts = ("1 x <\n2 & o", f"1 x {HOSTILE}\n2 & o", "nothing to see")
    turns = tuple(Turn(place, Seen((text,), None, {}), "</script>", False, 0.0) for place, text in enumerate(texts))
    seat = Trajectory("h/player_0", "player_0", "somebody", turns, 0.0, last=Seen(("over",), None, {}))
    return Episode("h", "sparring/MNK-v0", "1", {}, 1, "ok", {"player_0": seat})


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("boards")
    matches = [Match(name, f"sparring/{name}-v0", RANDOM, 3) for name in (*SHAPES, "KuhnPoker")]
    with Store(folder / "store", "a") as store:
        store.append([*play(matches), hostile_episode()])
    build_report([load_run(folder / "store")], folder / "page.html")
    return folder / "page.html"


def open_episode(page: Page, report: Path, id: str, turn: int = 1) -> None:
    page.goto(f"{report.as_uri()}#episode={id}&turn={turn}")
    page.wait_for_selector("#viewer:not([hidden])")


@pytest.mark.slow
def test_a_board_is_drawn_for_the_shown_turn_and_for_the_end(page: Page, report: Path) -> None:
    open_episode(page, report, "Chess")
    expect(page.locator("#board svg")).to_have_count(1)
    expect(page.locator("#board rect.cell")).to_have_count(64)
    expect(page.locator("#board .glyph.white")).to_have_count(16)
    expect(page.locator("#board .changed")).to_have_count(0)
    expect(page.locator("#board")).to_contain_text("Black is player_0, White is player_1.")
    page.locator("#next").click()
    expect(page.locator("#board .changed")).to_have_count(2)  # from and to
    expect(page.locator("#board p").first).to_have_text("What player_0 sees")
    turns = int(page.locator("#position").inner_text().split()[-1])
    page.locator("#slider").fill(str(turns))
    expect(page.locator("#board svg")).to_have_count(2)
    expect(page.locator("#board p").nth(1)).to_have_text("At the end")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("id", "selector", "count"),
    [
        ("Hex", "polygon.cell", 25),
        ("Go", "line.grid", 10),
        ("DotsAndBoxes", "circle.dot", 16),
        ("Mancala", "rect.cell", 14),
        ("UltimateTicTacToe", "path.block", 1),
    ],
)
def test_every_shape_has_its_parts(page: Page, report: Path, id: str, selector: str, count: int) -> None:
    open_episode(page, report, id, turn=5)
    expect(page.locator(f"#board {selector}")).to_have_count(count)
    expect(page.locator("#board .changed").first).to_be_attached()


@pytest.mark.slow
def test_a_game_without_a_board_has_no_drawing(page: Page, report: Path) -> None:
    open_episode(page, report, "KuhnPoker")
    expect(page.locator("#board")).to_be_hidden()


@pytest.mark.slow
def test_marks_that_nobody_knows_are_shown_as_text(page: Page, report: Path) -> None:
    open_episode(page, report, "h")
    expect(page.locator("#board .mark")).to_have_text(["<", "&"])
    page.locator("#next").click()
    expect(page.locator("#board .mark").first).to_have_text("⟨U+202E⟩")
    page.locator("#next").click()
    expect(page.locator("#board svg")).to_have_count(0)


@pytest.mark.slow
@pytest.mark.parametrize("viewport", [{"width": 390, "height": 800}, {"width": 1000, "height": 900}], ids=str)
@pytest.mark.parametrize("id", ["Chess", "Hex", "Mancala"])
def test_no_board_sticks_out_of_the_page(page: Page, report: Path, viewport: ViewportSize, id: str) -> None:
    open_episode(page, report, id, turn=4)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


def test_the_shapes_of_the_table_are_those_that_the_page_draws() -> None:
    script = (Path(build_report.__code__.co_filename).parent / "game_board.js").read_text()
    known = {"square", "checkered", *("hex", "points", "dots")}
    assert {look.shape for look in LOOKS.values()} == known
    assert "{hex: hexBoard, points: pointBoard, dots: dotBoard}" in script
