"""Reflection in stored episodes: pairs by lineage and by drafts, verdicts, agreement, what a solved task costs."""

from __future__ import annotations

import math
from dataclasses import replace

import gymnasium
import pytest

from sparring import registry
from sparring.agents.scripted import ScriptedAgent
from sparring.notes import ReflectionNote
from sparring.rollout.loop import Match, play
from sparring.scoreboard.attempts import is_right, read_attempts
from sparring.scoreboard.reflection import answers_of, latent_answer, reflections
from sparring.store.rows import row_of
from sparring.store.store import Store
from sparring.types import Call, Policy, Reply, Sampling, Segment

SEAT = "player_0"


class Sums(gymnasium.Env):
    """What is seed + seed? The right answer is worth 1; "hint" may be asked for once before."""

    def __init__(self):
        self.action_space = self.observation_space = gymnasium.spaces.Text(10**6)

    def reset(self, *, seed=None, options=None):
        self.right, self.asked = str(2 * seed), False
        return f"What is {seed} + {seed}?", {}

    def step(self, action):
        if action == "hint" and not self.asked:
            self.asked = True
            return "It is even.", 0.0, False, False, {}
        return "", float(action == self.right), True, False, {}


@pytest.fixture(autouse=True)
def sums():
    with registry.envs.temporary(registry.EnvironmentRow("test/Sums-v0", Sums)):
        yield


class Says(ScriptedAgent):
    """Answers what it is told, one reply a turn."""

    def __init__(self, *replies):
        super().__init__("says")
        self.replies = replies

    async def act(self, observation):
        return self.replies[observation.turn]


def attempt(id, seed, *replies, sample=0, parents=()):
    match = Match(id, "test/Sums-v0", {SEAT: SEAT}, seed, sample=sample, parents={SEAT: parents} if parents else {})
    (episode,) = play(
        [match], {SEAT: Says(*(reply if isinstance(reply, Reply) else Reply(reply) for reply in replies))}
    )
    assert episode.error is None
    return episode


def read(*episodes):
    return read_attempts((row_of(episode), episode) for episode in episodes)


def only(*episodes):
    (found,) = reflections(read(*episodes))
    return found


def test_an_attempt_is_held_against_the_earlier_one_that_it_corrects():
    found = only(
        attempt("a", 1, "3"),
        attempt("b", 1, "2", sample=1, parents=(("reflection_of", f"a/{SEAT}"),)),
        attempt("c", 2, "4"),
        attempt("d", 2, "5", sample=1, parents=(("retry_of", f"c/{SEAT}"),)),
    )
    assert (found.correction.cl.value, found.correction.cs.value) == (0, 1)
    assert (found.correction.acc1.value, found.correction.acc2.value) == (0.5, 0.5)
    assert found.correction.acc1.clusters == 2


@pytest.mark.parametrize(("relation", "counted"), [("refined_from", True), ("challenged_by", False)])
def test_only_relations_to_an_earlier_attempt_count(relation, counted):
    found = only(attempt("a", 1, "3"), attempt("b", 1, "2", sample=1, parents=((relation, f"a/{SEAT}"),)))
    assert (found.correction is not None) == counted


def test_what_corrects_an_attempt_that_is_not_there_is_counted_and_left_out():
    found = only(attempt("b", 1, "2", parents=(("retry_of", "gone/player_0"),)))
    assert found.correction is None
    assert found.lost_parents == 1


def drafted(action, *drafts, **notes):
    return Reply(action, notes={"draft": list(drafts), **notes})


def test_drafts_are_graded_by_the_environment_itself():
    found = only(
        attempt("a", 1, drafted("2", "3")),
        attempt("b", 2, drafted("4", "4")),
        attempt("c", 3, drafted("7", "6", "8")),
    )
    assert (found.correction.cl.value, found.correction.cs.value) == (0.5, 1)
    assert found.unknown_drafts == 0


def test_a_draft_after_which_the_episode_goes_on_is_unknown():
    found = only(attempt("a", 1, drafted("2", "hint")), attempt("b", 1, Reply("hint"), drafted("2", "hint"), sample=1))
    assert found.unknown_drafts == 1  # the second hint ends the episode: it is wrong
    assert found.correction.cs.value == 1


def test_drafts_of_earlier_turns_decide_nothing():
    found = only(attempt("a", 1, drafted("hint", "3"), Reply("2")))
    assert found.correction is None


def test_drafts_of_an_environment_that_is_not_here_are_unknown():
    episode = replace(attempt("a", 1, drafted("2", "3")), env_id="test/Gone-v0")
    assert only(episode).unknown_drafts == 1


def test_verdicts_are_held_against_what_the_environment_says():
    found = only(
        attempt("a", 1, drafted("2", "3", verdict="wrong")),
        attempt("b", 2, drafted("4", "4", verdict="right")),
        attempt("c", 3, Reply("9", notes={"verdict": "right"})),
        attempt("d", 4, drafted("8", "9", verdict=["hm", "right"])),
    )
    # wrong answers: a's draft (found), c (missed), d's draft (unreadable: missed); right ones: b, d
    assert found.critique.recall.value == pytest.approx(1 / 3)
    assert found.critique.precision.value == 1
    assert found.critique.f1.value == pytest.approx(2 / (3 + 1))
    assert found.critique.accuracy.value == pytest.approx(3 / 5)


@pytest.mark.parametrize("notes", [{"verdict": 0.7}, {"draft": 3}, {"draft": ["a", 1]}, {"confidence": "high"}, {}])
def test_notes_that_mean_something_else_are_read_as_nothing(notes):
    assert ReflectionNote.from_notes(notes) is None


def test_a_note_comes_back_as_it_was_written():
    note = ReflectionNote(("a", "b"), (False, None, True), 0.25)
    assert ReflectionNote.from_notes(note.to_notes()) == note
    assert ReflectionNote.from_notes({"confidence": 7, "verdict": "Right "}) == ReflectionNote((), (True,), None)


def test_confidence_is_held_against_what_is_right():
    episodes = [attempt(f"e{n}", n, Reply(str(2 * n), notes={"confidence": 0.9})) for n in range(3)]
    episodes.append(attempt("e3", 3, Reply("1", notes={"confidence": 0.1})))
    found = only(*episodes).calibration
    assert found.brier.value == pytest.approx(0.01)
    assert found.auroc.value == 1
    assert found.calibration_error == pytest.approx(0.1)


def call(tokens, logprob=None, temperature=1.0, decoding="legal"):
    segments = (
        Segment("prompt", (1,) * 10),
        Segment("generated", (2,) * tokens, logprob and (logprob,) + (0.0,) * (tokens - 1)),
    )
    return Call(Policy("m"), Sampling(temperature, decoding=decoding), segments)


def test_a_solved_task_costs_the_tokens_of_the_failures_too():
    found = only(attempt("a", 1, Reply("2", (call(5),))), attempt("b", 2, Reply("9", (call(7), call(8)))))
    assert found.written_per_solved.value == 20
    assert found.tokens_per_solved.value == 50


def test_where_nothing_is_solved_the_cost_is_infinite():
    found = only(attempt("a", 1, Reply("1", (call(5),))), attempt("b", 2, Reply("1", (call(6),))))
    assert found.written_per_solved.value == math.inf
    assert only(attempt("a", 1, "1")).written_per_solved is None  # nobody wrote tokens


def test_the_most_probable_answer_is_known_only_where_the_samples_prove_it():
    said = [("2", 0.6), ("3", 0.3), ("2", 0.6)]
    episodes = [attempt(f"e{k}", 1, Reply(text, (call(2, math.log(p)),)), sample=k) for k, (text, p) in enumerate(said)]
    attempts = read(*episodes).attempts
    assert latent_answer(attempts) == "2"
    assert latent_answer(attempts[1:2]) is None  # 0.7 is left for others
    (answers,) = answers_of(attempts)
    assert (answers.sampled, answers.decoded, answers.latent) == (("2", "3", "2"), None, "2")


def test_greedy_answers_are_the_decoded_ones():
    greedy = attempt("g", 1, Reply("5", (call(1, -0.1, 0.0, "free"),)), sample=9)
    others = [attempt(f"e{k}", 1, Reply("5", (call(1, -0.1, decoding="free"),)), sample=k) for k in range(2)]
    found = only(greedy, *others)
    assert found.consistency.decoded_sampled.value == 1
    assert found.consistency.latent_decoded.n == 0


def test_what_broke_off_is_no_attempt():
    sound = attempt("a", 1, "2")
    broken = replace(attempt("b", 2, "4"), status="agent_error", error="gone")
    found = read(sound, broken)
    assert ([one.id for one in found.attempts], found.broken_off) == ([f"a/{SEAT}"], 1)


def test_what_the_environment_says_of_success_comes_before_the_reward():
    episode = attempt("a", 1, "2")
    (trajectory,) = episode.trajectories.values()
    assert is_right(episode, trajectory)
    assert not is_right(episode, replace(trajectory, metrics={"success": 0.0}))
    assert is_right(episode, replace(trajectory, reward=0.2, reward_parts={"payoff": 1.0, "steps": -0.8}))


def test_in_a_game_of_two_a_payoff_above_nothing_is_right():
    (episode,) = play([Match("g", "sparring/TicTacToe-v0", {SEAT: "minimax", "player_1": "random"}, 0)])
    rights = {seat: is_right(episode, one) for seat, one in episode.trajectories.items()}
    assert rights == {seat: one.reward_parts["payoff"] > 0 for seat, one in episode.trajectories.items()}


def test_critiques_that_are_episodes_are_judged_by_what_their_environment_knows(tmp_path):
    asked = [(True, "right"), (True, "wrong"), (False, "wrong"), (False, "wrong"), (False, "right"), (None, "right")]
    with Store(tmp_path / "store", "a") as store:
        store.append(
            play(
                Match(
                    f"{n}",
                    "sparring/Critique-v0",
                    {"player_0": f"constant:{said}"},
                    n,
                    {"task": "t", "attempt": "a", "right": right},
                )
                for n, (right, said) in enumerate(asked)
            )
        )
        found = read_attempts(store.scan())
    judged = [(one.right, one.said_right) for attempt in found.attempts for one in attempt.judged]
    assert judged == [(True, True), (True, False), (False, False), (False, False), (False, True)]
