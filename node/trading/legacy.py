"""Taking trades over from an old system, running beside it, and the way back (R62-R64).

What was begun elsewhere is taken over as a public registration with the old number, and an act that says to which
stage it had come; it then finishes under the legacy version of its rules. While both systems run, a trade is
`elsewhere`: it is recorded and marked, and no act of ours may come. The switch makes it `here`; going back writes what
happened since.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, and_, select

from node.clock import Clock
from node.domain import engine, legacy, sections
from node.domain.acts import Act
from node.domain.calendar import day_of
from node.domain.engine import Trade
from node.domain.hands import Hand
from node.domain.legacy import ELSEWHERE, HERE, Old
from node.domain.legacy import Source as Centre
from node.domain.record import Amendment, Document, Outcome, Source
from node.domain.rulebook import ActRule, Package
from node.errors import NotFound, Overtaken, Rejected
from node.rules import Rules
from node.store import loading
from node.store.db import Store
from node.store.tables import Log, table
from node.store.tables_trading import ActView
from node.trading.legacy_back import row_of
from node.trading.legacy_plan import Plan, Planning
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
        self._planning = Planning(rules, clock)
        self._project = project
        self._node = node

    def source(self, name: str) -> Centre:
        """A former centre by its id or Chinese name, of the table now in force. Raises NotFound, naming all."""
        return self._planning.table().source(name)

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
            plans: list[tuple[T, Plan | Rejected]] = []
            for key, (row, old) in zip(keys, batch, strict=True):
                try:
                    plan: Plan | Rejected = self._planning.plan(centre, key, old, held, known)
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
            made = self._planning.act(trade, act, {"legacy_held": to}, trade.title)
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
                found.append(row_of(trade, later))
        return found

    # --- below ------------------------------------------------------------------------------------------------------

    async def _publish_all(
        self, centre: Centre, plans: Sequence[tuple[T, Plan | Rejected]], tally: Tally, on_reject: OnReject[T]
    ) -> Tally:
        items = [
            self._item(act, self._held_package(act.rules), centre)
            for _, plan in plans
            if isinstance(plan, Plan)
            for act in plan.acts
        ]
        outcomes = iter(await self._publisher.publish(items) if items else [])
        for row, plan in plans:
            error = plan if isinstance(plan, Rejected) else None
            done: list[Outcome] = [] if isinstance(plan, Rejected) else [next(outcomes) for _ in plan.acts]
            error = error or next((each.error or Rejected() for each in done if each.state == "rejected"), None)
            if error is not None:
                on_reject(row, error)
            assert error is not None or isinstance(plan, Plan)
            fresh = any(each.state == "published" for each in done)
            begun = isinstance(plan, Plan) and plan.begun and fresh
            noted = isinstance(plan, Plan) and plan.noted and fresh
            tally = replace(
                tally,
                read=tally.read + 1,
                rejected=tally.rejected + (error is not None),
                begun=tally.begun + (error is None and begun),
                moved=tally.moved + (error is None and fresh and not begun and not noted),
                noted=tally.noted + (error is None and noted),
                unchanged=tally.unchanged + (error is None and not fresh),
                doubtful=tally.doubtful + (error is None and begun and isinstance(plan, Plan) and plan.doubtful),
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


__all__ = ["ELSEWHERE", "HERE", "Migration", "Tally"]
