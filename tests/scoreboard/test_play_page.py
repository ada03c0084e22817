"""A person plays in a browser: what the page shows, what it may ask for, and who may ask."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from sparring import registry
from sparring.agents.people import PersonLeft
from sparring.protocols import Seat
from sparring.rollout.loop import Match, play
from sparring.scoreboard.live.play_server import MOST_BYTES, PlayServer, do, serving
from sparring.scoreboard.live.player import PagePlayer, PlayPage
from sparring.scoreboard.verify import verify
from sparring.store.store import Store
from sparring.types import Episode, Observation

TTT, KUHN, MNK = "sparring/TicTacToe-v0", "sparring/KuhnPoker-v0", "sparring/MNK-v0"
ATTACK = "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>\u202e"


@pytest.fixture
def allowed() -> tuple[str, ...]:
    return ("/do", *(f"/state?known={version}" for version in range(-1, 100)))


@pytest.fixture
def person() -> PlayPage:
    return PlayPage()


@pytest.fixture
def served(person: PlayPage) -> Iterator[PlayServer]:
    with serving(person, "Game", "You", "What you see and do is recorded in <store>.") as server:
        yield server


def address(server: PlayServer) -> str:
    return f"http://127.0.0.1:{server.server_port}{server.path}"


def asking(person: PlayPage, observation: Observation, seat: Seat) -> list[str]:
    """Asks in a thread; the list holds what came of it when the answer is there."""
    came: list[str] = []

    def ask() -> None:
        try:
            came.append(asyncio.run(person.ask(observation, seat)))
        except PersonLeft as left:
            came.append(f"{left}")

    before = person.state()["version"]
    threading.Thread(target=ask, daemon=True).start()
    assert isinstance(before, int)
    assert person.state(before, 10)["asked"]
    return came


def soon(holds: Callable[[], object]) -> None:
    """Waits until something holds."""
    for _ in range(1_000):
        if holds():
            return
        threading.Event().wait(0.01)
    pytest.fail("it never held")


def lost_by_a_person() -> Episode:
    seats = {"player_0": registry.make_agent("constant:0/1/2"), "player_1": registry.make_agent("constant:8/7/6/3")}
    (episode,) = play([Match("m", TTT, {seat: seat for seat in seats}, 1)], seats)
    return replace(
        episode,
        trajectories={
            seat: replace(one, agent=ATTACK if seat == "player_1" else "human")
            for seat, one in episode.trajectories.items()
        },
    )


def test_only_an_answer_to_what_is_asked_now_counts(person: PlayPage) -> None:
    came = asking(person, Observation(("look",), legal_actions=("a", "b")), Seat(TTT, "player_0", "game 1"))
    for number, action, said in ((0, "a", "asked earlier"), (None, "a", "asked earlier"), (1, "c", "'c' is not legal")):
        with pytest.raises(ValueError, match=said):
            person.answer(number, action)
    assert not came
    person.answer(1, "b")
    soon(lambda: came == ["b"])
    with pytest.raises(ValueError, match="asked earlier"):
        person.answer(1, "a")
    asked = person.state()["asked"]
    assert isinstance(asked, dict)
    assert (asked["open"], asked["did"]) == (False, ["b"])


def test_any_text_is_an_answer_where_actions_are_not_known(person: PlayPage) -> None:
    came = asking(person, Observation(("look",), suggested_actions=("north",)), Seat(TTT, "player_0", "game 1"))
    asked = person.state()["asked"]
    assert isinstance(asked, dict)
    assert (asked["actions"], asked["free"]) == (("north",), True)
    person.answer(1, ATTACK)
    soon(lambda: came == [ATTACK])


def test_the_second_look_has_the_first_one_beside_it_and_the_next_game_begins_anew(person: PlayPage) -> None:
    boards = ["1 2 3\n4 5 6\n7 8 9", "X 2 3\n4 O 6\n7 8 9"]
    for number, (text, game) in enumerate([(boards[0], "1"), (boards[1], "1"), (boards[0], "2")], start=1):
        asking(person, Observation((text,)), Seat(TTT, "player_0", game))
        asked = person.state()["asked"]
        assert isinstance(asked, dict)
        assert (asked["earlier"], asked["did"]) == (([boards[0]], ["x"]) if number == 2 else ([], []))
        assert len(asked["board"]["turns"]) == (2 if number == 2 else 1)
        person.answer(number, "x")
    assert person.state()["game"] == 2


def test_the_end_of_a_game_leaves_the_question_of_the_next_one_open(person: PlayPage) -> None:
    came = [asking(person, Observation(("look",)), Seat(TTT, "player_0", "m"))]
    person.answer(1, "x")
    came.append(asking(person, Observation(("look",)), Seat(TTT, "player_0", "the next")))
    person.end_game(lost_by_a_person(), ["player_0"], "You lost.", "")
    over, asked = person.state()["over"], person.state()["asked"]
    assert isinstance(over, dict)
    assert isinstance(asked, dict)
    assert (over["game"], asked["number"], asked["open"], person.state()["game"]) == (1, 2, True, 2)
    person.go_on()
    person.answer(2, "y")
    soon(lambda: came == [["x"], ["y"]])


def test_who_leaves_ends_the_games(person: PlayPage) -> None:
    came = asking(person, Observation(("look",)), Seat(TTT, "player_0", "game 1"))
    person.leave()
    soon(lambda: came == ["you left the game"])
    with pytest.raises(PersonLeft, match="you left the game"):
        asyncio.run(person.ask(Observation(("again",)), Seat(TTT, "player_0", "game 2")))
    assert person.state(10**6, 60)["ended"]  # and nobody waits any more


def test_the_player_is_called_as_at_the_terminal(person: PlayPage) -> None:
    assert PagePlayer(person).name == registry.make_agent("human").name


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "must be JSON"),
        (b"\xff", "must be JSON"),
        (b"[" * 100_000, "must be JSON"),
        (b"[]", "do must be answer, begin, next, leave"),
        (b'{"do": "quit"}', "do must be answer, begin, next, leave"),
        (b'{"do": ["begin"]}', "do must be answer, begin, next, leave"),
        (b'{"do": "answer", "number": 1}', "action must be text"),
        (b'{"do": "answer", "number": 1, "action": 3}', "action must be text"),
        (b'{"do": "answer", "number": 1, "action": "a"}', "asked earlier"),
    ],
)
def test_what_the_page_may_not_ask_for_is_refused_in_words(person: PlayPage, body: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        do(person, body)
    assert not person.begun.is_set()


def asked_of(server: PlayServer, method: str, path: str, body: bytes | None = None, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    return connection.getresponse().status


def test_who_does_not_know_the_address_and_pages_of_other_sites_are_refused(
    person: PlayPage, served: PlayServer
) -> None:
    here, port = served.path, served.server_port
    body, json_type = json.dumps({"do": "begin"}).encode(), {"Content_Type": "application/json"}
    for path in ("/", "/state", "/wrong/state", "//state", here[:-2] + "/"):
        assert asked_of(served, "GET", path) == 404
    assert asked_of(served, "POST", "/wrong/do", body, **json_type) == 404
    assert asked_of(served, "GET", here, Host=f"evil.example:{port}") == 403
    for origin in ("https://evil.example", "null", f"http://localhost:{port}"):
        assert asked_of(served, "POST", here + "do", body, Origin=origin, **json_type) == 403
    assert asked_of(served, "POST", here + "do", body, Content_Type="text/plain") == 404
    assert asked_of(served, "POST", here + "do", b"x" * (MOST_BYTES + 1), **json_type) == 413
    assert asked_of(served, "PUT", here + "do", body, **json_type) == 501
    assert not person.begun.is_set()
    assert asked_of(served, "POST", here + "do", body, Origin=f"http://127.0.0.1:{port}", **json_type) == 204
    assert person.begun.is_set()


@pytest.mark.parametrize("known", ["", "x", "-5", "²", "9" * 5_000])
def test_a_version_that_is_none_is_answered_at_once(served: PlayServer, known: str) -> None:
    from urllib.parse import quote

    assert asked_of(served, "GET", f"{served.path}state?known={quote(known)}") == 200


@pytest.mark.slow
def test_consent_comes_first_and_what_others_write_is_text(person: PlayPage, served: PlayServer, page: Page) -> None:
    page.goto(address(served))
    expect(page.locator("#consent")).to_contain_text("What you see and do is recorded in <store>.")
    expect(page.locator("#game")).to_be_hidden()
    asking(person, Observation((ATTACK,), legal_actions=(ATTACK, "b")), Seat(TTT, "player_0", "m"))
    page.get_by_role("button", name="I agree: begin").click()
    expect(page.locator("#text")).to_contain_text("onerror")
    page.locator("#actions button").first.click()
    expect(page.locator("#stand")).to_contain_text("The others play")
    person.end_game(lost_by_a_person(), ["player_0"], ATTACK, ATTACK)
    page.get_by_text("What everybody did").click()
    expect(page.locator("#deeds li")).to_have_count(5)
    assert page.locator("main img").count() == 0
    assert page.title() == "Sparring: Game"


@pytest.mark.slow
def test_many_actions_are_filtered_by_the_keyboard(person: PlayPage, served: PlayServer, page: Page) -> None:
    person.begin()
    page.goto(address(served))
    actions = tuple(f"move {number}" for number in range(500))
    came = asking(person, Observation(("look",), legal_actions=actions), Seat(MNK, "player_0", "game 1"))
    expect(page.locator("#more")).to_have_text("The filter finds 300 more.")
    page.keyboard.type("move 498")
    expect(page.locator("#actions button")).to_have_count(1)
    page.keyboard.press("Enter")
    soon(lambda: came == ["move 498"])


@pytest.mark.slow
def test_a_digit_is_an_action_where_actions_are_numbers(person: PlayPage, served: PlayServer, page: Page) -> None:
    person.begin()
    page.goto(address(served))
    for legal, meant in ((("0", "1", "2"), "1"), (("check", "bet"), "check")):
        came = asking(person, Observation(("look",), legal_actions=legal), Seat(KUHN, "player_0", "game"))
        expect(page.get_by_role("button", name=legal[-1], exact=True)).to_be_visible()
        page.keyboard.press("1")
        soon(lambda came=came, meant=meant: came == [meant])


@pytest.mark.slow
def test_text_of_several_lines_survives_until_it_is_sent(person: PlayPage, served: PlayServer, page: Page) -> None:
    person.begin()
    page.goto(address(served))
    came = asking(person, Observation(("look",)), Seat(KUHN, "player_0", "game 1"))
    written = page.get_by_label("Your action")
    written.fill("first")
    written.press("Shift+Enter")
    written.press_sequentially("second")
    person.go_on()  # another version of the same question
    written.press("Enter")
    soon(lambda: came == ["first\nsecond"])


def test_whatever_is_written_is_recorded_and_verifies(person: PlayPage, tmp_path: Path) -> None:
    written = ["", "\x00\x1b[2J", "\ud800", "\u202e[pass]", "x" * 100_000, ATTACK]
    answered = threading.Thread(target=answering, args=(person, written), daemon=True)
    answered.start()
    seats = {"player_0": PagePlayer(person), "player_1": registry.make_agent("random")}
    match = Match("m", "sparring/SimpleNegotiation-v0", {seat: seat for seat in seats}, 1, {"illegal": "retry"})
    with Store(tmp_path / "games", "a") as store:
        store.append(play([match], seats))
    with Store(tmp_path / "games") as kept:
        (episode,) = kept
        assert verify(kept).ok
    assert episode.status in ("ok", "truncated")
    assert episode.trajectories["player_0"].turns[0].action == written[0]


def answering(person: PlayPage, written: Sequence[str]) -> None:
    """Writes these texts in turn, as often as something is asked."""
    version, number = -1, 0
    while True:
        state = person.state(version, 20)
        version, asked = int(f"{state['version']}"), state["asked"]
        if isinstance(asked, dict) and asked["open"]:
            body = {"do": "answer", "number": asked["number"], "action": written[number % len(written)]}
            do(person, json.dumps(body).encode())
            number += 1
