"""A person's game: short answers, advice on request, and an end that says who won and what was held."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from rich.console import Console

import sparring.envs
from sparring import registry
from sparring.agents import solvers
from sparring.agents.people import expert_advice, understand
from sparring.cli import person, terminal
from sparring.cli.app import main
from sparring.protocols import Seat
from sparring.rollout.loop import Match, act_now, play
from sparring.scoreboard.final_view import final_views
from sparring.store.store import Store
from sparring.types import Observation

KUHN, TTT = "sparring/KuhnPoker-v0", "sparring/TicTacToe-v0"
BETS = ("check", "bet", "call", "fold")


@pytest.fixture
def answers(monkeypatch):
    """Answers the questions of a person in turn; the prompts are collected."""
    prompts = []

    def prepare(*given):
        left = iter(given)

        def answer(prompt):
            prompts.append(prompt)
            return next(left)

        monkeypatch.setattr("builtins.input", answer)
        return prompts

    return prepare


def first_state(env_id):
    return next(sparring.envs.make(env_id).information_states())[1]


@pytest.mark.parametrize(
    ("answer", "meant"),
    [("bet", "bet"), ("b", "bet"), ("B", "bet"), ("2", "bet"), ("ch", "check"), ("ca", "call"), ("4", "fold")],
)
def test_an_answer_may_be_a_number_or_a_beginning(answer, meant):
    assert understand(answer, BETS) == meant


@pytest.mark.parametrize("answer", ["", "c", "0", "5", "99", "bets", "x", "-1", "²"])
def test_what_means_none_or_several_is_no_action(answer):
    assert understand(answer, BETS) is None


def test_a_number_is_itself_where_the_actions_are_numbers():
    assert understand("3", ("0", "3", "8")) == "3"
    assert understand("1", ("0", "3", "8")) is None
    assert understand("1", ("10", "12")) is None
    assert understand("anything", None) == "anything"


def test_a_number_is_a_place_in_the_list_however_long_it_is_and_however_the_actions_begin():
    moves = ("24/18/13", "24/18 13/8", "13/8 13/7", "8/3 8/2")
    assert [understand(answer, moves) for answer in ("3", "8", "8/", "13/8 ")] == [moves[2], None, moves[3], moves[2]]
    cards = [f"discard {card}" for card in "abcdefghijklmnop"]
    assert [understand(str(number), cards) for number in range(1, 17)] == cards


def test_an_action_that_another_one_begins_with_can_still_be_meant():
    assert understand("bet", ("bet", "bet all")) == "bet"


def test_the_prompt_says_which_keys_there_are(answers):
    prompts = answers("1")
    assert act_now(registry.make_agent("human").open(Seat(KUHN, "player_0")), first_state(KUHN)).action == "check"
    assert prompts == ["player_0 (1: check, 2: bet, ? advice)> "]


@pytest.mark.parametrize(
    ("legal", "prompt"),
    [
        (("24/18/13", "13/8 13/7"), "player_0 (1: 24/18/13, 2: 13/8 13/7, ? advice)> "),
        (("2", "3", "11"), "player_0 (2, 3, 11, ? advice)> "),
        (tuple(f"e{row}" for row in range(20)), "player_0 (help lists 20 choices, ? advice)> "),
        (None, "player_0> "),
    ],
)
def test_every_prompt_shows_the_choices_or_how_to_see_them(answers, legal, prompt):
    prompts = answers((legal or ("hello",))[0])
    seen = replace(first_state(KUHN), legal_actions=legal)
    act_now(registry.make_agent("human").open(Seat(KUHN, "player_0")), seen)
    assert prompts == [prompt]


def test_help_speaks_of_numbers_only_where_they_count(answers, capsys):
    answers("help", "2")
    seen = replace(first_state(KUHN), legal_actions=("2", "3"))
    act_now(registry.make_agent("human").open(Seat(KUHN, "player_0")), seen)
    assert "the choices are 2, 3; a beginning is enough; quit" in capsys.readouterr().err


@pytest.mark.parametrize("character", ["x", "9"])
def test_of_a_long_line_only_its_ends_are_echoed(answers, capsys, character):
    answers(character * 300_000, "1")
    player = registry.make_agent("human").open(Seat(KUHN, "player_0"))
    assert act_now(player, first_state(KUHN)).action == "check"
    said = capsys.readouterr().err
    assert f"{character} [...] {character}" in said
    assert len(said) < 2_000


def test_a_question_mark_shows_what_an_expert_would_do_and_asks_again(answers, capsys):
    answers("?", "b")
    assert act_now(registry.make_agent("human").open(Seat(KUHN, "player_0")), first_state(KUHN)).action == "bet"
    assert re.search(r"cfr plays: (check|bet) \(\d+ %\)", capsys.readouterr().err)


def test_the_expert_of_a_game_without_secrets_is_minimax():
    assert asyncio.run(expert_advice(first_state(TTT), Seat(TTT, "player_0"))).startswith("minimax plays: ")


def test_where_there_is_no_expert_the_reason_is_said():
    seen, seat = Observation(("text",)), Seat("sparring/SimpleNegotiation-v0", "player_0")
    advice = asyncio.run(expert_advice(seen, seat))
    assert advice.startswith("no expert knows this game: ")
    assert "is not an OpenSpiel game" in advice


def played(env_id, *agents, seed=1):
    seats = {f"player_{place}": registry.make_agent(spec) for place, spec in enumerate(agents)}
    (episode,) = play([Match("m", env_id, {seat: seat for seat in seats}, seed)], seats)
    return episode


def as_person(episode, seat):
    trajectory = replace(episode.trajectories[seat], agent="human")
    return replace(episode, trajectories={**episode.trajectories, seat: trajectory})


def test_the_end_of_a_game_shows_the_last_board_once():
    episode = as_person(played(TTT, "constant:0/1/2", "constant:8/7/6"), "player_0")
    shown = person.end_of_game(episode, ["player_0"])
    assert "You won: human (player_0) +1, constant:8/7/6 (player_1) -1." in shown
    assert shown.count("X X X") == 1
    assert "Tic-tac-toe. The cells" not in shown


def test_the_end_of_a_game_shows_what_the_other_held():
    episode = as_person(played(KUHN, "constant:bet", "constant:fold"), "player_0")
    views = final_views(episode)
    cards = [re.search(r"Your card is ([JQK])", views[seat])[1] for seat in ("player_0", "player_1")]
    assert cards[0] != cards[1]
    shown = person.end_of_game(episode, ["player_0"])
    own, others = shown.partition("What constant:fold (player_1) saw at the end:\n")[::2]
    assert "What you saw at the end:\n  " in own
    assert f"  Your card is {cards[0]}" in own
    assert f"  Your card is {cards[1]}" in others
    assert all(line.startswith("  ") for line in others.splitlines())
    assert "You won" in shown


def test_a_question_is_broken_between_words_on_a_narrow_screen(answers, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    answers("1")
    act_now(registry.make_agent("human").open(Seat(KUHN, "player_0")), first_state(KUHN))
    lines = capsys.readouterr().err.splitlines()
    assert max(map(len, lines)) <= 60
    assert first_state(KUHN).text.split() == " ".join(lines).split()


def test_the_end_is_shown_without_the_environment():
    episode = replace(played(KUHN, "random", "random"), env_id="elsewhere/Game-v0")
    assert set(final_views(episode)) == set(episode.trajectories)


@pytest.mark.parametrize("row", [row for row in registry.envs if row.family == "games"], ids=lambda row: row.name)
def test_every_game_can_be_shown_at_its_end(row):
    episode = played(row.name, *["random"] * row.seats)
    assert set(final_views(episode)) == set(episode.trajectories)


def sparring_process(*words):
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "sparring", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.slow
def test_the_questions_stand_on_stderr_and_json_alone_on_stdout():
    process = sparring_process("play", "KuhnPoker", "--agents", "human,random", "--episodes", "2", "--json")
    out, err = process.communicate("x\n?\n" + "1\n" * 8, timeout=120)
    assert process.returncode == 0, err
    assert json.loads(out)["standings"][0]["agent"] == "human"
    assert len(out.splitlines()) == 1
    for said in ("Your card is", "player_0 (1: check, 2: bet, ? advice)> ", "'x' is not legal here", "cfr plays:"):
        assert said in err
    assert err.count("The game is over. You ") == 2


@pytest.mark.slow
def test_advice_that_takes_long_says_what_is_worked_out_and_ends_at_ctrl_c():
    process = sparring_process("play", "LeducPoker", "--agents", "human,random", "--episodes", "1")
    process.stdin.write("?\n")
    process.stdin.flush()
    said = ""
    while "working out the equilibrium of sparring/LeducPoker-v0 by CFR+: about " not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    process.send_signal(signal.SIGINT)
    asked = time.monotonic()
    out, err = process.communicate(timeout=120)
    assert time.monotonic() - asked < 5  # the whole calculation takes half a minute
    assert (process.returncode, out) == (130, "")
    assert err.endswith("sparring: interrupted\n")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("agents", "game", "said"),
    [
        ("cfr,random", "KuhnPoker", "working out the equilibrium of sparring/KuhnPoker-v0 by CFR+: about 0 s"),
        ("minimax,random", "TicTacToe", "working out the positions of sparring/TicTacToe-v0 for minimax"),
    ],
)
def test_a_solver_that_takes_long_says_so_once(monkeypatch, capsys, agents, game, said):
    for solution in (solvers.equilibrium, solvers.best_actions):
        solution.cache_clear()
    monkeypatch.setattr(solvers, "SILENT_SECONDS", 0.0)
    monkeypatch.setattr(solvers, "SILENT_POSITIONS", 100)
    for _ in range(2):
        assert main(["play", game, "--agents", agents, "--episodes", "2", "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err.count(said) == 1
    assert len(printed.out.splitlines()) == 2


def test_help_lists_what_is_legal_and_asks_again(answers, capsys):
    answers("help", "b")
    assert act_now(registry.make_agent("human").open(Seat(KUHN, "player_0")), first_state(KUHN)).action == "bet"
    assert (
        "the choices are 1: check, 2: bet; a number or a beginning is enough; quit (or Ctrl-D) leaves"
        in capsys.readouterr().err
    )


def test_a_game_whose_actions_are_called_help_and_quit_can_be_played(answers):
    answers("help", "quit")
    seen = replace(first_state(KUHN), legal_actions=("help", "quit"))
    player = registry.make_agent("human").open(Seat(KUHN, "player_0"))
    assert [act_now(player, seen).action for _ in range(2)] == ["help", "quit"]


def test_quit_ends_all_games_and_keeps_those_that_were_over(answers, capsys, tmp_path):
    answers("1", "1", "quit")
    words = ["play", "KuhnPoker", "--agents", "human,constant:bet/fold", "--episodes", "50", "--store"]
    assert main([*words, str(tmp_path / "games")]) == 130
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines()[-1].startswith("sparring: you left the game; the games that were over are in ")
    with Store(tmp_path / "games") as store:
        assert all(row.sound for row in store.rows())


def test_nothing_is_drawn_while_a_person_plays(answers, monkeypatch, capsys):
    monkeypatch.setattr(terminal, "err", Console(stderr=True, force_terminal=True))
    answers(*["1"] * 8)
    assert main(["play", "KuhnPoker", "--agents", "human,constant:bet", "--episodes", "2"]) == 0
    printed = capsys.readouterr()
    assert "playing" not in printed.err
    assert printed.err.count("The game is over. You ") == 2
    assert main(["play", "KuhnPoker", "--agents", "random,constant:bet", "--episodes", "2"]) == 0
    assert "playing" in capsys.readouterr().err
