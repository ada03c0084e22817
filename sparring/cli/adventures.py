"""`sparring adventures sample | write | prove | play | starling`: games, their proofs, people, and transfer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from sparring.cli import adventure_writing, parsing, terminal
from sparring.cli.lists import lists_of, split_lists
from sparring.cli.play import play_between
from sparring.cli.starling import starling
from sparring.faults import make_folder
from sparring.files import write_whole
from sparring.registry import require
from sparring.trainers.starling.settings import Settings

if TYPE_CHECKING:
    from sparring.envs.adventures.worlds.proofs import Manifest
    from sparring.envs.adventures.worlds.spec import Game

Flag = tyro.conf.FlagCreatePairsOff[bool]
app = parsing.Commands()
PROOF = ".proof.json"
MOST_SEEDS = 10
"""For every game that is asked for: how many seeds may be looked at until all games are different."""


@app.command
def sample(
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    count: int = 10,
    split: Literal["train", "held_out"] = "train",
    difficulty: int | None = None,
    seed: int = 0,
    json: Flag = False,
) -> int:
    """Write games out of seeds into a folder, each with its proofs beside it.

    No two have the same map, things, actions and goal. Exit code 1 if a game fails a proof.

    Args:
        output: The folder; files of the same names are written anew.
        count: How many games.
        split: Whose themes and plans.
        difficulty: 1 (a few commands) to 5; None: 1 to 5 in turn.
        seed: The first seed; further games take the seeds after it.
        json: Print JSON.
    """
    require("pydantic", "adventures")
    if count < 1:
        raise ValueError(f"count must be >= 1, got {count}")
    if difficulty is not None and not 1 <= difficulty <= 5:
        raise ValueError(f"difficulty must be from 1 to 5, got {difficulty}")
    if output.exists() and not output.is_dir():
        raise ValueError(f"{output} is a file: -o takes a folder")
    proven: list[tuple[str, Manifest]] = []
    make_folder(output)
    with terminal.progress("writing games", count, quiet=json) as advance:
        for number, game, manifest in islice(_different(split, seed, difficulty, MOST_SEEDS * count), count):
            name = f"{split}-{number:05}-{game.theme.replace(' ', '-')}.json"
            _write(output / name, game, manifest)
            proven.append((name, manifest))
            advance()
    _show(proven, json)
    return int(len(proven) < count or any(not manifest.ok for _, manifest in proven))


app.command(adventure_writing.write)


@app.command
def prove(
    files: tyro.conf.Positional[tuple[Path, ...]], /, compile: Flag = False, save: Flag = False, json: Flag = False
) -> int:
    """Prove games again: rules, shortest plan, dead ends, hostile texts, and whether they differ from each other.

    Exit code 1 if a game fails a proof. What needs a compiler is said to be not run without --compile.

    Args:
        files: Games (JSON), or folders of games; the proofs that lie beside games, NAME.proof.json, are passed over.
        compile: Compile each game with Inform 7 and prove the compiled one too; needs the extra "textworld".
        save: Write the proofs beside the games.
        json: Print JSON.
    """
    require("pydantic", "adventures")
    from sparring.envs.adventures.worlds.rules import text_of

    games = _games_in(files)
    texts = {file: text_of(file) for file in games}
    known: set[str] = set()
    proven: list[tuple[str, Manifest]] = []
    broken: list[str] = []
    with terminal.progress("proving games", len(texts), quiet=json) as advance:
        for file, text in texts.items():
            manifest = _proven(file, text, known, broken, compile)
            advance()
            if manifest is not None:
                known.add(manifest.fingerprint)
                proven.append((file.name, manifest))
                if save:
                    _write_text(file.with_name(file.stem + PROOF), manifest.model_dump_json(indent=2))
    _show(proven, json, broken)
    return int(bool(broken) or any(not manifest.ok for _, manifest in proven))


def _games_in(files: Sequence[Path]) -> list[Path]:
    """The games among some files, or in some folders, in order; not the proofs. Raises ValueError where there is none.

    Folders beside files are passed over: `games/*` names the folder of recorded episodes too.
    """
    if all(file.is_dir() for file in files):
        files = [game for folder in files for game in sorted(folder.glob("*.json"))]
    games = [file for file in files if not (file.is_dir() or file.name.endswith(PROOF))]
    if not games:
        raise ValueError("there is no game among the files")
    return games


@app.command
def play(file: tyro.conf.Positional[Path], /) -> int:
    """Play a game in the terminal: write commands such as `look`, `take lamp`, `go north` (or `n`).

    `help` lists the verbs, `quit` or Ctrl-D leaves the game.

    Args:
        file: A game (JSON).
    """
    require("pydantic", "adventures")
    from sparring.agents.people import HOW_TO_LEAVE, HumanAgent
    from sparring.envs.adventures.adventure import Adventure

    file.lstat()
    verbs = Adventure(file=str(file)).verbs(0)
    terminal.note(f"Write commands; help lists the verbs, {HOW_TO_LEAVE}.")
    options = {"file": str(file), "list_actions": False}
    return play_between([HumanAgent(verbs)], "sparring/Adventure-v0", options, episodes=1)


app.command(starling)


def prepare(argv: list[str]) -> list[str]:
    """The words of the command line, with lists taken apart."""
    return split_lists(argv, lists_of(Settings)) if argv[:1] == ["starling"] else argv


def _different(
    split: Literal["train", "held_out"], seed: int, difficulty: int | None, most: int
) -> Iterator[tuple[int, Game, Manifest]]:
    """(seed, game, its proofs) of so many seeds, without games of a structure that was there before."""
    from sparring.envs.adventures.worlds.proofs import prove
    from sparring.envs.adventures.worlds.sampler import sample_game

    known: set[str] = set()
    for at in range(most):
        game = sample_game(split, seed + at, difficulty or 1 + at % 5)
        manifest = prove(game, known)
        if manifest.fingerprint not in known:
            known.add(manifest.fingerprint)
            yield seed + at, game, manifest


def _proven(file: Path, text: bytes, known: set[str], broken: list[str], compiled: bool) -> Manifest | None:
    from sparring.envs.adventures.inform.proofs import prove_compiled
    from sparring.envs.adventures.worlds.proofs import prove
    from sparring.envs.adventures.worlds.rules import InvalidGame, read_game

    try:
        game = read_game(text)
    except InvalidGame as error:
        broken += [f"{file}: {violation}" for violation in error.violations]
        return None
    manifest = prove(game, known)
    return prove_compiled(game, manifest) if compiled else manifest


def _write(file: Path, game: Game, manifest: Manifest) -> None:
    _write_text(file, game.model_dump_json(indent=2, exclude_defaults=True))
    _write_text(file.with_name(file.stem + PROOF), manifest.model_dump_json(indent=2))


def _write_text(file: Path, text: str) -> None:
    write_whole(file, f"{text}\n".encode())


def _show(proven: Sequence[tuple[str, Manifest]], json: bool, broken: Sequence[str] = ()) -> None:
    if json:
        games = {name: manifest.model_dump() | {"ok": manifest.ok} for name, manifest in proven}
        terminal.dump({"games": games, "broken": list(broken)})
        return
    if proven:
        terminal.show_table(("game", "theme", "commands", "points", "skills", "proofs"), [_row(*one) for one in proven])
    for name, manifest in proven:
        for check in manifest.checks:
            if check.status == "fail" or (len(proven) == 1 and not broken):
                terminal.say(f"{name}: {check.number} {check.name}: {check.status}: {check.evidence}")
    terminal.complain_of([("", line) for line in broken], most=20)


def _row(name: str, manifest: Manifest) -> tuple[str, ...]:
    counts = {
        status: sum(check.status == status for check in manifest.checks) for status in ("pass", "fail", "not run")
    }
    proofs = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    skills = ", ".join(manifest.plan_skills)
    return name, manifest.theme, str(manifest.length), str(manifest.max_score), skills, proofs
