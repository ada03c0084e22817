"""The Merkle root of a store's episodes: one number on the page that stands for every episode behind it.

The tree is that of RFC 6962 (section 2.1) over the episodes' hashes in append order: SHA-256(0x00 ‖ leaf) for a leaf,
SHA-256(0x01 ‖ left ‖ right) for a node, the left part of n leaves being the largest power of two below n. A leaf is the
hash of an episode, as its 32 bytes. Unlike the store's own root, it lets one episode be shown to belong to it with
log2(n) hashes (`audit_path`), without the other episodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

BLOCK = 1_024
"""Leaves that are hashed at a time: a power of two, so that they are a whole subtree."""


class MerkleTree:
    """Grows leaf by leaf; of every `BLOCK` leaves it keeps one hash."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._leaves: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Append a leaf."""
        self._leaves.append(leaf)
        if len(self._leaves) == BLOCK:
            self._blocks.append(_top(_leaf_hashes(self._leaves)))
            self._leaves.clear()

    def root(self) -> str:
        """In hex; of an empty tree SHA-256 of nothing."""
        nodes = [*self._blocks, *([_top(_leaf_hashes(self._leaves))] if self._leaves else [])]
        return (_top(nodes) if nodes else sha256().digest()).hex()


def _leaf_hashes(leaves: Sequence[bytes]) -> list[bytes]:
    return [sha256(b"\x00" + leaf).digest() for leaf in leaves]


def _top(level: Sequence[bytes]) -> bytes:
    """The hash over nodes of one level, each of a whole subtree but for the last one."""
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [*(sha256(b"\x01" + left + right).digest() for left, right in pairs), *level[len(level) & ~1 :]]
    return level[0]


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 ‖ leaf)."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


def merkle_root(leaves: Iterable[bytes]) -> str:
    """The root over all leaves, in hex."""
    tree = MerkleTree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


def audit_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes that lead from a leaf to the root, from below (RFC 6962, section 2.1.1)."""
    if not 0 <= index < len(leaves):
        raise ValueError(f"index must be within 0..{len(leaves) - 1}, got {index}")
    if len(leaves) == 1:
        return []
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    left, right = leaves[:split], leaves[split:]
    if index < split:
        return [*audit_path(left, index), bytes.fromhex(merkle_root(right))]
    return [*audit_path(right, index - split), bytes.fromhex(merkle_root(left))]
