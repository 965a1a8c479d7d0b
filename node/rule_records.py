"""Rules that came as records: which of them this node takes over, and why not the others (R22).

A record counts when it was issued by the hub of this node's own city (this node itself, where it is the hub), or by a
department under that hub for a category which is that department's. Of one name the first counts: a version is never
edited. What was withdrawn begins no trade any more, and trades that began under it go on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import msgspec
import structlog
from sqlalchemy import Connection, select

from node.clock import Clock
from node.domain.rulebook import Package, Rulebook
from node.domain.ruletables import RuleTable
from node.errors import NotFound, Refused
from node.rules import Rules
from node.store.db import Store
from node.store.tables import Log, table
from node.store.tables_attachments import RuleView
from node.trusted import Trusted
from node.wire.trust import TrustPolicy

_view = table(RuleView)
_logs = table(Log)
_log = structlog.get_logger(__name__)
_BEIJING = timedelta(hours=8)
Pair = tuple[str, str]
Body = Package | RuleTable


@dataclass(frozen=True, slots=True)
class RuleRecord:
    """One rule that came as a record. `why` says in Chinese and English why it is not taken over; empty when it is."""

    origin: str
    node: str
    record_id: bytes
    index: int
    sort: str
    withdrawn: bool
    body: Body
    why: Pair = ("", "")

    @property
    def name(self) -> str:
        return self.body.name

    @property
    def taken(self) -> bool:
        return not self.why[1]


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
        self._rules.hold(packages, withdrawn, codes)
        self._rules.services = tuple(self.tables("services"))
        for each in records:
            if not each.taken:
                _log.warning("rule_not_taken_over", rule=each.name, origin=each.origin, why=each.why[1])
        return True

    def tables(self, sort: str = "", day: str = "") -> list[RuleTable]:
        """The tables in force on a day (today), of one sort or of all: the newest version of each, by name."""
        day = day or self.today()
        found: dict[tuple[str, str], RuleTable] = {}
        for each in self.records:
            body = each.body
            if not isinstance(body, RuleTable) or not each.taken or each.withdrawn or not body.in_force(day):
                continue
            if sort and body.sort != sort:
                continue
            held = found.get((body.sort, body.id))
            if held is None or (held.effective_from, held.version) < (body.effective_from, body.version):
                found[body.sort, body.id] = body
        return [found[key] for key in sorted(found)]

    def find(self, name: str) -> Body:
        """A package or table by `<id>@<version>`, held or not taken over. Raises NotFound."""
        held: Body | None = self._rules.book.get(name)
        held = held or next((each.body for each in self.records if each.name == name), None)
        if held is None:
            raise NotFound(
                f"no rules {name} at this node",
                zh=f"本节点没有规则 {name}",
                advice_zh="请用 ggzy rules list 或 /rules 查看已有版本。",
                advice_en="See ggzy rules list or /rules for what is held.",
            )
        return held

    def require_own(self, body: Body) -> None:
        """Raise Refused unless this node, a department's, may rule that: nobody would take it over."""
        policy, me = self._trusted.policy, self._trusted.me
        probe = RuleRecord("", me, b"", 0, "package" if isinstance(body, Package) else body.sort, False, body)
        hubs = {name for name in policy.path_up(me) if (at := policy.member(name)) is not None and at.role == "hub"}
        owners = {each.category: each.department for each in self._rules.book.packages}
        if why := _why(probe, policy, hubs, owners):
            raise Refused(
                f"no node would take it over: {why[1]}",
                zh=f"各节点不会采用：{why[0]}",
                advice_zh="请由主管该类别的部门或市级枢纽发布。",
                advice_en="Have the department that owns the category publish it, or the hub.",
            )

    def of(self, name: str) -> RuleRecord | None:
        """The record that a rule came as; None for one that came with the program."""
        taken = sorted(self.records, key=lambda each: not each.taken)
        return next((each for each in taken if each.name == name), None)

    def versions(self, rule: str) -> list[Body]:
        """All versions of a package or table that are held, oldest first."""
        packages: Iterable[Body] = (each for each in self._rules.book.packages if each.id == rule)
        more = (each.body for each in self.records if each.taken and each.body.id == rule)
        named = {each.name: each for each in (*packages, *more)}
        return sorted(named.values(), key=lambda each: (each.effective_from, each.version))

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
        return mark, judged(_bodies(conn), policy, self._trusted.me, self._rules.with_program)


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


def judged(
    bodies: Iterable[tuple[str, bytes, int, str, bool, Body]], policy: TrustPolicy, me: str, packaged: Rulebook
) -> list[RuleRecord]:
    """Each record with whether this node takes it over.

    The hub's come first: whose a category is, the hub says by naming the department in its packages.
    """
    city = {me, *policy.path_up(me)}
    hubs = {name for name in city if (member := policy.member(name)) is not None and member.role == "hub"}
    made = []
    for origin, record_id, index, sort, withdrawn, body in bodies:
        made.append(RuleRecord(origin, policy.node_of_origin(origin) or "", record_id, index, sort, withdrawn, body))
    made.sort(key=lambda each: each.node not in hubs)
    names: dict[tuple[str, str], Body] = {("package", each.name): each for each in packaged.packages}
    owners = {each.category: each.department for each in packaged.packages}
    found = []
    for each in made:
        why = _why(each, policy, hubs, owners)
        held = names.get((each.sort, each.name))
        if not why and held is not None and held != each.body:
            why = ("同一版本已有不同内容，版本不可改写", "another content has this version: none is edited")
        if not why:
            names[each.sort, each.name] = each.body
            if each.node in hubs and isinstance(each.body, Package):
                owners[each.body.category] = each.body.department
        found.append(replace(each, why=why) if why else each)
    return found


def _why(each: RuleRecord, policy: TrustPolicy, hubs: Collection[str], owners: dict[str, str]) -> Pair | None:
    """Why a record counts for nothing here, by who issued it; None when it counts."""
    member = policy.member(each.node)
    if each.node in hubs:
        return None
    if member is None or member.role != "supervision" or member.upstream not in hubs:
        return "不是本市枢纽或其主管部门发布的", "it is not of this city's hub or one of its departments"
    if not same_department(each.body.department, member.title):
        return "发布部门不是文中的主管部门", "it names another department than the one that issued it"
    owner = owners.get(each.body.category, "") if isinstance(each.body, Package) else each.body.department
    if not same_department(owner, each.body.department):
        return f"该类别由{owner}主管", f"the category is owned by {owner}"
    return None


def same_department(one: str, other: str) -> bool:
    """Whether two names are of one department: `市发展改革委`, `重庆市发展改革委` and `发展改革委` are.

    >>> same_department("发展改革委", "重庆市发展改革委"), same_department("水利局", "财政局")
    (True, False)
    """
    names = {each.strip().removeprefix("重庆").removeprefix("市") for each in (one, other)}
    return len(names) == 1 and names != {""}
