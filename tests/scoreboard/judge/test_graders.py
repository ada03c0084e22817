"""Each grader passes a sound server, and fails one that is broken in just that."""

import os
import random
import re

import pytest

from sparring.envs.remote.connection import Refused
from sparring.faults import ServerFailed
from sparring.scoreboard.judge import judge
from sparring.scoreboard.judge.trial import first_path

URL = "http://here"


def graded(client, **options):
    """The report, and by name what was seen of the grades that are not PASS."""
    report = judge(client, URL, **{"episodes": 12, **options})
    return report, {grade.name: grade.saw for grade in report.grades if grade.verdict == "FAIL"}


def test_a_sound_server_passes_every_grade(fake):
    report, failed = graded(fake())
    assert failed == {}
    assert report.ok
    assert report.verdict == f"{len(report.grades)} passed, 0 failed, 0 skipped: sound"
    assert all(grade.did and grade.saw and grade.right for grade in report.grades)
    saw = {grade.name: grade.saw for grade in report.grades}
    assert saw["tasks"] == "train: 9 different tasks, test: 1 different task"
    assert saw["sessions"].startswith("64 at once")
    assert "declared are 0 to 1" in saw["rewards"]


def test_one_session_at_a_time_is_no_fault(fake):
    report, failed = graded(fake(room=1))
    assert failed == {}
    assert [grade.name for grade in report.grades if grade.verdict == "SKIP"] == ["isolation"]


def changed(game, **methods):
    return type("Changed", (game,), methods)


def test_a_dropped_seed_is_seen(fake, digits):
    def reset(self, seed=None, **rest):
        return digits.reset(self, None, **rest)

    _, failed = graded(fake(changed(digits, reset=reset)))
    assert set(failed) == {"seed", "determinism", "replay"}
    assert "different answers: observation.text is" in failed["seed"]


def test_a_generator_that_goes_on_from_episode_to_episode_is_seen(fake, digits):
    """The seed is used once, when a session begins."""

    def reset(self, seed=None, **rest):
        answer = digits.reset(self, seed, **rest)
        self.first = getattr(self, "first", None) or self.rng_now
        answer["observation"]["text"] = f"Begin {self.first.random()}."
        return answer

    _, failed = graded(fake(changed(digits, reset=reset)))
    assert "seed" in failed
    assert "replay" in failed


def test_sessions_that_share_a_generator_are_seen(fake, digits):
    common = random.Random()

    def rng(seed):
        common.seed(seed)
        return common

    _, failed = graded(fake(changed(digits, rng=staticmethod(rng))))
    assert set(failed) == {"isolation"}
    assert failed["isolation"].startswith("beside another session the episode of seed")


def test_a_server_that_draws_nothing_is_not_blamed_for_its_seeds(fake, digits):
    def reset(self, seed=None, **rest):
        return digits.reset(self, 1, **rest)

    report, failed = graded(fake(changed(digits, reset=reset)))
    assert "seed" not in failed
    assert next(grade for grade in report.grades if grade.name == "other seeds").verdict == "SKIP"


def test_times_in_the_metadata_are_said_and_do_not_fail(fake, digits):
    def said(self, text, reward, done):
        answer = digits.said(self, text, reward, done)
        answer["metadata"]["took"] = int.from_bytes(os.urandom(6))
        return answer

    report, failed = graded(fake(changed(digits, said=said)))
    assert failed == {}
    saw = next(grade for grade in report.grades if grade.name == "determinism").saw
    assert "but metadata.took is" in saw
    assert "do not verify to the last field" in saw


@pytest.mark.parametrize(
    ("reward", "said"),
    [
        (float("nan"), "is NaN"),
        (float("inf"), "is Infinity"),
        (True, "is true"),
        (None, "is null (NaN becomes null in its JSON)"),
        ("1", 'is "1"'),
        (10**400, "is 1000"),
        (1.5, "rewards from 1.5 to 1.5, declared are 0 to 1"),
    ],
)
def test_rewards_that_nobody_should_train_on_are_seen(fake, digits, reward, said):
    def step(self, action):
        return digits.step(self, action) | {"reward": reward}

    _, failed = graded(fake(changed(digits, step=step)))
    assert said in failed["rewards"]


def test_a_step_before_a_reset_must_be_an_error(fake, digits):
    def step(self, action):
        if self.secret is None and self.count == 0:
            self.reset(0)
        return digits.step(self, action)

    _, failed = graded(fake(changed(digits, step=step)))
    assert set(failed) == {"step before reset"}


def test_a_state_that_miscounts_is_seen(fake, digits):
    _, failed = graded(fake(changed(digits, state=lambda self: {"episode_id": "mine", "step_count": self.count + 1})))
    assert failed == {
        "state": "episode_id is 'mine', 'sparring-judge' was given; step_count is 2 after 1 step",
    }


@pytest.mark.parametrize(("reward", "done", "said"), [(1.0, True, "are paid 1.0"), (0.0, False, "the episode goes on")])
def test_what_comes_after_the_end_is_seen(fake, digits, reward, done, said):
    def step(self, action):
        if self.secret is None and self.count:
            return self.said("more", reward, done)
        return digits.step(self, action)

    _, failed = graded(fake(changed(digits, step=step)))
    assert said in failed.pop("after the end")
    assert failed == {}


def test_play_without_effort_that_gets_everything_is_seen(fake, digits):
    def step(self, action):
        return digits.step(self, action) | {"reward": 1.0, "done": True}

    _, failed = graded(fake(changed(digits, step=step)), episodes=20)
    assert failed["floor"].startswith("random 1 (95 %: ")
    assert "solutions get 1 on the average, random play 1" in failed["solution"]


def test_a_solution_that_does_not_solve_is_seen(fake, digits):
    def said(self, text, reward, done):
        answer = digits.said(self, text, reward, done)
        answer["metadata"]["solution"] = ["nothing"]
        return answer

    _, failed = graded(fake(changed(digits, said=said)))
    assert failed["solution"] == "5 of 5 episodes are not over after their solution"


def test_a_solution_may_stand_in_the_task(fake, digits):
    def said(self, text, reward, done):
        answer = digits.said(self, text, reward, done)
        del answer["metadata"]["solution"]
        return answer

    def reset(self, seed=None, split="train", index=None, **rest):
        return digits.reset(self, seed if index is None else index, **rest)

    solved = [{"x": n, "solution": [str(random.Random(n).randrange(10))]} for n in range(5)]
    report, failed = graded(fake(changed(digits, said=said, reset=reset), tasks={"train": solved, "test": [{"x": 9}]}))
    assert failed == {}
    assert next(one for one in report.grades if one.name == "solution").saw.startswith("solutions get 1 on the average")


def test_a_task_in_two_splits_is_seen_whatever_its_number(fake):
    tasks = {"train": [{"id": n, "x": n} for n in range(9)], "test": [{"id": "test-0", "x": 3}, {"id": 1, "x": 10}]}
    _, failed = graded(fake(tasks=tasks))
    assert failed == {"tasks": '1 task of train are in test too, such as {"x":3}'}


def test_many_tasks_are_asked_for_in_ranges_and_missing_ones_are_seen(fake):
    many = {"train": [{"x": n} for n in range(1_200)], "test": [{"x": -1}]}
    report, _ = graded(fake(tasks=many))
    assert "train: 1,200 different tasks" in next(one for one in report.grades if one.name == "tasks").saw
    client = fake(tasks=many)
    post = client.post
    client.post = lambda path, body: (200, {"num_tasks": 3}) if path.endswith("num_tasks") else post(path, body)
    _, failed = graded(client)
    assert failed == {"tasks": "test has 3 tasks by num_tasks, and lists 1"}


def test_pages_that_are_missing_are_named(fake, pages):
    broken = {**pages, "/health": (200, {"status": "ok"}), "/metadata": (404, None)}
    _, failed = graded(fake(pages=broken))
    assert failed["pages"].startswith('/health answers 200 {"status": "ok"}')
    assert "/metadata names no name and description" in failed["pages"]


def test_garbage_that_ends_in_silence_is_seen(fake, fake_session):
    class Cut(fake_session):
        def garbled(self):
            raise ServerFailed("closed")

    _, failed = graded(type("Client", (fake,), {"session": Cut})())
    assert set(failed) == {"bad input"}
    assert "broken JSON: the connection was cut without an error" in failed["bad input"]


def test_slots_that_do_not_come_back_are_seen(fake, fake_session, monkeypatch):
    class Leaks(fake_session):
        def drop(self):
            pass

    monkeypatch.setattr("sparring.scoreboard.judge.many_sessions.BACK_SECONDS", 0.2)
    _, failed = graded(type("Client", (fake,), {"session": Leaks})(room=70))
    assert re.fullmatch(r"64 at once; 0\.2 s after these vanished only \d can be opened", failed["sessions"])


def test_a_server_that_dies_is_said_once(fake, digits):
    client = fake()

    def step(self, action):
        client.lives = len(steps) < 40
        steps.append(action)
        if not client.lives:
            raise ServerFailed("the connection is lost")
        return digits.step(self, action)

    steps = []
    client.game = changed(digits, step=step)
    report, failed = graded(client)
    assert list(failed.values()) == ["the connection is lost"]
    assert report.grades[-1].saw == f"the server does not answer any more, since: {next(iter(failed))}"


def test_actions_that_are_given_are_played_instead_of_those_that_are_listed(fake, digits):
    played = set()

    def no_solution(self, text, reward, done):
        answer = digits.said(self, text, reward, done)
        del answer["metadata"]["solution"]
        return answer

    def step(self, action):
        if isinstance(action, dict) and isinstance(action.get("message"), str):
            played.add(action["message"])
        return digits.step(self, action)

    graded(fake(changed(digits, step=step, said=no_solution)), actions=["left", "right"])
    assert played - {"x" * 10 * 2**20} == {"left", "right"}


def test_a_server_that_is_not_there_is_no_report(fake):
    client = fake()
    client.lives = False
    with pytest.raises(ServerFailed):
        judge(client, URL)
    with pytest.raises(ValueError, match="episodes must be >= 2, got 1"):
        judge(fake(), URL, episodes=1)


def test_listed_actions_that_the_schema_has_no_room_for_are_seen(fake, pages):
    form = {
        "type": "object",
        "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}},
        "required": ["x", "y"],
    }
    schemas = {"action": form, "observation": {}, "state": {}}
    _, failed = graded(fake(pages={**pages, "/schema": (200, schemas)}))
    assert "an action must be a JSON object" in failed["determinism"]


def test_the_first_difference_is_named_by_its_place():
    assert first_path({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}) == "a[1].b is 2 and then 3"
    assert first_path({"a": 1}, {"a": 1, "c": None}) == ""
    assert first_path(float("nan"), float("nan")) == ""
    assert first_path([1], [1, 2], "x") == "x is [1] and then [1, 2]"


def test_a_refusal_keeps_its_code():
    assert Refused("here", "CAPACITY_REACHED", "full").fault_kind == "capacity"
