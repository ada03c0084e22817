"""`sparring compare-methods`: which method makes a model better, at equal tokens."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from sparring.cli import arguments, parsing, terminal
from sparring.cli.interrupts import stop_after_update
from sparring.cli.lists import lists_of, split_lists
from sparring.faults import in_words
from sparring.registry import require
from sparring.start import EXIT_INTERRUPTED, EXIT_USAGE, loading
from sparring.store.rows import DamagedStore
from sparring.trainers.comparing.settings import Settings

if TYPE_CHECKING:
    from sparring.scoreboard.methods import Comparison, Row
    from sparring.scoreboard.stats import Estimate

Flag = tyro.conf.FlagCreatePairsOff[bool]


def compare_methods(argv: tyro.conf.Positional[list[str]]) -> int:
    """Train a model by several methods at equal tokens: `sparring compare-methods --env ENV --budget 2e5 --run DIR`."""
    lists, prog = lists_of(Settings), "sparring compare-methods"
    examples = "Examples:" + "".join(f"\n  {prog} {words}" for words in Settings.EXAMPLES)
    return parsing.run(start, prog, split_lists(argv, lists), examples, lists)


def start(
    settings: Annotated[Settings, tyro.conf.OmitArgPrefixes], run: Path, resume: Flag = False, json: Flag = False
) -> int:
    """Train one model by several methods, each with the same number of generated tokens, and measure all of them.

    Everybody meets the same held-out tasks, and so does the model as it was. Figures are success rates with 95 %
    intervals over tasks; differences are taken within each task. RUN/methods.json holds them, and `sparring report RUN`
    shows them with replays.

    Args:
        settings: Settings; each may be left out.
        run: The folder of everything, e.g. comparisons/lake; a new one, unless --resume.
        resume: Go on with the comparison in that folder and its settings; other settings are not looked at.
        json: Print the results as JSON instead of a table.
    """
    require("torch", "train")
    with loading():
        from sparring.trainers.comparing.comparison import Comparison as Compared
        from sparring.trainers.comparing.comparison import Stopped
    settings = replace(settings, env=arguments.env_with_options(settings.env))
    compared = Compared.resume(run) if resume else Compared.start(settings, run)
    again = f"go on with: sparring compare-methods --run {shlex.quote(str(run))} --resume"
    parts = len(compared.arms) * compared.settings.seeds
    with stop_after_update() as stop, terminal.progress("percent of all methods", 100, quiet=json) as advance:
        done: dict[str, float] = {}

        def hear(what: str, share: float) -> None:
            if what not in done:
                terminal.note(what)
            done[what] = share
            advance(round(100 * sum(done.values()) / parts))

        try:
            found = compared.run(hear, stop)
        except (Stopped, KeyboardInterrupt):
            terminal.complain(f"stopped and saved; {again}")
            return EXIT_INTERRUPTED
        except (OSError, RuntimeError, DamagedStore) as error:
            terminal.complain(f"stopped: {in_words(error, run)}; {again}")
            return EXIT_USAGE
    show(found, run, json)
    return 0


def show(found: Comparison, run: Path, json: bool) -> None:
    """The table, the verdicts, and where the page comes from."""
    if json:
        terminal.say((run / "methods.json").read_text())
        return
    head = ("method", "solved", "over base", "over self-training", "tokens", "per solved", "paper")
    terminal.show_table(head, [_cells(row) for row in found.rows], names=())
    terminal.say("")
    terminal.say_wrapped(found.verdict)
    for note in found.notes:
        terminal.say_wrapped(note)
    terminal.say(f"results: {run / 'methods.json'}\nNext: sparring report {shlex.quote(str(run))} -o report.html")


def _cells(row: Row) -> Sequence[str]:
    over = {one.other: one for one in row.against}
    differences = [_signed(over[name].difference) if name in over else "" for name in ("base", "self-training")]
    solved = "none" if row.tokens_per_solved is None else f"{row.tokens_per_solved:,.0f}"
    return (row.name, _plain(row.success), *differences, f"{row.spent:,}", solved, row.claim)


def _plain(one: Estimate) -> str:
    return f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})" if one.n else "nothing was played"


def _signed(one: Estimate) -> str:
    return f"{one.value:+.2f}" if one.lacks else f"{one.value:+.2f} ({one.low:+.2f} to {one.high:+.2f})"
