"""The tree of programs is drawn from what the turns say, in a real browser, with mouse and keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from playwright.sync_api import Page, expect

from sparring import registry
from sparring.agents.scripted import ScriptedAgent
from sparring.rollout.loop import Match, play
from sparring.scoreboard.report.build import build_report, load_run
from sparring.scoreboard.report.code_tree import code_tree
from sparring.store.store import Store
from sparring.types import Episode, Observation, Reply

HOSTILE = "</script><img src=x onerror=alert(1)>\u202e"
PARENTS = [None, None, None, 2, 2, 3, 3]
STATUSES = ["ok", "nonzero", "illegal", "ok", "timeout", "ok", "ok"]
OUTPUTS = ["42", "NameError: x", "", "42.0", "", HOSTILE, "0"]
VOTE: dict[str, Any] = {
    "votes": {"42": 2, HOSTILE: 1},
    "voters": {"42": [1, 4], HOSTILE: [6]},
    "chosen": "42",
    "abstained": False,
    "rejected": {"7": "line 3 hides every error"},
}


class Scene(gymnasium.Env[str, str]):
    """Says of the programs what the table above says."""

    def __init__(self) -> None:
        self.action_space = self.observation_space = gymnasium.spaces.Text(1000)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        self.turn = 0
        return "task", {}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        at, self.turn = self.turn, self.turn + 1
        if action.startswith("<answer>"):
            return "", 1.0, True, False, {}
        if STATUSES[at] == "illegal":
            return "seen", 0.0, False, False, {"illegal": True}
        return "seen", 0.0, False, False, {"execution": {"status": STATUSES[at], "output": OUTPUTS[at]}}


class Player(ScriptedAgent):
    """Writes its notes and nothing of substance."""

    def __init__(self, *notes: dict[str, Any]) -> None:
        self.name, self.policies, self.sampling, self.notes = "player", (), None, notes

    async def act(self, observation: Observation) -> Reply:
        last = observation.turn == len(self.notes) - 1
        return Reply(
            "<answer>42</answer>" if last else f"program {observation.turn}", notes=self.notes[observation.turn]
        )


NODES = [{"node": n, "parent": parent, "prompt": "plan", "model": "m"} for n, parent in enumerate(PARENTS, start=1)]
TREE = Player(*NODES, VOTE)
CHAIN = Player({"node": 1, "parent": None}, {"node": 2, "parent": 1}, {"parent": 2})
PLAIN = Player({}, {})


@pytest.fixture(autouse=True)
def scene() -> Iterator[None]:
    with registry.envs.temporary(registry.EnvironmentRow("test/Scene-v0", Scene)):
        yield


def played(player: Player, id: str = "m") -> Episode:
    (episode,) = play([Match(id, "test/Scene-v0", {"player_0": "player_0"}, 1)], {"player_0": player})
    assert episode.error is None
    return episode


def test_the_tree_is_laid_out_as_it_grew() -> None:
    tree = code_tree(played(TREE))
    assert tree is not None
    assert [node.mark for node in tree.nodes] == ["chosen", "failed", "illegal", "chosen", "failed", "ran", "rejected"]
    assert [(node.parent, node.depth, node.turn) for node in tree.nodes[:4]] == [
        (None, 1, 0),
        (None, 1, 1),
        (None, 1, 2),
        (2, 2, 3),
    ]
    x = {node.id: node.x for node in tree.nodes}
    assert [x[id] for id in (1, 4, 5, 6, 7)] == [16.0, 44.0, 72.0, 100.0, 128.0], "leaves stand side by side"
    assert (x[2], x[3]) == (58.0, 114.0), "others stand in the middle of their children"
    assert {node.y for node in tree.nodes} == {68.0, 120.0}
    assert (tree.width, tree.height) == (144.0, 136.0)
    assert [(answer.text, answer.voters, answer.chosen) for answer in tree.answers] == [
        ("42", (1, 4), True),
        (HOSTILE, (6,), False),
    ]
    assert (
        tree.nodes[6].label
        == "program 7 after 3, ok, printed 0, rejected: line 3 hides every error, prompt plan, model m"
    )


def test_a_chain_lies_down_and_an_episode_without_programs_has_no_tree() -> None:
    chain = code_tree(played(CHAIN))
    assert chain is not None
    assert [(node.x, node.y) for node in chain.nodes] == [(68.0, 16.0), (120.0, 16.0)]
    assert code_tree(played(PLAIN)) is None


@pytest.mark.parametrize(
    "notes",
    [
        {"node": "1"},
        {"node": 1, "parent": 5},
        {"node": True},
        {"node": 1, "parent": [1]},
        {"node": 1, "parent": 1},
    ],
)
def test_notes_that_are_no_tree_are_not_drawn(notes: dict[str, Any]) -> None:
    assert code_tree(played(Player(notes, {}))) is None


@pytest.mark.parametrize("vote", [{"voters": 3}, {"voters": {"a": 1, "b": ["x"]}, "chosen": 4, "rejected": [1]}])
def test_a_vote_in_another_form_is_left_out(vote: dict[str, Any]) -> None:
    tree = code_tree(played(Player({"node": 1, "parent": None}, vote)))
    assert tree is not None
    assert all(not answer.voters for answer in tree.answers)
    assert [node.mark for node in tree.nodes] == ["ran"]


@pytest.fixture
def report(tmp_path: Path) -> Path:
    with Store(tmp_path / "run" / "episodes", "a") as store:
        store.append([played(TREE, "tree"), played(CHAIN, "chain"), played(PLAIN, "plain")])
    build_report([load_run(tmp_path / "run")], tmp_path / "report.html")
    return tmp_path / "report.html"


@pytest.mark.slow
def test_a_person_reads_the_tree_and_clicks_on_a_program(page: Page, report: Path) -> None:
    page.goto(f"{report.as_uri()}#episode=tree&turn=1")
    expect(page.locator("#tree figcaption")).to_have_text("7 programs")
    expect(page.locator(".tree [role=button]")).to_have_count(7)
    for mark, count in {"chosen": 2, "failed": 2, "illegal": 1, "ran": 1, "rejected": 1}.items():
        expect(page.locator(f".tree .node.{mark}")).to_have_count(count)
        expect(page.locator(f".tree .mark.{mark}")).to_have_count(count)
    symbols = page.eval_on_selector_all(".tree .mark", "marks => marks.map((mark) => mark.getAttribute('d'))")
    assert len(set(symbols)) == 4, "failed, illegal, rejected and ran differ by symbol as well as by color"
    expect(page.locator("#tree .legend li")).to_have_text(
        ["ran and voted for the answer", "ran", "ran, but was rejected", "failed", "no program"]
    )
    expect(page.locator("#tree .votes li")).to_have_text(
        ["422 votes, the answerfrom 1, 4", "</script><img src=x onerror=alert(1)>⟨U+202E⟩1 votefrom 6"]
    )
    expect(page.locator(".tree [aria-current=true]")).to_have_attribute("data-node", "1")
    page.get_by_role("button", name="program 5 after 2, timeout").click()
    expect(page.locator("#position")).to_have_text("turn 5 of 8")
    expect(page.locator(".tree [aria-current=true]")).to_have_attribute("data-node", "5")
    page.get_by_role("button", name="Next turn").click()
    expect(page.locator(".tree [aria-current=true]")).to_have_attribute("data-node", "6")
    assert page.locator("img").count() == 0


@pytest.mark.slow
def test_the_tree_can_be_walked_with_the_keyboard(page: Page, report: Path) -> None:
    page.goto(f"{report.as_uri()}#episode=tree&turn=4")
    page.locator(".tree [data-node='4']").focus()
    for key, node in [("ArrowUp", "2"), ("ArrowDown", "4"), ("ArrowRight", "5"), ("ArrowLeft", "4")]:
        page.keyboard.press(key)
        expect(page.locator(".tree [aria-current=true]")).to_have_attribute("data-node", node)
        expect(page.locator(".tree [tabindex='0']")).to_be_focused()
    expect(page.locator("#title")).to_have_text("tree")


@pytest.mark.slow
def test_a_chain_is_drawn_and_an_episode_without_programs_shows_no_tree(page: Page, report: Path) -> None:
    page.goto(f"{report.as_uri()}#episode=chain&turn=1")
    expect(page.locator(".tree [role=button]")).to_have_count(2)
    page.locator("#episodes").get_by_role("option", name="plain").click()
    expect(page.locator("#tree")).to_be_hidden()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_stand_out_in_both_color_schemes(page: Page, report: Path, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{report.as_uri()}#episode=tree&turn=1")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    for mark in ("ran", "rejected", "failed", "illegal"):
        assert page.locator(f".tree .mark.{mark}").first.evaluate("mark => getComputedStyle(mark).stroke") != paper
    chosen = page.locator(".tree .mark.chosen").first.evaluate("mark => getComputedStyle(mark).stroke")
    filled = page.locator(".tree .node.chosen").first.evaluate("node => getComputedStyle(node).fill")
    assert chosen == paper != filled


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1200])
def test_the_tree_makes_the_page_no_wider(page: Page, report: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{report.as_uri()}#episode=tree&turn=1")
    expect(page.locator("#tree")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
