"""`sparring envs | check`: the environments, and a review of any of them, ours or not, by the conformance suite."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import tyro

from sparring import registry
from sparring.cli import arguments, outline, terminal

if TYPE_CHECKING:
    from sparring.envs.conformance import Review

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


def check_environment(env: tyro.conf.Positional[str], /, json: Flag = False) -> int:
    """Review an environment: seeds, resets, spaces, hostile input, budgets, rewards, and whether it replays.

    Plays it by random listed actions, in this process and in another one. Exit code 1 if a property does not hold.

    Args:
        env: An environment of any library: KuhnPoker, gym:FrozenLake-v1, pettingzoo:classic.tictactoe_v3,
            openspiel:nim, with options after colons: ToolTasks:split=held_out.
        json: Print JSON.
    """
    from sparring.envs.conformance import review

    env_id, options = arguments.env(env)
    found = review(env_id, **options)
    if json:
        terminal.dump({**asdict(found), "ok": found.ok, "verdict": found.verdict})
    else:
        _show(found)
    return int(not found.ok)


def _show(found: Review) -> None:
    sums = {True: ", rewards sum to zero", False: ", rewards do not sum to zero", None: ""}[found.zero_sum]
    seats = f"{len(found.seats)} seats ({', '.join(found.seats)})" if len(found.seats) > 1 else "one seat"
    terminal.say(f"{found.env}: {seats}, actions {found.actions}{sums}\n")
    for finding in found.findings:
        terminal.say(f"{MARKS[finding.verdict]:<7} {finding.what}")
        terminal.say(f"        {finding.detail}")
    terminal.say(f"\n{found.verdict} ({found.seconds:.1f} s)")
