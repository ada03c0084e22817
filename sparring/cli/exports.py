"""`sparring export | import`: recorded episodes in the formats of other trainers, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from sparring.cli import arguments, terminal
from sparring.cli.locations import RunOrStore
from sparring.plurals import number_of
from sparring.store.location import Location
from sparring.store.run_files import episodes_of

Flag = tyro.conf.FlagCreatePairsOff[bool]


def export_store(
    source: tyro.conf.Positional[RunOrStore],
    /,
    to: str,
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    env: str = "",
    agent: str = "",
    group: str = "",
    limit: int = 0,
    json: Flag = False,
) -> None:
    """Write recorded episodes in the format of another trainer; stderr says what the format has no place for.

    Episodes that broke off are left out, and counted; formats to train from also leave out held-out tasks, frozen
    opponents and the games by which a run measures itself.

    Args:
        source: A run folder, or a store.
        to: training-trace, verifiers, atif, trl-sft, trl-grpo, trl-dpo, verl, openai, sharegpt, agentgym, parquet,
            hf-dataset.
        output: The new file, or the new folder of hf-dataset; - writes rows of text to standard output.
        env: Only episodes of this environment.
        agent: Only episodes in which this agent played; of games in which nobody learnt, its attempts are taken.
        group: Only episodes of this group.
        limit: Only so many episodes, the first that match; 0: all.
        json: Print JSON.
    """
    from sparring.exports.exporting import export
    from sparring.exports.formats import format_of
    from sparring.exports.selection import Selection
    from sparring.exports.writing import is_stdout, require_free
    from sparring.store.store import Store

    format = format_of(to)
    if limit < 0:
        raise ValueError(f"limit must be >= 0, got {limit}")
    if json and is_stdout(output):
        raise ValueError(f"--json and -o {output} both write to standard output: leave one of them out")
    require_free(output)
    env_id = arguments.env_id(env) if env else ""
    with Store(episodes_of(source)) as store, terminal.progress("exporting", store.count, quiet=json) as advance:
        exported = export(Selection(store, env_id, agent, group, limit, advance), format, output)
    if json:
        terminal.dump({"rows": exported.rows, "left_out": exported.left_out, "lost": format.lost})
        return
    if is_stdout(output):
        terminal.note(f"wrote {number_of(exported.rows, 'row')}")
    else:
        terminal.say(f"wrote {number_of(exported.rows, 'row')} to {output}")
    terminal.note(f"{format.name} has no place for {format.lost}")
    if exported.left_out:
        terminal.note(f"left out: {exported.left_out}")


def import_episodes(
    file: tyro.conf.Positional[Path],
    /,
    format: Annotated[str, tyro.conf.arg(name="from")],
    store: RunOrStore,
    json: Flag = False,
) -> None:
    """Read a file of another trainer's format into a store; what is there already is skipped.

    Conversations of openai, sharegpt and agentgym are text without token ids: they can be exported again and read, and
    trainers that need tokens refuse them.

    Args:
        file: A file of JSON lines, or a JSON array.
        format: verifiers or training-trace, as `sparring export` wrote them; openai, sharegpt or agentgym.
        store: The store that the episodes are appended to; a new one is made.
        json: Print JSON.
    """
    from sparring.exports.formats import format_of
    from sparring.exports.importing import import_file

    found = format_of(format, to_import=True)
    size = file.stat().st_size
    _require_store(store)
    with terminal.progress("importing bytes", size, quiet=json) as advance:
        imported = import_file(file, found, store, advance)
    if json:
        terminal.dump({"episodes": imported.episodes, "new": imported.new})
    else:
        read, here = number_of(imported.episodes, "episode"), imported.episodes - imported.new
        rest = f"; {here:,} were there already, or are repeated in the file" if here else ""
        terminal.say(f"{read} read from {file}, {imported.new:,} of them new in {store}{rest}")


def _require_store(store: Location) -> None:
    """Raises ValueError for a run folder: what it played is not to be mixed with anything else."""
    if isinstance(store, Path) and episodes_of(store) != store:
        raise ValueError(f"{store} is a run folder, whose episodes are its own: name another store")
