from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import Malformed, TooLarge
from node.tlog.merkle import leaf_hash, root_of, verify_subtree_consistency
from node.tlog.mirror import (
    INFO_CONTENT_TYPE,
    MAX_PACKAGES_PER_REQUEST,
    AddEntriesHeader,
    AddEntriesReader,
    MirrorInfo,
    Package,
    canonical_packages,
    encode_package,
)
from node.tlog.tiles import subtree_consistency_proof

HASH = b"h" * 32
HEADER = AddEntriesHeader("log.example/1", 0, 2, b"ticket")
GOLDEN = (
    b"\x00\x0dlog.example/1"
    b"\x00\x00\x00\x00\x00\x00\x00\x00"
    b"\x00\x00\x00\x00\x00\x00\x00\x02"
    b"\x00\x06ticket"
    b"\x00\x03one\x00\x00"
    b"\x02" + HASH + HASH
)


def read(body: bytes, step: int = 2**20, **options) -> tuple[AddEntriesReader, list[Package]]:
    """Feeds the body in chunks of `step` bytes and drains after each."""
    reader, packages = AddEntriesReader(**options), []
    for at in range(0, len(body), step):
        reader.feed(body[at : at + step])
        packages += reader.packages()
    return reader, packages


def test_golden_body():
    assert HEADER.encode() + encode_package([b"one", b""], [HASH, HASH]) == GOLDEN
    for step in (1, 2, 3, 7, 1000):
        reader, packages = read(GOLDEN, step)
        assert reader.header == HEADER
        assert packages == [Package(0, 2, [b"one", b""], [HASH, HASH])]
        assert reader.done


def test_canonical_sequence():
    # By the formulas of the specification; each is (subtree_start, start, end).
    assert list(canonical_packages(0, 0)) == []
    assert list(canonical_packages(300, 300)) == []
    assert list(canonical_packages(0, 1)) == [(0, 0, 1)]
    assert list(canonical_packages(300, 301)) == [(256, 300, 301)]
    assert list(canonical_packages(0, 256)) == [(0, 0, 256)]
    assert list(canonical_packages(256, 512)) == [(256, 256, 512)]
    assert list(canonical_packages(100, 600)) == [(0, 100, 256), (256, 256, 512), (512, 512, 600)]
    # Lazy: an upload to the largest size names 2^55 packages.
    assert next(canonical_packages(0, 2**63 - 1)) == (0, 0, 256)
    assert MAX_PACKAGES_PER_REQUEST == 32


@given(st.integers(0, 2**40), st.integers(0, 3000))
def test_canonical_sequence_covers_the_upload(start, length):
    at = start
    for rounded, first, last in canonical_packages(start, start + length):
        assert first == at < last
        assert rounded == first // 256 * 256
        assert last - rounded <= 256
        at = last
    assert at == start + length


uploads = st.tuples(st.integers(0, 2000), st.integers(0, 600))


@given(uploads, st.integers(1, 4000), st.integers(0, 100), st.data())
def test_uploads_round_trip(upload, step, ticket_size, data):
    start, length = upload
    header = AddEntriesHeader("重庆.example/1", start, start + length, b"t" * ticket_size)
    seed = data.draw(st.integers(0, 2**32))
    expected = [
        Package(first, last, [b"e" * ((seed + i * 7919) % 97) for i in range(first, last)], [HASH] * (seed % 64))
        for _, first, last in canonical_packages(start, start + length)
    ]
    body = header.encode() + b"".join(encode_package(each.entries, each.proof) for each in expected)

    reader, packages = read(body, step)
    assert (reader.header, packages, reader.done) == (header, expected, True)

    # Cut anywhere, what was whole is there and what was not is not.
    cut = data.draw(st.integers(0, len(body)))
    reader, packages = read(body[:cut], step)
    assert packages == expected[: len(packages)]
    assert reader.done == (cut == len(body))

    for more in (b"\0", body):
        with pytest.raises(Malformed):
            read(body + more, step)


def test_trailing_bytes_in_a_chunk_of_their_own():
    reader, _ = read(GOLDEN)
    reader.feed(b"")
    with pytest.raises(Malformed):
        reader.feed(b"\0")
    empty = AddEntriesReader()
    empty.feed(AddEntriesHeader("log.example/1", 7, 7).encode())
    assert empty.done
    assert list(empty.packages()) == []
    with pytest.raises(Malformed):
        empty.feed(b"\0")


def test_a_whole_package_comes_before_the_fault_behind_it():
    reader = AddEntriesReader()
    reader.feed(GOLDEN + b"\0")
    packages = reader.packages()
    assert next(packages).end == 2
    with pytest.raises(Malformed):
        next(packages)


def test_an_entry_of_full_length_in_single_bytes():
    entry = b"x" * 65535
    body = AddEntriesHeader("log.example/1", 255, 256, b"t" * 65535).encode() + encode_package([entry], [HASH] * 63)
    reader, packages = read(body, 1)
    assert packages == [Package(255, 256, [entry], [HASH] * 63)]
    assert packages[0].subtree_start == 0
    assert reader.done


@pytest.mark.parametrize(
    "header",
    [
        b"\x00\x00" + bytes(18),  # no origin
        b"\x00\x01\xff" + bytes(18),  # not UTF-8
        b"\x00\x01x" + (5).to_bytes(8, "big") + (4).to_bytes(8, "big") + bytes(2),  # starts after its end
        b"\x00\x01x" + bytes(8) + (2**63).to_bytes(8, "big") + bytes(2),
    ],
)
def test_other_headers_are_malformed(header):
    for step in (1, 1000):
        with pytest.raises(Malformed):
            read(header, step)


def test_headers_that_cannot_be_sent():
    for arguments in (
        ("", 0, 1),
        ("x" * 65536, 0, 1),
        ("x", 2, 1),
        ("x", -1, 1),
        ("x", 0, 2**63),
        ("x", 0, 1, b"t" * 65536),
    ):
        with pytest.raises(Malformed):
            AddEntriesHeader(*arguments).encode()


def test_too_many_hashes():
    for proof in ([HASH] * 64, [HASH[1:]]):
        with pytest.raises(Malformed):
            encode_package([b"one"], proof)
    body = AddEntriesHeader("x", 0, 1).encode() + b"\x00\x00\x40"
    with pytest.raises(Malformed, match="63"):
        read(body)


def test_limit_of_a_package():
    header = AddEntriesHeader("x", 0, 200).encode()
    body = header + encode_package([b"e" * 98] * 200, [])
    assert len(read(body, 1000, max_package_bytes=20_000)[1]) == 1
    with pytest.raises(TooLarge):
        read(body, 1000, max_package_bytes=19_999)
    # The limit is for each package, not for the upload.
    body = AddEntriesHeader("x", 156, 356).encode() + encode_package([b"e" * 98] * 100, []) * 2
    assert len(read(body, 1000, max_package_bytes=10_000)[1]) == 2


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_are_read_or_malformed(data, step):
    for body in (data, GOLDEN[:-40] + data, HEADER.encode() + data):
        try:
            reader, packages = read(body, step)
        except Malformed:
            continue
        assert len(packages) <= 1
        assert reader.done == bool(packages) or reader.header.upload_start == reader.header.upload_end


def test_packages_carry_what_the_mirror_verifies(tree):
    """A whole upload in one pass: read, hash with what is held already, verify against the pending checkpoint."""
    size, held = 600, 100
    log = tree(size)
    entries = [b"entry %d" % i for i in range(size)]
    body = AddEntriesHeader("log.example/1", held, size).encode()
    for rounded, start, end in canonical_packages(held, size):
        body += encode_package(entries[start:end], subtree_consistency_proof(log.read_tile, rounded, end, size))
    leaves = log.leaves[:held]
    for package in read(body, 999)[1]:
        leaves += map(leaf_hash, package.entries)
        subtree = root_of(leaves[package.subtree_start : package.end])
        verify_subtree_consistency(package.subtree_start, package.end, size, subtree, package.proof, log.mth(0, size))
    assert leaves == log.leaves


def test_golden_info():
    assert INFO_CONTENT_TYPE == "text/x.tlog.mirror-info"
    assert MirrorInfo(20852163, 20852014, b"ticket").encode() == b"20852163\n20852014\ndGlja2V0\n"
    assert MirrorInfo(0, 0).encode() == b"0\n0\n\n"


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1), st.binary(max_size=100))
def test_infos_round_trip(size, next_entry, ticket):
    info = MirrorInfo(size, next_entry, ticket)
    assert MirrorInfo.parse(info.encode()) == info


def test_limits_of_infos():
    largest = MirrorInfo(2**63 - 1, 2**63 - 1, b"t" * 65535)
    assert MirrorInfo.parse(largest.encode()) == largest
    for info in (MirrorInfo(-1, 0), MirrorInfo(0, 2**63), MirrorInfo(0, 0, b"t" * 65536)):
        with pytest.raises(Malformed):
            info.encode()


@pytest.mark.parametrize(
    "body",
    [b"", b"1\n", b"1\n2\n", b"1\n2\n\n\n", b"1\n2\nAAAA", b"1\n2\nA\n", b"01\n2\n\n", b"1\n-2\n\n", b"1\r\n2\r\n\r\n",
     b"1\n2\n\xff\n", b"1\n2\n" + b"A" * 2**20 + b"\n"],
    ids=lambda body: repr(body[:16]),
)  # fmt: skip
def test_other_infos_are_malformed(body):
    with pytest.raises(Malformed):
        MirrorInfo.parse(body)
