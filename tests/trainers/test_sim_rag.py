"""SIM-RAG's training: what practice says, what is refused, that a stopped run goes on, and that the critic plays."""

from __future__ import annotations

import json
import re
import signal
import threading
from dataclasses import replace

import numpy as np
import pytest

from sparring import Match, play, registry
from sparring.agents.retrieval.critic import critics
from sparring.cli.app import main
from sparring.cli.sim_rag import show
from sparring.scoreboard import critic_results
from sparring.scoreboard.critic_results import _compared
from sparring.scoreboard.report.charts import WIDE
from sparring.scoreboard.report.critic import reliability_diagram
from sparring.scoreboard.stats import Estimate, wilson
from sparring.scoreboard.verdicts import ReliabilityBin, oracle, stopping
from sparring.scoreboard.verify import verify
from sparring.store.store import Store
from sparring.trainers.batch import signals_of
from sparring.trainers.methods.sim_rag import ENV, SimRagTraining, Stopped, notes_of
from sparring.trainers.sim_rag.practice import paths_of, searches_of
from sparring.trainers.sim_rag.settings import Config

SMALL = Config(world="fiction:size=2000", questions=60, test_questions=40, max_rounds=3, device="cpu")


def practised(count=6, agent="searcher:skill=0.7:rounds=3", **options):
    kwargs = {**SMALL.env_kwargs("train"), **options}
    return play([Match(f"m/{seed}", ENV, {"player_0": agent}, seed, kwargs) for seed in range(count)])


def untimed(results):
    return replace(results, seconds=0.0)


def test_a_decision_point_holds_what_the_searcher_had_read_and_what_the_environment_knew():
    episodes = practised()
    searches = searches_of(episodes, 3, has_reader=False)
    assert len(searches) == len(episodes)
    for search, episode in zip(searches, episodes, strict=True):
        turns = episode.trajectories["player_0"].turns
        assert [point.exact for point in search.points] == [turn.hidden["sufficient"] for turn in turns]
        for number, (point, turn) in enumerate(zip(search.points, turns, strict=True)):
            assert len(point.case.rounds) == number
            shown = [(one["title"], one["text"]) for one in turn.observation.info["passages"]]
            assert (list(point.case.rounds[-1].passages) if number else []) == shown
            assert point.case.question == turns[0].observation.info["question"]
        assert [one.exact for one in search.points] == sorted(one.exact for one in search.points), "never unlearnt"


def test_searches_that_ended_early_are_left_out():
    assert searches_of(practised(4, "searcher:skill=1.0:rounds=1"), 3, has_reader=False) == []


def test_stopping_by_the_practice_earns_what_the_environment_paid():
    """The arrays' oracle against a searcher that stops when it has enough."""
    searches = searches_of(practised(30), 3, has_reader=False)
    played = practised(30, "searcher:skill=0.7")
    paid = [episode.trajectories["player_0"].reward for episode in played]
    paths = paths_of(searches, "exact")
    assert stopping(paths, oracle(paths), SMALL.round_cost).reward.value == pytest.approx(np.mean(paid))


def test_a_run_leaves_a_critic_that_earns_more_than_any_fixed_number_of_rounds(tmp_path, capsys):
    config = replace(SMALL, questions=200, test_questions=120, max_rounds=4)
    results = SimRagTraining.start(config, tmp_path / "run").run(lambda to: None)
    earned = {rule.name: rule.earned.reward.value for rule in results.rules}
    fixed = next(value for name, value in earned.items() if name.startswith("fixed"))
    assert fixed < earned["critic"] <= earned["oracle"] + 1e-9
    assert results.quality.auroc > 0.95
    assert critic_results.read_results(tmp_path / "run") == results
    with Store(tmp_path / "run" / "episodes") as store:
        assert verify(store).ok
        assert store.count == 320
    critic = tmp_path / "run" / "critic"
    assert critics.load(critic).max_rounds == 4
    spec = f"searcher:skill=0.7:critic={critic}"
    played = practised(20, spec, max_rounds=4, split="held_out")
    assert all(episode.error is None for episode in played)
    assert np.mean([episode.trajectories["player_0"].metrics["rounds"] for episode in played]) < 4
    assert main(["report", str(tmp_path / "run"), "-o", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text()
    assert "When to stop searching" in page
    assert results.verdict in page
    assert main(["runs", str(tmp_path / "run")]) == 0
    assert "finished" in capsys.readouterr().out


def test_a_stopped_run_goes_on_with_what_was_played_and_comes_to_the_same(tmp_path):
    whole = SimRagTraining.start(SMALL, tmp_path / "whole").run(lambda to: None)
    asked = iter([False, True])
    with pytest.raises(Stopped):
        SimRagTraining.start(SMALL, tmp_path / "cut").run(lambda to: None, lambda: next(asked))
    heard = []
    again = SimRagTraining.resume(tmp_path / "cut").run(heard.append)
    assert untimed(again) == untimed(whole)
    assert heard[-1] == 100
    assert heard == sorted(heard)
    assert len(set(heard)) > 30, "what is played now is counted one by one, what was played at once"
    for name in ("critic.json", "critic.npz"):
        assert (tmp_path / "cut/critic" / name).read_bytes() == (tmp_path / "whole/critic" / name).read_bytes()


def test_one_class_cannot_be_learnt_and_the_practice_stays(tmp_path):
    config = replace(SMALL, kinds="unanswerable", questions=20, test_questions=8)
    with pytest.raises(ValueError, match=r"all 64 decision points are labelled not sufficient.*--labels"):
        SimRagTraining.start(config, tmp_path / "run").run(lambda to: None)
    with Store(tmp_path / "run" / "episodes") as store:
        assert store.count == 28


def test_questions_that_are_nowhere_are_refused_before_a_folder_is_made(tmp_path):
    with pytest.raises(ValueError, match="has no question of the kinds chain with 9 hops"):
        SimRagTraining.start(replace(SMALL, hops="9"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_results_say_where_questions_were_asked_again(tmp_path):
    search = searches_of(practised(1), 3, has_reader=False)[0]
    assert list(notes_of([search, search], [search], 0)) == [
        "the practice has 1 different question, which was asked 2 times"
    ]


def test_the_verdict_says_which_of_both_earns_more():
    def said(low, high):
        return _compared(Estimate((low + high) / 2, low, high, 10, 10))

    assert said(0.1, 0.3) == "The critic earns more: +0.200, 95 % interval +0.100 to +0.300."
    assert said(-0.3, -0.1).startswith("The critic earns less: -0.200")
    assert said(-0.1, 0.3).startswith("No difference is shown: +0.100")


def test_where_nothing_can_be_found_giving_up_pays(tmp_path):
    config = replace(SMALL, kinds="chain+unanswerable", questions=200, test_questions=100)
    results = SimRagTraining.start(config, tmp_path / "run").run(lambda to: None)
    earned = {rule.name: rule.earned for rule in results.rules}
    assert results.surrender > 0
    assert earned["critic"].gave_up.value > 0.2
    assert earned["critic"].reward.value > earned["critic at one half"].reward.value


def test_a_model_that_finds_nothing_gives_practice_and_no_critic(tmp_path):
    config = replace(SMALL, questions=20, test_questions=8, max_rounds=2, reader="nano", critic="reading",
                     max_new_tokens=4, hops="1-2")  # fmt: skip
    with pytest.raises(ValueError, match="labelled not sufficient"):
        SimRagTraining.start(config, tmp_path / "run").run(lambda to: None)
    with Store(tmp_path / "run" / "episodes") as store:
        turns = next(iter(store)).trajectories["player_0"].turns
    assert {call.purpose for turn in turns for call in turn.calls} == {"answer", "critic", "query"}


@pytest.mark.slow
def test_smollm2_reads_writes_queries_and_lends_its_states_to_the_critic(tmp_path):
    config = replace(SMALL, questions=20, test_questions=8, max_rounds=1, reader="smollm2", critic="reading",
                     max_new_tokens=12, hops="1", right="contains")  # fmt: skip
    results = SimRagTraining.start(config, tmp_path / "run").run(lambda to: None)
    assert "the reader's own verdict" in {rule.name for rule in results.rules}
    assert set(results.labels) == {"exact", "em", "contains"}
    assert results.quality.auroc > 0.5
    settings = json.loads((tmp_path / "run/critic/critic.json").read_text())
    assert (settings["kind"], settings["model"]) == ("reading", "smollm2")


@pytest.mark.parametrize(
    ("setting", "rule"),
    [
        ({"questions": 3}, "questions must be >= 20, got 3"),
        ({"round_cost": 1.5}, r"round_cost must be in \[0, 1\), got 1.5"),
        ({"kinds": "riddle"}, "kinds must be some of"),
        ({"hops": "x"}, "hops must be"),
        ({"skills": "0.5,good"}, "skills must be probabilities"),
        ({"model": "smollm2"}, "add --critic reading"),
        ({"labels": "guess"}, "labels must be one of"),
    ],
)
def test_settings_that_are_none_are_refused(setting, rule):
    with pytest.raises(ValueError, match=rule):
        replace(SMALL, **setting)


def test_the_command_shows_its_tables_and_refuses_what_is_wrong_before_anything_is_made(tmp_path, capsys):
    run = tmp_path / "run"
    small = ["--world", "fiction:size=2000", "--questions", "60", "--test-questions", "40", "--max-rounds", "3"]
    assert main(["train", "sim-rag", *small, "--kinds", "riddle", "--run", str(run)]) == 2
    assert "kinds must be some of" in capsys.readouterr().err
    assert main(["train", "sim-rag", *small, "--world", "atlantis", "--run", str(run)]) == 2
    assert "atlantis" in capsys.readouterr().err
    assert not run.exists()
    assert main(["train", "sim-rag", *small, "--run", str(run)]) == 0
    shown = capsys.readouterr().out
    assert all(words in shown for words in ("stop rule", "oracle", "AUROC", "Stopping by the critic earns"))
    assert main(["train", "sim-rag", *small, "--run", str(run)]) == 2
    assert "--resume" in capsys.readouterr().err
    assert main(["train", "sim-rag", "--run", str(run), "--resume", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["questions"] == 40
    (run / "critic_results.json").write_text("{}")
    assert main(["report", str(run), "-o", str(tmp_path / "page.html")]) == 2
    assert "critic_results.json is damaged" in capsys.readouterr().err


def columns_of(shown):
    """Heading -> cells, of every table: columns are two blanks apart."""
    tables = [block.splitlines() for block in shown.split("\n\n")]
    rows = [[re.split(" {2,}", line.strip()) for line in table] for table in tables]
    return [{name: [row[place] for row in table[1:] if len(row) > place] for place, name in enumerate(table[0])}
            for table in rows]  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    run = tmp_path_factory.mktemp("sim-rag") / "run"
    return run, SimRagTraining.start(SMALL, run).run(lambda to: None)


def test_the_tables_have_a_column_a_figure_with_the_values_of_the_results(small, capsys):
    run, results = small
    show(results, run, json=False)
    stops, quality, *_ = columns_of(capsys.readouterr().out)
    earned = {rule.name: rule.earned for rule in results.rules}
    assert stops["stop rule"][: len(earned)] == list(earned)
    reward = earned["critic"].reward
    place = list(earned).index("critic")
    assert stops["reward"][place] == f"{reward.value:.3f} ({reward.low:.3f} to {reward.high:.3f})"
    for name, called in (("right", "right"), ("rounds", "rounds"), ("premature", "early"), ("over_search", "over")):
        assert stops[called][place] == f"{getattr(earned['critic'], name).value:.2f}", name
    assert (quality["critic on"][0], quality["points"][0]) == ("these questions", str(results.quality.n))
    low, high = results.quality.null_band
    figures = [quality[name][0] for name in ("AUROC", "Brier", "ECE", "by chance")]
    assert figures == [
        *(f"{one:.3f}" for one in (results.quality.auroc, results.quality.brier, results.quality.calibration_error)),
        f"{low:.3f} to {high:.3f}",
    ]


def test_what_never_happens_is_named_below_the_table(small, capsys):
    run, results = small
    none = Estimate(0.0, 0.0, 0.0, 40, 40)
    rules = [replace(rule, earned=replace(rule.earned, lucky=none, gave_up=none)) for rule in results.rules]
    show(replace(results, rules=rules), run, json=False)
    shown = capsys.readouterr().out
    never = next(line for line in shown.splitlines() if line.startswith("never: "))
    assert {"lucky guesses", "gave up"} <= set(never.removeprefix("never: ").split(", "))
    assert not {"lucky", "gave up"} & set(columns_of(shown)[0])


def test_the_diagram_draws_bins_of_ten_points_and_more_with_their_intervals(small):
    _, results = small
    bins = [ReliabilityBin(said, wilson(hits, of)) for said, hits, of in ((0.1, 1, 9), (0.5, 5, 10), (0.9, 30, 33))]
    chart = reliability_diagram(replace(results, reliability=bins), WIDE)
    drawn, as_said = chart.lines
    assert len(drawn.shapes) == 2, "the bin of nine points is left out"
    assert drawn.whiskers.count("M") >= 2
    assert as_said.dashed
    assert "10 points and more" in chart.title
    assert reliability_diagram(replace(results, reliability=bins[:1]), WIDE).lines[0].label != drawn.label


def test_compare_shows_what_two_critics_earn(small, tmp_path, capsys):
    run, results = small
    other = SimRagTraining.start(replace(SMALL, seed=1), tmp_path / "other").run(lambda to: None)
    assert main(["compare", str(run), str(tmp_path / "other"), "--json"]) == 0
    figures = {one["name"]: one["values"] for one in json.loads(capsys.readouterr().out)["figures"]}
    earned = [next(rule for rule in one.rules if rule.name == "critic") for one in (results, other)]
    assert figures["reward, critic"] == [one.earned.reward.value for one in earned]
    assert figures["AUROC"] == [results.quality.auroc, other.quality.auroc]
    assert figures["reward, oracle"][0] > figures["reward, critic"][0] - 1e-9


def test_ctrl_c_says_what_is_kept_and_how_to_go_on(tmp_path, capsys, monkeypatch):
    run = tmp_path / "run"
    words = ["--world", "fiction:size=2000", "--questions", "60", "--test-questions", "40", "--max-rounds", "3"]
    told = threading.Event()

    def interrupting(self, *arguments):
        if not told.is_set():
            told.set()
            signal.raise_signal(signal.SIGINT)
        return play_batch(self, *arguments)

    play_batch = SimRagTraining._play_batch
    monkeypatch.setattr(SimRagTraining, "_play_batch", interrupting)
    assert main(["train", "sim-rag", *words, "--run", str(run)]) == 130
    first, last = capsys.readouterr().err.splitlines()
    assert first == "sparring: stopping after these searches (Ctrl-C again: at once, without those that are not over)"
    again = f"go on with: sparring train sim-rag --run {run} --resume"
    assert last == f"sparring: stopped; what was played is kept; {again}"
    with Store(run / "episodes") as store:
        assert store.count == 60
    assert main(["train", "sim-rag", "--run", str(run), "--resume", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["questions"] == 40


def test_no_token_of_a_passage_is_trained_on():
    """Retrieved text is what was read: prompt segments. Targets are the tokens that the model wrote, and only these."""
    match = Match("m", ENV, {"player_0": "me"}, 5, {"world": "fiction:size=2000", "max_rounds": 3})
    agent = registry.agents.row("chat").build("nano", max_new_tokens=12)
    agent.trainable = True
    (episode,) = play([match], {"me": agent})
    trajectory = episode.trajectories["player_0"]
    written = [
        token
        for turn in trajectory.turns
        for one in turn.segments
        if one.kind == "generated"
        for token in one.token_ids
    ]
    trained = [signal.tokens[place] for signal in signals_of(trajectory, 1.0) for place in signal.targets]
    assert trained == written
