"""Names: what is found, what is not, and who may add one."""

import os
import subprocess
import sys
import textwrap

import pytest

from sparring import envs, registry
from sparring.registry import AgentRow, EnvironmentRow, MissingExtra, Registry, Row, UnknownName, require, unknown

THIRD_PARTY = """
    from sparring import registry
    from sparring.envs.games.tic_tac_toe import TicTacToe


    @registry.envs.register("third/NoughtsAndCrosses-v0", family="games", seats=2)
    class NoughtsAndCrosses(TicTacToe):
        \"\"\"Another name for it.\"\"\"
"""


def test_an_unknown_environment_names_the_nearest():
    with pytest.raises(UnknownName, match=r"unknown environment 'sparring/KuhnPokr-v0'; did you mean 'sparring/KuhnPo"):
        envs.make("sparring/KuhnPokr-v0")


@pytest.mark.parametrize(
    ("written", "meant"), [("Nimm", "Nim"), ("hexx", "Hex"), ("snakes", "Snake"), ("tictactoe", "TicTacToe")]
)
def test_a_name_is_near_without_its_namespace_and_version(written, meant):
    assert unknown("environment", written, [row.name for row in registry.envs]).endswith(
        f"; did you mean 'sparring/{meant}-v0'?"
    )


def test_of_many_names_ten_are_listed_and_a_long_name_is_cut():
    said = unknown("thing", "?" * 300_000, [f"a{number:02}" for number in range(13)])
    assert said.endswith("known: a00, a01, a02, a03, a04, a05, a06, a07, a08, a09, and 3 more")
    assert len(said) < 250


def test_an_unknown_name_without_neighbours_lists_what_there_is():
    things = Registry("thing", Row, "sparring.envs.games")
    things.add(Row("apple", dict))
    with pytest.raises(UnknownName, match="unknown thing 'zzz'; known: apple"):
        things.row("zzz")


def test_a_name_that_is_taken_names_both_owners():
    things = Registry("thing", Row, "sparring.envs.games")
    things.register("pear")(dict)
    with pytest.raises(ValueError, match=r"thing 'pear' is registered twice: by builtins\.dict and by builtins\.list"):
        things.register("pear")(list)


def test_the_same_thing_may_register_again():
    things = Registry("thing", Row, "sparring.envs.games")
    things.register("pear")(dict)
    things.register("pear", summary="twice")(dict)
    assert things.row("pear").summary == "twice"


def test_kwargs_of_the_row_are_defaults():
    things = Registry("thing", Row, "sparring.envs.games")
    things.register("pair", kwargs={"a": 1, "b": 2})(dict)
    assert things.make("pair", b=3) == {"a": 1, "b": 3}


def test_rows_come_sorted_by_name_with_a_summary_out_of_the_docstring():
    rows = list(registry.envs)
    assert [row.name for row in rows] == sorted(row.name for row in rows)
    assert all(row.summary and row.family for row in rows)
    assert registry.envs.row("sparring/KuhnPoker-v0").seats == 2


def test_ids_and_names_agree():
    for row in registry.envs:
        if row.seats > 1:
            assert envs.make(row.name).metadata["name"] == row.name


def test_a_missing_extra_is_one_command():
    with pytest.raises(MissingExtra, match=r'no_such_module is not installed: run `pip install "sparring\[train\]"`'):
        require("no_such_module", "train")


def test_an_agent_spec_is_split_at_the_first_colon():
    with registry.agents.temporary(AgentRow("echo", lambda argument="nothing": argument)):
        assert registry.make_agent("echo") == "nothing"
        assert registry.make_agent("echo:offer: 1 Ore") == "offer: 1 Ore"


def test_a_decorator_leaves_the_class_as_it_is_and_takes_the_fields_of_its_kind_only():
    things = Registry("thing", EnvironmentRow, "sparring.envs.games")
    assert things.register("apple", seats=3, unit="apples")(dict) is dict
    assert (things.row("apple").seats, things.row("apple").unit) == (3, "apples")
    with pytest.raises(TypeError, match="seats"):
        Registry("thing", AgentRow, "sparring.envs.games").register("pear", seats=3)(dict)


def test_a_row_of_another_kind_is_refused():
    with pytest.raises(ValueError, match=r"environment: EnvironmentRow must be added, got AgentRow\(name='pear'"):
        registry.envs.add(AgentRow("pear", dict))


@pytest.mark.parametrize("wrong", [{"host": "elsewhere"}, {"seat_names": ("left",)}, {"unit": 3}], ids=str)
def test_an_environments_host_seat_names_and_unit_are_judged_when_it_is_registered(wrong):
    things = Registry("thing", EnvironmentRow, "sparring.envs.games")
    with pytest.raises(ValueError, match=f"thing 'pear': {next(iter(wrong))} must be "):
        things.register("pear", **{"seats": 2, **wrong})(dict)
    assert things.is_empty


def test_a_temporary_row_is_there_during_the_block_only():
    before = list(registry.envs)
    with registry.envs.temporary(EnvironmentRow("test/Apple-v0", dict, kwargs={"a": 1})) as row:
        assert registry.envs.row("test/Apple-v0") is row
        assert registry.envs.make("test/Apple-v0", b=2) == {"a": 1, "b": 2}
    assert list(registry.envs) == before
    with pytest.raises(UnknownName):
        registry.envs.row("test/Apple-v0")


def test_a_temporary_row_is_taken_out_when_the_block_fails():
    before = list(registry.envs)
    with pytest.raises(LookupError, match="fell"), registry.envs.temporary(EnvironmentRow("test/Apple-v0", dict)):
        raise LookupError("the apple fell")
    assert list(registry.envs) == before


def test_a_temporary_row_takes_no_name_that_is_taken():
    kuhn = registry.envs.row("sparring/KuhnPoker-v0")
    twice = r"'sparring/KuhnPoker-v0' is registered twice: by .*KuhnPoker and by .*KuhnPoker"
    with pytest.raises(ValueError, match=twice), registry.envs.temporary(EnvironmentRow(kuhn.name, kuhn.build)):
        pytest.fail("the block was entered")
    assert registry.envs.row("sparring/KuhnPoker-v0") is kuhn


@pytest.mark.slow
def test_a_distribution_of_a_third_party_adds_an_environment(tmp_path):
    (tmp_path / "third_party.py").write_text(textwrap.dedent(THIRD_PARTY))
    info = tmp_path / "third_party-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sparring.envs]\ngames = third_party\n")
    env_id = "third/NoughtsAndCrosses-v0"
    ours = f"from sparring import registry; print(registry.envs.make({env_id!r}).num_actions)"
    gymnasium = (
        f"import gymnasium; env = gymnasium.make('sparring.envs:{env_id}', opponent='random', view='discrete');"
        "print(len(env.reset(seed=0)[1]['action_mask']))"
    )
    for script in (ours, gymnasium):
        assert _run(script, tmp_path) == "9"


def _run(script, path):
    environment = {**os.environ, "PYTHONPATH": str(path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
