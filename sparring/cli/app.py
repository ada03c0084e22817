"""The command line: `sparring COMMAND`; `COMMANDS` has their names.

Exit codes: 0 done, 1 a check failed (verification, faulty episodes), 2 the request cannot be carried out as
given, 130 interrupted (what was done is saved).
"""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
from collections.abc import Callable, Mapping

import tyro
from rich.markup import escape

from sparring import __version__, registry
from sparring.cli import parsing, terminal
from sparring.cli.compare_methods import compare_methods
from sparring.cli.doctor import show_doctor
from sparring.cli.envs import check_environment, list_envs
from sparring.cli.exact import show_exact
from sparring.cli.exports import export_store, import_episodes
from sparring.cli.interrupts import interruption_in_words, sigterm_as_ctrl_c
from sparring.cli.notes import say_what_takes_long
from sparring.cli.play import evaluate, play
from sparring.cli.ray_option import with_address
from sparring.cli.records import data, replay, report, verify
from sparring.cli.reflection import show_reflection
from sparring.cli.runs import compare_runs, list_runs
from sparring.cli.serve import serve
from sparring.cli.tables import table_of
from sparring.cli.tournament import make_board, tournament
from sparring.cli.train import train
from sparring.cli.watch import watch_run
from sparring.faults import ServerFailed, in_words
from sparring.start import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, handle_ctrl_c_as_usual
from sparring.store.marker import StoreVersionError
from sparring.store.rows import DamagedStore
from sparring.trainers import processes

DESCRIPTION = (
    "LLM agents that learn by playing. Train with `sparring train METHOD --help` (spiral, grpo, reinforce, imitate); a "
    "first run: `sparring train spiral --model nano --games KuhnPoker --steps 200 --run runs/first`."
)
SHELLS = ("bash", "zsh", "fish")
OPTIONS = """
options:
  --help              Show this, or after a command what the command takes.
  --version           Show the version.
  --completion SHELL  Print a script that lets bash, zsh or fish complete commands and options."""
REFUSED = (ValueError, OSError, ImportError, registry.UnknownName, DamagedStore, StoreVersionError, ServerFailed)

app = parsing.Commands()
app.command(name="envs")(list_envs)
app.command(name="check")(check_environment)
app.command(name="play")(play)
app.command(name="tournament")(tournament)
app.command(name="train")(train)
app.command(name="eval")(evaluate)
app.command(name="exact")(show_exact)
app.command(name="report")(report)
app.command(name="board")(make_board)
app.command(name="runs")(list_runs)
app.command(name="compare")(compare_runs)
app.command(name="compare-methods")(compare_methods)
app.command(name="reflection")(show_reflection)
app.command(name="watch")(watch_run)
app.command(name="replay")(replay)
app.command(name="verify")(verify)
app.command(name="data")(data)
app.command(name="serve")(serve)
app.command(name="export")(export_store)
app.command(name="import")(import_episodes)


@app.command
def store(argv: tyro.conf.Positional[list[str]]) -> int:
    """Copy, compact, repair a store, or write it as Parquet: `sparring store copy SOURCE TARGET`, `reindex FOLDER`."""
    return _nested("store", argv)


@app.command
def sandbox(argv: tyro.conf.Positional[list[str]]) -> int:
    """Run a program in the sandbox, or attack the sandbox: `sparring sandbox run FILE`, `sparring sandbox selftest`."""
    return _nested("sandbox", argv)


@app.command
def adventures(argv: tyro.conf.Positional[list[str]]) -> int:
    """Text adventures: `sparring adventures sample -o DIR` writes games, `prove FILE` checks, `play FILE` plays one."""
    return _nested("adventures", argv)


@app.command
def retrieval(argv: tyro.conf.Positional[list[str]]) -> int:
    """Indexes of passages: `sparring retrieval build SOURCE -o DIR`, `search DIR QUERY`, `serve DIR` for trainers."""
    return _nested("retrieval", argv)


@app.command
def robot(argv: tyro.conf.Positional[list[str]]) -> int:
    """Executors of robots: `sparring robot clone -o FILE` trains one, `sparring robot serve` answers for one."""
    return _nested("robot", argv)


app.command(name="doctor")(show_doctor)
COMMANDS = tuple(app.helps)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    argv = with_address(sys.argv[1:] if argv is None else argv)
    handle_ctrl_c_as_usual()
    say_what_takes_long()
    _write_what_cannot_be_encoded_as_escapes()
    try:
        with sigterm_as_ctrl_c():
            code = _command(argv)
        sys.stdout.flush()
        return code
    except SystemExit as end:
        return int(end.code or 0)
    except KeyboardInterrupt as interruption:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C would end this line in a traceback
        terminal.complain(interruption_in_words(interruption))
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


def _show_commands(helps: Mapping[str, str]) -> None:
    """Every command with the first sentence of its help."""
    terminal.say(f"usage: sparring COMMAND ...\n\n{DESCRIPTION}\n\ncommands:")
    table = table_of("", "")
    table.show_header = False
    for name, text in helps.items():
        table.add_row(f"  {name}", escape(text.strip().partition("\n")[0]))
    terminal.out.print(table)
    terminal.say(OPTIONS)


def _nested(name: str, argv: list[str]) -> int:
    """Run a command that has commands of its own, which `sparring/cli/NAME.py` holds."""
    module = importlib.import_module(f"sparring.cli.{name}")
    prepare: Callable[[list[str]], list[str]] = getattr(module, "prepare", list)
    app: parsing.Commands = module.app
    return app.cli(prog=f"sparring {name}", args=prepare(argv) or ["--help"])


def _require_one_process(argv: list[str]) -> None:
    """Raises ValueError where torchrun started several processes, each of which would do the same again."""
    if "TORCHELASTIC_RUN_ID" in os.environ and processes.count() > 1:
        raise ValueError(f"only `sparring train` runs under torchrun, start this without it: {' '.join(argv[:1])}")


def _command(argv: list[str]) -> int:
    if argv[:1] == ["help"]:
        argv = [*argv[1:2], "--help"]
    if argv in (["--version"], ["version"]):
        terminal.say(f"sparring {__version__}")
        return 0
    if argv[:1] in (["--completion"], ["--tyro-print-completion"]):
        if len(argv) != 2 or argv[1] not in SHELLS:
            raise ValueError(f"--completion takes a shell, {', '.join(SHELLS)}, got {' '.join(argv[1:])!r}")
        argv = ["--tyro-print-completion", argv[1]]
    if argv[:1] == ["train"]:
        return train(argv[1:])
    _require_one_process(argv)
    if argv[:1] == ["compare-methods"]:
        return compare_methods(argv[1:])
    if argv[:1] in (["sandbox"], ["store"], ["adventures"], ["retrieval"], ["robot"]):
        return _nested(argv[0], argv[1:])
    if argv and not argv[0].startswith("-") and argv[0] not in COMMANDS:
        raise registry.UnknownName(registry.unknown("command", argv[0], COMMANDS, "sparring --help"))
    if not argv or argv[0] in ("-h", "--help"):
        _show_commands({name: app.helps[name] for name in COMMANDS})
        return 0
    return app.cli(prog="sparring", description=DESCRIPTION, args=argv)
