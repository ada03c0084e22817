"""Run folders in the terminal: `runs`, `compare`, `watch`, and the list of `replay`."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from rich.console import Console

from sparring import registry
from sparring.agents.scripted import ScriptedAgent
from sparring.cli import terminal, watch
from sparring.cli.app import main
from sparring.cli.runs import in_bytes
from sparring.scoreboard.comparison import compare_figures, differing_settings, load_measured
from sparring.scoreboard.matches import head_to_head
from sparring.scoreboard.progress import ASCII_BARS, Figure, figures, main_figure, short_name, sparkline
from sparring.scoreboard.run_summary import summarise
from sparring.store.runs import find_runs, is_live, size_of
from sparring.store.store import Store
from sparring.trainers import run_lock
from sparring.types import Reply

torch.set_num_threads(1)
KUHN, FOUR = "sparring/KuhnPoker-v0", "sparring/ConnectFour-v0"
TINY = ("--steps", "2", "--games-per-update", "16", "--evaluation-games", "8", "--device", "cpu", "--json")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two finished runs, `a` and `b`, that differ in their magnet."""
    folder = tmp_path_factory.mktemp("trained")
    for name, magnet in (("a", "0.5"), ("b", "1.0")):
        assert main(["train", "spiral", "--run", str(folder / name), "--magnet", magnet, *TINY]) == 0
    return folder


@pytest.fixture
def folder(trained, tmp_path):
    return Path(shutil.copytree(trained, tmp_path / "trained", symlinks=True))


@pytest.fixture
def ask(capsys):
    """Runs a request and gives (exit code, stdout, stderr)."""

    def run(*argv):
        capsys.readouterr()
        code = main([str(word) for word in argv])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def write_run(path, steps, rows, games=(KUHN,)):
    """A run folder of settings and metrics alone."""
    path.mkdir(parents=True)
    config = {"model": "nano", "games": list(games), "steps": steps}
    (path / "config.json").write_text(json.dumps({"format": 3, "method": "spiral", "config": config}))
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def nash_rows(*values):
    return [{"update": update, f"nash_conv/{KUHN}": value, "seconds": 1.0} for update, value in enumerate(values)]


# The figure of a run


def test_the_best_nash_conv_is_the_lowest_and_the_best_reward_the_highest():
    rows = [
        {"update": n, f"nash_conv/{KUHN}": a, f"against_uniform/{FOUR}": b} for n, a, b in ((0, 3, -1), (1, 2, 0.5))
    ]
    exact, played = figures(rows)
    assert (exact.best, exact.last, exact.name, exact.game) == ((1, 2.0), 2.0, "NashConv", "KuhnPoker")
    assert (played.best, played.last, played.game) == ((1, 0.5), 0.5, "ConnectFour")


def test_the_earliest_of_equally_good_updates_is_the_best():
    assert Figure(f"nash_conv/{KUHN}", ((0, 2.0), (1, 1.0), (2, 1.0))).best == (1, 1.0)


def test_a_game_that_can_be_solved_has_its_exact_figure_only_and_comes_first():
    row = {"update": 0, f"against_uniform/{FOUR}": 0.0, f"against_uniform/{KUHN}": 0.1, f"nash_conv/{KUHN}": 1.0}
    assert main_figure([row]).key == f"nash_conv/{KUHN}"
    assert [figure.key for figure in figures([row])] == [f"against_uniform/{FOUR}", f"nash_conv/{KUHN}"]


def test_nothing_measured_is_no_figure():
    assert main_figure([]) is None
    assert main_figure([{"update": 0, f"nash_conv/{KUHN}": None}]) is None


def test_a_sparkline_spans_its_values_and_keeps_its_width():
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8) == "▁▂▃▄▅▆▇█"
    assert sparkline(list(range(1000)), 5, "abc") == "aabcc"
    assert sparkline([2.0, 2.0], 9) == "▁▁"
    assert sparkline([], 9) == sparkline([1.0], 0) == ""
    assert sparkline([1, 2], 4, ASCII_BARS).isascii()


def test_an_id_is_shown_as_people_type_it():
    assert [short_name(name) for name in (KUHN, "other/Game-v1", "plain")] == ["KuhnPoker", "other/Game", "plain"]


# State


def test_a_run_is_running_while_a_process_holds_its_lock_and_finished_after_its_last_line(tmp_path):
    run = write_run(tmp_path / "run", 2, nash_rows(2.0, 1.0))
    assert (summarise(run).state, summarise(run).done) == ("interrupted", 2)
    run_lock.acquire(run)
    try:
        assert is_live(run)
        assert summarise(run).state == "running"
    finally:
        run_lock.release(run)
    assert not is_live(run)
    with (run / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"update": 2}) + "\n")
    assert (summarise(run).state, summarise(run).done) == ("finished", 2)


def test_a_run_that_was_killed_is_interrupted_although_its_lock_names_a_process(tmp_path):
    run = write_run(tmp_path / "run", 9, nash_rows(2.0))
    code = f"from sparring.trainers import run_lock; from pathlib import Path; run_lock.acquire(Path({str(run)!r}))"
    subprocess.run([sys.executable, "-P", "-c", code + "; import os; os._exit(9)"], check=False)
    assert (run / ".lock").read_text()
    assert summarise(run).state == "interrupted"


def test_looking_at_a_lock_leaves_it_to_its_owner(tmp_path):
    run = write_run(tmp_path / "run", 2, [])
    run_lock.acquire(run)
    before = (run / ".lock").read_bytes()
    assert is_live(run)
    run_lock.acquire(run)
    assert (run / ".lock").read_bytes() == before
    run_lock.release(run)


# runs


def test_runs_are_found_at_any_depth_and_links_and_hidden_folders_are_left_out(tmp_path):
    deep = write_run(tmp_path / "x" / "y" / "deep", 1, [])
    write_run(tmp_path / ".hidden", 1, [])
    (tmp_path / "link").symlink_to(deep)
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "config.json").write_text("{}")
    assert find_runs(tmp_path) == [deep]
    assert find_runs(deep) == [deep]


def test_runs_tells_state_updates_and_best_and_last_figure(folder, ask):
    code, out, _ = ask("runs", folder, "--json")
    first, second = json.loads(out)
    assert code == 0
    assert [first["run"], second["run"]] == [str(folder / "a"), str(folder / "b")]
    assert (first["state"], first["model"], first["games"]) == ("finished", "nano", [KUHN])
    assert (first["updates"], first["steps"], first["figure"]) == (2, 2, f"nash_conv/{KUHN}")
    values = [json.loads(line)[f"nash_conv/{KUHN}"] for line in (folder / "a" / "metrics.jsonl").open()]
    assert (first["best"], first["last"]) == (min(values), values[-1])
    assert first["bytes"] == size_of(folder / "a") > 1000
    code, out, _ = ask("runs", folder)
    assert code == 0
    assert f"{min(values):.3f}" in out


def test_a_damaged_run_is_named_and_hides_no_other(tmp_path, ask):
    write_run(tmp_path / "good", 1, nash_rows(1.0))
    bad = write_run(tmp_path / "bad", 1, [])
    (bad / "config.json").write_text("{")
    code, out, err = ask("runs", tmp_path)
    assert code == 0
    assert "damaged" in out
    assert "good" in out
    assert f"{bad / 'config.json'} is damaged" in " ".join(err.split())


def test_runs_without_a_run_says_how_to_make_one_and_without_a_folder_names_it(tmp_path, ask):
    code, _, err = ask("runs", tmp_path)
    assert (code, "there is no run folder below" in err, "sparring train" in err) == (1, True, True)
    code, _, err = ask("runs", tmp_path / "nowhere")
    assert (code, f"there is no folder {tmp_path / 'nowhere'}" in err) == (2, True)


def test_runs_looks_below_runs_where_there_is_such_a_folder_and_else_here(tmp_path, ask, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "elsewhere", 1, [])
    assert [row["run"] for row in json.loads(ask("runs", "--json")[1])] == ["elsewhere"]
    write_run(tmp_path / "runs" / "mine", 1, [])
    assert [row["run"] for row in json.loads(ask("runs", "--json")[1])] == ["runs/mine"]


def test_a_size_counts_a_file_of_two_names_once(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * 500)
    os.link(tmp_path / "file", tmp_path / "again")
    (tmp_path / "link").symlink_to("file")
    assert size_of(tmp_path) - (tmp_path / "link").lstat().st_size == 500
    assert [in_bytes(size) for size in (0, 999, 1500, 123e6, 4.1e9)] == ["0 B", "999 B", "1.5 kB", "123 MB", "4.1 GB"]


def test_a_table_that_a_program_reads_has_one_line_a_row(tmp_path, ask):
    run = write_run(tmp_path / ("long " * 30).strip() / "name", 1, nash_rows(1.0))
    _, out, _ = ask("runs", tmp_path)
    assert any(str(run) in line and "1.000" in line for line in out.splitlines())


def test_the_tables_fit_into_80_columns(tmp_path, monkeypatch, ask):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "runs" / "first", 60, nash_rows(1.0))
    write_run(tmp_path / "runs" / "four", 60, [{"update": 0, f"against_uniform/{FOUR}": 0.5}], (FOUR, KUHN))
    monkeypatch.setattr(terminal, "out", Console(width=80, force_terminal=True, color_system=None))
    _, out, _ = ask("runs")
    assert len(out.splitlines()) == 4, out


# compare


def test_compare_shows_only_the_settings_that_differ(folder, ask):
    runs = [load_measured(folder / name) for name in "ab"]
    assert differing_settings(runs) == {"magnet": (0.5, 1.0)}
    code, out, _ = ask("compare", folder / "a", folder / "b")
    assert code == 0
    assert "magnet" in out
    assert "momentum" not in out


def test_a_difference_is_paired_over_shared_updates_and_over_shared_deals(folder):
    runs = [load_measured(folder / name) for name in "ab"]
    found = {figure.name: figure for figure in compare_figures(runs)}
    curves = [run.by_update["NashConv KuhnPoker"] for run in runs]
    (difference,) = found["NashConv KuhnPoker, mean of updates"].differences
    assert difference.clusters == 3
    assert difference.value == pytest.approx(sum(curves[1][n] - curves[0][n] for n in range(3)) / 3)
    (deals,) = found["KuhnPoker against uniform"].differences
    assert deals.clusters == 4  # 8 games, every deal in both seats
    means = found["KuhnPoker against uniform"].values
    assert deals.value == pytest.approx(means[1] - means[0])


def test_runs_that_share_nothing_say_so(folder, tmp_path, ask):
    other = write_run(tmp_path / "other", 1, [{"update": 0, f"against_uniform/{FOUR}": 0.5}], (FOUR,))
    code, out, _ = ask("compare", folder / "a", other)
    assert code == 0
    assert "no updates in common" in out
    assert "no deals in common" in out


def test_compare_as_json_has_null_where_nothing_was_measured(folder, tmp_path, ask):
    other = write_run(tmp_path / "other", 2, [])
    _, out, _ = ask("compare", folder / "a", other, "--json")
    found = json.loads(out)
    assert found["runs"] == [str(folder / "a"), str(other)]
    assert {
        "name": "NashConv KuhnPoker, best",
        "values": [pytest.approx(found["figures"][2]["values"][0]), None],
    }.items() <= (found["figures"][2].items())


def test_the_rewards_of_the_one_seat_that_plays_are_compared(tmp_path):
    lake, duel = "reward/gym:FrozenLake-v1/player_0", f"reward/{KUHN}"
    ours, theirs = (
        write_run(tmp_path / name, 1, [{"update": 0, lake: value, f"{duel}/player_0": 0.1, f"{duel}/player_1": -0.1}])
        for name, value in (("ours", 0.25), ("theirs", 0.5))
    )
    figures = {one.name: one for one in compare_figures([load_measured(ours), load_measured(theirs)])}
    assert figures["gym:FrozenLake reward while learning, last"].values == (0.25, 0.5)
    assert not [name for name in figures if "reward" in name and "FrozenLake" not in name]


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (("a",), "at least two run folders, or stores, got 1"),
        (("a", "nowhere"), "is not a run folder: it has no config.json"),
    ],
)
def test_what_cannot_be_compared_is_refused(folder, ask, monkeypatch, words, rule):
    monkeypatch.chdir(folder)
    code, out, err = ask("compare", *words)
    assert (code, out, rule in " ".join(err.split())) == (2, "", True)


# watch


def test_watch_follows_a_run_line_by_line_until_its_process_is_gone(tmp_path):
    run = write_run(tmp_path / "run", 3, nash_rows(3.0))
    run_lock.acquire(run)
    later = iter([json.dumps(row) + "\n" for row in nash_rows(3.0, 2.0, 1.0)[1:]])

    def pause():
        line = next(later, None)
        if line is None:
            run_lock.release(run)
        else:
            with (run / "metrics.jsonl").open("a") as file:
                file.write(line)

    assert [row["update"] for row in watch.follow(run, pause)] == [0, 1, 2]


def test_watch_of_an_ended_run_shows_it_and_says_how_to_go_on(tmp_path, ask):
    run = write_run(tmp_path / "run", 5, nash_rows(3.0, 2.0))
    code, out, err = ask("watch", run)
    assert code == 0
    assert "update 1/5  NashConv 2.000 (best 2.000)" in err
    assert f"interrupted; go on with: sparring train spiral --run {run} --resume" in " ".join(out.split())
    assert [json.loads(line)["update"] for line in ask("watch", run, "--json")[1].splitlines()] == [0, 1]


def test_ctrl_c_leaves_a_watched_run_alone(tmp_path, ask, monkeypatch):
    run = write_run(tmp_path / "run", 5, nash_rows(3.0))

    def leave(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(watch.time, "sleep", leave)
    run_lock.acquire(run)
    try:
        code, _, err = ask("watch", run)
        assert (code, "update 0/5" in err, is_live(run)) == (130, True, True)
    finally:
        run_lock.release(run)


def test_watch_sees_what_another_thread_trains(tmp_path, ask):
    path = tmp_path / "run"
    training = threading.Thread(target=main, args=(["train", "spiral", "--run", str(path), *TINY],))
    training.start()
    while not (path / "config.json").exists():
        training.join(0.01)
        assert training.is_alive()
    _, out, _ = ask("watch", path, "--json")
    training.join()
    updates = [json.loads(line)["update"] for line in out.splitlines() if line.startswith('{"update"')]
    assert {0, 1, 2} <= set(updates)


# replay without an id


def test_replay_without_an_id_lists_the_last_episodes(folder, ask):
    code, out, _ = ask("replay", folder / "a", "--last", 3, "--json")
    assert code == 0
    assert [row["id"] for row in json.loads(out)] == [f"evaluation-2/{KUHN}/{n}" for n in (5, 6, 7)]
    code, out, _ = ask("replay", folder / "a", "--last", 3)
    assert code == 0
    assert f"evaluation-2/{KUHN}/7" in out
    assert "the last 3 of 48" in out


def test_replay_lists_what_an_agent_lost_to_others(folder, ask):
    _, out, _ = ask("replay", folder / "a", "--lost", "--agent", "nano", "--last", 99, "--json")
    rows = json.loads(out)
    assert rows
    for row in rows:
        (seat,) = [seat for seat, name in row["agents"].items() if name.startswith("nano (")]
        assert row["rewards"][seat] < 0


def test_a_model_is_meant_where_losses_of_nobody_in_particular_are_asked_for(folder, ask):
    named = ask("replay", folder / "a", "--lost", "--agent", "nano", "--json")[1]
    assert ask("replay", folder / "a", "--lost", "--json")[1] == named


class Mistaken(ScriptedAgent):
    """Always answers what is no action."""

    async def act(self, observation):
        return Reply("nonsense")


def test_replay_lists_illegal_actions(tmp_path, ask):
    players = [Mistaken("mistaken"), registry.make_agent("random")]
    with Store(tmp_path / "games", "a") as store:
        head_to_head(KUHN, players, 4, 0, store=store)
        head_to_head(KUHN, players[1:] * 2, 4, 0, store=store)
    _, out, _ = ask("replay", tmp_path / "games", "--illegal", "--json")
    rows = json.loads(out)
    assert len(rows) == 4
    assert all("mistaken" in row["agents"].values() and row["illegal"] == 1 for row in rows)
    assert json.loads(ask("replay", tmp_path / "games", "--illegal", "--agent", "random", "--json")[1]) == []


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (("--agent", "nanno"), "unknown agent 'nanno'; did you mean 'nano'"),
        (("--last", "0"), "last must be >= 1, got 0"),
    ],
)
def test_a_list_that_cannot_be_made_is_refused(folder, ask, words, rule):
    code, out, err = ask("replay", folder / "a", *words)
    assert (code, out, rule in " ".join(err.split())) == (2, "", True)


def test_losses_in_games_without_a_model_need_a_name(tmp_path, ask):
    assert ask("play", "KuhnPoker", "--agents", "cfr,random", "--episodes", 6, "--store", tmp_path / "games")[0] == 0
    code, _, err = ask("replay", tmp_path / "games", "--lost")
    assert (code, "add --agent with one of: cfr, random" in " ".join(err.split())) == (2, True)
    assert ask("replay", tmp_path / "games", "--lost", "--agent", "random")[0] == 0


def test_registered_games_keep_their_short_names_apart():
    names = [short_name(row.name) for row in registry.envs]
    assert len(names) == len(set(names))


def test_a_game_that_cannot_be_solved_is_measured_against_random_play_on_the_way(tmp_path, ask):
    words = ("train", "spiral", "--games", "TicTacToe", "--run", tmp_path / "run", *TINY)
    code, out, _ = ask(*words, "--steps", 3, "--games-per-update", 2, "--evaluation-games", 2, "--probe-every", 2)
    assert code == 0
    measured = [row["update"] for row in map(json.loads, out.splitlines()) if any("probe/" in key for key in row)]
    assert measured == [0, 2, 3]
    found = summarise(tmp_path / "run").figure
    assert [update for update, _ in found.values] == [0, 2, 3]
    with Store(tmp_path / "run" / "episodes") as store:
        assert {row.agents[seat] for row in store.rows() for seat in row.agents if "(" in row.agents[seat]} == {
            "nano (before)",
            "nano (update 2)",
            "nano (update 3)",
        }


def test_the_exact_figure_of_a_solved_game_needs_no_games_on_the_way(trained):
    rows = [json.loads(line) for line in (trained / "a" / "metrics.jsonl").open()]
    assert [row["update"] for row in rows if f"against_uniform/{KUHN}" in row] == [0, 2]
