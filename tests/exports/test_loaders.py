"""Each format through its target's own loader, and TRL's trainers on what it holds."""

from __future__ import annotations

import json

import datasets
import gymnasium
import pyarrow.parquet as pq
import pytest
import torch
import transformers
import trl

from sparring import registry
from sparring.agents.models.transformers import TransformersModel
from sparring.agents.models.weights.reading import read_model
from sparring.exports.exporting import export
from sparring.exports.formats import FORMATS
from sparring.exports.selection import Selection
from sparring.rollout.loop import Match, play
from sparring.store.store import Store

torch.set_num_threads(1)
SEAT, GUESS = "player_0", "test/Guess-v0"
LINES = ("trl-sft", "trl-grpo", "trl-dpo", "openai", "sharegpt", "atif", "training-trace", "verifiers")


class Guess(gymnasium.Env):
    """Name the letter; b is right."""

    def __init__(self):
        self.action_space = self.observation_space = gymnasium.spaces.Text(10**6)

    def reset(self, *, seed=None, options=None):
        return f"Task {seed}: name the letter.", {"legal_actions": ["a", "b", "c"]}

    def step(self, action):
        return "", float(action == "b"), True, False, {"illegal": action not in ("a", "b", "c")}


@pytest.fixture(autouse=True)
def guess():
    with registry.envs.temporary(registry.EnvironmentRow(GUESS, Guess)):
        yield


@pytest.fixture(scope="module")
def nano(tmp_path_factory):
    """Games of nano, six samples of each of four tasks, and nano as a folder of transformers."""
    folder = tmp_path_factory.mktemp("nano")
    with registry.envs.temporary(registry.EnvironmentRow(GUESS, Guess)):
        matches = [Match(f"g/{n}/{k}", GUESS, {SEAT: "nano"}, n, sample=k) for n in range(4) for k in range(6)]
        with Store(folder / "store", "a") as store:
            store.append(play(matches))
    TransformersModel.from_loaded(read_model("nano", device="cpu", seed=3), "fp32").save(folder / "model")
    return folder


def written(nano, name, output):
    with Store(nano / "store") as store:
        export(Selection(store), FORMATS[name], output)
    return output


def loaded(nano, name, tmp_path):
    """What `datasets` makes of a file of lines."""
    file = written(nano, name, tmp_path / f"{name}.jsonl")
    return datasets.load_dataset("json", data_files=str(file), split="train", cache_dir=str(tmp_path / "cache"))


def folder_of(nano, tmp_path):
    """What `datasets` makes of the folder of hf-dataset."""
    folder = written(nano, "hf-dataset", tmp_path / "hf")
    return datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))


def trainer_of(nano, tmp_path, rows, trainer, config, **options):
    """A trainer of TRL's on an exported file, as it is."""
    sizes = {"max_steps": 1, "per_device_train_batch_size": 2, "gradient_checkpointing": False}
    quiet = {"use_cpu": True, "bf16": False, "report_to": [], "save_strategy": "no"}
    arguments = config(output_dir=str(tmp_path / "trl"), **quiet, **sizes, **options)
    tokenizer = transformers.AutoTokenizer.from_pretrained(nano / "model")
    model = transformers.AutoModelForCausalLM.from_pretrained(nano / "model", dtype="float32")
    rewards = {"reward_funcs": lambda completions, **columns: [0.0] * len(completions)}
    extra = rewards if trainer is trl.GRPOTrainer else {}
    return trainer(model=model, args=arguments, train_dataset=rows, processing_class=tokenizer, **extra)


@pytest.mark.parametrize("name", LINES)
def test_datasets_reads_every_format_of_lines(nano, tmp_path, name):
    rows = loaded(nano, name, tmp_path)
    assert len(rows) == sum(1 for _ in (tmp_path / f"{name}.jsonl").open())


def test_datasets_reads_the_array_of_agentgym_as_its_trainer_does(nano, tmp_path):
    rows = json.loads(written(nano, "agentgym", tmp_path / "traj.json").read_text())
    assert datasets.Dataset.from_list(rows)[0]["conversations"] == rows[0]["conversations"]
    assert {int(row["item_id"].split("_")[-1]) for row in rows} <= {0, 1, 2, 3}


def test_datasets_reads_the_folder_with_tokens_as_they_were_recorded(nano, tmp_path):
    rows = folder_of(nano, tmp_path)
    with Store(nano / "store") as store:
        first = next(iter(store)).trajectories[SEAT].turns[0].calls[0]
    assert rows[0]["input_ids"] == [token for segment in first.segments for token in segment.token_ids]
    generated = [one for segment in first.segments if segment.kind == "generated" for one in segment.logprobs]
    kept = [logprob for logprob, mask in zip(rows[0]["logprobs"], rows[0]["assistant_masks"], strict=True) if mask]
    assert kept == generated


def test_verl_and_the_flat_table_are_read_by_datasets_and_pyarrow(nano, tmp_path):
    file = written(nano, "verl", tmp_path / "prompts.parquet")
    rows = datasets.load_dataset("parquet", data_files=str(file), split="train", cache_dir=str(tmp_path / "cache"))
    assert rows.column_names == ["data_source", "prompt", "ability", "reward_model", "extra_info"]
    assert rows[0]["prompt"][0]["role"] == "user"
    turns = pq.read_table(written(nano, "parquet", tmp_path / "turns.parquet"))
    assert turns.num_rows == 24


def test_verls_own_dataset_reads_the_prompts(nano, tmp_path):
    verl = pytest.importorskip("verl.utils.dataset.rl_dataset")
    config = pytest.importorskip("omegaconf").OmegaConf.create(
        {"max_prompt_length": 512, "filter_overlong_prompts": False, "cache_dir": str(tmp_path / "cache")}
    )
    file, tokenizer = written(nano, "verl", tmp_path / "prompts.parquet"), read_model("nano").tokenizer.unwrapped
    rows = verl.RLHFDataset(str(file), tokenizer, config)
    assert len(rows) == 4
    assert [row["data_source"] for row in rows] == [GUESS] * 4
    assert "name the letter" in rows[0]["raw_prompt"][0]["content"]


AXOLOTL = {
    "openai": {"field_messages": "messages"},
    "sharegpt": {
        "field_messages": "conversations",
        "message_property_mappings": {"role": "from", "content": "value"},
        "roles": {"user": ["human"], "assistant": ["gpt"]},
    },
}


@pytest.mark.parametrize("name", AXOLOTL)
def test_axolotls_own_strategy_learns_the_answers_alone(nano, tmp_path, name):
    axolotl = pytest.importorskip("axolotl.prompt_strategies.chat_template")
    settings = pytest.importorskip("axolotl.utils.dict").DictDefault
    common = {"sequence_len": 4096, "train_on_inputs": False, "chat_template": "tokenizer_default"}
    tokenizer = read_model("smollm2").tokenizer.unwrapped
    strategy = axolotl.load(tokenizer, settings(common), settings({"type": "chat_template", **AXOLOTL[name]}))
    for row in loaded(nano, name, tmp_path):
        found = strategy.tokenize_prompt(row)
        learnt = [token for token, label in zip(found["input_ids"], found["labels"], strict=True) if label != -100]
        answer = row.get("messages", row.get("conversations"))[-1]
        assert tokenizer.decode(learnt).startswith(answer.get("content", answer.get("value")))


def test_llama_factorys_own_converter_reads_the_conversations(nano, tmp_path):
    converter = pytest.importorskip("llamafactory.data.converter")
    about = pytest.importorskip("llamafactory.data.parser").DatasetAttr("file", dataset_name="s", formatting="sharegpt")
    about.messages = "conversations"
    convert = converter.SharegptDatasetConverter(about, pytest.importorskip("llamafactory.hparams").DataArguments())
    for row in loaded(nano, "sharegpt", tmp_path):
        found = convert(row)
        assert [one["content"] for one in found["_prompt"] + found["_response"]] == [
            one["value"] for one in row["conversations"]
        ]


@pytest.mark.slow
def test_trls_sft_trainer_learns_the_answer_alone(nano, tmp_path):
    rows = loaded(nano, "trl-sft", tmp_path)
    trainer = trainer_of(nano, tmp_path, rows, trl.SFTTrainer, trl.SFTConfig)
    for row, theirs in zip(rows, trainer.train_dataset, strict=True):
        learnt = trainer.processing_class.decode([label for label in theirs["labels"] if label != -100])
        assert row["completion"][0]["content"] in learnt
        assert "Task" not in learnt


@pytest.mark.slow
def test_trls_sft_trainer_takes_the_tokens_of_the_folder(nano, tmp_path):
    rows = folder_of(nano, tmp_path)
    trainer = trainer_of(nano, tmp_path, rows, trl.SFTTrainer, trl.SFTConfig)
    for row, theirs in zip(rows, trainer.train_dataset, strict=True):
        assert theirs["input_ids"] == row["input_ids"]
        expected = [t if m else -100 for t, m in zip(row["input_ids"], row["assistant_masks"], strict=True)]
        assert theirs["labels"] == expected


@pytest.mark.slow
def test_trls_dpo_trainer_takes_the_pairs(nano, tmp_path):
    rows = loaded(nano, "trl-dpo", tmp_path)
    trainer = trainer_of(nano, tmp_path, rows, trl.DPOTrainer, trl.DPOConfig)
    for row, theirs in zip(rows, trainer.train_dataset, strict=True):
        assert row["chosen"][0]["content"] in trainer.processing_class.decode(theirs["chosen_ids"])
    assert torch.isfinite(torch.tensor(trainer.train().training_loss))


@pytest.mark.slow
def test_reward_on_masked_tokens_only_gives_zero_gradient_in_trl(nano, tmp_path):
    trainer = trainer_of(
        nano, tmp_path, loaded(nano, "trl-grpo", tmp_path), trl.GRPOTrainer, trl.GRPOConfig, num_generations=2,
        max_completion_length=4, beta=0.0,
    )  # fmt: skip
    line = json.loads(written(nano, "training-trace", tmp_path / "trace.jsonl").open().readline())
    (turn,) = line["trace"]["turns"]
    prompt, tail = turn["prompt_token_ids"], turn["completion_token_ids"]
    own = turn["loss_mask"][len(prompt) :]
    forced = [7, 8]
    """Two more tokens that the model did not choose, as a game's answer in a completion."""
    mask = torch.tensor([[*own, *(0 for _ in forced)]])

    def gradient(advantages):
        trainer.model.zero_grad()
        inputs = {
            "prompt_ids": torch.tensor([prompt]), "prompt_mask": torch.ones(1, len(prompt), dtype=torch.long),
            "completion_ids": torch.tensor([[*tail, *forced]]), "completion_mask": torch.ones_like(mask),
            "tool_mask": mask, "advantages": advantages, "num_items_in_batch": mask.sum(),
        }  # fmt: skip
        trainer._compute_loss(trainer.model, inputs).backward()
        return sum(float(one.grad.abs().sum()) for one in trainer.model.parameters() if one.grad is not None)

    assert own == [1] * len(tail)
    assert gradient((1.0 - mask) * 5) == 0.0
    assert gradient(mask * 5.0) > 0.0
