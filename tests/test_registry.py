"""Names: what is found, what is not, and who may add one."""

import os
import subprocess
import sys
import textwrap

import pytest

from sparring import envs, registry
from sparring.registry import MissingExtra, Registry, Row, UnknownName, require

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


def test_an_unknown_name_without_neighbours_lists_what_there_is():
    things = Registry("thing", "sparring.envs.games")
    things.add(Row("apple", dict))
    with pytest.raises(UnknownName, match="unknown thing 'zzz'; known: apple"):
        things.row("zzz")


def test_a_name_that_is_taken_names_both_owners():
    things = Registry("thing", "sparring.envs.games")
    things.register("pear")(dict)
    with pytest.raises(ValueError, match=r"thing 'pear' is registered twice: by builtins\.dict and by builtins\.list"):
        things.register("pear")(list)


def test_the_same_thing_may_register_again():
    things = Registry("thing", "sparring.envs.games")
    things.register("pear")(dict)
    things.register("pear", summary="twice")(dict)
    assert things.row("pear").summary == "twice"


def test_kwargs_of_the_row_are_defaults():
    things = Registry("thing", "sparring.envs.games")
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


def test_an_agent_spec_is_split_at_the_first_colon(monkeypatch):
    agents = Registry("agent", "sparring.envs.games")
    agents.register("echo")(lambda argument="nothing": argument)
    monkeypatch.setattr(registry, "agents", agents)
    assert registry.make_agent("echo") == "nothing"
    assert registry.make_agent("echo:offer: 1 Ore") == "offer: 1 Ore"


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
