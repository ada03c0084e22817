"""The page in a real browser: toggles, filters, large policies, phones, print, contrast and keyboard."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, ViewportSize, expect

from sparring.agents.scripted import ScriptedAgent
from sparring.content import Blob
from sparring.rollout.loop import Match, play
from sparring.scoreboard.game_theory import uniform_policy
from sparring.scoreboard.matches import head_to_head
from sparring.scoreboard.report.build import build_report
from sparring.scoreboard.standings import RunData, load_run
from sparring.store.store import Store
from sparring.types import Call, Message, Observation, Policy, Reply, Segment

HOSTILE = "</script><img src=x onerror=alert(1)>\u202e"
KUHN, LEDUC = "sparring/KuhnPoker-v0", "sparring/LeducPoker-v0"


class Scripted(ScriptedAgent):
    """Takes the first of its preferences that is legal, as one token of two."""

    def __init__(self, name: str, *prefers: str, learns: bool = False) -> None:
        self.name, self.prefers, self.sampling = name, prefers, None
        self.policies = (Policy(name, "update-1", trainable=learns),)

    async def act(self, observation: Observation) -> Reply:
        action = next(one for one in self.prefers if one in (observation.legal_actions or ()))
        segments = (Segment("prompt", (5, 6)), Segment("generated", (7,), (-0.693147,), ((6, 7),)))
        return Reply(action, (Call(self.policies[0], segments=segments),))


def write_run(folder: Path, seed: int = 0, under_pressure: str = "fold") -> RunData:
    """Eight games of one that learns against one that always bets and calls."""
    learner, bold = Scripted("learner", "check", under_pressure, learns=True), Scripted("bold", "bet", "call")
    matches = [
        Match(f"game-{n}", KUHN, {"player_0": ("learner", "bold")[n % 2], "player_1": ("bold", "learner")[n % 2]}, n)
        for n in range(8)
    ]
    with Store(folder / "episodes", "a") as store:
        store.append(play(matches, {"learner": learner, "bold": bold}))
    lines = [{"update": n, f"nash_conv/{KUHN}": 0.9 - 0.1 * n, "illegal_share": 0.0} for n in range(4)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "config.json").write_text(
        json.dumps({"format": 3, "method": "spiral", "config": {"seed": seed, "steps": 3}})
    )
    return load_run(folder)


@pytest.fixture
def viewport() -> ViewportSize:
    return {"width": 1200, "height": 900}


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("one")
    build_report([write_run(folder / "run", 0)], folder / "report.html")
    return (folder / "report.html").as_uri()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("two")
    build_report([write_run(folder / "a", 0), write_run(folder / "b", 1)], folder / "report.html")
    return (folder / "report.html").as_uri()


@pytest.mark.slow
def test_a_name_in_a_legend_hides_its_line_and_a_runs_name_all_of_its_lines(page: Page, two: str) -> None:
    page.goto(two)
    lines = page.locator("#learning .wide .series:visible")
    expect(lines).to_have_count(2)
    page.locator("#learning .wide").get_by_role("button", name="a: policy").click()
    expect(lines).to_have_count(1)
    page.locator("#learning .wide").get_by_role("button", name="a: policy").click()
    run = page.locator("#learning .runs").get_by_role("button", name="b")
    run.focus()
    page.keyboard.press("Enter")
    expect(run).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".series[data-run='1']:visible")).to_have_count(0)
    expect(page.locator("#curves .series[data-run='0']:visible")).to_have_count(1)
    box = page.locator("#learning .wide svg.chart").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 60, box["y"] + 40)
    expect(page.locator("#tip p")).to_have_count(2)


@pytest.mark.slow
def test_several_runs_say_what_differs(page: Page, two: str) -> None:
    page.goto(two)
    expect(page.locator("#runs thead th").nth(1)).to_have_text("seed")
    expect(page.locator("#runs .seeds")).to_contain_text("2 runs that differ only in their seed")


@pytest.mark.slow
def test_the_whole_transcript_stands_on_the_page_with_its_probabilities(page: Page, one: str) -> None:
    page.goto(f"{one}#episode=game-0&turn=2")
    turns = page.locator("#transcript > li")
    expect(turns).to_have_count(3)
    expect(turns.nth(0).locator(".gist")).to_have_text(
        re.compile(r"^You act first\. Betting so far: none\.\sYour card")
    )
    expect(turns.nth(0).locator(".chips li")).to_have_text(["check 50 %", "bet 50 %"])
    expect(turns.nth(0).locator(".token")).to_have_text("check50 % of 2")
    expect(turns.nth(0).locator(".prompt pre")).not_to_be_visible()
    turns.nth(0).locator(".prompt summary").click()
    expect(turns.nth(0).locator(".prompt pre")).to_contain_text("Kuhn poker with the cards J, Q and K")
    expect(turns.nth(1)).to_have_attribute("aria-current", "true")
    expect(page.locator("#end .last")).to_have_count(2)
    expect(page.locator("#end .last").first).to_contain_text("saw at the end")
    expect(page.locator("#end .last pre").first).to_contain_text("you checked, opponent bet, you folded")
    page.keyboard.press("ArrowRight")
    expect(turns.nth(2)).to_have_attribute("aria-current", "true")


class Writer(ScriptedAgent):
    """Says where its words come from: a prompt, a very long answer, an image that it was shown."""

    def __init__(self) -> None:
        super().__init__("writer")

    async def act(self, observation: Observation) -> Reply:
        action = (observation.legal_actions or ("",))[0]
        messages = (
            Message("system", "Answer in brackets."),
            Message("user", f"{HOSTILE} What do you do?"),
            Message("assistant", f"{HOSTILE} [{action}]" + "x" * 30_000),
        )
        silent = (Message("user", "And why?"), Message("assistant", ""))
        policy = Policy("writer")
        return Reply(action, (Call(policy, messages=messages), Call(policy, messages=silent, purpose="reflect")))


@pytest.mark.slow
def test_what_a_model_was_asked_is_folded_and_what_it_wrote_stands_there_as_text(page: Page, tmp_path: Path) -> None:
    episodes = play(
        [Match("game", KUHN, {"player_0": "player_0", "player_1": "player_1"}, 0)],
        {"player_0": Writer(), "player_1": Writer()},
    )
    image = Blob.of(np.zeros((84, 96, 3), np.uint8), "camera/0")
    (first, *_) = [trajectory for trajectory in episodes[0].trajectories.values() if trajectory.turns]
    seen = replace(first.turns[0].observation, content=("What you see:", image, Blob.of(np.zeros(2000))))
    shown = replace(first, turns=(replace(first.turns[0], observation=seen), *first.turns[1:]))
    episode = replace(episodes[0], trajectories={**episodes[0].trajectories, first.seat: shown})
    build_report([RunData("run", tmp_path, {}, [], replays=[episode])], tmp_path / "report.html")
    page.goto((tmp_path / "report.html").as_uri())
    turn = page.locator("#transcript > li").first
    expect(turn.locator(".call")).to_have_count(2)
    call = turn.locator(".call").first
    expect(call.locator(".wrote pre")).to_be_visible()
    expect(call.locator(".wrote pre")).to_contain_text("<img src=x onerror=alert(1)>⟨U+202E⟩ [")
    expect(call.locator(".wrote .cut")).to_contain_text(re.compile(r"and 10,\d+ characters more"))
    expect(call.locator(".asked pre").first).to_be_hidden()
    call.locator(".asked summary").click()
    expect(call.locator(".asked .role")).to_have_text(["system", "user"])
    expect(call.locator(".asked pre").last).to_contain_text("<img src=x onerror=alert(1)>⟨U+202E⟩ What do you do?")
    expect(turn.locator(".call").last).to_contain_text("reflect · writer: the model wrote")
    expect(turn.locator(".call").last.locator(".wrote pre")).to_have_text("(nothing)")
    size = "84 \N{MULTIPLICATION SIGN} 96 \N{MULTIPLICATION SIGN} 3, uint8"
    expect(turn.locator(".blobs li")).to_have_text([f"image camera/0: {size}", "array: 2000, float64"])
    assert page.locator("#viewer img").count() == 0


@pytest.mark.slow
def test_episodes_are_filtered_by_who_lost_and_ordered_by_length(page: Page, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", under_pressure="call")
    build_report([run], tmp_path / "report.html")
    rewards = {
        episode.id: {seat.agent: seat.reward for seat in episode.trajectories.values()} for episode in run.replays
    }
    lost = {agent: [id for id, earned in rewards.items() if earned[agent] < 0] for agent in ("learner", "bold")}
    assert all(lost.values())
    page.goto((tmp_path / "report.html").as_uri())
    ids = page.locator("#episodes .id")
    expect(ids).to_have_text(list(rewards))
    expect(page.locator("#loser")).to_have_text("learner")
    page.get_by_label("lost by learner").check()
    expect(ids).to_have_text(lost["learner"])
    page.locator("#agent").select_option("bold")
    expect(page.locator("#loser")).to_have_text("bold")
    expect(ids).to_have_text(lost["bold"])
    page.locator("#only-lost").uncheck()
    page.locator("#order").select_option("longest")
    by_length = sorted(run.replays, key=lambda episode: -len(episode.turns))
    assert len({len(episode.turns) for episode in by_length}) > 1
    expect(ids).to_have_text([episode.id for episode in by_length])
    page.locator("#filter").fill("check · bet")
    expect(ids).to_have_text([episode.id for episode in by_length if episode.turns[0][1].action == "check"])


@pytest.mark.slow
def test_the_policy_of_a_large_game_is_light_and_can_be_filtered(page: Page, tmp_path: Path) -> None:
    words = {state: f"state {n} with card {'JQK'[n % 3]}" for n, state in enumerate(uniform_policy(LEDUC))}
    policies = dict.fromkeys(("first", "best", "last", "equilibrium"), uniform_policy(LEDUC))
    run = RunData("run", tmp_path, {}, [], policies={LEDUC: policies}, states={LEDUC: words})
    build_report([run], tmp_path / "report.html")
    page.goto((tmp_path / "report.html").as_uri())
    place = page.locator(".policy-table")
    expect(place.locator("tbody tr")).to_have_count(40)
    assert page.evaluate("document.querySelectorAll('*').length") < 5000
    expect(place).to_contain_text("936 states")
    place.get_by_role("searchbox").fill("state 935")
    expect(place.locator("tbody tr")).to_have_count(1)
    expect(place.locator("tbody th")).to_contain_text("state 935 with card")
    place.get_by_role("searchbox").fill("card Q")
    expect(place).to_contain_text("312 of 936 states")
    place.get_by_role("button", name="show more").click()
    expect(place.locator("tbody tr")).to_have_count(80)


@pytest.mark.slow
def test_the_state_farthest_from_the_equilibrium_can_stand_first(page: Page, tmp_path: Path) -> None:
    last = {"near": {"a": 0.5, "b": 0.5}, "far": {"a": 1.0, "b": 0.0}}
    policies = {"last": last, "equilibrium": {state: {"a": 0.4, "b": 0.6} for state in last}}
    build_report([RunData("run", tmp_path, {}, [], policies={"game": policies})], tmp_path / "report.html")
    page.goto((tmp_path / "report.html").as_uri())
    expect(page.locator(".policy-table tbody th")).to_have_text(["near", "far"])
    page.locator(".policy-table select").select_option("equilibrium")
    expect(page.locator(".policy-table tbody th")).to_have_text(["far", "near"])


@pytest.mark.slow
def test_on_a_phone_the_learning_curve_fits_the_screen(page: Page, one: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(one)
    chart = page.locator("#learning svg.chart:visible")
    expect(chart).to_have_count(1)
    box = chart.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.slow
def test_print_is_light_and_leaves_out_what_is_to_be_pressed(page: Page, one: str) -> None:
    page.emulate_media(media="print", color_scheme="dark")
    page.goto(one)
    expect(page.locator("#transcript > li").first).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for hidden in ("nav", ".finder", ".stepper"):
        expect(page.locator(hidden)).to_be_hidden()


@pytest.mark.slow
def test_no_table_is_wider_than_the_paper(page: Page, tmp_path: Path) -> None:
    agents = [Scripted(f"agent number {n}", "bet", "call") for n in range(6)]
    with Store(tmp_path / "ladder", "a") as store:
        head_to_head(KUHN, agents, 4, 0, store=store)
    names = ("first", "best (update 60)", "last", "average", "equilibrium")
    run = replace(write_run(tmp_path / "run"), policies={KUHN: dict.fromkeys(names, uniform_policy(KUHN))})
    build_report([run, load_run(tmp_path / "ladder")], tmp_path / "report.html")
    page.set_viewport_size({"width": 703, "height": 1000})  # A4 within its margins, at 96 dots an inch
    page.emulate_media(media="print")
    page.goto((tmp_path / "report.html").as_uri())
    expect(page.locator("table.policies tbody tr").first).to_be_visible()
    edges = page.eval_on_selector_all("table", "all => all.map((one) => one.getBoundingClientRect().right)")
    assert len([edge for edge in edges if edge > 0]) >= 3
    assert max(edges) <= 703


def ladder_of_six(folder: Path) -> str:
    """A page of six agents, one of a long name."""
    names = ("cfr", "random", "constant:bet/call", "constant:check/fold", "nano", "nano:temperature=0.25:top_p=0.9125")
    with Store(folder / "ladder", "a") as store:
        head_to_head(KUHN, [Scripted(name, "bet", "call") for name in names], 4, 0, store=store)
    build_report([load_run(folder / "ladder")], folder / "report.html")
    return (folder / "report.html").as_uri()


@pytest.mark.slow
def test_a_wide_table_takes_the_width_of_the_screen_or_says_that_there_is_more(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 1400, "height": 900})
    page.goto(ladder_of_six(tmp_path))
    table = page.get_by_role("group", name="Cross-table of Kuhn poker")
    hidden = "one => one.scrollWidth - one.clientWidth"
    hint = page.locator("#standings .hint").first
    assert table.evaluate(hidden) <= 1
    assert table.evaluate("one => one.getBoundingClientRect().left") >= 0
    expect(hint).to_be_hidden()
    page.set_viewport_size({"width": 390, "height": 844})
    assert table.evaluate(hidden) > 100
    expect(hint).to_have_text("scroll sideways for more →")
    expect(hint).to_be_visible()
    expect(table).to_have_class(re.compile(r"\bmore-right\b"))
    table.evaluate("one => { one.scrollLeft = one.scrollWidth; }")
    expect(table).to_have_class(re.compile(r"\bmore-left$"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.slow
def test_a_policy_table_on_a_phone_says_that_there_is_more(page: Page, tmp_path: Path) -> None:
    names = ("first", "best (update 60)", "last", "average", "equilibrium")
    policies = {KUHN: dict.fromkeys(names, uniform_policy(KUHN))}
    build_report([RunData("run", tmp_path, {}, [], policies=policies)], tmp_path / "report.html")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto((tmp_path / "report.html").as_uri())
    expect(page.locator("#policies .hint")).to_be_visible()
    page.set_viewport_size({"width": 1400, "height": 900})
    expect(page.locator("#policies .hint")).to_be_hidden()


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1400])
def test_a_long_name_is_broken_after_a_colon_only(page: Page, tmp_path: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(ladder_of_six(tmp_path))
    lines = page.eval_on_selector_all(
        ".cross th",
        """all => all.flatMap((one) => [...one.childNodes]).filter((part) => part.nodeType === 3).map((part) => {
             const range = document.createRange();
             range.selectNodeContents(part);
             return [part.textContent, range.getClientRects().length];
           })""",
    )
    parts = {text: count for text, count in lines if "=" in text or text in ("cfr", "check/fold", "nano:")}
    assert parts == dict.fromkeys(("cfr", "check/fold", "nano:", "temperature=0.25:", "top_p=0.9125"), 1)


@pytest.mark.slow
def test_a_page_of_paper_is_not_left_half_empty_for_the_learning_curve(page: Page, one: str) -> None:
    page.set_viewport_size({"width": 725, "height": 950})  # a letter within its margins, at 96 dots an inch
    page.emulate_media(media="print")
    page.goto(one)
    figure = page.locator("#learning figure.wide").bounding_box()
    assert figure is not None
    assert figure["height"] <= 0.33 * 950  # no more is moved to the next page as a whole
    assert page.locator("#learning .lead").evaluate("one => getComputedStyle(one).breakAfter") == "auto"


@pytest.mark.slow
def test_the_action_that_was_taken_can_be_read_on_paper(page: Page, one: str) -> None:
    page.emulate_media(media="print")
    page.goto(one)
    taken = page.locator("#transcript .chips li.taken").first
    expect(taken).to_be_visible()
    assert taken.evaluate("one => getComputedStyle(one).color") == "rgb(0, 0, 0)"  # browsers print no backgrounds


@pytest.mark.slow
def test_the_lines_of_several_runs_have_different_shapes(page: Page, two: str) -> None:
    page.goto(two)
    legend = "all => all.map((one) => one.querySelector('.shape')?.getAttribute('d'))"
    shapes = page.eval_on_selector_all("#learning .runs .toggle", legend)
    assert None not in shapes
    assert len(set(shapes)) == 2
    for rank, shape in enumerate(shapes):
        drawn = page.locator(f"#learning .wide .series[data-run='{rank}'] .shape")
        assert drawn.count() > 1
        assert drawn.first.get_attribute("d") == shape


@pytest.mark.slow
def test_everything_that_scrolls_can_be_reached_by_keyboard_and_has_a_name(page: Page, one: str) -> None:
    page.goto(one)
    expect(page.locator("#viewer")).to_be_visible()
    nameless = page.eval_on_selector_all(
        ".scroll, button, input, select, [tabindex='0']",
        """all => all.filter((one) => one.tabIndex < 0 || !(one.getAttribute('aria-label') || one.textContent.trim()
                                      || one.closest('label'))).map((one) => one.outerHTML)""",
    )
    assert nameless == []


def colors(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))


def luminance(color: str) -> float:
    channels = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1])
@pytest.mark.parametrize("name", ["ink", "soft", "accent", "c0", "c1", "c2", "c3", "c4", "c5", "won", "lost"])
def test_text_stands_out_from_its_background(scheme: int, name: str) -> None:
    """WCAG 2.1, 1.4.3: 4.5 to 1."""
    style: Any = files("sparring.scoreboard.report").joinpath("report.css").read_text()
    found = colors(re.findall(r":root \{(.*?)\}", style, re.DOTALL)[scheme])
    assert min(contrast(found[name], found[ground]) for ground in ("paper", "panel")) >= 4.5
