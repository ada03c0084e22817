"""`sparring data`: rows for other trainers out of a run or a store, streamed, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Literal, get_args

from sparring.exports.guards import Guard
from sparring.plurals import number_of
from sparring.scoreboard.output import require_output, write_parts
from sparring.store.location import Location, location_of
from sparring.store.run_files import episodes_of
from sparring.store.store import Store
from sparring.trainers.data.critiques import critique_rows
from sparring.trainers.data.preferences import pair_rows, reward_rows
from sparring.trainers.data.rows import Row, to_line
from sparring.trainers.data.sft import sft_rows
from sparring.trainers.data.tasks_index import Index

Kind = Literal["sft", "pairs", "reward", "critique"]
KINDS: tuple[str, ...] = get_args(Kind)
OF_COUPLES: Mapping[str, Callable[[Store, Index], Iterator[Row]]] = {
    "pairs": pair_rows,
    "reward": reward_rows,
    "critique": critique_rows,
}


class NoRows(ValueError):
    """A store has nothing of the kind that was asked for; the message says what its attempts lack."""


def export_rows(run: Location, kind: Kind, output: Path, agent: str = "") -> tuple[int, str]:
    """Write the rows of a run folder or a store as JSON lines; returns how many, and in words what was left out.

    The file appears whole or not at all. Raises NoRows, ValueError for an unknown kind, OSError where a file that is no
    rows of ours is in the way, UnknownName for an environment that is not here, and what `Store` raises.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    require_output(output, "file of rows of ours", are_rows)
    guard = Guard(agent)
    with Store(episodes_of(location_of(run))) as store:
        rows = _rows(store, kind, guard)
        first = next(rows, None)
        if first is None:
            raise NoRows(f"no rows of kind {kind}: {_lack(store, kind, guard)}")
        require_same_beginning(output, to_line(first))
        return write_parts(output, map(to_line, chain([first], rows))), guard.in_words()


def require_same_beginning(output: Path, first: str) -> None:
    """Raises OSError where a file holds rows that do not begin as those that are to replace it."""
    if not output.exists() or not output.stat().st_size:
        return
    with output.open(encoding="utf-8") as file:
        if file.readline() != first:
            raise OSError(
                f"cannot write {output}: it holds rows of another run, kind or agent; remove it, or choose another name"
            )


def are_rows(head: bytes) -> bool:
    """Whether a file begins as rows of ours do."""
    return head.startswith((b'{"kind":"', b'{"trajectory_id":'))


def _rows(store: Store, kind: Kind, guard: Guard) -> Iterator[Row]:
    chosen = guard.choose(store)
    return sft_rows(chosen) if kind == "sft" else OF_COUPLES[kind](store, Index.of(chosen))


def _lack(store: Store, kind: Kind, guard: Guard) -> str:
    """Why there is no row, in words."""
    again = Guard(guard.agent)
    entries = list(Index.of(again.choose(store)).entries)
    if not entries:
        return again.in_words() or "the store is empty"
    count = number_of(len(entries), "attempt")
    most = max(entry.reward for entry in entries)
    if kind == "sft":
        what = "has recorded tokens" if most > 0 else f"earned a reward above 0 (the most is {most:g})"
    elif kind == "critique":
        what = "is right and was recorded as text" if any(entry.right for entry in entries) else "is right"
    elif next(Index.of(Guard(guard.agent).choose(store)).couples(), None) is None:
        what = "earned more than another attempt at the same task; play several samples of each task"
    else:
        what = "earned more than another attempt that was asked the same, with an answer that is recorded as text"
    return "; ".join(filter(None, (f"none of {count} {what}", again.in_words())))
