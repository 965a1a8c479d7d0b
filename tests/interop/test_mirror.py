"""Our node as a mirror, judged by the second implementation: every status word of c2sp.org/tlog-mirror (L12, L13)."""

from __future__ import annotations

import asyncio
import gzip
import random
import struct
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.interop.client import (
    Answer,
    Key,
    Log,
    Note,
    Remote,
    Tree,
    audit,
    bundle,
    canonical,
    check_consistency,
    entries_header,
    hashes,
    open_head,
    package,
    read_entries,
    read_tiles,
    tile_path,
    until,
)
from tests.interop.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


def is_problem(answer: Answer, status: int) -> None:
    assert answer.status == status, (answer.status, answer.body[:300])
    assert answer.type.startswith("application/problem+json")


async def stored(world: World, log: Log) -> int:
    state = await world.state(log.origin)
    return 0 if state is None else state.stored_size


async def mirror_size(world: World, log: Log) -> int:
    """Size of the checkpoint that the mirror vouches for; it must be signed by log and mirror."""
    answer = await world.remote.get(f"/tlog/{log.hash}/checkpoint")
    if answer.status == 404:
        return -1
    head, signers = open_head(answer.body, [log.key.vkey], [world.mirror])
    assert world.mirror in signers, "a mirror's checkpoint carries its cosignature"
    assert head.root == log.tree.root(head.size)
    return head.size


# --- 200, 202 -------------------------------------------------------------------------------------------------------


async def test_L12_a_whole_upload_is_cosigned(world: World) -> None:
    log = world.log(700)
    await world.pending(log, 700)
    answer = await world.remote.add_entries(log.entries_body(0, 700))
    assert answer.cosignature(world.mirror, log.text(700)) == world.now
    assert await mirror_size(world, log) == 700


async def test_L13_nothing_vouches_for_entries_before_they_are_all_there(world: World) -> None:
    log = world.log(700)
    assert await mirror_size(world, log) == -1
    await world.pending(log, 700)
    assert await mirror_size(world, log) == -1, "a pending checkpoint is not served"
    (await world.remote.add_entries(log.entries_body(0, 700, first=2))).info(202)
    assert await mirror_size(world, log) == -1
    (await world.remote.add_entries(log.entries_body(512, 700))).cosignature(world.mirror, log.text(700))
    assert await mirror_size(world, log) == 700


async def test_a_prefix_is_kept_and_the_answer_tells_where_to_go_on(world: World) -> None:
    log = world.log(1000)
    await world.pending(log, 1000)
    start = 0
    for expected in (256, 512, 768):
        answer = await world.remote.add_entries(log.entries_body(start, 1000, first=1))
        size, start, ticket = answer.info(202)
        assert (size, start) == (1000, expected)
        assert "gzip" in answer.headers["Accept-Encoding"]
    answer = await world.remote.add_entries(log.entries_body(start, 1000, ticket=ticket))
    answer.cosignature(world.mirror, log.text(1000))
    assert "gzip" in answer.headers["Accept-Encoding"]


@pytest.mark.parametrize("start", [1, 100, 255, 257, 300])
async def test_unaligned_starts(world: World, start: int) -> None:
    log = world.log(600)
    await world.mirrored(log, start)
    await world.pending(log, 600, old=start)
    answer = await world.remote.add_entries(log.entries_body(start, 600))
    answer.cosignature(world.mirror, log.text(600))
    await audit(world.remote, f"/tlog/{log.hash}", [log.key.vkey])


async def test_many_growths_of_odd_sizes(world: World) -> None:
    sizes = [1, 2, 3, 129, 255, 256, 257, 258, 511, 512, 513, 769]
    log, before = world.log(sizes[-1]), 0
    for size in sizes:
        await world.mirrored(log, size, old=before)
        before = size
        assert (await audit(world.remote, f"/tlog/{log.hash}", [log.key.vkey], [world.mirror])).head.size == size


async def test_an_overlapping_upload_is_accepted(world: World) -> None:
    log = world.log(1000)
    await world.mirrored(log, 500)
    await world.pending(log, 1000, old=500)
    for start in (0, 10, 256, 499, 500):
        answer = await world.remote.add_entries(log.entries_body(start, 1000, first=1))
        assert answer.status in (202, 200)
    (await world.remote.add_entries(log.entries_body(0, 1000))).cosignature(world.mirror, log.text(1000))
    # Once more, all of it: nothing is stored twice, the cosignature is fresh.
    world.forward(3)
    answer = await world.remote.add_entries(log.entries_body(0, 1000))
    assert answer.cosignature(world.mirror, log.text(1000)) == world.now
    await audit(world.remote, f"/tlog/{log.hash}", [log.key.vkey])


async def test_an_empty_range_finishes_what_is_stored(world: World) -> None:
    log = world.log(300)
    await world.mirrored(log, 300)
    world.forward(2)
    answer = await world.remote.add_entries(log.entries_body(300, 300))
    assert answer.cosignature(world.mirror, log.text(300)) == world.now


async def test_an_empty_tree_can_be_mirrored(world: World) -> None:
    log = world.log(5)
    await world.pending(log, 0)
    assert await mirror_size(world, log) == -1, "witnessed, but the mirror has not vouched for it"
    (await world.remote.add_entries(log.entries_body(0, 0))).cosignature(world.mirror, log.text(0))
    assert await mirror_size(world, log) == 0
    await world.pending(log, 5)
    (await world.remote.add_entries(log.entries_body(0, 5))).cosignature(world.mirror, log.text(5))


async def test_an_earlier_pending_checkpoint_may_be_finished(world: World) -> None:
    log = world.log(900)
    await world.pending(log, 300)
    await world.pending(log, 600, old=300)
    await world.pending(log, 900, old=600)
    (await world.remote.add_entries(log.entries_body(0, 300))).cosignature(world.mirror, log.text(300))
    assert await mirror_size(world, log) == 300
    assert (await world.remote.add_entries(log.entries_body(300, 600, first=1))).info(202)[:2] == (600, 512)
    (await world.remote.add_entries(log.entries_body(512, 900))).cosignature(world.mirror, log.text(900))
    # 600 has passed: the mirror does not go back.
    assert (await world.remote.add_entries(log.entries_body(600, 600))).info(409)[:2] == (900, 900)
    assert await mirror_size(world, log) == 900


async def test_where_to_go_on_can_be_followed_when_more_is_stored_than_asked_for(world: World) -> None:
    """Another sender has brought entries of a later checkpoint, whose upload did not end."""
    log = world.log(9000)
    await world.pending(log, 300)
    await world.pending(log, 8800, old=300)
    await world.pending(log, 9000, old=8800)
    assert (await world.remote.add_entries(log.entries_body(0, 9000, first=2))).info(202)[:2] == (9000, 512)
    # All of the smaller tree is here: a part of it is answered as the whole.
    answer = await world.remote.add_entries(log.entries_body(0, 300, first=1))
    answer.cosignature(world.mirror, log.text(300))
    assert (await world.remote.add_entries(log.entries_body(512, 9000, first=33))).info(202)[:2] == (9000, 8960)
    size, start, _ = (await world.remote.add_entries(log.entries_body(0, 8800, first=0))).info(409)
    assert (size, start) == (8800, 8800), "a start beyond the end could not be sent"
    (await world.remote.add_entries(log.entries_body(start, size))).cosignature(world.mirror, log.text(8800))
    (await world.remote.add_entries(log.entries_body(8960, 9000))).cosignature(world.mirror, log.text(9000))
    await audit(world.remote, f"/tlog/{log.hash}", [log.key.vkey])


async def test_more_than_32_packages_in_one_request(world: World) -> None:
    """Clients SHOULD stop at 32; a mirror takes what comes."""
    log = world.log(40 * 256 + 7)
    size = len(log.entries)
    await world.pending(log, size)
    (await world.remote.add_entries(log.entries_body(0, size))).cosignature(world.mirror, log.text(size))


async def test_a_ticket_of_any_length_is_taken(world: World) -> None:
    log = world.log(5)
    await world.pending(log, 5)
    answer = await world.remote.add_entries(log.entries_body(0, 5, ticket=bytes(65535)))
    answer.cosignature(world.mirror, log.text(5))


async def test_entries_of_any_bytes(world: World) -> None:
    """L1, L15: the mirror stores what the log holds, whether anyone can read it or not."""
    noise = random.Random(1)
    entries = [b"", b"\x00", bytes(4096), noise.randbytes(65535), "记录".encode(), b"\xff" * 300, noise.randbytes(1)]
    log = Log(world.district().log, entries)
    await world.mirrored(log, len(entries))
    assert await read_entries(world.remote, f"/tlog/{log.hash}", 0, len(entries)) == entries


# --- 409 ------------------------------------------------------------------------------------------------------------


async def test_L12_409_for_an_end_that_is_no_checkpoint_here(world: World) -> None:
    log = world.log(900)
    await world.pending(log, 300)
    for end in (299, 301, 900, 0):
        answer = await world.remote.add_entries(log.entries_body(0, end))
        assert answer.info(409)[:2] == (300, 0), end
    assert "gzip" in answer.headers["Accept-Encoding"]
    huge = entries_header(log.origin, 0, 2**63 - 1) + bytes(3)
    assert (await world.remote.add_entries(huge)).info(409)[:2] == (300, 0)
    assert await stored(world, log) == 0


async def test_L12_409_for_an_end_below_the_mirror(world: World) -> None:
    log = world.log(600)
    await world.mirrored(log, 300)
    await world.mirrored(log, 600, old=300)
    assert (await world.remote.add_entries(log.entries_body(0, 300))).info(409)[:2] == (600, 600)


async def test_L12_409_for_a_gap(world: World) -> None:
    log = world.log(600)
    await world.pending(log, 600)
    for start in (1, 256, 599, 600):
        assert (await world.remote.add_entries(log.entries_body(start, 600))).info(409)[:2] == (600, 0)
    assert await stored(world, log) == 0


async def test_L12_409_for_too_much_that_is_here_already(world: World) -> None:
    log = world.log(9000)
    await world.mirrored(log, 9000)
    header_alone = entries_header(log.origin, 0, 9000)
    assert (await world.remote.add_entries(header_alone)).info(409)[:2] == (9000, 9000)
    (await world.remote.add_entries(log.entries_body(9000 - 8192, 9000))).cosignature(world.mirror, log.text(9000))


async def test_errors_of_the_header_do_not_wait_for_the_body(world: World) -> None:
    log = world.log(600)
    await world.pending(log, 600)
    answered = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield entries_header(log.origin, 300, 600)
        await answered.wait()

    answer = await world.remote.add_entries(body())
    answered.set()
    assert answer.info(409)[:2] == (600, 0)


# --- 404, 422, 400, 413 ---------------------------------------------------------------------------------------------


async def test_an_unknown_log_is_404(world: World) -> None:
    strange = Log(Key("ggzy.example/elsewhere/1")).grow_to(5)
    is_problem(await world.remote.add_entries(strange.entries_body(0, 5)), 404)
    own = Log(Key(world.hub.settings.origin)).grow_to(5)
    is_problem(await world.remote.add_entries(own.entries_body(0, 5)), 404)


async def test_a_log_without_any_pending_checkpoint_is_422(world: World) -> None:
    log = world.log(5)
    is_problem(await world.remote.add_entries(log.entries_body(0, 5)), 422)
    is_problem(await world.remote.add_entries(log.entries_body(0, 0)), 422)


async def test_L12_wrong_entries_are_422_and_the_packages_before_them_are_kept(world: World) -> None:
    log = world.log(1000)
    await world.pending(log, 1000)
    parts = log.packages(0, 1000)
    wrong = package([b"forged", *log.entries[257:512]], log.tree.subtree(256, 512, 1000))
    head = entries_header(log.origin, 0, 1000)
    is_problem(await world.remote.add_entries(head + parts[0] + wrong + parts[2]), 422)
    assert await stored(world, log) == 256, "the first package is kept, nothing after the bad one"
    answer = await world.remote.add_entries(entries_header(log.origin, 256, 1000) + b"".join(parts[1:]))
    answer.cosignature(world.mirror, log.text(1000))


async def test_proofs_that_do_not_hold_are_422(world: World) -> None:
    log = world.log(600)
    await world.mirrored(log, 100)
    await world.pending(log, 600, old=100)
    good = log.tree.subtree(0, 256, 600)
    entries = log.entries[100:256]
    head = entries_header(log.origin, 100, 600)
    bad = {
        "no proof": package(entries, []),
        "short": package(entries, good[:-1]),
        "long": package(entries, [*good, bytes(32)]),
        "reversed": package(entries, good[::-1]),
        "of another size": package(entries, log.tree.subtree(0, 256, 512)),
        "of the start alone": package(entries, log.tree.subtree(0, 128, 600)),
        "63 hashes": package(entries, [bytes(32)] * 63),
        "entries swapped": package([entries[1], entries[0], *entries[2:]], good),
        "an entry twice": package([entries[0], *entries[:-1]], good),
        "an entry cut": package([entries[0][:-1], *entries[1:]], good),
    }
    for how, part in bad.items():
        is_problem(await world.remote.add_entries(head + part), 422)
        assert await stored(world, log) == 100, how


async def test_what_overlaps_is_proven_too(world: World) -> None:
    """Entries that are here already may not be given otherwise, though they would not be stored."""
    log = world.log(600)
    await world.mirrored(log, 300)
    await world.pending(log, 600, old=300)
    entries = [b"forged", *log.entries[1:256]]
    body = entries_header(log.origin, 0, 600) + package(entries, log.tree.subtree(0, 256, 600))
    is_problem(await world.remote.add_entries(body), 422)
    await audit(world.remote, f"/tlog/{log.hash}", [log.key.vkey])


async def test_malformed_uploads_are_400(world: World) -> None:
    log = world.log(600)
    await world.pending(log, 600)
    head, part = entries_header(log.origin, 0, 600), log.package(0, 256, 600)
    bad = {
        "nothing": b"",
        "a byte": b"\x00",
        "a header cut short": head[:-1],
        "half a header": head[:10],
        "no package": head,
        "half a package": head + part[:1000],
        "a package without its last byte": head + part[:-1],
        "a package without its proof": head + part[: len(part) - 1 - 32 * len(log.tree.subtree(0, 256, 600))],
        "64 hashes": head + package(log.entries[:256], [])[:-1] + bytes([64]) + bytes(64 * 32),
        "an origin that is no text": entries_header(b"\xff\xfe", 0, 600),
        "no origin": entries_header("", 0, 600),
        "a start after its end": entries_header(log.origin, 601, 600),
        "an end of 2^63": entries_header(log.origin, 0, 2**63),
        "the largest numbers": entries_header(log.origin, 2**64 - 1, 2**64 - 1),
        "a ticket cut short": entries_header(log.origin, 0, 600)[:-2] + struct.pack(">H", 9) + b"1234",
    }
    for how, body in bad.items():
        answer = await world.remote.add_entries(body)
        assert answer.status == 400, (how, answer.status, answer.body[:200])
        assert await stored(world, log) == 0, how


async def test_a_line_that_breaks_within_the_second_package_keeps_the_first(world: World) -> None:
    log = world.log(600)
    await world.pending(log, 600)
    body = log.entries_body(0, 600)
    whole = len(log.entries_body(0, 600, first=1))
    for cut in (whole, whole + 1, whole + 500):
        answer = await world.remote.add_entries(body[:cut])
        assert answer.info(202)[:2] == (600, 256)
    assert await stored(world, log) == 256


async def test_a_broken_connection_keeps_what_was_proven(world: World) -> None:
    log = world.log(3000)
    await world.pending(log, 3000)
    body = log.entries_body(0, 3000)
    _, writer = await asyncio.open_connection(world.server.host, world.server.port)
    writer.write(f"POST /tlog/add-entries HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode())
    writer.write(body[:-100])
    await writer.drain()

    async def has_come() -> bool:
        return await stored(world, log) >= 2048

    await until(has_come, "the first eight packages")
    writer.close()
    await writer.wait_closed()
    start = await stored(world, log)
    assert start % 256 == 0 and 2048 <= start < 3000
    (await world.remote.add_entries(log.entries_body(start, 3000))).cosignature(world.mirror, log.text(3000))
    assert (await audit(world.remote, f"/tlog/{log.hash}", [log.key.vkey])).entries == log.entries


async def test_bytes_after_the_last_package_spoil_nothing(world: World) -> None:
    """The mirror discards what follows the last package that was authenticated."""
    log = world.log(300)
    await world.pending(log, 300)
    answer = await world.remote.add_entries(log.entries_body(0, 300) + b"more")
    answer.cosignature(world.mirror, log.text(300))


async def test_a_package_too_large_is_413(world: World) -> None:
    log = Log(world.district().log, [bytes(65535)] * 17 + [b""] * 300)
    await world.pending(log, len(log.entries))
    is_problem(await world.remote.add_entries(log.entries_body(0, len(log.entries))), 413)
    assert await stored(world, log) == 0


# --- gzip -----------------------------------------------------------------------------------------------------------


async def test_L12_gzip_is_accepted(world: World) -> None:
    log = world.log(3000)
    await world.pending(log, 3000)
    body = gzip.compress(log.entries_body(0, 3000))
    answer = await world.remote.add_entries(body, Content_Encoding="gzip")
    answer.cosignature(world.mirror, log.text(3000))


async def test_a_gzip_body_that_is_cut_keeps_what_could_be_read(world: World) -> None:
    noise = random.Random(2)
    log = Log(world.district().log, (noise.randbytes(200) for _ in range(1000)))
    await world.pending(log, 1000)
    body = gzip.compress(log.entries_body(0, 1000), 1)
    answer = await world.remote.add_entries(body[: len(body) * 2 // 3], Content_Encoding="gzip")
    size, start, _ = answer.info(202)
    assert size == 1000 and start in (256, 512)
    answer = await world.remote.add_entries(body[:20], Content_Encoding="gzip")
    assert answer.status == 400
    (await world.remote.add_entries(log.entries_body(start, 1000))).cosignature(world.mirror, log.text(1000))


async def test_bodies_that_are_not_the_encoding_they_claim_are_400(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    log = world.log(300)
    await world.pending(log, 300)
    # Each on a connection of its own: the node closes one whose body it cannot read.
    for body in (log.entries_body(0, 300), b"\x1f\x8b" + bytes(50), b"x" * 5000):
        async with aiohttp.ClientSession() as session:
            remote = Remote(session, world.remote.base)
            answer = await remote.add_entries(body, Content_Encoding="gzip")
        assert answer.status == 400, answer.body[:200]
    assert await stored(world, log) == 0
    assert not [record for record in caplog.records if record.levelname == "ERROR"], "no stack trace for each of them"
    assert (await world.remote.get("/healthz")).status == 200


async def test_a_decompression_bomb_is_refused_while_it_is_read(world: World) -> None:
    """200 MB of zeros in 200 KB: as entries they are too many for a package, as packages they prove nothing."""
    log = world.log(300)
    await world.pending(log, 300)
    zeros = gzip.compress(bytes(200 << 20), 1)
    head = gzip.compress(entries_header(log.origin, 0, 300))
    for body in (head + zeros, gzip.compress(entries_header(log.origin, 0, 300) + b"\xff" * (64 << 20), 1)):
        answer = await world.remote.add_entries(body, Content_Encoding="gzip")
        assert answer.status in (400, 413, 422), answer.status
    answer = await world.remote.send("POST", "/tlog/add-checkpoint", zeros, {"Content-Encoding": "gzip"})
    assert answer.status in (400, 413)
    assert await stored(world, log) == 0


# --- races ----------------------------------------------------------------------------------------------------------


async def test_L12_uploads_of_the_same_range_at_once(world: World) -> None:
    log = world.log(2500)
    await world.pending(log, 2500)
    answers = await asyncio.gather(*(world.remote.add_entries(log.entries_body(0, 2500)) for _ in range(6)))
    for answer in answers:
        answer.cosignature(world.mirror, log.text(2500))
    found = await audit(world.remote, f"/tlog/{log.hash}", [log.key.vkey])
    assert found.entries == log.entries, "nothing lost, nothing twice"


async def test_uploads_of_different_ranges_and_ends_at_once(world: World) -> None:
    log = world.log(2000)
    for old, new in ((0, 700), (700, 1300), (1300, 2000)):
        await world.pending(log, new, old=old)
    bodies = [log.entries_body(0, end, first=first) for end in (700, 1300, 2000) for first in (1, 2, None)]
    answers = await asyncio.gather(*(world.remote.add_entries(body) for body in bodies))
    assert {answer.status for answer in answers} <= {200, 202, 409}
    assert any(answer.status == 200 for answer in answers)
    (await world.remote.add_entries(log.entries_body(await stored(world, log), 2000))).cosignature(
        world.mirror, log.text(2000)
    )
    assert (await audit(world.remote, f"/tlog/{log.hash}", [log.key.vkey])).entries == log.entries


async def test_a_paused_upload_holds_up_nobody(world: World) -> None:
    """DoS that the text warns of: one client begins a stream and pauses."""
    log = world.log(600)
    await world.pending(log, 600)
    go_on = asyncio.Event()
    body = log.entries_body(0, 600)

    async def paused() -> AsyncIterator[bytes]:
        yield body[:2000]
        await go_on.wait()
        yield body[2000:]

    slow = asyncio.create_task(world.remote.add_entries(paused()))
    try:
        (await world.remote.add_entries(body)).cosignature(world.mirror, log.text(600))
        assert not slow.done()
    finally:
        go_on.set()
        (await slow).cosignature(world.mirror, log.text(600))


# --- reading it back ------------------------------------------------------------------------------------------------


async def test_every_partial_tile_and_bundle_of_every_width(world: World) -> None:
    log = world.log(256 + 255)
    await world.mirrored(log, 511)
    prefix = f"/tlog/{log.hash}"
    for n in (0, 1):
        for width in range(1, 256):
            tile = await world.remote.get(f"{prefix}/{tile_path(0, n, width)}")
            assert hashes(tile.body) == log.tree.leaves[n * 256 : n * 256 + width]
            if width % 5 == 0:
                part = await world.remote.get(f"{prefix}/{tile_path('entries', n, width)}")
                assert bundle(part.body) == log.entries[n * 256 : n * 256 + width]
    above = await world.remote.get(f"{prefix}/{tile_path(1, 0, 1)}")
    assert above.body == log.tree.root(256)


async def test_what_is_not_there_is_404(world: World) -> None:
    log = world.log(300)
    await world.mirrored(log, 300)
    missing = [
        *("tile/0/001", "tile/0/001.p/45", "tile/0/002", "tile/0/002.p/1", "tile/1/000", "tile/1/000.p/2"),
        *("tile/2/000.p/1", "tile/2/000", "tile/63/000", "tile/1/001.p/1", "tile/entries/001", "tile/entries/002"),
        *("tile/entries/001.p/45", "tile/0/x999/999", "tile/entries/x036/x028/x797/x018/x963/967"),
    ]
    for path in missing:
        is_problem(await world.remote.get(f"/tlog/{log.hash}/{path}"), 404)
    assert (await world.remote.get(f"/tlog/{log.hash}/tile/0/001.p/44")).status == 200
    assert (await world.remote.get(f"/tlog/{'0' * 64}/checkpoint")).status == 404


async def test_a_tile_has_one_spelling(world: World) -> None:
    log = world.log(300)
    await world.mirrored(log, 300)
    spellings = [
        *("tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/x000/000", "tile/00/000", "tile/0/000/", "tile/0//000"),
        *("tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/+1", "tile/0/000.p/", "tile/0/000.p"),
        *("tile/+0/000", "tile/-1/000", "tile/64/000", "tile/0/000.P/1", "tile/0/X000/000", "tile/Entries/000"),
        *("tile/0/000.p/1.p/1", "tile/0/%30%30%30%20", "tile/０/000", "tile/0/000%0A", "tile/entries/000.p/257"),
    ]
    for path in spellings:
        answer = await world.remote.get(f"/tlog/{log.hash}/{path}")
        assert answer.status == 404, path


async def test_headers_of_what_is_read(world: World) -> None:
    log = world.log(300)
    await world.mirrored(log, 300)
    prefix = f"/tlog/{log.hash}"
    note = await world.remote.get(f"{prefix}/checkpoint")
    assert note.type == "text/plain; charset=utf-8"
    assert note.headers["Cache-Control"] in ("no-cache", "no-store")
    for path in ("tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/3"):
        answer = await world.remote.get(f"{prefix}/{path}", Accept_Encoding="identity")
        assert answer.type == "application/octet-stream"
        assert "immutable" in answer.headers["Cache-Control"]
        assert "Content-Encoding" not in answer.headers


async def test_entry_bundles_are_gzipped_when_asked(world: World) -> None:
    log = world.log(256)
    await world.mirrored(log, 256)
    target = f"/tlog/{log.hash}/tile/entries/000"
    squeezed = await world.remote.get(target, Accept_Encoding="gzip")
    assert squeezed.headers["Content-Encoding"] == "gzip"
    plain = await world.remote.get(target, Accept_Encoding="identity")
    assert "Content-Encoding" not in plain.headers
    assert squeezed.body == plain.body and bundle(plain.body) == log.entries
    # One address, two bodies: a cache between must know.
    for answer in (squeezed, plain):
        assert "accept-encoding" in answer.headers.get("Vary", "").lower()


async def test_a_large_tree_is_rebuilt_from_its_tiles(world: World) -> None:
    """Past 65 536 entries tiles of level 2 begin; sizes on the way are consistent."""
    final = 65_536 + 300
    log = world.log(final)
    before, heads = 0, {}
    for size in (8192, 65_535, 65_536, 65_537, final):
        await world.mirrored(log, size, old=before)
        before = size
        answer = await world.remote.get(f"/tlog/{log.hash}/checkpoint")
        heads[size] = open_head(answer.body, [log.key.vkey], [world.mirror])[0]
    tree = await read_tiles(world.remote, f"/tlog/{log.hash}", final)
    assert tree.leaves == log.tree.leaves
    for size, head in heads.items():
        assert tree.root(size) == head.root
        check_consistency(size, final, head.root, heads[final].root, tree.consistency(size, final))
    assert await read_entries(world.remote, f"/tlog/{log.hash}", 255, final) == log.entries[255 * 256 :]


async def test_tiles_of_many_sizes(world: World) -> None:
    log, before = world.log(1030), 0
    for size in (1, 2, 127, 256, 257, 512, 768, 1023, 1024, 1025, 1030):
        await world.mirrored(log, size, old=before)
        before = size
    for size in (1, 2, 127, 255, 256, 257, 700, 1024, 1030):
        tree: Tree = await read_tiles(world.remote, f"/tlog/{log.hash}", size)
        assert tree.root(size) == log.tree.root(size)


async def test_the_newest_note_of_each_cosigner(world: World) -> None:
    log = world.log(30)
    await world.mirrored(log, 10)
    await world.pending(log, 20, old=10)
    base = f"/api/logs/{log.hash}/cosigned"
    for cosigner, size in ((world.witness, 20), (world.mirror, 10)):
        answer = await world.remote.get(f"{base}/{cosigner.name}")
        assert answer.type == "text/plain; charset=utf-8"
        head, signers = open_head(answer.body, [log.key.vkey], [cosigner])
        assert head.size == size and cosigner in signers
    is_problem(await world.remote.get(f"{base}/nobody.example/witness"), 404)
    assert canonical(0, 0) == [] and Note.parse(answer.body).text == log.text(10)


async def test_everything_that_was_mirrored_here_passes_fsck(world: World) -> None:
    assert await world.fsck() == []
