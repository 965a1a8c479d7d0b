"""Rules for everybody to read: packages in force with their clauses, versions and what changed, tables, services."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final
from urllib.parse import quote

import msgspec
from aiohttp import web

from node.domain.acts import DISCLOSURE_NAMES
from node.domain.rulebook import Package
from node.domain.rulediff import diff
from node.domain.ruletables import SORT_NAMES, RuleTable
from node.errors import Malformed, NotFound
from node.rule_judging import Body
from node.rule_records import RuleRecords
from node.web import pages, rules_shown
from node.web.keys import RULE_RECORDS, RULES, SETTINGS
from node.web.portal_text import Pair
from node.web.rules_text import TEXT

routes = web.RouteTableDef()
PART_KEYS: Final[dict[str, str]] = {
    "": "rules_head",
    "stages": "rules_stages",
    "acts": "rules_acts",
    "clocks": "rules_clocks",
    "limits": "rules_limits",
    "notices": "rules_notices",
    "rows": "rules_rows",
}
MAX_ROWS = 2000
MAX_NOT_TAKEN = 100
"""Whoever issues rules that nobody takes over does not fill this page with them."""


def part_name(part: str) -> Pair:
    """What a part of a file is called, of a package or of a table."""
    return TEXT[PART_KEYS[part]] if part in PART_KEYS else rules_shown.PARTS.get(part, (part, part))


@routes.get("/rules")
async def index(request: web.Request) -> web.Response:
    records, book = await _records(request), request.app[RULES].book
    today = records.today()
    categories = dict.fromkeys(package.category for package in book.packages)
    found = [book.of(category, today) for category in categories]
    in_force = [package for package in found if package is not None]
    coming = sorted(
        (each for each in book.packages if each.effective_from > today), key=lambda each: each.effective_from
    )
    tables = records.tables()
    rules: list[Body] = [*in_force, *tables]
    return pages.render(
        request,
        "rules/index.html",
        in_force=[line(records, each) for each in in_force],
        coming=[line(records, each) for each in coming],
        services=[_table(each) for each in tables if each.sort == "services"],
        tables=[line(records, each) for each in tables if each.sort != "services"],
        not_taken=[each for each in records.records if not each.taken][-MAX_NOT_TAKEN:],
        unverified=list(islice((each for body in rules for each in _unverified(body)), MAX_ROWS)),
        drafts=request.app[SETTINGS].role in ("supervision", "hub"),
    )


@routes.get("/rules/diff")
async def compare(request: web.Request) -> web.Response:
    records = await _records(request)
    old, new = (records.find(_name(request.query.get(which, ""))) for which in ("from", "to"))
    if type(old) is not type(new):
        raise Malformed("a package and a table cannot be compared", zh="规则包与规则表不能比较", field="to")
    changes = [{"change": each, "part": part_name(each.part)} for each in diff(old, new)]
    return pages.render(request, "rules/diff.html", old=old, new=new, changes=changes, address=_address)


@routes.get("/rules/{rule:.+}")
async def one(request: web.Request) -> web.Response:
    records = await _records(request)
    body = records.find(_name(request.match_info["rule"]))
    shown: dict[str, Any] = {"line": line(records, body), "versions": _versions(records, body)}
    if isinstance(body, RuleTable):
        return pages.render(request, "rules/table.html", table=_table(body), limit=MAX_ROWS, **shown)
    return pages.render(request, "rules/package.html", package=body, disclosures=DISCLOSURE_NAMES, **shown)


async def _records(request: web.Request) -> RuleRecords:
    records = request.app[RULE_RECORDS]
    await records.refresh()
    return records


def _name(given: str) -> str:
    if "@" not in given or len(given) > 200:
        raise NotFound("rules are named <id>@<version>", zh="规则应写作 编号@版本")
    return given


def _address(body: Body) -> str:
    return f"/rules/{quote(body.name, safe='@/')}"


def line(records: RuleRecords, body: Body) -> dict[str, Any]:
    """What a list shows of a package or table."""
    record = records.of(body.name)
    if isinstance(body, Package):
        rows = [*body.clocks, *body.limits, *body.notices]
        sort, unverified = "package", sum(not row.verified for row in rows)
        number = len(body.acts) + len(rows)
    else:
        sort, number = body.sort, sum(map(len, body.parts().values()))
        unverified = body.unverified()
    return {
        "body": body,
        "address": _address(body),
        "sort": SORT_NAMES[sort],
        "rows": number,
        "unverified": unverified,
        "record": record.record_id.hex() if record is not None else "",
        "withdrawn": record is not None and record.withdrawn,
        "why": ("", "") if record is None else record.why,
    }


def _versions(records: RuleRecords, body: Body) -> list[dict[str, Any]]:
    """All versions of it, newest first, each with the address of its comparison with the one before."""
    found = [each for each in records.versions(body.id) if type(each) is type(body)]
    lines = []
    for place, each in enumerate(found):
        before = found[place - 1] if place else None
        shown = line(records, each)
        shown["compare"] = (
            f"/rules/diff?from={quote(before.name, safe='@')}&to={quote(each.name, safe='@')}" if before else ""
        )
        shown["here"] = each.name == body.name
        lines.append(shown)
    return lines[::-1]


def _unverified(body: Body) -> Iterator[dict[str, Any]]:
    """The rows that no person has held against their text."""
    rows: list[dict[str, Any]] = []
    if isinstance(body, Package):
        found = [*body.clocks, *body.limits, *body.notices]
        rows = [msgspec.to_builtins(row) | {"tag": row.tag} for row in found if not row.verified]
        names = {act.id: (act.zh, act.en) for act in body.acts}
    else:
        names = {}
        lists = [row for part in body.parts().values() for row in part]
        rows = [row | {"tag": row.get("tag") or body.tag} for row in lists if "tag" in row or body.rows]
        rows = [row for row in rows if row["tag"] not in ("S", "I")]
    for row in rows:
        name = rules_shown.name_of(row)
        if "stage" in row and row.get("act") in names:
            name = names[row["act"]]
        value = f"{row['value']} {row.get('unit', '')}" if isinstance(row.get("value"), int) else ""
        basis = row.get("legal_basis") or getattr(body, "legal_basis", "")
        yield {"body": body, "address": _address(body), "name": name, "value": value, "basis": basis, "tag": row["tag"]}


def _table(table: RuleTable) -> dict[str, Any]:
    rows = [
        {"row": row, "basis": table.basis(row), "verified": table.verified(row), "name": _pair(row.zh, row.en)}
        for row in table.rows[:MAX_ROWS]
    ]
    shown = {"table": table, "rows": rows, "address": _address(table), "sort": SORT_NAMES[table.sort]}
    return shown | ({"parts": rules_shown.parts(table, MAX_ROWS)} if table.content else {"parts": []})


def _pair(zh: str, en: str) -> Pair:
    return zh, en or zh
