"""The report works from file:// in a real browser, shows what is stored, and runs nothing that agents wrote."""

from __future__ import annotations

import base64
import gzip
import json
import math
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from sparring.agents.scripted import ScriptedAgent
from sparring.rollout.loop import Match, play
from sparring.scoreboard.report.build import RunData, build_report, load_run, render
from sparring.scoreboard.stats import Estimate
from sparring.store.store import Store
from sparring.types import Call, Message, Observation, Policy, Reply, Sampling, Segment

MINUS = "\N{MINUS SIGN}"
KUHN = "sparring/KuhnPoker-v0"
HOSTILE = "</script><img src=x onerror=alert(1)>\x00\u202e\ud800<!--<script>alert(2)//"


@dataclass
class Scripted(ScriptedAgent):
    """Plays the first legal action; the attacker says hostile text instead."""

    name: str
    attacks: bool = False
    policies: tuple[Policy, ...] = (Policy("scripted"),)
    sampling: Sampling | None = None

    async def act(self, observation: Observation) -> Reply:
        assert observation.legal_actions is not None
        action = HOSTILE if self.attacks else observation.legal_actions[0]
        segments = (Segment("prompt", (5, 6)), Segment("generated", (1, 2, 3), (-0.5, -0.25, 0.0)))
        messages = (Message("user", "Act."), Message("assistant", "thinking"))
        return Reply(action, (Call(self.policies[0], segments=segments, messages=messages),))


def write_run(folder: Path) -> RunData:
    """Ten games, the last of them lost by hostile text, and three updates."""
    honest, attacker = Scripted("honest"), Scripted(f"attacker {HOSTILE}", attacks=True)
    matches = [
        Match(f"game-{n}", KUHN, {"player_0": "honest", "player_1": "attacker" if n == 9 else "honest"}, n)
        for n in range(10)
    ]
    with Store(folder / "episodes", "a") as store:
        store.append(play(matches, {"honest": honest, "attacker": attacker}))
    lines = [
        {
            "update": update,
            f"nash_conv/{KUHN}": 0.9 - 0.2 * update,
            f"nash_conv_average/{KUHN}": 0.9 - 0.25 * update,
            f"reward/{KUHN}/player_0": -0.1,
            f"reward/{KUHN}/player_1": 0.1,
            "loss": 0.5 / (update + 1),
            "illegal_share": 0.1,
            HOSTILE: 1.0,
        }
        for update in range(3)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "config.json").write_text(
        json.dumps({"format": 3, "method": HOSTILE, "config": {"note": HOSTILE, "learning_rate": 0.0001}})
    )
    return replace(
        load_run(folder),
        references={KUHN: {"uniform": 0.916667, "always bet": 0.666667, "equilibrium": 0.0}},
        policies={
            KUHN: {
                "before": {"0": {"check": 0.5, "bet": 0.5}, HOSTILE: {"check": 1.0}},
                "after": {"0": {"check": 0.9, "bet": 0.1}, HOSTILE: {"check": 1.0}},
            }
        },
    )


def unpacked(html: str) -> list[dict[str, Any]]:
    packed = re.search(r'id="packed">([A-Za-z0-9+/=]*)</script>', html)
    assert packed is not None
    return list(json.loads(gzip.decompress(base64.b64decode(packed[1]))))


def test_a_report_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one run"):
        build_report([], tmp_path / "report.html")


def test_a_report_that_cannot_be_written_leaves_the_last_one(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    build_report([run], tmp_path / "report.html")
    last = (tmp_path / "report.html").read_text()
    with pytest.raises(TypeError):
        build_report([replace(run, metrics=[None])], tmp_path / "report.html")  # type: ignore[list-item]
    assert (tmp_path / "report.html").read_text() == last
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "run"]


def test_a_report_replaces_an_earlier_one_or_an_empty_file_and_nothing_else(tmp_path: Path) -> None:
    run, output = RunData("empty", tmp_path, {}, []), tmp_path / "report.html"
    output.touch()
    build_report([run], output)
    build_report([replace(run, label="newer")], output)
    assert "<title>Sparring: newer</title>" in output.read_text()
    output.write_text("<html><title>My thesis</title></html>")
    with pytest.raises(OSError, match="it exists and is no report of ours"):
        build_report([run], output)
    assert "My thesis" in output.read_text()


def test_a_report_is_not_written_through_a_link_or_into_a_device(tmp_path: Path) -> None:
    run, link, pipe = RunData("empty", tmp_path, {}, []), tmp_path / "link.html", tmp_path / "pipe"
    build_report([run], tmp_path / "report.html")
    before = (tmp_path / "report.html").read_bytes()
    link.symlink_to(tmp_path / "report.html")
    with pytest.raises(OSError, match=r"it is a link, to .*report\.html; name the file itself"):
        build_report([replace(run, label="newer")], link)
    os.mkfifo(pipe)
    for place in (pipe, Path("/dev/null"), tmp_path):
        with pytest.raises(OSError, match="is no regular file"):
            build_report([run], place)
    assert link.is_symlink()
    assert (tmp_path / "report.html").read_bytes() == before
    assert Path("/dev/null").is_char_device()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.html", "pipe", "report.html"]


def test_a_report_makes_no_folders(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="there is no folder"):
        build_report([RunData("empty", tmp_path, {}, [])], tmp_path / "a" / "b" / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_standings_say_what_is_counted_and_never_nan(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    unknown, nobody = Estimate(1.0, -math.inf, math.inf, 2, 1), Estimate(math.nan, 0.0, 1.0, 0, 0)
    alone = replace(run.standings[0], opponent=None, itself=False, reward=unknown, win_rate=nobody)
    broken = replace(run.standings[0], itself=False, opponent="other", reward=nobody, win_rate=nobody)
    html = render([replace(run, standings=[*run.standings, alone, broken])])
    assert "itself (first seat against second)" in html
    assert "no interval: needs two tasks" in html
    assert "no episodes" in html
    assert "∞" not in html
    assert "nan" not in re.sub(r'id="packed">[^<]*', "", html).lower().replace("finance", "")


def test_a_run_whose_figures_are_no_numbers_still_has_a_report(tmp_path: Path) -> None:
    html = render([RunData("lost", tmp_path, {}, [{"update": 0, f"nash_conv/{KUHN}": math.nan}])])
    assert "<dd>not a number</dd>" in html


def test_the_pairs_that_met_most_are_kept_in_their_order(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    many = [replace(run.standings[0], opponent=f"other-{n:03}", itself=False, episodes=n) for n in range(70)]
    html = render([replace(run, standings=many)])
    assert "10 pairs that met less often are left out" in html
    assert [f"other-{n:03}" in html for n in (9, 10, 69)] == [False, True, True]


def test_replays_hold_what_is_stored(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    replays = unpacked(render([run]))
    assert [replay["id"] for replay in replays] == [f"game-{n}" for n in range(10)]
    for replay, episode in zip(replays, run.replays, strict=True):
        assert replay["hash"] == episode.hash
        assert replay["turns"] == [
            {
                "seat": seat,
                "observation": turn.observation.text,
                "legal_actions": list(turn.observation.legal_actions or ()),
                "action": turn.action,
                "legal": turn.legal,
                "reward": turn.reward,
                "blobs": [],
                "calls": [
                    {
                        "purpose": "act",
                        "model": "scripted",
                        "asked": [["user", "Act.", 0]],
                        "wrote": "thinking",
                        "cut": 0,
                    }
                ],
                "prompt": 2,
                "tokens": 3,
                "written": [["#1", -0.5, None], ["#2", -0.25, None], ["#3", 0.0, None]],
                "distribution": None,
            }
            for seat, turn in episode.turns
        ]


def test_hostile_text_is_never_markup(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    html = render([replace(run, label=HOSTILE, damaged=[HOSTILE])])
    assert "<img" not in html
    assert html.count("<script") == html.count("</script>") == 3
    assert html.count("<!--") == 0
    html.encode("utf-8")


def test_a_report_is_the_same_every_time_and_asks_for_nothing(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    html = render([run])
    assert html == render([run])
    assert re.findall(r"https?://[^\"']*", html) == ["http://www.w3.org/2000/svg"]
    assert "default-src 'none'" in html
    assert "unsafe" not in html


def test_commands_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    run = write_run(tmp_path / "my run; reboot")
    replays = [replace(run.replays[0], id="$(reboot)")]
    html = render([replace(run, replays=replays)])
    assert f"sparring verify &#39;{run.path}&#39;</code>" in html
    assert "sparring replay " in html
    assert "&#39;$(reboot)&#39;</code>" in html


def test_runs_with_one_name_are_told_apart(tmp_path: Path) -> None:
    one, two = write_run(tmp_path / "a" / "run"), write_run(tmp_path / "b" / "run")
    assert {replay["run"] for replay in unpacked(render([one, two]))} == {str(one.path), str(two.path)}


def test_a_run_with_nothing_in_it_still_has_a_report(tmp_path: Path) -> None:
    html = render([RunData("empty", tmp_path, {}, [])])
    assert html.count("No episodes are recorded.") == 2
    assert 'id="learning"' not in html


@pytest.fixture
def report(tmp_path: Path) -> Path:
    build_report([write_run(tmp_path / "run")], tmp_path / "report.html")
    return tmp_path / "report.html"


@pytest.mark.slow
def test_a_person_clicks_through_a_replay(page: Page, report: Path) -> None:
    page.goto(report.as_uri())
    expect(page.locator("#found")).to_have_text("10 episodes")
    page.get_by_role("option", name="game-3").click()
    expect(page.locator("#title")).to_have_text("game-3")
    expect(page.locator("#position")).to_have_text("turn 1 of 2")
    expect(page.locator("[aria-current=true] pre").first).to_contain_text("You act first.")
    expect(page.locator("[aria-current=true] .seat")).to_have_text("player_0")
    expect(page.locator("[aria-current=true] .chips li")).to_have_text(["check", "bet"])
    expect(page.locator("[aria-current=true] .chips .taken")).to_have_text("check")
    expect(page.locator("[aria-current=true] .said")).to_have_text("check")
    expect(page.locator("[aria-current=true] .verdict")).to_have_text("legal")
    expect(page.locator("[aria-current=true] .numbers")).to_contain_text(f"{MINUS}0.75 nats, probability 0.4724")
    expect(page.locator("[aria-current=true] .token")).to_have_text(["#161 %", "#278 %", "#3"])
    expect(page.locator("#previous")).to_be_disabled()
    page.get_by_role("button", name="Next turn").click()
    expect(page.locator("#position")).to_have_text("turn 2 of 2")
    expect(page.locator("[aria-current=true] .seat")).to_have_text("player_1")
    expect(page.locator("#next")).to_be_disabled()
    expect(page.locator("#outcome")).to_contain_text("End (ok): player_0 ")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#position")).to_have_text("turn 1 of 2")
    page.locator("#slider").fill("2")
    expect(page.locator("#position")).to_have_text("turn 2 of 2")
    assert page.url.endswith("#episode=game-3&turn=2")


@pytest.mark.slow
def test_hostile_text_is_shown_as_text(page: Page, report: Path) -> None:
    page.goto(report.as_uri())
    page.get_by_label("with an illegal action").check()
    expect(page.locator("#found")).to_have_text("1 of 10 episodes")
    page.locator("#episodes li").click()
    page.get_by_role("button", name="Next turn").click()
    expect(page.locator("[aria-current=true] .said")).to_have_text(
        "</script><img src=x onerror=alert(1)>⟨U+0000⟩⟨U+202E⟩⟨U+D800⟩<!--<script>alert(2)//"
    )
    expect(page.locator("[aria-current=true] .verdict")).to_have_text("illegal")
    assert page.locator("img").count() == 0
    expect(page.locator("#outcome")).to_contain_text(f"forfeit {MINUS}")


@pytest.mark.slow
def test_a_deep_link_opens_its_turn(page: Page, report: Path) -> None:
    page.goto(f"{report.as_uri()}#episode=game-7&turn=2")
    expect(page.locator("#title")).to_have_text("game-7")
    expect(page.locator("#position")).to_have_text("turn 2 of 2")
    expect(page.locator("#episodes [aria-selected=true] .id")).to_have_text("game-7")
    expect(page.locator("#viewer")).to_be_in_viewport()
    page.evaluate("location.hash = '#episode=game-1&turn=1'")
    expect(page.locator("#title")).to_have_text("game-1")


@pytest.mark.slow
def test_the_filter_narrows_the_list(page: Page, report: Path) -> None:
    page.goto(report.as_uri())
    page.locator("#filter").fill("attacker game-9")
    expect(page.locator("#found")).to_have_text("1 of 10 episodes")
    page.locator("#filter").fill("nobody")
    expect(page.locator("#found")).to_have_text("0 of 10 episodes")
    page.locator("#filter").fill("")
    expect(page.locator("#found")).to_have_text("10 episodes")


@pytest.mark.slow
def test_the_learning_curve_tells_its_values(page: Page, report: Path) -> None:
    page.goto(report.as_uri())
    expect(page.locator(".tiles dd:not(.remark)")).to_have_text(["0.9", "0.5", "0.5", "0.4", "10", "5 %"])
    expect(page.locator("#learning .wide .reference text")).to_have_text(
        ["uniform 0.9167", "always bet 0.6667", "equilibrium 0"]
    )
    page.locator("#learning .wide svg.chart").scroll_into_view_if_needed()
    box = page.locator("#learning .wide svg.chart").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.43, box["y"] + 40)
    expect(page.locator("#tip p")).to_have_text(["update 1", "policy0.7", "average of all policies0.65"])
    page.mouse.move(0, 0)
    expect(page.locator("#tip")).to_be_hidden()


@pytest.mark.slow
def test_without_scripts_everything_but_the_replays_can_be_read(browser: Browser, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    expect(page.locator("noscript p").first).to_be_visible()
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator("#learning .wide svg.chart .line").first).to_be_visible()
    expect(page.locator(".standings tbody tr")).to_have_count(2)
    expect(page.locator(".policies tbody tr")).to_have_count(2)
    expect(page.locator("#check")).to_contain_text("sparring verify ")
    context.close()


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_is_not_wider_than_the_screen(page: Page, report: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(report.as_uri())
    expect(page.locator("#viewer")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
