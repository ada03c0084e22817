"""Re-ReST and SELF: what comes from which attempt, who saw what, and what is learnt from it."""

from dataclasses import replace

import pytest
import torch

from sparring.agents.second_attempts import Earlier, SecondAttempts, actions_of, earlier_of, feedback_of
from sparring.protocols import Seat
from sparring.rollout.loop import Match, act_now, play
from sparring.samples import samples
from sparring.store.store import Store
from sparring.trainers.evolving.quoting import quoted
from sparring.trainers.methods.re_rest import Config as ReRestConfig
from sparring.trainers.methods.re_rest import ReRest
from sparring.trainers.methods.self_evolution import Config as SelfConfig
from sparring.trainers.methods.self_evolution import SelfEvolution
from sparring.trainers.run import Run
from sparring.types import Observation

torch.set_num_threads(1)
SUMS, ADVENTURE = "sparring/Critique-v0", "sparring/Adventure-v0:difficulty=1:max_turns=6"
QUIET = {"evaluation_games": 0, "probe_every": 0, "device": "cpu", "learning_rate": 1e-3, "checkpoint_every": 1}
SMALL = {"games": (SUMS,), "games_per_update": 12, "attempts": 3, "fit_updates": 1, "fit_batch": 4, "seed": 7, **QUIET}


def prompts_of(model, trajectory):
    return [
        model.decode([t for call in sample.calls for s in call.segments if s.kind == "prompt" for t in s.token_ids])
        for sample in samples(trajectory)
    ]


@pytest.fixture(scope="module")
def reflected(tmp_path_factory):
    path, rows = tmp_path_factory.mktemp("runs") / "re-rest", []
    run = Run.start(ReRest, ReRestConfig(steps=5, **{**SMALL, "attempts": 1, "games_per_update": 30}), path)
    run.run(rows.append)
    return run, rows


@pytest.fixture(scope="module")
def evolved(tmp_path_factory):
    path, rows = tmp_path_factory.mktemp("runs") / "self", []
    run = Run.start(SelfEvolution, SelfConfig(steps=13, **SMALL), path)
    run.run(rows.append)
    return run, rows


def opened(run):
    run.store = Store(run.folder.episodes)
    return run.method


def test_a_reflection_is_the_failed_task_again_and_names_the_failed_attempt(reflected):
    run, _ = reflected
    with Store(run.folder.episodes) as store:
        links = store.links("reflection_of")
        assert links
        for link in links:
            failed = store.get(link.parent.rpartition("/")[0])
            again = store.get(link.child.rpartition("/")[0])
            assert failed.trajectories["player_0"].reward < 1.0
            assert (again.seed, again.task, again.env_kwargs) == (failed.seed, failed.task, failed.env_kwargs)
            assert again.sample != failed.sample


def test_the_reflector_reads_the_attempt_and_the_feedback_and_the_agent_learns_the_answer_to_the_plain_task(reflected):
    run, _ = reflected
    method = opened(run)
    stage = method.stage(method.update_of(0, "fit"))
    repaired = [row for row in method.select(stage) if row.retold]
    assert repaired, "the seed of this test gives some"
    for row in repaired:
        (seen,) = prompts_of(run.model, row.trajectory)
        assert "You tried this before." in seen
        assert "What came of it: The verdict is" in seen
        told, said = method.retelling.retold(row.episode, "player_0")
        assert said == [1.0]
        (plain,) = prompts_of(run.model, told)
        assert "tried this before" not in plain
        assert seen.endswith(plain.partition("A task:")[2])


def test_the_reflector_learns_its_own_corrections_in_its_own_tokens(reflected):
    run, _ = reflected
    method = opened(run)
    for row in method.select(method.stage(method.update_of(0, "fit-reflector"))):
        assert row.trajectory.reward >= 1.0
        assert not row.retold
        assert row.trajectory.parents[0][0] == "reflection_of"


def test_a_correction_that_repeats_the_failed_answer_is_counted_and_is_none(reflected):
    run, rows = reflected
    method = opened(run)
    failed, made = method.parents(method.stage(0)), method.attempts(0, "correct")
    repeated = sum(row.actions == failed[row.parent].actions for row in made)
    assert repeated, "the seed of this test gives some"
    assert rows[4]["repeated"] == repeated
    assert all(row.actions != failed[row.parent].actions for row in method.corrections(method.stage(0), "correct"))


def test_the_trained_reflector_is_kept(reflected):
    run, _ = reflected
    assert (run.folder.path / "checkpoints" / "reflector" / "config.json").exists()


def test_the_meta_corpus_holds_true_verdicts_refinements_and_plain_answers(evolved):
    run, _ = evolved
    rows = opened(run).select(run.method.stage(2))
    verdicts = [row for row in rows if row.trajectory.parents[0][0] == "critique_of"]
    refined = [row for row in rows if row.earlier]
    plain = [row for row in rows if row.trajectory.parents[0][0] == "refined_from" and not row.earlier]
    assert verdicts
    assert len(refined) == len(plain) > 0
    attempts = run.method.parents(run.method.stage(0))
    for row in verdicts:
        right = attempts[row.parent].trajectory.reward >= 1.0
        assert row.actions == ("right" if right else "wrong",)
    assert all(row.trajectory.reward == 1.0 and row.retold for row in (*refined, *plain))
    assert all("wrong" in row.earlier.feedback for row in refined)


def test_what_is_kept_is_decided_by_the_models_own_verdict_and_never_by_the_reward(evolved):
    run, rows = evolved
    method = opened(run)
    kept = method._kept(1)
    verdicts = {row.parent: row.actions[0] for row in method.attempts(1, "judge")}
    refined = method.attempts(1, "refine")
    assert {row.trajectory.id for row in kept} == {
        r.trajectory.id for r in refined if verdicts[r.trajectory.id] == "right"
    }
    assert len({row.trajectory.reward for row in refined}) == 2, "the seed of this test gives both"
    fits = [row for row in rows if "kept_right" in row]
    assert fits[0]["kept_right"] == pytest.approx(sum(r.trajectory.reward for r in kept) / len(kept))


def test_a_refiner_reads_what_the_model_said_of_the_attempt(evolved):
    run, _ = evolved
    method = opened(run)
    said = {row.parent: row.actions[0] for row in method.attempts(1, "critique")}
    for row in method.attempts(1, "refine"):
        (seen,) = prompts_of(run.model, row.trajectory)
        assert f"It was judged: {said[row.parent]}." in seen


@pytest.mark.parametrize(("method", "config"), [(ReRest, ReRestConfig), (SelfEvolution, SelfConfig)])
def test_environments_of_several_seats_are_refused(method, config, tmp_path):
    with pytest.raises(ValueError, match=r"needs environments of one seat, sparring/KuhnPoker-v0 has 2"):
        Run.start(method, config(**{**SMALL, "games": ("sparring/KuhnPoker-v0",)}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_teacher_who_cannot_play_and_critiques_that_cannot_be_written_are_refused(tmp_path):
    with pytest.raises(ValueError, match="teacher: agent 'minimax' cannot play"):
        Run.start(SelfEvolution, SelfConfig(teacher="minimax", **SMALL), tmp_path / "run")
    with pytest.raises(ValueError, match="words needs decoding 'free', got decoding 'legal'"):
        Run.start(SelfEvolution, SelfConfig(words=True, **SMALL), tmp_path / "run")


def test_long_attempts_are_quoted_as_far_as_the_context_goes(tmp_path):
    long = {**SMALL, "games": ("sparring/Adventure-v0:difficulty=1",), "games_per_update": 3}
    run, rows = Run.start(SelfEvolution, SelfConfig(steps=3, **long), tmp_path / "run"), []
    assert run.run(rows.append)
    assert rows[2]["samples"] > 0
    assert rows[2]["too_long"] == 0
    shown = [row for row in opened(run).played(0, "show") if row.env_id == SUMS]
    assert any("characters are left out" in episode.env_kwargs["attempt"] for episode in shown), "else nothing is long"


def test_what_a_short_attempt_says_is_quoted_whole(tmp_path):
    run = Run.start(SelfEvolution, SelfConfig(**SMALL), tmp_path / "run")
    assert quoted(run, ("What is 2 + 2?", "y" * 900)) == ["What is 2 + 2?", "y" * 900]
    long = quoted(run, ("x" * 3000, "y" * 3000))
    assert max(len(run.model.encode(text)) for text in long) <= run.model.context // 4
    assert all("characters are left out" in text for text in long)
    free = Run.start(SelfEvolution, SelfConfig(decoding="free", max_new_tokens=1000, **SMALL), tmp_path / "free")
    shorter = quoted(free, ("x" * 3000, "y" * 3000))
    assert sum(len(free.model.encode(text)) for text in shorter) <= (free.model.context - 1000) // 2


@pytest.mark.parametrize("decoding", ["legal", "free"])
@pytest.mark.parametrize(("length", "told"), [(300, "whole"), (1_500, "cut"), (2_000, "not at all")])
def test_a_second_attempt_is_shown_as_much_of_the_first_as_the_context_leaves(length, told, decoding, tmp_path):
    run = Run.start(ReRest, ReRestConfig(**{**SMALL, "decoding": decoding, "max_new_tokens": 8}), tmp_path / "run")
    earlier = Earlier("You answered: x" * 60, "It was wrong.")
    player = SecondAttempts(run.player, {"a": earlier}).open(Seat(ADVENTURE, "player_0", "a"))
    reply = act_now(player, Observation(("o" * length,), ("go east", "go west")))
    (prompt,) = [s.token_ids for c in reply.calls for s in c.segments if s.kind == "prompt"]
    seen = run.model.decode(prompt)
    assert "o" * length in seen
    assert (earlier.text in seen) == (told == "whole")
    assert ("characters are left out" in seen) == (told == "cut")
    assert ("Try again, and do better." in seen) == (told != "not at all")


def test_an_attempt_of_any_length_is_told_in_a_bounded_text():
    (episode,) = play([Match("a", ADVENTURE, {"player_0": "random"}, 1)])
    trajectory = episode.trajectories["player_0"]
    long = replace(
        trajectory, turns=tuple(replace(turn, action=turn.action * 10_000) for turn in trajectory.turns) * 20
    )
    assert actions_of(trajectory).count("You answered:") == 6
    assert f"Reward: {trajectory.reward:g}." in feedback_of(trajectory)
    assert len(earlier_of(long).text) < 1_400
    assert "[...]" in earlier_of(long).text


@pytest.mark.parametrize("kind", ["choose", "chat"])
def test_a_player_who_remembers_is_told_once_and_one_who_does_not_at_every_turn(kind, tmp_path):
    config = ReRestConfig(**{**SMALL, "agent": kind})
    run = Run.start(ReRest, config, tmp_path / "run")
    agent = SecondAttempts(run.player, {"a": Earlier("You answered: x", "It was wrong.")})
    player, prompts = agent.open(Seat(ADVENTURE, "player_0", "a")), []
    for turn in range(3):
        reply = act_now(player, Observation((f"Room {turn}.",), ("go east", "go west"), turn=turn))
        prompts += [run.model.decode(s.token_ids) for c in reply.calls for s in c.segments if s.kind == "prompt"]
    assert ["You tried this before" in prompt for prompt in prompts] == [True, kind == "choose", kind == "choose"]
    other = act_now(agent.open(Seat(ADVENTURE, "player_0", "b")), Observation(("Room.",), ("go east", "go west")))
    assert "You tried this before" not in run.model.decode(other.calls[0].segments[0].token_ids)
