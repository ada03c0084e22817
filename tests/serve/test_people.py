"""A person plays in a browser, and the pages of other sites do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from sparring import Store


@pytest.fixture
def allowed() -> tuple[str, ...]:
    return ("/ws",)


@pytest.mark.slow
def test_a_person_plays_to_the_end(running: Any, tmp_path: Path, page: Any) -> None:
    with Store(tmp_path / "store", "a") as store:
        with running("TicTacToe", keep=store.append) as serving:
            page.goto(f"{serving.address}/TicTacToe/play")
            page.get_by_role("button", name="Begin").click()
            assert page.locator(".turn").count() == 0, "consent comes first"
            page.get_by_label("What I see and do here is recorded").check()
            page.locator("#seed").fill("3")
            page.get_by_role("button", name="Begin").click()
            while True:
                page.wait_for_function(
                    "document.querySelector('#choices button') || !document.querySelector('#begin').hidden"
                )
                if page.locator("#choices button").count() == 0:
                    break
                page.locator("#choices button").first.click()
            assert "The game is over: you got" in page.locator("#note").inner_text()
        (episode,) = store
    assert (episode.seed, episode.trajectories["player_0"].agent, episode.status) == (3, "human", "ok")


@pytest.mark.slow
def test_free_text_and_what_is_illegal(running: Any, page: Any) -> None:
    with running("Adventure", "Search") as serving:
        page.goto(f"{serving.address}/Search/play")
        page.get_by_label("What I do here is not kept.").check()
        assert page.locator("#against").is_hidden()
        page.get_by_role("button", name="Begin").click()
        page.locator("#text").fill("<b>no action</b>")
        page.get_by_role("button", name="Say").click()
        page.wait_for_selector(".bad")
        assert "That was not legal." in page.locator(".bad").first.inner_text()
        assert page.locator(".said b").count() == 0


def test_pages_of_other_sites_are_kept_out(running: Any) -> None:
    with running("KuhnPoker") as serving:
        port = serving.address.rpartition(":")[2]
        for headers in ({"Origin": "https://evil.example"}, {"Host": f"evil.example:{port}"}):
            assert httpx.get(f"{serving.address}/KuhnPoker/play", headers=headers).status_code == 403
        with (
            pytest.raises(Exception, match="403"),
            connect(f"ws://127.0.0.1:{port}/ws", additional_headers={"Origin": "https://evil.example"}),
        ):
            pass
        own = {"Origin": serving.address}
        assert httpx.get(f"{serving.address}/KuhnPoker/play", headers=own).status_code == 200


def test_a_token_may_stand_in_the_address(running: Any) -> None:
    with running("KuhnPoker", token="secret") as serving:
        assert httpx.get(f"{serving.address}/KuhnPoker/play").status_code == 401
        assert httpx.get(f"{serving.address}/KuhnPoker/play?token=secret").status_code == 200
