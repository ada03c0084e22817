"""Prompt templates of one's own, in files: what is asked, what is read, what is refused, what is recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparring import Match, Observation, make_agent, play
from sparring.agents.models.scripted import ScriptedModel
from sparring.agents.players import WritingAgent
from sparring.agents.prompts import TEMPLATES, template, template_for_game
from sparring.registry import UnknownName
from sparring.specs import parse_spec

OWN = 'system = "You play."\nprompt = "See: {observation}\\nChoose: {legal_actions}"\nanswer = "<act>{action}</act>"\n'
TTT, LAKE = "sparring/TicTacToe-v0", "gym:FrozenLake-v1"


def written(folder: Path, text: str) -> str:
    path = folder / "own.toml"
    path.write_text(text)
    return str(path)


def test_a_template_of_a_file_asks_lists_and_reads(tmp_path: Path) -> None:
    own = template(written(tmp_path, OWN))
    asked = own.messages("a {legal_actions} b", ("bet", "check"))
    assert asked == [
        {"role": "system", "content": "You play."},
        {"role": "user", "content": "See: a {legal_actions} b\nChoose: bet, check"},
    ]
    assert own.messages("x")[1]["content"] == "See: x\nChoose: none is listed"
    assert own.answer("bet") == "<act>bet</act>"
    for answer in ("<act>bet</act>", "I think. <act>no</act> or <act> bet </act>.", "bet</act> rest"):
        assert own.parse(answer) == "bet"
    for answer in ("bet", "<act>bet", ""):
        assert own.parse(answer) == ""


def test_the_answer_pattern_may_have_one_side_or_none(tmp_path: Path) -> None:
    head = 'prompt = "{observation}"\n'
    assert template(written(tmp_path, head + 'answer = "{action}"')).parse(" go north ") == "go north"
    said = template(written(tmp_path, head + 'answer = "Action: {action}"'))
    assert (said.parse("Hm. Action: go"), said.parse("go")) == ("go", "")
    assert template(written(tmp_path, head + 'answer = "{action}."')).parse("go. I think.") == "go"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("prompt = 'x", "is no TOML in UTF-8"),
        (OWN + "promt = 'x'\n", "unknown key 'promt'; did you mean 'prompt'?"),
        ("prompt = 3\nanswer = '{action}'\n", "prompt must be text, got 3"),
        ("answer = '{action}'\n", "prompt must hold {observation} once, it holds it 0 times"),
        ("prompt = '{observation}'\n", "answer must hold {action} once, it holds it 0 times"),
        (OWN.replace("{action}", "{action}{action}"), "answer must hold {action} once, it holds it 2 times"),
        (
            OWN.replace("{legal_actions}", "{legal_action}"),
            "unknown place '{legal_action}'; did you mean '{legal_actions}'?",
        ),
        ("#" * 100_001, "must have at most 100,000 bytes"),
    ],
)
def test_a_file_that_is_no_template_is_refused_in_a_line_with_its_place(
    tmp_path: Path, text: str, problem: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the message is looked at)
        make_agent(f"nano:prompt={path}")
    assert str(caught.value).startswith(path)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_template_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        template(str(tmp_path / "none.toml"))
    with pytest.raises(UnknownName, match=r"unknown prompt template 'bracked'; did you mean 'bracket'"):
        template("bracked")


@pytest.mark.parametrize("decoding", ["legal", "free"])
def test_an_agent_plays_by_its_template_and_the_record_holds_prompt_and_file(tmp_path: Path, decoding: str) -> None:
    path = written(tmp_path, OWN)
    spec = f"nano:prompt={path}:decoding={decoding}:max_new_tokens=4"
    assert parse_spec(spec).options["prompt"] == path
    (episode,) = play([Match("m", TTT, {"player_0": spec, "player_1": "random"}, 0)])
    assert episode.sound, episode.error
    for turn in episode.trajectories["player_0"].turns:
        asked = template(path).messages(turn.observation.text, turn.observation.legal_actions or ())
        said = [{"role": one.role, "content": one.content} for one in turn.calls[0].messages[:-1]]
        assert said == asked
        assert turn.notes == {"template": template(path).sha256}


def test_boxed_speaks_of_two_players_only_where_there_are_two() -> None:
    assert template_for_game(TTT, TEMPLATES["boxed"]) is TEMPLATES["boxed"]
    agent = WritingAgent(ScriptedModel(lambda prompt, seed: "\\boxed{left}"), prompt="boxed")
    (episode,) = play([Match("m", LAKE, {"player_0": "me"}, 0, max_steps=2)], {"me": agent})
    for turn in episode.trajectories["player_0"].turns:
        assert turn.action == "left"
        asked = turn.calls[0].messages[0].content
        assert asked.startswith("Observation: You cross a frozen lake")
        assert "two-player" not in asked
        assert asked.endswith("\\boxed{}.")
    for env_id in ("openspiel:kuhn_poker(players=3)", LAKE):
        assert "two-player" not in template_for_game(env_id, TEMPLATES["boxed"]).instruction
    assert "\\boxed" in template_for_game(LAKE, TEMPLATES["boxed"]).messages(Observation(("x",)).text)[0]["content"]


def test_options_that_give_a_game_more_seats_count() -> None:
    pig = "sparring/Pig-v0"
    assert template_for_game(pig, TEMPLATES["boxed"]) is TEMPLATES["boxed"]
    assert "two-player" not in template_for_game(pig, TEMPLATES["boxed"], {"players": 3}).instruction
