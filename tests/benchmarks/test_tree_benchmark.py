"""The scripted programmer makes the mistakes it says it makes, and the comparison runs in the real sandbox."""

import ast
import importlib.util
import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sparring.agents.code.code_act import CodeAct
from sparring.agents.code.tree import Shape
from sparring.agents.code.tree_of_code import TreeOfCode
from sparring.agents.models.scripted import ScriptedModel
from sparring.envs.code.split_rng import SplitRng
from sparring.envs.code.tool_tasks.environment import FAMILIES, make_task
from sparring.rollout.loop import Match, play
from sparring.scoreboard.verify import verify
from sparring.store.store import Store
from sparring.trainers.data.programs import program_rows, repair_rows
from sparring.types import Sampling

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SPEC = importlib.util.spec_from_file_location("scripted_programmer", BENCHMARKS / "scripted_programmer.py")
programmer = importlib.util.module_from_spec(SPEC)
sys.modules["scripted_programmer"] = programmer
SPEC.loader.exec_module(programmer)

FLAWLESS = programmer.Habits(typo=0, order=0, key=0, slip=0, hides=0, prose=0)
FREE = Sampling(max_new_tokens=8192, decoding="free")
TASKS = range(12)
PROGRAM = "rates = table('a', 'b')\nprint(round(min(r['price'] for r in rates) + 2 * 3, 2))"


def model(habits):
    tasks = [make_task(SplitRng("train", "family", seed).one(sorted(FAMILIES)), "train", seed) for seed in TASKS]
    return ScriptedModel(programmer.Programmer({task.question: task.program for task in tasks}, habits))


def played(agent):
    return play(
        [Match(f"m{s}", "sparring/ToolTasks-v0", {"player_0": "player_0"}, s, {"max_turns": 40}) for s in TASKS],
        {"player_0": agent},
    )


@pytest.mark.parametrize("mistake", ["misspelt", "swapped", "wrong_key", "slip"])
def test_a_mistake_changes_the_program_and_leaves_it_a_program(mistake):
    for seed in range(20):
        spoilt = getattr(programmer, mistake)(PROGRAM, random.Random(seed))
        assert ast.dump(ast.parse(spoilt)) != ast.dump(ast.parse(PROGRAM))
        assert spoilt == getattr(programmer, mistake)(PROGRAM, random.Random(seed))


def test_hidden_errors_are_hidden_and_the_rest_still_runs():
    exec(compile(programmer.hidden("raise KeyError('x')"), "hidden", "exec"), {})
    assert "    print(1)\n" in programmer.hidden("print(1)")


def test_the_programmer_answers_with_the_last_line_that_its_program_printed():
    write = programmer.Programmer({})
    seen = "Status: ok\nTurns left: 3\nOutput:\na warning\n42\n"
    assert (
        write(f"<|user|>task<|end|><|assistant|>x<|end|><|user|>{seen}<|end|><|assistant|>", 0) == "<answer>42</answer>"
    )
    assert write("<|user|>\nQuestion: Who?\n<|end|><|assistant|>", 0) == "I do not know this task."


def test_errors_make_loud_mistakes_rarer():
    habits = replace(FLAWLESS, prose=1.0, spread=0.0)
    write = programmer.Programmer({"Who?": PROGRAM}, habits)

    def prose(errors):
        prompt = "\nQuestion: Who?\n" + "Status: nonzero\n" * errors
        return sum("<execute>" not in write(prompt, seed) for seed in range(200))

    assert prose(0) == 200
    assert prose(1) in range(70, 130)
    assert prose(3) in range(10, 45)


@pytest.mark.slow
@pytest.mark.parametrize("make", [CodeAct, TreeOfCode])
def test_without_mistakes_every_task_is_solved_at_once(make):
    episodes = played(make(model(FLAWLESS), sampling=FREE))
    assert [episode.error for episode in episodes] == [None] * len(TASKS)
    assert [episode.trajectories["player_0"].reward for episode in episodes] == [1.0] * len(TASKS)
    assert {len(episode.turns) for episode in episodes} == ({2} if make is CodeAct else {4})


@pytest.mark.slow
def test_trees_in_the_real_sandbox_are_stored_verified_and_turned_into_rows(tmp_path):
    agent = TreeOfCode(model(programmer.Habits(typo=0.6)), shape=Shape(2, 3), sampling=FREE)
    with Store(tmp_path, "a") as store:
        store.append(played(agent))
        assert verify(store).faults == ()
        imitated, repaired = list(program_rows(store)), list(repair_rows(store))
    assert imitated
    assert repaired
    assert all("NameError" in row.feedback or "Status: nonzero" in row.feedback for row in repaired)


@pytest.mark.slow
def test_the_benchmark_runs_by_one_command(tmp_path):
    command = [sys.executable, str(BENCHMARKS / "tree_of_code.py"), "--tasks", "3", "--methods", "code-act", "ToC 2-1"]
    done = subprocess.run([*command, "--json", str(tmp_path / "x.json")], capture_output=True, text=True, check=True)
    written = json.loads((tmp_path / "x.json").read_text())
    assert [row["method"] for row in written["results"]] == ["code-act", "ToC 2-1"]
    assert [row["broken_off"] for row in written["results"]] == [0, 0]
    assert (written["results"][1]["programs"], written["results"][1]["turns"]) == (2.0, 3.0)
    assert "ToC 2-1" in done.stdout
