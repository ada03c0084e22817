"""`sparring compare-methods`: equal tokens, the same held-out tasks for everybody, stopped and taken up again."""

import json
from dataclasses import replace

import pytest
import torch

from sparring.cli.app import main
from sparring.registry import UnknownName
from sparring.scoreboard.methods import read_results
from sparring.store.run_files import RunError, metrics_of
from sparring.store.store import Store
from sparring.trainers.comparing.arms import ARMS
from sparring.trainers.comparing.comparison import Comparison, Stopped
from sparring.trainers.comparing.settings import Settings

torch.set_num_threads(1)
SMALL = Settings(
    env="sparring/Critique-v0", budget=100, seeds=2, held_out=6, games_per_update=8, attempts=2, fit_updates=1,
    fit_batch=4, device="cpu", methods=("agent-evol", "grpo"),
)  # fmt: skip


def hear(what, share):
    assert 0 <= share <= 1


def never():
    return False


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("comparisons") / "whole"
    return path, Comparison.start(SMALL, path).run(hear, never)


def root_of(path):
    with Store(path / "episodes") as store:
        return store.root()


def test_everybody_meets_the_same_held_out_tasks_and_no_method_trains_on_one(whole):
    path, found = whole
    with Store(path / "episodes") as store:
        met = {}
        for episode in store:
            assert episode.env_kwargs == {"split": "held_out"}
            (trajectory,) = episode.trajectories.values()
            met.setdefault(trajectory.agent, set()).add(
                (episode.seed, episode.sample, trajectory.turns[0].observation.text)
            )
    assert set(met) == {"base", "agent-evol", "grpo"}
    assert met["base"] == met["agent-evol"] == met["grpo"]
    assert len({seed for seed, _, _ in met["base"]}) == SMALL.held_out
    for arm in ("agent-evol", "grpo"):
        with Store(path / arm / "seed-0" / "episodes") as store:
            assert all(episode.env_kwargs.get("split") != "held_out" for episode in store)
    assert [row.name for row in found.rows] == ["base", "agent-evol", "grpo"]


def test_every_method_ends_with_the_round_in_which_its_tokens_are_spent(whole):
    path, found = whole
    for row in found.rows[1:]:
        for seed in range(SMALL.seeds):
            spent = [
                line["tokens_so_far"]
                for line in metrics_of(path / row.name / f"seed-{seed}")
                if "tokens_so_far" in line
            ]
            assert spent[-1] >= SMALL.budget
            assert spent[-2:-1] == [] or spent[-2] < SMALL.budget
    assert found.rows[0].spent == 0


def test_a_comparison_that_was_stopped_goes_on_to_the_same_end(whole, tmp_path):
    path, found = whole
    for stop in (1, 4, 9):
        again, asked = tmp_path / str(stop), iter(range(10**6))
        with pytest.raises(Stopped):
            Comparison.start(SMALL, again).run(hear, lambda asked=asked, stop=stop: next(asked) >= stop)
        results = Comparison.resume(again).run(hear, never)
        assert root_of(again) == root_of(path)
        assert [replace(row, spent=0) for row in results.rows] == [replace(row, spent=0) for row in found.rows]


def test_a_finished_one_is_not_done_again(whole):
    path, found = whole
    before = root_of(path)
    assert Comparison.resume(path).run(hear, never).rows == found.rows
    assert root_of(path) == before


def test_all_methods_that_are_known_can_be_started(tmp_path):
    comparison = Comparison(replace(SMALL, methods=tuple(ARMS)), tmp_path / "x")
    assert comparison.arms == list(ARMS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"methods": ("base",)}, "methods must name one beside base"),
        ({"games_per_update": 7}, "games_per_update must be a multiple of attempts, 2, got 7"),
        ({"budget": 0}, "budget must be >= 1, got 0"),
    ],
)
def test_settings_that_cannot_work_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **changes)


def test_a_method_that_is_not_in_the_table_is_compared_by_its_name(tmp_path):
    with pytest.raises(UnknownName, match="unknown method 're-rset'; did you mean 're-rest'"):
        replace(SMALL, methods=("re-rset",))
    settings = replace(SMALL, methods=("imitate", "grpo"))
    with pytest.raises(ValueError, match="imitate cannot be compared here; leave it out: --methods grpo"):
        Comparison.start(settings, tmp_path / "no")
    comparison = Comparison.start(replace(SMALL, methods=("reinforce",)), tmp_path / "own")
    assert comparison.arms == ["base", "reinforce"]
    assert comparison.config("reinforce", 0).token_budget == SMALL.budget


def test_an_environment_of_two_seats_is_refused_and_nothing_is_made(tmp_path):
    with pytest.raises(ValueError, match="env must have one seat, sparring/KuhnPoker-v0 has 2"):
        Comparison.start(replace(SMALL, env="sparring/KuhnPoker-v0"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_folder_with_something_in_it_and_one_without_a_comparison_are_refused(whole, tmp_path):
    with pytest.raises(RunError, match="already exists; continue with --resume"):
        Comparison.start(SMALL, whole[0])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(RunError, match="is no comparison of ours"):
        Comparison.start(SMALL, tmp_path / "full")
    with pytest.raises(RunError, match=r"holds no comparison.json: leave out --resume"):
        Comparison.resume(tmp_path / "full")


def test_the_command_shows_the_table_and_the_page_the_section(whole, tmp_path, capsys):
    path, found = whole
    assert main(["compare-methods", "--run", str(path), "--resume"]) == 0
    out = capsys.readouterr().out
    for word in ("method", "solved", "over base", "agent-evol", "Direction of effect:", "Next: sparring report"):
        assert word in out
    assert main(["report", str(path), "-o", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text()
    assert "Which method makes the model better?" in page
    assert found.verdict in page
    capsys.readouterr()
    assert main(["compare-methods", "--run", str(path), "--resume", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["name"] == "base"
    assert read_results(path).rows == found.rows or list(read_results(path).rows) == list(found.rows)


def test_a_short_name_and_a_budget_like_2e2_are_understood(tmp_path, capsys):
    words = "--env Critique --budget 2e1 --seeds 1 --held-out 2 --games-per-update 4 --attempts 2 --fit-updates 1"
    words = [*words.split(), "--methods", "grpo", "--device", "cpu"]
    assert main(["compare-methods", *words, "--run", str(tmp_path / "run")]) == 0
    assert json.loads((tmp_path / "run" / "comparison.json").read_text())["settings"]["env"] == "sparring/Critique-v0"
