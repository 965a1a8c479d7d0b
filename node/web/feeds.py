"""Feeds of any search of trades: Atom (RFC 4287) and JSON Feed 1.1, with the address and the parameters of the search.

A feed shows the newest rows of the search as the page does; each entry is one version of a record, so that a correction
is news of its own. For every record without exception there is `/api/records`, which goes by order of arrival.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import web
from lxml import etree
from sqlalchemy import Connection

from node.domain import KINDS
from node.store import views
from node.store.logs import all_logs
from node.store.views import Row
from node.web.exports import not_understood
from node.web.i18n import Words, language
from node.web.keys import CLOCK, SETTINGS, STORE
from node.web.portal_format import iso, money
from node.web.portal_query import Form, trade_query

ENTRIES: Final = 50
ATOM: Final = "http://www.w3.org/2005/Atom"
CONTENT_TYPES: Final = {"atom": "application/atom+xml", "feed.json": "application/feed+json"}
routes = web.RouteTableDef()


@routes.get("/trades.{format:atom|feed\\.json}")
async def feed(request: web.Request) -> web.Response:
    kind = request.match_info["format"]

    def read(conn: Connection) -> tuple[list[Row], Form]:
        query, form = trade_query(request.query, {log.origin: log.origin for log in all_logs(conn)})
        return ([] if form.errors else views.trades_after(conn, query, None, ENTRIES)[0]), form

    rows, form = await request.app[STORE].read(read)
    if form.errors:
        raise not_understood(form)
    t = Words(language(request))
    body = (_atom if kind == "atom" else _json)(request, form, rows, t)
    headers = {"Cache-Control": "no-cache", "Vary": "Cookie"}
    return web.Response(body=body, content_type=CONTENT_TYPES[kind], charset="utf-8", headers=headers)


def _atom(request: web.Request, form: Form, rows: list[Row], t: Words) -> bytes:
    base = request.app[SETTINGS].url
    root = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM})  # type: ignore[dict-item]  # lxml-stubs do not know the default namespace
    root.set("{http://www.w3.org/XML/1998/namespace}lang", t.html)
    here = form.address(f"{base}/trades.atom", page="")
    _add(root, "id", here)
    _add(root, "title", _title(request, form, t))
    _add(root, "updated", iso(max((row["claimed_ms"] for row in rows), default=request.app[CLOCK]())))
    _add(root, "link", rel="self", type=CONTENT_TYPES["atom"], href=here)
    _add(root, "link", rel="alternate", type="text/html", href=form.address(f"{base}/trades", page=""))
    _add(_add(root, "author"), "name", request.app[SETTINGS].title)
    for row in rows:
        entry = _add(root, "entry")
        _add(entry, "id", _identity(row))
        _add(entry, "title", row["title"])
        _add(entry, "updated", iso(row["claimed_ms"]))
        _add(entry, "link", rel="alternate", type="text/html", href=_address(base, row))
        for term in (row["category"], row["stage"]):
            if term:
                _add(entry, "category", term=term)
        _add(entry, "summary", _summary(row, t))
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


def _json(request: web.Request, form: Form, rows: list[Row], t: Words) -> bytes:
    base = request.app[SETTINGS].url
    return msgspec.json.encode(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": _title(request, form, t),
            "home_page_url": form.address(f"{base}/trades", page=""),
            "feed_url": form.address(f"{base}/trades.feed.json", page=""),
            "language": t.html,
            "authors": [{"name": request.app[SETTINGS].title, "url": base}],
            "items": [
                {
                    "id": _identity(row),
                    "url": _address(base, row),
                    "title": row["title"],
                    "content_text": _summary(row, t),
                    "date_published": iso(row["claimed_ms"]),
                    "tags": [tag for tag in (row["category"], row["stage"], row["division_name"]) if tag],
                }
                for row in rows
            ],
        }
    )


def _title(request: web.Request, form: Form, t: Words) -> str:
    asked = " ".join(value for name, value in form.values.items() if value and name not in ("page", "order"))
    return f"{request.app[SETTINGS].title} · {t('trades')}" + (f" · {asked}" if asked else "")


def _identity(row: Row) -> str:
    return f"urn:ggzy:record:{row['origin']}:{row['record_id'].hex()}:{row['version']}"


def _address(base: str, row: Row) -> str:
    return f"{base}/records/{row['record_id'].hex()}?version={row['version']}"


def _summary(row: Row, t: Words) -> str:
    kind = KINDS.get(row["kind"])
    amount = row["amount_text"] or ("" if row["amount_fen"] is None else t.pick(money(row["amount_fen"])))
    parts = (
        t.pick((kind.zh, kind.en)) if kind else row["kind"],
        row["stage"],
        row["division_name"],
        row["owner"],
        row["winner"],
        amount,
        row["published_on"],
        row["project_code"],
    )
    return "；".join(dict.fromkeys(part for part in parts if part))


def _add(parent: Any, name: str, text: str = "", **attributes: str) -> Any:
    made = etree.SubElement(parent, f"{{{ATOM}}}{name}", attributes)
    if text:
        made.text = "".join(char for char in text if char.isprintable() or char in "\n\t")
    return made
