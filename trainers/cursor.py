"""How far a run's store had come when a checkpoint was written, and whether the store still holds all of it."""

from __future__ import annotations

from sparring.plurals import number_of
from sparring.store.location import Location, Server
from sparring.store.run_files import RunError
from sparring.store.schema import EMPTY_ROOT, next_root
from sparring.store.store import Store
from sparring.trainers.state import State


def cursor_of(store: Store) -> State:
    """What a checkpoint keeps of the store."""
    return {"count": store.count, "root": store.root()}


def require_stored(folder: Location, cursor: State) -> None:
    """Raises RunError unless the store begins with the episodes of the cursor; it may hold more. Changes nothing.

    Raises what opening a store raises.
    """
    count, root = 0, EMPTY_ROOT
    if isinstance(folder, Server) or (folder / "store.json").exists():
        with Store(folder) as store:
            for row in store.rows(limit=cursor["count"]):
                count, root = count + 1, next_root(root, row.hash)
    if count < cursor["count"]:
        raise RunError(
            f"{folder} holds {number_of(count, 'episode')}, but the checkpoint was written after "
            f"{cursor['count']}: episodes are lost; nothing was changed"
        )
    if root != cursor["root"]:
        raise RunError(
            f"the first {count} episodes of {folder} are not those that the checkpoint was written after; "
            "nothing was changed"
        )
