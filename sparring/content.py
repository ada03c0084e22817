"""What an observation is made of, and what JSON makes of it: text, blobs, plain data.

A blob is an array that is not written out as text: an image, a long vector. It is named by the SHA-256 of its bytes;
the record holds the name, the store holds the bytes once.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Never, TypeGuard

if TYPE_CHECKING:
    import numpy as np

MOST_WRITTEN = 1_000
"""Numbers of an array that are written out as text; a longer one is a blob, and so is an image."""


@dataclass(frozen=True, slots=True)
class Blob:
    """An array of an observation."""

    sha256: str
    """Of its bytes in C order, in hex."""
    dtype: str
    """NumPy's type string: `|u1`, `<f4`."""
    shape: tuple[int, ...]
    name: str = ""
    """Where it stood in a dict or tuple observation: "image", "camera/0"; "" where it was the observation itself."""
    data: bytes | None = field(default=None, compare=False, repr=False)
    """The bytes; None in an episode that was read back: the store has them (`Store.blob`)."""

    @classmethod
    def of(cls, array: np.ndarray, name: str = "") -> Blob:
        """An array as a blob. Raises TypeError for an array of objects."""
        if array.dtype.hasobject:
            raise TypeError(f"an array of an observation must hold numbers, got dtype {array.dtype}")
        data = array.tobytes()
        return cls(hashlib.sha256(data).hexdigest(), array.dtype.str, array.shape, name, data)

    def array(self, data: bytes | None = None) -> np.ndarray:
        """The array [shape], of its own bytes or of those from the store. Raises ValueError unless they are its own."""
        import numpy as np

        found = self.data if data is None else data
        if found is None or hashlib.sha256(found).hexdigest() != self.sha256:
            raise ValueError(
                f"blob {self.sha256[:12]} needs its own bytes, got {'none' if found is None else 'others'}"
            )
        return np.frombuffer(found, np.dtype(self.dtype)).reshape(self.shape)


Content = tuple[str | Blob, ...]


class Nothing(dict[str, Never]):
    """A mapping that stays empty: all records share one, where each would have several of its own."""

    def _refuse(self, *args: object, **kwargs: object) -> Never:
        raise TypeError("this mapping of a record is empty, and takes no entries")

    __setitem__ = __ior__ = setdefault = update = _refuse


NOTHING = Nothing()


def content_of(seen: object) -> Content:
    """An observation as text and blobs. Raises TypeError for what is neither text, numbers, arrays, nor made of these.

    Different observations have different contents: numbers are written out at full precision.
    """
    if isinstance(seen, str):
        return (seen,)
    if isinstance(seen, Mapping) and isinstance(seen.get("text"), str):
        rest = {name: value for name, value in seen.items() if name != "text"}
        return (str(seen["text"]), *_blobs(rest, ""))
    written = _written(seen)
    return (*((written,) if written else ()), *_blobs(seen, ""))


def text_of(content: Content) -> str:
    """The text parts, one after another."""
    if len(content) == 1 and isinstance(content[0], str):
        return content[0]
    return "\n".join(part for part in content if isinstance(part, str))


def shown(part: str | Blob) -> str:
    """A part for people: text as it is, an array as `[image 32x32x3 |u1, sha256 0f3a...]`."""
    if isinstance(part, str):
        return part
    size = "x".join(map(str, part.shape))
    return f"[{part.name or 'array'} {size} {part.dtype}, sha256 {part.sha256[:12]}]"


def readable(text: str) -> str:
    """The text without halves of surrogate pairs, which no reader of UTF-8 takes: each becomes U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def canonical_json(value: object, left_out: frozenset[str] = frozenset()) -> str:
    """One text per value: sorted keys, no spaces, ASCII; dataclasses by their fields, without those of these names.

    A blob is its name, not its bytes. Raises TypeError for what JSON cannot hold.
    """
    return _encoder(left_out).encode(value)


def plain(value: object, name: str) -> Any:
    """The value as JSON gives it back: an own copy. Raises TypeError naming the place that JSON cannot hold."""
    _require_plain(value, name)
    return json.loads(canonical_json(value))


def plain_or_none(value: object) -> Any:
    """Like `plain`, numbers and arrays of NumPy included; None where JSON cannot hold it."""
    try:
        return plain(_unwrapped(value), "value")
    except (TypeError, ValueError, RecursionError):
        return None


@cache
def _encoder(left_out: frozenset[str]) -> json.JSONEncoder:
    """It writes dataclasses by their fields, without those of these names."""
    names_of: dict[type, tuple[str, ...]] = {}

    def fields_of(value: object) -> dict[str, object]:
        names = names_of.get(type(value))
        if names is None:
            names = names_of[type(value)] = _names(value, left_out)
        return {name: getattr(value, name) for name in names}

    return json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=fields_of)


def _names(value: object, left_out: frozenset[str]) -> tuple[str, ...]:
    """The fields that are written. Raises TypeError for what is no dataclass."""
    if not is_dataclass(value):
        raise TypeError(f"{type(value).__name__} {value!r:.80} is not plain data")
    return tuple(field.name for field in fields(value) if field.compare and field.name not in left_out)


def _written(seen: object) -> str:
    """Every value that is no blob, at full precision."""
    if isinstance(seen, str):
        return seen
    if isinstance(seen, Mapping):
        return "\n".join(f"{name}: {_written(value)}" for name, value in seen.items() if not _is_blob(value))
    if isinstance(seen, tuple | list):
        return "(" + ", ".join(_written(value) for value in seen if not _is_blob(value)) + ")"
    if _is_array(seen) and not seen.dtype.hasobject:
        return "" if _is_blob(seen) else _digits(seen)
    if isinstance(seen, int | float) or _is_number(seen):
        return str(seen)
    raise TypeError(f"an observation must be text, numbers, arrays, or mappings and tuples of these, got {type(seen)}")


def _is_blob(value: object) -> TypeGuard[np.ndarray]:
    """Images (bytes in two dimensions or more) and long arrays."""
    return _is_array(value) and bool(value.size > MOST_WRITTEN or (value.dtype == "uint8" and value.ndim > 1))


def _is_array(value: object) -> TypeGuard[np.ndarray]:
    numpy = sys.modules.get("numpy")  # where nobody has imported it, no value is an array
    return numpy is not None and isinstance(value, numpy.ndarray)


def _is_number(value: object) -> TypeGuard[np.generic]:
    """A scalar of NumPy's."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.generic)


def _digits(array: np.ndarray) -> str:
    import numpy as np

    return np.array2string(array, threshold=sys.maxsize, floatmode="unique")


def _blobs(seen: object, name: str) -> Iterator[Blob]:
    if _is_blob(seen):
        yield Blob.of(seen, name)
    elif isinstance(seen, Mapping):
        for key, value in seen.items():
            yield from _blobs(value, f"{name}/{key}".lstrip("/"))
    elif isinstance(seen, tuple | list):
        for place, value in enumerate(seen):
            yield from _blobs(value, f"{name}/{place}".lstrip("/"))


def _unwrapped(value: object) -> object:
    if _is_array(value) or _is_number(value):
        return value.tolist() if value.size <= MOST_WRITTEN else value
    if isinstance(value, Mapping):
        return {key: _unwrapped(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_unwrapped(item) for item in value]
    return value


def _require_plain(value: object, name: str) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"the keys of {name} must be strings, got {key!r}")
            _require_plain(item, f"{name}[{key!r}]")
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            _require_plain(item, f"{name}[{position}]")
    elif not isinstance(value, str | int | float | None):
        raise TypeError(f"{name} must be plain data that JSON can hold, got {type(value).__name__} {value!r:.80}")
