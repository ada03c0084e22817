"""`sparring play --page`: a person plays whole games in a browser, on a desk and on a phone, and they are recorded."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from sparring import Store
from sparring.cli.app import main

DESK: ViewportSize = {"width": 1000, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}


@pytest.fixture
def allowed() -> tuple[str, ...]:
    return ("/do", *(f"/state?known={version}" for version in range(-1, 100)))


@contextmanager
def playing(*words: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The command, and the address that it shows."""
    command = [sys.executable, "-P", "-m", "sparring", "play", *words, "--page"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/\S+/", line)
        assert found, line + process.stderr.read()
        yield found[0], process
    finally:
        process.kill()
        process.communicate()


def play_a_game(page: Page) -> None:
    """Click on the first action until the game is over."""
    while True:
        button = page.locator("#actions button:visible, #all:not([hidden]) summary").first
        expect(button).to_be_visible()
        if page.locator("#all").is_visible():
            return
        seen = page.locator("#text").inner_text()
        button.click()
        expect(page.locator("#text")).not_to_have_text(seen, use_inner_text=True)


def leave(page: Page) -> None:
    page.get_by_text("Leave", exact=True).click()
    page.get_by_role("button", name="Leave the games").click()
    expect(page.locator("#stand")).to_have_text("The games have ended.")


@pytest.mark.slow
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_whole_games_by_clicks_are_recorded_and_verify(tmp_path: Path, page: Page) -> None:
    store = tmp_path / "games"
    words = ("TicTacToe", "--agents", "human,minimax", "--episodes", "2", "--store", str(store))
    with playing(*words) as (address, process):
        page.goto(address)
        expect(page.locator("#consent")).to_contain_text(f"What you see and do is recorded in {store}.")
        page.get_by_role("button", name="I agree: begin").click()
        expect(page.locator("#board svg")).to_be_visible()
        play_a_game(page)
        expect(page.locator("#text")).to_contain_text(re.compile("You (won|drew|lost)"))
        expect(page.locator("#replay")).to_contain_text("sparring replay ")
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        told = page.locator("main").inner_text()
        page.reload()
        expect(page.locator("#replay")).to_be_visible()
        assert page.locator("main").inner_text() == told
        page.get_by_role("button", name="Next game").click()
        expect(page.locator("#all")).to_be_hidden()
        play_a_game(page)
        expect(page.locator("#stand")).to_have_text("Game 2 was the last one.")
        leave(page)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "human" in out
    with Store(store) as kept:
        episodes = list(kept)
    assert [episode.status for episode in episodes] == ["ok", "ok"]
    assert {one.agent for episode in episodes for one in episode.trajectories.values()} == {"human", "minimax"}
    assert main(["verify", str(store)]) == 0
    assert main(["replay", str(store), episodes[0].id]) == 0


@pytest.mark.slow
def test_ctrl_c_ends_the_page_too_and_keeps_what_was_over(tmp_path: Path, page: Page) -> None:
    store = tmp_path / "games"
    with playing("TicTacToe", "--agents", "human,random", "--store", str(store)) as (address, process):
        page.goto(address)
        page.get_by_role("button", name="I agree: begin").click()
        play_a_game(page)
        page.get_by_role("button", name="Next game").click()
        expect(page.locator("#actions button").first).to_be_visible()
        process.send_signal(signal.SIGINT)
        expect(page.locator("#stand")).to_have_text("The games have ended.")
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.splitlines()[-1].startswith("sparring: interrupted; the games that were over are in ")
    with Store(store) as kept:
        assert [row.sound for row in kept.rows()] == [True]


@pytest.mark.slow
def test_ctrl_c_before_the_first_game_is_one_line(tmp_path: Path) -> None:
    with playing("KuhnPoker", "--agents", "human,cfr", "--store", str(tmp_path / "games")) as (_, process):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err.endswith("sparring: interrupted\n")
    assert "Traceback" not in err
    assert not (tmp_path / "games").exists()


@pytest.mark.slow
def test_free_text_is_sent_and_the_environment_says_what_it_was(page: Page) -> None:
    with playing("SimpleNegotiation", "--agents", "human,random", "--episodes", "1") as (address, _):
        page.goto(address)
        expect(page.locator("#consent")).to_contain_text("What you see and do is not recorded.")
        page.get_by_role("button", name="I agree: begin").click()
        page.get_by_label("Your action").fill("<b>nothing of the kind</b>")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#text")).to_contain_text("illegal")
        page.get_by_text("What everybody did").click()
        expect(page.locator("#deeds")).to_contain_text("<b>nothing of the kind</b> (illegal)")
        expect(page.locator("#replay")).to_be_hidden()
        expect(page.locator("#stand")).to_have_text("Game 1 was the last one.")
        leave(page)
