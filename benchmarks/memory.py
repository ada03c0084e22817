"""Peak memory of updates with long answers: 64 of 1,024 tokens, written freely and then learnt from.

    OMP_NUM_THREADS=2 python benchmarks/memory.py --updates 60 --json memory.json

The peak of every update is taken by itself, while it writes and while it learns: that of the process (Linux counts it
since the last reset), or with `--device cuda` that of the GPU (as PyTorch counts it).
End of sequence is ignored, so that all answers are as long as they can be.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.console import Console

from sparring.agents.models.adapter import Lora
from sparring.agents.models.transformers import TransformersModel
from sparring.agents.models.weights.reading import read_model
from sparring.protocols import Completion
from sparring.trainers.batch import Signal
from sparring.trainers.learner import Learner, LearnerConfig
from sparring.types import Sampling

PROMPTS = [
    f"{card} is your card. Think step by step, then say bet or check." for card in ("King", "Queen", "Jack", "Ace")
]


@dataclass(frozen=True, slots=True)
class Update:
    """One update."""

    writing_gb: float
    """The most memory while it wrote the answers."""
    learning_gb: float
    seconds: float


def peak_gb(device: str) -> float:
    """The most memory of this process, or of the GPU, since `forget_peak`, GB of 1e9 bytes."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device) / 1e9
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e9


def forget_peak(device: str) -> None:
    """Let Linux or PyTorch count anew."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)
        return
    Path("/proc/self/clear_refs").write_text("5")


def signals(prompts: Sequence[list[int]], made: Sequence[Completion]) -> Iterator[Signal]:
    """Every answer with an advantage of its own."""
    for index, (prompt, completion) in enumerate(zip(prompts, made, strict=True)):
        count = len(completion.token_ids)
        yield Signal(
            tokens=(*prompt, *completion.token_ids),
            targets=tuple(range(len(prompt), len(prompt) + count)),
            sampling_logprobs=completion.logprobs,
            allowed=(None,) * count,
            advantage=(-1.0) ** index,
        )


def updates(options: argparse.Namespace) -> Iterator[Update]:
    """Write, learn, again."""
    loaded = read_model(options.model, device=options.device)
    loaded.tokenizer.eos_ids = ()
    model = TransformersModel.from_loaded(loaded)
    if options.lora_rank:
        model.add_adapter(Lora(options.lora_rank, 32))
    if options.gradient_checkpointing:
        model.recompute_layers()
    learner = Learner(model, LearnerConfig(length=options.tokens))
    prompts = [model.encode(PROMPTS[index % len(PROMPTS)]) for index in range(options.answers)]
    sampling = Sampling(max_new_tokens=options.tokens, decoding="free")
    for update in range(options.updates):
        start = time.perf_counter()
        forget_peak(options.device)
        made = model.generate_batch(prompts, sampling, range(update * len(prompts), (update + 1) * len(prompts)))
        writing = peak_gb(options.device)
        forget_peak(options.device)
        learner.step(signals(prompts, made))
        yield Update(writing, peak_gb(options.device), time.perf_counter() - start)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--updates", type=int, default=60)
    parser.add_argument("--answers", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=1024, help="of each answer")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--lora-rank", type=int, default=0)
    parser.add_argument("--gradient-checkpointing", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found, console = [], Console()
    for update in updates(options):
        found.append(update)
        console.print(
            f"update {len(found)}: writing {update.writing_gb:.2f} GB, learning {update.learning_gb:.2f} GB, "
            f"{update.seconds:.0f} s"
        )
    if options.json:
        settings = {name: value for name, value in vars(options).items() if name != "json"}
        options.json.write_text(json.dumps({"settings": settings, "updates": [asdict(one) for one in found]}, indent=1))


if __name__ == "__main__":
    main()
