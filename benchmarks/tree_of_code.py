"""Tree-of-Code against CodeAct on the held-out tool tasks: accuracy, turns, layers, tokens, and the grid of shapes.

    python benchmarks/tree_of_code.py --json benchmarks/results/tree_of_code.json
    python benchmarks/tree_of_code.py --hides 0.5 --methods code-act "ToC 3-3" "ToC 3-3, critic"
    python benchmarks/tree_of_code.py --model smollm2 --tasks 6 --methods code-act "ToC 3-3"

Every method meets the same tasks with the same seeds, so methods that write the same programs score the same.
By default the model is a script (`scripted_programmer`): it knows the right program and makes seeded mistakes, so that
the algorithms are compared and not a model. `--model smollm2` plays with SmolLM2-135M as it is, `--model openai:NAME`
with the model that the server at OPENAI_BASE_URL knows by this name.

What a script can show of the paper's claims (arXiv 2412.15305), because it follows from the algorithm:
- width pays: independent programs and a vote repair slips that no error message points at, at a price in tokens;
- depth pays where programs fail loudly, and only there: growth stops at whatever runs. (It pays more here than in the
  paper's grid for Claude 3.5 Sonnet, where it hardly does: this script fails loudly far more often.)
- a weakness: programs that hide their errors win votes (`--hides 0.5`), and a critic takes the votes away.
What it cannot show, and needs a stronger model: that a whole program a turn saves turns and words against steps (the
script writes whole programs as CodeAct too, so CodeAct needs the fewest here); that prompts and models drawn at random
make mistakes independent (here they are so by construction, except on the tasks with a trap); that reflection on the
whole history beats reading the last error; the absolute figures.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from scripted_programmer import Habits, Programmer

from sparring.agents import models
from sparring.agents.code.code_act import CodeAct
from sparring.agents.code.tree import Shape
from sparring.agents.code.tree_of_code import TreeOfCode
from sparring.agents.models.scripted import ScriptedModel
from sparring.envs.code.split_rng import SplitRng
from sparring.envs.code.tool_tasks.environment import FAMILIES, make_task
from sparring.notes import ProgramNote
from sparring.protocols import Agent, LanguageModel
from sparring.rollout.loop import Match, play
from sparring.samples import generated_tokens
from sparring.scoreboard.stats import paired_difference, rate
from sparring.types import Episode, Sampling

ENV = "sparring/ToolTasks-v0"
BASELINE = "code-act"


@dataclass(frozen=True, slots=True)
class Method:
    """An agent, and how many turns the environment grants it."""

    name: str
    make: Callable[[LanguageModel, Sampling], Agent]
    turns: int


def methods() -> list[Method]:
    """CodeAct, the grid of trees by children, the widest tree by layer, and with a critic."""
    found = [Method(BASELINE, lambda model, sampling: CodeAct(model, sampling=sampling), 10)]
    for depth in (1, 2, 3):
        for width in (1, 2, 3):
            found.append(_tree(f"ToC {width}-{depth}", Shape(width, depth), "none"))
    found.append(_tree("ToC 3-3 by layer", Shape(3, 3, "layer"), "none"))
    found.append(_tree("ToC 3-3, critic", Shape(3, 3), "static"))
    return found


def _tree(name: str, shape: Shape, critic: str) -> Method:
    return Method(name, lambda model, sampling: TreeOfCode(model, shape=shape, critic=critic, sampling=sampling), 40)


def scripted(split: str, tasks: int, habits: Habits) -> ScriptedModel:
    """The script, told the reference program of every task."""
    programs = {}
    for seed in range(tasks):
        task = make_task(SplitRng(split, "family", seed).one(sorted(FAMILIES)), split, seed)
        programs[task.question] = task.program
    return ScriptedModel(Programmer(programs, habits))


def measure(
    method: Method, model: LanguageModel, options: argparse.Namespace, done: Callable[[], None]
) -> list[Episode]:
    """One episode a task."""
    sampling = Sampling(temperature=0.1, max_new_tokens=options.max_new_tokens, decoding="free")
    agent, kwargs = method.make(model, sampling), {"split": options.split, "max_turns": method.turns}
    matches = [
        Match(f"{method.name}/{seed}", ENV, {"player_0": method.name}, seed, kwargs, task=str(seed))
        for seed in range(options.tasks)
    ]
    return play(matches, {method.name: agent}, options.concurrency, lambda event: event.kind == "done" and done())


def summary(name: str, episodes: Sequence[Episode], baseline: Sequence[Episode]) -> dict[str, Any]:
    """What a method reached; intervals are Wilson's, the difference to CodeAct is taken within each task."""
    counted = [episode for episode in episodes if episode.sound]
    turns = [[turn for _, turn in episode.turns] for episode in counted]
    nodes = [[note for turn in one if (note := ProgramNote.from_notes(turn.notes))] for one in turns]
    written = [generated_tokens(one) for one in turns]
    return {
        "method": name,
        "accuracy": asdict(rate([_reward(one) > 0 for one in counted], [one.task for one in counted])),
        "minus_code_act": asdict(paired_difference(_scores(counted), _scores(baseline))) if baseline else None,
        "turns": _mean([len(one) for one in turns]),
        "programs": _mean([len(one) for one in nodes]),
        "layers": _mean([max((note.depth for note in one), default=0) for one in nodes]),
        "tokens": _mean(written),
        "abstained": _mean([bool(one[-1].notes.get("abstained")) for one in turns if one]),
        "truncated": _mean([one.status == "truncated" for one in counted]),
        "broken_off": len(episodes) - len(counted),
    }


def table(results: Sequence[dict[str, Any]]) -> Table:
    """One row a method."""
    view = Table("method", "accuracy, 95 %", "minus CodeAct", "programs", "layers", "turns", "tokens", "abstained")
    for row in results:
        view.add_row(
            row["method"],
            _interval(row["accuracy"], ""),
            "" if row["method"] == BASELINE else _interval(row["minus_code_act"], "+"),
            *(f"{row[key]:.2f}" for key in ("programs", "layers", "turns")),
            f"{row['tokens']:.0f}",
            f"{row['abstained']:.3f}",
        )
    return view


def _interval(estimate: dict[str, float] | None, sign: str) -> str:
    if estimate is None:
        return ""
    value, low, high = (format(estimate[name], f"{sign}.3f") for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def _reward(episode: Episode) -> float:
    return episode.trajectories["player_0"].reward


def _scores(episodes: Sequence[Episode]) -> list[tuple[str, float]]:
    return [(str(episode.task), _reward(episode)) for episode in episodes if episode.sound]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def main() -> None:
    """Measure and print."""
    names = [method.name for method in methods()]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="scripted", help="scripted, smollm2, openai:NAME, or any path or hub id")
    parser.add_argument("--tasks", type=int, default=200, help="one episode each")
    parser.add_argument("--split", default="held_out", choices=("train", "held_out"))
    parser.add_argument("--methods", nargs="*", default=names, choices=names)
    parser.add_argument("--hides", type=float, default=Habits().hides, help="how often the script hides its errors")
    parser.add_argument("--max-new-tokens", type=int, default=4096, help="of a turn; the script's tokens are bytes")
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    habits = Habits(hides=options.hides)
    scripted_model = options.model == "scripted"
    model = scripted(options.split, options.tasks, habits) if scripted_model else models.load(options.model)
    chosen = [method for method in methods() if method.name in options.methods]
    started, results, baseline = time.perf_counter(), [], []
    with Progress(console=Console(stderr=True)) as progress:
        for method in chosen:
            bar = progress.add_task(method.name, total=options.tasks)
            episodes = measure(method, model, options, lambda bar=bar: progress.advance(bar))
            baseline = episodes if method.name == BASELINE else baseline
            results.append(summary(method.name, episodes, baseline))
            for problem in {one.error for one in episodes if one.error}:
                progress.console.print(f"{method.name}: {problem}")
    Console(width=120).print(table(results))
    if options.json:
        facts = {"model": options.model, "split": options.split, "tasks": options.tasks, "machine": platform.machine()}
        facts |= {"cores": os.cpu_count(), "seconds": round(time.perf_counter() - started, 1)}
        facts |= {"habits": asdict(habits)} if scripted_model else {"max_new_tokens": options.max_new_tokens}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({**facts, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
