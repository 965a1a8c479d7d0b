"""What `ggzy erase` does; every step shows the order in words first."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import typer
from sqlalchemy import Connection

from node.app import Node
from node.cli.opening import load, quiet_logs, tell_of_upstream
from node.cli.output import moment, result, say
from node.domain.erasure import BASES, REASONS
from node.errors import Malformed, Refused
from node.projections import erasures
from node.publishing import erase
from node.store import erased, logs, view_record
from node.tlog.note import parse_note
from node.wire import erasure
from node.wire.erasure import ErasureOrder
from node.wire.ids import read_record_id

T = TypeVar("T")


def propose(
    record_id: str,
    output: Path,
    config: Path,
    *,
    reason: str,
    sections: tuple[str, ...],
    versions: tuple[int, ...],
    origin: str,
    as_json: bool,
) -> None:
    wanted = read_record_id(record_id)

    async def work(node: Node) -> bytes:
        history = await node.store.read(partial(view_record.record, record_id=wanted, origin=origin))
        logged = sorted({version.log.origin for version in history.versions})
        wish = erase.Wish(wanted, origin or history.log.origin, reason, sections, versions)
        for other in logged:
            if other != wish.origin:
                say(f"该记录在日志 {other} 中另有版本，须用 --origin 另出一份删除令。")
                say(f"The record has versions in the log {other} too: draw up another order with --origin.")
        now_s = node.clock() // 1000
        order = await node.store.read(partial(erase.propose, wish=wish, now_s=now_s, random=os.urandom))
        return erase.sign(order.text(), node.keys)

    data = _run(config, work)
    _show(erasure.parse(parse_note(data)))
    output.write_bytes(data)
    say(f"已由本节点签名，尚未删除任何内容；请交另一节点运行 ggzy erase approve '{output}'")
    say(f"Signed by this node; nothing is erased yet. Have another node run: ggzy erase approve '{output}'")
    _tell(data, as_json)


def approve(file: Path, output: Path, config: Path, *, sure: bool, as_json: bool) -> None:
    data = file.read_bytes()
    order = _read(data)

    async def work(node: Node) -> bytes:
        # What the first signer put in counts only if this node's policy knows him.
        signed = erasures.signers(node.trusted.policy, data)
        say(f"已签名 signed by: {'、'.join(sorted(signed))}")
        _agree(sure, "本节点批准此删除令？", "Approve this order for this node?")
        return erase.approve(data, node.keys)

    _show(order)
    both = _run(config, work)
    output.write_bytes(both)
    say(f"已批准；请由来源节点或其上级运行 ggzy erase publish '{output}'")
    say(f"Approved. Its origin or a node above it now runs: ggzy erase publish '{output}'")
    _tell(both, as_json)


def publish(file: Path, config: Path, *, sure: bool, as_json: bool) -> None:
    data = file.read_bytes()
    order = _read(data)

    async def work(node: Node) -> bytes:
        judge = partial(erasures.judge, policy=node.trusted.policy, order_origin=node.settings.origin, data=data)
        _, fault = await node.store.read(judge)
        if fault is not None:
            raise Refused(
                f"no node would carry out this order: {fault.reason}",
                zh="该删除令不会被任何节点执行",
                advice_zh="须由两个不同节点的删除密钥签名，其一为来源节点或其上级，并由来源节点或其上级发布。",
                advice_en="Two nodes must sign, one of them the origin or above it; one of these must log it.",
            )
        _agree(sure, "发布后不可撤销，确定？", "It cannot be undone. Publish?")
        (outcome,) = await node.publisher.publish([erase.draft(data, node.settings.title)])
        if outcome.error is not None:
            raise outcome.error
        await node.projector.run()
        if not await node.store.read(partial(_carried_out, order=order)):
            raise Refused("the order is logged but was not carried out here", zh="删除令已发布，但本节点未能执行")
        assert outcome.record_id is not None
        return outcome.record_id

    _show(order)
    record_id = _run(config, work)
    say("已发布，本节点已删除；其他节点在下一次同步后删除。备份须另行处理，见 docs/operating.md。")
    say("Logged and carried out here; other nodes follow with their next sync. Backups: docs/operating.md.")
    if as_json:
        result({"order": order.order_id.hex(), "record_id": record_id.hex(), "places": [list(p) for p in order.places]})


def _carried_out(conn: Connection, order: ErasureOrder) -> bool:
    return erased.of_log(conn, logs.get(conn, order.origin).id) >= set(order.places)


def _read(data: bytes) -> ErasureOrder:
    try:
        return erasure.parse(parse_note(data))
    except Malformed as error:
        error.zh = "该文件不是删除令"
        error.advice_zh = "请使用 ggzy erase propose 生成的文件。"
        error.advice_en = "Use a file that ggzy erase propose wrote."
        raise


def _show(order: ErasureOrder) -> None:
    known = REASONS.get(order.reason)
    say(f"删除令 order {order.order_id.hex()}，{moment(order.time_s)}")
    say(f"  日志 log      {order.origin}")
    say(f"  记录 record   {order.record_id.hex()}")
    for index, section in order.places:
        say(f"  删除 erase    条目 entry {index}，部分 section {section}")
    say(f"  理由 reason   {known.zh if known else order.reason} · {known.en if known else order.reason}")
    say(f"  依据 basis    {BASES.get(order.basis, order.basis)}（{order.basis}）")


def _agree(sure: bool, zh: str, en: str) -> None:
    if not sure and not typer.confirm(f"{zh} {en}", err=True):
        raise Refused("not confirmed; nothing was changed", zh="未确认，未作改动")


def _tell(data: bytes, as_json: bool) -> None:
    if as_json:
        note = parse_note(data)
        order = erasure.parse(note)
        result(
            {
                "order": order.order_id.hex(),
                "places": [list(place) for place in order.places],
                "signed": [line.name for line in note.signatures],
            }
        )


def _run(config: Path, work: Callable[[Node], Awaitable[T]]) -> T:
    settings = load(config)

    async def opened() -> T:
        node = Node(settings)
        try:
            await node.open()
            await node.projector.run()
            return await work(node)
        finally:
            await node.close()

    with quiet_logs() as heard:
        done = asyncio.run(opened())
    tell_of_upstream(settings, heard)
    return done
