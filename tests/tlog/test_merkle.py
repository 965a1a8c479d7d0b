from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import BadProof, Malformed
from node.tlog.merkle import (
    EMPTY_ROOT,
    consistency_ranges,
    inclusion_ranges,
    is_valid_subtree,
    leaf_hash,
    node_hash,
    root_of,
    subtree_consistency_ranges,
    verify_consistency,
    verify_inclusion,
    verify_subtree_consistency,
    verify_subtree_inclusion,
)

BIG = 2**63 - 1


def split(size):
    """Largest power of two smaller than `size`."""
    k = 1
    while k * 2 < size:
        k *= 2
    return k


def rfc_path(m, lo, hi):
    """PATH(m, D[lo:hi]) of RFC 6962 2.1.1, as ranges; `m` counts from `lo`."""
    if hi - lo == 1:
        return []
    k = split(hi - lo)
    if m < k:
        return [*rfc_path(m, lo, lo + k), (lo + k, hi)]
    return [*rfc_path(m - k, lo + k, hi), (lo, lo + k)]


def draft_subproof(start, end, lo, hi, known):
    """SUBTREE_SUBPROOF of the draft, 4.4.1, which is SUBPROOF of RFC 6962 2.1.2 when `start` is 0; as ranges."""
    if start == 0 and end == hi - lo:
        return [] if known else [(lo, hi)]
    k = split(hi - lo)
    if end <= k:
        return [*draft_subproof(start, end, lo, lo + k, known), (lo + k, hi)]
    if start >= k:
        return [*draft_subproof(start - k, end - k, lo + k, hi, known), (lo, lo + k)]
    assert start == 0
    return [*draft_subproof(0, end - k, lo + k, hi, False), (lo, lo + k)]


def hashes(tree, ranges):
    return [tree.mth(lo, hi) for lo, hi in ranges]


def test_golden_hashes():
    # SHA-256 of nothing, RFC 6962 2.1; leaf of an empty entry, as in transparency-dev/merkle's testdata.
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert node_hash(b"N" * 32, b"M" * 32) == sha256(b"\x01" + b"N" * 32 + b"M" * 32).digest()


def test_root_is_the_definition(tree):
    whole = tree(600)
    for size in range(601):
        assert root_of(whole.leaves[:size]) == whole.mth(0, size)


def test_inclusion_is_the_definition_and_verifies(tree):
    for size in range(1, 70):
        here = tree(size)
        for index in range(size):
            ranges = inclusion_ranges(index, size)
            assert ranges == rfc_path(index, 0, size)
            verify_inclusion(index, size, here.leaves[index], hashes(here, ranges), here.mth(0, size))


def test_consistency_is_the_definition_and_verifies(tree):
    for new in range(70):
        here = tree(new)
        for old in range(new + 1):
            ranges = consistency_ranges(old, new)
            assert ranges == (draft_subproof(0, old, 0, new, True) if old else [])
            verify_consistency(old, new, here.mth(0, old), here.mth(0, new), hashes(here, ranges))


def test_subtrees_are_the_definition_and_verify(tree):
    for size in range(1, 40):
        here = tree(size)
        for start in range(size):
            for end in range(start + 1, size + 1):
                power = 1
                while power < end - start:
                    power *= 2
                if start % power:
                    assert not is_valid_subtree(start, end)
                    continue
                assert is_valid_subtree(start, end)
                ranges = subtree_consistency_ranges(start, end, size)
                assert ranges == draft_subproof(start, end, 0, size, True)
                root = here.mth(start, end)
                verify_subtree_consistency(start, end, size, root, hashes(here, ranges), here.mth(0, size))
                for index in range(start, end):
                    path = hashes(here, rfc_path(index - start, start, end))
                    verify_subtree_inclusion(index, start, end, here.leaves[index], path, root)


def test_another_old_or_new_root_does_not_verify(tree):
    # The rule that finds a rewritten past. The vectors of others try it with a root of another length only.
    forged = sha256(b"forged").digest()
    for new in range(1, 70):
        here = tree(new)
        root = here.mth(0, new)
        for old in range(new + 1):
            before, proof = here.mth(0, old), hashes(here, consistency_ranges(old, new))
            with pytest.raises(BadProof):
                verify_consistency(old, new, forged, root, proof)
            if old:
                with pytest.raises(BadProof):
                    verify_consistency(old, new, before, forged, proof)
        for start in range(0, new, 4):
            for end in range(start + 1, min(start + 4, new) + 1):
                proof = hashes(here, subtree_consistency_ranges(start, end, new))
                with pytest.raises(BadProof):
                    verify_subtree_consistency(start, end, new, forged, proof, root)
                with pytest.raises(BadProof):
                    verify_subtree_consistency(start, end, new, here.mth(start, end), proof, forged)


@pytest.mark.parametrize(
    ("start", "end"), [(0, 0), (1, 1), (-1, 1), (2, 1), (1, 3), (4, 9), (0, 2**63), (2**64, 2**65)]
)
def test_what_is_no_subtree(start, end):
    assert not is_valid_subtree(start, end)
    with pytest.raises(Malformed):
        subtree_consistency_ranges(start, end, 2**62)
    with pytest.raises(BadProof):
        verify_subtree_consistency(start, end, 2**62, EMPTY_ROOT, [], EMPTY_ROOT)


@pytest.mark.parametrize("number", [-1, -(2**70), 2**63, 2**64, 10**5000], ids=["-1", "-2^70", "2^63", "2^64", "huge"])
def test_numbers_out_of_range(number):
    for call in (
        lambda: inclusion_ranges(number, 5),
        lambda: inclusion_ranges(0, number),
        lambda: consistency_ranges(number, 5),
        lambda: consistency_ranges(0, number),
        lambda: consistency_ranges(3, number),
        lambda: subtree_consistency_ranges(0, number, BIG),
    ):
        with pytest.raises(Malformed):
            call()
    value = b"h" * 32
    for check in (
        lambda: verify_inclusion(number, 5, value, [value], value),
        lambda: verify_inclusion(0, number, value, [value], value),
        lambda: verify_consistency(number, 5, value, value, []),
        lambda: verify_consistency(0, number, EMPTY_ROOT, value, []),
        lambda: verify_subtree_inclusion(number, 0, 1, value, [], value),
        lambda: verify_subtree_inclusion(0, number, number + 1, value, [], value),
        lambda: verify_subtree_inclusion(0, 0, number, value, [], value),
        lambda: verify_subtree_consistency(number, number + 1, BIG, value, [], value),
        lambda: verify_subtree_consistency(0, 1, number, value, [], value),
    ):
        with pytest.raises(BadProof):
            check()


def test_largest_tree_has_a_proof_of_63():
    assert len(inclusion_ranges(0, BIG)) == 63
    assert len(consistency_ranges(2**61 + 1, 2**62)) == 63
    with pytest.raises(BadProof):
        verify_inclusion(0, BIG, b"h" * 32, [b"h" * 32] * 1_000_000, b"h" * 32)


def test_empty_tree():
    root = b"r" * 32
    verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    verify_consistency(0, 7, EMPTY_ROOT, root, [])
    for old_root, new, new_root, proof in (
        (root, 7, root, []),  # another old root
        (EMPTY_ROOT, 0, root, []),  # another root of nothing
        (EMPTY_ROOT, 7, root, [root]),  # a proof where none is needed
        (EMPTY_ROOT, 7, root[:31], []),
        (EMPTY_ROOT, 7, root, [b""] * 100),
    ):
        with pytest.raises(BadProof):
            verify_consistency(0, new, old_root, new_root, proof)


@given(st.data())
def test_damage_is_found(tree, data):
    size = data.draw(st.integers(1, 600))
    end = data.draw(st.integers(1, size))
    height = data.draw(st.integers(0, 9))
    start = (end - 1) >> height << height
    here = tree(size)
    proof = hashes(here, subtree_consistency_ranges(start, end, size))
    arguments = [start, end, size, here.mth(start, end), proof, here.mth(0, size)]
    verify_subtree_consistency(*arguments)

    damaged = list(arguments)
    which = data.draw(st.sampled_from(["hash", "root", "flip", "drop", "add", "short"]))
    flip = data.draw(st.integers(0, 255))

    def flipped(value):
        return (int.from_bytes(value, "big") ^ 1 << flip).to_bytes(32, "big")

    if which == "hash":
        damaged[3] = flipped(damaged[3])
    elif which == "root":
        damaged[5] = flipped(damaged[5])
    elif which == "add" or not proof:
        damaged[4] = [*proof, here.leaves[0]]
    else:
        at = data.draw(st.integers(0, len(proof) - 1))
        put = {"flip": [flipped(proof[at])], "drop": [], "short": [proof[at][:-1]]}[which]
        damaged[4] = [*proof[:at], *put, *proof[at + 1 :]]
    with pytest.raises(BadProof):
        verify_subtree_consistency(*damaged)


@given(st.data())
def test_another_index_does_not_verify(tree, data):
    size = data.draw(st.integers(2, 600))
    index, other = data.draw(st.lists(st.integers(0, size - 1), min_size=2, max_size=2, unique=True))
    here = tree(size)
    proof = hashes(here, inclusion_ranges(index, size))
    with pytest.raises(BadProof):
        verify_inclusion(other, size, here.leaves[index], proof, here.mth(0, size))


number = st.integers(-(2**65), 2**65) | st.integers(-3, 300)
piece = st.binary(max_size=33) | st.binary(min_size=32, max_size=32)


@given(number, number, number, piece, st.lists(piece, max_size=70), piece)
def test_anything_else_is_a_bad_proof(a, b, c, one, proof, other):
    for verify, arguments in (
        (verify_inclusion, (a, b, one, proof, other)),
        (verify_subtree_inclusion, (a, b, c, one, proof, other)),
        (verify_consistency, (a, b, one, other, proof)),
        (verify_subtree_consistency, (a, b, c, one, proof, other)),
    ):
        try:
            verify(*arguments)
        except BadProof:
            pass
