"""What an index is, in a file of its own: settings, and the size and SHA-256 of every other file.

`manifest.json` is written last. A folder without it is no index; a file that differs from it is named.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from sparring.envs.retrieval.corpus import LINES

NAME, FORMAT = "manifest.json", 1
Setting = str | float | int
PIECE = 2**20


class DamagedIndex(ValueError):
    """A folder that is no index, or one whose files are not those that were written."""


@dataclass(frozen=True, slots=True)
class File:
    """What a file of an index was when it was written."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `manifest.json` says."""

    settings: dict[str, Setting]
    """Engine, rules of the words, and what else decides the answers."""
    files: dict[str, File]
    """By their path in the folder."""
    identity: tuple[str, ...]
    """Those of the files whose bytes are equal for equal passages and settings: they make the fingerprint."""
    versions: dict[str, str]
    """Of the libraries that wrote it; for people."""
    passages: int

    @property
    def fingerprint(self) -> str:
        """SHA-256 over settings and the digests of the files of `identity`."""
        return fingerprint_of(self.settings, {name: self.files[name].sha256 for name in self.identity})

    @property
    def corpus(self) -> str:
        """SHA-256 of the corpus."""
        return self.files[LINES].sha256

    def as_json(self) -> dict[str, object]:
        """With the fingerprint, as it is written and served."""
        return {"format": FORMAT, "fingerprint": self.fingerprint, **asdict(self)}


def fingerprint_of(settings: Mapping[str, Setting], digests: Mapping[str, str]) -> str:
    """SHA-256 over settings and the digests of files: it names an index, wherever that lies."""
    named = json.dumps({"settings": settings, "files": digests}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(named.encode()).hexdigest()


def write_manifest(
    folder: Path, settings: dict[str, Setting], identity: Iterable[str], versions: dict[str, str], passages: int
) -> Manifest:
    """Describe all files of a folder, and write that beside them. Raises OSError."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != NAME)
    files = {path.relative_to(folder).as_posix(): File(path.stat().st_size, digest_of(path)) for path in paths}
    manifest = Manifest(settings, files, tuple(sorted(identity)), versions, passages)
    (folder / NAME).write_text(json.dumps(manifest.as_json(), indent=1) + "\n")
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """What the manifest of a folder says. Raises DamagedIndex where there is none that can be read."""
    try:
        fields = json.loads((folder / NAME).read_bytes())
    except OSError as error:
        raise DamagedIndex(f"{folder} is no index: it has no {NAME}; `sparring retrieval build` makes one") from error
    except ValueError as error:
        raise DamagedIndex(f"{folder / NAME} is damaged: it is no JSON") from error
    if isinstance(fields, dict) and fields.get("format") not in (None, FORMAT):
        raise DamagedIndex(f"{folder / NAME} must have format {FORMAT}, got {fields['format']!r}: build the index anew")
    try:
        files = {str(name): File(int(file["bytes"]), str(file["sha256"])) for name, file in fields["files"].items()}
        manifest = Manifest(
            dict(fields["settings"]),
            files,
            tuple(fields["identity"]),
            dict(fields["versions"]),
            int(fields["passages"]),
        )
        intact = manifest.fingerprint == fields["fingerprint"] and bool(manifest.corpus)
    except (KeyError, TypeError, ValueError, AttributeError):
        intact = False
    if not intact:
        raise DamagedIndex(f"{folder / NAME} is damaged: its fields do not make its fingerprint")
    return manifest


def check_files(folder: Path, manifest: Manifest, full: bool) -> None:
    """Compare sizes, with `full` contents too, with the manifest. Raises DamagedIndex naming the first that differs."""
    for name, file in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise DamagedIndex(f"{path} is missing: the index is damaged")
        if path.stat().st_size != file.bytes:
            raise DamagedIndex(f"{path} must have {file.bytes} bytes, got {path.stat().st_size}: the index is damaged")
        if full and digest_of(path) != file.sha256:
            raise DamagedIndex(f"{path} has another SHA-256 than {NAME} says: the index is damaged")


def digest_of(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
