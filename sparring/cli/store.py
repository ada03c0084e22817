"""`sparring store`: a store is copied, made smaller, repaired, written out as tables."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from sparring.cli import parsing, terminal
from sparring.cli.locations import RunOrStore
from sparring.plurals import number_of
from sparring.store import store as stores
from sparring.store.location import SCHEMES, location_of
from sparring.store.run_files import episodes_of

if TYPE_CHECKING:
    from sparring.store.copying import End

Flag = tyro.conf.FlagCreatePairsOff[bool]
app = parsing.Commands()


@app.command
def reindex(run: tyro.conf.Positional[RunOrStore], /, json: Flag = False) -> int:
    """Build the index of a store again from its segments, which hold every episode and every column.

    The old index is kept beside it as index.sqlite.old-1, -2 and so on. Exit code 1 if part of the segments is damaged.

    Args:
        run: A run folder, or a store.
        json: Print JSON.
    """
    rebuilt = stores.reindex(episodes_of(run))
    if json:
        terminal.dump(asdict(rebuilt))
    else:
        frames = number_of(rebuilt.frames, "frame")
        terminal.say(f"in the index now: {number_of(rebuilt.episodes, 'episode')} in {frames}")
        for damage in rebuilt.damaged:
            terminal.complain(damage)
    return int(bool(rebuilt.damaged))


@app.command
def copy(source: tyro.conf.Positional[str], target: tyro.conf.Positional[str], /, json: Flag = False) -> None:
    """Copy a store as it is: between a folder, a PostgreSQL server and an archive in an object storage.

    Ids, hashes, columns and the root stay. A copy that was interrupted goes on; a target that holds something else is
    refused and left as it is.

    Args:
        source: A run folder, a store, postgresql://HOST/DATABASE?store=NAME, or an archive such as s3://BUCKET/NAME.
        target: A store or archive, new or an earlier copy.
        json: Print JSON.
    """
    from sparring.store.copying import copy as copy_store

    _require_apart(source, target)
    with ExitStack() as opened:
        one, other = _end(source, False, opened), _end(target, True, opened)
        with terminal.progress("copying", one.size()[1], quiet=json) as advance:
            new = copy_store(one, other, lambda done, total: advance(to=done))
        episodes = other.size()[1]
    if json:
        terminal.dump({"episodes": episodes, "new": new})
    else:
        terminal.say(f"{target} holds {number_of(episodes, 'episode')} now, {new:,} of them new")


@app.command
def compact(run: tyro.conf.Positional[RunOrStore], /, json: Flag = False) -> None:
    """Put the small segments of a store together into few large ones, while nobody writes. The root stays.

    Every writer leaves a segment of its own: many short runs make many small files.

    Args:
        run: A run folder, or a store in a folder.
        json: Print JSON.
    """
    from sparring.store.compaction import compact as compact_store

    compacted = compact_store(episodes_of(run))
    if json:
        terminal.dump(asdict(compacted))
    else:
        terminal.say(f"{number_of(compacted.before, 'segment')} before, {compacted.after} now")


@app.command(name="export-parquet")
def export_parquet(
    run: tyro.conf.Positional[RunOrStore],
    /,
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    json: Flag = False,
) -> None:
    """Write a store as Parquet tables for analysis: episodes, trajectories (one row a seat) and turns.

    Args:
        run: A run folder, or a store.
        output: A new folder for the three files.
        json: Print JSON.
    """
    from sparring.store.parquet import export_parquet as export

    with stores.Store(episodes_of(run)) as store, terminal.progress("writing", store.count, quiet=json) as advance:
        counts = export(store, output, lambda done, total: advance(to=done))
    if json:
        terminal.dump(counts)
    else:
        rows = ", ".join(f"{name} {count}" for name, count in counts.items())
        terminal.say(f"wrote {output}; rows: {rows}")


def _require_apart(source: str, target: str) -> None:
    """Raises ValueError for a target in the source's own folder, where it would be taken for a part of it."""
    if not source or "://" in source or "://" in target:
        return
    one, other = Path(source).resolve(), Path(target).resolve()
    if one in other.parents:
        raise ValueError(f"{target} lies in {source}, which is copied: name a place outside of it")


def _end(where: str, is_target: bool, opened: ExitStack) -> End:
    from sparring.store.archive import Archive
    from sparring.store.copying import StoreEnd

    if not where:
        raise ValueError("a store needs a name: a folder, postgresql://HOST/DATABASE, or the URL of an archive")
    if is_target and where.startswith("memory:"):
        raise ValueError(f"{where} would be gone when this command ends: name an archive on a disk or a server")
    if "://" in where and not where.startswith(SCHEMES):
        return Archive(where, make=is_target)
    place = location_of(where)
    store = stores.Store(place, "a") if is_target else stores.Store(episodes_of(place))
    return StoreEnd(opened.enter_context(store))
