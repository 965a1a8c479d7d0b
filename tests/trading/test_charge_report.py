"""Sums of what was charged: by month, category and payer, nothing twice, nobody named."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from sqlalchemy import insert

from node.store.tables import table
from node.store.tables_trading import ChargeReceipt
from node.trading.charge_report import report
from node.web.fees_page import trend
from tests.trading.bench import open_bench


def receipt(number: int, trade: str, payer: str, day: str, fen: int, *, paid: bool = True) -> dict[str, object]:
    texts = {"id": f"{number:032x}", "trade": trade, "lot": str(number), "payer": payer, "name": "甲公司", "uscc": "x"}
    more = {"tariff": "文号", "lines": "[]", "account": "a", "made_ms": 0, "paid_ms": 1 if paid else 0}
    return texts | more | {"number": number, "day": day, "base_fen": 1_000_00, "total_fen": fen}


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_sums_by_month_category_and_payer_with_their_trend(database):
    with open_bench(database) as bench:
        key = await bench.begin()
        rows = [
            receipt(1, key, "winner", "2026-01-05", 10_00),
            receipt(2, key, "winner", "2026-01-31", 20_00, paid=False),
            receipt(3, key, "owner", "2026-02-01", 45_00),
            receipt(4, "f" * 32, "owner", "2025-12-31", 0),
        ]
        bench.store.write_now(lambda conn: conn.execute(insert(table(ChargeReceipt)), rows))
        found = bench.read(report)
        assert [(each.month, each.category, each.payer, each.receipts, each.total_fen) for each in found.lines] == [
            ("2026-02", "工程建设", "owner", 1, 45_00),
            ("2026-01", "工程建设", "winner", 2, 30_00),
            ("2025-12", "", "owner", 1, 0),
        ]
        assert (found.whole.total_fen, found.whole.paid_fen, found.whole.deals_fen) == (75_00, 55_00, 4_000_00)
        assert {each.payer: each.total_fen for each in found.payers} == {"owner": 45_00, "winner": 30_00}
        assert {each.category: each.total_fen for each in found.categories} == {"工程建设": 75_00, "": 0}
        assert [each.total_fen for each in found.months] == [45_00, 30_00, 0]
        assert trend(found.months) == ["+50.0%", "—", "—"], "a month of nothing is nothing to compare with"
        assert found.lines[0].per_mille == "45.00‰" and "甲公司" not in str(asdict(found))
        assert [each.month for each in bench.read(report, since="2026-01", until="2026-01").lines] == ["2026-01"]
        assert bench.read(report, since="2027-01").whole.per_mille == "—"
