"""Self-Challenge: which tasks are attempted, what is learnt of them, and from whom it comes."""

import logging
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from sparring import make
from sparring.agents.dictation import answer_of
from sparring.agents.models.dictated import DictatedModel
from sparring.envs.reflection.task_form import WrittenTask, mark_of, read_task
from sparring.rollout.loop import Match, play
from sparring.store.store import Store
from sparring.trainers.methods.self_challenge import Config, SelfChallenge, hidden_of
from sparring.trainers.methods.self_challenge_config import TASK_ENV, WRITER_ENV
from sparring.trainers.run import Run

torch.set_num_threads(1)
QUIET = {"evaluation_games": 0, "probe_every": 0, "device": "cpu", "learning_rate": 1e-3, "checkpoint_every": 1}
SMALL = {
    "games_per_update": 6,
    "attempts": 2,
    "fit_updates": 1,
    "fit_batch": 4,
    "seed": 7,
    "max_new_tokens": 8,
    **QUIET,
}
SAME = WrittenTask("Say four.", "def verify(a):\n    return a == 4", "4", ("3", "5")).text()


class Dictated(DictatedModel):
    """Says what it is told, always under one name: the same after a resume."""

    def told(self, text, action):
        super().told(text, action)
        self.weights_version = "scripted"


class Scripted:
    """The learner, led by what a good or a bad one would say: by the seat's seed, sample and environment."""

    def __init__(self, run):
        self.model = Dictated(run.model)
        self.agent = run.agent(self.model, "scripted", trainable=True)
        self.name, self.policies = self.agent.name, self.agent.policies

    def open(self, seat):
        return ScriptedPlayer(self, seat)


class ScriptedPlayer:
    def __init__(self, owner, seat):
        self.owner, self.seat, self.player = owner, seat, owner.agent.open(seat)

    async def act(self, observation):
        said = self.said()
        self.owner.model.told(answer_of(self.owner.agent, said, None), said)
        return await self.player.act(observation)

    def close(self, last):
        self.player.close(last)

    def said(self):
        seat = self.seat
        (right,) = make(seat.env_id, **seat.env_kwargs).unwrapped.walkthrough(seat.seed)
        if seat.env_id == WRITER_ENV:
            return {0: right, 1: SAME if seat.seed % 2 else "no task"}[seat.sample]
        return "1 / 0" if seat.sample else right


def scripted(config, path, method=SelfChallenge):
    run = Run.start(method, config, path)
    run.player = Scripted(run)
    return run


@pytest.fixture(scope="module")
def challenged(tmp_path_factory):
    path, rows = tmp_path_factory.mktemp("runs") / "self-challenge", []
    run = scripted(Config(steps=6, **SMALL), path)
    assert run.run(rows.append)
    run.store = Store(run.folder.episodes)
    return run, rows


def test_only_tasks_that_were_kept_are_attempted_and_each_attempt_names_its_challenge(challenged):
    run, _ = challenged
    for round in range(2):
        kept = {row.trajectory.id: row for row in run.method.kept(round)}
        tries = run.method.attempts(round, "attempt")
        assert kept
        assert len(tries) == 2 * len(kept)
        assert {row.parent for row in tries} == set(kept)
        for row in tries:
            assert row.trajectory.parents == (("challenged_by", row.parent),)
            assert row.episode.env_id == TASK_ENV
            task = hidden_of(kept[row.parent])["task"]
            assert task["instruction"] in row.trajectory.turns[0].observation.text
            assert task["verify"] not in row.trajectory.turns[0].observation.text
            assert row.episode.task == row.parent
        assert {(row.parent, row.episode.sample) for row in tries} == {(name, n) for name in kept for n in range(2)}


def test_of_equal_tasks_in_a_round_the_first_is_kept_and_one_of_an_earlier_round_is_not_new(challenged):
    run, rows = challenged
    written = [run.method.attempts(round) for round in range(2)]
    same = [[row for row in part if row.actions == (SAME,)] for part in written]
    assert len(same[0]) >= 2, "the seed of this test gives some"
    assert same[1], "the seed of this test gives some"
    assert [row.trajectory.reward for row in same[0]] == [1.0] * len(same[0])
    assert {hidden_of(row)["stopped_by"] for row in same[1]} == {"new"}
    assert sum(row.actions == (SAME,) for row in run.method.kept(0)) == 1
    assert rows[2]["repeated"] >= len(same[0]) - 1
    first = {mark_of(hidden_of(row)["task"]["instruction"]) for row in run.method.kept(0)}
    assert first <= set(written[1][0].episode.env_kwargs["earlier"])


def test_what_is_learnt_is_the_attempts_that_verify_accepts(challenged):
    run, rows = challenged
    selected = run.method.select(run.method.stage(2))
    assert len(selected) == len(run.method.kept(0)) == rows[2]["selected"] == rows[2]["kept"]
    assert all(row.trajectory.reward == 1.0 and row.episode.env_id == TASK_ENV for row in selected)
    assert rows[2]["samples"] == min(4, len(selected))
    assert (rows[2]["unsolved"], rows[2]["solved_always"]) == (0, 0)


def test_the_kept_tasks_are_learnt_too_where_that_is_asked_for(challenged):
    run, _ = challenged
    method = run.method
    method.config = replace(run.config, learn_challenges=True)
    try:
        selected = method.select(method.stage(2))
    finally:
        method.config = run.config
    tasks = [row for row in selected if row.episode.env_id == WRITER_ENV]
    assert [row.trajectory.id for row in tasks] == [row.trajectory.id for row in method.kept(0)]
    assert len(selected) == 2 * len(tasks)
    for row in tasks:
        (signal,) = method._signals_of(row)
        assert read_task(run.model.decode([signal.tokens[place] for place in signal.targets[:-1]]))
        assert read_task(row.actions[0]).instruction == hidden_of(row)["task"]["instruction"]


def test_tasks_that_nobody_or_everybody_solves_are_counted_and_what_stopped_the_others_too(tmp_path):
    rows, config = [], Config(steps=3, **{**SMALL, "seed": 8})
    run = scripted(config, tmp_path / "run")
    run.player.open = lambda seat: Opposite(run.player, seat)
    assert run.run(rows.append)
    assert rows[2]["kept"] == 3
    assert rows[2]["stopped_by/accepts"] == 3
    assert (rows[2]["unsolved"], rows[2]["solved_always"], rows[2]["selected"]) == (2, 1, 1)


class Opposite(ScriptedPlayer):
    """Solves the tasks of one library always, the others never; every second task it writes is wrong."""

    def said(self):
        (right,) = make(self.seat.env_id, **self.seat.env_kwargs).unwrapped.walkthrough(self.seat.seed)
        if self.seat.env_id == WRITER_ENV:
            return right.replace("```solution\n", "```solution\n0 * ") if self.seat.sample else right
        return right if self.seat.task == "update-0/0/player_0" else "None"


def test_a_round_that_keeps_nothing_is_said_with_the_reasons_and_learns_nothing(tmp_path, caplog):
    rows, config = [], Config(steps=3, **SMALL)
    with caplog.at_level(logging.WARNING):
        assert Run.start(SelfChallenge, config, tmp_path / "run").run(rows.append)
    assert "round 0 kept none of 6 tasks; they were stopped by: form 6" in caplog.text
    assert "round 0 selected nothing for fit: nothing is learnt" in caplog.text
    assert (rows[2]["kept"], rows[2]["stopped_by/form"], rows[2]["selected"]) == (0, 6, 0)


def test_a_run_with_kept_tasks_that_was_stopped_has_the_same_episodes_and_weights(challenged, tmp_path):
    whole, _ = challenged
    with Store(whole.folder.episodes) as store:
        root = store.root()
    for stop in (1, 2, 4):
        path = tmp_path / f"stopped-{stop}"
        run = scripted(whole.config, path)
        assert not run.run(should_stop=lambda run=run, stop=stop: run.done == stop)
        resumed = Run.resume(SelfChallenge, path)
        resumed.player = Scripted(resumed)
        assert resumed.run()
        with Store(path / "episodes") as store:
            assert store.root() == root, stop
        for name, value in weights_of(whole.folder.path).items():
            assert torch.equal(value, weights_of(path)[name]), (stop, name)


def weights_of(path):
    return load_file(max((path / "checkpoints").glob("update-*")) / "weights.safetensors")


def test_a_base_set_shows_how_tasks_are_written_and_done(tmp_path):
    with Store(tmp_path / "shown", "a") as store:
        for env_id in (WRITER_ENV, TASK_ENV):
            store.append(play(Match(f"{env_id}/{n}", env_id, {"player_0": "walkthrough"}, n) for n in range(2)))
    rows, config = [], Config(steps=3, source=str(tmp_path / "shown"), expert="walkthrough", **SMALL)
    assert Run.start(SelfChallenge, config, tmp_path / "run").run(rows.append)
    assert rows[2]["selected"] == 4
    run = Run.start(SelfChallenge, config, tmp_path / "other")
    for row in run.method.base.rows():
        (signal,) = run.method._signals_of(row)
        written = run.model.decode([signal.tokens[place] for place in signal.targets])
        assert written.startswith(row.actions[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"games": (TASK_ENV,)}, "games must be sparring/CodeTaskWriter-v0 once, and sparring/CodeTask-v0 or nothing"),
        ({"games": (WRITER_ENV, "sparring/Critique-v0")}, "or nothing else, got .*, sparring/Critique-v0"),
        ({"agent": "choose"}, "agent must be chat or react, which write programs, got choose"),
        ({"attempts": 9, "games_per_update": 18}, "attempts must be <= 8, got 9"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_is_made(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        Run.start(SelfChallenge, Config(**{**SMALL, **options}), tmp_path / "run")
    assert not (tmp_path / "run").exists()
