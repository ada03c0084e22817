"""The Merkle root of a store's episodes: one number on the page that stands for every episode behind it.

The tree is that of RFC 6962 (section 2.1) over the episodes' hashes in append order: SHA-256(0x00 ‖ leaf) for a leaf,
SHA-256(0x01 ‖ left ‖ right) for a node, the left part of n leaves being the largest power of two below n. A leaf is the
hash of an episode, as its 32 bytes. Unlike the store's own root, it lets one episode be shown to belong to it with
log2(n) hashes (`audit_path`), without the other episodes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence


class MerkleTree:
    """Grows leaf by leaf, in memory for log2(n) hashes."""

    def __init__(self) -> None:
        self._peaks: list[tuple[int, bytes]] = []
        """(leaves, hash) of the whole subtrees, largest first."""

    def add(self, leaf: bytes) -> None:
        """Append a leaf."""
        size, found = 1, leaf_hash(leaf)
        while self._peaks and self._peaks[-1][0] == size:
            found = node_hash(self._peaks.pop()[1], found)
            size *= 2
        self._peaks.append((size, found))

    def root(self) -> str:
        """In hex; of an empty tree SHA-256 of nothing."""
        if not self._peaks:
            return hashlib.sha256().hexdigest()
        found = self._peaks[-1][1]
        for _, peak in reversed(self._peaks[:-1]):
            found = node_hash(peak, found)
        return found.hex()


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 ‖ leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


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
