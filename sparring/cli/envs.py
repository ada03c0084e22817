"""`sparring envs | check`: the environments, a review of any of them by the conformance suite, grades of a server."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from sparring import registry
from sparring.cli import arguments, outline, terminal

if TYPE_CHECKING:
    from sparring.envs.conformance import Review
    from sparring.scoreboard.judge import Report

Flag = tyro.conf.FlagCreatePairsOff[bool]
MARKS = {"holds": "holds", "fault": "FAULT", "advice": "advice", "not here": "-"}


def list_envs(json: Flag = False) -> None:
    """List the environments.

    Args:
        json: Print JSON instead of a table.
    """
    rows = outline.outline(registry.envs)
    if json:
        fields = ("name", "family", "seats", "skills", "version", "extra", "summary")
        terminal.dump([{field: getattr(row, field) for field in fields} for row in rows])
        return
    lines = [(row.name, row.family, str(row.seats), row.summary) for row in rows]
    terminal.show_table(("environment", "family", "seats", "what it is"), lines, names=(), prose=3)


def check_environment(
    env: tyro.conf.Positional[str],
    /,
    actions: Path | None = None,
    episodes: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None,
    json: Flag = False,
) -> int:
    """Review an environment, or a server of OpenEnv's protocol: seeds, resets, hostile input, rewards, replays.

    An environment is played by random listed actions, in this process and in another one. Exit code 1 if a property
    does not hold.

    Args:
        env: An environment of any library: KuhnPoker, gym:FrozenLake-v1, pettingzoo:classic.tictactoe_v3,
            openspiel:nim, with options after colons: ToolTasks:split=held_out. Or the address of a server:
            http://127.0.0.1:8000.
        actions: A file with the actions to play on a server, one a line. Without it those that the server lists are
            played, else words.
        episodes: How many episodes the statistics of a server rest on. Without it 20.
        json: Print JSON.
    """
    if env.startswith(("http://", "https://")):
        return _check_server(env, actions, 20 if episodes is None else episodes, json)
    if actions is not None or episodes is not None:
        raise ValueError(f"--actions and --episodes are for a server's address, http://..., got {env!r}")
    from sparring.envs.conformance import review

    env_id, options = arguments.env(env)
    found = review(env_id, **options)
    if json:
        terminal.dump({**asdict(found), "ok": found.ok, "verdict": found.verdict})
    else:
        _show(found)
    return int(not found.ok)


def _check_server(url: str, actions: Path | None, episodes: int, json: bool) -> int:
    from sparring.envs.remote.connection import place_of
    from sparring.scoreboard.judge import OpenEnvClient, judge
    from sparring.scoreboard.judge.graders import GRADERS

    registry.require_installed("websockets", "serve")
    texts = [] if actions is None else _lines_of(actions)
    with terminal.progress("grading", len(GRADERS), quiet=json) as advance:
        report = judge(OpenEnvClient(url), place_of(url), texts, episodes, lambda grade: advance())
    if json:
        terminal.dump({**asdict(report), "ok": report.ok, "verdict": report.verdict})
    else:
        _show_grades(report)
    return int(not report.ok)


def _lines_of(file: Path) -> list[str]:
    """The lines that say something. Raises ValueError where none does."""
    lines = [line for line in file.read_text("utf-8", "replace").splitlines() if line.strip()]
    if not lines:
        raise ValueError(f"{file} holds no actions: write one a line")
    return lines


def _show_grades(report: Report) -> None:
    terminal.say(f"{report.name} at {report.url}\n")
    for grade in report.grades:
        terminal.say_wrapped(f"{grade.verdict}  {grade.name}: {grade.did}")
        terminal.say_wrapped(f"      {'why not' if grade.verdict == 'SKIP' else 'seen'}: {grade.saw}")
        if grade.verdict == "FAIL":
            terminal.say_wrapped(f"      right: {grade.right}")
    terminal.say(f"\n{report.verdict} ({report.seconds:.1f} s)")


def _show(found: Review) -> None:
    sums = {True: ", rewards sum to zero", False: ", rewards do not sum to zero", None: ""}[found.zero_sum]
    seats = f"{len(found.seats)} seats ({', '.join(found.seats)})" if len(found.seats) > 1 else "one seat"
    terminal.say(f"{found.env}: {seats}, actions {found.actions}{sums}\n")
    for finding in found.findings:
        terminal.say(f"{MARKS[finding.verdict]:<7} {finding.what}")
        terminal.say(f"        {finding.detail}")
    terminal.say(f"\n{found.verdict} ({found.seconds:.1f} s)")
