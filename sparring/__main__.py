"""The command line: `sparring COMMAND`; `COMMANDS` has their names.

Exit codes: 0 done, 1 a check failed (verification, faulty episodes, no rows), 2 the request cannot be carried out as
given, 130 interrupted (what was done is saved).
"""

from __future__ import annotations

from sparring.start import end, handle_ctrl_c_as_usual, leave_on_ctrl_c, loading, open_closed_streams

if __name__ == "__main__":  # python -m sparring
    open_closed_streams()
    leave_on_ctrl_c()

import importlib
import io
import os
import shlex
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from sparring import __version__, outline, parsing, person, registry, terminal, training_view, words
from sparring.check_cli import check_environment
from sparring.faults import in_words
from sparring.interrupts import EXIT_INTERRUPTED, saying_what_is_kept, sigterm_as_ctrl_c, stop_after_update
from sparring.notes import say_what_takes_long
from sparring.run_tables import compare_runs, complain_of_damage, list_runs, show_episode_list, what_is_kept
from sparring.scoreboard.marker import StoreVersionError
from sparring.scoreboard.records import DamagedStore
from sparring.scoreboard.runs import metrics_of
from sparring.tables import plural
from sparring.types import Episode
from sparring.watch import watch_run

Flag = tyro.conf.FlagCreatePairsOff[bool]
Words = tyro.conf.Positional[str]
EXIT_FAILED, EXIT_USAGE = 1, 2
COMMANDS = (
    *("envs", "check", "play", "train", "eval", "report", "runs", "compare", "watch", "replay", "verify"),
    *("data", "store", "sandbox", "doctor"),
)
EXAMPLES = """Examples:
  {0} --run runs/first
  {0} --run runs/kuhn --model smollm2 --steps 60
  {0} --run runs/poker --games KuhnPoker,LeducPoker
  {0} --run runs/three --games TicTacToe --probe minimax
  {0} --run runs/first --resume --steps 200"""
REFUSED = (ValueError, OSError, ImportError, registry.UnknownName, DamagedStore, StoreVersionError)

app = parsing.Commands()
app.command(name="runs")(list_runs)
app.command(name="compare")(compare_runs)
app.command(name="watch")(watch_run)
app.command(name="check")(check_environment)


@app.command(name="envs")
def list_envs(json: Flag = False) -> None:
    """List the environments.

    Args:
        json: Print JSON instead of a table.
    """
    terminal.show_envs(outline.outline(registry.envs), json)


@app.command
def play(
    env: Words,
    /,
    agents: str = "random,random",
    episodes: int = 100,
    seed: int = 0,
    store: Path | None = None,
    json: Flag = False,
) -> int:
    """Play episodes between agents and show who won. More agents than seats play a round robin.

    Seats rotate: in every second episode the agents change places on the same deal.

    Args:
        env: An environment, e.g. KuhnPoker, KuhnPoker:illegal=spiral, OpenSpiel:game=nim.
        agents: Agents by commas: random, constant:bet, minimax, cfr, human, smollm2, nano:temperature=0.5, model:PATH,
            or a run folder.
        episodes: How many episodes of every pairing.
        seed: Decides deals and actions.
        store: Also record the episodes in this folder; what it holds already is not played again.
        json: Print JSON instead of a table.
    """
    words.require_known(env, words.split_agents(agents))
    if episodes < 1:
        raise ValueError(f"episodes must be >= 1, got {episodes}")
    from sparring.scoreboard.cross_table import cross_tables
    from sparring.scoreboard.matches import play_matches, round_robin, standing_by_place, standings_by_agent
    from sparring.scoreboard.records import row_of
    from sparring.scoreboard.store import Store

    env_id, options = words.env(env)
    players = words.agents(agents)
    matches = round_robin(env_id, players, episodes, seed, options)

    def note(episode: Episode) -> None:
        advance()
        person.show_end(episode)

    opened = nullcontext() if store is None else Store(store, "a")
    quiet = json or person.plays(players)
    with saying_what_is_kept(store), opened as kept:
        known = 0 if kept is None else len(kept.known(match.id for match in matches))
        with terminal.progress("playing", len(matches) - known, quiet) as advance:
            played = play_matches(matches, kept, note)
    if known:
        terminal.say(f"{known} of these games were in {store} already; --seed plays others", quiet=json)
    is_round_robin = len(players) > len(played[0].trajectories)
    standings = standings_by_agent(played, players) if is_round_robin else standing_by_place(played, players)
    terminal.show_matches(played, standings, json)
    if is_round_robin and len(played[0].trajectories) == 2 and not json:
        terminal.show_cross_table(cross_tables(map(row_of, played))[0])
    return EXIT_FAILED if any(episode.error for episode in played) else 0


@app.command
def train(argv: tyro.conf.Positional[list[str]]) -> int:
    """Train by a method: `sparring train spiral --model smollm2 --games KuhnPoker --steps 60 --run runs/kuhn`."""
    if not argv or argv[0] in ("-h", "--help", "--json"):
        terminal.show_methods(outline.outline(registry.trainers), argv == ["--json"])
        return 0 if argv else EXIT_USAGE
    config_type = outline.config_of(registry.trainers, outline.find_row(registry.trainers, argv[0]))

    def start(config: tyro.conf.OmitArgPrefixes[Any], run: Path, resume: Flag = False, json: Flag = False) -> int:
        """Train, and record everything in a run folder: games, figures, checkpoints.

        Args:
            config: Settings; each may be left out.
            run: The run folder, e.g. runs/first; a new one, unless --resume.
            resume: Go on with the run in that folder and its settings; only --steps may be raised.
            json: Print one JSON line per update instead of a progress bar.
        """
        config = replace(config, games=tuple(words.env_id(game) for game in config.games))
        steps = config.steps if any(word.partition("=")[0] == "--steps" for word in argv) else None
        if resume:
            words.require_resumable(config, run, steps, argv)
        with loading():
            method: Any = registry.trainers.row(argv[0]).build
        training = method.resume(run, steps=steps) if resume else method.start(config, run)
        rows = metrics_of(run)
        again = f"go on with: sparring train {argv[0]} --run {shlex.quote(str(run))} --resume"
        again += f" --steps {steps}" if steps else ""
        try:
            with stop_after_update() as stop, training_view.training(training.config.steps, rows, json) as watch:
                finished = training.run(watch, stop)
        except KeyboardInterrupt:
            terminal.complain(f"interrupted; {again}")
            return EXIT_INTERRUPTED
        except _disk_or_device_errors() as error:
            terminal.complain(f"stopped: {in_words(error, run)}; {again}")
            return EXIT_USAGE
        if not finished:
            terminal.complain(f"stopped and saved; {again}")
            return EXIT_INTERRUPTED
        terminal.say(
            f"done: {run}\nkept: {what_is_kept(run)}\nNext: sparring report {shlex.quote(str(run))} -o report.html",
            quiet=json,
        )
        return 0

    start.__annotations__["config"] = Annotated[config_type, tyro.conf.OmitArgPrefixes]
    prog = f"sparring train {argv[0]}"
    return int(parsing.run(start, prog, words.split_lists(argv[1:]), EXAMPLES.format(prog)))


@app.command(name="eval")
def evaluate(
    what: Words,
    /,
    env: str | None = None,
    orders: Flag = False,
    games: int = 200,
    seed: int = 0,
    suite: str | None = None,
    store: Path | None = None,
    json: Flag = False,
) -> int:
    """Measure a run's best checkpoint, or a model: exactly where the game can be solved, by play elsewhere.

    A run plays as it was trained: its prompt, decoding, temperature, longest answer and illegal rule. Exit code 1 if an
    episode broke off.

    Args:
        what: A run folder, or an agent (smollm2, cfr, random, model:PATH; code-act:MODEL or tree-of-code:MODEL).
        env: The environment. None: the run's first game; KuhnPoker for an agent.
        orders: Average the policy over both orders of the legal actions.
        games: Games against uniform play, seats rotating; 0 for none. In a suite: tasks of every part.
        seed: Decides deals, tasks and actions.
        suite: Play a whole suite instead (code).
        store: Keep the suite's episodes here.
        json: Print JSON instead of tables.
    """
    if games < 0:
        raise ValueError(f"games must be >= 0, got {games}")
    words.require_known(env or "KuhnPoker", [what])
    from sparring.scoreboard.evaluate import evaluate as measure

    if suite is not None:
        return _evaluate_suite(suite, what, games, seed, store, json)
    agent, env_id, env_kwargs = words.measured(what, env)
    with terminal.progress("playing", games, quiet=json) as advance:
        measured = measure(agent, env_id, games, seed, orders, advance, env_kwargs)
    terminal.show_evaluation(what, measured, json)
    return EXIT_FAILED if measured.faults else 0


def _evaluate_suite(suite: str, agent: str, tasks: int, seed: int, store: Path | None, json: bool) -> int:
    from sparring.scoreboard.store import Store
    from sparring.scoreboard.suites import parts_of, run_suite

    parts = [part.name for part in parts_of(suite)]
    total, quiet = tasks * len(parts), json or terminal.err.is_terminal

    def note(part: str) -> None:
        if not quiet:
            terminal.note(f"suite {suite}, part {parts.index(part) + 1} of {len(parts)}: {part}")

    opened = nullcontext() if store is None else Store(store, "a")
    with saying_what_is_kept(store), opened as kept, terminal.progress(f"suite {suite}", total, quiet=json) as advance:
        scores = run_suite(suite, agent, tasks, seed, kept, advance, note)
    terminal.show_scores(suite, agent, scores, json)
    return EXIT_FAILED if any(score.faults for score in scores) else 0


@app.command
def data(
    run: tyro.conf.Positional[Path],
    /,
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    kind: Literal["sft", "repairs"] = "sft",
) -> int:
    """Write training rows out of recorded programs: token ids, log-probabilities, and where each row comes from.

    Exit code 1, and no file, where there is no row to write.

    Args:
        run: A run folder, or a store.
        output: The file, one JSON object a line; new, or rows of an earlier call.
        kind: sft: what solved its task. repairs: a program that failed, what came of it, and the one that mended it.
    """
    from sparring.scoreboard.code_rows import why_no_rows, write_rows

    written = write_rows(words.store_of(run), kind, output)
    if not written:
        terminal.complain(why_no_rows(words.store_of(run), kind))
        return EXIT_FAILED
    terminal.say(f"wrote {written} {plural(written, 'row')} to {output}")
    return 0


@app.command
def report(
    runs: tyro.conf.Positional[tuple[Path, ...]], /, output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
) -> None:
    """Write one self-contained HTML page about runs and stores: verdict, curves, cross-tables, policies, transcripts.

    Args:
        runs: Run folders, or stores (`sparring play --store`).
        output: The HTML file; new, or an earlier report.
    """
    from sparring.scoreboard.evaluate import load_for_report
    from sparring.scoreboard.report import build_report, require_report

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


@app.command
def replay(
    run: tyro.conf.Positional[Path],
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
        episode: The episode's id, e.g. update-3/17, or its number in the list. None: the list.
        agent: List only what this agent played; smollm2 stands for "smollm2 (update 60)" too.
        lost: List only what that agent (without --agent: a model) lost to somebody else.
        illegal: List only episodes with an illegal action.
        last: How many to list, the latest ones.
        json: Print the whole record, or the list, as JSON.
    """
    from sparring.scoreboard.episode_list import select_episodes
    from sparring.scoreboard.store import Store

    if last < 1:
        raise ValueError(f"last must be >= 1, got {last}")
    with Store(words.store_of(run)) as store:
        if episode is None:
            rows = list(store.rows())
            numbers = {row.id: number for number, row in enumerate(rows, start=1)}
            show_episode_list(select_episodes(rows, agent, lost, illegal), numbers, last, json)
            return
        if episode not in store:
            episode = words.numbered_episode(episode, [row.id for row in store.rows()])
        terminal.show_episode(store.get(episode), json)


@app.command
def verify(run: tyro.conf.Positional[Path], /, json: Flag = False) -> int:
    """Play every recorded episode again and compare every observation and reward.

    Exit code 1 if one differs, or if none had come to its end: what a fault broke off is checked only up to the fault;
    also if a run's config.json is damaged.

    Args:
        run: A run folder, or a store.
        json: Print JSON.
    """
    from sparring.scoreboard.store import Store
    from sparring.scoreboard.verify import verify as check

    with Store(words.store_of(run)) as store, terminal.progress("verifying", store.count, quiet=json) as advance:
        result = check(store, lambda done, total: advance(to=done))
    terminal.show_verification(result, json)
    damage = words.damage_of_settings(run)
    if damage:
        terminal.complain(damage)
    return 0 if result.ok and not damage else EXIT_FAILED


@app.command
def sandbox(argv: tyro.conf.Positional[list[str]]) -> int:
    """Run a program in the sandbox, or attack the sandbox: `sparring sandbox run FILE`, `sparring sandbox selftest`."""
    return _nested("sandbox", argv)


@app.command
def store(argv: tyro.conf.Positional[list[str]]) -> int:
    """Repair a store: `sparring store reindex FOLDER` builds a lost or damaged index again from the segments."""
    return _nested("store", argv)


@app.command
def doctor(json: Flag = False) -> None:
    """Say what is installed here, and what to install for the rest.

    Args:
        json: Print JSON.
    """
    from sparring.doctor import show_doctor

    show_doctor(json)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    handle_ctrl_c_as_usual()
    say_what_takes_long()
    _write_what_cannot_be_encoded_as_escapes()
    try:
        with sigterm_as_ctrl_c():
            code = _command(argv)
        sys.stdout.flush()
        return int(code)
    except SystemExit as end:
        return int(end.code or 0)
    except KeyboardInterrupt:
        terminal.complain("interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except REFUSED as error:
        terminal.complain(in_words(error, "standard output"))
        return EXIT_USAGE


def _write_what_cannot_be_encoded_as_escapes() -> None:
    """A terminal of another alphabet shows an escape where it has no letter, and nothing fails."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _nested(name: str, argv: list[str]) -> int:
    """Run the command line of `sparring/NAME_cli.py`."""
    module = importlib.import_module(f"sparring.{name}_cli")
    prepare: Callable[[list[str]], list[str]] = getattr(module, "prepare", list)
    return int(module.app.cli(prog=f"sparring {name}", args=prepare(argv) or ["--help"]) or 0)


def _command(argv: list[str]) -> int:
    if argv[:1] == ["help"]:
        argv = [*argv[1:2], "--help"]
    if argv in (["--version"], ["version"]):
        terminal.say(f"sparring {__version__}")
        return 0
    if argv[:1] in (["--completion"], ["--tyro-print-completion"]):
        if len(argv) != 2 or argv[1] not in terminal.SHELLS:
            raise ValueError(f"--completion takes a shell, {', '.join(terminal.SHELLS)}, got {' '.join(argv[1:])!r}")
        argv = ["--tyro-print-completion", argv[1]]
    if argv[:1] == ["train"]:
        return train(argv[1:])
    if argv[:1] in (["sandbox"], ["store"]):
        return _nested(argv[0], argv[1:])
    if argv and not argv[0].startswith("-") and argv[0] not in COMMANDS:
        raise registry.UnknownName(registry.unknown("command", argv[0], COMMANDS))
    if not argv or argv[0] in ("-h", "--help"):
        terminal.show_commands({name: app.helps[name] for name in COMMANDS})
        return 0
    return int(app.cli(prog="sparring", description=terminal.DESCRIPTION, args=argv) or 0)


def _disk_or_device_errors() -> tuple[type[Exception], ...]:
    """What training raises where the disk or the device is full, or most episodes fail."""
    return (OSError, RuntimeError, DamagedStore, registry.require("safetensors", "train").SafetensorError)


if __name__ == "__main__":
    end(main())
