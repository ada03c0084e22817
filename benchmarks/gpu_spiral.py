"""SPIRAL with a model of one to eight billion parameters on a GPU: turns a second, and how much of the GPU is used.

    python benchmarks/gpu_spiral.py --model PATH --engine vllm --steps 10 --folder runs/gpu_spiral --json FILE
    python benchmarks/gpu_spiral.py --model nano --device cpu --steps 1 --games-per-update 12 --folder runs/tried

Self-play on Kuhn poker, tic-tac-toe and negotiation with a LoRA adapter (`--lora-rank 0`: all weights).

MFU, model FLOPs utilisation, is that of PaLM (arXiv 2204.02311, appendix B): the FLOPs that the model needs over those
that the device could do in the same time. A token needs 2 FLOPs a parameter forward and 4 backward; frozen matrices
need 2 backward, because only the gradient of their input is computed. Counted are the matrices of the layers for each
token of a pass. Left out are attention (12 L H Q T of that appendix), the head, layers that are computed again, and all
that the engine does while it plays: so the figures are lower bounds. `mfu_learning` is over the seconds of learning,
`mfu_update` over those of the whole update.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import torch
from rich.console import Console
from torch import nn

from sparring.agents.models.weights.reading import pick_device
from sparring.trainers.evaluation import Metrics
from sparring.trainers.methods.spiral import Spiral
from sparring.trainers.methods.spiral_config import Config
from sparring.trainers.run import Run
from sparring.types import Episode

GAMES = ("sparring/KuhnPoker-v0", "sparring/TicTacToe-v0", "sparring/SimpleNegotiation-v0")
PEAK_TFLOPS = {
    "B200": 2250.0,
    "H200": 989.4,
    "H100 PCIe": 756.0,
    "H100 NVL": 835.5,
    "H100": 989.4,
    "A100": 311.9,
    "L40S": 362.0,
}
"""Dense bf16, without sparsity, by the names that torch gives the devices (data sheets of the maker)."""


class Timed(Run[Config]):
    """A run that says how long learning took."""

    def learn(self, episodes: Sequence[Episode]) -> Metrics:
        """As `Run.learn`."""
        started = time.perf_counter()
        metrics = super().learn(episodes)
        if self.model.device.type == "cuda":
            torch.cuda.synchronize()
        return {**metrics, "learning_seconds": time.perf_counter() - started}


def peak_of(device_name: str) -> float | None:
    """FLOP/s of a device; None where we do not know them."""
    return next((1e12 * peak for name, peak in PEAK_TFLOPS.items() if name in device_name), None)


def flops_per_token(module: nn.Module) -> int:
    """Of a forward and backward pass through the layers: 6 a parameter that is trained, 4 a frozen one."""
    ends = {id(layer.weight) for layer in (module.get_input_embeddings(), module.get_output_embeddings())}
    matrices = [one for one in module.parameters() if one.dim() > 1 and id(one) not in ends]
    return sum((6 if one.requires_grad else 4) * one.numel() for one in matrices)


def mfu(tokens: float, seconds: float, per_token: int, peak: float | None) -> float | None:
    """Model FLOPs utilisation; None where the peak is not known."""
    return tokens * per_token / seconds / peak if peak else None


def measure(options: argparse.Namespace) -> dict[str, object]:
    """Train for some updates; figures are medians without the first update, where there are several."""
    config = Config(
        model=str(options.model), games=GAMES, steps=options.steps, games_per_update=options.games_per_update,
        lora_rank=options.lora_rank, engine=options.engine, device=options.device, max_new_tokens=48,
        decoding=options.decoding, evaluation_games=0, gradient_checkpointing=options.gradient_checkpointing,
    )  # fmt: skip
    device = pick_device(options.device)
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else "CPU"
    rows: list[Metrics] = []
    run = Timed.start(Spiral, config, options.folder)
    per_token, peak = flops_per_token(run.model.module), peak_of(name)
    run.run(rows.append)
    updates = [row for row in rows if "nodes" in row]
    steady = updates[1:] or updates
    used = [
        {
            "turns_per_second": row["turns_per_second"],
            "tokens_per_second": row["tokens_per_second"],
            "update_seconds": row["seconds"],
            "learning_seconds": row["learning_seconds"],
            "mfu_learning": mfu(row["nodes"], row["learning_seconds"], per_token, peak),
            "mfu_update": mfu(row["nodes"], row["seconds"], per_token, peak),
        }
        for row in steady
    ]
    known = {name: [one[name] for one in used if one[name] is not None] for name in used[0]}
    return {
        "device": name,
        "model": str(options.model),
        "engine": options.engine,
        "lora_rank": options.lora_rank,
        "torch": torch.__version__,
        "peak_tflops": peak and peak / 1e12,
        "flops_per_token": per_token,
        "peak_gpu_gb": round(torch.cuda.max_memory_allocated() / 1e9, 2) if device.startswith("cuda") else None,
        "medians": {name: median(values) if values else None for name, values in known.items()},
        "updates": updates,
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a folder, or a name that models.load knows")
    parser.add_argument("--engine", choices=("transformers", "vllm"), default="transformers")
    parser.add_argument("--lora-rank", type=int, default=16)
    parser.add_argument("--games-per-update", type=int, default=768)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--decoding", choices=("legal", "free"), default="legal")
    parser.add_argument("--gradient-checkpointing", action="store_true")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--folder", type=Path, required=True, help="for the run")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result = measure(options)
    Console().print({name: value for name, value in result.items() if name != "updates"})
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
