"""`sparring adventures write`: a language model writes games out of ideas, and each is proven or counted as failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from sparring import registry
from sparring.cli import terminal
from sparring.cli.interrupts import saying_what_is_kept
from sparring.faults import require_writable
from sparring.files import write_whole
from sparring.plurals import number_of
from sparring.registry import require
from sparring.start import EXIT_FAILED
from sparring.types import Episode

if TYPE_CHECKING:
    from sparring.envs.adventures.worlds.proofs import Manifest
    from sparring.envs.adventures.worlds.spec import Game
    from sparring.protocols import Agent
    from sparring.rollout.match import Event, Match

Flag = tyro.conf.FlagCreatePairsOff[bool]
ENV, SEAT = "sparring/AdventureWriter-v0", "player_0"
EPISODES = "episodes"
"""Where in the output folder the prompts and answers are recorded."""
MOST_SHOWN = 60
"""Characters of an idea or a reason in the table."""


def write(
    ideas: Path,
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    model: str = "smollm2",
    difficulty: int = 1,
    seed: int = 0,
    json: Flag = False,
) -> int:
    """Let a language model write a game for each idea, and prove it. Games and proofs lie in the output folder.

    The model is asked slot by slot; what rules and proofs complain of, it is asked to mend. Every prompt and answer is
    an episode in OUTPUT/episodes; what is there is not written again. Exit code 1 if no idea became a proven game.

    Args:
        ideas: A file with one idea a line.
        output: The folder; games that it holds already are not written again.
        model: smollm2, nano, a path, a hub id, a run folder, or openai:NAME:url=http://localhost:8000/v1.
        difficulty: 1 (a few commands) to 5.
        seed: Decides the model's randomness, examples and maps.
        json: Print JSON.
    """
    require("pydantic", "adventures")
    from sparring.envs.adventures.adventure_writer import ideas_in

    if not 1 <= difficulty <= 5:
        raise ValueError(f"difficulty must be from 1 to 5, got {difficulty}")
    if output.exists() and not output.is_dir():
        raise ValueError(f"{output} is a file: -o takes a folder")
    require_writable(output)
    read = list(dict.fromkeys(ideas_in(ideas)))
    writer = registry.agents.make("writer", argument=model)
    output.mkdir(parents=True, exist_ok=True)
    episodes = _episodes(read, writer, difficulty, seed, output / EPISODES, quiet=json)
    written = _written(read, episodes)
    for one in written:
        if one.game is not None and one.manifest is not None:
            _save(output / one.file, one.game, one.manifest)
    _show(written, json)
    return 0 if any(one.game for one in written) else EXIT_FAILED


@dataclass(frozen=True, slots=True)
class Written:
    """What became of an idea."""

    number: int
    idea: str
    episode: Episode
    game: Game | None
    manifest: Manifest | None
    reasons: tuple[str, ...]

    @property
    def file(self) -> str:
        """The name of the game's file."""
        words = "".join(c if c.isalnum() else " " for c in self.idea.lower()).split()
        return f"written-{self.number:03}-{'-'.join(words)[:40].strip('-')}.json"

    def metric(self, name: str) -> float:
        """Of the episode; 0 where it broke off."""
        return self.episode.trajectories[SEAT].metrics.get(name, 0.0)


def _episodes(
    ideas: Sequence[str], writer: Agent, difficulty: int, seed: int, store: Path, quiet: bool
) -> Sequence[Episode]:
    from sparring.scoreboard.matches import identity
    from sparring.scoreboard.stored_matches import play_missing
    from sparring.store.store import Store

    matches = [_match(idea, identity(writer), writer.name, difficulty, seed) for idea in ideas]
    with saying_what_is_kept(store), Store(store, "a") as kept:
        missing = len(matches) - len(kept.known(match.id for match in matches))
        with terminal.progress("writing games", missing, quiet) as advance:
            return play_missing(matches, {writer.name: writer}, kept, on_event=_when_done(advance, quiet))


def _match(idea: str, identity: str, writer: str, difficulty: int, seed: int) -> Match:
    from sparring.rollout.match import Match

    digest = blake2b(idea.encode(), digest_size=6).hexdigest()
    kwargs = {"idea": idea, "difficulty": difficulty}
    return Match(f"write/{identity}/{digest}/{difficulty}/{seed}", ENV, {SEAT: writer}, seed, kwargs, task=idea)


def _when_done(advance: Callable[[], None], quiet: bool) -> Callable[[Event], None]:
    def note(event: Event) -> None:
        if event.kind == "done" and event.episode is not None:
            advance()
            last = event.episode.trajectories[SEAT].last
            said = event.episode.error or (last.text if last else "")
            if not quiet:
                terminal.note(f"{_cut(str(event.match.task))}: {_cut(said, 3 * MOST_SHOWN)}")

    return note


def _written(ideas: Sequence[str], episodes: Sequence[Episode]) -> list[Written]:
    """What became of each idea; a game that is like an earlier one of this list is none."""
    from sparring.envs.adventures.hundred import fingerprints
    from sparring.envs.adventures.worlds.proofs import prove
    from sparring.envs.adventures.worlds.rules import read_game

    known, found = set(fingerprints()), []
    for number, (idea, episode) in enumerate(zip(ideas, episodes, strict=True), start=1):
        hidden = episode.trajectories[SEAT].hidden
        said, reasons = hidden.get("game", ""), tuple(hidden.get("reasons", ())) or (episode.error or "",)
        game = read_game(said) if said else None
        manifest = prove(game, known) if game else None
        if manifest is not None and not manifest.ok:
            reasons = tuple(check.evidence for check in manifest.checks if check.status == "fail")
            game = None
        if manifest is not None:
            known.add(manifest.fingerprint)
        found.append(Written(number, idea, episode, game, manifest, reasons))
    return found


def _save(file: Path, game: Game, manifest: Manifest) -> None:
    write_whole(file, f"{game.model_dump_json(indent=2, exclude_defaults=True)}\n".encode())
    write_whole(file.with_name(f"{file.stem}.proof.json"), f"{manifest.model_dump_json(indent=2)}\n".encode())


def _show(written: Sequence[Written], json: bool) -> None:
    proven = sum(one.game is not None for one in written)
    copied = sum(one.metric("copied") for one in written) / len(written)
    if json:
        terminal.dump({"ideas": [_data(one) for one in written], "proven": proven, "copied": copied})
        return
    columns = ("idea", "result", "commands", "skills", "answers", "refused", "copied")
    terminal.show_table(columns, [_row(one) for one in written], prose=1)
    terminal.say(
        f"{proven} of {number_of(len(written), 'idea')} became proven games. Copied: {copied:.0%} of names and "
        "sentences stood in the prompts as examples, or were chosen from a list of names"
    )


def _data(one: Written) -> dict[str, object]:
    return {
        "idea": one.idea,
        "file": one.file if one.game else None,
        "reasons": [] if one.game else list(one.reasons),
        "commands": one.manifest.length if one.manifest else 0,
        "skills": list(one.manifest.plan_skills) if one.manifest else [],
        "episode": one.episode.id,
        "answers": len(one.episode.trajectories[SEAT].turns),
        "refused": _refused(one.episode),
        "copied": one.metric("copied"),
    }


def _row(one: Written) -> tuple[str, ...]:
    made = one.game is not None and one.manifest is not None
    return (
        _cut(one.idea),
        "proven" if made else _cut("; ".join(one.reasons), 2 * MOST_SHOWN),
        str(one.manifest.length) if made and one.manifest else "",
        ", ".join(one.manifest.plan_skills) if made and one.manifest else "",
        str(len(one.episode.trajectories[SEAT].turns)),
        str(_refused(one.episode)),
        f"{one.metric('copied'):.0%}",
    )


def _refused(episode: Episode) -> int:
    return sum(not turn.legal for turn in episode.trajectories[SEAT].turns)


def _cut(text: str, most: int = MOST_SHOWN) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
