"""Merkle trees of RFC 6962 section 2.1 with SHA-256: hashes, shapes of proofs and their verification.

Subtrees and their consistency proofs follow draft-ietf-plants-merkle-tree-certs-02 section 4; they hold RFC 6962's
own proofs as special cases (an entry is the subtree [index, index + 1), an older tree the subtree [0, old)), so one
walk from the root gives the shape of all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from node.errors import BadProof, Malformed
from node.tlog._text import MAX_NUMBER, show

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()
"""Root of the tree without entries."""
MAX_PROOF = 63
"""Most hashes of a proof that the formats carry: enough for every tree of up to 2^62 entries."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash of an entry as a leaf: SHA-256(0x00 || entry)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node from its two 32-byte children: SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """MTH over leaf hashes, or over the roots of equal perfect subtrees; EMPTY_ROOT for none."""
    level = list(leaf_hashes)
    if not level:
        return EMPTY_ROOT
    while len(level) > 1:
        above = [sha256(b"\x01" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
        # RFC 6962 splits at the largest power of two, which is the same as carrying the odd one out upwards.
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0]


def is_valid_subtree(start: int, end: int) -> bool:
    """Whether [start, end) is a subtree: not empty, `start` a multiple of the power of two that covers its length."""
    return 0 <= start < end <= MAX_NUMBER and start & (_bit_ceil(end - start) - 1) == 0


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """Half-open ranges whose MTHs are the inclusion proof of entry `index`, the leaf's sibling first (2.1.1).

    Raises Malformed when the tree of `size` has no such entry.
    """
    return subtree_consistency_ranges(index, index + 1, size)


def consistency_ranges(old: int, new: int) -> list[tuple[int, int]]:
    """Half-open ranges whose MTHs are the consistency proof from `old` to `new` entries (2.1.2).

    Empty when `old` is 0, as c2sp.org/tlog-witness wants it, or equal to `new`. Raises Malformed when `old` > `new`.
    """
    if old == 0 and 0 <= new <= MAX_NUMBER:
        return []
    return subtree_consistency_ranges(0, old, new)


def subtree_consistency_ranges(start: int, end: int, size: int) -> list[tuple[int, int]]:
    """Half-open ranges whose MTHs are the proof that subtree [start, end) lies in the tree of `size` (draft, 4.4.1).

    Raises Malformed when [start, end) is not a subtree of that tree.
    """
    return [(lo, hi) for _, lo, hi in _steps(start, end, size)]


def verify_inclusion(index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Raises BadProof unless `proof` shows that entry `index` of the tree (size, root) has this leaf hash."""
    verify_subtree_consistency(index, index + 1, size, leaf_hash, proof, root)


def verify_subtree_inclusion(
    index: int, start: int, end: int, leaf_hash: bytes, proof: Sequence[bytes], subtree_root: bytes
) -> None:
    """Raises BadProof unless `proof` shows that the log's entry `index` lies in subtree [start, end) (draft, 4.3)."""
    if not is_valid_subtree(start, end):
        raise BadProof("not a valid subtree")
    # A subtree has the shape of a tree of its own, counted from its start.
    verify_inclusion(index - start, end - start, leaf_hash, proof, subtree_root)


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Raises BadProof unless `proof` shows that the tree (new, new_root) extends the tree (old, old_root).

    From the empty tree the proof is empty; a tree of size zero must have EMPTY_ROOT on either side.
    """
    if old != 0:
        verify_subtree_consistency(0, old, new, old_root, proof, new_root)
        return
    _check_hashes(old_root, new_root, *proof[:MAX_PROOF])
    if not 0 <= new <= MAX_NUMBER or old_root != EMPTY_ROOT or (new == 0 and new_root != EMPTY_ROOT):
        raise BadProof("the empty tree has another root")
    if proof:
        raise BadProof("a consistency proof from the empty tree must be empty")


def verify_subtree_consistency(
    start: int, end: int, size: int, subtree_hash: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Raises BadProof unless `proof` shows that [start, end) with `subtree_hash` lies in the tree (size, root)."""
    try:
        steps = _steps(start, end, size)
    except Malformed as error:
        raise BadProof(error.detail) from None
    if len(proof) != len(steps):
        raise BadProof(f"the proof has {len(proof)} hashes, this shape needs {len(steps)}")
    _check_hashes(subtree_hash, root, *proof)
    if _climb(steps, subtree_hash, proof) != (subtree_hash, root):
        raise BadProof("the hashes of the proof do not lead to the root")


def claimed_root(old: int, new: int, new_root: bytes, proof: Sequence[bytes]) -> bytes | None:
    """Root of the first `old` entries in the tree (new, new_root), by a consistency proof of that very tree.

    None when the proof does not lead to `new_root`, or does not hold the older root: where `old` is a power of two it
    is left out, since the verifier is expected to have it. What is given is proven, whoever made the proof.
    """
    try:
        steps = _steps(0, old, new)
    except Malformed:
        return None
    if (
        not steps
        or len(proof) != len(steps)
        or steps[0][0] != _ITSELF
        or {len(value) for value in proof} != {HASH_SIZE}
    ):
        return None
    inner, outer = _climb(steps, proof[0], proof)
    return inner if outer == new_root else None


def _climb(steps: list[tuple[int, int, int]], start: bytes, proof: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The subtree's hash and the root, by the hashes of a proof that has the shape of `steps`."""
    # `inner` becomes the subtree's hash, `outer` the root; both start from the part of the subtree that is a node.
    inner = outer = start
    for (side, _, _), sibling in zip(steps, proof, strict=True):
        if side == _ITSELF:
            inner = outer = sibling
        elif side == _RIGHT:
            outer = node_hash(outer, sibling)
        elif side == _LEFT:
            outer = node_hash(sibling, outer)
        else:
            inner, outer = node_hash(sibling, inner), node_hash(sibling, outer)
    return inner, outer


_LEFT, _RIGHT, _LEFT_OF_BOTH, _ITSELF = range(4)
"""Where a hash of a proof stands: beside the path on the left or right, left within the subtree too, or the last
node of a subtree that is not itself a node of the tree."""


def _steps(start: int, end: int, size: int) -> list[tuple[int, int, int]]:
    """(side, lo, hi) of each hash of a subtree consistency proof, in proof order; at most 64 turns."""
    if not (is_valid_subtree(start, end) and end <= size <= MAX_NUMBER):
        raise Malformed(f"no subtree [{show(start)}, {show(end)}) in a tree of {show(size)} entries")
    steps = []
    lo, hi, split = 0, size, False
    while (lo, hi) != (start, end):
        middle = lo + _bit_ceil(hi - lo) // 2
        if end <= middle:
            steps.append((_RIGHT, middle, hi))
            hi = middle
        elif start >= middle:
            steps.append((_LEFT, lo, middle))
            lo = middle
        else:
            # Only a subtree that starts at `lo` can reach over the middle, by its alignment.
            steps.append((_LEFT_OF_BOTH, lo, middle))
            lo = start = middle
            split = True
    if split:
        steps.append((_ITSELF, lo, hi))
    steps.reverse()
    return steps


def _bit_ceil(number: int) -> int:
    """Smallest power of two that is not below `number` >= 1."""
    return 1 << (number - 1).bit_length()


def _check_hashes(*hashes: bytes) -> None:
    if any(len(value) != HASH_SIZE for value in hashes):
        raise BadProof(f"a hash is not {HASH_SIZE} bytes long")
