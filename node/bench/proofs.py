"""`ggzy bench proofs`: proofs and receipts made from the store and verified, at growing sizes of the log.

Each proof is made as a request would have it made: in a read transaction of its own, from the tiles as they lie. What a
hub would say of the log (cosignatures, custody) is signed here with its own keys, so that receipts are whole ones.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any

from sqlalchemy import Connection

from node import keyring
from node.app import Node
from node.bench import machine
from node.bench.forge import forge
from node.bench.options import Options, workplace
from node.bench.processes import Federation, make
from node.bench.report import Figures, latencies, rounded
from node.bench.report import show as show_table
from node.errors import Malformed
from node.keyring import Keyring
from node.publishing.receipts import assemble
from node.store import checkpoints, logs, peers
from node.store.db import Store
from node.store.logs import LogState
from node.tlog.merkle import leaf_hash, verify_consistency, verify_inclusion
from node.tlog.note import Note
from node.tlog.proof import TlogProof
from node.tlog.tiles import consistency_proof, inclusion_proof
from node.wire import receipt as receipts
from node.wire.custody import Custody
from node.wire.trust import TrustPolicy

SIZES = (10_000, 100_000, 1_000_000)


@dataclass(frozen=True, slots=True)
class ProofOptions(Options):
    """`samples` of each proof are made and verified at each of `sizes`."""

    sizes: tuple[int, ...] = SIZES
    samples: int = 1000


async def run(options: ProofOptions) -> Figures:
    """Run the measurement; the figures are those of the JSON line. Raises Malformed, Refused."""
    if not options.sizes or min(options.sizes) < 2 or options.samples < 1:
        raise Malformed(
            "proofs need sizes of at least 2 and samples of at least 1",
            zh="日志大小应至少为 2，样本数至少为 1",
            advice_zh="请给出正整数，如 --sizes 10000,100000 --samples 1000。",
            advice_en="Give whole numbers, such as --sizes 10000,100000 --samples 1000.",
        )
    with workplace(options) as place:
        described = await asyncio.to_thread(machine.describe, place)
        federation = await asyncio.to_thread(make, place)
        found = await _at_sizes(federation, options)
    return {"bench": "proofs", "samples": options.samples, "sizes": found, "machine": described}


async def _at_sizes(federation: Federation, options: ProofOptions) -> list[Figures]:
    settings, hub = federation.districts[0], federation.hub
    above = keyring.load(hub.keys, hub.name, hub.epoch, hub.suite)
    node = Node(settings)
    await node.open()
    try:
        found = []
        for size in sorted(options.sizes):
            state = await node.store.read(partial(logs.get, origin=settings.origin))
            options.tell(f"日志 {size:,} 条 · a log of {size:,}")
            await forge(node, "mixed", max(0, size - state.stored_size), options.seed, index=False)
            custody = await node.store.write(partial(_vouch, origin=settings.origin, above=above, now_ms=node.clock()))
            work = _Measured(node.store, federation.policy, settings.origin, custody, Random(options.seed))
            found.append(await asyncio.to_thread(work.figures, options.samples))
    finally:
        await node.close()
    return found


def _vouch(conn: Connection, origin: str, above: Keyring, now_ms: int) -> bytes:
    """What the hub says of the newest head once it holds all: two cosignatures, kept, and its custody note, given."""
    state, now_s = logs.get(conn, origin), now_ms // 1000
    text = checkpoints.text(conn, state.id, state.head_size)
    assert text is not None
    lines = [above.witness.cosign(text, now_s), above.mirror.cosign(text, now_s)]
    checkpoints.put(conn, state.id, state.head_size, text, lines)
    said = Custody(origin, state.head_size, state.head_root, now_s, 0, state.head_size).text()
    note = Note(said, (above.custody.sign_note(said),)).encode()
    standing = peers.get(conn, above.witness.name.rpartition("/")[0], state.id, "push")
    peers.put(conn, replace(standing, custody=note.decode()))
    return note


class _Measured:
    """Proofs over one log at one size."""

    def __init__(self, store: Store, policy: TrustPolicy, origin: str, custody: bytes, random: Random) -> None:
        self._store = store
        self._policy = policy
        self._custody = custody
        self._random = random
        self._state: LogState = store.read_now(partial(logs.get, origin=origin))

    def figures(self, samples: int) -> Figures:
        size = self._state.head_size
        places = [self._random.randrange(size) for _ in range(samples)]
        olds = [self._random.randrange(1, size) for _ in range(samples)]
        return {
            "size": size,
            "inclusion": self._both(places, self._inclusion, self._check_inclusion, self._leaf),
            "consistency": self._both(olds, self._consistency, self._check_consistency, self._old_root),
            "receipt": self._both(places, self._receipt, self._check_receipt, _nothing),
        }

    def _both(
        self,
        places: list[int],
        make_one: Callable[[Connection, int], Any],
        check: Callable[[int, Any, Any], None],
        known: Callable[[Connection, int], Any],
    ) -> Figures:
        """Make each and verify each; what the verifier knows beforehand is read outside the time."""
        made_s, checked_s = [], []
        for place in places:
            beside = self._store.read_now(partial(_at, known, place))
            started = time.perf_counter()
            proof = self._store.read_now(partial(_at, make_one, place))
            between = time.perf_counter()
            check(place, proof, beside)
            made_s.append(between - started)
            checked_s.append(time.perf_counter() - between)
        return {
            "made_per_s": rounded(len(places) / sum(made_s)),
            **latencies(made_s),
            "verified_per_s": rounded(len(places) / sum(checked_s)),
            **{f"verify_{name}": value for name, value in latencies(checked_s).items()},
        }

    def _leaf(self, conn: Connection, place: int) -> bytes:
        return leaf_hash(logs.entry(conn, self._state.id, place))

    def _inclusion(self, conn: Connection, place: int) -> list[bytes]:
        return inclusion_proof(logs.tile_reader(conn, self._state.id), place, self._state.head_size)

    def _check_inclusion(self, place: int, proof: list[bytes], leaf: bytes) -> None:
        verify_inclusion(place, self._state.head_size, leaf, proof, self._state.head_root)

    def _old_root(self, conn: Connection, place: int) -> bytes:
        return logs.stored_root(conn, self._state.id, place)

    def _consistency(self, conn: Connection, place: int) -> list[bytes]:
        return consistency_proof(logs.tile_reader(conn, self._state.id), place, self._state.head_size)

    def _check_consistency(self, old: int, proof: list[bytes], old_root: bytes) -> None:
        verify_consistency(old, self._state.head_size, old_root, self._state.head_root, proof)

    def _receipt(self, conn: Connection, place: int) -> bytes:
        return assemble(conn, self._policy, self._state.id, place, audiences={"public"}, custody=self._custody)

    def _check_receipt(self, place: int, proof: bytes, _known: None) -> None:
        verdict = receipts.verify(TlogProof.parse(proof), self._policy)
        assert verdict.index == place and verdict.custody is not None


def _at(work: Callable[[Connection, int], Any], place: int, conn: Connection) -> Any:
    return work(conn, place)


def _nothing(conn: Connection, place: int) -> None:
    """A receipt is verified with the policy alone."""


def show(figures: Figures) -> None:
    """The figures for people."""
    names = {"inclusion": "包含证明 inclusion", "consistency": "一致性证明 consistency", "receipt": "回执 receipt"}
    rows = []
    for each in figures["sizes"]:
        for name, title in names.items():
            one = each[name]
            made = [one["made_per_s"], one["p50_ms"], one["p99_ms"]]
            verified = [one["verified_per_s"], one["verify_p50_ms"], one["verify_p99_ms"]]
            rows.append((f"{each['size']:,} {title}: 生成 made/s, p50, p99 ms", made))
            rows.append((f"{each['size']:,} {title}: 核验 verified/s, p50, p99 ms", verified))
    show_table("证明 proofs", rows)
