"""What `ggzy routing`, `ggzy catalogue` and `ggzy code` do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import typer

from node.app import Node
from node.cli.opening import load, quiet_logs
from node.cli.output import result, say
from node.domain import tradecodes
from node.domain.calendar import day_of
from node.domain.catalogue import Catalogue
from node.domain.tradecodes import CodeTable
from node.errors import Malformed
from node.importing.catalogue import read_list
from node.routing import offplatform, watch
from node.routing.issuing import Given

T = TypeVar("T")


def with_node(config: Path, work: Callable[[Node], Awaitable[T]]) -> T:
    """Open the node of a directory, do some work with it, close it; gives what the work gave."""

    async def run() -> T:
        node = Node(load(config))
        try:
            await node.open()
            return await work(node)
        finally:
            await node.close()

    with quiet_logs():
        return asyncio.run(run())


def check(config: Path, *, as_json: bool) -> None:
    async def work(node: Node) -> list[watch.Finding]:
        await node.projector.run()
        await node.routing_watch.run()
        return list(await node.store.read(watch.findings))

    found = with_node(config, work)
    for each in found:
        zh, en = watch.STATES[each.state]
        say(f"{zh} {en}: {each.title}（{each.category}，{each.held_by}）")
        say(f"  {each.why_zh}")
        say(f"  {each.why_en}")
        if each.ordered_by:
            say(f"  指令 order: {each.ordered_by}")
    wrong = sum(each.state == "wrong" for each in found)
    say(f"层级不符 {wrong} 宗 · {wrong} at the wrong centre")
    if as_json:
        result({"wrong": wrong, "findings": [asdict(each) | {"record_id": each.record_id.hex()} for each in found]})
    if wrong:
        raise typer.Exit(1)


def explain(config: Path, facts: Mapping[str, Any], *, as_json: bool) -> None:
    async def work(node: Node) -> Any:
        return node.placing.decide(facts, day_of(node.clock()))

    decision = with_node(config, work)
    say(decision.why_zh)
    say(decision.why_en)
    if as_json:
        result(decision.plain())


def import_list(file: Path, config: Path, *, category: str, rejects: Path | None, as_json: bool) -> None:
    listed = read_list(file, category=category, rejects=rejects)

    async def work(node: Node) -> tuple[offplatform.Kept, list[offplatform.Missing]]:
        rows = [(each.row, each.item) for each in listed.rows]
        kept = await offplatform.keep(node.store, node.clock, _catalogue(node), listed.name, rows)
        await _compare(node)
        return kept, await node.store.read(offplatform.missing)

    kept, missing = with_node(config, work)
    say(
        f"读取 {listed.read}，新增 {kept.added}，已有 {kept.known}，退回 {listed.rejected} · "
        f"read {listed.read}, added {kept.added}, known {kept.known}, rejected {listed.rejected}"
    )
    if listed.rejects is not None:
        say(f"退回的行及原因见 {listed.rejects} · rejected rows are in {listed.rejects}")
    _tell(missing)
    if as_json:
        result(
            {
                "read": listed.read,
                "added": kept.added,
                "known": kept.known,
                "rejected": listed.rejected,
                "rejects": str(listed.rejects) if listed.rejects else None,
                "missing": [_plain(each) for each in missing],
            }
        )


def compare(config: Path, *, as_json: bool) -> None:
    async def work(node: Node) -> list[offplatform.Missing]:
        await _compare(node)
        return await node.store.read(offplatform.missing)

    missing = with_node(config, work)
    _tell(missing)
    if as_json:
        result({"missing": [_plain(each) for each in missing]})
    if missing:
        raise typer.Exit(1)


async def _compare(node: Node) -> None:
    await node.projector.run()
    await node.trades.run()
    await offplatform.compare(node.store, node.clock, _catalogue(node))


def _catalogue(node: Node) -> Catalogue:
    return node.rules.by_day.catalogue(day_of(node.clock()))


def _tell(missing: list[offplatform.Missing]) -> None:
    for each in missing:
        say(f"应进场而未见 not found: {each.name}（{each.category}，{each.list_name} 第 {each.row} 行）")
        say(f"  {each.why_zh} · {each.why_en}")
        if each.found_title:
            alike = f"{each.likeness // 10}%"
            say(f"  最相近 nearest: {each.found_title} ({alike}, {each.found_origin})")
    say(f"应进场而未见 {len(missing)} 项 · {len(missing)} found nowhere")


def _plain(each: offplatform.Missing) -> dict[str, Any]:
    return asdict(each)


def issue(config: Path, sort: str, of: str, *, cls: str, subject: str, request: str, as_json: bool) -> None:
    async def work(node: Node) -> Given:
        give = node.issuer
        match sort:
            case "project":
                return await give.project(of, subject=subject, request=request)
            case "tender":
                return await give.tender(of, subject=subject, request=request)
            case "section":
                return await give.section(of, subject=subject, request=request)
            case "unified":
                return await give.unified(category=of, cls=cls, subject=subject, request=request)
        raise Malformed(
            f"no sort of number {sort!r}: project, tender, section, unified",
            zh=f"没有 {sort} 这种编号",
            advice_zh="请用 project、tender、section 或 unified。",
            advice_en="Name project, tender, section or unified.",
        )

    given = with_node(config, work)
    say(given.code)
    if as_json:
        result({"code": given.code, "issuer": given.issuer, "again": given.again})


async def _numbers(node: Node) -> CodeTable:
    return node.rules.by_day.numbers(day_of(node.clock()))


def check_code(config: Path, code: str, *, as_json: bool) -> None:
    settings, table = load(config), with_node(config, _numbers)
    if len(code) == tradecodes.UNIFIED:
        own = {settings.platform_uscc} - {""}
        sort = "unified"
        faults = tradecodes.check_unified(code, mode=settings.unified_code_check, table=table, own_platforms=own)
    else:
        ours = tradecodes.is_own_form(code, table)
        sort = _SORTS.get(len(code), "foreign") if ours else "foreign"
        faults = tradecodes.check_number(code, own=False, table=table)
    say(f"{_SORT_NAMES[sort][0]} · {_SORT_NAMES[sort][1]}")
    for fault in faults:
        say(f"  {'拒绝 refused' if fault.refuse else '提示 remark'}: {fault.zh} · {fault.en}")
    refused = any(fault.refuse for fault in faults)
    if as_json:
        result({"sort": sort, "refused": refused, "faults": [asdict(fault) for fault in faults]})
    if refused:
        raise typer.Exit(1)


_SORTS = {tradecodes.PROJECT: "project", tradecodes.TENDER: "tender", tradecodes.SECTION: "section"}
_SORT_NAMES = {
    "project": ("项目编号", "a project's number"),
    "tender": ("招标项目编号", "a tender project's number"),
    "section": ("标段（包）编号", "a section's number"),
    "unified": ("统一交易标识码", "a unified trade identification code"),
    "foreign": ("外来编号，按原样接受", "a foreign number, taken as it is"),
}
