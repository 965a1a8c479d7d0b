"""Tables as a department or the hub publishes them."""

from __future__ import annotations

from typing import Any

from node.domain import ruletables
from node.domain.ruletables import SINGLE, RuleTable


def table(sort: str, content: dict[str, Any], **head: Any) -> RuleTable:
    """A sound head around a content, or around `rows`."""
    plain = {"id": sort if sort in SINGLE else f"{sort}-city", "version": "2", "sort": sort, "zh": "表", "en": "Table"}
    plain |= {"department": "市公共资源交易中心", "effective_from": "2025-11-25", "legal_basis": "某文〔2025〕1号"}
    return ruletables.parse(plain | {"tag": "S"} | head | content, "test")


def fee(ppm: int = 10_000, **more: Any) -> dict[str, Any]:
    """A verified row of the tariff: the winner of a trade of 其他 pays `ppm` millionths of the deal."""
    row = {"id": "w", "zh": "服务费", "en": "Fee", "category": "其他", "payer": "winner", "sort": "per_deal"}
    row |= {"document": "示例价〔2025〕1号", "legal_basis": "示例", "effective_from": "2020-01-01", "tag": "S"}
    return row | {"bands": [{"over": 0, "ppm": ppm}]} | more


def year(number: int, *off: str, work: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """A made-up notice of holidays: tests only, no day of it was announced by anybody."""
    basis = f"示例：关于{number}年放假安排的通知"
    return {"year": number, "legal_basis": basis, "tag": "S", "off": list(off), "work": list(work)} | more


def template(text: str, **more: Any) -> dict[str, Any]:
    row = {"id": "t", "categories": ["其他"], "act": "notice", "field": "content", "zh": "示例模板", "en": "Sample"}
    return row | {"text": text} | more
