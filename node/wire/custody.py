"""The custody note: "I stored these payloads at this time" (DESIGN L13), a signed note of ours.

    ggzy-node/custody/v1
    ggzy.example/cq/500103/1
    1024
    <root of the tree of that size, base64>
    time 1763913600
    range 0 1024
    missing 17 main

It counts what its signer may hold by audience rule; a section that it should hold and does not is a `missing` line.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from node.errors import Malformed
from node.tlog.note import Note, VerifierKey, parse_note, verify_note

MAGIC = "ggzy-node/custody/v1"


@dataclass(frozen=True, slots=True)
class Custody:
    """`size` and `root` name the tree; payloads of `[start, end)` are held but for `missing` (index, section)."""

    origin: str
    size: int
    root: bytes
    time_s: int
    start: int
    end: int
    missing: tuple[tuple[int, str], ...] = ()

    def text(self) -> str:
        lines = [
            MAGIC,
            self.origin,
            str(self.size),
            base64.b64encode(self.root).decode(),
            f"time {self.time_s}",
            f"range {self.start} {self.end}",
            *(f"missing {index} {section}" for index, section in self.missing),
        ]
        return "\n".join(lines) + "\n"

    def holds(self, index: int, section: str) -> bool:
        """Whether the note says that this section's payload is stored."""
        return self.start <= index < self.end and (index, section) not in self.missing


def open_custody(data: bytes, keys: Iterable[VerifierKey]) -> tuple[Custody, Note, VerifierKey]:
    """Parse and verify a custody note against the custody keys of a policy. Raises Malformed, BadSignature."""
    note = parse_note(data)
    key, _ = verify_note(note, keys)[0]
    return parse(note.text), note, key


def parse(text: str) -> Custody:
    """Read a custody note's text. Raises Malformed unless it is exactly what `Custody.text` writes."""
    lines = text.split("\n")
    try:
        if lines[0] != MAGIC or lines.pop() != "":
            raise ValueError
        origin, size, root, time_line, range_line, *rest = lines[1:]
        start, end = range_line.removeprefix("range ").split(" ")
        missing = []
        for line in rest:
            word, index, section = line.split(" ", 2)
            if word != "missing":
                raise ValueError
            missing.append((int(index), section))
        custody = Custody(
            origin,
            int(size),
            base64.b64decode(root, validate=True),
            int(time_line.removeprefix("time ")),
            int(start),
            int(end),
            tuple(missing),
        )
    except (ValueError, IndexError):
        raise Malformed("not a custody note of a version that this program knows") from None
    if custody.text() != text or len(custody.root) != 32 or not 0 <= custody.start <= custody.end <= custody.size:
        raise Malformed("the custody note is not in its canonical form")
    return custody
