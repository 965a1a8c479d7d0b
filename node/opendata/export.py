"""One file of everything public: OCDS releases or records, JSON lines, CSV or Excel; written beside and renamed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection

from node.domain import KINDS as ALL_KINDS
from node.domain.dumps import DumpFile
from node.opendata import packages, sheets
from node.opendata.ocds import KINDS as TRADE_KINDS
from node.opendata.ocds import Said
from node.opendata.parts import Json
from node.opendata.reading import public_records

FORMS: dict[str, str] = {"ocds": ".ocds.json", "jsonl": ".jsonl", "csv": ".csv", "xlsx": ".xlsx"}
PUBLIC_KINDS = tuple(name for name, kind in ALL_KINDS.items() if kind.sections["main"][1] == "public")
_encoder = msgspec.json.Encoder(order="deterministic")


@dataclass(frozen=True, slots=True)
class About:
    """Who exports: the node's address and title, the OCDS prefix, and when it is done (UTC milliseconds)."""

    url: str
    title: str
    prefix: str
    made_ms: int


def write(
    conn: Connection, form: str, path: Path, about: About, *, records: bool = False, history: bool = True
) -> DumpFile:
    """Write one file of a form in `FORMS`, whole or not at all.

    `records` packs OCDS by trade, with `history` every release that was made.

    The file is durable when this returns.
    """
    with _whole(path, binary=form == "xlsx") as out:
        match form:
            case "csv":
                rows = sheets.write_csv(out, sheets.rows(conn))
            case "xlsx":
                rows = sheets.write_xlsx(out, sheets.rows(conn))
            case "jsonl":
                rows = _lines(out, public_records(conn, PUBLIC_KINDS, history=history))
            case _:
                rows = _ocds(out, conn, about, by_trade=records, history=history)
    size = path.stat().st_size
    with path.open("rb") as file:
        return DumpFile(path.name, hashlib.file_digest(file, "sha256").hexdigest(), size, rows)


def line(said: Said) -> bytes:
    """A record as one line of JSON: its place and its whole document."""
    return _encoder.encode(
        {
            "origin": said.origin,
            "record_id": said.record_id,
            "version": said.version,
            "kind": said.kind,
            "claimed_ms": said.claimed_ms,
            "document": said.document,
        }
    )


def _lines(out: Any, said: Iterator[Said]) -> int:
    count = 0
    for each in said:
        out.write(line(each).decode() + "\n")
        count += 1
    return count


def _ocds(out: Any, conn: Connection, about: About, *, by_trade: bool, history: bool) -> int:
    head = packages.head(url=about.url, publisher=about.title, made_ms=about.made_ms)
    said = public_records(conn, TRADE_KINDS, history=history)
    found = packages.releases(said, prefix=about.prefix, url=about.url)
    if not by_trade:
        return packages.write_package(out, head, "releases", found)
    return packages.write_package(out, head, "records", _records(found))


def _records(found: Iterator[Json]) -> Iterator[Json]:
    """Releases gathered by `ocid`: kept as packed bytes, since a trade's releases may lie in logs far apart."""
    trades: dict[str, list[bytes]] = {}
    for each in found:
        trades.setdefault(each["ocid"], []).append(json.dumps(each, ensure_ascii=False).encode())
    for ocid in sorted(trades):
        yield packages.record([json.loads(packed) for packed in trades.pop(ocid)])


@contextmanager
def _whole(path: Path, *, binary: bool) -> Iterator[Any]:
    """A file that appears under its name only when it is complete and on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    try:
        with partial.open("wb") if binary else partial.open("w", encoding="utf-8", newline="") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
