"""L16: a log of any length is fetched with little memory, and nothing of it is taken that is not proven."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from node.errors import BadProof, TooLarge
from node.sync.fetch import AHEAD, STEP_BUNDLES, Fetcher
from node.sync.refused import ForgedEntries
from node.tlog.checkpoint import Checkpoint
from node.tlog.merkle import leaf_hash, root_of, verify_consistency, verify_inclusion
from node.tlog.tiles import (
    WIDTH,
    consistency_proof,
    encode_bundle,
    entries_path,
    inclusion_proof,
    parse_tile_path,
    tile_path,
)

ORIGIN = "ggzy.example/t/1"
SIZES = (0, 1, 255, 256, 257, 600, 8192, 8193, 65_536, 65_536 + 300)


class Served:
    """A peer that serves one log, keeps count, and serves `forged` instead where it names a path."""

    def __init__(self, size: int, forged: dict[str, bytes] | None = None) -> None:
        self.entries = [b"entry %d" % number for number in range(size)]
        self.levels = [[leaf_hash(entry) for entry in self.entries]]
        while len(self.levels[-1]) >= WIDTH:
            below = self.levels[-1]
            self.levels.append([root_of(below[at : at + WIDTH]) for at in range(0, len(below) - WIDTH + 1, WIDTH)])
        self.head = Checkpoint(ORIGIN, size, root_of(self.levels[0]))
        self.forged = forged or {}
        self.asked: list[str] = []
        self.under_way = self.most_under_way = 0
        self.hold: asyncio.Event | None = None

    async def tile(self, origin: str, path: str) -> bytes:
        assert origin == ORIGIN
        self.asked.append(path)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await (asyncio.sleep(0) if self.hold is None else self.hold.wait())
        finally:
            self.under_way -= 1
        return self.forged.get(path, self._made(path))

    def _made(self, path: str) -> bytes:
        place = parse_tile_path(path)
        low = place.n * WIDTH
        if place.level is None:
            return encode_bundle(self.entries[low : low + place.width])
        return b"".join(self.levels[place.level][low : low + place.width])

    def leaf_tiles(self) -> int:
        return sum(path.startswith("tile/0/") for path in self.asked)


def fetcher(peer: Any) -> Fetcher:
    return Fetcher(peer)


async def all_of(peer: Served, start: int = 0) -> list[list[bytes]]:
    tiles = await fetcher(peer).tiles(ORIGIN, start, peer.head)
    async with aclosing(fetcher(peer).entries(ORIGIN, start, tiles)) as steps:
        return [step async for step in steps]


@pytest.mark.parametrize("size", SIZES)
def test_L16_every_entry_comes_once_in_order_from_any_place(size: int) -> None:
    peer = Served(size)
    for start in {0, size, size // 2, max(0, size - 1), min(size, 256)}:
        steps = asyncio.run(all_of(peer, start))
        assert [entry for step in steps for entry in step] == peer.entries[start:]
        assert all(0 < len(step) <= STEP_BUNDLES * WIDTH for step in steps)


def test_of_the_leaves_only_the_edge_is_fetched_and_little_is_on_the_line_at_once() -> None:
    peer = Served(65_536 + 300)
    asyncio.run(all_of(peer))
    assert peer.leaf_tiles() == 1, "the last: what a whole bundle holds is proven by the hash above"
    assert peer.most_under_way <= AHEAD
    assert len(peer.asked) == len(set(peer.asked))
    assert sum("tile/1/" in path for path in peer.asked) == 2, "each tile above the leaves once, on the way"


def test_what_is_not_taken_is_not_asked_for() -> None:
    """A slow store holds the line up: no more than a few bundles lie in memory."""
    peer = Served(65_536)

    async def first_step_only() -> None:
        tiles = await fetcher(peer).tiles(ORIGIN, 0, peer.head)
        before = len(peer.asked)
        async with aclosing(fetcher(peer).entries(ORIGIN, 0, tiles)) as steps:
            await anext(steps)
            for _ in range(100):
                await asyncio.sleep(0)
            assert len(peer.asked) - before <= STEP_BUNDLES + AHEAD
        assert peer.under_way == 0, "leaving early ends what was asked for ahead"

    asyncio.run(first_step_only())


def test_leaving_ends_requests_that_were_never_answered() -> None:
    peer = Served(8192)

    async def leave() -> None:
        tiles = await fetcher(peer).tiles(ORIGIN, 0, peer.head)
        peer.hold = asyncio.Event()
        async with aclosing(fetcher(peer).entries(ORIGIN, 0, tiles)) as steps:
            waiting = asyncio.ensure_future(anext(steps))
            for _ in range(10):
                await asyncio.sleep(0)
            assert peer.under_way == AHEAD
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        assert peer.under_way == 0

    asyncio.run(leave())


@pytest.mark.parametrize(("size", "index"), [(600, 300), (600, 599), (65_536 + 300, 40_000), (257, 256)])
def test_L21_a_changed_entry_is_refused_with_what_proves_it(size: int, index: int) -> None:
    n = index // WIDTH
    peer = Served(size)
    width = min(WIDTH, size - n * WIDTH)
    changed = list(peer.entries[n * WIDTH : n * WIDTH + width])
    changed[index - n * WIDTH] = b"another"
    peer.forged[entries_path(n, width)] = encode_bundle(changed)
    with pytest.raises(ForgedEntries) as refused:
        asyncio.run(all_of(peer))
    assert refused.value.first == n * WIDTH
    leaf = refused.value.tiles.hashes(0, n)[index - n * WIDTH]
    assert leaf == leaf_hash(peer.entries[index]), "the leaf is the log's own, whatever entry was served"
    proof = inclusion_proof(refused.value.tiles, index, size)
    verify_inclusion(index, size, leaf, proof, peer.head.root)


def test_a_bundle_that_is_changed_together_with_its_tile_is_refused() -> None:
    peer = Served(600)
    changed = [b"another", *peer.entries[1:WIDTH]]
    peer.forged[entries_path(0)] = encode_bundle(changed)
    peer.forged[tile_path(0, 0)] = b"".join(map(leaf_hash, changed))
    with pytest.raises(BadProof):
        asyncio.run(all_of(peer))


@pytest.mark.parametrize("path", [tile_path(1, 0), tile_path(2, 0, 1), tile_path(1, 1, 1), tile_path(0, 257, 44)])
def test_hashes_that_do_not_give_the_root_are_refused_before_an_entry_is_asked_for(path: str) -> None:
    peer = Served(65_536 + 300)
    peer.forged[path] = bytes(32 * parse_tile_path(path).width)
    with pytest.raises(BadProof):
        asyncio.run(all_of(peer))
    assert not any("entries" in asked for asked in peer.asked)


def test_tiles_that_are_short_are_refused() -> None:
    peer = Served(600)
    peer.forged[tile_path(1, 0, 2)] = bytes(32)
    with pytest.raises(BadProof):
        asyncio.run(all_of(peer))


@pytest.mark.parametrize("size", [600, 8193, 65_536 + 300])
def test_proofs_from_the_sizes_that_were_named_can_be_made(size: int) -> None:
    peer = Served(size)
    old = (1, 255, 256, 300, 512, size - 1, size)
    for have in old:
        for also in (other for other in old if other >= have):
            tiles = asyncio.run(fetcher(peer).tiles(ORIGIN, have, peer.head, also=(also,)))
            for at in (have, also):
                proof = consistency_proof(tiles, at, size)
                verify_consistency(at, size, root_of(peer.levels[0][:at]), peer.head.root, proof)


# --- payloads -------------------------------------------------------------------------------------------------------


class Payloads:
    """A peer that answers no range of payloads of more than `most` entries."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.asked: list[tuple[int, int]] = []

    async def payloads(self, origin: str, start: int, end: int) -> list[bytes]:
        self.asked.append((start, end))
        if end - start > self.most:
            raise TooLarge
        return [b"%d-%d" % (start, end)]


def steps_of(peer: Payloads, start: int, end: int) -> list[tuple[int, int, list[bytes]]]:
    async def gathered() -> list[tuple[int, int, list[bytes]]]:
        async with aclosing(fetcher(peer).payload_steps(ORIGIN, start, end, 16)) as steps:
            return [step async for step in steps]

    return asyncio.run(gathered())


@pytest.mark.parametrize(("most", "start", "end"), [(10**6, 0, 10_000), (700, 100, 9000), (1, 3, 40), (10**6, 7, 7)])
def test_payloads_come_without_gaps_whatever_fits_into_an_answer(most: int, start: int, end: int) -> None:
    steps = steps_of(Payloads(most), start, end)
    place = start
    for first, stop, bodies in steps:
        assert first == place and first < stop <= (first // WIDTH + 16) * WIDTH
        assert bodies == [b"%d-%d" % (first, stop)]
        place = stop
    assert place == end


def test_the_next_payloads_are_on_the_line_while_these_are_stored() -> None:
    peer = Payloads(10**6)

    async def story() -> None:
        async with aclosing(fetcher(peer).payload_steps(ORIGIN, 0, 3 * 4096, 16)) as steps:
            await anext(steps)
            await asyncio.sleep(0)
            assert peer.asked == [(0, 4096), (4096, 8192)], "one ahead, not all"

    asyncio.run(story())
