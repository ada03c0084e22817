"""Training as it is watched: what is drawn at 60, 80 and 100 columns, what stays, and what a file gets."""

import json
import re
import threading
import time

import pytest
from rich.cells import cell_len
from rich.console import Console

from sparring.cli import terminal, training_view
from sparring.cli.app import main
from sparring.cli.training_view import TrainingView, training
from sparring.scoreboard import progress
from sparring.trainers.methods.reinforce import Config, Reinforce
from sparring.trainers.progress import Progress
from sparring.trainers.run import Run

KUHN, LEDUC, FOUR = (f"sparring/{name}-v0" for name in ("KuhnPoker", "LeducPoker", "ConnectFour"))


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self):
        return self.now


def row(update, **figures):
    """A line of metrics, of two seconds."""
    playing = {f"reward/{KUHN}/player_0": -0.31, f"reward/{KUHN}/player_1": 0.31, "illegal_share": 0.015, "turns": 9}
    return {"update": update, **playing, "tokens_per_second": 5772.4, "seconds": 2.0, **figures}


def view_of(*rows, steps=60, clock=None):
    return TrainingView(steps, rows, clock or Clock())


def exact(game, *values):
    return [row(update, **{f"nash_conv/{game}": value}) for update, value in enumerate(values)]


@pytest.mark.parametrize("width", [20, 60, 80, 100])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_no_line_is_wider_than_the_terminal(width, ascii_only):
    games = {f"nash_conv/{KUHN}": 0.5, f"nash_conv/{LEDUC}": 3.25, f"against_uniform/{FOUR}": -0.25}
    rewards = {f"reward/{game}/player_0": 0.5 for game in (LEDUC, FOUR)}
    view = view_of(*(row(update, **games, **rewards) for update in range(40)))
    lines = view.lines(width, ascii_only)
    assert len(lines) == 5
    assert max(map(cell_len, [*lines, view.line(width)])) <= width
    assert not ascii_only or all(line.isascii() for line in lines)


@pytest.mark.parametrize("width", [60, 80, 100])
def test_update_time_gone_and_left_and_the_figure_with_its_best_are_there_at_any_usual_width(width):
    first, second, *_ = view_of(*exact(KUHN, 0.9, 0.4, 0.7)).lines(width)
    assert first.startswith("update 3/60")
    assert first.endswith("0:06 gone, 1:54 left")
    assert second.startswith("KuhnPoker NashConv 0.700  best 0.400 at 1  █▁")


def test_time_goes_on_between_updates_and_what_is_left_is_unknown_before_the_first():
    clock = Clock()
    view = view_of(steps=3, clock=clock)
    clock.now = 65.0
    assert view.lines(80)[0].endswith("1:05 gone")
    view.add(row(0))
    assert view.left() == 4.0
    clock.now = 66.0
    assert (view.gone(), view.left()) == (3.0, 3.0)


def test_a_game_that_cannot_be_solved_shows_its_reward_against_uniform_play():
    view = view_of(row(0, **{f"against_uniform/{FOUR}": -0.1}), row(10, **{f"against_uniform/{FOUR}": 0.4}), row(11))
    assert view.lines(80)[1].startswith("ConnectFour vs uniform +0.400  best +0.400 at 10")


def test_the_names_of_games_stand_where_there_are_several():
    both = {f"nash_conv/{KUHN}": 0.5, f"nash_conv/{LEDUC}": 3.0}
    view = view_of(row(0, **both, **{f"reward/{LEDUC}/player_0": 0.5}))
    for text in ("KuhnPoker NashConv 0.500", "LeducPoker NashConv 3.000", "KuhnPoker first seat -0.31"):
        assert text in view.line()
    assert "KuhnPoker" not in view_of(*exact(KUHN, 0.5)).line()


def test_of_one_seat_it_is_the_reward_and_an_update_without_games_shows_those_before_it():
    lake = {"reward/gym:FrozenLake-v1/player_0": 0.25, "illegal_share": 0.0, "turns": 9, "tokens_per_second": 50.0}
    fitted = {"update": 1, "illegal_share": 0.0, "turns": 0, "tokens_per_second": 0.0}
    view = view_of({"update": 0, **lake}, fitted)
    assert (view.line(), view.lines(80)[1]) == ("update 1/60", "reward +0.25  illegal 0.0 %  50 tok/s")


def test_a_part_is_named_and_so_is_the_game_that_it_plays():
    played = {
        "reward/sparring/Critique-v0/player_0": 0.875,
        "illegal_share": 0.0,
        "turns": 8,
        "tokens_per_second": 50.0,
    }
    view = view_of({"update": 5, "part": "critique", **played}, steps=10)
    assert view.line() == "update 5/10  critique  Critique reward +0.88  illegal 0.0 %  50 tok/s"
    assert view.lines(80)[1] == "critique  Critique reward +0.88  illegal 0.0 %  50 tok/s"
    view.add({"update": 6, "part": "fit", "samples": 4.0})
    assert view.line() == "update 6/10  fit"


def test_about_twenty_lines_of_a_run_stay_the_first_and_the_last_among_them():
    view, stayed = view_of(steps=70), []
    for update in range(71):
        view.add(row(update))
        stayed += [update] if view.stays() else []
    assert (stayed[0], stayed[-1]) == (0, 70)
    assert 15 <= len(stayed) <= 22
    short = view_of(steps=3)
    for update in range(4):
        short.add(row(update))
        assert short.stays()


def test_what_is_not_finite_or_not_measured_leaves_no_gap():
    view = view_of({"update": 0, f"nash_conv/{KUHN}": None, "seconds": None})
    assert [line.split()[0] for line in view.lines(80)] == ["update"]
    assert view.line() == "update 0/60"


def test_a_terminal_keeps_the_lines_that_stay_above_those_that_are_redrawn(monkeypatch, capsys):
    monkeypatch.setattr(terminal, "err", Console(stderr=True, width=60, force_terminal=True, color_system=None))
    with training(100) as show:
        for line in exact(KUHN, *[1.0] * 7):
            show(line)
    shown = capsys.readouterr().err
    assert "update 0/100  NashConv 1.000" in shown
    assert "update 5/100  NashConv 1.000" in shown
    assert "update 4/100  NashConv" not in shown
    assert "update 7/100" in shown


def test_a_file_gets_every_update_as_one_line_and_a_script_gets_json(capsys):
    rows = exact(KUHN, *[1.0] * 7)
    with training(100) as show:
        for line in rows:
            show(line)
    assert [line.split("  ")[0] for line in capsys.readouterr().err.splitlines()] == [
        f"update {n}/100" for n in range(7)
    ]
    with training(100, quiet=True) as show:
        show(rows[0])
    assert json.loads(capsys.readouterr().out) == rows[0]


def test_a_line_of_a_log_says_how_much_time_is_gone_and_left():
    clock = Clock()
    view = view_of(*exact(KUHN, 0.9, 0.4), steps=32, clock=clock)
    assert view.log_line().endswith("tok/s  0:04 gone, 1:00 left")
    clock.now = 61.0
    view.add({"update": 32, "seconds": 70.0})
    assert view.log_line() == "update 32/32  1:14 gone"


def test_what_is_written_into_a_log_has_the_time(capsys):
    with training(100) as show:
        show(exact(KUHN, 1.0)[0])
    assert re.search(r"tok/s  0:02 gone, 3:1[78] left$", capsys.readouterr().err.rstrip())


def test_a_resumed_run_goes_on_with_its_earlier_best():
    view = TrainingView(9, exact(KUHN, 0.9, 0.2), Clock())
    view.add(row(2, **{f"nash_conv/{KUHN}": 0.5}))
    assert "NashConv 0.500 (best 0.200)" in view.line()


def test_a_long_run_is_held_by_its_figures_and_worked_out_once_an_update(monkeypatch):
    asked = []
    monkeypatch.setattr(training_view, "figures", lambda rows: asked.append(len(rows)) or progress.figures(rows))
    rows = [
        {"update": at, "seconds": 0.5, "illegal_share": 0.25, "turns": 2, "tokens_per_second": 9.0,
         "nash_conv/sparring/KuhnPoker-v0": 1 - at / 4000, "probe/g vs r": 0.5, "probe_low/g vs r": 0.25,
         "probe_high/g vs r": 0.75, **{f"other/{number}": 1.0 for number in range(40)}}
        for at in range(2000)
    ]  # fmt: skip
    view = training_view.TrainingView(4000, rows[:1000], clock=lambda: 0.0)
    for row in rows[1000:]:
        view.add(row)
    drawn = [view.lines(200) for _ in range(20)]
    assert asked == [2000]
    assert sum(map(len, view.rows)) < 2000 * 7
    assert drawn[0] == drawn[-1]
    assert "NashConv 0.500" in drawn[0][1]
    assert "(+0.25 to +0.75)" in "".join(drawn[0])
    assert "illegal 25.0 %" in drawn[0][-1]
    assert view.gone() == 1000.0
    assert view.line().startswith("update 1999/4000")


def test_a_first_long_update_shows_the_games_that_are_over_and_then_what_is_learnt():
    view = view_of(steps=3)
    view.hear(Progress("playing", 4, 12, "game", turns=140))
    assert re.fullmatch(r"playing 4/12 games  ━{10}╌{20}  140 turns", view.lines(80)[1])
    view.hear(Progress("learning", 1, 1, "pass"))
    assert re.fullmatch("learning 1/1 pass  ━{30}", view.lines(80)[1].rstrip())
    view.add(row(0))
    assert not any("learning" in line for line in view.lines(80))


def test_a_log_gets_a_line_of_a_long_update_and_none_of_a_short_one():
    clock = Clock()
    view = view_of(*exact(KUHN, 0.9), steps=3, clock=clock)
    view.hear(Progress("playing", 3, 12, "game", turns=140))
    clock.now = terminal.EVERY - 1
    assert view.waiting_line() == ""
    clock.now = terminal.EVERY + 1
    assert view.waiting_line() == "update 1/3  playing 3/12 games  140 turns  0:33 gone"


def test_long_work_without_a_terminal_says_now_and_then_how_far_it_is(monkeypatch, capsys):
    monkeypatch.setattr(terminal, "EVERY", 0.02)
    said = ""
    with terminal.progress("indexing", 1200) as advance:
        advance(to=1100)
        while "\n" not in said:
            time.sleep(0.01)
            said += capsys.readouterr().err
    assert re.match(r"indexing: 1,100 of 1,200, 0:0\d gone\n", said)
    capsys.readouterr()
    with terminal.progress("indexing", 1200, quiet=True):
        time.sleep(0.1)
    assert capsys.readouterr().err == ""
    assert not any(thread.name == "telling" for thread in threading.enumerate())


def test_a_run_says_of_each_update_how_many_games_and_passes_are_done(tmp_path):
    heard = []
    config = Config(steps=1, games_per_update=6, evaluation_games=2, evaluate_every=0, device="cpu", max_new_tokens=4)
    assert Run.start(Reinforce, config, tmp_path / "run").run(hear=heard.append)
    playing = [one for one in heard if one.what == "playing"]
    assert [one.done for one in playing] == sorted(one.done for one in playing)
    assert (playing[-1].done, playing[-1].total) == (6, 6)
    assert playing[-1].turns >= 6
    learning = [one for one in heard if one.what == "learning"]
    assert [one.done for one in learning] == list(range(1, learning[-1].total + 1))
    assert {one.what for one in heard} == {"measuring", "playing", "learning"}


def test_training_shows_a_long_update_where_there_is_no_terminal(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(terminal, "EVERY", 0.001)
    words = ["--model", "nano", "--games", "KuhnPoker", "--steps", "1", "--games-per-update", "64"]
    assert main(["train", "reinforce", *words, "--run", str(tmp_path / "run"), "--device", "cpu"]) == 0
    assert re.search(r"update 0/1  (playing|learning|measuring) \d+/\d+ \w+  ", capsys.readouterr().err)
