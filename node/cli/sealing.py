"""What `ggzy seal` does. Nothing that was sealed goes anywhere but to standard output."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import typer
from sqlalchemy import Connection

from node.app import Node
from node.cli.opening import load, quiet_logs
from node.cli.output import moment, result, say
from node.errors import Malformed
from node.store import logs, view_record, wraps
from node.wire import payload as payloads
from node.wire.ids import read_record_id

T = TypeVar("T")
MAX_WHY = 200


@dataclass(frozen=True, slots=True)
class Place:
    """A sealed section as the operator names it."""

    record_id: str
    section: str
    version: int | None
    origin: str


def show(place: Place, config: Path, *, why: str, as_json: bool) -> None:
    if not why.strip() or len(why) > MAX_WHY or not why.isprintable():
        raise Malformed(
            f"say why in 1 to {MAX_WHY} characters",
            zh=f"请用 1 到 {MAX_WHY} 个字写明查阅事由",
            field="--why",
            advice_zh="例如文号或案件编号；不要写个人信息。",
            advice_en="A file number, for example; nothing personal.",
        )

    async def work(node: Node) -> Any:
        found = await _find(node, place)

        def read(conn: Connection) -> bytes:
            opened = node.sealer.open(conn, found.log.origin, found.index, place.section)
            # In one transaction: what cannot be written down is not shown.
            _note(conn, node, found, place.section, "open", why)
            return opened

        return payloads.decode(await node.store.write(read))

    plain = _run(config, work)
    if as_json:
        result(plain)
        return
    for name, value in plain.items():
        typer.echo(f"{_LABELS.get(name, name)}\t{value}")


def share(place: Place, config: Path, *, to: str, as_json: bool) -> None:
    async def work(node: Node) -> list[str]:
        found = await _find(node, place)

        def give(conn: Connection) -> list[str]:
            listed = node.sealer.share(conn, found.log.origin, found.index, place.section, to)
            _note(conn, node, found, place.section, "share", to)
            return [wrap.node for wrap in listed.wraps]

        return await node.store.write(give)

    readers = _run(config, work)
    say(f"{to} 自下次同步起可以阅读 · may read from the next sync on")
    if as_json:
        result({"readers": readers})


def accesses(config: Path, *, as_json: bool) -> None:
    async def work(node: Node) -> list[dict[str, Any]]:
        def read(conn: Connection) -> list[dict[str, Any]]:
            names = {log.id: log.origin for log in logs.all_logs(conn)}
            return [
                {
                    "at_ms": each.at_ms,
                    "who": each.who,
                    "action": each.action,
                    "origin": names[each.log_id],
                    "index": each.index,
                    "section": each.section,
                    "detail": each.detail,
                }
                for each in wraps.accesses(conn)
            ]

        return await node.store.read(read)

    rows = _run(config, work)
    for row in rows:
        say(
            f"{moment(row['at_ms'] / 1000)}  {row['who']}  {row['action']}  "
            f"{row['origin']} {row['index']} {row['section']}  {row['detail']}"
        )
    if as_json:
        result({"accesses": rows})


_LABELS = {"name": "姓名 name", "number": "身份证号 identity number", "phone": "手机 mobile"}


async def _find(node: Node, place: Place) -> view_record.VersionView:
    wanted, number = read_record_id(place.record_id), place.version
    work = partial(view_record.record, record_id=wanted, origin=place.origin, version=number)
    return (await node.store.read(work)).version(number)


def _note(conn: Connection, node: Node, found: view_record.VersionView, section: str, action: str, detail: str) -> None:
    wraps.note_access(
        conn,
        at_ms=node.clock(),
        who=getpass.getuser(),
        action=action,
        log_id=found.log.id,
        index=found.index,
        section=section,
        detail=detail,
    )


def _run(config: Path, work: Callable[[Node], Awaitable[T]]) -> T:
    async def opened() -> T:
        node = Node(load(config))
        try:
            await node.open()
            await node.projector.run()
            return await work(node)
        finally:
            await node.close()

    with quiet_logs():
        return asyncio.run(opened())
