"""Replays say what the record tells: how likely each action was, what each token was chosen among, and no more."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from sparring.scoreboard.report.replays import known_distributions, replays
from sparring.types import Call, Episode, Policy, Sampling, Seen, Segment, Trajectory, Turn

LEGAL = ("fold", "call", "raise")
POLICY = Policy("model", "update-1")


def turn(action: str, probability: float, legal: tuple[str, ...] | None = LEGAL, prompt: int = 1) -> Turn:
    generated = Segment("generated", (7,), (math.log(probability),), ((5, 6, 7),))
    return with_segments(
        Turn(0, Seen((f"seen {prompt}",), legal), action, True, 1.0), Segment("prompt", (prompt,)), generated
    )


def with_segments(turn: Turn, *segments: Segment, policy: Policy = POLICY) -> Turn:
    return replace(turn, calls=(Call(policy, Sampling(), segments),))


def episode(id: str, *turns: Turn, policy: Policy = POLICY) -> Episode:
    played = tuple(with_segments(turn, *turn.segments, policy=policy) for turn in turns)
    seat = Trajectory(f"{id}/player_0", "player_0", "model", played, 1.0, reward_parts={"payoff": 1.0})
    return Episode(id, "their/Game-v0", "0", {}, 1, "ok", {"player_0": seat})


def distributions(*episodes: Episode) -> list[dict[str, float] | None]:
    """The distribution that is shown at the first turn of each."""
    return [one["turns"][0]["distribution"] for one in replays("run", episodes)]


def test_other_episodes_of_the_same_weights_and_prompt_tell_the_other_actions() -> None:
    shown = distributions(episode("a", turn("fold", 0.2)), episode("b", turn("call", 0.5)))
    assert shown[0] == shown[1] == pytest.approx({"fold": 0.2, "call": 0.5, "raise": 0.3})


def test_what_nobody_recorded_is_not_made_up() -> None:
    assert distributions(episode("a", turn("fold", 0.2))) == [{"fold": 0.2}]
    assert distributions(episode("a", turn("fold", 0.2, ("fold", "call")))) == [
        pytest.approx({"fold": 0.2, "call": 0.8})
    ]


def test_other_weights_and_other_prompts_tell_nothing() -> None:
    first, other = episode("a", turn("fold", 0.2)), Policy("model", "update-2")
    assert distributions(first, episode("b", turn("call", 0.5), policy=other)) == [{"fold": 0.2}, {"call": 0.5}]
    assert distributions(first, episode("b", turn("call", 0.5, prompt=2))) == [{"fold": 0.2}, {"call": 0.5}]


def test_who_wrote_freely_has_no_distribution_over_the_legal_actions() -> None:
    written = turn("fold", 0.2)
    freely = tuple(replace(segment, allowed=None) for segment in written.segments)
    illegal = turn("bet a lot", 0.9)
    assert known_distributions([episode("a", with_segments(written, *freely)), episode("b", illegal)]) == {}
    assert known_distributions([episode("c", with_segments(written))]) == {}


def test_a_token_shows_its_text_where_that_is_certain_and_its_id_elsewhere() -> None:
    one = turn("fold", 0.5)
    (shown,) = replays("run", [episode("a", one)])
    assert shown["turns"][0]["written"] == [["fold", round(math.log(0.5), 5), 3]]
    assert (shown["turns"][0]["prompt"], shown["turns"][0]["tokens"]) == (1, 1)
    spelled = Segment("generated", tuple(b"bet]"), (-0.5, 0.0, 0.0, 0.0), ((98, 99), (101,), (116,), (93,)))
    (shown,) = replays("run", [episode("a", with_segments(replace(one, action="bet"), spelled))])
    assert [entry[0] for entry in shown["turns"][0]["written"]] == ["b", "e", "t", "]"]
    unknown = Segment("generated", (501, 7))
    (shown,) = replays("run", [episode("a", with_segments(replace(one, action="bet"), unknown))])
    assert shown["turns"][0]["written"] == [["#501", None, None], ["#7", None, None]]
    free = Segment("generated", (7,), (-0.1,))
    (shown,) = replays("run", [episode("a", with_segments(one, free))])
    assert shown["turns"][0]["written"] == [["#7", -0.1, None]]
