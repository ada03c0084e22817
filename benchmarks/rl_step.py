"""CPU seconds of one RL step, ours and TRL's GRPOTrainer: same model, same shapes, same precision, same run.

    OMP_NUM_THREADS=1 python benchmarks/rl_step.py --steps 3 --json rl_step.json
    OMP_NUM_THREADS=1 python benchmarks/rl_step.py --row long --steps 1 --json rl_step_long.json

One step: sample 16 continuations (2 prompts, 8 each, temperature 1, end of sequence ignored), group-relative
advantages, one update with AdamW, no KL penalty, no activation checkpointing. bf16 is used where the processor has it.
TRL runs its own defaults otherwise. The rows:

    short   prompts of 62 tokens, 16 new tokens, full fine-tuning on fp32 master weights
    long    prompts of 128 tokens, 512 new tokens, LoRA of rank 16 on every linear layer but the head; TRL learns from 2
            samples at a time and sums the gradients (1,280 tokens; ours are 1,024)

Every stack runs in a process of its own, whose peak memory is taken (Linux).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from sparring.agents.models.adapter import Lora
from sparring.agents.models.transformers import TransformersModel, bf16_pays
from sparring.agents.models.weights.reading import Loaded, read_model
from sparring.registry import require
from sparring.trainers.batch import Signal
from sparring.trainers.learner import Learner, LearnerConfig
from sparring.types import Sampling

GROUPS, GROUP_SIZE = 2, 8
LEARNING_RATE = 1e-6


@dataclass(frozen=True, slots=True)
class Row:
    """The shapes of a step."""

    prompt_tokens: int
    new_tokens: int
    lora_rank: int
    together: int
    """Samples that TRL learns from at a time."""


ROWS = {"short": Row(62, 16, 0, GROUPS * GROUP_SIZE), "long": Row(128, 512, 16, 2)}


@dataclass(frozen=True, slots=True)
class Result:
    """The fastest step of a stack, and all of them."""

    stack: str
    precision: str
    cpu_seconds: float
    generate_cpu_seconds: float | None
    steps: tuple[float, ...]
    peak_gb: float
    """Of the process, GB of 1e9 bytes."""


def peak_gb() -> float:
    """The most memory that this process had, by Linux's count."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e9


def prompts(loaded: Loaded, count: int) -> list[str]:
    """Two texts of `count` tokens."""
    text = "{} is the card you hold, and the pot has one coin of each player. Think, then say bet or check. " * 8
    texts = [text.replace("{}", card) for card in ("King", "Queen")]
    cut = [loaded.tokenizer.decode(loaded.tokenizer.encode(text)[:count]) for text in texts]
    assert all(len(loaded.tokenizer.encode(text)) == count for text in cut)
    return cut


def reward(token_ids: list[int]) -> float:
    """Some number that differs between answers."""
    return float(sum(token_ids) % 97)


def ours(name: str, precision: str, steps: int, row: Row) -> Result:
    """Our sampler and learner."""
    loaded = read_model(name, device="cpu")
    loaded.tokenizer.eos_ids = ()
    model = TransformersModel.from_loaded(loaded, precision)
    if row.lora_rank:
        model.add_adapter(Lora(row.lora_rank, 2 * row.lora_rank))
    learner = Learner(model, LearnerConfig(learning_rate=LEARNING_RATE, length=row.new_tokens))
    texts = prompts(loaded, row.prompt_tokens)
    batch = [loaded.tokenizer.encode(text) for text in texts for _ in range(GROUP_SIZE)]
    times, generating = [], []
    for step in range(steps + 1):
        start = time.process_time()
        seeds = range(step * len(batch), (step + 1) * len(batch))
        made = model.generate_batch(batch, Sampling(max_new_tokens=row.new_tokens, decoding="free"), seeds)
        generating.append(time.process_time() - start)
        learner.step(_signals(batch, made))
        times.append(time.process_time() - start)
    return Result("sparring", precision, min(times[1:]), min(generating[1:]), tuple(times[1:]), peak_gb())


def _signals(batch: list[list[int]], made: list[Any]) -> Iterator[Signal]:
    rewards = np.array([reward(list(completion.token_ids)) for completion in made]).reshape(GROUPS, GROUP_SIZE)
    deviation = rewards.std(1, keepdims=True, ddof=1)
    advantages = ((rewards - rewards.mean(1, keepdims=True)) / (deviation + 1e-4)).reshape(-1)
    for prompt, completion, advantage in zip(batch, made, advantages, strict=True):
        yield Signal(
            tokens=(*prompt, *completion.token_ids),
            targets=tuple(range(len(prompt), len(prompt) + len(completion.token_ids))),
            sampling_logprobs=completion.logprobs,
            allowed=(None,) * len(completion.token_ids),
            advantage=float(advantage),
        )


def trl(name: str, precision: str, steps: int, row: Row) -> Result:
    """TRL's GRPOTrainer on the CPU."""
    library, datasets, transformers = (
        require("trl", "dev"),
        require("datasets", "dev"),
        require("transformers", "train"),
    )
    loaded = read_model(name, device="cpu")
    times: list[float] = []

    class Clock(transformers.TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.start = time.process_time()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            times.append(time.process_time() - self.start)

    with tempfile.TemporaryDirectory() as folder:
        loaded.save(folder)
        trainer = library.GRPOTrainer(
            model=loaded.model,
            processing_class=transformers.AutoTokenizer.from_pretrained(folder),
            reward_funcs=lambda completion_ids, **_: [reward(ids) for ids in completion_ids],
            train_dataset=datasets.Dataset.from_dict({"prompt": prompts(loaded, row.prompt_tokens) * (steps + 1)}),
            args=_trl_config(library, folder, precision, steps + 1, row),
            callbacks=[Clock()],
            peft_config=_peft_config(row),
        )
        trainer.train()
    return Result("trl " + library.__version__, precision, min(times[1:]), None, tuple(times[1:]), peak_gb())


def _peft_config(row: Row) -> Any:
    """The same adapter as ours."""
    if not row.lora_rank:
        return None
    library, rank = require("peft", "train"), row.lora_rank
    return library.LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", lora_dropout=0.0, bias="none")


def _trl_config(library: Any, folder: str, precision: str, steps: int, row: Row) -> Any:
    return library.GRPOConfig(
        output_dir=folder,
        use_cpu=True,
        bf16=precision == "bf16",
        max_steps=steps,
        per_device_train_batch_size=row.together,
        gradient_accumulation_steps=GROUPS * GROUP_SIZE // row.together,
        num_generations=GROUP_SIZE,
        max_completion_length=row.new_tokens,
        generation_kwargs={"min_new_tokens": row.new_tokens},
        temperature=1.0,
        beta=0.0,
        learning_rate=LEARNING_RATE,
        lr_scheduler_type="constant",
        optim="adamw_torch",
        gradient_checkpointing=False,
        report_to="none",
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )


def table(results: list[Result]) -> Table:
    """The results as people read them."""
    view = Table("stack", "precision", "CPU s / step", "of it generation", "peak GB", "against the fastest")
    best = min(result.cpu_seconds for result in results)
    for result in results:
        generation = "" if result.generate_cpu_seconds is None else f"{result.generate_cpu_seconds:.2f}"
        ratio = f"{result.cpu_seconds / best:.2f}x"
        view.add_row(
            result.stack, result.precision, f"{result.cpu_seconds:.2f}", generation, f"{result.peak_gb:.2f}", ratio
        )
    return view


def in_own_process(stack: Callable[..., Result], options: argparse.Namespace) -> Result:
    """What a stack measures in a process that did nothing else."""
    with ProcessPoolExecutor(1, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        found = pool.submit(stack, options.model, options.precision, options.steps, ROWS[options.row]).result()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--row", choices=tuple(ROWS), default="short")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="bf16" if bf16_pays() else "fp32")
    parser.add_argument("--steps", type=int, default=3, help="measured steps, after one that warms up")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results: list[Result] = []
    for stack in (ours, trl):
        results.append(in_own_process(stack, options))
        Console().print(table(results))  # the first one alone too: the second may take long
    if options.json:
        options.json.write_text(json.dumps([asdict(result) for result in results], indent=1))


if __name__ == "__main__":
    main()
