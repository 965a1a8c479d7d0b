"""The page of a project of the former centres: records that share its code, in the order of a trade (imported facts).

Records without any code are joined by the project's name, and the page says so: a name proves less than a code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from node.domain.acts import DISCLOSURE_NAMES, DISCLOSURES
from node.domain.joining import code_key, name_key, plain_name
from node.domain.trades import CATEGORIES
from node.errors import NotFound
from node.store import view_projects
from node.web import pages
from node.web.keys import STORE
from node.web.portal import people
from node.web.portal_labels import LABELS
from node.web.portal_text import Pair

PAGE = "/projects/{code}"
MAX_CODE = 200
Row = dict[str, Any]
routes = web.RouteTableDef()
_RANKS = {kind: number for number, kind in enumerate(DISCLOSURES)}


@routes.get(PAGE)
async def project(request: web.Request) -> web.Response:
    code = request.match_info["code"]

    def read(conn: Connection) -> dict[str, Any]:
        # What no database could hold is no code.
        bad = len(code) > MAX_CODE or "\x00" in code or not code.isprintable()
        rows = [] if bad else together(conn, code)
        if not rows:
            raise NotFound(
                "no record with this project code is held here",
                zh="本节点没有这一项目编号的记录",
                field="code",
                advice_zh="请核对编号，或在交易信息中按名称查找。",
                advice_en="Check the code, or find the project by its name among the trades.",
            )
        who = people(conn, request)
        return {"rows": [row | {"publisher": who.of_origin(row["origin"])} for row in rows]}

    rows = (await request.app[STORE].read(read))["rows"]
    return pages.render(
        request,
        "disclosures/project.html",
        code=code,
        title=_first(rows, "project_name") or rows[0]["title"],
        facts={name: _first(rows, name) for name in ("category", "owner", "agency", "division_name", "division")},
        sections=by_section(rows),
        imported=any(not row["trade"] for row in rows),
        trades=list(dict.fromkeys(row["trade"] for row in rows if row["trade"])),
        most=view_projects.MOST if len(rows) >= view_projects.MOST else 0,
        kinds=DISCLOSURE_NAMES,
        labels={name: LABELS[name] for name in ("owner", "agency")},
        made_up=any(row["made_up"] for row in rows),
    )


def together(conn: Connection, code: str) -> list[Row]:
    """The rows of a project or section; `joined` says by what each of them belongs here: code or name."""
    rows = view_projects.of_code(conn, code)
    categories = list(dict.fromkeys(row["category"] for row in rows)) or list(CATEGORIES)
    by_code = view_projects.of_keys(conn, [code_key(category, "", code) for category in categories], [])
    rows = _merged(rows, [row for row in by_code if code in (row["project_code"], row["section_code"])])
    names = {(row["category"], plain_name(row["project_name"])) for row in rows if row["project_name"]}
    named = view_projects.of_keys(conn, [], [name_key(*each) for each in sorted(names)[: view_projects.MOST]])
    alike = [
        row for row in named if not row["project_code"] and (row["category"], plain_name(row["project_name"])) in names
    ]
    held = {row["record_id"] for row in rows}
    return [row | {"joined": "code" if row["record_id"] in held else "name"} for row in _merged(rows, alike)]


def by_section(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """(section code, its rows) in the order of a trade: notices, reviews, results, performance, changes by their day.

    Rows without a section come first: they are about the whole project.
    """
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["section_code"], []).append(row)
    return [(section, sorted(found[section], key=_order)) for section in sorted(found)]


def step_name(row: Mapping[str, Any]) -> Pair:
    kind: Pair = DISCLOSURE_NAMES.get(row["disclosure"], (row["stage"], row["stage"]))
    return (row["stage"], kind[1]) if row["stage"] else kind


def _order(row: Row) -> tuple[str, int, int]:
    return (
        row["published_on"] or "9999",
        _RANKS.get(row["disclosure"], 9) + (row["kind"] != "trade.candidates"),
        row["doc"],
    )


def _merged(rows: Sequence[Row], more: Iterable[Row]) -> list[Row]:
    held = {(row["log_id"], row["record_id"]) for row in rows}
    return [*rows, *(row for row in more if (row["log_id"], row["record_id"]) not in held)]


def _first(rows: Sequence[Row], name: str) -> str:
    return next((str(row[name]) for row in rows if row[name]), "")
