import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.agents.prompts import TEMPLATES, parse_boxed, parse_bracket, template
from sparring.registry import UnknownName


@pytest.mark.parametrize(
    ("answer", "action"),
    [
        (r"I think \boxed{bet} is best", "bet"),
        (r"\boxed{check} or rather \boxed{ fold }", "fold"),
        (r"\boxed{[Offer: 1 Wheat -> {2} Ore]}", "[Offer: 1 Wheat -> {2} Ore]"),
        (r"\boxed{never closed", ""),
        ("bet", ""),
        ("", ""),
    ],
)
def test_boxed_takes_the_last_box(answer, action):
    assert parse_boxed(answer) == action


@pytest.mark.parametrize(
    ("answer", "action"),
    [
        ("I choose [bet].", "bet"),
        ("[bet] yes, [bet]", "bet"),
        ("either [bet] or [check]", ""),
        ("bet] because", "bet"),
        ("bet", ""),
        ("[]", ""),
        ("", ""),
    ],
)
def test_bracket_never_guesses_between_two(answer, action):
    assert parse_bracket(answer) == action


@given(st.text(), st.sampled_from(sorted(TEMPLATES)))
def test_parsers_never_raise(answer, name):
    assert isinstance(template(name).parse(answer), str)


@pytest.mark.parametrize("name", sorted(TEMPLATES))
@pytest.mark.parametrize("answer", ["{" * 1_000_000, "[" * 1_000_000, "\\boxed{" * 100_000, "\x00\ud800"])
def test_parsers_are_quick_on_enormous_and_broken_text(name, answer):
    assert len(template(name).parse(answer)) <= (20_000 if name == "plain" else 2_000)


def test_the_observation_is_put_in_as_it_is():
    observation = "braces {0} and \\boxed{x}"
    assert observation in template("boxed").messages(observation)[0]["content"]


def test_an_unknown_template_names_the_nearest():
    with pytest.raises(UnknownName, match="'bracket'"):
        template("brackets")
