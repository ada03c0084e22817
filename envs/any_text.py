"""Spaces of texts: of given characters, and of any. Gymnasium's vector environments can share what is in them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from multiprocessing.sharedctypes import SynchronizedArray
from typing import Any, overload

import numpy as np
from gymnasium import spaces
from gymnasium.vector.utils.shared_memory import (
    create_shared_memory,
    read_from_shared_memory,
    write_to_shared_memory,
)
from numpy.typing import NDArray

Info = dict[str, object]


class SharedText(spaces.Text):
    """Text that comes out of shared memory as it went in.

    Gymnasium reads its own texts once, before anything is written: `AsyncVectorEnv` then shows the first letter of the
    charset again and again, whatever happens.
    """


class AnyText(SharedText):
    """Text of any characters, up to a length; samples are letters and digits."""

    def contains(self, x: object) -> bool:
        """Whether it is text of that length."""
        return isinstance(x, str) and self.min_length <= len(x) <= self.max_length


@create_shared_memory.register(SharedText)
def _create(space: SharedText, n: int = 1, ctx: Any = multiprocessing) -> SynchronizedArray[int]:
    """Per text, its characters' code points plus one; 0 stands after the last."""
    memory: SynchronizedArray[int] = ctx.Array(np.dtype(np.int32).char, n * space.max_length)
    return memory


@read_from_shared_memory.register(SharedText)
def _read(space: SharedText, shared_memory: SynchronizedArray[int], n: int = 1) -> _Texts:
    return _Texts(_codes(shared_memory).reshape(n, space.max_length))


class _Texts(Sequence[str]):
    """The texts that are in shared memory now: it is read once and looked at after every step. A copy is a tuple."""

    def __init__(self, codes: NDArray[np.int32]) -> None:
        self._codes = codes

    def __len__(self) -> int:
        return len(self._codes)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            return tuple(map(_text, self._codes[index]))
        return _text(self._codes[index])

    def __deepcopy__(self, memo: dict[int, object]) -> tuple[str, ...]:
        return tuple(self)


def _text(codes: NDArray[np.int32]) -> str:
    return "".join(chr(code - 1) for code in codes[: np.count_nonzero(codes)])


@write_to_shared_memory.register(SharedText)
def _write(space: SharedText, index: int, value: str, shared_memory: SynchronizedArray[int]) -> None:
    row = _codes(shared_memory)[index * space.max_length : (index + 1) * space.max_length]
    row[: len(value)] = [ord(character) + 1 for character in value]
    row[len(value) :] = 0


def _codes(shared_memory: SynchronizedArray[int]) -> NDArray[np.int32]:
    memory: Any = shared_memory.get_obj()  # a ctypes array, which is a buffer
    return np.frombuffer(memory, np.int32)
