"""CodeTask-v0 and CodeTaskWriter-v0: which tasks are kept, and that no text gets around it."""

import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring import make
from sparring.envs.code.sandboxes import shared_sandbox
from sparring.envs.reflection.code_task import program_of
from sparring.envs.reflection.goods import PATTERNS, draw_goods
from sparring.envs.reflection.task_form import FEWEST_FAILURES, PARTS, WrittenTask, mark_of, read_task
from sparring.envs.reflection.task_trial import CHECKS, SECONDS, Budget, in_words, values_of
from sparring.sandbox.grader import equal

WRITER, TASK = "sparring/CodeTaskWriter-v0", "sparring/CodeTask-v0"
GOOD = WrittenTask("Name an even number above 2.", "def verify(a):\n    return a > 2 and a % 2 == 0", "4", ("3", "2"))
TEXT = GOOD.text()
"""Of a task that is kept."""


def written(text, **options):
    """(stopped by, what is said, the step's info) of a text."""
    env = make(WRITER, **options).unwrapped
    env.reset(seed=3)
    seen, reward, terminated, truncated, info = env.step(text)
    assert (terminated, truncated) == (True, False)
    stopped = info["hidden"]["stopped_by"]
    assert reward == float(stopped is None)
    place = len(CHECKS) if stopped is None else CHECKS.index(stopped)
    assert info["metrics"] == {check: float(number < place) for number, check in enumerate(CHECKS)}
    return stopped, seen, info


def stopped_by(**parts):
    return written(replace(GOOD, **parts).text())[0]


def test_a_task_whose_verify_accepts_the_solution_and_rejects_every_failure_is_kept_with_all_its_parts():
    stopped, seen, info = written(f"Here is one:\n{TEXT}\nI hope it helps.")
    assert (stopped, seen, info["illegal"]) == (None, "The task is kept.", False)
    library = draw_goods(3, "train").library
    assert info["hidden"]["task"] == {**GOOD.plain(), "library": library, "split": "train"}


@pytest.mark.parametrize("name", PARTS)
def test_a_part_that_is_missing_twice_there_or_not_closed_is_named(name):
    renamed = TEXT.replace(f"```{name}", "```text")
    part = TEXT[TEXT.index(f"```{name}") :].partition("\n```")[0]
    for text, held in ((renamed, "no closed part"), (f"{TEXT}\n{part}\n```", "2 parts"), (part, "no closed part")):
        stopped, seen, info = written(text)
        assert (stopped, info["illegal"], info["hidden"]["task"]) == ("form", True, None)
        assert "there must be one part ```" in seen
        assert held in seen


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"instruction": "?!"}, "the instruction must hold words"),
        ({"instruction": "word " * 500}, "the instruction must have at most 2000 characters, it has 2500"),
        ({"failures": ("3",)}, "there must be 2 to 8 failures, with a line --- between them, there are 1"),
        ({"failures": tuple(map(str, range(9)))}, "there must be 2 to 8 failures"),
        ({"solution": " "}, "the part solution must not be empty"),
        ({"verify": ""}, "the part verify must not be empty"),
        ({"solution": "'\0'"}, "a task must hold no NUL characters and no lone surrogates"),
        ({"instruction": "Say \ud800."}, "a task must hold no NUL characters and no lone surrogates"),
    ],
)
def test_what_is_wrong_with_the_form_is_said(parts, said):
    stopped, seen, info = written(replace(GOOD, **parts).text())
    assert (stopped, info["illegal"]) == ("form", True)
    assert said in seen


@pytest.mark.parametrize(
    ("check", "parts"),
    [
        ("runs", {"solution": "4 +"}),
        ("runs", {"solution": "x = 4"}),
        ("runs", {"solution": "1 / 0"}),
        ("runs", {"solution": "object()"}),
        ("runs", {"solution": "'a' * 30_000"}),
        ("accepts", {"solution": "5"}),
        ("accepts", {"verify": "def verify(a):\n    return None"}),
        ("accepts", {"verify": "def verify(a):\n    return 1"}),
        ("accepts", {"verify": "def check(a):\n    return True"}),
        ("accepts", {"verify": "return True"}),
        ("fails", {"failures": ("3", "1 / 0")}),
        ("fails", {"failures": ("3", "2 + 2")}),
        ("rejects", {"failures": ("3", "6")}),
    ],
)
def test_each_check_of_the_sandbox_stops_a_task_and_is_named(check, parts):
    assert stopped_by(**parts) == check


COUNTER = "n = 0\ndef verify(a):\n    global n\n    n += 1\n    return n == 1"
HOSTILE = {
    "accepts everything": ("rejects", {"verify": "def verify(a):\n    return True"}),
    "accepts all but the failures": ("discerns", {"verify": "def verify(a):\n    return a not in (3, 2)"}),
    "accepts what it is asked first": ("rejects", {"verify": COUNTER}),
    "reads what the solution has written": (
        "accepts",
        {
            "solution": "open('/work/a', 'w').write('4')\n4",
            "verify": "def verify(a):\n    return open('/work/a').read() == str(a)",
        },
    ),
    "solution reads the verify function": ("runs", {"solution": "4 if verify(4) else 0"}),
    "verify equals everything": (
        "accepts",
        {"verify": "class T(int):\n    __eq__ = lambda s, o: True\ndef verify(a):\n    return T(1)"},
    ),
    "solution claims to be equal to all": (
        "runs",
        {"solution": "class T(int):\n    __eq__ = lambda s, o: True\nT(4)"},
    ),
    "draws at random": (
        "repeats",
        {
            "solution": "import random\nrandom.randrange(4, 10**9, 2)",
            "verify": "def verify(a):\n    return type(a) is int and a > 3",
        },
    ),
    "verifies by chance": (
        "repeats",
        {"verify": "import random\nseen = random.random()\ndef verify(a):\n    return seen < 0.5 and a == 4"},
    ),
    "hangs in the solution": ("runs", {"solution": "while True: pass\n4"}),
    "hangs in verify": ("accepts", {"verify": "def verify(a):\n    while True: pass"}),
    "hangs when it is loaded": ("accepts", {"verify": "while True: pass"}),
    "hangs at a failure": ("rejects", {"verify": "def verify(a):\n    while a != 4: pass\n    return True"}),
    "prints without end": ("runs", {"solution": "while True: print('x' * 10_000)\n4"}),
    "takes all memory": ("runs", {"solution": "len('x' * 10**10)"}),
    "a number without end": ("runs", {"solution": "10 ** 100_000"}),
    "leaves the interpreter": ("runs", {"solution": "import os\nos._exit(0)\n4"}),
    "starts threads": (
        "accepts",
        {
            "verify": "import threading, time\nthreading.Thread(target=time.sleep, args=(9,)).start()\n"
            "def verify(a):\n    return a == 4"
        },
    ),
    "fakes the caller": ("runs", {"solution": "_value_of = lambda text: 4\nraise SystemExit"}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_task_is_not_kept_and_is_no_fault_of_the_sandbox(name):
    check, parts = HOSTILE[name]
    stopped, seen, _ = written(replace(GOOD, **parts).text())
    assert stopped == check
    assert len(seen) < 1_500
    assert written(TEXT)[0] is None, "the sandbox goes on"


def test_a_task_whose_programs_all_take_long_is_stopped_before_the_environment_counts_as_hanging():
    slow, started = "import time\ntime.sleep(2.5)\n", time.monotonic()
    assert stopped_by(solution=f"{slow}4", failures=tuple(f"{slow}{n}" for n in (3, 5, 7, 9, 11, 13))) == "fails"
    assert SECONDS <= time.monotonic() - started < SECONDS + 20


def test_verify_may_raise_at_a_wrong_answer():
    assert stopped_by(verify="def verify(a):\n    return len(a) == 1", solution="'a'", failures=("3", "'ab'")) is None


def test_a_task_whose_answer_is_nothing_can_be_kept():
    assert stopped_by(verify="def verify(a):\n    return a is None", solution="None", failures=("3", "2")) is None


def test_the_example_and_earlier_tasks_are_not_new_however_they_are_written():
    example = draw_goods(3, "train").other
    assert written(example.text())[0] == "new"
    assert written(replace(example, instruction=f"  {example.instruction.upper()} ").text())[0] == "new"
    assert written(TEXT, earlier=[mark_of("name an EVEN number, above 2")])[0] == "new"
    assert written(TEXT, earlier=[mark_of("Name an even number above 4.")])[0] is None


@settings(max_examples=40, deadline=None)
@given(st.one_of(st.text(max_size=200), st.lists(st.sampled_from([*TEXT.split("\n"), "```", "\0", "\ud800"]))))
def test_any_text_is_read_and_never_raises(parts):
    text = parts if isinstance(parts, str) else "\n".join(parts)
    task = read_task(text)
    if isinstance(task, WrittenTask):
        assert read_task(task.text()) == task
        assert len(task.failures) >= FEWEST_FAILURES
    else:
        assert written(text)[0] == "form"


@pytest.mark.parametrize("action", [None, 7, b"x", TEXT * 1_000, "```verify\n" * 1_900, "\x00", "\ud800"])
def test_what_is_no_task_is_illegal(action):
    stopped, _, info = written(action)
    assert (stopped, info["illegal"]) == ("form", True)


@pytest.mark.parametrize("split", ["train", "held_out"])
def test_walkthroughs_are_kept_and_right(split):
    for seed in range(4):
        env = make(WRITER, split=split).unwrapped
        env.reset(seed=seed)
        assert env.step(*env.walkthrough(seed))[1] == 1.0
        env = make(TASK, split=split).unwrapped
        env.reset(seed=seed)
        assert env.step(*env.walkthrough(seed))[1] == 1.0


def test_no_failure_of_a_drawn_task_has_its_solutions_value_and_all_kinds_are_drawn():
    sandbox, drawn = shared_sandbox(), list[str]()
    for seed in range(60):
        library, *tasks = draw_goods(seed, "train")
        solution, *failures = values_of(sandbox, library, [tasks[0].solution, *tasks[0].failures], Budget())
        assert all(one.ok and not equal(one.value, solution.value) for one in failures), tasks[0]
        drawn.append(tasks[0].instruction)
        assert tasks[0].instruction != tasks[1].instruction
    for pattern in PATTERNS:
        beginning = pattern.instruction.partition("{")[0]
        assert any(instruction.startswith(beginning) for instruction in drawn), beginning


def test_no_task_of_training_is_held_out():
    def seen(split, env_id):
        env = make(env_id, split=split).unwrapped
        return {env.reset(seed=seed)[0] for seed in range(300)}

    def words(texts):
        return {word for text in texts for word in text.split('"')[1:8:2]}

    for env_id in (WRITER, TASK):
        train, held_out = seen("train", env_id), seen("held_out", env_id)
        assert not train & held_out
        assert not words(train) & words(held_out)


def answered(action, **task):
    env = make(TASK, **task).unwrapped
    env.reset(seed=0)
    seen, reward, terminated, _, info = env.step(action)
    assert terminated
    return reward, seen, info["illegal"]


GIVEN = {"instruction": GOOD.instruction, "verify": GOOD.verify}


@pytest.mark.parametrize(
    ("action", "reward", "said"),
    [
        ("4", 1.0, "The value of the answer is 4. It is right."),
        ("3", 0.0, "The value of the answer is 3. It is not right."),
        ("x = 2\nx * 3", 1.0, "The value of the answer is 6. It is right."),
        ("It is six:\n```python\n2 * 3\n```", 1.0, "The value of the answer is 6. It is right."),
        ("four", 0.0, "The answer has no value. nonzero: NameError: name 'four' is not defined"),
        ("x = 4", 0.0, "The answer has no value. nonzero: ValueError: the last line must be an expression"),
        ("'4'", 0.0, "The value of the answer is '4'. It is not right."),
        ("while True: pass\n4", 0.0, "The answer has no value. timeout"),
        ("verify.__code__", 0.0, "The answer has no value. nonzero: NameError"),
        ("\0", 0.0, "The answer has no value. nonzero"),
        ("'\ud800'", 0.0, "The answer has no value. nonzero"),
        ("4" * 10_000, 0.0, "The answer has no value. nonzero"),
        ("{'b', 'a', 'c'}", 0.0, "The value of the answer is set('a', 'b', 'c'). It is not right."),
    ],
)
def test_the_value_of_an_answer_is_verified_and_what_came_of_it_is_said(action, reward, said):
    paid, seen, illegal = answered(action, **GIVEN)
    assert (paid, illegal) == (reward, False)
    assert said in seen


@pytest.mark.parametrize("action", ["", "  \n", "4" * 20_001, None, 4])
def test_an_answer_of_nothing_or_of_too_much_is_illegal(action):
    assert answered(action, **GIVEN) == (0.0, "That is no answer: it must have 1 to 20000 characters.", True)


def test_a_verify_function_that_breaks_off_pays_nothing():
    reward, seen, _ = answered("4", instruction="x", verify="def verify(a):\n    while True: pass")
    assert (reward, "not verified: timeout" in seen) == (0.0, True)


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=100))
def test_any_text_is_an_answer_or_an_illegal_action(text):
    reward, _, illegal = answered(text, instruction="x", verify="def verify(a):\n    return True")
    assert not (illegal and reward)


@pytest.mark.parametrize(
    ("env_id", "options", "message"),
    [
        (TASK, {"instruction": "x"}, "instruction and verify must be given together, got only one of them"),
        (TASK, {"verify": 5, "instruction": "x"}, "verify must be text, got 5"),
        (TASK, {"library": 5}, "library must be text, got 5"),
        (TASK, {"solution": "4"}, "library and solution belong to a given task"),
        (TASK, {"split": "test"}, "split must be one of train, held_out, got 'test'"),
        (WRITER, {"split": "test"}, "split must be one of train, held_out, got 'test'"),
        (WRITER, {"earlier": "abc"}, "earlier must be a list of marks, got 'abc'"),
        (WRITER, {"earlier": [1]}, r"earlier must be a list of marks, got \[1\]"),
    ],
)
def test_wrong_options_are_named(env_id, options, message):
    with pytest.raises(ValueError, match=message):
        make(env_id, **options)


def test_a_solution_that_is_given_is_the_walkthrough_and_else_nobody_knows_one():
    assert make(TASK, **GIVEN, solution="4").unwrapped.walkthrough(0) == ["4"]
    assert make(TASK, **GIVEN).unwrapped.walkthrough(0) is None


def test_a_value_is_shown_short_and_the_same_everywhere():
    assert in_words({"b": [frozenset({"y", "x"}), (1,)]}) == "{'b': [frozenset('x', 'y'), (1,)]}"
    assert in_words(10**5_000) == "a number too long to be written"
    assert len(in_words("a" * 9_000)) <= 200
    assert program_of("```python\n1\n```\nor\n```python\n2\n```").startswith("```python")
