"""Where a store is: a folder, or a schema of a PostgreSQL database."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

SCHEMES = ("postgresql://", "postgres://")
DEFAULT_NAME = "sparring"
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_PASSWORDS = re.compile(r"(?<=://)([^/?@:]*):[^/?]*(?=@)|(?<=[?&])((?:ssl)?password)=[^&]*")


@dataclass(frozen=True, slots=True)
class Server:
    """A store in a PostgreSQL database; shown without its password."""

    dsn: str = field(repr=False)
    """A libpq URI: `postgresql://USER@HOST/DATABASE`."""
    name: str = DEFAULT_NAME
    """The schema that holds the store's tables; stores of one database have different ones."""

    def tells(self, said: str) -> bool:
        """Whether a text holds the password."""
        return any(re.split("[:=]", found[0], maxsplit=1)[1] in said for found in _PASSWORDS.finditer(self.dsn))

    def __str__(self) -> str:
        shown = _PASSWORDS.sub(lambda found: found[1] if found[2] is None else f"{found[2]}=...", self.dsn)
        return shown if self.name == DEFAULT_NAME else f"{shown}{'&' if '?' in shown else '?'}store={self.name}"


Location = Path | Server


def location_of(where: str | os.PathLike[str] | Server) -> Location:
    """The place that a text names: `postgresql://USER@HOST/DATABASE?store=NAME`, else a folder. Raises ValueError."""
    if isinstance(where, Server):
        return where
    text = os.fspath(where)
    if text.startswith(SCHEMES):
        return _server_of(text)
    if "://" in text:
        raise ValueError(
            f"a store is a folder or postgresql://HOST/DATABASE, got {text!r}; where that is an archive, "
            "`sparring store copy` makes a store of it"
        )
    if re.match(r"postgres(ql)?:/", text):
        raise ValueError(f"a path loses a slash of a URL, got {text!r}: give the URL as text")
    return Path(where)


def require_folder(where: str | os.PathLike[str] | Server, what: str) -> Path:
    """The folder. Raises ValueError for a server, of which `what` cannot be had."""
    place = location_of(where)
    if isinstance(place, Server):
        raise ValueError(f"{what}, got {place}")
    return place


def _server_of(text: str) -> Server:
    address, _, query = text.partition("?")
    settings = [word for word in query.split("&") if word]
    names = [word.removeprefix("store=") for word in settings if word.startswith("store=")]
    if re.split("[/?]", address.partition("://")[2])[0].count("@") > 1:
        raise ValueError("a @ of a user's name or password is written %40 in the URL of a database")
    rest = "&".join(word for word in settings if not word.startswith("store="))
    name = names[-1] if names else DEFAULT_NAME
    if not _NAME.fullmatch(name) or name.startswith("pg_"):
        raise ValueError(
            f"store must be a name of small letters, digits and _ that begins with a letter, not with pg_, got {name!r}"
        )
    return Server(f"{address}?{rest}" if rest else address, name)
