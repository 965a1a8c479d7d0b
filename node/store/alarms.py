"""Alarms between nodes: what is not as it should be, since when, until when, and the evidence (DESIGN L10, L21).

A finding that comes again each time the node looks is one alarm. It is told of once it has lasted as long as its grace,
and it ends by itself when the node looks again and does not find it; a proven fork ends when a person has seen it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, update

from node.errors import NotFound
from node.store.tables import Alarm, Log, LogEvidence, table

alarm = table(Alarm)
evidence = table(LogEvidence)
log = table(Log)

PROVEN, SUSPECTED, WARNING = "proven", "suspected", "warning"
FORK = "fork"
SEVERITIES: dict[str, tuple[str, str]] = {
    PROVEN: ("已证实", "proven"),
    SUSPECTED: ("可疑", "suspected"),
    WARNING: ("提示", "warning"),
}
TITLES: dict[str, tuple[str, str]] = {
    FORK: ("日志分叉：同一日志签出两段历史", "A log has signed two histories"),
    "false-observation": ("观察记录所列树头未经该日志签名", "An observed head that its log never signed"),
    "retracted": ("观察记录后来少于先前", "An observer takes back what it said"),
    "not-forwarded": ("下级持有的条目尚未送达本节点", "What a node below holds has not come up"),
    "not-observed": ("上级未在观察记录中列出本节点的最新树头", "The node above does not list our newest head"),
    "unconfirmed": ("上级的日志尚未得到更上级确认", "The upstream's log is not confirmed from above it"),
    "dropped": ("上级不再提供曾观察到的日志", "The node above no longer serves a log it observed"),
    "withheld": ("上级提供的日志少于其声明持有的", "The node above serves less than it says it holds"),
    "payload-withheld": ("上级声明持有的内容未提供", "A payload that the node above says it holds is not handed out"),
    "refused": ("上级提供的日志未通过核验", "What the node above serves does not verify"),
    "changed-header": ("上级提供的条目被改动", "The node above served a changed entry"),
    "swapped-payload": ("上级提供的内容与承诺不符", "The node above served a payload that is not the one committed to"),
    "second-look": ("另一节点所见多于上级所提供", "Another node has more than the node above serves"),
}
"""What an alarm's code means, in Chinese and English (docs/threat-model.md)."""
KEEP_CLEARED = 1000

Judged = Callable[[str, str], bool]
"""Whether this look could have found the alarm (code, origin): else its absence says nothing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be with the log `origin`.

    `mark` is the size that it is about and `reached` how far all is well: an alarm about a size that is reached begins
    anew with the next mark. `grace_ms` is for how long it may last before it is told of.
    """

    code: str
    origin: str
    severity: str
    detail: str
    mark: int = 0
    reached: int = -1
    grace_ms: int = 0
    evidence_id: int | None = None


@dataclass(frozen=True, slots=True)
class AlarmState:
    """One row of `alarm`; see `node.store.tables.Alarm`."""

    id: int
    code: str
    origin: str
    severity: str
    detail: str
    mark: int
    since_ms: int
    raised_ms: int | None
    last_ms: int
    cleared_ms: int | None
    evidence_id: int | None


@dataclass(frozen=True, slots=True)
class EvidenceState:
    """One row of `log_evidence`, with the origin of its log; see `node.store.tables.LogEvidence`."""

    id: int
    origin: str
    seen_ms: int
    reason: str
    held: str
    shown: str
    file: str
    judged_ms: int | None
    known_ms: int | None


def settle(conn: Connection, now_ms: int, found: Iterable[Finding], judged: Judged) -> list[Finding]:
    """Bring the alarms to what was found now; gives the findings that are told of from now on."""
    current = {(each.code, each.origin): each for each in _select(conn, alarm.c.cleared_ms.is_(None))}
    fresh: list[Finding] = []
    seen: set[tuple[str, str]] = set()
    for finding in found:
        place = finding.code, finding.origin
        if place in seen:
            continue
        seen.add(place)
        if _note(conn, now_ms, finding, current.get(place)):
            fresh.append(finding)
    for place, held in current.items():
        if place not in seen and judged(*place) and not (held.code == FORK and held.severity == PROVEN):
            _clear(conn, held, now_ms)
    return fresh


def _note(conn: Connection, now_ms: int, finding: Finding, held: AlarmState | None) -> bool:
    """Open or renew the alarm of a finding; true when it is told of for the first time."""
    values = {"severity": finding.severity, "detail": finding.detail, "last_ms": now_ms}
    if held is not None and held.mark <= finding.reached:
        _clear(conn, held, now_ms)
        held = None
    if held is None:
        raised = now_ms if finding.grace_ms <= 0 else None
        place = {"code": finding.code, "origin": finding.origin, "mark": finding.mark, "since_ms": now_ms}
        conn.execute(insert(alarm).values(**values, **place, raised_ms=raised, evidence_id=finding.evidence_id))
        return raised is not None
    raise_now = held.raised_ms is None and now_ms - held.since_ms >= finding.grace_ms
    conn.execute(
        update(alarm)
        .where(alarm.c.id == held.id)
        .values(
            **values,
            raised_ms=now_ms if raise_now else held.raised_ms,
            evidence_id=finding.evidence_id or held.evidence_id,
        )
    )
    return raise_now


def _clear(conn: Connection, held: AlarmState, now_ms: int) -> None:
    if held.raised_ms is None:
        conn.execute(delete(alarm).where(alarm.c.id == held.id))
        return
    conn.execute(update(alarm).where(alarm.c.id == held.id).values(cleared_ms=now_ms))
    newest = conn.execute(select(func.max(alarm.c.id))).scalar_one()
    conn.execute(delete(alarm).where(and_(alarm.c.cleared_ms.is_not(None), alarm.c.id <= newest - KEEP_CLEARED)))


def acknowledge(conn: Connection, number: int, now_ms: int) -> AlarmState:
    """A person has seen alarm `number`: it ends, whatever it was; found again, it is a new one. Raises NotFound."""
    held = next(iter(_select(conn, and_(alarm.c.id == number, alarm.c.raised_ms.is_not(None)))), None)
    if held is None:
        raise NotFound(
            f"there is no alarm {number}",
            zh=f"没有编号为 {number} 的告警",
            advice_zh="请运行 ggzy alarms 查看编号。",
            advice_en="Run ggzy alarms to see the numbers.",
        )
    if held.cleared_ms is None:
        conn.execute(update(alarm).where(alarm.c.id == number).values(cleared_ms=now_ms))
    return held


def raised(conn: Connection) -> list[AlarmState]:
    """Alarms that are on, the gravest first."""
    rank = {PROVEN: 0, SUSPECTED: 1, WARNING: 2}
    found = _select(conn, and_(alarm.c.cleared_ms.is_(None), alarm.c.raised_ms.is_not(None)))
    return sorted(found, key=lambda each: (rank.get(each.severity, 3), each.since_ms, each.id))


def history(conn: Connection, limit: int = 100) -> list[AlarmState]:
    """Alarms that were told of, those that have ended among them, the newest first."""
    return _select(conn, alarm.c.raised_ms.is_not(None))[::-1][:limit]


def _select(conn: Connection, which: ColumnElement[bool]) -> list[AlarmState]:
    rows = conn.execute(select(alarm).where(which).order_by(alarm.c.id)).mappings()
    return [AlarmState(**row) for row in rows]


# --- evidence -------------------------------------------------------------------------------------------------------


def all_evidence(conn: Connection) -> list[EvidenceState]:
    """Everything that is kept, oldest first."""
    columns = [evidence.c[name] for name in EvidenceState.__slots__ if name != "origin"]
    rows = conn.execute(select(*columns, log.c.origin).join(log, log.c.id == evidence.c.log_id).order_by(evidence.c.id))
    return [EvidenceState(**row) for row in rows.mappings()]


def evidence_of(conn: Connection, number: int) -> EvidenceState:
    """Raises NotFound."""
    for each in all_evidence(conn):
        if each.id == number:
            return each
    raise NotFound(
        f"there is no evidence {number}",
        zh=f"没有编号为 {number} 的证据",
        advice_zh="请运行 ggzy evidence list 查看编号。",
        advice_en="Run ggzy evidence list to see the numbers.",
    )


def judge(conn: Connection, number: int, now_ms: int, file: str) -> None:
    """The alarm for this evidence has been raised; `file` is what others can check, as far as there is one."""
    conn.execute(update(evidence).where(evidence.c.id == number).values(judged_ms=now_ms, file=file))


def mark_known(conn: Connection, log_id: int, reason: str, now_ms: int) -> None:
    """Evidence of this sort against this log stands in a log that all can read: nobody need publish it again."""
    which = and_(evidence.c.log_id == log_id, evidence.c.reason == reason, evidence.c.known_ms.is_(None))
    conn.execute(update(evidence).where(which).values(known_ms=now_ms))


def is_known(conn: Connection, log_id: int, reason: str) -> bool:
    """Whether evidence of this sort against this log stands in a log."""
    which = and_(evidence.c.log_id == log_id, evidence.c.reason == reason, evidence.c.known_ms.is_not(None))
    return conn.execute(select(evidence.c.id).where(which).limit(1)).first() is not None
