"""What each format holds of one store, and how it comes onto the disk."""

from __future__ import annotations

import json
import sys
import tracemalloc
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from sparring.exports.exporting import export
from sparring.exports.formats import FORMATS, format_of
from sparring.exports.selection import Selection
from sparring.exports.writing import NoRows
from sparring.registry import MissingExtra, UnknownName
from sparring.store.store import Store
from sparring.types import Call, Episode, Message, Policy, Seen, Trajectory, Turn


def written(run, name, output, **query):
    with Store(run) as store:
        return export(Selection(store, **query), FORMATS[name], output)


def lines(run, name, tmp_path, **query):
    output = tmp_path / f"{name}.out"
    written(run, name, output, **query)
    text = output.read_text(encoding="ascii")
    return json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]


def content(output):
    files = sorted(output.rglob("*")) if output.is_dir() else [output]
    return {file.relative_to(output.parent).name: file.read_bytes() for file in files if file.is_file()}


@pytest.mark.parametrize("name", FORMATS)
def test_equal_stores_give_equal_bytes_and_nothing_beside_them(made_up, tmp_path, name):
    one, other = tmp_path / "a" / "out", tmp_path / "b" / "out"
    first, second = written(made_up, name, one), written(made_up, name, other)
    assert first == second
    assert first.rows > 0
    assert "2 trajectories broke off" in first.left_out
    assert content(one) == content(other)
    assert list(one.parent.iterdir()) == [one]


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"verifiers", "atif", "parquet"}))
def test_formats_to_train_from_hold_nothing_that_may_not_be_trained_on(made_up, tmp_path, name):
    left_out = written(made_up, name, tmp_path / "out").left_out
    assert "2 trajectories of held-out tasks" in left_out
    assert "2 trajectories of a run's measurements" in left_out
    assert "2 trajectories of frozen opponents" in left_out


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("there", ["file", "folder", "link"])
def test_what_is_there_is_never_replaced(made_up, tmp_path, name, there):
    output = tmp_path / "out"
    if there == "file":
        output.write_text("mine")
    elif there == "folder":
        output.mkdir()
    else:
        output.symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError, match="out exists already: remove it, or choose another name"):
        written(made_up, name, output)
    assert there != "file" or output.read_text() == "mine"


@pytest.mark.parametrize("name", FORMATS)
def test_an_interruption_leaves_no_half_file(made_up, tmp_path, name):
    def stop(position):
        if position == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        written(made_up, name, tmp_path / "new" / "out", progress=stop)
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("name", FORMATS)
def test_a_store_without_a_row_says_why_and_leaves_nothing(made_up, tmp_path, name):
    with pytest.raises(NoRows, match=f"no rows for {name}: no episode of the store matches"):
        written(made_up, name, tmp_path / "new" / "out", agent="nobody")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_query_of_the_store_chooses_the_episodes(made_up, tmp_path):
    assert written(made_up, "verifiers", tmp_path / "a", env_id="test/Ask-v0").rows == 3
    assert written(made_up, "verifiers", tmp_path / "b", agent="frozen").rows == 4
    assert written(made_up, "verifiers", tmp_path / "c", group="evaluation/3").rows == 1
    assert written(made_up, "verifiers", tmp_path / "d", limit=2).rows == 2


def test_a_turn_of_a_training_trace_is_a_call_with_its_whole_prompt(made_up, tmp_path):
    first, *_ = lines(made_up, "training-trace", tmp_path)
    turns = first["trace"]["turns"]
    assert [turn["node_id"] for turn in turns] == ["0.0", "1.0", "2.0", "3.0"]
    second = turns[1]
    assert second["prompt_token_ids"] == [90, 91, 92, 1, 2, 90, 91, 92]
    assert second["completion_token_ids"] == [3]
    assert second["loss_mask"] == [0] * 8 + [1]
    assert second["per_token_logps"] == pytest.approx([-0.3])
    assert [one["content"] for one in second["request"]["messages"]] == ["hello", "[a", "go on"]
    assert second["response"]["choices"][0]["message"]["content"] == "[b"
    assert turns[2]["response"]["choices"][0]["finish_reason"] == "length"
    assert (first["reward"], first["seat"], second["metadata"]["weights_version"]) == (1.0, "player_0", "7")


def test_an_episode_of_verifiers_has_both_seats_and_a_forest_of_messages(made_up, tmp_path):
    first, *_ = lines(made_up, "verifiers", tmp_path)
    learner, frozen = first["traces"]
    assert [trace["agent"]["name"] for trace in first["traces"]] == ["player_0", "player_1"]
    assert [trace["agent"]["trainable"] for trace in first["traces"]] == [True, False]
    assert [trace["rewards"]["reward"]["score"] for trace in first["traces"]] == [1.0, -1.0]
    assert [node["parent"] for node in learner["nodes"]] == [None, 0, 1, 2, None, 4, None, 6, 7, 8]
    assert [node["message"]["content"] for node in frozen["nodes"]] == ["hi", "[x", "look 3", "act 3", "yes", "[y"]
    assert [node["token_ids"] for node in learner["nodes"][:4]] == [[90, 91, 92], [1, 2], [90, 91, 92], [3]]
    assert learner["nodes"][1]["mask"] == [True, True]
    assert learner["calls"][1]["usage"] == {"prompt_tokens": 8, "completion_tokens": 1}


def test_a_step_of_atif_is_a_message(made_up, tmp_path):
    first, *_ = lines(made_up, "atif", tmp_path)
    assert first["schema_version"] == "ATIF-v1.7"
    assert [step["step_id"] for step in first["steps"]] == list(range(1, 11))
    assert [step["source"] for step in first["steps"]] == ["user", "agent"] * 5
    metrics = first["steps"][3]["metrics"]
    assert metrics["prompt_token_ids"] == [90, 91, 92, 1, 2, 90, 91, 92]
    assert (metrics["completion_token_ids"], metrics["extra"]) == ([3], {"loss_mask": [1]})
    assert first["steps"][-1]["observation"] == {"results": [{"content": "over"}]}
    assert first["extra"]["reward"] == 1.0


def test_the_loss_of_a_row_for_sft_is_on_one_legal_answer(made_up, tmp_path):
    rows = lines(made_up, "trl-sft", tmp_path)
    of_first = [row for row in rows if row["episode_id"] == "two/1"]
    assert [row["completion"][0]["content"] for row in of_first] == ["[a", "[b", "[d"]
    assert [one["content"] for one in of_first[1]["prompt"]] == ["hello", "[a", "go on"]
    assert [one["content"] for one in of_first[2]["prompt"]] == ["anew", "[c", "last"]
    assert "two/2" not in {row["episode_id"] for row in rows}


def test_prompts_for_grpo_are_one_a_seat_and_task(made_up, tmp_path):
    rows = lines(made_up, "trl-grpo", tmp_path)
    assert [(row["prompt"][0]["content"], row["seat"], row["seed"]) for row in rows] == [
        ("hello", "player_0", "0"),
        ("look 0", "player_0", str(2**70)),
        ("question 1", "player_0", "1"),
    ]


def test_a_pair_is_the_best_and_the_worst_attempt_at_one_task(made_up, tmp_path):
    (row,) = lines(made_up, "trl-dpo", tmp_path)
    assert row["prompt"] == [{"role": "user", "content": "question 1"}]
    assert (row["chosen"][0]["content"], row["rejected"][0]["content"]) == ("[b", "[a")
    assert (row["chosen_reward"], row["rejected_reward"]) == (1.0, 0.0)


def test_answers_that_are_not_to_be_learnt_have_weight_0(made_up, tmp_path):
    first, second, *_ = lines(made_up, "openai", tmp_path)
    assert first == {
        "messages": [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": "[a"},
            {"role": "user", "content": "go on"},
            {"role": "assistant", "content": "[b"},
        ]
    }
    assert [one.get("weight", 1) for one in second["messages"]] == [1, 0, 1, 1]


def test_agentgym_has_an_array_whose_ids_end_with_the_seed(made_up, tmp_path):
    rows = lines(made_up, "agentgym", tmp_path)
    assert [row["item_id"] for row in rows[:3]] == ["test/Talk-v0_0", "test/Talk-v0_0", f"test/Ask-v0_{2**70}"]
    assert rows[1]["conversations"][1] == {"from": "gpt", "loss": False, "value": "[c"}
    assert rows[2]["conversations"][1]["value"] == "b \ufffd"
    sharegpt = lines(made_up, "sharegpt", tmp_path)
    assert sharegpt[0]["conversations"][0] == {"from": "human", "value": "hello"}


def test_tables_hold_a_row_a_turn_and_a_row_a_sample(made_up, tmp_path):
    written(made_up, "parquet", tmp_path / "turns.parquet")
    turns = pq.read_table(tmp_path / "turns.parquet").to_pylist()
    assert [row["turn"] for row in turns[:7]] == list(range(7))
    assert turns[-2]["legal_actions"] == ["a", "b"]
    written(made_up, "hf-dataset", tmp_path / "hf")
    samples = pq.read_table(tmp_path / "hf" / "data").to_pylist()
    assert samples[0]["input_ids"] == [90, 91, 92, 1, 2, 90, 91, 92, 3]
    assert samples[0]["assistant_masks"] == [0, 0, 0, 1, 1, 0, 0, 0, 1]
    assert samples[0]["logprobs"] == pytest.approx([0, 0, 0, -0.1, -0.2, 0, 0, 0, -0.3])
    written(made_up, "verl", tmp_path / "prompts.parquet")
    prompts = pq.read_table(tmp_path / "prompts.parquet").to_pylist()
    assert prompts[0]["reward_model"] == {"style": "rule", "ground_truth": '{"gold":"b"}'}
    assert [row["extra_info"]["index"] for row in prompts] == [0, 1, 2]


@pytest.mark.parametrize("name", FORMATS)
def test_a_large_store_needs_the_memory_of_an_episode(tmp_path, name):
    with Store(tmp_path / "store", "a") as store:
        for n in range(60):
            said = (Message("user", f"{n} " + "x" * 200_000), Message("assistant", f"{n} a"))
            turns = (Turn(0, Seen(("x" * 100_000,)), f"{n} a", True, 1.0, calls=(Call(Policy("m"), messages=said),)),)
            seat = Trajectory(f"e/{n}/s", "s", "m", turns, 1.0)
            store.append([Episode(f"e/{n}", "test/Ask-v0", "0", {}, n, "ok", {"s": seat})])
    tracemalloc.start()
    try:
        written(tmp_path / "store", name, tmp_path / "out")
    except NoRows:
        assert name in ("training-trace", "hf-dataset", "trl-dpo")
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < (40e6 if name in ("parquet", "verl") else 6e6)


@pytest.mark.parametrize("name", ["verl", "parquet", "hf-dataset"])
def test_tables_without_pyarrow_say_what_to_install(made_up, tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r'pip install "sparring\[parquet\]"'):
        written(made_up, name, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_call_that_continues_nothing_is_named(tmp_path, episodes):
    seat = episodes[6].trajectories["player_0"]
    call = replace(seat.turns[0].calls[0], continues="7.0")
    turn = replace(seat.turns[0], calls=(call,))
    with Store(tmp_path / "store", "a") as store:
        store.append([replace(episodes[6], trajectories={"player_0": replace(seat, turns=(turn,))})])
    for name in ("training-trace", "verifiers", "atif", "openai", "hf-dataset"):
        with pytest.raises(ValueError, match=r"call 0\.0 of right/player_0 continues call 7\.0: there is none"):
            written(tmp_path / "store", name, tmp_path / name)
        assert not (tmp_path / name).exists()


def test_an_unknown_format_gives_the_nearest_one():
    with pytest.raises(UnknownName, match="unknown format 'verifier'; did you mean 'verifiers'"):
        format_of("verifier")
    with pytest.raises(ValueError, match="atif can only be exported; what can be imported: training-trace, verifiers,"):
        format_of("atif", to_import=True)


def test_every_format_says_in_one_line_what_it_is_and_what_it_has_no_place_for():
    for one in FORMATS.values():
        assert all(text and len(text) <= 120 and "\n" not in text for text in (one.what, one.lost))
