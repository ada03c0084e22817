"""CPU seconds of one RL step, ours and TRL's GRPOTrainer: same model, same shapes, same precision, same run.

    OMP_NUM_THREADS=1 python benchmarks/rl_step.py --steps 3 --json rl_step.json

One step: sample 16 continuations (2 prompts of 62 tokens, 8 each, 16 new tokens, temperature 1, end of sequence
ignored), group-relative advantages, one full fine-tuning update with AdamW on fp32 master weights, no KL penalty, no
activation checkpointing. bf16 is used where the processor has it. TRL runs its own defaults otherwise.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from sparring.agents.models.transformers import TransformersModel, bf16_pays
from sparring.agents.models.weights.reading import Loaded, read_model
from sparring.registry import require
from sparring.trainers.batch import Signal
from sparring.trainers.learner import Learner, LearnerConfig
from sparring.types import Sampling

GROUPS, GROUP_SIZE, PROMPT_TOKENS, NEW_TOKENS = 2, 8, 62, 16
LEARNING_RATE = 1e-6


@dataclass(frozen=True, slots=True)
class Result:
    """The fastest step of a stack, and all of them."""

    stack: str
    precision: str
    cpu_seconds: float
    generate_cpu_seconds: float | None
    steps: tuple[float, ...]


def prompts(loaded: Loaded) -> list[str]:
    """Two texts of `PROMPT_TOKENS` tokens."""
    text = "{} is the card you hold, and the pot has one coin of each player. Think, then say bet or check. " * 4
    texts = [text.replace("{}", card) for card in ("King", "Queen")]
    cut = [loaded.tokenizer.decode(loaded.tokenizer.encode(text)[:PROMPT_TOKENS]) for text in texts]
    assert all(len(loaded.tokenizer.encode(text)) == PROMPT_TOKENS for text in cut)
    return cut


def reward(token_ids: list[int]) -> float:
    """Some number that differs between answers."""
    return float(sum(token_ids) % 97)


def ours(name: str, precision: str, steps: int) -> Result:
    """Our sampler and learner."""
    loaded = read_model(name, device="cpu")
    loaded.tokenizer.eos_ids = ()
    model = TransformersModel.from_loaded(loaded, precision)
    learner = Learner(model, LearnerConfig(learning_rate=LEARNING_RATE, length=NEW_TOKENS))
    batch = [loaded.tokenizer.encode(text) for text in prompts(loaded) for _ in range(GROUP_SIZE)]
    times, generating = [], []
    for step in range(steps + 1):
        start = time.process_time()
        seeds = range(step * len(batch), (step + 1) * len(batch))
        made = model.generate_batch(batch, Sampling(max_new_tokens=NEW_TOKENS, decoding="free"), seeds)
        generating.append(time.process_time() - start)
        learner.step(_signals(batch, made))
        times.append(time.process_time() - start)
    return Result("sparring", precision, min(times[1:]), min(generating[1:]), tuple(times[1:]))


def _signals(batch: list[list[int]], made: list[Any]) -> Iterator[Signal]:
    rewards = np.array([reward(list(completion.token_ids)) for completion in made]).reshape(GROUPS, GROUP_SIZE)
    deviation = rewards.std(1, keepdims=True, ddof=1)
    advantages = ((rewards - rewards.mean(1, keepdims=True)) / (deviation + 1e-4)).reshape(-1)
    for prompt, completion, advantage in zip(batch, made, advantages, strict=True):
        yield Signal(
            tokens=(*prompt, *completion.token_ids),
            targets=tuple(range(len(prompt), len(prompt) + NEW_TOKENS)),
            sampling_logprobs=completion.logprobs,
            allowed=(None,) * NEW_TOKENS,
            advantage=float(advantage),
        )


def trl(name: str, precision: str, steps: int) -> Result:
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
            train_dataset=datasets.Dataset.from_dict({"prompt": prompts(loaded) * (steps + 1)}),
            args=_trl_config(library, folder, precision, steps + 1),
            callbacks=[Clock()],
        )
        trainer.train()
    return Result("trl " + library.__version__, precision, min(times[1:]), None, tuple(times[1:]))


def _trl_config(library: Any, folder: str, precision: str, steps: int) -> Any:
    return library.GRPOConfig(
        output_dir=folder,
        use_cpu=True,
        bf16=precision == "bf16",
        max_steps=steps,
        per_device_train_batch_size=GROUPS * GROUP_SIZE,
        num_generations=GROUP_SIZE,
        max_completion_length=NEW_TOKENS,
        generation_kwargs={"min_new_tokens": NEW_TOKENS},
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
    view = Table("stack", "precision", "CPU s / step", "of it generation", "against the fastest")
    best = min(result.cpu_seconds for result in results)
    for result in results:
        generation = "" if result.generate_cpu_seconds is None else f"{result.generate_cpu_seconds:.2f}"
        ratio = f"{result.cpu_seconds / best:.2f}x"
        view.add_row(result.stack, result.precision, f"{result.cpu_seconds:.2f}", generation, ratio)
    return view


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="bf16" if bf16_pays() else "fp32")
    parser.add_argument("--steps", type=int, default=3, help="measured steps, after one that warms up")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    results = [stack(options.model, options.precision, options.steps) for stack in (ours, trl)]
    Console().print(table(results))
    if options.json:
        options.json.write_text(json.dumps([asdict(result) for result in results], indent=1))


if __name__ == "__main__":
    main()
