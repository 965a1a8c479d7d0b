"""What one row of an old system asks for: the acts that it becomes under the legacy rules, or why it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from node.clock import Clock
from node.domain import engine, legacy, legacy_said
from node.domain.acts import Act
from node.domain.calendar import day_of
from node.domain.engine import Trade
from node.domain.legacy import HERE, LegacyTable, Old
from node.domain.legacy import Source as Centre
from node.domain.rulebook import Package
from node.errors import ActRefused, Rejected
from node.rules import Rules


@dataclass(slots=True)
class Plan:
    """What one row asks for: acts to publish in order, none where it says nothing new."""

    acts: list[Act] = field(default_factory=list)
    begun: bool = False
    noted: bool = False
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Planning:
    """Plans by the rules and the table of old systems now in force."""

    rules: Rules
    clock: Clock

    def table(self) -> LegacyTable:
        return self.rules.by_day.legacy(day_of(self.clock()))

    def plan(self, centre: Centre, key: str, old: Old, held: str, known: dict[str, Trade]) -> Plan:
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
        stage, sure = legacy.stage_in(package, self.table(), old.stage)
        plan = Plan(begun=trade is None, doubtful=not sure)
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

    def _row(self, plan: Plan, trade: Trade, name: str, centre: Centre, old: Old, more: Mapping[str, Any]) -> Trade:
        """The act of a row about a trade that is known; gives the trade with it."""
        day = {"legacy_as_of": old.day} if len(old.day) == 10 else {}
        fields = {"stage_name": f"{centre.zh}：{old.stage}"[:400], **day, **more}
        act = self.act(trade, name, fields, f"{trade.title}（{old.stage or trade.category}）")
        self._require(trade, act)
        plan.acts.append(act)
        return engine.replay([*trade.acts, act], self.rules.book)

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

    def _begin(self, plan: Plan, package: Package, centre: Centre, key: str, old: Old, held: str) -> Trade:
        """The registration. What the rules do not take of the old system's facts stays in its own words."""
        fields = legacy_said.fields_of(old, package, centre, held)
        while True:
            act = Act(
                trade=key,
                seq=1,
                category=package.category,
                act=package.acts[0].id,
                rules=package.name,
                at=self.clock(),
                title=old.title,
                division=old.division,
                project_code=old.number,
                fields=fields,
            )
            faults = engine.judge(
                None,
                act,
                self.rules.book,
                now_ms=self.clock(),
                calendar=self.rules.calendar,
                tables=self.rules.tables,
            )
            refusing = [fault for fault in faults if fault.severity == "refuse"]
            name = next((_top(fault.field) for fault in refusing if _may_leave(_top(fault.field), fields)), "")
            if not name:
                break
            fields = legacy_said.set_aside(fields, name)
        if refusing:
            raise ActRefused(refusing)
        plan.acts.append(act)
        return engine.replay([act], self.rules.book)

    def act(self, trade: Trade, name: str, fields: Mapping[str, Any], title: str) -> Act:
        return Act(
            trade=trade.key,
            seq=trade.next_seq,
            category=trade.category,
            act=name,
            rules=trade.package.name,
            at=max(self.clock(), max(act.at for act in trade.acts)),
            title=title,
            division=trade.division,
            project_code=trade.acts[0].project_code,
            fields=dict(fields),
        )

    def _require(self, trade: Trade, act: Act) -> None:
        faults = engine.judge(
            trade, act, self.rules.book, now_ms=act.at, calendar=self.rules.calendar, tables=self.rules.tables
        )
        if refusing := [fault for fault in faults if fault.severity == "refuse"]:
            raise ActRefused(refusing)

    def _package(self, category: str) -> Package:
        for each in self.rules.book.packages:
            if each.category == category and each.version == legacy.VERSION:
                return each
        raise Rejected(
            f"no rules for {category} are held", field="category", zh=f"本节点没有类别“{category}”的承接规则"
        )


def _further(package: Package, stage: str, than: str) -> bool:
    order = {each.id: number for number, each in enumerate(package.stages)}
    return order.get(stage, 0) > order.get(than, 0)


def _top(name: str) -> str:
    return name.partition("[")[0].partition(".")[0]


def _may_leave(name: str, fields: Mapping[str, Any]) -> bool:
    """Whether a field that the rules refuse may be kept in the old system's words instead."""
    return name in fields and not name.startswith("legacy_") and name != "project_name"
