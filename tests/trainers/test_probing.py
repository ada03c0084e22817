"""Probes: games of the weights under training against named agents, on the way and without a trace in the training."""

import json
from contextlib import suppress
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from sparring.cli.app import main
from sparring.cli.training_view import TrainingView
from sparring.scoreboard.comparison import compare_figures, load_measured
from sparring.scoreboard.cross_table import mean_reward
from sparring.scoreboard.progress import figures, main_figure, probe_keys, shown_interval
from sparring.scoreboard.report.curves import other_curves, probe_curves
from sparring.scoreboard.standings import load_run
from sparring.scoreboard.verify import verify
from sparring.store.store import Store
from sparring.trainers.methods.spiral import Config, Spiral
from sparring.trainers.run import Run
from sparring.trainers.run_folder import read_metrics

torch.set_num_threads(1)
KUHN, TICTACTOE = "sparring/KuhnPoker-v0", "sparring/TicTacToe-v0"
PLAIN = Config(
    games=(KUHN, TICTACTOE),
    steps=5,
    games_per_update=8,
    evaluation_games=2,
    league_every=1,
    checkpoint_every=2,
    learning_rate=1e-2,
    device="cpu",
    probe_every=0,
)
PROBED = replace(PLAIN, probe=("random", "constant:bet/5"), probe_every=2, probe_games=4)
TIMES = {"seconds", "tokens_per_second", "turns_per_second", "memory_gb"}


@pytest.fixture(scope="module")
def probed(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "probed"
    assert Run.start(Spiral, PROBED, path).run()
    return path


def rows_of(run):
    return read_metrics(run / "metrics.jsonl")


def weights_of(run):
    return load_file(max((run / "checkpoints").glob("update-*")) / "weights.safetensors")


def episodes_of(run, prefix=""):
    with Store(run / "episodes") as store:
        return {row.id: row for row in store.rows() if row.id.startswith(prefix)}


def hashes(run, prefix=""):
    return {id: row.hash for id, row in episodes_of(run, prefix).items()}


def measured(run):
    return [{k: v for k, v in row.items() if k not in TIMES} for row in rows_of(run)]


def test_a_run_with_probes_has_the_weights_of_the_run_without_them_to_the_bit(probed, tmp_path):
    Run.start(Spiral, PLAIN, tmp_path / "plain").run()
    plain, with_probes = weights_of(tmp_path / "plain"), weights_of(probed)
    assert all(torch.equal(plain[name], with_probes[name]) for name in plain)
    trained = [
        {id: row.hash for id, row in episodes_of(run, "update-").items()} for run in (tmp_path / "plain", probed)
    ]
    assert trained[0] == trained[1]
    without = [
        {k: v for k, v in row.items() if k not in TIMES and not k.startswith("probe")} for row in rows_of(probed)
    ]
    assert without == [{k: v for k, v in row.items() if k not in TIMES} for row in rows_of(tmp_path / "plain")]


def test_no_game_of_a_probe_is_learnt_from(probed):
    with Store(probed / "episodes") as store:
        probes = [e for e in store if e.id.startswith("probe-")]
        advantages = store.columns("spiral/rae", "advantage")
    trajectories = [t for e in probes for t in e.trajectories.values()]
    assert trajectories
    assert not [t for t in trajectories if t.trainable or t.id in advantages]


def test_every_probe_plays_the_same_deals_from_both_seats_at_both_ends_and_every_so_many_updates(probed):
    deals = {}
    for id, row in episodes_of(probed, "probe-").items():
        (seat,) = [seat for seat, name in row.agents.items() if name.startswith("nano (")]
        deals.setdefault((id.split("/")[0], row.env_id), []).append((row.task, row.seed, seat))
    assert {moment for moment, _ in deals} == {"probe-0", "probe-2", "probe-4", "probe-5"}
    for game in PROBED.games:
        (one, *others) = [sorted(found) for (_, env_id), found in deals.items() if env_id == game]
        assert all(other == one for other in others)
        assert len(set(one)) == 4  # two deals, each from both seats, for either agent
        assert len(one) == 8


def test_the_figure_and_its_interval_are_the_scoreboards_of_the_stored_games(probed):
    with Store(probed / "episodes") as store:
        assert verify(store).ok
    (last,) = [row for row in rows_of(probed) if row["update"] == 5]
    for game in PROBED.games:
        for agent in PROBED.probe:
            rows = episodes_of(probed, f"probe-5/{agent}/{game}/").values()
            own = [next(r for seat, r in row.rewards.items() if row.agents[seat].startswith("nano (")) for row in rows]
            mean = mean_reward(game, own, [row.task for row in rows], [row.env_kwargs for row in rows])
            assert len(own) == 4
            assert [last[key] for key in probe_keys(game, agent)] == [mean.value, mean.low, mean.high]


class PowerCut(BaseException):
    """Nothing is saved."""


def power_cut(now):
    if now:
        raise PowerCut
    return False


@pytest.mark.parametrize("done", [1, 3, 5])
def test_an_interrupted_run_neither_repeats_nor_loses_a_probe(probed, tmp_path, done):
    rows, path = [], tmp_path / "run"
    with suppress(PowerCut):  # after the last update nothing asks any more
        Run.start(Spiral, PROBED, path).run(rows.append, should_stop=lambda: power_cut(len(rows) == done))
    assert Run.resume(Spiral, path).run()
    assert measured(path) == measured(probed)
    assert hashes(path) == hashes(probed)


def test_without_a_name_only_what_cannot_be_solved_is_probed_and_against_random(tmp_path):
    rows = []
    config = replace(PLAIN, steps=1, probe_every=1, probe_games=2)
    Run.start(Spiral, config, tmp_path / "run").run(rows.append)
    found = {key for row in rows for key in row if key.startswith("probe/")}
    assert found == {f"probe/{TICTACTOE} vs random"}


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (
            ["--games", "SimpleNegotiation", "--probe", "random,minimax"],
            "probe: agent 'minimax' cannot play sparring/SimpleNegotiation-v0: ",
        ),
        (["--games", "TicTacToe", "--probe=cfr"], "probe: agent 'cfr' cannot play sparring/TicTacToe-v0: "),
        (["--probe", "randum"], "unknown agent 'randum'; did you mean 'random'"),
        (["--probe", "runs/none"], "'runs/none' is neither an agent nor a run folder"),
        (["--probe", "human"], "probe: a person cannot be asked for games"),
        (["--probe-games", "0"], "probe_games must be >= 1, got 0"),
        (["--probe-every", "-1"], "probe_every must be >= 0, got -1"),
        (["--keep-checkpoints", "0"], "keep_checkpoints must be >= 1, got 0"),
    ],
)
def test_a_probe_that_cannot_be_played_is_refused_in_one_line_before_a_folder_is_made(tmp_path, capsys, words, rule):
    assert main(["train", "spiral", "--run", str(tmp_path / "run"), "--device", "cpu", *words]) == 2
    said = capsys.readouterr().err
    assert rule in said
    assert len(said.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_an_earlier_run_can_be_the_probe(probed, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(probed.parent)
    words = ["--games-per-update", "4", "--evaluation-games", "2", "--device", "cpu", "--steps", "1", "--json"]
    probe = ["--probe", "probed,random", "--probe-games", "2"]
    assert main(["train", "spiral", "--run", str(tmp_path / "second"), *words, *probe]) == 0
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert {f"probe/{KUHN} vs probed", f"probe/{KUHN} vs random"} <= set(first)


# What people see


def line(update, value, agent="minimax", game=TICTACTOE, **more):
    mean, low, high = probe_keys(game, agent)
    return {"update": update, mean: value, low: value - 0.25, high: value + 0.25, "seconds": 1.0, **more}


def test_the_figures_of_a_game_are_its_exact_one_then_its_probes_and_uniform_play_only_without_them():
    rows = [
        {"update": 0, f"against_uniform/{TICTACTOE}": 0.5, f"against_uniform/{KUHN}": 0.5},
        line(0, -0.5) | line(0, 0.25, "runs/first", KUHN) | {f"nash_conv/{KUHN}": 0.75},
        line(1, -0.75),
    ]
    found = [(figure.game, figure.name, figure.last, shown_interval(figure)) for figure in figures(rows)]
    assert found == [
        ("TicTacToe", "vs minimax", -0.75, "(-1.00 to -0.50)"),
        ("KuhnPoker", "NashConv", 0.75, ""),
        ("KuhnPoker", "vs runs/first", 0.25, "(+0.00 to +0.50)"),
    ]
    assert main_figure(rows).name == "NashConv"
    assert [figure.name for figure in figures(rows[:1])] == ["vs uniform", "vs uniform"]


@pytest.mark.parametrize("width", [60, 80, 100])
def test_training_shows_the_probe_with_its_interval_and_the_line_that_stays_has_it_too(width):
    view = TrainingView(20, [line(0, -0.5), line(10, 0.125)])
    assert view.lines(width)[1].startswith("TicTacToe vs minimax +0.125  (-0.12 to +0.38)")
    assert view.line(width) == "update 10/20  vs minimax +0.125 (-0.12 to +0.38)"


def test_runs_say_against_whom_the_figure_is(tmp_path, capsys):
    run = tmp_path / "run"
    run.mkdir()
    settings = {"model": "nano", "games": [TICTACTOE], "steps": 9}
    (run / "config.json").write_text(json.dumps({"format": 3, "method": "spiral", "config": settings}))
    (run / "metrics.jsonl").write_text(json.dumps(line(0, -0.5)) + "\n" + json.dumps(line(5, -0.75)) + "\n")
    assert main(["runs", str(run)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "-0.500 -0.750" in shown
    assert "signed: reward against minimax" in shown
    assert main(["runs", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["interval"] == [-1.0, -0.5]


def test_compare_pairs_the_last_probes_of_two_runs_deal_by_deal(probed, tmp_path):
    Run.start(Spiral, replace(PROBED, magnet=2.0), tmp_path / "other").run()
    runs = [load_measured(probed), load_measured(tmp_path / "other")]
    found = {figure.name: figure for figure in compare_figures(runs)}
    last = found["TicTacToe vs random"]
    assert last.values == tuple(rows_of(run.path)[-1][f"probe/{TICTACTOE} vs random"] for run in runs)
    assert (last.pairs, last.differences[0].clusters) == ("deals", 2)
    best = [max(row.get(f"probe/{TICTACTOE} vs random", -9.0) for row in rows_of(run.path)) for run in runs]
    assert found["TicTacToe vs random, best"].values == tuple(best)


def test_the_page_draws_a_curve_for_every_game_and_a_line_with_intervals_for_every_agent(probed):
    run = load_run(probed)
    charts = probe_curves([run])
    assert [chart.title for chart in charts] == ["Mean chips a game in Kuhn poker", "Mean reward a game in Tic tac toe"]
    for chart in charts:
        assert [one.label for one in chart.lines] == ["against constant:bet/5", "against random"]
        assert [one.whiskers.count("M") for one in chart.lines] == [4, 4]
    assert not [chart for chart in other_curves([run]) if "probe" in chart.title]
    assert probe_curves([run, run])[0].lines[0].label == "probed: against constant:bet/5"
