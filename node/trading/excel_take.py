"""Rows of a filled workbook through the desk: judged, published one by one; those refused go back with the reasons."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from node.domain.engine import Fault
from node.errors import ActRefused, NodeError, NotFound, Refused, Rejected
from node.store.db import Store
from node.trading import excel, excel_read, hands, register
from node.trading.desk import Desk, Done
from node.trading.excel import Layout
from node.trading.excel_read import ActRow, CellFault
from node.trading.hands import Person

_KEY = re.compile(r"[0-9a-f]{32}")
_PATH = re.compile(r"(?P<name>[^\[.]+)(?:\[(?P<n>\d+)\])?(?:\.(?P<column>[^\[.]+).*)?")


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row: published (`done`), fit to be (neither), or refused (`faults` that refuse)."""

    row: int
    number: str
    title: str
    done: Done | None = None
    faults: tuple[CellFault, ...] = ()

    @property
    def refused(self) -> bool:
        return any(fault.severity == "refuse" for fault in self.faults)


@dataclass(frozen=True, slots=True)
class Report:
    """All rows in order, and a workbook of those refused, None where none was."""

    rows: tuple[RowResult, ...]
    workbook: bytes | None = field(default=None, repr=False)

    @property
    def published(self) -> int:
        return sum(each.done is not None and not each.done.repeated for each in self.rows)

    @property
    def refused(self) -> int:
        return sum(each.refused for each in self.rows)


async def take(
    desk: Desk,
    store: Store,
    person: Person,
    shape: Layout,
    data: bytes,
    *,
    division: str = "",
    publish: bool = True,
) -> Report:
    """Read a workbook, judge each row, and publish those that are right; with `publish` false only judge.

    Raises Malformed and TooLarge for the file, NotAllowed for the person; what is wrong with a row is in the report.
    """
    hands.require(person, "import.run")
    rows = await asyncio.to_thread(excel_read.read, data, shape)
    results = []
    for row in rows:
        results.append(await _one(desk, store, person, shape, row, division, publish))
    bad = [(row, result) for row, result in zip(rows, results, strict=True) if result.refused]
    workbook = await asyncio.to_thread(_return, shape, bad) if bad else None
    return Report(tuple(results), workbook)


async def _one(
    desk: Desk, store: Store, person: Person, shape: Layout, row: ActRow, division: str, publish: bool
) -> RowResult:
    told = partial(RowResult, row.main.row, row.number, row.title or str(row.fields.get("project_name", "")))
    if row.faults:
        return told(faults=tuple(row.faults))
    try:
        if shape.first:
            done, found = await _register(desk, store, person, shape, row, division, publish)
        else:
            done, found = await _act(desk, store, person, shape, row, publish)
    except ActRefused as error:
        return told(faults=tuple(_placed(shape, row, fault) for fault in error.faults))
    except Rejected as error:
        return told(faults=(_placed(shape, row, _as_fault(error)),))
    except NotFound as error:
        return told(faults=(_placed(shape, row, _as_fault(error, "@trade")),))
    except Refused as error:
        # The rows before it are published: what became of all has to be told.
        return told(faults=(_placed(shape, row, _as_fault(error)),))
    return told(done=done, faults=tuple(_placed(shape, row, fault) for fault in found))


async def _register(
    desk: Desk, store: Store, person: Person, shape: Layout, row: ActRow, division: str, publish: bool
) -> tuple[Done | None, Sequence[Fault]]:
    fields = row.fields
    title = row.title or str(fields.get("project_name", ""))
    if row.code:
        # The same file again must not register everything again.
        known = await store.read(partial(register.find_by_code, code=row.code))
        if any(each["own"] and each["title"] == fields.get("project_name") for each in known):
            raise Rejected("it is registered already", zh=f"项目编号 {row.code} 的同名项目已登记", field="@code")
    category, code, at = shape.package.category, row.code, row.at
    if not publish:
        found = await desk.check_registration(category, title, fields, division=division, project_code=code, at=at)
        return None, found
    done = await desk.begin(person, category, title, fields, division=division, project_code=code, at=at)
    return done, done.warnings


async def _act(
    desk: Desk, store: Store, person: Person, shape: Layout, row: ActRow, publish: bool
) -> tuple[Done | None, Sequence[Fault]]:
    trade = await _trade(store, row.trade)
    if not publish:
        found = await desk.check(trade, shape.act.id, lots=row.lots, fields=row.fields, at=row.at, title=row.title)
        return None, found
    done = await desk.act(person, trade, shape.act.id, lots=row.lots, fields=row.fields, at=row.at, title=row.title)
    return done, done.warnings


async def _trade(store: Store, text: str) -> str:
    """The trade that a row is about: by its key, or by a project code that only one of our trades has."""
    plain = text.lower().replace("-", "")
    if _KEY.fullmatch(plain):
        return plain
    found = [row for row in await store.read(partial(register.find_by_code, code=text)) if row["own"]] if text else []
    if len(found) == 1:
        return str(found[0]["trade"])
    zh = f"项目编号 {text} 对应 {len(found)} 个交易，请改填交易编号" if found else f"本节点没有交易“{text}”"
    raise Rejected(f"{len(found)} trades of {text!r}", zh=zh, field="@trade")


def _as_fault(error: NodeError, field: str = "") -> Fault:
    return Fault(field or error.field or "", "row", error.zh, error.detail)


def _placed(shape: Layout, row: ActRow, fault: Fault) -> CellFault:
    """A fault of a field as one of the cell where it stands."""
    main = shape.sheets[0]
    found = _PATH.fullmatch(fault.field)
    name, n, column = (found["name"], found["n"], found["column"]) if found else ("", None, None)
    for sheet in shape.sheets[1:]:
        if sheet.field is not None and sheet.field.name == name:
            subs = row.subs.get(name, [])
            sub = subs[int(n) - 1] if n is not None and 0 < int(n) <= len(subs) else None
            if sub is None:
                return _cell_fault(fault, sheet.name, "A2", name)
            rule = next((each for each in sheet.columns if each.name == column), sheet.columns[0])
            return _cell_fault(fault, sheet.name, sub.places.get(rule.zh, f"A{sub.row}"), fault.field)
    plain = {"at": "@at", "title": "@title", "lots": "@lots", "project_code": "@code", "trade": "@trade"}
    by_name = {rule.name: rule for rule in main.columns}
    rule_there = by_name.get(name) or by_name.get(plain.get(name, "")) or by_name["@number"]
    return _cell_fault(fault, main.name, row.main.places.get(rule_there.zh, f"A{row.main.row}"), fault.field)


def _cell_fault(fault: Fault, sheet: str, cell: str, field: str) -> CellFault:
    return CellFault(sheet, cell, field, fault.zh, fault.en, fault.severity)


def _return(shape: Layout, bad: Sequence[tuple[ActRow, RowResult]]) -> bytes:
    given = []
    for row, result in bad:
        typed = {shape.sheets[0].name: [row.main.texts]}
        places = {(shape.sheets[0].name, place): f"{name}!0" for name, place in row.main.places.items()}
        for sheet in shape.sheets[1:]:
            subs = row.subs.get(sheet.field.name, []) if sheet.field is not None else []
            typed[sheet.name] = [sub.texts for sub in subs]
            places |= {
                (sheet.name, place): f"{name}!{n}" for n, sub in enumerate(subs) for name, place in sub.places.items()
            }
        marked = frozenset(
            f"{fault.sheet}!{places[fault.sheet, fault.cell]}"
            for fault in result.faults
            if (fault.sheet, fault.cell) in places
        )
        reason = "\n".join(f"{fault.sheet} {fault.cell}：{fault.zh}" for fault in result.faults)
        given.append((typed, reason, marked))
    return excel.returned(shape, given)
