"""Where the demonstration's records stand: counted from the nodes' databases, receipts fetched and verified outside."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import partial

import aiohttp
from rich.console import Console
from sqlalchemy import Connection, func, select

from node.cli.progress import bar
from node.demo.federation import Federation
from node.errors import NodeError
from node.store import checkpoints, logs, payloads
from node.store.peers import all_standings
from node.store.tables import Issued, Quarantine, table
from node.tlog.proof import TlogProof
from node.wire import paths
from node.wire import receipt as receipts
from node.wire.trust import TrustPolicy

PATIENCE_S = 50
_issued = table(Issued)
_quarantine = table(Quarantine)
console = Console(stderr=True, highlight=False)


@dataclass
class Progress:
    """Where the federation's records stand; each number counts entries."""

    published: int = 0
    at_hub: int = 0
    at_national: int = 0
    quarantined: int = 0


async def travel(federation: Federation) -> tuple[Progress, int]:
    """Watch the records arrive, then fetch and verify a receipt for each; ends early when all is there."""
    deadline = time.monotonic() + PATIENCE_S
    seen = Progress()
    while True:
        now = await count(federation)
        if now != seen:
            seen = now
            console.print(
                f"  发布 published {now.published}  →  市级 hub {now.at_hub}  →  国家 national {now.at_national}"
            )
        if now.published == now.at_hub == now.at_national and await _all_cosigned(federation):
            break
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(0.1)
    for node in federation.nodes.values():
        await node.projector.run()
    return await count(federation), await _receipts(federation)


async def count(federation: Federation) -> Progress:
    """Count entries that are whole at the hub and at national: mirrored, cosigned, and with all payloads due there."""
    done = Progress()
    for node in federation.nodes.values():
        states = await node.store.read(logs.all_logs)
        done.published += next(state.head_size for state in states if state.own)
        done.quarantined += await node.store.read(_count_quarantined)
        if node in (federation.hub, federation.national):
            whole = sum([await node.store.read(partial(_whole, log_id=state.id)) for state in states])
            if node is federation.hub:
                done.at_hub = whole
            else:
                done.at_national = whole
    return done


def _whole(conn: Connection, log_id: int) -> int:
    state = logs.by_id(conn, log_id)
    end = min(state.head_size, state.payload_next)
    return end - len({index for index, _ in payloads.missing(conn, log_id, 0, end)})


def _count_quarantined(conn: Connection) -> int:
    return int(conn.execute(select(func.count()).select_from(_quarantine)).scalar_one())


async def _all_cosigned(federation: Federation) -> bool:
    """Whether every origin holds, for its own head, the cosignatures of all nodes above it, and custody of the next."""
    for node in federation.nodes.values():
        above = federation.policy.path_up(node.settings.name)
        names = [g.key.name for name in above for g in federation.policy.grants(node=name, use="mirror")]
        if not await node.store.read(partial(_cosigned, names=names)):
            return False
    return True


def _cosigned(conn: Connection, names: list[str]) -> bool:
    own = next(state for state in logs.all_logs(conn) if state.own)
    kept = not names or any(s.log_id == own.id and s.payload_next >= own.head_size for s in all_standings(conn))
    return kept and all(checkpoints.line_of(conn, own.id, own.head_size, name) is not None for name in names)


async def _receipts(federation: Federation) -> int:
    """Fetch a receipt for every published record from its origin's interface and verify it as an outsider would.

    A receipt counts when it verifies and carries the mirror cosignature of every node above its origin.
    """
    verified = 0
    total = (await count(federation)).published
    async with aiohttp.ClientSession() as session:
        with bar("核验回执 verify receipts", total) as advance:
            for node in federation.nodes.values():
                above = federation.policy.path_up(node.settings.name)
                needed = {g.key.name for name in above for g in federation.policy.grants(node=name, use="mirror")}
                for record_id, version in await node.store.read(_own_records):
                    url = node.settings.url + paths.RECORD_RECEIPT.format(record_id=record_id.hex())
                    async with session.get(url, params={"version": version, "origin": node.settings.origin}) as answer:
                        data = await answer.read()
                    if answer.status == 200 and _holds(data, federation.policy, needed):
                        verified += 1
                    advance(1)
    return verified


def _holds(data: bytes, policy: TrustPolicy, needed: set[str]) -> bool:
    try:
        verdict = receipts.verify(TlogProof.parse(data), policy)
    except NodeError as error:
        console.print(f"[red]{error.code}: {error.detail}[/red]")
        return False
    return needed <= {name for name, _ in verdict.cosigners} and (not needed or verdict.custody is not None)


def _own_records(conn: Connection) -> list[tuple[bytes, int]]:
    rows = conn.execute(select(_issued.c.record_id, _issued.c.version).order_by(_issued.c.idx))
    return [(row.record_id, row.version) for row in rows]
