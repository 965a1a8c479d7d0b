"""What `ggzy import legacy` and `ggzy legacy` do."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from openpyxl import Workbook

from node.app import Node
from node.cli.output import result, say
from node.cli.progress import counter
from node.cli.routing_work import with_node
from node.domain.calendar import start_of
from node.domain.legacy import ELSEWHERE, HERE
from node.errors import Malformed, Refused
from node.importing.legacy import COLUMNS, read_legacy
from node.importing.rows import defuse
from node.trading.legacy import Tally


def take_over(file: Path, config: Path, *, source: str, elsewhere: bool, rejects: Path | None, as_json: bool) -> None:
    async def work(node: Node) -> tuple[Tally, Path | None, int]:
        centre = node.migration.source(source)
        with counter(f"承接 taking over {file.name}") as show, read_legacy(file, rejects) as rows:
            tally = await node.migration.take_over(
                centre,
                rows.rows(),
                held=ELSEWHERE if elsewhere else HERE,
                on_reject=rows.reject,
                progress=lambda done: show(done, max(rows.expected, done)),
            )
        await node.trades.run()
        return tally, rows.rejects, rows.rejected

    tally, back, rejected = with_node(config, work)
    read = tally.read - tally.rejected + rejected
    say(
        f"读取 {read}，新承接 {tally.begun}，阶段推进 {tally.moved}，补充内容 {tally.noted}，未变 {tally.unchanged}，"
        f"退回 {rejected} · read {read}, begun {tally.begun}, moved on {tally.moved}, more said {tally.noted}, "
        f"unchanged {tally.unchanged}, rejected {rejected}"
    )
    if tally.doubtful:
        say(f"其中 {tally.doubtful} 宗的阶段用语无法识别，暂列为已登记，原文已保留")
        say(f"Of {tally.doubtful} the words for the stage are unknown: they stand as registered, with the words kept.")
    if back is not None:
        say(f"退回的行及原因见 {back} · rejected rows are in {back}")
    if as_json:
        counts = {
            "read": read,
            "begun": tally.begun,
            "moved": tally.moved,
            "noted": tally.noted,
            "unchanged": tally.unchanged,
        }
        result(counts | {"rejected": rejected, "doubtful": tally.doubtful, "rejects": str(back) if back else None})


def switch(config: Path, source: str, *, as_json: bool) -> None:
    async def work(node: Node) -> tuple[int, str]:
        centre = node.migration.source(source)
        moved = await node.migration.switch(centre, HERE)
        await node.trades.run()
        return moved, centre.zh

    moved, name = with_node(config, work)
    say(f"{name}：{moved} 宗转入本平台办理 · {moved} trades go on here from now")
    if as_json:
        result({"moved": moved})


def export(config: Path, source: str, output: Path, *, since: str, as_json: bool) -> None:
    since_ms = _start(since) if since else 0

    async def work(node: Node) -> list[dict[str, str]]:
        centre = node.migration.source(source)
        return await node.migration.way_back(centre, since_ms=since_ms)

    rows = with_node(config, work)
    _write(output, rows)
    say(f"已写出 {len(rows)} 宗：{output} · {len(rows)} trades written")
    if as_json:
        result({"rows": len(rows), "file": str(output)})


def back(config: Path, source: str, output: Path, *, as_json: bool) -> None:
    async def work(node: Node) -> tuple[int, int, str]:
        centre = node.migration.source(source)
        rows = await node.migration.way_back(centre)
        # The file first: what was handed back and is written nowhere would be lost to the old system.
        _write(output, rows)
        moved = await node.migration.switch(centre, ELSEWHERE)
        await node.trades.run()
        return len(rows), moved, centre.zh

    rows, moved, name = with_node(config, work)
    say(f"{name}：{moved} 宗退回原平台，{rows} 宗的现状已写入 {output}")
    say(f"{moved} trades handed back; how {rows} stand is in {output}")
    if as_json:
        result({"rows": rows, "moved": moved, "file": str(output)})


def _start(day: str) -> int:
    try:
        date.fromisoformat(day)
    except ValueError:
        raise Malformed(
            f"{day!r} is no day",
            field="--since",
            zh=f"日期无法识别：{day}",
            advice_zh="请写作年-月-日，如 2026-03-01。",
            advice_en="Write it as year-month-day, such as 2026-03-01.",
        ) from None
    return start_of(day)


def _write(path: Path, rows: Sequence[dict[str, str]]) -> None:
    """Write rows as CSV or XLSX, by the end of the file's name. Raises Refused for another."""
    cells = [[defuse(row[name]) for name in COLUMNS] for row in rows]
    match path.suffix.lower():
        case ".csv":
            # With a BOM, since Excel takes a CSV without one for the local code page.
            with path.open("w", encoding="utf-8-sig", newline="") as file:
                csv.writer(file).writerows([COLUMNS, *cells])
        case ".xlsx":
            book = Workbook(write_only=True)
            sheet = book.create_sheet("承接")
            for line in [list(COLUMNS), *cells]:
                sheet.append(line)
            book.save(path)
        case other:
            raise Refused(
                f"cannot write {other or 'a file without extension'}: .csv and .xlsx are written",
                zh="只能写出 .csv 或 .xlsx 文件",
                field="--output",
            )
