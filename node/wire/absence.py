"""The absence note: "of this stretch I do not have these sections", in a bundle (DESIGN L14, L17).

    ggzy-node/absence/v1
    ggzy.example/cq/500103/1
    time 1763913600
    range 4096 8192
    absent 5001 main

Lost ones and those erased by law alike. Signed with the sender's custody key: a file that merely lacks a payload says
nothing about it, since anybody may have taken it out.
"""

from __future__ import annotations

from dataclasses import dataclass

from node.errors import BadSignature, Malformed
from node.tlog.note import parse_note, verify_note
from node.wire.trust import TrustPolicy

MAGIC = "ggzy-node/absence/v1"


@dataclass(frozen=True, slots=True)
class Absence:
    """What its signer does not have of `[start, end)` of a log at `time_s`: (index, section), sorted."""

    origin: str
    time_s: int
    start: int
    end: int
    places: tuple[tuple[int, str], ...]

    def text(self) -> str:
        lines = [MAGIC, self.origin, f"time {self.time_s}", f"range {self.start} {self.end}"]
        lines += [f"absent {index} {section}" for index, section in self.places]
        return "\n".join(lines) + "\n"


def parse(text: str) -> Absence:
    """Read an absence note's text. Raises Malformed unless it is exactly what `Absence.text` writes."""
    lines = text.split("\n")
    places = []
    try:
        if lines[0] != MAGIC or lines.pop() != "":
            raise ValueError
        origin, time_line, range_line, *rest = lines[1:]
        start, end = range_line.removeprefix("range ").split(" ")
        for line in rest:
            word, index, section = line.split(" ")
            if word != "absent":
                raise ValueError
            places.append((int(index), section))
        absence = Absence(origin, int(time_line.removeprefix("time ")), int(start), int(end), tuple(places))
    except (ValueError, IndexError):
        raise Malformed("not an absence note of a version that this program knows") from None
    inside = all(absence.start <= index < absence.end for index, _ in places)
    if absence.text() != text or places != sorted(set(places)) or not inside or absence.time_s < 0:
        raise Malformed("the absence note is not in its canonical form")
    return absence


def open_absence(data: bytes, policy: TrustPolicy) -> tuple[Absence, str]:
    """Parse an absence note and verify it; gives the node that signed it. Raises Malformed, BadSignature."""
    note = parse_note(data)
    absence = parse(note.text)
    grants = policy.grants(use="custody")
    key, _ = verify_note(note, [grant.key for grant in grants])[0]
    until_s = policy.retired_at(key)
    if until_s is not None and absence.time_s > until_s:
        raise BadSignature("the custody key was retired before this absence note")
    return absence, next(grant.node for grant in grants if grant.key == key)
