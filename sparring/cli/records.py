"""`sparring replay | verify | report | data`: what is made of recorded episodes."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import tyro

from sparring.cli import arguments, records_view, terminal
from sparring.cli.locations import RunOrStore, RunsOrStores
from sparring.cli.runs import complain_of_damage, show_episode_list
from sparring.plurals import number_of
from sparring.start import EXIT_FAILED
from sparring.store.run_files import episodes_of

Flag = tyro.conf.FlagCreatePairsOff[bool]
Words = tyro.conf.Positional[str]


def replay(
    run: tyro.conf.Positional[RunOrStore],
    episode: Words | None = None,
    /,
    agent: str | None = None,
    lost: Flag = False,
    illegal: Flag = False,
    last: int = 20,
    json: Flag = False,
) -> None:
    """Show one recorded episode, turn by turn; without an id, list the episodes that can be shown.

    Args:
        run: A run folder, or a store.
        episode: The episode's id, e.g. update-3/17, or its number, counted from 1 as the list and the
            report show it. None: the list.
        agent: List only what this agent played; smollm2 stands for "smollm2 (update 60)" too.
        lost: List only what that agent (without --agent: a model) lost to somebody else.
        illegal: List only episodes with an illegal action.
        last: How many to list, the latest ones.
        json: Print the whole record, or the list, as JSON.
    """
    from sparring.scoreboard.episode_list import select_episodes
    from sparring.store.store import Store

    if last < 1:
        raise ValueError(f"last must be >= 1, got {last}")
    with Store(episodes_of(run)) as store:
        if episode is None:
            rows = list(store.rows())
            numbers = {row.id: number for number, row in enumerate(rows, start=1)}
            show_episode_list(select_episodes(rows, agent, lost, illegal), numbers, last, json)
            return
        if episode not in store:
            episode = arguments.numbered_episode(episode, [row.id for row in store.rows()])
        records_view.show_episode(store.get(episode), json)


def verify(
    runs: tyro.conf.Positional[RunsOrStores],
    /,
    board: Annotated[Path | None, tyro.conf.arg(metavar="PAGE")] = None,
    json: Flag = False,
) -> int:
    """Play every recorded episode again and compare every observation and reward.

    Exit code 1 if one differs, or if none had come to its end: what a fault broke off is checked only up to the fault;
    also if a run's config.json is damaged, or a board is not what its episodes give.

    Args:
        runs: Run folders, or stores.
        board: The page of a board that was made from these stores, in this order: every number on it is worked out
            again, and the page is compared letter by letter. Without it only the episodes are checked.
        json: Print JSON.
    """
    from sparring.scoreboard.board.check import check_board, read_page
    from sparring.scoreboard.verify import verify as check
    from sparring.store.store import Store

    if not runs:
        raise ValueError("name at least one run folder or store")
    page, ok = (None if board is None else read_page(board)), True
    with ExitStack() as opened:
        stores = [opened.enter_context(Store(episodes_of(run))) for run in runs]
        results = []
        for run, store in zip(runs, stores, strict=True):
            with terminal.progress("verifying", store.count, quiet=json) as advance:
                results.append(check(store, partial(_advance_to, advance)))
            damage = arguments.damage_of_settings(run)
            ok = ok and results[-1].ok and not damage
            if not json:
                records_view.show_verification(results[-1])
            if damage:
                terminal.complain(damage)
        differences = None if page is None else check_board(page, stores)
    if json:
        records_view.dump_verification(results, differences)
    elif board is not None and differences is not None:
        records_view.show_board_check(board, differences)
    return 0 if ok and not differences else EXIT_FAILED


def _advance_to(advance: terminal.Advance, done: int, total: int) -> None:
    advance(to=done)


def report(runs: tyro.conf.Positional[RunsOrStores], /, output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]) -> None:
    """Write one self-contained HTML page about runs and stores: verdict, curves, cross-tables, policies, transcripts.

    Args:
        runs: Run folders, or stores (`sparring play --store`).
        output: The HTML file; new, or an earlier report.
    """
    from sparring.scoreboard.evaluate import load_for_report
    from sparring.scoreboard.report.build import build_report, require_report

    if not runs:
        raise ValueError("name at least one run folder or store")
    require_report(output)
    with terminal.progress("reading runs", len(runs)) as advance:
        loaded = []
        for run in runs:
            loaded.append(load_for_report(run))
            advance()
    build_report(loaded, output)
    complain_of_damage({run.label: run.damaged for run in loaded})
    terminal.say(f"wrote {output}")


def data(
    run: tyro.conf.Positional[RunOrStore],
    /,
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    kind: Literal["sft", "pairs", "reward", "critique", "programs", "repairs"] = "sft",
    agent: str = "",
) -> None:
    """Write training rows out of recorded episodes, for trainers elsewhere; each row says where it comes from.

    Held-out tasks, episodes that broke off and frozen opponents are left out, and counted.

    Args:
        run: A run folder, or a store.
        output: The file, one JSON object a line; new, or rows of an earlier call like this one, which are replaced.
        kind: sft: token sequences of attempts with a reward above 0. pairs: a better and a worse answer to one question
            (DPO). reward: the same as whole conversations. critique: an answer, the verdict, the final answer.
            programs: the programs of solved tasks. repairs: a program that failed, and the one that mended it.
        agent: Whose attempts to take where nobody learnt in an episode of several players.
    """
    from sparring.trainers.data import export, programs

    left_out = ""
    if kind == "programs" or kind == "repairs":
        written = programs.write_rows(episodes_of(run), kind, output)
        if not written:
            raise ValueError(programs.why_no_rows(episodes_of(run), kind))
    else:
        written, left_out = export.export_rows(run, kind, output, agent)
    terminal.say(f"wrote {number_of(written, 'row')} to {output}")
    if left_out:
        terminal.note(f"left out: {left_out}")
