"""The way back: a trade that went on here, as a row of our own form, for the old system to learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from node.domain.acts import Act
from node.domain.calendar import day_of
from node.domain.engine import Trade


def row_of(trade: Trade, later: Sequence[Act]) -> dict[str, str]:
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
