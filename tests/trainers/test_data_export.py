"""Rows for other trainers: the recorded tokens, where they come from, and TRL's trainers taking them as they are."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace

import datasets
import gymnasium
import pytest
import torch
import transformers
import trl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparring import registry
from sparring.agents.models.transformers import TransformersModel
from sparring.agents.models.weights.reading import read_model
from sparring.agents.scripted import ScriptedAgent
from sparring.cli.app import main
from sparring.rollout.loop import Match, play
from sparring.samples import samples
from sparring.store.store import Store
from sparring.trainers.data.critiques import REVIEW
from sparring.trainers.data.export import NoRows, export_rows
from sparring.trainers.data.sft import sft_rows
from sparring.types import Call, Message, Policy, Reply, Sampling, Segment

torch.set_num_threads(1)
SEAT, GUESS = "player_0", "test/Guess-v0"
KINDS = ("sft", "pairs", "reward", "critique")


class Guess(gymnasium.Env):
    """Name the letter; b is right, and after "look" it is asked again."""

    def __init__(self):
        self.action_space = self.observation_space = gymnasium.spaces.Text(10**6)

    def reset(self, *, seed=None, options=None):
        self.looked = False
        return f"Task {seed}: name the letter.", {"legal_actions": ["a", "b", "c", "look"]}

    def step(self, action):
        if action == "look" and not self.looked:
            self.looked = True
            return "It is the second.", 0.0, False, False, {"legal_actions": ["a", "b", "c", "look"]}
        return "", float(action == "b"), True, False, {"illegal": action not in ("a", "b", "c", "look")}


@pytest.fixture(autouse=True)
def guess():
    with registry.envs.temporary(registry.EnvironmentRow(GUESS, Guess)):
        yield


@pytest.fixture(scope="module")
def nano(tmp_path_factory):
    """Games of nano, eight samples of each of five tasks, and nano as a folder of transformers."""
    folder = tmp_path_factory.mktemp("nano")
    with registry.envs.temporary(registry.EnvironmentRow(GUESS, Guess)):
        matches = [Match(f"g/{n}/{k}", GUESS, {SEAT: "nano"}, n, sample=k) for n in range(5) for k in range(8)]
        with Store(folder / "store", "a") as store:
            store.append(play(matches))
    TransformersModel.from_loaded(read_model("nano", device="cpu", seed=3), "fp32").save(folder / "model")
    return folder


def written(run, kind, output, agent=""):
    export_rows(run, kind, output, agent)
    return [json.loads(line) for line in output.read_text(encoding="ascii").splitlines()]


def trained(nano, output, trainer, config, model=transformers.AutoModelForCausalLM, **options):
    """One step of a TRL trainer on an exported file, as it is; returns the trainer."""
    rows = datasets.load_dataset("json", data_files=str(output), split="train", cache_dir=str(output.parent / "cache"))
    arguments = config(
        output_dir=str(output.parent / "trl"), use_cpu=True, bf16=False, report_to=[], max_steps=1, save_strategy="no",
        per_device_train_batch_size=2, gradient_checkpointing=False, **options,
    )  # fmt: skip
    tokenizer = transformers.AutoTokenizer.from_pretrained(nano / "model")
    module = model.from_pretrained(nano / "model", dtype="float32")
    done = trainer(model=module, args=arguments, train_dataset=rows, processing_class=tokenizer)
    assert torch.isfinite(torch.tensor(done.train().training_loss))
    return done


class OneNumber:
    """A model with a head of one number."""

    @staticmethod
    def from_pretrained(path, **options):
        return transformers.AutoModelForSequenceClassification.from_pretrained(path, num_labels=1, **options)


@pytest.mark.slow
def test_trls_sft_trainer_learns_the_recorded_tokens_and_no_others(nano, tmp_path):
    rows = written(nano / "store", "sft", tmp_path / "rows.jsonl")
    trainer = trained(nano, tmp_path / "rows.jsonl", trl.SFTTrainer, trl.SFTConfig)
    for row, theirs in zip(rows, trainer.train_dataset, strict=True):
        assert theirs["input_ids"] == row["input_ids"]
        expected = [t if m else -100 for t, m in zip(row["input_ids"], row["assistant_masks"], strict=True)]
        assert theirs["labels"] == expected


@pytest.mark.slow
def test_trls_reward_trainer_takes_the_recorded_tokens(nano, tmp_path):
    rows = written(nano / "store", "reward", tmp_path / "rows.jsonl")
    trainer = trained(nano, tmp_path / "rows.jsonl", trl.RewardTrainer, trl.RewardConfig, OneNumber)
    for row, theirs in zip(rows, trainer.train_dataset, strict=True):
        assert (theirs["chosen_ids"], theirs["rejected_ids"]) == (row["chosen_ids"], row["rejected_ids"])


@pytest.mark.slow
def test_trls_dpo_trainer_takes_the_text_of_pairs(nano, tmp_path):
    rows = written(nano / "store", "pairs", tmp_path / "rows.jsonl")
    trainer = trained(nano, tmp_path / "rows.jsonl", trl.DPOTrainer, trl.DPOConfig)
    tokenizer = trainer.processing_class
    for row, theirs in zip(rows, trainer.train_dataset, strict=True):
        assert row["chosen"][0]["content"] in tokenizer.decode(theirs["chosen_ids"])
        assert row["prompt"][0]["content"] in tokenizer.decode(theirs["prompt_ids"])


@pytest.mark.slow
def test_trls_sft_trainer_takes_critiques_as_prompt_and_completion(nano, tmp_path):
    rows = written(nano / "store", "critique", tmp_path / "rows.jsonl")
    trainer = trained(nano, tmp_path / "rows.jsonl", trl.SFTTrainer, trl.SFTConfig)
    for row, theirs in zip(rows, trainer.train_dataset, strict=True):
        learnt = trainer.processing_class.decode([label for label in theirs["labels"] if label != -100])
        assert row["completion"][0]["content"] in learnt
        assert REVIEW not in learnt


class Writes(ScriptedAgent):
    """Answers what it is told, each action with the calls that it came from."""

    def __init__(self, *replies):
        super().__init__("writes")
        self.replies = replies

    async def act(self, observation):
        return self.replies[observation.turn]


def call(answer, question="name", ids=(1, 2), written=(7,), **changes):
    asked = (Message("user", question),) if question else ()
    segments = (Segment("prompt", ids), Segment("scaffold", (3,)), Segment("generated", written, (0.0,) * len(written)))
    given = Call(Policy("m", "5", trainable=True), Sampling(), segments, (*asked, Message("assistant", answer)))
    return replace(given, **changes)


def attempt(id, *replies, seed=0, sample=0, parents=(), **kwargs):
    found = [reply if isinstance(reply, Reply) else Reply(reply, (call(reply),)) for reply in replies]
    match = Match(id, GUESS, {SEAT: SEAT}, seed, kwargs, sample=sample, parents={SEAT: parents} if parents else {})
    (episode,) = play([match], {SEAT: Writes(*found)})
    assert episode.error is None
    return episode


def stored(folder, *episodes):
    with Store(folder / "store", "a") as store:
        store.append(episodes)
    return folder / "store"


def rows_of(tmp_path, kind, *episodes, agent=""):
    return written(stored(tmp_path, *episodes), kind, tmp_path / "rows.jsonl", agent)


def test_a_row_says_where_it_comes_from(tmp_path):
    wrong, right = attempt("w", "a"), attempt("r", "b", sample=1, parents=(("retry_of", f"w/{SEAT}"),))
    (row,) = rows_of(tmp_path, "sft", wrong, right)
    assert {name: row[name] for name in ("kind", "relation", "env_id", "task", "seed", "weight", "purposes")} == {
        "kind": "sft", "relation": "attempt", "env_id": GUESS, "task": "0", "seed": 0, "weight": 1.0,
        "purposes": ["act"],
    }  # fmt: skip
    assert row["sources"] == [
        {
            "role": "attempt", "trajectory_id": f"r/{SEAT}", "seat": SEAT, "agent": "writes", "sample": 1,
            "reward": 1.0, "origin": "own", "model": "m", "weights_version": "5",
            "parents": [{"relation": "retry_of", "trajectory_id": f"w/{SEAT}"}],
        }
    ]  # fmt: skip
    assert (row["input_ids"], row["assistant_masks"]) == ([1, 2, 3, 7], [0, 0, 0, 1])


def test_what_an_expert_did_is_marked(tmp_path):
    expert = Reply("b", (call("b", policy=Policy("big", "1")),))
    (row,) = rows_of(tmp_path, "sft", attempt("r", expert))
    assert [(one["origin"], one["model"]) for one in row["sources"]] == [("expert", "big")]


def test_illegal_turns_are_context_and_not_learnt(tmp_path):
    first = Reply("look", (call("look"),))
    second = call("b", "again", ids=(8,), written=(9, 10), continues="0.0")
    (row,) = rows_of(tmp_path, "sft", attempt("r", first, Reply("b", (second,))))
    assert row["input_ids"] == [1, 2, 3, 7, 8, 3, 9, 10]
    assert row["assistant_masks"] == [0, 0, 0, 1, 0, 0, 1, 1]
    episode = attempt("x", first, Reply("b", (second,)))
    (trajectory,) = episode.trajectories.values()
    illegal = replace(trajectory.turns[0], legal=False)
    spoilt = replace(trajectory, turns=(illegal, trajectory.turns[1]))
    (other,) = sft_rows([(episode, spoilt)])
    assert other["assistant_masks"] == [0, 0, 0, 0, 0, 0, 1, 1]


def test_calls_that_two_samples_share_are_learnt_once(tmp_path):
    branches = (call("a"), *(call(text, "and", ids=(n,), continues="0.0") for n, text in ((11, "x"), (12, "b"))))
    rows = rows_of(tmp_path, "sft", attempt("r", Reply("b", branches)))
    assert [row["input_ids"] for row in rows] == [[1, 2, 3, 7, 11, 3, 7], [1, 2, 3, 7, 12, 3, 7]]
    assert [row["assistant_masks"] for row in rows] == [[0, 0, 0, 1, 0, 0, 1], [0, 0, 0, 0, 0, 0, 1]]


SEGMENTS = st.lists(
    st.builds(Segment, st.sampled_from(["prompt", "generated", "scaffold"]), st.lists(st.integers(0, 99)).map(tuple)),
    min_size=1,
    max_size=4,
).map(tuple)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(SEGMENTS, st.booleans()), min_size=1, max_size=5))
def test_a_mask_is_as_long_as_its_tokens_and_marks_generated_ones_only(calls):
    made = []
    for place, (segments, goes_on) in enumerate(calls):
        made.append(call("b", segments=segments, continues=f"0.{place - 1}" if goes_on and place else None))
    episode = attempt("r", Reply("b", tuple(made)))
    (trajectory,) = episode.trajectories.values()
    by_ids = {tuple(t for s in sample.segments for t in s.token_ids) for sample in samples(trajectory)}
    learnt = 0
    for row in sft_rows([(episode, trajectory)]):
        assert len(row["assistant_masks"]) == len(row["input_ids"])
        assert tuple(row["input_ids"]) in by_ids
        learnt += sum(row["assistant_masks"])
    assert learnt == sum(len(s.token_ids) for one in made for s in one.segments if s.kind == "generated")


def test_of_one_task_the_best_answer_is_held_against_the_worst(tmp_path):
    chosen, rejected = attempt("r", "b", sample=2), attempt("w", "a")
    (row,) = rows_of(tmp_path, "pairs", attempt("o", "b", seed=1), rejected, attempt("v", "c", sample=1), chosen)
    assert row["relation"] == "best_of_task"
    assert row["prompt"] == [{"role": "user", "content": "name"}]
    assert row["chosen"] == [{"role": "assistant", "content": "b"}]
    assert row["rejected"] == [{"role": "assistant", "content": "a"}]
    assert [(one["role"], one["trajectory_id"]) for one in row["sources"]] == [
        ("chosen", f"r/{SEAT}"),
        ("rejected", f"w/{SEAT}"),
    ]
    assert (row["prompt_ids"], row["chosen_ids"], row["rejected_ids"]) == ([1, 2], [3, 7], [3, 7])


def test_rewards_are_of_whole_conversations(tmp_path):
    (row,) = rows_of(tmp_path, "reward", attempt("w", "a"), attempt("r", "b", sample=1))
    assert [one["content"] for one in row["chosen"]] == ["name", "b"]
    assert [one["content"] for one in row["rejected"]] == ["name", "a"]
    assert (row["chosen_ids"], row["margin"]) == ([1, 2, 3, 7], 1.0)
    assert "prompt_ids" not in row


def test_an_attempt_that_corrects_another_answers_its_prompt(tmp_path):
    mended = Reply("b", (call("b", "name, and a was wrong", ids=(1, 2, 4, 5)),))
    child = attempt("r", mended, seed=0, sample=1, parents=(("reflection_of", f"w/{SEAT}"),))
    other = attempt("other", "c", seed=0, sample=2)
    rows = rows_of(tmp_path, "pairs", attempt("w", "a"), child, other)
    assert [row["relation"] for row in rows] == ["reflection_of"]  # best and worst were asked otherwise
    assert rows[0]["prompt"] == [{"role": "user", "content": "name"}]
    assert (rows[0]["prompt_ids"], rows[0]["chosen"][0]["content"]) == ([1, 2], "b")


def test_the_first_answers_that_differ_are_compared(tmp_path):
    look = Reply("look", (call("look"),))
    after = [Reply(text, (call(text, "again", ids=(8,), continues="0.0"),)) for text in "ab"]
    (row,) = rows_of(tmp_path, "pairs", attempt("w", look, after[0]), attempt("r", look, after[1], sample=1))
    assert [one["content"] for one in row["prompt"]] == ["name", "look", "again"]
    assert (row["chosen"][0]["content"], row["rejected"][0]["content"]) == ("b", "a")
    assert row["prompt_ids"] == [1, 2, 3, 7, 8]


def test_what_was_drafted_voted_or_said_of_an_answer_is_not_taken_for_the_answer(tmp_path):
    first = (call("c"), call("b", ids=(5,)), call("c", ids=(6,)))
    judged = call("b is right", "is it?", continues="0.1", purpose="critique")
    rejected = Reply("a", (call("a"), call("it is wrong: b", "is it?", continues="0.0", purpose="critique")))
    (row,) = rows_of(tmp_path, "pairs", attempt("w", rejected), attempt("r", Reply("b", (*first, judged)), sample=1))
    assert (row["chosen"][0]["content"], row["rejected"][0]["content"]) == ("b", "a")
    assert row["prompt"] == [{"role": "user", "content": "name"}]


def test_text_of_a_server_gives_pairs_without_token_columns(tmp_path):
    said = [Reply(text, (call(text, segments=()),)) for text in "ab"]
    (row,) = rows_of(tmp_path, "pairs", attempt("w", said[0]), attempt("r", said[1], sample=1))
    assert not {"prompt_ids", "chosen_ids", "rejected_ids"} & set(row)
    with pytest.raises(NoRows, match="none of 2 attempts has recorded tokens"):
        export_rows(tmp_path / "store", "sft", tmp_path / "sft.jsonl")


def test_critiques_keep_what_is_right_and_mend_what_is_wrong(tmp_path):
    rows = rows_of(tmp_path, "critique", attempt("w", "a"), attempt("r", "b", sample=1), attempt("o", "b", seed=1))
    told = [(row["relation"], row["task"], row["answer"], row["verdict"], row["refined"]) for row in rows]
    assert told == [
        ("keep", "0", "b", "right", "b"),
        ("keep", "1", "b", "right", "b"),
        ("best_of_task", "0", "a", "wrong", "b"),
    ]
    assert [one["content"] for one in rows[2]["prompt"]] == ["name", "a", REVIEW]
    assert rows[2]["completion"] == [{"role": "assistant", "content": "The answer is wrong.\nb"}]


def test_a_wrong_draft_is_mended_by_the_action_that_was_taken_instead(tmp_path):
    critique = call("wrong", "is it right?", continues="0.0", purpose="critique")
    refined = call("b", "again", continues="0.1", purpose="refine")
    mended = Reply("b", (call("a"), critique, refined), {"draft": ["a"], "verdict": ["wrong"]})
    kept = Reply("b", (call("b"),), {"draft": ["b"]})
    rows = rows_of(tmp_path, "critique", attempt("r", mended), attempt("k", kept, seed=1))
    assert [(row["relation"], row["task"], row["answer"], row["refined"]) for row in rows] == [
        ("keep", "0", "b", "b"),
        ("keep", "1", "b", "b"),
        ("draft", "0", "a", "b"),
    ]
    assert [one["content"] for one in rows[2]["prompt"]] == ["name", "a", REVIEW]


def test_an_answer_that_did_not_decide_is_not_said_to_be_wrong(tmp_path):
    look = Reply("look", (call("look"),))
    wrong = attempt("w", look, Reply("a", (call("a", "again", continues="0.0"),)))
    rows = rows_of(tmp_path, "critique", wrong, attempt("r", "b", sample=1))
    assert [row["relation"] for row in rows] == ["keep"]


@pytest.mark.parametrize("kind", KINDS)
def test_equal_stores_give_equal_bytes(tmp_path, kind):
    run = stored(tmp_path, attempt("w", "a"), attempt("r", "b", sample=1))
    for name in ("one", "two"):
        export_rows(run, kind, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["", "\0", "\ud800 half", "é" * 100_000, '"}\n{"'])
def test_what_a_model_wrote_never_breaks_a_file(tmp_path, kind, text):
    said = [Reply(action, (call(f"{action}{text}", f"name{text}"),)) for action in "ab"]
    rows_of(tmp_path, kind, attempt("w", said[0]), attempt("r", said[1], sample=1))
    loaded = datasets.load_dataset(
        "json", data_files=str(tmp_path / "rows.jsonl"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert len(loaded) >= 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("changes", [
    {"env_kwargs": {"split": "held_out"}}, {"status": "agent_error", "error": "gone"}, {"group": "probe/update 0"},
])  # fmt: skip
def test_no_export_holds_what_must_not_be_trained_on(tmp_path, kind, changes):
    bad = [replace(attempt(id, text, sample=k), **changes) for k, (id, text) in enumerate((("w", "a"), ("r", "b")))]
    good = [attempt("x", "a", seed=4), attempt("y", "b", seed=4, sample=1)]
    rows = rows_of(tmp_path, kind, *bad, *good)
    ids = {one["trajectory_id"] for row in rows for one in row["sources"]}
    assert ids
    assert ids <= {f"x/{SEAT}", f"y/{SEAT}"}


NOTHING = {
    "sft": "none of 2 attempts earned a reward above 0 (the most is 0)",
    "pairs": "none of 2 attempts earned more than another attempt at the same task; play several samples of each task",
    "reward": "none of 2 attempts earned more than another attempt at the same task",
    "critique": "none of 2 attempts is right",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_store_without_rewards_is_refused_in_a_line_and_nothing_is_made(tmp_path, capsys, kind):
    run, output = stored(tmp_path, attempt("w", "a"), attempt("v", "c", sample=1)), tmp_path / "rows.jsonl"
    assert main(["data", str(run), "--kind", kind, "-o", str(output)]) == 2
    assert f"no rows of kind {kind}: {NOTHING[kind]}" in " ".join(capsys.readouterr().err.split())
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_large_stores_take_no_more_memory_than_a_few_episodes(tmp_path):
    with Store(tmp_path / "store", "a") as store:
        for n in range(60):
            for k, text in enumerate("ab"):
                said = call(text, f"{n} " + "x" * 200_000)
                store.append([attempt(f"{text}/{n}", Reply(text, (said,)), seed=n, sample=k)])
    for kind in KINDS:
        tracemalloc.start()
        export_rows(tmp_path / "store", kind, tmp_path / f"{kind}.jsonl")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (tmp_path / f"{kind}.jsonl").stat().st_size > 10e6
        assert peak < 6e6


def test_an_empty_store_and_an_unknown_kind_are_refused(tmp_path):
    run = stored(tmp_path)
    with pytest.raises(NoRows, match="no rows of kind pairs: the store is empty"):
        export_rows(run, "pairs", tmp_path / "rows.jsonl")
    with pytest.raises(ValueError, match="kind must be one of sft, pairs, reward, critique, got 'dpo'"):
        export_rows(run, "dpo", tmp_path / "rows.jsonl")


def test_a_file_that_could_not_be_written_leaves_the_earlier_one(tmp_path):
    run, output = stored(tmp_path, attempt("r", "b")), tmp_path / "rows.jsonl"
    export_rows(run, "sft", output)
    before = output.read_bytes()
    with pytest.raises(NoRows):
        export_rows(run, "pairs", output)
    assert output.read_bytes() == before
    output.write_text("notes")
    with pytest.raises(OSError, match="is no file of rows of ours"):
        export_rows(run, "sft", output)


@pytest.mark.parametrize("kind", ["sft", "reward"])
def test_rows_of_another_run_or_kind_are_not_replaced(tmp_path, kind):
    run = stored(tmp_path, attempt("r", "b"), attempt("w", "c", sample=1))
    output = tmp_path / "rows.jsonl"
    export_rows(run, "sft", output)
    before = output.read_bytes()
    other = stored(tmp_path / "other", attempt("r", "b", seed=7), attempt("w", "c", seed=7, sample=1))
    with pytest.raises(OSError, match="holds rows of another run, kind or agent; remove it"):
        export_rows(other, kind, output)
    assert output.read_bytes() == before
    export_rows(run, "sft", output)
    assert output.read_bytes() == before


def test_the_command_says_what_it_left_out(tmp_path, capsys):
    run = stored(tmp_path, attempt("r", "b"), replace(attempt("h", "b", seed=1), env_kwargs={"split": "held_out"}))
    assert main(["data", str(run), "-o", str(tmp_path / "rows.jsonl")]) == 0
    said = capsys.readouterr()
    assert f"wrote 1 row to {tmp_path / 'rows.jsonl'}" in " ".join(said.out.split())
    assert "left out: 1 trajectory of held-out tasks" in said.err
