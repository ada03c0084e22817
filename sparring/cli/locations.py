"""Runs and stores on a command line: a folder, or a store on a server by its URL."""

from __future__ import annotations

from typing import Annotated

from tyro.constructors import PrimitiveConstructorSpec

from sparring.store.location import Location, Server, location_of


def _words(metavar: str) -> PrimitiveConstructorSpec[Location]:
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=lambda words: location_of(words[0]),
        is_instance=lambda value: value is None or isinstance(value, Location),
        str_from_instance=lambda value: [value.dsn if isinstance(value, Server) else str(value)],
    )


RunOrStore = Annotated[Location, _words("PATH")]
RunsOrStores = Annotated[
    tuple[Location, ...],
    PrimitiveConstructorSpec(
        nargs="*",
        metavar="PATH ...",
        instance_from_str=lambda words: tuple(map(location_of, words)),
        is_instance=lambda value: isinstance(value, tuple) and all(isinstance(one, Location) for one in value),
        str_from_instance=lambda value: list(map(str, value)),
    ),
]
"""One type for all of them: of a tuple of types tyro says that nothing fits, and not what was wrong."""
StoreOrNone = Annotated[Location | None, _words("PATH")]
"""One type for both: of a union tyro says that nothing fits, and not what was wrong."""
