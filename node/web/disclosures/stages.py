"""The lots of a trade, each with its strip of stages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from node.domain import engine
from node.domain.engine import Lot, Trade
from node.domain.rulebook import ActRule, Package
from node.web.disclosures.shapes import LotShown, Said, Step
from node.web.portal_text import Pair


def lots(trade: Trade, public: Sequence[Said]) -> tuple[LotShown, ...]:
    rows = lot_rows(public)
    way = _usual_way(trade)
    found = []
    for number, lot in trade.lots.items():
        row = rows.get(number, {})
        found.append(
            LotShown(
                number=number,
                name=text(row.get("name")),
                code=text(row.get("unified_code")) or text(row.get("section_code")),
                stage=_stage(trade.package, lot.stage),
                round=lot.round,
                suspended=lot.suspended,
                steps=tuple(_steps(trade, lot, way)),
            )
        )
    return tuple(found)


def lot_rows(public: Sequence[Said]) -> dict[str, Mapping[str, Any]]:
    """What public acts say of each lot, the newest last."""
    rows: dict[str, dict[str, Any]] = {}
    for each in public:
        if each.withdrawn_ms:
            continue
        for source in (each.act.context, each.act.fields):
            listed = source.get("lots")
            for row in listed if isinstance(listed, list) else ():
                if isinstance(row, Mapping) and row.get("number"):
                    rows.setdefault(str(row["number"]), {}).update(row)
    return dict(rows)


def _steps(trade: Trade, lot: Lot, way: Sequence[str]) -> Iterable[Step]:
    reached = list(lot.reached) or [lot.stage]
    for stage in reached[:-1]:
        yield Step(stage, _stage(trade.package, stage), "past")
    yield Step(lot.stage, _stage(trade.package, lot.stage), "here")
    if not trade.is_final(lot) and lot.stage in way:
        for stage in way[way.index(lot.stage) + 1 :]:
            yield Step(stage, _stage(trade.package, stage), "ahead")


def _usual_way(trade: Trade) -> list[str]:
    """The stages from the first on when nothing goes wrong: at each, the first act that leads further."""
    package = trade.package
    order = {stage.id: number for number, stage in enumerate(package.stages)}
    way = [package.stages[0].id]
    while following := next((act.gives for act in package.acts if _leads_on(trade, act, way[-1], order)), ""):
        way.append(following)
    return way


def _leads_on(trade: Trade, act: ActRule, stage: str, order: Mapping[str, int]) -> bool:
    on = bool(act.gives) and stage in act.takes and order.get(act.gives, 0) > order.get(stage, 0)
    return on and not act.voids and not act.renews and engine.holds(act.when, trade.facts)


def _stage(package: Package, stage: str) -> Pair:
    rule = package.stage(stage)
    return (rule.zh, rule.en) if rule else (stage, stage)


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""
