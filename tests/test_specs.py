"""Specs name a thing with its argument and options in one word; wrong ones say what would be right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import pytest

from sparring import registry
from sparring.cli import arguments
from sparring.specs import Spec, options_of, parse_spec, typed_options


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("random", Spec("random", None, {})),
        ("constant:bet/call", Spec("constant", "bet/call", {})),
        ("openai:vendor/name:8b", Spec("openai", "vendor/name:8b", {})),
        ("tree-of-code:smollm2:width=3:depth=2", Spec("tree-of-code", "smollm2", {"width": "3", "depth": "2"})),
        ("OpenSpiel:game=leduc_poker(players=2)", Spec("OpenSpiel", None, {"game": "leduc_poker(players=2)"})),
        ("nano:prompt=", Spec("nano", None, {"prompt": ""})),
        ("openai:m:url=http://h:80/v1:timeout=2", Spec("openai", "m", {"url": "http://h:80/v1", "timeout": "2"})),
        ("openai:m:timeout=2:url=http://h:80", Spec("openai", "m", {"timeout": "2", "url": "http://h:80"})),
        ("", Spec("", None, {})),
    ],
)
def test_a_spec_is_a_name_an_argument_and_options(text: str, spec: Spec) -> None:
    assert parse_spec(text) == spec
    assert list(parse_spec(text).options) == list(spec.options)


def test_an_option_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="width is given twice in 'tree-of-code:width=1:width=2'"):
        parse_spec("tree-of-code:width=1:width=2")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            "tree-of-code:smollm2:wdith=3",
            "agent 'tree-of-code' has no option 'wdith'; it takes answer, cache_gb, critic, depth",
        ),
        ("tree-of-code:smollm2:width=two", "width of agent 'tree-of-code' must be a whole number, got 'two'"),
        ("tree-of-code:smollm2:answer=maybe", "answer of agent 'tree-of-code' must be output or program, got 'maybe'"),
        ("random:seed=3", "agent 'random' has no option 'seed'; it takes none"),
        ("nano:temperature=hot", "temperature of agent 'nano' must be a number, got 'hot'"),
        ("tree-of-code:width=3:smollm2", "width of agent 'tree-of-code' must be a whole number, got '3:smollm2'"),
        ("constant", "agent 'constant' needs an argument after a colon"),
        ("random:2", "agent 'random' takes no argument, got 'random:2'"),
    ],
)
def test_a_wrong_agent_says_what_would_be_right(spec: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        registry.make_agent(spec)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("KuhnPoker:ilegal=spiral", "has no option 'ilegal'; it takes action_order"),
        ("KuhnPoker:illegal=never", "illegal of environment .* must be forfeit or spiral or retry or noop"),
        ("KuhnPoker:max_turns=many", "max_turns of environment .* must be a whole number or none, got 'many'"),
        ("KuhnPoker:spiral", "takes options such as `KuhnPoker:option=value`, got 'KuhnPoker:spiral'"),
    ],
)
def test_a_wrong_environment_says_what_would_be_right(spec: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        arguments.env(spec)


def test_options_come_with_the_types_that_are_wanted() -> None:
    assert arguments.env("KuhnPoker:illegal=retry:retries=5:max_turns=none") == (
        "sparring/KuhnPoker-v0",
        {"illegal": "retry", "retries": 5, "max_turns": None},
    )
    assert arguments.env("OpenSpiel:game=nim") == ("sparring/OpenSpiel-v0", {"game": "nim"})
    assert arguments.env("CodeIO:show_code=true:split=held_out")[1] == {"show_code": True, "split": "held_out"}


def test_only_what_text_can_say_is_an_option() -> None:
    def build(argument: str, *, size: int, share: float | None, call: Any, names: frozenset[str], on: bool) -> None: ...

    assert [name for name, _ in options_of(build)] == ["size", "share", "on"]
    assert typed_options("it", build, {"share": "none", "on": "False"}) == {"share": None, "on": False}


def test_what_may_be_text_or_an_object_is_given_as_text() -> None:
    def build(*, world: str | Path, k: int | frozenset[int] | None, path: Path | None = None) -> None: ...

    assert [name for name, _ in options_of(build)] == ["world", "k"]
    assert typed_options("it", build, {"world": "atlas", "k": "none"}) == {"world": "atlas", "k": None}
    with pytest.raises(ValueError, match="k of it must be a whole number or none, got 'many'"):
        typed_options("it", build, {"k": "many"})


def test_agents_with_options_are_told_apart_by_name() -> None:
    names = [player.name for player in arguments.agents("nano,nano:temperature=0.5,nano")]
    assert names == ["nano", "nano:temperature=0.5", "nano"]


def test_a_folder_that_is_no_run_is_named_as_such(tmp_path: Path) -> None:
    for spec in (str(tmp_path), str(tmp_path / "nothing")):
        with pytest.raises(ValueError, match="is neither an agent nor a run folder"):
            arguments.agent(spec)


def test_an_option_that_no_text_can_give_is_not_offered_for_an_environment() -> None:
    poker, tools = (registry.envs.row(f"sparring/{name}-v0").build for name in ("KuhnPoker", "ToolTasks"))
    assert {"illegal", "max_turns", "charset"} - dict(options_of(poker)).keys() == {"charset"}
    assert {"backend", "max_turns", "sandbox"} - dict(options_of(tools)).keys() == {"sandbox"}
    with pytest.raises(ValueError, match="poker has no option 'charset'; it takes action_order, "):
        typed_options("poker", poker, {"charset": "abc"})


def test_an_option_that_takes_an_object_or_its_name_is_written_by_name() -> None:
    def build(world: str | Path = "fiction", place: Path | None = None) -> None:
        """An object cannot be written as text; its name can."""

    assert typed_options("it", build, {"world": "atlas"}) == {"world": "atlas"}
    with pytest.raises(ValueError, match="it has no option 'place'; it takes world"):
        typed_options("it", build, {"place": "here"})


def test_a_keyword_that_there_is_not_is_known_by_pythons_type_and_words():
    """TorchRL and others try a keyword, and leave it out where this error comes."""
    with pytest.raises(TypeError, match=r"has no option 'frameskip'; .* \(unexpected keyword argument 'frameskip'\)"):
        gymnasium.make("sparring.envs:sparring/TicTacToe-v0", opponent="random", frameskip=1)
