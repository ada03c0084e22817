"""Rows for trainers are the recorded tokens, come from solved episodes alone, and name where they come from."""

import json
from dataclasses import replace

import gymnasium
import pytest

from sparring import registry
from sparring.agents.code.code_act import CodeAct
from sparring.agents.code.tree import Shape
from sparring.agents.code.tree_of_code import TreeOfCode
from sparring.agents.models.scripted import ScriptedModel, rendered
from sparring.rollout.loop import Match, play
from sparring.store.store import Store
from sparring.trainers.data.programs import program_rows, repair_rows, to_json_rows, why_no_rows, write_rows
from sparring.types import Sampling

FREE = Sampling(max_new_tokens=4096, decoding="free")


class Bench(gymnasium.Env):
    """Programs are `STATUS OUTPUT` and do what they say; the answer 42 is right."""

    def __init__(self):
        self.action_space = self.observation_space = gymnasium.spaces.Text(10**6)

    def reset(self, *, seed=None, options=None):
        self.turns = 0
        return "Print 42.", {}

    def step(self, action):
        self.turns += 1
        if action.startswith("<answer>"):
            return "", float(action == "<answer>42</answer>"), True, False, {}
        if not action.startswith("<execute>"):
            return f"Status: illegal\nTurns left: {20 - self.turns}\nOutput:\n", 0.0, False, False, {"illegal": True}
        status, _, output = action.removeprefix("<execute>\n").removesuffix("\n</execute>").partition(" ")
        text = f"Status: {status}\nTurns left: {20 - self.turns}\nOutput:\n{output}"
        return text, 0.0, False, False, {"execution": {"status": status, "output": output}}


@pytest.fixture(autouse=True)
def bench():
    with registry.envs.temporary(registry.EnvironmentRow("test/Bench-v0", Bench)):
        yield


def script(*texts):
    queue = list(texts)
    return ScriptedModel(lambda prompt, seed: queue.pop(0), weights_version="7")


def programs(*bodies):
    return script(*(f"<execute>{body}</execute>" for body in bodies))


def played(agent, id="m"):
    (episode,) = play([Match(id, "test/Bench-v0", {"player_0": "player_0"}, 1, task="some task")], {"player_0": agent})
    assert episode.error is None
    return episode


def chain():
    model = script(
        "<execute>nonzero x</execute>",
        "no program",
        "<execute>ok 41</execute>",
        "<execute>ok 42</execute>",
        "<answer>42</answer>",
    )
    return played(CodeAct(model, sampling=FREE))


def tree(*bodies, width=3):
    return played(TreeOfCode(programs(*bodies), shape=Shape(width, 3), sampling=FREE))


def texts(written):
    return rendered(written.completion_ids).removesuffix("<|end|>")


def test_a_solved_chain_offers_its_programs_that_ran_and_its_answer():
    rows = list(program_rows([chain()]))
    assert [(row.kind, row.written.turn, row.written.node) for row in rows] == [
        ("program", 2, 3),
        ("program", 3, 4),
        ("answer", 4, None),
    ]
    assert [texts(row.written) for row in rows][:2] == ["<execute>ok 41</execute>", "<execute>ok 42</execute>"]
    assert {(row.trajectory_id, row.task, row.reward, row.written.weights_version) for row in rows} == {
        ("m/player_0", "some task", 1.0, "7")
    }


def test_prompt_and_completion_are_the_recorded_sample():
    episode = chain()
    (turns,) = (trajectory.turns for trajectory in episode.trajectories.values())
    sample = [token for turn in turns for segment in turn.segments for token in segment.token_ids]
    for row in program_rows([episode]):
        whole = [*row.written.prompt_ids, *row.written.completion_ids]
        assert whole == sample[: len(whole)]
        assert len(row.written.logprobs) == len(row.written.completion_ids)
    assert len(whole) == len(sample)


def test_in_a_tree_only_programs_that_voted_for_the_answer_are_imitated():
    rows = list(program_rows([tree("ok 41", "ok 42", "ok 42.0")]))
    assert [(row.kind, row.written.node) for row in rows] == [("program", 2), ("program", 3)]
    assert all(rendered(row.written.prompt_ids).endswith("<|assistant|>") for row in rows)
    assert all("ok 41" not in rendered(row.written.prompt_ids) for row in rows)


def test_episodes_that_were_not_solved_offer_nothing():
    wrong = tree("ok 41", "nonzero", "ok 41", "ok 41", "ok 41", "ok 41")
    assert list(program_rows([wrong])) == list(repair_rows([wrong])) == []


def test_a_solved_task_that_is_held_out_offers_nothing():
    solved = replace(chain(), env_kwargs={"split": "held_out"})
    assert list(program_rows([solved])) == list(repair_rows([solved])) == []


def test_repairs_follow_the_ancestry_of_a_tree():
    episode = tree(
        "nonzero a",
        "timeout b",
        "nonzero c",
        "ok 42",
        "nonzero d",
        "ok 42",
        "ok 42",
        "ok 41",
        "nonzero e",
        "nonzero f",
        width=2,
    )
    found = [(row.failed.node, row.repaired.node, row.ancestors) for row in repair_rows([episode])]
    assert found == [(1, 4, ()), (2, 6, ()), (3, 7, (1,))]
    first = next(repair_rows([episode]))
    assert texts(first.failed) == "<execute>nonzero a</execute>"
    assert first.feedback == "Status: nonzero\nTurns left: 19\nOutput:\na"
    assert first.feedback in rendered(first.repaired.prompt_ids)


def test_repairs_of_a_chain_are_neighbours():
    model = script(
        "<execute>nonzero x</execute>",
        "<execute>nonzero y</execute>",
        "<execute>ok 42</execute>",
        "<answer>42</answer>",
    )
    (row,) = repair_rows([played(CodeAct(model, sampling=FREE))])
    assert (row.failed.node, row.repaired.node, row.ancestors) == (2, 3, (1,))
    assert row.repaired.prompt_ids[: len(row.failed.prompt_ids)] == row.failed.prompt_ids


def test_a_text_without_a_program_is_no_failed_program():
    assert list(repair_rows([chain()])) == []


@pytest.mark.parametrize(("kind", "count"), [("programs", 3), ("repairs", 0)])
def test_rows_are_written_from_a_run_as_json_lines(tmp_path, kind, count):
    with Store(tmp_path / "run" / "episodes", "a") as store:
        store.append([chain(), replace(tree("ok 1", "ok 1", "ok 1"), id="other")])
    assert write_rows(tmp_path / "run", kind, tmp_path / "rows.jsonl") == count
    assert sorted(path.name for path in tmp_path.iterdir()) == (["rows.jsonl", "run"] if count else ["run"])
    if count:
        rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
        assert len(rows) == count
        assert rows[0]["written"]["completion_ids"] == list(next(program_rows([chain()])).written.completion_ids)


def test_without_rows_it_is_said_what_the_episodes_lack(tmp_path):
    with Store(tmp_path / "run", "a") as store:
        store.append([replace(tree("ok 1", "ok 1", "ok 1"), id="wrong")])
    lacking = "no rows of kind programs: 1 episode, 0 broke off, 0 ended with a reward of 1; a row needs one"
    assert why_no_rows(tmp_path / "run", "programs") == lacking
    with Store(tmp_path / "run", "a") as store:
        store.append([chain()])
    assert (
        "2 episodes, 0 broke off, 1 ended with a reward of 1; none of these has a failed program that was mended"
        in why_no_rows(tmp_path / "run", "repairs")
    )


def test_rows_replace_earlier_rows_and_nothing_else(tmp_path):
    output = tmp_path / "rows.jsonl"
    with Store(tmp_path / "run", "a") as store:
        store.append([chain()])
    assert write_rows(tmp_path / "run", "programs", output) == write_rows(tmp_path / "run", "programs", output) == 3
    output.write_text('{"my": "notes"}\n')
    with pytest.raises(OSError, match="is no file of rows of ours"):
        write_rows(tmp_path / "run", "programs", output)
    assert output.read_text() == '{"my": "notes"}\n'


def test_an_unknown_kind_is_refused_and_leaves_no_file(tmp_path):
    with pytest.raises(ValueError, match="kind must be one of programs, repairs, got 'dpo'"):
        write_rows(tmp_path, "dpo", tmp_path / "rows.jsonl")
    with pytest.raises(FileNotFoundError):
        write_rows(tmp_path, "programs", tmp_path / "rows.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_json_rows_have_the_fields_of_the_dataclass():
    (line, *_) = to_json_rows(program_rows([chain()]))
    assert list(json.loads(line)) == ["trajectory_id", "env_id", "task", "kind", "reward", "written"]


def noting(episode, *notes):
    """An episode whose turns note something else."""
    (trajectory,) = episode.trajectories.values()
    turns = tuple(replace(turn, notes=said) for turn, said in zip(trajectory.turns, notes, strict=True))
    return replace(episode, trajectories={trajectory.seat: replace(trajectory, turns=turns)})


@pytest.mark.parametrize("parent", [[1], {"node": 1}, "1", 9])
def test_notes_of_another_agent_are_no_ancestry(parent):
    episode = noting(chain(), *({"node": number, "parent": parent} for number in range(1, 5)), {})
    assert list(repair_rows([episode])) == []
    assert [row.written.node for row in program_rows([episode])] == [None, None, None]


@pytest.mark.parametrize("vote", [{"chosen": ["42"]}, {"chosen": "42", "voters": {"42": 3}}, {"chosen": None}])
def test_of_a_damaged_vote_nothing_is_imitated(vote):
    nodes = [{"node": 1, "parent": None}, *({"node": n, "parent": n - 1} for n in range(2, 5))]
    rows = list(program_rows([noting(chain(), *nodes, {"voters": {"42": [3]}} | vote)]))
    assert [row.kind for row in rows] == ["answer"]
