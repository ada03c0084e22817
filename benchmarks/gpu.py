"""Training SmolLM2 for a number of minutes on whatever device there is: self-play, grpo with LoRA, grpo on code.

    python benchmarks/gpu.py spiral grpo code --minutes 3 --folder runs/gpu --json benchmarks/results/gpu.json

    spiral  self-play on Kuhn poker, tic-tac-toe and negotiation; all weights are trained
    grpo    text adventures, a LoRA adapter of rank 16; choices among the legal commands
    code    CodeI/O: what does a described program return? A LoRA adapter; first imitation of right answers on the
            programs for training, so that the model knows the form of an answer, then grpo with the free text of the
            model, measured on programs that it never saw
    search  questions over an invented world: imitation of the right searches and answers, then grpo with the free text
            of the model, measured on held-out questions; what is retrieved is prompt, and not trained on
    plan    plans for a gripper over a table, faults included: grpo on choices among the subgoals that make sense,
            measured on held-out instructions
    memory  64 free answers of 1,024 tokens, written and learnt from again and again: the peak of every update

Writes the curves, tokens per second, peak memory and the device's name.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from sparring import Match, play, registry
from sparring.agents.models.weights.reading import pick_device
from sparring.store.store import Store
from sparring.trainers.config import RunConfig
from sparring.trainers.method import Method
from sparring.trainers.methods.grpo import Config as GrpoConfig
from sparring.trainers.methods.grpo import Grpo
from sparring.trainers.methods.imitate import Config as ImitateConfig
from sparring.trainers.methods.imitate import Imitate
from sparring.trainers.methods.spiral import Config as SpiralConfig
from sparring.trainers.methods.spiral import Spiral
from sparring.trainers.run import Run

SELF_PLAY = ("sparring/KuhnPoker-v0", "sparring/TicTacToe-v0", "sparring/SimpleNegotiation-v0")
ADVENTURE = "sparring/Adventure-v0:difficulty=1:max_turns=20"
SEARCH = "sparring/Search-v0:world=fiction:kinds=chain:hops=1-2:max_rounds=3:k=3"
PLAN = "sparring/TabletopPlan-v0:fault=0.3"
CODE = "sparring/CodeIO-v0:direction=output:max_turns=1"
SHOWN = ("nash_conv/", "probe/", "reward/", "tokens_per_second", "illegal_share", "imitated")
Row = dict[str, Any]


def device_name(device: str) -> str:
    """What the run was made on."""
    return (
        torch.cuda.get_device_name(device) if device.startswith("cuda") else f"CPU, {torch.get_num_threads()} threads"
    )


def train(method: type[Method[Any]], config: RunConfig, path: Path, minutes: float) -> Row:
    """Train until the time is up; the last update is finished, evaluated and saved."""
    rows: list[Row] = []
    console, start = Console(), time.monotonic()

    def watch(metrics: Row) -> None:
        rows.append(metrics)
        shown = {name: round(value, 3) for name, value in metrics.items() if name.startswith(SHOWN)}
        console.print(f"{path.name} update {metrics['update']}: {shown}", highlight=False, soft_wrap=True)

    Run.start(method, config, path).run(watch, should_stop=lambda: time.monotonic() > start + 60 * minutes)
    seconds, tokens = time.monotonic() - start, sum(row.get("tokens", 0) for row in rows)
    return {
        "run": path.name,
        "method": method.name,
        "minutes": round(seconds / 60, 2),
        "updates": sum("loss" in row for row in rows),
        "episodes": sum(row.get("episodes", 0) for row in rows),
        "tokens": tokens,
        "tokens_per_second": round(tokens / seconds, 1),
        "curves": rows,
    }


def spiral(options: argparse.Namespace, common: Mapping[str, Any]) -> list[Row]:
    """Self-play; negotiation has no finite list of actions, so there the model writes freely and is parsed."""
    config = SpiralConfig(
        games=SELF_PLAY, steps=150, games_per_update=768, max_new_tokens=48, evaluation_games=100, **common
    )
    return [train(Spiral, config, options.folder / "spiral", options.minutes)]


def grpo(options: argparse.Namespace, common: Mapping[str, Any]) -> list[Row]:
    """Groups of eight attempts at sixteen adventures."""
    config = GrpoConfig(
        games=(ADVENTURE,), steps=12, games_per_update=128, group_size=8, lora_rank=16, magnet=0.02,
        credit="turn", evaluation_games=0, probe_every=10, probe_games=64, **common,
    )  # fmt: skip
    return [train(Grpo, config, options.folder / "grpo", options.minutes)]


def code(options: argparse.Namespace, common: Mapping[str, Any]) -> list[Row]:
    """Programs that are described, and what they return."""
    return imitate_then_grpo("code", CODE, 24, 40, options, common)


def search(options: argparse.Namespace, common: Mapping[str, Any]) -> list[Row]:
    """Questions of one and two hops."""
    return imitate_then_grpo("search", SEARCH, 48, 10, options, common)


def imitate_then_grpo(
    name: str, env: str, max_new_tokens: int, probe_every: int, options: argparse.Namespace, common: Mapping[str, Any]
) -> list[Row]:
    """Imitation, then grpo, half of the time each; both are measured on 128 held-out tasks."""
    store, warm = options.folder / f"{name}-answers", options.folder / f"{name}-imitate"
    seats, (env_id, kwargs) = {"player_0": "walkthrough"}, registry.envs.parts(env)
    with Store(store, "a") as answers:
        answers.append(play([Match(f"right/{seed}", env_id, seats, seed, kwargs) for seed in range(options.answers)]))
    talk: Row = {"games": (env,), "agent": "chat", "decoding": "free", "max_new_tokens": max_new_tokens,
            "lora_rank": 16, "evaluation_games": 0, "probe_games": 128, "probe_every": probe_every}  # fmt: skip
    first = ImitateConfig(source=str(store), steps=20, games_per_update=32, **talk, **common)
    rows = [train(Imitate, first, warm, options.minutes / 2)]
    after = {**common, "model": str(warm)}
    config = GrpoConfig(steps=25, games_per_update=256, group_size=8, **talk, **after)
    return [*rows, train(Grpo, config, options.folder / name, options.minutes / 2)]


def plan(options: argparse.Namespace, common: Mapping[str, Any]) -> list[Row]:
    """Groups of eight attempts at sixteen tasks of the tabletop; every third attempt at a subgoal meets a fault."""
    config = GrpoConfig(
        games=(PLAN,), steps=40, games_per_update=128, group_size=8, lora_rank=16, magnet=0.02,
        credit="turn", evaluation_games=0, probe_every=10, probe_games=64, **common,
    )  # fmt: skip
    return [train(Grpo, config, options.folder / "plan", options.minutes)]


def memory(options: argparse.Namespace, common: Mapping[str, Any]) -> list[Row]:
    """The most memory of the device in every update, as long as there is time."""
    import memory as long_answers

    asked = argparse.Namespace(
        model=options.model, device=pick_device(options.device), answers=64, tokens=1024, updates=60,
        lora_rank=0, gradient_checkpointing=False,
    )  # fmt: skip
    start, rows = time.monotonic(), []
    for made in long_answers.updates(asked):
        rows.append(asdict(made))
        Console().print(f"memory update {len(rows)}: {rows[-1]}", highlight=False, soft_wrap=True)
        if time.monotonic() > start + 60 * options.minutes:
            break
    return [{"run": "memory", "updates": len(rows), "answers": 64, "tokens": 1024, "curves": rows}]


PARTS: Mapping[str, Callable[[argparse.Namespace, Mapping[str, Any]], list[Row]]] = {
    "spiral": spiral,
    "grpo": grpo,
    "code": code,
    "search": search,
    "plan": plan,
    "memory": memory,
}


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=tuple(PARTS))
    parser.add_argument("--minutes", type=float, default=3.0, help="of each part")
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--answers", type=int, default=1024, help="right episodes that are imitated first")
    parser.add_argument("--folder", type=Path, required=True, help="for the runs")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    common = {"model": options.model, "device": options.device, "checkpoint_every": 50}
    device, runs = pick_device(options.device), []
    for part in options.parts:
        runs += PARTS[part](options, common)
    result = {
        "device": device_name(device),
        "model": options.model,
        "torch": torch.__version__,
        "peak_gpu_gb": round(torch.cuda.max_memory_allocated() / 1e9, 2) if device.startswith("cuda") else None,
        "runs": runs,
    }
    Console().print([{name: value for name, value in run.items() if name != "curves"} for run in runs])
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
