"""Tables of policies say states in words, in the order of play, the equilibrium beside them."""

from __future__ import annotations

import json
from pathlib import Path

from sparring.scoreboard.evaluate import load_for_report
from sparring.scoreboard.game_theory import uniform_policy
from sparring.scoreboard.report.policies import policy_tables
from sparring.scoreboard.standings import RunData
from sparring.scoreboard.state_words import states_in_words

KUHN = "sparring/KuhnPoker-v0"
LEDUC = "sparring/LeducPoker-v0"


def test_states_of_kuhn_poker_are_said_in_words_and_in_the_order_of_play() -> None:
    words = list(states_in_words(KUHN).values())
    assert len(words) == 12
    assert words[0] == "You act first. Betting so far: none. Your card is J."
    assert [line.startswith("You act first. Betting so far: none.") for line in words] == [True] * 3 + [False] * 9
    assert all("you checked, opponent bet" in line for line in words[-3:])
    assert not any("Legal actions" in line or "highest" in line for line in words)


def test_a_run_shows_its_policies_beside_the_equilibrium(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text(json.dumps({"update": 0, f"nash_conv/{KUHN}": 0.9}) + "\n")
    uniform = uniform_policy(KUHN)
    (tmp_path / "policies.json").write_text(json.dumps({KUHN: {"first": uniform, "last": uniform}}))
    (table,) = policy_tables([load_for_report(tmp_path)])
    assert (table.env_id, table.labels) == (KUHN, ("first", "last", "equilibrium"))
    by_words = {row.words: row for row in table.rows}
    king = by_words["You act second. Betting so far: opponent bet. Your card is K."]
    assert king.actions == ("fold", "call")
    assert king.distributions[:2] == ((0.5, 0.5), (0.5, 0.5))
    assert king.distributions[2][1] == 1.0


def test_every_game_of_a_run_has_its_table(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"update": 0}\n')
    other = {"their/Game-v0": {"last": {"state": {"a": 1.0}}}}
    (tmp_path / "policies.json").write_text(json.dumps({KUHN: {"last": uniform_policy(KUHN)}, **other}))
    run = load_for_report(tmp_path)
    assert [table.env_id for table in policy_tables([run])] == [KUHN, "their/Game-v0"]
    assert any("their/Game-v0 are left out" in problem for problem in run.damaged)


def test_states_that_differ_in_nothing_that_is_shown_share_a_row() -> None:
    policies = {"last": {"one": {"a": 0.5, "b": 0.5}, "two": {"a": 0.501, "b": 0.499}, "three": {"a": 0.9, "b": 0.1}}}
    words = dict.fromkeys(("one", "two", "three"), "Your card is K.")
    run = RunData("run", Path("run"), {}, [], policies={"game": policies}, states={"game": words})
    (table,) = policy_tables([run])
    assert [(row.words, row.distributions, row.states) for row in table.rows] == [
        ("Your card is K.", ((0.5, 0.5),), 2),
        ("Your card is K.", ((0.9, 0.1),), 1),
    ]


def test_two_cards_of_one_rank_are_one_row_in_leduc_poker() -> None:
    run = RunData(
        "run",
        Path("run"),
        {},
        [],
        policies={LEDUC: {"uniform": uniform_policy(LEDUC)}},
        states={LEDUC: states_in_words(LEDUC)},
    )
    (table,) = policy_tables([run])
    assert sum(row.states for row in table.rows) == 936
    assert len(table.rows) == 288
