"""Compiles the story of a game: Inform 7 text, then Inform 6, then a Z-machine file, which is kept.

The compilers are those that come with TextWorld. A compiled file is named by the hash of its text and lies in the
cache folder (`$SPARRING_CACHE`); the ones that were used longest ago go first.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import subprocess
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from sparring.envs.adventures.inform.story import Story, write_story
from sparring.envs.adventures.worlds.spec import Game
from sparring.files import cache_folder, drafted
from sparring.registry import MissingExtra, require_installed

SECONDS = 300.0
"""For each of the two compilers, by the clock; they take half a second of a processor."""
MOST_KEPT = 512
"""Compiled files; each has about 0.4 MB."""
MOST_FILE_BYTES = 512 * 1024
"""Of a Z-machine file of version 8."""
OF_INFORM_7 = ("--noindex", "--format=z8")
"""Without pages about the story and about every extension, which took most of the time in a new home folder."""
OF_INFORM_6 = "-E2w~Sv8F0"
"""Version 8, and no checks for mistakes in its own language: they take 40 kB and an eighth to a fifth of a turn."""
NAME_DIGITS = 24
PROBLEM = re.compile(r"^  >--> (.*(?:\n    .*)*)", re.MULTILINE)
SOURCE_LINE = re.compile(r" ?\(source text, line (\d+)\)")
TOO_LARGE = re.compile(r"readable memory|exceeds version|MAX_|too (large|many|long)|overflow|more than", re.IGNORECASE)

_writing = threading.Lock()


class GameNotCompiled(ValueError):
    """A game of which no story file could be made; `messages` are sentences, each with the part of the game."""

    def __init__(self, messages: tuple[str, ...]) -> None:
        self.messages = messages
        more = f" (and {len(messages) - 3} more)" if len(messages) > 3 else ""
        super().__init__("; ".join(messages[:3]) + more)


def compile_story(game: Game) -> Path:
    """The Z-machine file (.z8) of a game that keeps the rules; it is compiled where it is not in the cache.

    Raises GameNotCompiled, and MissingExtra where the compilers are not installed.
    """
    story = write_story(game)
    file = story_folder() / f"{_key(story)}.z8"
    if file.exists():
        with suppress(OSError):
            os.utime(file)
        return file
    compilers = _compilers()
    file.parent.mkdir(parents=True, exist_ok=True)
    _forget_the_oldest(file.parent)
    with tempfile.TemporaryDirectory(prefix="sparring-story-") as scratch:
        content = _compiled(story, game, compilers, Path(scratch))
    with _writing, drafted(file, shared=True) as draft:
        draft.write_bytes(content)
    return file


def story_folder() -> Path:
    """Where compiled games are kept."""
    return cache_folder() / "stories"


def _key(story: Story) -> str:
    """The name of a compiled file: all that decides what is in it."""
    words = "\n".join((*OF_INFORM_7, OF_INFORM_6, story.text))
    return hashlib.sha256(words.encode()).hexdigest()[:NAME_DIGITS]


def require_compilers() -> None:
    """Raises MissingExtra where a compiler, or what plays its files, is not installed."""
    require_installed("jericho", "textworld")
    _compilers()


def _compilers() -> Path:
    """The folder of Inform 7: the two compilers and what they need."""
    require_installed("textworld", "textworld")
    spec = importlib.util.find_spec("textworld")
    places = (spec.submodule_search_locations if spec else None) or ()
    for place in places:
        folder = Path(place) / "thirdparty/inform7-6M62/share/inform7"
        if (folder / "Compilers/ni").is_file() and (folder / "Compilers/inform6").is_file():
            return folder
    raise MissingExtra(
        'this textworld has no Inform compilers: run `pip install "sparring[textworld]"` on Linux, x86-64'
    )


def _compiled(story: Story, game: Game, inform: Path, scratch: Path) -> bytes:
    """The Z-machine file, byte for byte."""
    project, target = scratch / "game.inform", scratch / "game.z8"
    (project / "Source").mkdir(parents=True)
    (project / "Build").mkdir()
    (project / "uuid.txt").touch()
    (project / "Source/story.ni").write_text(story.text, "ascii")
    folders = ("--internal", str(inform / "Internal"), "--project", str(project))
    code, said = _run(scratch, str(inform / "Compilers/ni"), *OF_INFORM_7, *folders)
    if code:
        raise GameNotCompiled(_problems(said, story) or (f"game: Inform 7 ended with exit code {code}",))
    files = (str(project / "Build/auto.inf"), str(target))
    code, said = _run(scratch, str(inform / "Compilers/inform6"), OF_INFORM_6, *files)
    if code:
        raise GameNotCompiled((_reason(said, game),))
    return target.read_bytes()


def _run(home: Path, *words: str) -> tuple[int, str]:
    """Exit code, and what was said."""
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=home,
            env={**os.environ, "HOME": str(home)},
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise GameNotCompiled((f"game: {Path(words[0]).name} did not end within {SECONDS:g} s",)) from error
    return done.returncode, done.stdout.decode("utf-8", "replace")


def _problems(said: str, story: Story) -> tuple[str, ...]:
    """What Inform 7 complains of, with the parts of the game in place of lines of the story."""
    found: dict[str, None] = {}
    for problem in PROBLEM.findall(said):
        sentence = " ".join(problem.split())
        line = SOURCE_LINE.search(sentence)
        part = story.part(int(line.group(1))) if line else "game"
        found[f"{part}: Inform 7 says: {SOURCE_LINE.sub('', sentence)}"] = None
    return tuple(found)


def _reason(said: str, game: Game) -> str:
    """Why Inform 6 made no file: what it compiles comes from Inform 7, so it is nearly always the size."""
    errors = [line for line in said.split("\n") if "rror" in line]
    first = " ".join((errors or [said])[0].split())[:200]
    if not TOO_LARGE.search(said):
        return f"game: Inform 6 says: {first}"
    sizes = f"{len(game.rooms)} rooms, {len(game.things)} things, {len(game.actions)} actions"
    return f"game: {sizes} do not fit into a Z-machine file: leave some out ({first})"


def _forget_the_oldest(folder: Path) -> None:
    files: list[tuple[float, Path]] = []
    for file in folder.glob("*.z8"):
        with suppress(OSError):
            files.append((file.stat().st_mtime, file))
    for _, file in sorted(files)[: max(0, len(files) - MOST_KEPT + 1)]:
        file.unlink(missing_ok=True)
