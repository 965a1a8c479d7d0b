"""Rules that came as records, as this node holds them: `rule_judging.py` says which of them count.

What was withdrawn begins no trade any more, and trades that began under it go on.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec
import structlog
from sqlalchemy import Connection, select

from node.clock import Clock
from node.domain.rulebook import Package
from node.domain.ruletables import RuleTable
from node.errors import NotFound, Refused
from node.rule_judging import (
    Body,
    Owners,
    Pair,
    RuleRecord,
    age,
    heed,
    hubs_of,
    judged,
    key_of,
    program_owners,
    sort_of,
    why_not,
)
from node.rules import Rules
from node.store.db import Store
from node.store.tables import Log, table
from node.store.tables_attachments import RuleView
from node.trusted import Trusted

_view = table(RuleView)
_logs = table(Log)
_log = structlog.get_logger(__name__)
_BEIJING = timedelta(hours=8)


class RuleRecords:
    """Keeps a node's `Rules` level with the records that it holds. `refresh` is cheap when there is nothing new."""

    def __init__(self, store: Store, trusted: Trusted, rules: Rules, clock: Clock) -> None:
        self._store = store
        self._trusted = trusted
        self._rules = rules
        self._clock = clock
        self._mark: object = None
        self.records: tuple[RuleRecord, ...] = ()

    def today(self) -> str:
        """The day in Beijing."""
        return (datetime.fromtimestamp(self._clock() / 1000, UTC) + _BEIJING).date().isoformat()

    async def refresh(self) -> bool:
        """Look whether records have come, or a day has; tells whether the rules were read anew."""
        found = await self._store.read(self._read)
        if found is None:
            return False
        mark, records = found
        self._mark, self.records = mark, tuple(records)
        taken = [each for each in records if each.taken]
        packages = [each.body for each in taken if isinstance(each.body, Package) and not each.withdrawn]
        withdrawn = [each.body for each in taken if isinstance(each.body, Package) and each.withdrawn]
        codes = {each.id: frozenset(row.id for row in each.rows) for each in self.tables("codes")}
        tables = [each.body for each in taken if isinstance(each.body, RuleTable) and not each.withdrawn]
        self._rules.hold_tables(tables, self.today())
        self._rules.hold(packages, withdrawn, codes)
        self._rules.services = tuple(self.tables("services"))
        for each in records:
            if not each.taken:
                _log.warning("rule_not_taken_over", rule=each.name, origin=each.origin, why=each.why[1])
        return True

    def tables(self, sort: str = "", day: str = "") -> list[RuleTable]:
        """The tables in force on a day (today), of one sort or of all: the newest version of each, by name."""
        day = day or self.today()
        program = self._rules.by_day.program.values()
        found: dict[tuple[str, str], RuleTable] = {
            (each.sort, each.id): each for each in program if sort in ("", each.sort)
        }
        for each in self.records:
            body = each.body
            if not isinstance(body, RuleTable) or not each.taken or each.withdrawn or not body.in_force(day):
                continue
            if sort and body.sort != sort:
                continue
            held = found.get((body.sort, body.id))
            if held is None or age(held) < age(body):
                found[body.sort, body.id] = body
        return [found[key] for key in sorted(found)]

    def find(self, name: str) -> Body:
        """A package or table by `<id>@<version>`, held or not taken over. Raises NotFound."""
        held: Body | None = self._rules.book.get(name)
        held = held or next((each for each in self._rules.by_day.program.values() if each.name == name), None)
        held = held or next((each.body for each in self.records if each.name == name), None)
        if held is None:
            raise NotFound(
                f"no rules {name} at this node",
                zh=f"本节点没有规则 {name}",
                advice_zh="请用 ggzy rules list 或 /rules 查看已有版本。",
                advice_en="See ggzy rules list or /rules for what is held.",
            )
        return held

    def may_issue(self, body: Body) -> Pair | None:
        """Why every node would leave it aside if this one issued it; None where they would take it over."""
        policy, me = self._trusted.policy, self._trusted.me
        probe = RuleRecord("", me, b"", 0, sort_of(body), False, body)
        return why_not(probe, policy, hubs_of(policy, me), self.owners())

    def require_own(self, body: Body) -> None:
        """Raise Refused unless this node may rule that: nobody would take it over."""
        if why := self.may_issue(body):
            raise Refused(
                f"no node would take it over: {why[1]}",
                zh=f"各节点不会采用：{why[0]}",
                advice_zh="请由主管该类别的部门或市级枢纽发布。",
                advice_en="Have the department that owns the category publish it, or the hub.",
            )

    def owners(self) -> Owners:
        """Whose each category and each table is: what the program says, and the hub above it."""
        found = program_owners(self._rules.with_program, self._rules.by_day)
        for each in self.records:
            if each.taken:
                heed(found, each, hub=each.node in hubs_of(self._trusted.policy, self._trusted.me))
        return found

    def owner(self, body: Body) -> str:
        """The department that may issue the next version of it; empty where nobody is named."""
        return self.owners().get(key_of(body), "")

    def of(self, name: str) -> RuleRecord | None:
        """The record that a rule came as; None for one that came with the program."""
        taken = sorted(self.records, key=lambda each: not each.taken)
        return next((each for each in taken if each.name == name), None)

    def withdrawn(self, body: Body) -> bool:
        """Whether a version was taken back."""
        record = self.of(body.name)
        return record is not None and record.withdrawn

    def versions(self, rule: str) -> list[Body]:
        """All versions of a package or table that are held, oldest first."""
        packages: Iterable[Body] = (each for each in self._rules.book.packages if each.id == rule)
        program = (each for each in self._rules.by_day.program.values() if each.id == rule)
        more = (each.body for each in self.records if each.taken and each.body.id == rule)
        named: dict[str, Body] = {each.name: each for each in (*packages, *program, *more)}
        return sorted(named.values(), key=age)

    def _read(self, conn: Connection) -> tuple[object, list[RuleRecord]] | None:
        policy = self._trusted.held
        keys = [
            tuple(row)
            for row in conn.execute(
                select(_view.c.log_id, _view.c.record_id, _view.c.idx).order_by(_view.c.log_id, _view.c.record_id)
            )
        ]
        mark = (keys, None if policy is None else policy.version, self.today())
        if mark == self._mark:
            return None
        if policy is None or not keys:
            return mark, []
        return mark, judged(_bodies(conn), policy, self._trusted.me, self._rules.with_program, self._rules.by_day)


def _bodies(conn: Connection) -> list[tuple[str, bytes, int, str, bool, Body]]:
    rows = conn.execute(
        select(_logs.c.origin, _view)
        .join_from(_view, _logs, _logs.c.id == _view.c.log_id)
        .order_by(_view.c.log_id, _view.c.idx)
    )
    found = []
    for row in rows:
        shape: type[Body] = Package if row.sort == "package" else RuleTable
        try:
            body: Body = msgspec.msgpack.decode(row.data, type=shape)
        except msgspec.ValidationError:
            continue  # of a release that knew more; the record itself is shown as one that cannot be read
        found.append((row.origin, row.record_id, row.idx, row.sort, bool(row.withdrawn), body))
    return found
