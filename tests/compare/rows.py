"""The records that `ggzy bench sync` takes in, as plain rows: what a replication that others wrote carries of them.

A real district's log is forged and read as the floor of `ggzy bench sync` reads it: one row a record, with the index,
the header, and salt and payload of each section, two at most. Nothing is verified, signed or proven of such rows.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from node.app import Node
from node.bench import processes
from node.bench.floor import rows_of
from node.bench.forge import Forged, forge
from node.settings import load

COLUMNS = ("idx", "header", "salt_1", "payload_1", "salt_2", "payload_2")
Row = tuple[Any, ...]


async def make_rows(directory: Path, kind: str, n: int, seed: int) -> tuple[list[Row], Forged]:
    """`n` rows of `COLUMNS`, in the order of their index; a section that a record has not is None, salt and payload.

    `directory` is made, and takes the node that they are read from.
    """
    made = await asyncio.to_thread(processes.make, directory)
    node = Node(load(made.districts[0].directory))
    await node.open()
    try:
        done = await forge(node, kind, n, seed, index=False)
        read = partial(rows_of, origin=node.settings.origin, start=done.start, end=done.end)
        rows = await node.store.read(lambda conn: [(index, *row) for index, row in enumerate(read(conn), done.start)])
    finally:
        await node.close()
    return rows, done


def document(row: Row) -> dict[str, Any]:
    """A row as a document of the CouchDB protocol: `_id` is the index in eight digits, bytes are base64.

    >>> document((7, b"h", b"s", b"p", None, None))
    {'_id': '00000007', 'header': 'aA==', 'sections': [['cw==', 'cA==']]}
    """
    index, header, *parts = row
    pairs = zip(parts[::2], parts[1::2], strict=True)
    sections = [[_text(salt), _text(payload)] for salt, payload in pairs if salt is not None]
    return {"_id": f"{index:08d}", "header": _text(header), "sections": sections}


def write_documents(file: Path, rows: Iterable[Row]) -> None:
    """The documents of rows, one JSON object a line."""
    with file.open("w", encoding="ascii") as out:
        out.writelines(json.dumps(document(row)) + "\n" for row in rows)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
