"""The second implementation against the examples of the texts themselves, so that it can judge."""

from __future__ import annotations

import pytest

from tests.interop.client import (
    Key,
    Note,
    Tree,
    VKey,
    Wrong,
    canonical,
    check_consistency,
    check_inclusion,
    leaf,
    tile_path,
    tiles_of,
)

EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE_NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)


def test_the_note_of_signed_note_verifies_and_a_changed_one_does_not() -> None:
    key = VKey.parse(EXAMPLE_KEY)
    assert str(key) == EXAMPLE_KEY
    assert Note.parse(EXAMPLE_NOTE.encode()).verified([key]) == {key: None}
    with pytest.raises(Wrong):
        Note.parse(EXAMPLE_NOTE.replace("example message", "examplf message").encode()).verified([key])
    with pytest.raises(Wrong):
        Note.parse(EXAMPLE_NOTE.encode()).verified([Key("example.com/foo").vkey])


def test_cosignatures_cover_their_time() -> None:
    key = Key("w.example/1", 4)
    note = Note.parse(("t\n\n" + key.line("t\n", time=1_679_315_147)).encode())
    assert note.verified([key.vkey]) == {key.vkey: 1_679_315_147}
    line = note.lines[0].signature
    with pytest.raises(Wrong):
        key.vkey.check("t\n", (1_679_315_148).to_bytes(8, "big") + line[8:])


def test_tiles_of_the_text_for_a_tree_of_70000() -> None:
    """tlog-tiles names them: 273 full and one of 112, one full and one of 17, one of 1."""
    tiles = tiles_of(70_000)
    assert sum(level == 0 and width == 256 for level, _, width in tiles) == 273
    assert [tile for tile in tiles if tile[2] < 256] == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]
    assert tiles_of(256) == [(0, 0, 256), (1, 0, 1)]
    assert tile_path(0, 1_234_067) == "tile/0/x001/x234/067"
    assert tile_path("entries", 0, 8) == "tile/entries/000.p/8"


def test_packages_are_cut_as_tlog_mirror_says() -> None:
    assert canonical(7, 7) == []
    assert canonical(10, 20) == [(10, 20)]
    assert canonical(200, 600) == [(200, 256), (256, 512), (512, 600)]
    assert canonical(256, 512) == [(256, 512)]


def test_proofs_by_definition_verify_by_the_algorithms_of_rfc_9162() -> None:
    tree = Tree(leaf(bytes([number])) for number in range(40))
    for size in range(1, 40):
        for index in range(size):
            check_inclusion(index, size, tree.leaves[index], tree.path(index, size), tree.root(size))
        for old in range(size + 1):
            check_consistency(old, size, tree.root(old), tree.root(size), tree.consistency(old, size))
        with pytest.raises(Wrong):
            check_inclusion(0, size, leaf(b"other"), tree.path(0, size), tree.root(size))
