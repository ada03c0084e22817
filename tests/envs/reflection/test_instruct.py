"""Inputs-v0 and Answer-v0: what is kept, what is right, and which inputs are held out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring import Match, make, play, registry
from sparring.envs.code.split_rng import SplitRng
from sparring.envs.reflection.filters import Filters, usual_lengths
from sparring.envs.reflection.instructions import BUNDLED, bundled, gold_of, is_held_out
from sparring.envs.reflection.shown_tasks import is_output, read_text, task_shown

INPUTS, ANSWER = "sparring/Inputs-v0", "sparring/Answer-v0"
WORDS = {"instruction": "Name the colour", "examples": [{"input": "grass"}, {"input": "sky"}, {"input": "blood"}]}


@pytest.mark.parametrize(
    ("seeds", "lengths"),
    [
        (["aaaa", "aaaa", "aaaa"], (2.0, 6.0)),
        (["aa", "aaaaaa"], (0.0, 8.0)),
        (["a", "a"], (0.0, 2.0)),
        (["a" * 40], (20.0, 60.0)),
        (["a", "a", "a", "a", "a", "a", "a", "a", "a", "a" * 101], (-49.0, 101.0)),
    ],
)
def test_a_usual_length_lies_within_two_deviations_of_the_mean_and_seeds_always_fit(seeds, lengths):
    """Deviations 0, 2, 0, 0, 30 of means 4, 4, 1, 40, 11; at least a quarter of the mean, and half a character."""
    assert usual_lengths(seeds) == pytest.approx(lengths)


@pytest.mark.parametrize(
    ("text", "objection"),
    [
        ("rust", ""),
        ("", "empty"),
        (" \n\t ", "empty"),
        ("Sorry, no", "noise"),
        ("sea\x00", "noise"),
        ("\ud800sea", "noise"),
        ("x", "length"),
        ("a long walk along the river", "length"),
        ("SKY", "duplicate"),
        ("sky!", "duplicate"),
        ("deep snow", ""),
    ],
)
def test_the_first_objection_that_applies_is_named(text, objection):
    filters = Filters.fitted(["grass", "sky", "blood"], (2, 10))
    assert filters.objection(text, ["grass", "sky", "blood"]) == objection


def test_what_a_seed_holds_is_no_noise():
    assert Filters.fitted(["Sorry seems to be"]).objection("sorry to hear it") == ""
    assert Filters.fitted(["What it seems to be"]).objection("sorry to hear it") == "noise"
    with pytest.raises(ValueError, match="at least one text, got none"):
        Filters.fitted([])


def test_texts_are_nearly_equal_from_a_rouge_l_of_seven_tenths_on():
    filters = Filters.fitted(["one two three four"])
    assert filters.objection("one two three five", ["one two three four"]) == "duplicate"
    assert filters.objection("one two six seven", ["one two three four"]) == ""


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Output: green", "green"),
        ("\n\n  'green' \nbecause", "green"),
        ("- green", "green"),
        ("Task: Output: x", "x"),
        ("", ""),
        ("\x00", "\x00"),
    ],
)
def test_a_text_is_read_without_headings_and_wrapping(text, read):
    assert read_text(text) == read


@pytest.mark.parametrize(
    ("text", "gold", "right"),
    [
        ("Even.", "even", True),
        ("even", "Even", False),
        ("12.0", "12", True),
        ("1,200", "1200", True),
        ("Output: odd\nsince it is", "odd", True),
        ("It is odd", "odd", False),
        ("LAMP", "LAMP", True),
        ("lamp", "LAMP", False),
        ("", "odd", False),
    ],
)
def test_an_output_is_right_up_to_its_rendering(text, gold, right):
    assert is_output(text, gold) is right


def test_a_new_input_is_paid_once_and_its_objection_recorded():
    env = make(INPUTS, **WORDS, earlier=["snow"]).unwrapped
    seen, _ = env.reset(seed=0)
    assert "Input: grass" in seen
    assert "snow" not in seen
    for text, reward, objection in (("rust", 1.0, ""), ("Input: rust", 1.0, ""), ("snow", 0.0, "duplicate")):
        env.reset(seed=0)
        _, paid, terminated, _, info = env.step(text)
        assert (paid, terminated, info["hidden"]["objection"]) == (reward, True, objection)
        assert env.step(text)[1] == 0.0


def test_a_new_instruction_is_measured_by_the_instructions_shown():
    shown = [{"instruction": "Name the colour of the thing"}, {"instruction": "Name the sound of the animal"}]
    env = make(INPUTS, write="instruction", examples=shown).unwrapped
    seen, _ = env.reset(seed=0)
    assert "Task: Name the sound of the animal" in seen
    assert env.step("Write what the person wants")[1] == 1.0
    env.reset(seed=0)
    assert env.step("Name the colour of the thing")[1] == 0.0


def test_an_answer_is_paid_where_the_output_is_known():
    for gold, action, reward in (("green", "Green.", 1.0), ("green", "red", 0.0), (None, "green", 0.0)):
        env = make(ANSWER, instruction="Name the colour", input="grass", gold=gold).unwrapped
        env.reset(seed=1)
        assert env.step(action)[1] == reward
        assert env.step(action)[1] == 0.0


def test_examples_and_passages_stand_before_the_question_and_are_left_out_of_the_plain_one():
    kwargs = {"examples": [{"input": "sky", "output": "blue"}], "passages": ["Grass is green."]}
    seen, _ = make(ANSWER, instruction="Name the colour", input="grass", **kwargs).reset(seed=0)
    assert seen.index("Grass is green.") < seen.index("Output: blue") < seen.index("Input: grass")
    plain, _ = make(ANSWER, instruction="Name the colour", input="grass").reset(seed=0)
    assert plain == task_shown("Name the colour", "grass") == "Task: Name the colour\nInput: grass\nOutput:"


@pytest.mark.parametrize("name", BUNDLED)
def test_every_bundled_input_has_an_output_and_a_split_and_its_walkthrough_is_paid(name):
    for split in ("train", "held_out"):
        env = make(ANSWER, task=name, split=split, shots=2).unwrapped
        for seed in range(20):
            env.reset(seed=seed)
            (output,) = env.walkthrough(seed)
            assert env.step(output)[1] == 1.0
        drawn = [BUNDLED[name].input_of(SplitRng(split, seed)) for seed in range(50)]
        assert all(is_held_out(BUNDLED[name].text, text) == (split == "held_out") for text in drawn)


def test_no_example_that_is_shown_is_held_out():
    for seed in range(60):
        kwargs = {"split": "held_out", "shots": 3}
        (episode,) = play([Match("a", ANSWER, {"player_0": "walkthrough"}, seed, kwargs)])
        *shown, asked = [
            line.removeprefix("Input: ")
            for line in episode.trajectories["player_0"].turns[0].observation.text.splitlines()
            if line.startswith("Input: ")
        ]
        task = episode.trajectories["player_0"].turns[0].observation.text.splitlines()[0].removeprefix("Task: ")
        assert is_held_out(task, asked)
        assert len(shown) == 3
        assert not any(is_held_out(task, text) for text in shown)


def test_the_output_of_anybodys_input_is_known_or_none():
    assert gold_of("Add the two numbers", "20 + 22") == "42"
    assert gold_of("Add the two numbers.", " 20 + 22 ") == "42"
    assert gold_of("Add the two numbers: 20 + 22", "") == "42"
    assert gold_of("Write the larger of the two numbers", "5, 12") == "12"
    assert gold_of("Is the review positive or negative", "The soup was awful and lovely.") is None
    assert gold_of("Is the review positive or negative", "An awful soup!") == "negative"
    for text in ("", "20 + x", "٣ + ٤", "9" * 5_000, "\x00", "\ud800", "20 + 22\n"):
        assert gold_of("Add the two numbers", text) in (None, "42")
        is_held_out("Add the two numbers", text)
    assert gold_of("Name the colour", "grass") is None
    assert not is_held_out("Name the colour", "grass")


def test_an_input_with_the_words_of_a_held_out_one_is_held_out_in_any_rendering():
    text = BUNDLED["hyphen"].input_of(SplitRng("held_out", 1))
    for written in (text.upper(), f"  {text} ", text.replace(" ", "   "), f"{text}."):
        assert is_held_out(BUNDLED["hyphen"].text, written)
    assert is_held_out(f"{BUNDLED['hyphen'].text}: {text}", "")


def test_a_walkthrough_of_inputs_is_kept_by_the_filters():
    env = make(INPUTS).unwrapped
    for seed in range(60):
        env.reset(seed=seed)
        (text,) = env.walkthrough(seed)
        env.reset(seed=seed)
        assert env.step(text)[1] == 1.0


@given(st.text(max_size=300))
def test_any_text_ends_the_episode(text):
    for env in (make(INPUTS, **WORDS).unwrapped, make(ANSWER, instruction=text, input=text, gold=text).unwrapped):
        env.reset(seed=3)
        _, reward, terminated, truncated, info = env.step(text)
        assert terminated
        assert not truncated
        assert reward in (0.0, 1.0)
        assert not (info["illegal"] and reward)


@pytest.mark.parametrize("action", [None, 7, b"right", "a" * 30_000, "", " \n"])
def test_what_is_no_text_of_a_possible_length_is_illegal(action):
    for env_id in (INPUTS, ANSWER):
        env = make(env_id).unwrapped
        env.reset(seed=0)
        _, reward, terminated, _, info = env.step(action)
        assert (reward, terminated, info["illegal"]) == (0.0, True, True)


@pytest.mark.parametrize(
    ("env_id", "kwargs", "message"),
    [
        (INPUTS, {"instruction": 5}, "instruction must be text, got 5"),
        (INPUTS, {"instruction": "x"}, "examples must hold at least one input, got 0 without"),
        (INPUTS, {"write": "instruction", "examples": [{"input": "x"}]}, "at least one instruction, got 1 without"),
        (INPUTS, {"write": "poem"}, "write must be input or instruction, got 'poem'"),
        (INPUTS, {**WORDS, "lengths": [5, 2]}, "lengths must be the shortest and the longest"),
        (INPUTS, {**WORDS, "earlier": "x"}, "earlier must be a list of texts, got 'x'"),
        (INPUTS, {**WORDS, "task": "add"}, "task is of the family: leave it out beside an instruction, got 'add'"),
        (INPUTS, {"task": "adding"}, "unknown task 'adding'"),
        (INPUTS, {"split": "test"}, "split must be one of train, held_out, got 'test'"),
        (ANSWER, {"input": "x"}, "input, examples and gold need an instruction, got none"),
        (ANSWER, {"shots": 9}, r"shots must be in \[0, 8\], got 9"),
        (ANSWER, {"instruction": "x", "shots": 2}, "shots is of the family"),
        (ANSWER, {"instruction": "x", "examples": [5]}, "an example must be an object with input, output, instruction"),
        (ANSWER, {"instruction": "x", "examples": [{"input": 5}]}, "the input of an example must be text, got 5"),
        (ANSWER, {"instruction": "x", "examples": "abc"}, "examples must be a list of at most 32 examples"),
        (ANSWER, {"instruction": "x", "passages": [5]}, "passages must be a list of texts"),
    ],
)
def test_wrong_options_are_named(env_id, kwargs, message):
    with pytest.raises((ValueError, registry.UnknownName), match=message):
        make(env_id, **kwargs)


def test_an_enormous_task_is_shown_shortened():
    env = make(ANSWER, instruction="i" * 50_000, input="x" * 50_000, passages=["p" * 50_000] * 50).unwrapped
    seen, _ = env.reset(seed=0)
    assert seen in env.observation_space
    assert "[...]" in seen


def test_a_task_is_a_name_or_a_kind():
    assert [one.name for one in bundled("numbers")] == ["add", "larger", "next"]
    assert [one.name for one in bundled("parity")] == ["parity"]
    assert len(bundled("")) == len(BUNDLED)
