"""Feeds of any search: Atom (RFC 4287) and JSON Feed 1.1, with the address and the parameters of the search.

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
from node.store.views import Row
from node.web.exports import Export, not_understood, search
from node.web.i18n import Words, language
from node.web.keys import CLOCK, SETTINGS, STORE
from node.web.portal_format import iso, money

ENTRIES: Final = 50
_NOT_TOLD: Final = frozenset({"record_id", "version", "origin", "index", "leaf"})
ATOM: Final = "http://www.w3.org/2005/Atom"
CONTENT_TYPES: Final = {"atom": "application/atom+xml", "feed.json": "application/feed+json"}
routes = web.RouteTableDef()


@routes.get("/{name:trades|disclosures|credit|entities}.{format:atom|feed\\.json}")
async def feed(request: web.Request) -> web.Response:
    name, kind = request.match_info["name"], request.match_info["format"]

    def read(conn: Connection) -> tuple[list[Row], Export]:
        asked = search(conn, name, request.query)
        return ([] if asked.form.errors else asked.read(conn, None, ENTRIES)[0]), asked

    rows, asked = await request.app[STORE].read(read)
    if asked.form.errors:
        raise not_understood(asked.form)
    t = Words(language(request))
    body = (_atom if kind == "atom" else _json)(request, asked, rows, t)
    headers = {"Cache-Control": "no-cache", "Vary": "Cookie"}
    return web.Response(body=body, content_type=CONTENT_TYPES[kind], charset="utf-8", headers=headers)


def _atom(request: web.Request, asked: Export, rows: list[Row], t: Words) -> bytes:
    base, form = request.app[SETTINGS].url, asked.form
    root = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM})  # type: ignore[dict-item]  # lxml-stubs do not know the default namespace
    root.set("{http://www.w3.org/XML/1998/namespace}lang", t.html)
    here = form.address(f"{base}/{asked.name}.atom", page="")
    _add(root, "id", here)
    _add(root, "title", _title(request, asked, t))
    _add(root, "updated", iso(max((row["claimed_ms"] for row in rows), default=request.app[CLOCK]())))
    _add(root, "link", rel="self", type=CONTENT_TYPES["atom"], href=here)
    _add(root, "link", rel="alternate", type="text/html", href=form.address(f"{base}/{asked.name}", page=""))
    _add(_add(root, "author"), "name", request.app[SETTINGS].title)
    for row in rows:
        entry = _add(root, "entry")
        _add(entry, "id", _identity(row))
        _add(entry, "title", _headline(row, t))
        _add(entry, "updated", iso(row["claimed_ms"]))
        _add(entry, "link", rel="alternate", type="text/html", href=_address(base, row))
        for term in _tags(row, "category", "stage"):
            _add(entry, "category", term=term)
        _add(entry, "summary", _summary(row, asked, t))
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


def _json(request: web.Request, asked: Export, rows: list[Row], t: Words) -> bytes:
    base, form = request.app[SETTINGS].url, asked.form
    return msgspec.json.encode(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": _title(request, asked, t),
            "home_page_url": form.address(f"{base}/{asked.name}", page=""),
            "feed_url": form.address(f"{base}/{asked.name}.feed.json", page=""),
            "language": t.html,
            "authors": [{"name": request.app[SETTINGS].title, "url": base}],
            "items": [
                {
                    "id": _identity(row),
                    "url": _address(base, row),
                    "title": _headline(row, t),
                    "content_text": _summary(row, asked, t),
                    "date_published": iso(row["claimed_ms"]),
                    "tags": _tags(row, "category", "stage", "division_name"),
                }
                for row in rows
            ],
        }
    )


def _title(request: web.Request, asked: Export, t: Words) -> str:
    words = " ".join(value for name, value in asked.form.values.items() if value and name not in ("page", "order"))
    return f"{request.app[SETTINGS].title} · {t(asked.name)}" + (f" · {words}" if words else "")


def _headline(row: Row, t: Words) -> str:
    """What a row is called: a trade's title, a firm's name, of credit whose it is and for what."""
    if "party" in row:
        return f"{row['party']}{t('colon')}{row['subject']}"
    return str(row["title"] if "title" in row else row["name"])


def _tags(row: Row, *names: str) -> list[str]:
    return [row[name] for name in names if row.get(name)]


def _identity(row: Row) -> str:
    return f"urn:ggzy:record:{row['origin']}:{row['record_id'].hex()}:{row['version']}"


def _address(base: str, row: Row) -> str:
    return f"{base}/records/{row['record_id'].hex()}?version={row['version']}"


def _summary(row: Row, asked: Export, t: Words) -> str:
    if asked.name not in ("trades", "disclosures"):
        told = (column for column in asked.columns if column.name not in _NOT_TOLD)
        shown = (f"{t.pick(column.title)}{t('colon')}{value}" for column in told if (value := column.shown(row, t)))
        return "；".join(shown)
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
