"""The standing note: how far its signer holds every log, so that a bundle for it carries just what it lacks (L17).

    ggzy-node/standing/v1
    node ggzy.example/cq/500103
    time 1763913600
    policy 4
    log <origin> <witnessed size> <entries stored> <payloads accounted for>
    missing 17 main                     under its log, any number of lines, sorted

Signed with the node's custody key, as what it states is of that sort. A false one harms its signer alone, and nothing
that a peer told on the wire is ever overwritten with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from node.errors import BadSignature, Malformed
from node.tlog.note import MAX_NOTE_BYTES, Note, parse_note, verify_note
from node.wire.trust import TrustPolicy

MAGIC = "ggzy-node/standing/v1"
MAX_MISSING = 1000
"""Missing sections that are listed of one log."""


@dataclass(frozen=True, slots=True)
class LogStanding:
    """One log: the size last witnessed, entries stored, index up to which payloads are accounted for, those missing."""

    origin: str
    witnessed: int
    stored: int
    payload_next: int
    missing: tuple[tuple[int, str], ...] = ()

    def lines(self) -> Iterable[str]:
        yield f"log {self.origin} {self.witnessed} {self.stored} {self.payload_next}"
        yield from (f"missing {index} {section}" for index, section in self.missing)


@dataclass(frozen=True, slots=True)
class StandingNote:
    """What `node` holds of every log at `time_s` (POSIX seconds); `policy` is the version of the trust policy held."""

    node: str
    time_s: int
    policy: int
    logs: tuple[LogStanding, ...]

    def text(self) -> str:
        """The text that is signed. Raises Malformed when it would be too long for a note."""
        lines = [MAGIC, f"node {self.node}", f"time {self.time_s}", f"policy {self.policy}"]
        lines += [line for log in self.logs for line in log.lines()]
        text = "\n".join(lines) + "\n"
        if len(text.encode()) > MAX_NOTE_BYTES - 1000:
            raise Malformed("this node holds too many logs for one standing note")
        return text

    def of(self, origin: str) -> LogStanding | None:
        return next((log for log in self.logs if log.origin == origin), None)


def parse(text: str) -> StandingNote:
    """Read a standing note's text. Raises Malformed unless it is exactly what `StandingNote.text` writes."""
    lines = text.split("\n")
    found: list[tuple[str, int, int, int, list[tuple[int, str]]]] = []
    try:
        if lines[0] != MAGIC or lines.pop() != "":
            raise ValueError
        node, time_line, policy, *rest = lines[1:]
        for line in rest:
            word, *values = line.split(" ")
            if word == "log":
                origin, witnessed, stored, payload_next = values
                found.append((origin, int(witnessed), int(stored), int(payload_next), []))
            elif word == "missing":
                index, section = values
                found[-1][-1].append((int(index), section))
            else:
                raise ValueError
        standing = StandingNote(
            node.removeprefix("node "),
            int(time_line.removeprefix("time ")),
            int(policy.removeprefix("policy ")),
            tuple(
                LogStanding(origin, wit, stored, following, tuple(missing))
                for origin, wit, stored, following, missing in found
            ),
        )
    except (ValueError, IndexError):
        raise Malformed("not a standing note of a version that this program knows") from None
    numbers = [n for log in standing.logs for n in (log.witnessed, log.stored, log.payload_next)]
    numbers += [index for log in standing.logs for index, _ in log.missing]
    single = len({log.origin for log in standing.logs}) == len(standing.logs)
    if standing.text() != text or not single or not all(0 <= n < 2**63 for n in (*numbers, standing.time_s)):
        raise Malformed("the standing note is not in its canonical form")
    return standing


def open_standing(data: bytes, policy: TrustPolicy) -> tuple[StandingNote, Note]:
    """Parse a standing note and verify it with a custody key of the node that it names.

    Raises Malformed, BadSignature.
    """
    note = parse_note(data)
    standing = parse(note.text)
    keys = [grant.key for grant in policy.grants(node=standing.node, use="custody")]
    verified = verify_note(note, keys)
    if all((until_s := policy.retired_at(key)) is not None and standing.time_s > until_s for key, _ in verified):
        raise BadSignature(f"the custody key of {standing.node} was retired before this standing note")
    return standing, note
