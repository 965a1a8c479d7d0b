"""Attachments on pages: those of a record with their links, and what this node still waits for."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from node.attachments import rows
from node.attachments.listing import listed_in, narrower
from node.domain.audience import TITLES
from node.web.portal_people import People

MISSING_ROWS = 50


def size(number: int) -> str:
    """Bytes as people read them.

    >>> size(900), size(3 << 20)
    ('900 B', '3.0 MiB')
    """
    if number < 1024:
        return f"{number} B"
    value, unit = number / 1024, "KiB"
    for larger in ("MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.1f} {unit}"


def state(conn: Connection, people: People) -> dict[str, Any]:
    """What `files/_status.html` shows."""
    held, total, waiting, quarantined = rows.counts(conn)
    missing = [
        {
            "wanted": each.wanted,
            "name": each.name,
            "title": people.title(each.wanted.node),
            "size": size(each.wanted.size),
        }
        for each in rows.missing_shown(conn, MISSING_ROWS)
    ]
    return {"held": held, "bytes": size(total), "waiting": waiting, "quarantined": quarantined, "missing": missing}


def of_section(conn: Connection, payload: bytes | None, audience: str) -> list[dict[str, Any]]:
    """The files that a section lists: for a list with links; `here` says whether this node has the bytes."""
    shown = []
    for each in listed_in(payload) if payload else ():
        found = rows.find(conn, each.sha256)
        wide = narrower(audience, each.audience)
        shown.append(
            {
                "attached": each,
                "size": size(each.size),
                "audience": TITLES[wide],
                "public": wide == "public",
                "here": found is not None and found.state == rows.HELD,
            }
        )
    return shown
