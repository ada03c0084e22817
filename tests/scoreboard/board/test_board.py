"""A board from a store to its page and back: numbers by hand, and whatever is changed is found."""

from __future__ import annotations

import base64
import gzip
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from sparring.agents.scripted import ConstantAgent, RandomAgent
from sparring.agents.solvers import MinimaxAgent
from sparring.scoreboard.board.build import Board, Settings, build_board, facts
from sparring.scoreboard.board.check import check_board, read_page
from sparring.scoreboard.board.checkpoints import WALK_SD, walk_of
from sparring.scoreboard.board.page import render, require_board, write_board
from sparring.scoreboard.board.sentences import sentences
from sparring.scoreboard.matches import by_name, play_matches, round_robin
from sparring.scoreboard.verify import verify
from sparring.store.store import Store
from sparring.types import Episode

KUHN, TIC_TAC_TOE = "sparring/KuhnPoker-v0", "sparring/TicTacToe-v0"


def played() -> list[Episode]:
    """Three agents in two environments."""
    agents = by_name([RandomAgent(), ConstantAgent("bet"), MinimaxAgent()])
    two = {name: agents[name] for name in ("random", "constant:bet")}
    return play_matches(round_robin(TIC_TAC_TOE, agents, 8, 0), agents) + play_matches(
        round_robin(KUHN, two, 20, 0), agents
    )


@pytest.fixture(scope="module")
def episodes() -> list[Episode]:
    """Played once."""
    return played()


@pytest.fixture
def store(tmp_path: Path, episodes: list[Episode]) -> Path:
    """They, stored."""
    with Store(tmp_path / "games", "a") as opened:
        opened.append(episodes)
    return tmp_path / "games"


def board_of(*stores: Path, settings: Settings | None = None) -> Board:
    """The board of stores, named by their folders."""
    opened = [(store.name, Store(store)) for store in stores]
    try:
        return build_board(opened, settings)
    finally:
        for _, one in opened:
            one.close()


def page_of(store: Path, settings: Settings | None = None) -> Path:
    """The page of a store, written."""
    page = store.parent / "board.html"
    write_board(board_of(store, settings=settings), page)
    return page


def found_by_check(page: Path, *stores: Path) -> list[str]:
    """What checking a page finds."""
    opened = [Store(store) for store in stores]
    try:
        return check_board(read_page(page), opened)
    finally:
        for one in opened:
            one.close()


def test_a_board_counts_what_was_played(store: Path, episodes: list[Episode]) -> None:
    board = board_of(store)
    assert [one.key for one in board.boards] == [
        "all",
        "family:games",
        "skill:bluffing",
        "skill:planning",
        "skill:probability",
        "skill:space",
        f"env:{KUHN}",
        f"env:{TIC_TAC_TOE}",
    ]
    kuhn = next(one for one in board.boards if one.key == f"env:{KUHN}")
    wins = sum(
        1
        for episode in episodes
        if episode.env_id == KUHN
        for trajectory in episode.trajectories.values()
        if trajectory.agent == "random" and trajectory.reward > 0
    )
    cell = next(cell for cell in kuhn.cells if cell.agent == "random")
    assert (cell.wins, cell.draws, cell.losses) == (wins, 0, 20 - wins)
    assert (kuhn.comparisons, kuhn.tasks) == (20, 10)
    line = next(line for line in kuhn.lines if line.agent == "random")
    assert line.points.value == wins / 20
    assert line.points.clusters == 10
    everything = {line.agent: line for line in board.everything.lines}
    assert (everything["minimax"].environments, everything["random"].environments) == (1, 2)
    assert everything["minimax"].elo > everything["random"].elo


def test_equal_weight_gives_every_environment_the_same_say(store: Path) -> None:
    plain, equal = board_of(store), board_of(store, settings=Settings(equal_weight=True))
    assert plain.everything.comparisons == equal.everything.comparisons == 44
    assert plain.everything.lines[0].elo != equal.everything.lines[0].elo
    assert plain.boards[-1].lines == equal.boards[-1].lines


def test_the_sentences_say_who_did_not_play_everywhere(store: Path) -> None:
    assert "minimax did not play everywhere and is rated by the games that it played." in sentences(board_of(store))


def test_checkpoints_are_tied_to_the_one_before(store: Path) -> None:
    names = ["a (update 20)", "b", "a (update 3)", "a (update 100)", "c (update 1)"]
    assert walk_of(names) == [(2, 0, WALK_SD), (0, 3, WALK_SD)]


def test_equal_episodes_give_an_equal_page_wherever_they_lie(store: Path, tmp_path: Path) -> None:
    page, again = page_of(store), tmp_path / "elsewhere"
    with Store(again, "a") as opened:
        opened.append(played())
    assert found_by_check(page, again) == []
    assert "://" not in page.read_text().replace("http://www.w3.org/2000/svg", "")


def test_every_digit_of_the_page_is_checked(store: Path) -> None:
    page = page_of(store, Settings(replays=2))
    text = page.read_text()
    body = text.index("<body>")
    script = text.index("<script", body)
    places = [found.start() for found in re.finditer(r"\d", text) if body < found.start() < script]
    assert len(places) > 100
    for place in places[:: max(1, len(places) // 12)]:
        other = str((int(text[place]) + 1) % 10)
        page.write_text(text[:place] + other + text[place + 1 :])
        (problem,) = found_by_check(page, store)
        assert problem.startswith("line ")


def test_a_changed_number_among_the_facts_is_named(store: Path) -> None:
    page = page_of(store)
    text = page.read_text()
    packed = re.search(r'id="board-facts">(.*?)<', text)
    assert packed
    told = json.loads(gzip.decompress(base64.b64decode(packed[1])))
    told["boards"]["all"]["agents"]["random"]["elo"][0] += 100
    repacked = base64.b64encode(gzip.compress(json.dumps(told).encode())).decode()
    page.write_text(text.replace(packed[1], repacked))
    assert any("boards > all > agents > random > elo: the page says [" in one for one in found_by_check(page, store))


@pytest.mark.parametrize("changed", ["reward", "left out"])
def test_changed_episodes_are_found_by_their_replay_and_by_the_page(
    store: Path, tmp_path: Path, episodes: list[Episode], changed: str
) -> None:
    page, forged = page_of(store), tmp_path / "forged"
    victim = next(one for one in episodes if one.env_id == KUHN)
    seats = {
        seat: replace(one, turns=tuple(replace(turn, reward=-turn.reward) for turn in one.turns))
        for seat, one in victim.trajectories.items()
    }
    swapped = replace(
        victim,
        trajectories={
            seat: replace(one, reward_parts={name: -part for name, part in one.reward_parts.items()})
            for seat, one in seats.items()
        },
    )
    others = [one for one in episodes if one.id != victim.id]
    with Store(forged, "a") as opened:
        opened.append([swapped, *others] if changed == "reward" else others)
        if changed == "reward":
            (fault,) = verify(opened).faults
            assert fault.episode_id == victim.id
    problems = found_by_check(page, forged)
    assert any(problem.startswith("stores") for problem in problems)


def test_a_line_too_many_and_letters_that_unpack_to_nothing_are_found(store: Path) -> None:
    page = page_of(store)
    text = page.read_text()
    page.write_text(text + "\n")
    assert [one.split(" line ")[0] for one in found_by_check(page, store)] == ["the page goes on after"]
    page.write_text(text.rstrip("\n").rpartition("\n")[0])
    assert [one.split(" line ")[0] for one in found_by_check(page, store)] == ["the page ends before"]
    start = text.index('id="board-facts">') + 100
    for letter in "Ab1/":
        page.write_text(text[:start] + letter + text[start + 1 :])
        assert letter == text[start] or found_by_check(page, store)


def test_pages_that_are_none_of_ours_are_refused(store: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.html"
    other.write_text("<html>")
    with pytest.raises(ValueError, match="is no board of Sparring"):
        read_page(other)
    with pytest.raises(OSError, match="it exists and is no board of ours"):
        require_board(other)
    page = page_of(store)
    page.write_text(page.read_text().replace('"format":2', '"format":9'))
    with pytest.raises(ValueError, match="is of format 9, this Sparring reads format 2"):
        read_page(page)
    page.write_text(page.read_text().replace("board-settings", "board-settlings"))
    with pytest.raises(ValueError, match="board-settings are damaged"):
        read_page(page)


def test_another_number_of_stores_is_refused(store: Path) -> None:
    with pytest.raises(ValueError, match=r"made from 1 store \(games\), got 2"):
        found_by_check(page_of(store), store, store)


def test_a_page_of_another_version_says_so(store: Path) -> None:
    page = page_of(store)
    page.write_text(page.read_text().replace('"sparring":"', '"sparring":"9.'))
    (problem,) = found_by_check(page, store)
    assert "was made by Sparring 9." in problem


def test_names_cannot_leave_their_place_in_the_page(tmp_path: Path, episodes: list[Episode]) -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    with Store(tmp_path / "evil", "a") as opened:
        for episode in episodes:
            seats = {seat: replace(one, agent=one.agent.replace("random", evil)) for seat, one in
                     episode.trajectories.items()}  # fmt: skip
            opened.append([replace(episode, trajectories=seats)])
        page = render(build_board([(evil, opened)]))
    assert "<img" not in page
    assert page.count("</script>") == page.count("<script")


def test_a_store_without_a_finished_episode_has_no_board(tmp_path: Path) -> None:
    with Store(tmp_path / "empty", "a") as opened, pytest.raises(ValueError, match="nothing to put on a board"):
        build_board([("empty", opened)])


def test_facts_are_plain_and_finite(store: Path) -> None:
    told = json.loads(json.dumps(facts(board_of(store)), allow_nan=False))
    assert told["stores"][0]["label"] == "games"
    assert set(told["boards"]["all"]["agents"]) == {"random", "constant:bet", "minimax"}


def test_a_board_says_what_makes_it_worth_less(tmp_path: Path) -> None:
    agents = by_name([ConstantAgent("0"), ConstantAgent("4")])
    games = play_matches(round_robin(TIC_TAC_TOE, agents, 20, 0), agents)
    with Store(tmp_path / "same", "a") as opened:
        opened.append(games[:-1])
        page = render(build_board([("same", opened)]))
    assert "Of 19 games 2 are different: agents without chance repeat themselves" in page
    assert "1 deal not played equally often in every seat by the same agents" in page


def test_an_episode_counts_once_whatever_stores_hold_it(store: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "copy", "a") as opened:
        opened.append(played()[:1])
    for other in (tmp_path / "copy", store):
        with pytest.raises(ValueError, match="would count twice: name a store once, or play one of them again"):
            board_of(store, other)


def test_a_store_that_has_grown_is_said_to_have_grown(store: Path) -> None:
    page = page_of(store)
    agents = by_name([RandomAgent(), ConstantAgent("bet")])
    with Store(store, "a") as opened:
        opened.append(play_matches(round_robin(KUHN, agents, 2, 9), agents))
    assert found_by_check(page, store) == ["stores > games: the page was made from 44 episodes, the store has 46"]


def test_a_lost_game_that_is_called_broken_off_is_found(tmp_path: Path, episodes: list[Episode]) -> None:
    lost = replace(episodes[0], status="agent_error", fault="agent", error="boom")
    with Store(tmp_path / "forged", "a") as opened:
        opened.append([lost, *episodes[1:]])
        (fault,) = verify(opened).faults
    assert (fault.episode_id, fault.what) == (lost.id, "status")
    assert "recorded agent_error, and the replay comes to its end" in fault.detail


def test_what_cannot_be_seen_in_a_name_is_written_out(tmp_path: Path, episodes: list[Episode]) -> None:
    with Store(tmp_path / "hidden", "a") as opened:
        for episode in episodes:
            seats = {seat: replace(one, agent=f"{one.agent}\u202e\u200b") for seat, one in episode.trajectories.items()}
            opened.append([replace(episode, trajectories=seats)])
        page = render(build_board([("hidden", opened)], Settings(replays=0)))
    assert "\u202e" not in page
    assert "random⟨U+202E⟩⟨U+200B⟩" in page
