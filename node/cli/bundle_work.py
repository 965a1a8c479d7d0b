"""The work of `ggzy bundle …`: open the node, call the stage, tell what came of it."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from node.app import Node
from node.cli.opening import load, quiet_logs
from node.cli.output import explain, moment, result, say, warn
from node.cli.progress import bar, counter
from node.errors import Malformed, NodeError
from node.sync.bundle_export import Exported, Exporter
from node.sync.bundle_files import describe, find_files, total_size
from node.sync.bundle_import import Importer
from node.sync.bundle_report import ImportReport, LogTally
from node.sync.bundle_standing import own_standing
from node.tlog.checkpoint import read_checkpoint
from node.wire.bundle import EntriesFrame, Frame, HeadFrame, NoteFrame, PayloadsFrame, Unknown
from node.wire.standing import StandingNote, open_standing
from node.wire.trust import TrustPolicy

MAX_ROWS = 10_000
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def read_size(text: str) -> int:
    """Bytes of a size as people write it. Raises Malformed.

    >>> read_size("64M"), read_size("1048576")
    (67108864, 1048576)
    """
    found = re.fullmatch(r"([0-9]{1,10})([KMG]?)(?:i?B)?", text.strip(), re.IGNORECASE | re.ASCII)
    if found is None:
        raise Malformed(
            f"not a size: {text}",
            field="--max-size",
            zh=f"无法识别的大小：{text}",
            advice_zh="请写成 64M、700M 或字节数。",
            advice_en="Write it as 64M, 700M or a number of bytes.",
        )
    return int(found[1]) * _UNITS[found[2].upper()]


def export(to: str, output: Path, config: Path, *, max_size: str, from_standing: Path | None, as_json: bool) -> None:
    settings, max_bytes = load(config), read_size(max_size)
    given = None if from_standing is None else from_standing.read_bytes()

    async def work() -> Exported:
        node = Node(settings)
        try:
            await node.open()
            told = None if given is None else _read_standing(given, node.trusted.policy)
            with counter("导出 export") as show:
                return await Exporter(node.store, node.keys, node.trusted, node.custodian, node.clock).export(
                    to, output, max_bytes=max_bytes, standing=told, progress=show
                )
        finally:
            await node.close()

    with quiet_logs():
        made = asyncio.run(work())
    skipped = {origin: log.skipped for origin, log in made.logs.items() if log.skipped}
    entries = sum(log.entries for log in made.logs.values())
    notes = sum(log.notes for log in made.logs.values())
    say(
        f"收件节点 {made.addressee}：条目 {entries}，共同签名的检查点 {notes}，分卷 {len(made.files)}，{made.size} 字节"
    )
    say(f"For {made.addressee}: {entries} entries, {notes} cosigned heads, {len(made.files)} parts, {made.size} bytes.")
    for file in made.files:
        say(str(file))
    say("内容未加密：介质上可能有仅限收件节点的内容，请专人携带，用后清除。")
    say("Not encrypted: it may hold what only its addressee may see. Carry it by hand and wipe the medium afterwards.")
    for origin, why in skipped.items():
        warn(f"{origin} 已冻结，未导出，见 docs/recovery.md。", f"{origin} is frozen and was left out: {why}")
    if as_json:
        logs = {
            origin: {"entries": log.entries, "payloads": log.payloads, "wraps": log.wraps, "notes": log.notes}
            for origin, log in made.logs.items()
        }
        files = [str(file) for file in made.files]
        result({"to": made.addressee, "files": files, "bytes": made.size, "logs": logs, "skipped": skipped})
    if skipped:
        raise typer.Exit(1)


def _read_standing(data: bytes, policy: TrustPolicy) -> StandingNote:
    try:
        return open_standing(data, policy)[0]
    except NodeError as error:
        raise explain(
            error,
            zh="现状文件无法使用",
            advice_zh="请使用收件节点用 ggzy bundle standing 新写出的文件。",
            advice_en="Use a file that the addressee has just written with ggzy bundle standing.",
            field="--from-standing",
        ) from None


def import_(paths: list[Path], config: Path, *, as_json: bool) -> None:
    settings, files = load(config), find_files(paths)

    async def work() -> ImportReport:
        node = Node(settings)
        try:
            await node.open()
            importer = Importer(
                node.store, node.trusted, node.acceptor, node.custodian, node.clock, own_origin=settings.origin
            )
            with bar("导入 import", total_size(files)) as advance:
                report = await importer.take(files, progress=advance)
            await node.projector.run()
            return report
        finally:
            await node.close()

    with quiet_logs():
        report = asyncio.run(work())
    _tell(report)
    if as_json:
        result(report.plain())
    if not report.clean:
        raise typer.Exit(1)


def _tell(report: ImportReport) -> None:
    for file in report.files:
        if file.refused is not None:
            warn(f"{file.name} 未接收：{file.refused.zh}", f"{file.name} was not taken: {file.refused.en}")
        for byte, text in file.faults:
            warn(
                f"{file.name} 第 {byte} 字节处损坏，其余已读取", f"{file.name}, byte {byte}: {text}; the rest was read"
            )
        for kind, count in file.unknown.items():
            say(f"{file.name}：跳过 {count} 段本版本不认识的内容（{kind}）")
            say(f"{file.name}: {count} pieces of a type that this version does not know ({kind}) were skipped.")
    table = Table(
        "日志 log", "条目 entries", "内容 payloads", "联署 cosigned", "保管 custody", "已有 held", "拒绝 refused"
    )
    for origin, tally in sorted(report.logs.items()):
        counts = (tally.entries, tally.payloads, tally.cosignatures, tally.custody, tally.held)
        table.add_row(origin, *map(str, counts), str(sum(tally.refused.values())))
    if report.logs:
        Console(stderr=True).print(table)
    say(f"信任策略新版本 {report.policies} · {report.policies} new versions of the trust policy")
    _tell_refused("", report.general)
    for origin, tally in sorted(report.logs.items()):
        _tell_refused(f"{origin} ", tally)
    for each in report.sets.values():
        if absent := each.absent():
            when, numbers = moment(each.made_ms / 1000), ", ".join(map(str, absent[:20]))
            say(f"{each.sender} 于 {when} 导出的数据包，此次未见分卷：{numbers}（已导入过的可忽略）")
            say(f"Of the bundle made by {each.sender} these parts were not read now: {numbers}; fine if read before.")


def _tell_refused(what: str, tally: LogTally) -> None:
    for reason, count in tally.refused.items():
        warn(f"{what}拒绝 {count} 段：{reason.zh}", f"{what}refused {count} pieces ({reason.code}): {reason.en}")


def standing(output: Path, config: Path, *, as_json: bool) -> None:
    settings = load(config)

    async def work() -> bytes:
        node = Node(settings)
        try:
            await node.open()
            return (await own_standing(node.store, node.keys, node.trusted, node.clock)).encode()
        finally:
            await node.close()

    with quiet_logs():
        data = asyncio.run(work())
    output.write_bytes(data)
    say(f"本节点现状已写入 {output}，请交给发出节点，用 ggzy bundle export --from-standing 导出")
    say(f"What this node holds is in {output}; the sender exports from it with ggzy bundle export --from-standing.")
    if as_json:
        result({"node": settings.name, "file": str(output)})


def show(file: Path, *, as_json: bool) -> None:
    kinds: Counter[str] = Counter()
    rows: dict[str, dict[str, Any]] = {}

    def keep(frame: Frame | Unknown) -> None:
        kinds[frame.type if isinstance(frame, Unknown) else str(frame.__struct_config__.tag)] += 1
        _look(frame, rows)

    summary = describe(file, keep)
    part = summary.part
    of = f"{part.number}/{summary.count}" if summary.count else str(part.number)
    say(f"{part.sender} → {part.addressee}，分卷 part {of}，{moment(part.made_ms / 1000)}")
    table = Table("日志 log", "大小 size", "条目 entries", "内容 payloads", "检查点 heads")
    for origin, row in sorted(rows.items()):
        table.add_row(origin, *(str(row[name]) for name in ("size", "entries", "payloads", "heads")))
    if rows:
        Console(stderr=True).print(table)
    say("以上是文件自称的内容，导入时才核验。 This is what the file says of itself; import verifies it.")
    for fault in summary.faults:
        warn(f"第 {fault.offset} 字节处损坏", f"byte {fault.offset}: {fault.text}")
    if as_json:
        result(
            {
                "federation": part.federation,
                "sender": part.sender,
                "addressee": part.addressee,
                "made_ms": part.made_ms,
                "set": part.set_id.hex(),
                "part": part.number,
                "count": summary.count,
                "whole": summary.whole,
                "frames": dict(kinds),
                "logs": rows,
                "faults": [{"byte": fault.offset, "text": fault.text} for fault in summary.faults],
            }
        )
    if not summary.whole:
        raise typer.Exit(1)


def _look(frame: Frame | Unknown, rows: dict[str, dict[str, Any]]) -> None:
    """Count a frame in the line of its log."""

    def row(origin: str) -> dict[str, Any]:
        shown = "".join(char if char.isprintable() else "?" for char in origin[:200])
        shown = shown if shown in rows or len(rows) < MAX_ROWS else "…"
        return rows.setdefault(shown, {"size": 0, "entries": 0, "payloads": 0, "heads": 0})

    match frame:
        case HeadFrame() | NoteFrame():
            try:
                head = read_checkpoint(frame.note)[0]
            except Malformed:
                return
            found = row(head.origin)
            found["heads"] += 1
            found["size"] = max(found["size"], head.size)
        case EntriesFrame():
            row(frame.origin)["entries"] += max(0, frame.end - frame.start)
        case PayloadsFrame():
            row(frame.origin)["payloads"] += max(0, frame.end - frame.start)
        case _:
            return
