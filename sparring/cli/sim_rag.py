"""`sparring train sim-rag`: self-practice, a critic, and the table of what stopping by it earns."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from sparring import registry
from sparring.cli import arguments, parsing, terminal
from sparring.cli.interrupts import stop_after_update
from sparring.faults import in_words
from sparring.start import EXIT_INTERRUPTED, EXIT_USAGE, loading
from sparring.store.rows import DamagedStore

if TYPE_CHECKING:
    from sparring.scoreboard.critic_results import CriticResults
    from sparring.scoreboard.stats import Estimate
    from sparring.scoreboard.verdicts import Quality

Flag = tyro.conf.FlagCreatePairsOff[bool]
METHOD = "sim-rag"
PROG = f"sparring train {METHOD}"
EXAMPLES = "Examples:{0}\n  " + PROG + " --run runs/critic --resume"
SHORT = {"over_search": "over", "premature": "early", "gave_up": "gave up"}
"""Names of columns, so that the table fits 80 characters."""


def train_critic(argv: list[str], config_type: type[Any]) -> int:
    """Train a critic by the settings of a command line."""

    def start(config: tyro.conf.OmitArgPrefixes[Any], run: Path, resume: Flag = False, json: Flag = False) -> int:
        """Let searchers practise, train a critic on it, and measure what stopping by it earns.

        RUN/critic is the critic (`sparring play Search --agents sim-rag:smollm2:critic=RUN/critic`), RUN/episodes is
        the practice, and `sparring report RUN` shows everything.

        Args:
            config: Settings; each may be left out.
            run: The run folder, e.g. runs/critic; a new one, unless --resume.
            resume: Go on with the run in that folder and its settings.
            json: Print the results as JSON instead of tables.
        """
        if resume:
            arguments.require_resumable(METHOD, config, run, None, argv)
        with loading():
            from sparring.trainers.methods.sim_rag import Stopped
        method: Any = registry.trainers.row(METHOD).build
        training = method.resume(run) if resume else method.start(config, run)
        again = f"go on with: {PROG} --run {shlex.quote(str(run))} --resume"
        try:
            stopping = stop_after_update("these searches", "without those that are not over")
            with stopping as stop, terminal.progress("searches", training.episodes, quiet=json) as advance:
                results = training.run(advance, stop)
        except (Stopped, KeyboardInterrupt):
            terminal.complain(f"stopped; what was played is kept; {again}")
            return EXIT_INTERRUPTED
        except (OSError, RuntimeError, DamagedStore) as error:
            terminal.complain(f"stopped: {in_words(error, run)}; {again}")
            return EXIT_USAGE
        show(results, run, json)
        return 0

    start.__annotations__["config"] = Annotated[config_type, tyro.conf.OmitArgPrefixes]
    examples = "".join(f"\n  {PROG} {words}" for words in config_type.EXAMPLES)
    return parsing.run(start, PROG, argv[1:], EXAMPLES.format(examples))


def show(results: CriticResults, run: Path, json: bool) -> None:
    """Tables, the verdict, and where the page comes from."""
    from sparring.scoreboard import critic_results
    from sparring.scoreboard.verdicts import FIGURES

    if json:
        terminal.dump(critic_results.to_json(results))
        return
    earned = [dict(rule.earned.items()) for rule in results.rules]
    plain = [name for name in FIGURES if name != "reward"]
    shown = [name for name in plain if any(row[name].value for row in earned)]
    rows = [
        (rule.name, cell(row["reward"]), *(f"{row[name].value:.2f}" for name in shown))
        for rule, row in zip(results.rules, earned, strict=True)
    ]
    terminal.show_table(("stop rule", "reward", *(SHORT.get(name, name) for name in shown)), rows, names=())
    if len(shown) < len(plain):
        terminal.say(f"never: {', '.join(FIGURES[name].lower() for name in plain if name not in shown)}")
    terminal.say("")
    found = [("these questions", *quality_cells(results.quality), "")]
    for one in results.elsewhere:
        again = "" if one.recalibrated is None else f"{one.recalibrated.calibration_error:.3f}"
        found.append((f"without {one.group}", *quality_cells(one.raw), again))
    columns = ("critic on", "points", "AUROC", "Brier", "ECE", "by chance", "again")
    terminal.show_table(columns, found, names=())
    terminal.say_wrapped(
        "without: questions of a group, of a critic that was trained without it. ECE: calibration error; by chance: "
        "what a perfectly calibrated one would have; again: after calibrating on 100 points of the group."
    )
    terminal.say("")
    terminal.say_wrapped(results.verdict)
    for note in results.notes:
        terminal.say_wrapped(note)
    where = shlex.quote(str(run))
    terminal.say(f"critic: {run / 'critic'}\nNext: sparring report {where} -o report.html")


def quality_cells(quality: Quality) -> Sequence[str]:
    """Of a row: points, AUROC, Brier, calibration error and where chance alone would leave it."""
    low, high = quality.null_band
    figures = (quality.auroc, quality.brier, quality.calibration_error)
    return (str(quality.n), *(f"{figure:.3f}" for figure in figures), f"{low:.3f} to {high:.3f}")


def cell(estimate: Estimate) -> str:
    """A value and its interval."""
    if estimate.lacks:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
