"""The live page in a real browser: it goes on with its run, is for this machine only, and shows text as text."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Page

from sparring.agents.scripted import ScriptedAgent
from sparring.cli.app import main
from sparring.rollout.loop import Match, play
from sparring.scoreboard.live.server import serve
from sparring.store.store import Store
from sparring.trainers.methods.spiral import Config, Spiral
from sparring.trainers.run import Run
from sparring.types import Observation, Reply

torch.set_num_threads(1)
KUHN = "sparring/KuhnPoker-v0"
SMALL = Config(steps=4, games_per_update=8, evaluation_games=2, checkpoint_every=1, device="cpu")


@pytest.fixture
def allowed() -> tuple[str, ...]:
    return ("/version",)


@contextmanager
def served(*runs: Path) -> Iterator[tuple[str, int]]:
    server = serve(runs)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield "127.0.0.1", server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def asked(address: tuple[str, int], path: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(*address, timeout=20)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


@pytest.fixture
def half(tmp_path: Path) -> Path:
    """A run that stopped after two of its four updates."""
    run, rows = tmp_path / "run", list[object]()
    assert not Run.start(Spiral, SMALL, run).run(rows.append, should_stop=lambda: len(rows) == 2)
    return run


@pytest.mark.slow
def test_new_points_and_episodes_arrive_by_themselves(page: Page, half: Path) -> None:
    with served(half) as (host, port):
        page.goto(f"http://{host}:{port}/")
        page.locator("#live").filter(has_text="run: interrupted, update 2 of 4").wait_for(timeout=15_000)
        before = page.locator("#replays").inner_text()
        assert Run.resume(Spiral, half).run()
        page.locator("#live").filter(has_text="run: finished, update 4 of 4").wait_for(timeout=30_000)
        page.wait_for_function("document.querySelector('#replays').innerText.length > 0")
        assert page.locator("#replays").inner_text() != before


@pytest.mark.slow
def test_nobody_is_disturbed_in_the_middle_of_a_game(page: Page, half: Path) -> None:
    with served(half) as (host, port):
        page.goto(f"http://{host}:{port}/#episode=update-0/0")
        page.locator("#live").filter(has_text="update 2 of 4").wait_for(timeout=15_000)
        assert Run.resume(Spiral, half).run()
        button = page.get_by_role("button", name="Show what is new")
        button.wait_for(timeout=30_000)
        assert "update-0/0" in page.url
        button.click()
        page.locator("#live").filter(has_text="update 4 of 4").wait_for(timeout=15_000)


@pytest.mark.slow
def test_what_agents_write_is_text_on_the_live_page_too(page: Page, tmp_path: Path) -> None:
    attack = "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>"

    class Attacker(ScriptedAgent):
        async def act(self, observation: Observation) -> Reply:
            return Reply(attack)

    match = Match("m", KUHN, {"player_0": "attacker", "player_1": "random"}, 1, {"illegal": "retry"})
    with Store(tmp_path / "games", "a") as store:
        store.append(play([match], {"attacker": Attacker(attack)}))
    with served(tmp_path / "games") as (host, port):
        page.goto(f"http://{host}:{port}/")
        page.wait_for_function("document.querySelector('#viewer').innerText.includes('onerror')")
        assert page.title().startswith("Sparring: ")
        assert page.locator("img").count() == 0


def test_the_page_is_read_only_and_answers_to_its_own_names(half: Path) -> None:
    with served(half) as address:
        assert asked(address, "/")[1].startswith(b"<!doctype html>")
        version = json.loads(asked(address, "/version")[1])
        assert version["said"] == "run: interrupted, update 2 of 4"
        assert json.loads(asked(address, "/version", Host="localhost:80")[1]) == version
        assert asked(address, "/", Host="evil.example")[0] == 403
        assert asked(address, "/../../etc/passwd")[0] == 404
        assert [asked(address, "/", method)[0] for method in ("POST", "PUT", "DELETE")] == [501] * 3
        assert asked(address, "/", "HEAD") == (200, b"")


def test_the_page_is_made_anew_only_where_a_run_has_changed(half: Path) -> None:
    with served(half) as address:
        first, again = asked(address, "/")[1], asked(address, "/")[1]
        assert first == again
        before = json.loads(asked(address, "/version")[1])["version"]
        Run.resume(Spiral, half).run()
        assert json.loads(asked(address, "/version")[1])["version"] != before
        assert asked(address, "/")[1] != first


def test_a_run_that_is_damaged_meanwhile_is_said_and_the_server_goes_on(half: Path) -> None:
    with served(half) as address:
        config = (half / "config.json").read_bytes()
        (half / "config.json").write_bytes(b"{")
        status, said = asked(address, "/")
        assert (status, b"is damaged" in said) == (503, True)
        (half / "config.json").write_bytes(config)
        assert asked(address, "/")[0] == 200


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (("--page",), "name at least one run folder or store"),
        (("nowhere", "--page"), "nowhere"),
        (("{run}", "{run}"), "name one run folder, or add --page to see several, got 2"),
        (("{run}", "--page", "--port", "70000"), "port must be in 0..65535, got 70000"),
    ],
)
def test_what_cannot_be_watched_is_refused_in_one_line(half, tmp_path, monkeypatch, capsys, words, rule) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["watch", *(word.format(run=half) for word in words)]) == 2
    said = capsys.readouterr().err
    assert rule in said
    assert len(said.splitlines()) == 1


def test_a_report_that_is_written_asks_nobody(half: Path, tmp_path: Path) -> None:
    assert main(["report", str(half), "-o", str(tmp_path / "report.html")]) == 0
    text = (tmp_path / "report.html").read_text()
    assert "connect-src" not in text
    assert 'id="live"' not in text
