"""Taking trades over from an old system, running beside it, and the way back (R62-R64).

What was begun elsewhere is taken over as a public registration with the old number, and an act that says to which
stage it had come; it then finishes under the legacy version of its rules. While both systems run, a trade is
`elsewhere`: it is recorded and marked, and no act of ours may come. The switch makes it `here`; going back writes what
happened since.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, and_, select

from node.clock import Clock
from node.domain import engine, legacy, legacy_said, sections
from node.domain.acts import Act
from node.domain.calendar import day_of
from node.domain.engine import Trade
from node.domain.hands import Hand
from node.domain.legacy import ELSEWHERE, HERE, LegacyTable, Old
from node.domain.legacy import Source as Centre
from node.domain.record import Amendment, Document, Outcome, Source
from node.domain.rulebook import ActRule, Package
from node.errors import ActRefused, NotFound, Overtaken, Rejected
from node.rules import Rules
from node.store import loading
from node.store.db import Store
from node.store.tables import Log, table
from node.store.tables_trading import ActView
from node.trading.publication import TOLD, Publishes

_acts, _log = table(ActView), table(Log)
BATCH = 100
_HAND = Hand("import", "import")
"""What is taken over is said by the old system; whoever ran the import is in the audit, and has signed nothing."""
T = TypeVar("T")
OnReject = Callable[[T, Rejected], None]


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of a file's rows: `begun` trades are new, `moved` had come further, `unchanged` said nothing new.

    `noted` are those about a trade that had come no further, with something that no row before had said of it.
    `doubtful` are those whose words for the stage are unknown here: they stand at the first stage, with the words kept.
    """

    read: int = 0
    begun: int = 0
    moved: int = 0
    noted: int = 0
    unchanged: int = 0
    rejected: int = 0
    doubtful: int = 0


@dataclass(slots=True)
class _Plan:
    """What one row asks for: acts to publish in order, none where it says nothing new."""

    acts: list[Act] = field(default_factory=list)
    begun: bool = False
    noted: bool = False
    doubtful: bool = False


class Migration:
    """Takes trades over from one old system at this node."""

    def __init__(
        self,
        store: Store,
        publisher: Publishes,
        rules: Rules,
        clock: Clock,
        project: Callable[[], Awaitable[object]],
        *,
        node: str,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._rules = rules
        self._clock = clock
        self._project = project
        self._node = node

    def source(self, name: str) -> Centre:
        """A former centre by its id or Chinese name, of the table now in force. Raises NotFound, naming all."""
        return self._table().source(name)

    def _table(self) -> LegacyTable:
        return self._rules.by_day.legacy(day_of(self._clock()))

    async def take_over(
        self,
        centre: Centre,
        rows: Iterable[tuple[T, Old]],
        *,
        held: str = HERE,
        on_reject: OnReject[T],
        progress: Callable[[int], None] = lambda done: None,
    ) -> Tally:
        """Take over a file's rows in their order. The same file again changes nothing; a newer one moves stages on.

        `held` is `elsewhere` while the old system still works on them (dual run). A trade that has been switched is no
        more moved by the old system's files: such rows are rejected.
        """
        tally = Tally()
        source = iter(rows)
        while batch := list(islice(source, BATCH)):
            keys = [legacy.trade_key(self._node, centre.id, old.number, old.section) for _, old in batch]
            await self._project()
            known = await self._store.read(partial(self._known, keys=set(keys)))
            plans: list[tuple[T, _Plan | Rejected]] = []
            for key, (row, old) in zip(keys, batch, strict=True):
                try:
                    plan: _Plan | Rejected = self._plan(centre, key, old, held, known)
                except Rejected as error:
                    plan = error
                plans.append((row, plan))
            tally = await self._publish_all(centre, plans, tally, on_reject)
            progress(tally.read)
        await self._project()
        return tally

    async def switch(self, centre: Centre, to: str = HERE) -> int:
        """Move all running trades of a source: `here` at the switch, `elsewhere` on the way back. Gives how many.

        Those that are there already, or ended, stay; so it may be run again after it broke off.
        """
        act = legacy.SWITCH if to == HERE else legacy.BACK
        moved = 0
        for key in await self._keys(centre):
            trade = (await self._store.read(partial(self._known, keys={key})))[key]
            if trade.ended or trade.facts.get("legacy_held") == to:
                continue
            made = self._act(trade, act, {"legacy_held": to}, trade.title)
            (outcome,) = await self._publisher.publish([self._item(made, trade.package, centre)])
            if outcome.error is not None:
                raise outcome.error
            moved += outcome.state == "published"
        await self._project()
        return moved

    async def way_back(self, centre: Centre, *, since_ms: int = 0) -> list[dict[str, str]]:
        """Rows, by the columns of our own form, of trades that went on here since then: what the old system must learn.

        Without `since_ms` of every trade that was taken over from it.
        """
        found = []
        for key in await self._keys(centre):
            trade = (await self._store.read(partial(self._known, keys={key})))[key]
            later = [act for act in trade.acts if act.seq > 1 and act.at >= since_ms]
            if later or not since_ms:
                found.append(_row(trade, later))
        return found

    # --- below ------------------------------------------------------------------------------------------------------

    def _plan(self, centre: Centre, key: str, old: Old, held: str, known: dict[str, Trade]) -> _Plan:
        """What a row asks for; `known` gets the trade as it will then be. Raises Rejected."""
        if old.category not in centre.categories:
            raise Rejected(
                f"{centre.en} held no {old.category}",
                field="category",
                zh=f"{centre.zh}不办理“{old.category}”",
                advice_zh="请核对 --source，或用 --source other。",
                advice_en="Check --source, or use --source other.",
            )
        if not old.number:
            raise Rejected("no old project number", field="legacy_number", zh="缺少原项目编号")
        trade = known.get(key)
        package = trade.package if trade else self._package(old.category)
        stage, sure = legacy.stage_in(package, self._table(), old.stage)
        plan = _Plan(begun=trade is None, doubtful=not sure)
        if trade is None:
            trade = self._begin(plan, package, centre, key, old, held)
            more: dict[str, Any] = {}
        else:
            more = legacy_said.news(old, trade)
        further = _further(package, stage, next(iter(trade.lots.values())).stage)
        if further and not plan.begun and trade.facts.get("legacy_held") == HERE:
            self._not_switched(trade, stage)
            further = False
        if further:
            trade = self._row(plan, trade, legacy.takeover(stage), centre, old, more)
        elif more:
            plan.noted = True
            trade = self._row(plan, trade, legacy.NOTE, centre, old, more)
        known[key] = trade
        return plan

    def _row(self, plan: _Plan, trade: Trade, name: str, centre: Centre, old: Old, more: Mapping[str, Any]) -> Trade:
        """The act of a row about a trade that is known; gives the trade with it."""
        day = {"legacy_as_of": old.day} if len(old.day) == 10 else {}
        fields = {"stage_name": f"{centre.zh}：{old.stage}"[:400], **day, **more}
        act = self._act(trade, name, fields, f"{trade.title}（{old.stage or trade.category}）")
        self._require(trade, act)
        plan.acts.append(act)
        return engine.replay([*trade.acts, act], self._rules.book)

    def _not_switched(self, trade: Trade, stage: str) -> None:
        """Raises Rejected for a row that moves a trade which goes on here, unless it says again what was taken over."""
        reached = {each for lot in trade.lots.values() for each in lot.reached} | {trade.package.stages[0].id}
        if stage in reached:
            return
        raise Rejected(
            f"trade {trade.key} goes on here since the switch; the old system has moved it to {stage}",
            field="stage",
            zh=f"该交易已转入本平台办理（{trade.key}），原系统不应再推进",
            advice_zh="请核实：如确在原系统继续，请先退回（ggzy legacy back）。",
            advice_en="Find out which is right; to let the old system go on, hand it back first (ggzy legacy back).",
        )

    def _begin(self, plan: _Plan, package: Package, centre: Centre, key: str, old: Old, held: str) -> Trade:
        """The registration. What the rules do not take of the old system's facts stays in its own words."""
        fields = legacy_said.fields_of(old, package, centre, held)
        while True:
            act = Act(
                trade=key,
                seq=1,
                category=package.category,
                act=package.acts[0].id,
                rules=package.name,
                at=self._clock(),
                title=old.title,
                division=old.division,
                project_code=old.number,
                fields=fields,
            )
            faults = engine.judge(
                None,
                act,
                self._rules.book,
                now_ms=self._clock(),
                calendar=self._rules.calendar,
                tables=self._rules.tables,
            )
            refusing = [fault for fault in faults if fault.severity == "refuse"]
            name = next((_top(fault.field) for fault in refusing if _may_leave(_top(fault.field), fields)), "")
            if not name:
                break
            fields = legacy_said.set_aside(fields, name)
        if refusing:
            raise ActRefused(refusing)
        plan.acts.append(act)
        return engine.replay([act], self._rules.book)

    def _act(self, trade: Trade, name: str, fields: Mapping[str, Any], title: str) -> Act:
        return Act(
            trade=trade.key,
            seq=trade.next_seq,
            category=trade.category,
            act=name,
            rules=trade.package.name,
            at=max(self._clock(), max(act.at for act in trade.acts)),
            title=title,
            division=trade.division,
            project_code=trade.acts[0].project_code,
            fields=dict(fields),
        )

    def _require(self, trade: Trade, act: Act) -> None:
        faults = engine.judge(
            trade, act, self._rules.book, now_ms=act.at, calendar=self._rules.calendar, tables=self._rules.tables
        )
        if refusing := [fault for fault in faults if fault.severity == "refuse"]:
            raise ActRefused(refusing)

    async def _publish_all(
        self, centre: Centre, plans: Sequence[tuple[T, _Plan | Rejected]], tally: Tally, on_reject: OnReject[T]
    ) -> Tally:
        items = [
            self._item(act, self._held_package(act.rules), centre)
            for _, plan in plans
            if isinstance(plan, _Plan)
            for act in plan.acts
        ]
        outcomes = iter(await self._publisher.publish(items) if items else [])
        for row, plan in plans:
            error = plan if isinstance(plan, Rejected) else None
            done: list[Outcome] = [] if isinstance(plan, Rejected) else [next(outcomes) for _ in plan.acts]
            error = error or next((each.error or Rejected() for each in done if each.state == "rejected"), None)
            if error is not None:
                on_reject(row, error)
            assert error is not None or isinstance(plan, _Plan)
            fresh = any(each.state == "published" for each in done)
            begun = isinstance(plan, _Plan) and plan.begun and fresh
            noted = isinstance(plan, _Plan) and plan.noted and fresh
            tally = replace(
                tally,
                read=tally.read + 1,
                rejected=tally.rejected + (error is not None),
                begun=tally.begun + (error is None and begun),
                moved=tally.moved + (error is None and fresh and not begun and not noted),
                noted=tally.noted + (error is None and noted),
                unchanged=tally.unchanged + (error is None and not fresh),
                doubtful=tally.doubtful + (error is None and begun and isinstance(plan, _Plan) and plan.doubtful),
            )
        return tally

    def _item(self, act: Act, package: Package, centre: Centre) -> Amendment:
        rule = package.act(act.act)
        assert rule is not None
        shown, kept = sections.split(_fields(package, rule), act.fields) if rule.public else (dict(act.fields), {})
        body = msgspec.structs.replace(act, fields=shown, context=_context(act) if rule.public else {})
        url = str(act.fields.get("legacy_url", ""))
        main = Document(key=act.key, body=body, source=Source(centre.zh, url, act.project_code), as_of=day_of(act.at))
        more: dict[str, Any] = {"hand": _HAND} | ({"inner": kept} if kept else {})
        # Without the time, which is that of the import: the same row again says the same.
        said = {"legacy": dict(act.fields), "act": act.act}
        return Amendment("trade.act" if rule.public else "trade.step", act.key, partial(_first, main=main), said, more)

    def _package(self, category: str) -> Package:
        for each in self._rules.book.packages:
            if each.category == category and each.version == legacy.VERSION:
                return each
        raise Rejected(
            f"no rules for {category} are held", field="category", zh=f"本节点没有类别“{category}”的承接规则"
        )

    def _held_package(self, name: str) -> Package:
        found = self._rules.book.get(name)
        assert found is not None, "it was planned by this package"
        return found

    def _known(self, conn: Connection, keys: set[str]) -> dict[str, Trade]:
        """Those of the trades that this node holds already, as they stand."""
        found = {}
        rows = conn.execute(select(_acts.c.trade).where(and_(_acts.c.trade.in_(keys), _acts.c.seq == 1))).scalars()
        for key in set(rows):
            try:
                found[key] = loading.trade_of(conn, self._rules.book, key, self._node)[0]
            except NotFound:
                continue
        return found

    async def _keys(self, centre: Centre) -> list[str]:
        """Keys of the trades that this node has taken over from a source, in the order of their registration."""
        await self._project()

        def work(conn: Connection) -> list[str]:
            of = and_(_acts.c.seq == 1, _acts.c.rules.like(f"%@{legacy.VERSION}"), _log.c.own, ~_acts.c.withdrawn)
            rows = conn.execute(
                select(_acts.c.trade).join(_log, _log.c.id == _acts.c.log_id).where(of).order_by(_acts.c.idx)
            )
            keys = list(dict.fromkeys(rows.scalars()))
            trades = {key: loading.trade_of(conn, self._rules.book, key, self._node)[0] for key in keys}
            return [key for key, trade in trades.items() if trade.facts.get("legacy_source") == centre.id]

        return await self._store.read(work)


def _fields(package: Package, rule: ActRule) -> list[Any]:
    return engine.fields_of(package, rule, None)


def _context(act: Act) -> dict[str, Any]:
    """What a list shows of a record by itself: the old system's stage, the project, and its number there."""
    told = {name: act.fields[name] for name in ("stage_name", *TOLD) if act.fields.get(name)}
    return {"project_name": act.title, "legacy_number": act.project_code} | told


def _first(current: Document[Any] | None, *, main: Document[Act]) -> Document[Any]:
    if current is not None:
        raise Overtaken(
            f"act {main.key} is there already: the trade has gone on meanwhile",
            zh="该交易已有后续环节，本行未承接",
            field="seq",
        )
    return main


def _further(package: Package, stage: str, than: str) -> bool:
    order = {each.id: number for number, each in enumerate(package.stages)}
    return order.get(stage, 0) > order.get(than, 0)


def _top(name: str) -> str:
    return name.partition("[")[0].partition(".")[0]


def _may_leave(name: str, fields: Mapping[str, Any]) -> bool:
    """Whether a field that the rules refuse may be kept in the old system's words instead."""
    return name in fields and not name.startswith("legacy_") and name != "project_name"


def _row(trade: Trade, later: Sequence[Act]) -> dict[str, str]:
    facts = trade.facts
    owner, agency = facts.get("owner") or {}, facts.get("agency") or {}
    stages = {lot.stage: trade.package.stage(lot.stage) for lot in trade.lots.values()}
    estimate = facts.get("estimate")
    return {
        "原项目编号": str(facts.get("legacy_number", "")),
        "原标段编号": str(facts.get("legacy_section", "")),
        "项目名称": trade.title,
        "交易类别": trade.category,
        "阶段": "、".join(stage.zh if stage else name for name, stage in stages.items()),
        "日期": day_of(max(act.at for act in trade.acts)),
        "项目所在地": trade.division,
        "项目单位": str(owner.get("name", "")),
        "项目单位统一社会信用代码": str(owner.get("uscc", "")),
        "代理机构": str(agency.get("name", "")),
        "估算价（元）": _yuan(estimate) if isinstance(estimate, int) else "",
        "原公告网址": str(facts.get("legacy_url", "")),
        "本平台交易号": trade.key,
        "承接后环节": "；".join(_act_words(trade, later)),
    }


def _act_words(trade: Trade, acts: Sequence[Act]) -> Iterator[str]:
    for act in acts:
        rule = trade.package.act(act.act)
        yield f"{day_of(act.at)} {rule.zh if rule else act.act}"


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}" if fen % 100 else str(fen // 100)


__all__ = ["ELSEWHERE", "HERE", "Migration", "Tally"]
