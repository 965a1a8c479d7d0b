"""What the commands of the uplink do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import msgspec
import typer
from sqlalchemy import Connection, select

from node.app import Node
from node.cli.opening import load, quiet_logs
from node.cli.output import result, say
from node.domain import KINDS, ruletables
from node.domain.acts import Act
from node.domain.faults import Fault
from node.domain.folding import replay
from node.domain.record import Document, Source
from node.domain.standard_lint import Context
from node.domain.standard_lint import lint as lint_record
from node.errors import Malformed, NotFound
from node.publishing import rules as publishing
from node.rules import load_packaged
from node.running import reporting
from node.store import logs
from node.uplink import envelope, held, sending, taking
from node.uplink import lint as national
from node.uplink import status as figures
from node.uplink.outbox import rows
from node.uplink.reconcile import Reconciliation
from node.uplink.run import Report
from node.uplink.sending import Due


def status(config: Path, *, as_json: bool) -> None:
    async def work() -> tuple[list[figures.SetLine], dict[str, int], dict[tuple[str, str], int]]:
        node = Node(load(config))
        try:
            await node.open()
            lines = await node.store.read(lambda conn: figures.sets(conn, held.packaged()))
            return lines, await node.store.read(figures.totals), await node.store.read(figures.filled)
        finally:
            await node.close()

    with quiet_logs():
        lines, totals, filled = asyncio.run(work())
    for line in lines:
        states = ", ".join(f"{state} {count}" for state, count in sorted(line.states.items()))
        say(f"{line.number} {line.name} {line.zh}: {states}")
    say("合计 total: " + ", ".join(f"{state} {count}" for state, count in totals.items() if count))
    for (name, policy), count in filled.items():
        say(f"代填 filled by policy row {policy}: {name} × {count}")
    if failed := sum(totals[state] for state in figures.FAILED):
        say(f"{failed} 条需要处理，见 /uplink 或运行 ggzy uplink retry · {failed} need a person, see /uplink")
    if as_json:
        told = [{"field": name, "row": policy, "times": count} for (name, policy), count in filled.items()]
        result({"totals": totals, "sets": [asdict(line) for line in lines], "filled": told})


def run(config: Path, *, as_json: bool) -> None:
    async def work() -> Report:
        node = Node(load(config))
        try:
            await node.open()
            await node.projector.run()
            report = await node.uplink().run()
            await node.projector.run()
            return report
        finally:
            await node.close()

    with quiet_logs():
        report = asyncio.run(work())
    say(
        f"读取 {report.read}，发送 {report.sent}，接收 {report.accepted}，退回 {report.refused}，"
        f"无应答 {report.unanswered} · "
        f"read {report.read}, sent {report.sent}, accepted {report.accepted}, refused {report.refused}, "
        f"unanswered {report.unanswered}"
    )
    if report.stopped:
        say(f"中止：{report.stopped} · stopped: {report.stopped}")
    if as_json:
        result({name: getattr(report, name) for name in Report.__slots__})


def retry(config: Path, keys: Sequence[str], *, everything: bool, number: str, state: str, as_json: bool) -> None:
    if not keys and not everything and not number and not state:
        raise Malformed(
            "name keys, a filter or --all",
            zh="未指定重送哪些",
            advice_zh="请给出 DATA_KEY，或用 --set、--state 筛选，或用 --all。",
            advice_en="Give DATA_KEYs, a filter (--set, --state), or --all.",
        )

    def again(conn: Connection, now_ms: int) -> int:
        if keys:
            return sum(figures.report_again(conn, key, now_ms) for key in keys)
        return figures.retry(conn, now_ms, wanted=figures.Filter(state=state, number=number))

    async def work() -> int:
        node = Node(load(config))
        try:
            await node.open()
            return await node.store.write(partial(again, now_ms=node.clock()))
        finally:
            await node.close()

    with quiet_logs():
        count = asyncio.run(work())
    say(f"{count} 条将重新上报 · {count} will be sent again")
    if as_json:
        result({"retried": count})


def reconcile(config: Path, *, day: str, as_json: bool) -> None:
    async def work() -> Reconciliation:
        node = Node(load(config))
        try:
            await node.open()
            return await reporting.reconcile(node, node.uplink(), day)
        finally:
            await node.close()

    with quiet_logs():
        made = asyncio.run(work())
    for line in made.lines:
        say(
            f"{line.number} {line.name}: 发送 sent {line.sent}, 接收 accepted {line.accepted}, "
            f"退回 refused {line.refused}, "
            f"无应答 unanswered {line.unanswered}; {line.states}"
        )
    if not made.compared:
        say("对方不提供清单，仅核对本方账目 · the receiver does not tell what it holds: our books only")
    for each in made.differences:
        ours, theirs = each.ours or "—", each.theirs or "—"
        say(f"差异 difference {each.data_key} {each.title}: 本方 ours {ours}, 对方 theirs {theirs}")
    if as_json:
        result(msgspec.to_builtins(made))
    if made.differences:
        raise typer.Exit(1)


def export(directory: Path, config: Path, *, state: str, as_json: bool) -> None:
    async def work() -> int:
        node = Node(load(config))
        try:
            await node.open()
            return await node.store.read(partial(_write_all, directory=directory, node=node, state=state))
        finally:
            await node.close()

    with quiet_logs():
        count = asyncio.run(work())
    say(f"{count} → {directory}")
    if as_json:
        result({"written": count, "directory": str(directory)})


def _write_all(conn: Connection, directory: Path, node: Node, state: str) -> int:
    standard, sender = held.packaged(), reporting.sender(node)
    directory.mkdir(parents=True, exist_ok=True)
    which = rows.c.state == state if state else rows.c.state != "deleted"
    count = 0
    for row in conn.execute(select(rows).where(which).order_by(rows.c.id)).mappings():
        operation = "insert" if row["operation"] == "delete" else row["operation"]
        fields = sending.as_sent(standard, node.fills, sender, row, node.clock())
        due = Due(row["id"], row["data_key"], row["number"], operation, fields, False, 0)
        data = sending.envelope_of(standard, sender, due)
        (directory / f"{row['data_key']}.{operation}.xml").write_bytes(data)
        count += 1
    return count


# --- the standard ----------------------------------------------------------------------------------------------------


def load_tables(file: Path, config: Path, *, as_json: bool) -> None:
    given = held.read_rows(file)

    async def work() -> list[str]:
        node = Node(load(config))
        try:
            await node.open()
            return await node.store.write(partial(held.load_tables, rows=given, source=file.name, now_ms=node.clock()))
        finally:
            await node.close()

    with quiet_logs():
        names = asyncio.run(work())
    say(f"已载入 {len(names)} 张代码表：{'、'.join(names)} · loaded {len(names)} code tables")
    if as_json:
        result({"tables": names})


def rule_tables(
    file: Path,
    directory: Path,
    *,
    version: str,
    effective_from: str,
    basis: str,
    tag: str,
    department: str,
    as_json: bool,
) -> None:
    known = held.packaged().tables
    made: dict[Path, str] = {}
    for name, values in held.table_rows(held.read_rows(file), file.name).items():
        zh = known[name].zh if name in known else ""
        table: dict[str, object] = {
            "id": name,
            "version": version,
            "sort": "codes",
            "zh": zh or name,
            "en": f"Code table {name} of the national data standard",
            "department": department,
            "effective_from": effective_from,
            "legal_basis": basis,
            "tag": tag,
        }
        rows = [{"id": value, "zh": text} for value, text in values.items()]
        publishing.require_sound(ruletables.parse(table | {"rows": rows}, file.name), f"{file.name} {name}")
        # A JSON text is a basic string of TOML.
        lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()]
        for row in rows:
            lines += ["", "[[rows]]", *(f"{key} = {json.dumps(text, ensure_ascii=False)}" for key, text in row.items())]
        made[directory / f"{name}.toml"] = "\n".join([*lines, ""])
    directory.mkdir(parents=True, exist_ok=True)
    for path, text in made.items():
        path.write_text(text, "utf-8")
        say(f"{path}")
    say("请逐个检查后用 ggzy rules publish 发布，各中心即按其检查 · look through them, then ggzy rules publish each")
    if as_json:
        result({"written": [str(path) for path in made]})


def list_tables(config: Path, *, as_json: bool) -> None:
    async def work() -> list[dict[str, object]]:
        node = Node(load(config))
        try:
            await node.open()
            await node.rule_records.refresh()
            tables = node.rule_records.tables("codes")
            standard = await node.store.read(partial(held.held, published=tables))
            return [
                {"id": each.id, "zh": each.zh, "values": len(each.values), "verified": each.verified, "tag": each.tag}
                for each in standard.tables.values()
            ]
        finally:
            await node.close()

    with quiet_logs():
        found = asyncio.run(work())
    for each in found:
        mark = "已确认 verified" if each["verified"] else "占位 placeholder"
        say(f"{each['id']} {each['zh']}: {each['values']} {mark}")
    if as_json:
        result({"tables": found})


def lint(file: Path | None, trade: str, config: Path, *, as_json: bool) -> None:
    if (file is None) == (not trade):
        raise Malformed(
            "name a file or --trade",
            zh="请给出文件或 --trade",
            advice_zh="示例：ggzy lint 报文.xml，或 ggzy lint --trade 编号。",
            advice_en="As in ggzy lint envelope.xml, or ggzy lint --trade KEY.",
        )
    found = _of_file(file) if file is not None else asyncio.run(_of_trade(trade, config))
    for where, faults in found.items():
        for fault in faults:
            mark = "退回 refuse" if fault.severity == "refuse" else "提示 warn"
            say(f"{where} [{mark}] {fault.rule}: {fault.zh} · {fault.en}")
    refused = sum(fault.severity == "refuse" for faults in found.values() for fault in faults)
    warned = sum(fault.severity == "warn" for faults in found.values() for fault in faults)
    say(f"{refused} 处会被退回，{warned} 处提示 · {refused} would be refused, {warned} warnings")
    if as_json:
        result({where: [asdict(fault) for fault in faults] for where, faults in found.items()})
    if refused:
        raise typer.Exit(1)


def _of_file(file: Path) -> dict[str, list[Fault]]:
    data = file.read_bytes()
    standard = held.packaged()
    if data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
        made = envelope.read(data)
        dataset = standard.of_name(made.title.get("DATA_EN", ""))
        if dataset is None:
            raise Malformed(
                f"no data set {made.title.get('DATA_EN')} among those that this program knows",
                zh="数据集不在本程序所知范围",
            )
        operation = made.operation or "insert"
        context = Context(operation=operation)  # type: ignore[arg-type]
        return {file.name: lint_record(standard, dataset, made.context or {}, context)}
    try:
        given = json.loads(data)
        kind, body = given.get("kind", "trade.act"), given.get("body", given)
        shape = msgspec.convert(body, KINDS[kind].sections["main"][0].__args__[0])
    except (ValueError, KeyError, AttributeError, msgspec.ValidationError) as error:
        raise Malformed(
            f"{file}: {error}",
            zh=f"{file} 不是记录文件",
            advice_zh='应为 {"kind": "trade.result", "body": {…}}。',
            advice_en='It should be {"kind": "trade.result", "body": {…}}.',
        ) from None
    if isinstance(shape, Act):
        trade = None
        if (book := load_packaged()).get(shape.rules) is not None and shape.seq == 1:
            trade = replay([shape], book)
        return {file.name: national.faults_of_act(shape, trade, division=shape.division)}
    return {file.name: national.faults_of_document("0" * 32, Document(file.name, shape, Source(file.name)))}


async def _of_trade(key: str, config: Path) -> dict[str, list[Fault]]:
    with quiet_logs():
        node = Node(load(config))
        try:
            await node.open()
            await node.projector.run()
            await node.rule_records.refresh()
            return await node.store.read(partial(_faults_of_trade, key=key, node=node))
        finally:
            await node.close()


def _faults_of_trade(conn: Connection, key: str, node: Node) -> dict[str, list[Fault]]:
    standard = held.held(conn, node.rule_records.tables("codes"))
    for state in logs.all_logs(conn):
        trade, records = taking.trade_of(conn, node.rules.book, state, key)
        if not records:
            continue
        found: dict[str, list[Fault]] = {}
        acts = trade.acts if trade is not None else ()
        for act in acts:
            row = records[act.seq]
            centre, place = node.settings.title, node.settings.division
            found[f"{act.seq} {act.act}"] = national.faults_of_act(
                act,
                trade,
                centre=centre,
                division=place,
                standard=standard,
                inner=taking.inner_of(conn, row),
                fills=node.fills,
            )
        return found
    raise NotFound(f"no trade {key}", zh=f"本节点没有交易 {key}")
