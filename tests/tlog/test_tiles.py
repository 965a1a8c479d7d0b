from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import Malformed, NotFound
from node.tlog.merkle import (
    EMPTY_ROOT,
    verify_consistency,
    verify_inclusion,
    verify_subtree_consistency,
)
from node.tlog.tiles import (
    Edge,
    TileCache,
    TilePath,
    consistency_proof,
    decode_bundle,
    encode_bundle,
    entries_path,
    inclusion_proof,
    parse_tile_path,
    range_hash,
    split_hashes,
    subtree_consistency_proof,
    tile_path,
    tile_width,
    tree_root,
)

# Trees around the edges of tiles, and one with a third level.
SIZES = [1, 2, 3, 255, 256, 257, 511, 512, 513, 600, 65535, 65536, 65537, 70000]


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ((0, 0), "tile/0/000"),
        ((0, 1067, 256), "tile/0/x001/067"),
        ((3, 1234067), "tile/3/x001/x234/067"),  # the index of the specification's example
        ((63, 999, 1), "tile/63/999.p/1"),
        ((1, 1000, 255), "tile/1/x001/000.p/255"),
    ],
)
def test_golden_paths(arguments, path):
    assert tile_path(*arguments) == path
    assert parse_tile_path(path) == TilePath(*arguments) if len(arguments) == 3 else TilePath(*arguments, 256)
    assert entries_path(*arguments[1:]) == path.replace(f"tile/{arguments[0]}", "tile/entries", 1)


@given(st.none() | st.integers(0, 63), st.integers(0, 2**55 - 1), st.integers(1, 256))
def test_paths_round_trip(level, n, width):
    path = entries_path(n, width) if level is None else tile_path(level, n, width)
    assert parse_tile_path(path) == TilePath(level, n, width)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/-1/000",
        "tile/64/000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/x001/x002",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000\n",
        "tile/0/٠٠٠",
        "tile/Entries/000",
        "tile/entries/x1/000",
        "tile/0/../000",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/0/" + "x001/" * 1000 + "000",
    ],
)
def test_other_paths_are_not_found(path):
    with pytest.raises(NotFound):
        parse_tile_path(path)


@pytest.mark.parametrize("arguments", [(-1, 0), (64, 0), (10**5000, 0), (0, -1), (0, 2**55), (0, 0, 0), (0, 0, 257)])
def test_no_path_out_of_range(arguments):
    with pytest.raises(Malformed):
        tile_path(*arguments)


def test_widths_of_the_specification():
    # A tree of 70,000: 273 full tiles and one of 112; one full and one of 17; one of 1.
    assert [tile_width(0, n, 70000) for n in (0, 272, 273, 274)] == [256, 256, 112, 0]
    assert [tile_width(1, n, 70000) for n in (0, 1, 2)] == [256, 17, 0]
    assert [tile_width(2, n, 70000) for n in (0, 1)] == [1, 0]
    assert (tile_width(0, 0, 256), tile_width(1, 0, 256), tile_width(2, 0, 256)) == (256, 1, 0)


def test_golden_bundle():
    assert encode_bundle([b"ab", b"", b"c"]) == b"\x00\x02ab\x00\x00\x00\x01c"


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_bundles_round_trip(entries):
    data = encode_bundle(entries)
    assert decode_bundle(data) == decode_bundle(data, len(entries)) == entries
    for other in {len(entries) - 1, len(entries) + 1} - {-1}:
        with pytest.raises(Malformed):
            decode_bundle(data, other)
    for cut in (1, 2):
        # A cut can fall between two entries; then the count tells.
        if len(data) >= cut:
            with pytest.raises(Malformed):
                decode_bundle(data[:-cut], len(entries))
    with pytest.raises(Malformed):
        decode_bundle(data + b"\x00", len(entries))


def test_limits_of_a_bundle():
    longest = b"x" * 65535
    assert decode_bundle(encode_bundle([longest] * 2)) == [longest] * 2
    with pytest.raises(Malformed):
        encode_bundle([longest + b"x"])
    with pytest.raises(Malformed):
        encode_bundle([b""] * 257)
    with pytest.raises(Malformed):
        decode_bundle(b"\x00\x00" * 257)
    for data in (b"\x00", b"\x00\x01", b"\x00\x02a", b"\x00\x00\x01"):
        with pytest.raises(Malformed):
            decode_bundle(data)


def test_roots_and_edges_of_all_small_trees(tree):
    whole, edge = tree(600), Edge()
    for size in range(601):
        assert edge.size == size
        assert edge.root() == whole.mth(0, size)
        assert tree_root(tree(size).read_tile, size) == whole.mth(0, size)
        assert Edge.from_tiles(tree(size).read_tile, size).hashes == edge.hashes
        if size < 600:
            edge.append(whole.leaves[size])
    assert tree_root(whole.read_tile, 0) == EMPTY_ROOT


def test_proofs_of_small_trees_verify(tree):
    for size in (*range(1, 40), *range(250, 262), *range(505, 520), 600):
        here = tree(size)
        cache, root = TileCache(here.read_tile, size), here.mth(0, size)
        for index in {*range(0, size, 7), size - 1}:
            verify_inclusion(index, size, here.leaves[index], inclusion_proof(cache, index, size), root)
        for old in {*range(0, size, 5), size}:
            verify_consistency(old, size, here.mth(0, old), root, consistency_proof(cache, old, size))


@pytest.mark.parametrize("size", SIZES)
def test_proofs_around_tile_edges_verify(tree, size):
    here = tree(size)
    root = here.mth(0, size)
    for old in {each for each in SIZES if each <= size}:
        verify_consistency(old, size, here.mth(0, old), root, consistency_proof(here.read_tile, old, size))
        index = old - 1
        verify_inclusion(index, size, here.leaves[index], inclusion_proof(here.read_tile, index, size), root)
    for start in {0, 256, 65536, size // 512 * 256, size // 256 * 256}:
        if start < (end := min(start + 256, size)):
            proof = subtree_consistency_proof(here.read_tile, start, end, size)
            verify_subtree_consistency(start, end, size, here.mth(start, end), proof, root)
            assert range_hash(here.read_tile, start, end, size) == here.mth(start, end)


@given(st.data())
def test_proofs_in_a_large_tree_verify(tree, data):
    size = data.draw(st.sampled_from([70000, 66000]))
    here = tree(size)
    root = here.mth(0, size)
    index = data.draw(st.integers(0, size - 1))
    verify_inclusion(index, size, here.leaves[index], inclusion_proof(here.read_tile, index, size), root)
    old = data.draw(st.integers(0, size))
    verify_consistency(old, size, here.mth(0, old), root, consistency_proof(here.read_tile, old, size))
    height = data.draw(st.integers(0, 17))
    start, end = index >> height << height, index + 1
    proof = subtree_consistency_proof(here.read_tile, start, end, size)
    verify_subtree_consistency(start, end, size, here.mth(start, end), proof, root)


def test_each_tile_is_read_once_at_its_width(tree):
    here = tree(70000)
    for question in (
        lambda: inclusion_proof(here.read_tile, 12345, 70000),
        lambda: consistency_proof(here.read_tile, 69999, 70000),
        lambda: consistency_proof(here.read_tile, 1, 70000),
        lambda: subtree_consistency_proof(here.read_tile, 256, 512, 70000),
        lambda: tree_root(here.read_tile, 70000),
    ):
        here.reads.clear()
        question()
        assert len(here.reads) == len(set(here.reads)) <= 5
        assert all(width == tile_width(level, n, 70000) for level, n, width in here.reads)


def test_readers_that_give_something_else(tree):
    for tile in (b"", b"x" * 31, b"x" * 64 * 32):
        with pytest.raises(Malformed):
            tree_root(lambda level, n, width, tile=tile: tile, 3)
    with pytest.raises(Malformed):
        tree_root(TileCache(tree(5).read_tile, 5), 4)
    with pytest.raises(Malformed):
        split_hashes(b"x" * 33)


def test_questions_that_have_no_answer(tree):
    read = tree(10).read_tile
    for question in (
        lambda: inclusion_proof(read, 10, 10),
        lambda: consistency_proof(read, 11, 10),
        lambda: subtree_consistency_proof(read, 1, 3, 10),
        lambda: range_hash(read, 8, 11, 10),
        lambda: range_hash(read, 3, 3, 10),
    ):
        with pytest.raises(Malformed):
            question()


@given(st.lists(st.integers(0, 300), max_size=5))
def test_an_edge_grows_by_any_steps(steps):
    edge, leaves = Edge(), []
    for step in steps:
        more = [sha256(b"%d" % (len(leaves) + i)).digest() for i in range(step)]
        before = edge.copy()
        edge.extend(more)
        leaves += more
        other = Edge()
        other.extend(leaves)
        assert (edge.size, edge.hashes) == (other.size, other.hashes)
        assert before.size == len(leaves) - step, "a copy stays as it was"


def test_an_edge_refuses_what_it_cannot_be():
    leaf = b"l" * 32
    for size, hashes in ((-1, []), (0, [leaf]), (1, []), (3, [leaf]), (1, [b"short"])):
        with pytest.raises(Malformed):
            Edge(size, hashes)
    edge = Edge(1, [leaf])
    with pytest.raises(Malformed):
        edge.extend([leaf, b"short"])
    assert (edge.size, edge.hashes) == (1, [leaf])
