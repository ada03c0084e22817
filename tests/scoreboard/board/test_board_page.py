"""The board in a real browser: filters, the games behind a number, two games beside each other, phones and print."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from sparring.agents.scripted import ConstantAgent, RandomAgent
from sparring.scoreboard.board.build import Settings, build_board
from sparring.scoreboard.board.page import write_board
from sparring.scoreboard.matches import by_name, play_matches, round_robin
from sparring.store.store import Store

pytestmark = pytest.mark.slow
KUHN, TIC_TAC_TOE = "sparring/KuhnPoker-v0", "sparring/TicTacToe-v0"
HOSTILE = "<b>evil</b>\u202e & co"


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two games of three agents, one of them at three checkpoints, another with a hostile name."""
    folder = tmp_path_factory.mktemp("board")
    agents = by_name([RandomAgent(), ConstantAgent("bet"), ConstantAgent("call")])
    games = [game for env_id in (KUHN, TIC_TAC_TOE) for game in play_matches(round_robin(env_id, agents, 8, 0), agents)]
    names = {"constant:bet": HOSTILE, "constant:call": "nano (update {})"}
    with Store(folder / "cup", "a") as store:
        for number, game in enumerate(games):
            seats = {
                seat: replace(one, agent=names.get(one.agent, one.agent).format(10 * (number % 3)))
                for seat, one in game.trajectories.items()
            }
            store.append([replace(game, trajectories=seats)])
        write_board(build_board([("cup", store)], Settings(replays=60)), folder / "board.html")
    return folder / "board.html"


def test_another_leaderboard_is_shown_and_has_an_address(page: Page, board: Path) -> None:
    page.goto(board.as_uri())
    expect(page.locator("#shown .lead")).to_contain_text("2 environments")
    page.select_option("#show", label="Kuhn poker")
    expect(page.locator("#shown .lead")).to_contain_text("Kuhn poker: 24 comparisons on 4 tasks")
    assert page.url.endswith("#board=env%3Asparring%2FKuhnPoker-v0")
    page.goto("about:blank")
    page.goto(f"{board.as_uri()}#board=skill:bluffing")
    expect(page.locator("#show")).to_have_value("skill:bluffing")


def test_a_number_leads_to_its_games_and_a_game_to_its_replay(page: Page, board: Path) -> None:
    page.goto(board.as_uri())
    page.select_option("#show", label="Kuhn poker")
    page.locator(".heads a").first.click()
    expect(page.locator("#behind-about")).to_contain_text("episodes are named here")
    rows = page.locator("#behind-games tr")
    assert rows.count() > 0
    expect(rows.first).to_contain_text("sparring/KuhnPoker-v0")
    link = rows.locator("a").first
    id = link.text_content()
    link.click()
    expect(page.locator("#title")).to_have_text(id or "")


def test_an_agents_name_leads_to_all_its_games_and_stays_text(page: Page, board: Path) -> None:
    page.goto(board.as_uri())
    assert page.locator("b", has_text="evil").count() == 0
    page.locator(".ranks a", has_text="evil").click()
    expect(page.locator("#behind-about")).to_contain_text("<b>evil</b>⟨U+202E⟩ & co: ")


def test_two_games_on_one_deal_stand_beside_each_other(page: Page, board: Path) -> None:
    page.goto(board.as_uri())
    page.locator("#episodes li").first.click()
    expect(page.locator("#beside-choice")).to_be_visible()
    other = page.locator("#beside option").nth(1).get_attribute("value") or ""
    page.select_option("#beside", other)
    expect(page.locator("#other-title")).to_contain_text(other[:20])
    assert page.locator("#other-transcript .turn").count() > 0
    first, second = (page.locator(at).bounding_box() for at in ("#transcript", "#other"))
    assert first is not None
    assert second is not None
    assert second["x"] > first["x"] + 100
    address = page.url
    assert "&beside=" in address
    page.goto("about:blank")
    page.goto(address)
    expect(page.locator("#other")).to_be_visible()
    page.select_option("#beside", "")
    expect(page.locator("#other")).to_be_hidden()


def test_checkpoints_have_a_curve_with_a_band(page: Page, board: Path) -> None:
    page.goto(board.as_uri())
    curve = page.locator("#learning figure")
    expect(curve).to_contain_text("nano")
    assert curve.locator("circle").count() == 3
    assert curve.locator(".band").count() == 1


def test_back_leads_to_what_was_shown_before(page: Page, board: Path) -> None:
    page.goto(board.as_uri())
    page.select_option("#show", label="Kuhn poker")
    page.locator(".heads a").first.click()
    expect(page.locator("#behind")).to_be_visible()
    page.locator("#behind-games a").first.click()
    page.locator("#next").click()
    page.locator("#episodes li").nth(3).click()
    page.go_back()
    expect(page.locator("#behind")).to_be_visible()
    assert "#games=" in page.url
    page.go_back()
    expect(page.locator("#behind")).to_be_hidden()
    expect(page.locator("#shown .lead")).to_contain_text("Kuhn poker: 24 comparisons")
    page.go_back()
    expect(page.locator("#show")).to_have_value("all")
    expect(page.locator("#shown .lead")).to_contain_text("2 environments")
    page.go_forward()
    expect(page.locator("#show")).to_have_value("env:sparring/KuhnPoker-v0")


def test_a_press_on_an_episode_of_the_list_can_be_taken_back(page: Page, board: Path) -> None:
    page.goto(f"{board.as_uri()}#board=skill:bluffing")
    page.locator("#episodes li").nth(1).click()
    page.locator("#episodes li").nth(2).click()
    assert "#episode=" in page.url
    page.go_back()
    assert page.url.endswith("#board=skill:bluffing")


@pytest.mark.parametrize("viewport", [{"width": 1000, "height": 800}], indirect=False)
def test_a_long_name_is_cut_and_pushes_no_number_out(page: Page, board: Path, tmp_path: Path) -> None:
    name = "runs/" + 20 * "averylongname_" + "end"
    with Store(tmp_path / "cup", "a") as store:
        for game in Store(board.parent / "cup").find(env_id=KUHN):
            seats = {
                seat: replace(one, agent=name if one.agent == "random" else one.agent)
                for seat, one in game.trajectories.items()
            }
            store.append([replace(game, trajectories=seats)])
        write_board(build_board([("cup", store)], Settings(replays=0)), tmp_path / "board.html")
    page.goto((tmp_path / "board.html").as_uri())
    page.select_option("#show", label="Kuhn poker")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1000
    for table in page.locator("#shown .scroll").all():
        assert table.evaluate("one => one.scrollWidth <= one.clientWidth")
    shown = page.locator(".ranks .name", has_text="averylongname").first
    assert shown.get_attribute("title") == name
    assert (shown.bounding_box() or {"height": 0.0})["height"] < 80


def test_every_word_of_statistics_is_explained_where_it_stands(page: Page, board: Path) -> None:
    page.goto(board.as_uri())
    words = page.locator("#ranking .words").first
    expect(words).to_be_hidden()
    page.locator("#ranking summary", has_text="What these words mean").click()
    for word in ("Holm", "cluster", "sandwich", "95 % interval"):
        expect(words).to_contain_text(word)


@pytest.mark.parametrize("viewport", [{"width": 390, "height": 800}], indirect=False)
def test_a_phone_shows_it_without_leaving_the_page_wider_than_itself(page: Page, board: Path) -> None:
    page.goto(board.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.select_option("#show", label="Tic tac toe")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_in_print_the_first_leaderboard_is_there_and_what_is_pressed_is_not(page: Page, board: Path) -> None:
    page.goto(board.as_uri())
    page.emulate_media(media="print")
    expect(page.locator(".ranks")).to_be_visible()
    expect(page.locator("#show")).to_be_hidden()
    expect(page.locator("nav")).to_be_hidden()
