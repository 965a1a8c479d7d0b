"""Agencies (R58): the share of each, by centre and category, of what is public; marked by its lower bound alone."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from node.domain.barriers import AgencyBound
from node.store.tables import table
from node.store.tables_trading import TradeState
from node.trading.agencies import shares
from tests.trading.bench import open_bench

BOUND = AgencyBound(share_permille=500, trades=5, tag="K")

NUMBERS = "first_ms last_ms last_seq lots acts withdrawn owed done done_late shown_owed shown_late".split()


def state(number: int, agency: str, **more: object) -> dict[str, object]:
    texts = ("rules", "title", "project_code", "division", "owner", "stage", "stages", "fault", "last_act", "search")
    row: dict[str, object] = dict.fromkeys(texts, "") | dict.fromkeys(NUMBERS, 0)
    row |= {"trade": f"{number:032x}", "node": "n", "category": "工程建设", "agency": agency, "shown_done": 1}
    return row | {"own": True, "ended": False, "void": False, "made_up": False} | more


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_one_that_has_most_is_marked_and_few_that_happen_to_agree_are_not(database):
    rows = [state(n, "甲代理") for n in range(9)] + [state(9, "乙代理")]
    rows += [state(n, "丙代理", category="政府采购") for n in range(10, 13)]
    rows += [state(20, ""), state(21, "丁", void=True), state(22, "丁", made_up=True), state(23, "丁", shown_done=0)]
    with open_bench(database) as bench:
        bench.store.write_now(lambda conn: conn.execute(insert(table(TradeState)), rows))
        found = bench.read(shares, BOUND)
    told = {each.agency: (each.trades, each.of, each.flagged) for each in found}
    assert told == {"甲代理": (9, 10, True), "丙代理": (3, 3, False), "乙代理": (1, 10, False)}
    assert [each.agency for each in found] == ["甲代理", "丙代理", "乙代理"], "by the lower bound"
