"""`sparring adventures starling`: does pre-training on adventures help elsewhere? One command."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from sparring.cli import terminal
from sparring.cli.interrupts import stop_after_update
from sparring.faults import in_words
from sparring.plurals import number_of
from sparring.registry import require
from sparring.start import EXIT_INTERRUPTED, EXIT_USAGE, loading
from sparring.store.rows import DamagedStore
from sparring.trainers.starling.settings import Settings

if TYPE_CHECKING:
    from sparring.scoreboard.stats import Estimate
    from sparring.scoreboard.transfer import Difference, Transfer

Flag = tyro.conf.FlagCreatePairsOff[bool]
MOST_SKILLS = 12
"""In the terminal."""
AGENTS = ("pre-trained", "from scratch", "random", "plan")


def starling(
    settings: Annotated[Settings, tyro.conf.OmitArgPrefixes],
    run: Path,
    resume: Flag = False,
    json: Flag = False,
) -> int:
    """Pre-train on adventures, then measure on others: at once, and while the agent practises there (STARLING).

    The same agent from scratch and random play meet the same games. Figures are shares of the highest score, with 95 %
    intervals over games. RUN/results.json holds them, and `sparring report RUN` shows them with replays.

    Args:
        settings: Settings; each may be left out.
        run: The folder of everything, e.g. runs/starling; a new one, unless --resume.
        resume: Go on with the protocol in that folder and its settings; other settings are not looked at.
        json: Print the results as JSON instead of tables.
    """
    require("pydantic", "adventures")
    require("torch", "train")
    with loading():
        from sparring.trainers.starling.protocol import Protocol, Stopped
        from sparring.trainers.starling.results import write_results
    started, again = (
        time.monotonic(),
        f"go on with: sparring adventures starling --run {shlex.quote(str(run))} --resume",
    )
    with stop_after_update() as stop:
        if resume:
            protocol = Protocol.resume(run, terminal.note, stop)
        else:
            protocol = Protocol.start(settings, run, terminal.note, stop)
        for line in protocol.missing:
            terminal.complain(line)
        try:
            with terminal.progress("protocol", protocol.steps, quiet=json) as advance:
                cells = protocol.run(advance)
        except (Stopped, KeyboardInterrupt):
            terminal.complain(f"stopped and saved; {again}")
            return EXIT_INTERRUPTED
        except (OSError, RuntimeError, DamagedStore) as error:
            terminal.complain(f"stopped: {in_words(error, run)}; {again}")
            return EXIT_USAGE
    show(write_results(protocol, cells), run, json)
    terminal.note(f"this call took {time.monotonic() - started:.0f} s")
    return 0


def show(found: Transfer, run: Path, json: bool) -> None:
    """Tables, the verdict, and where the page comes from."""
    if json:
        from sparring.scoreboard.transfer import to_json

        terminal.dump(to_json(found))
        return
    terminal.show_table(("target", "episodes there", *AGENTS, "pre-trained - scratch"), _rows(found), names=())
    if found.skills:
        terminal.say("\nskills in held-out games whose plan needs them, before practice there: share that used it")
        rows = _skill_rows(found)
        terminal.show_table(("skill", "games", *AGENTS[:3]), rows[:MOST_SKILLS], names=())
        if len(rows) > MOST_SKILLS:
            terminal.say(
                f"and {number_of(len(rows) - MOST_SKILLS, 'skill')} more, which fewer games need: the report lists them"
            )
    terminal.say("")
    terminal.say_wrapped(found.verdict)
    for note in found.notes:
        terminal.say_wrapped(note)
    terminal.say(f"results: {run / 'results.json'}\nNext: sparring report {shlex.quote(str(run))} -o report.html")


def _rows(found: Transfer) -> Sequence[tuple[str, ...]]:
    """One a target and point of the curve."""
    score = {(one.target, one.agent, one.episodes): one.score for one in found.measured}
    difference = {(one.target, one.episodes): one for one in found.differences if one.against == "from scratch"}
    return [
        (target, str(episodes), *(_cell(score.get((target, agent, episodes))) for agent in AGENTS), _signed(one))
        for (target, episodes), one in sorted(
            difference.items(), key=lambda item: (found.targets.index(item[0][0]), item[0][1])
        )
    ]


def _skill_rows(found: Transfer) -> Sequence[tuple[str, ...]]:
    share = {(one.skill, one.agent): one for one in found.skills}
    skills = dict.fromkeys(one.skill for one in found.skills)
    cells = {key: _cell(one.share) for key, one in share.items()}
    return [
        (skill, str(share[skill, AGENTS[0]].games), *(cells.get((skill, agent), "") for agent in AGENTS[:3]))
        for skill in skills
    ]


def _cell(estimate: Estimate | None) -> str:
    return "" if estimate is None else f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def _signed(one: Difference) -> str:
    score = one.score
    spread = "no interval" if score.lacks else f"{score.low:+.2f} to {score.high:+.2f}"
    return f"{score.value:+.2f} ({spread}), {one.seeds_above} of {number_of(one.seeds, 'seed')}"
