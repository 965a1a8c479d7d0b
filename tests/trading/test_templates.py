"""Templates of notices: filled from what the trade says, and marked where it says nothing."""

from __future__ import annotations

import pytest

from node.domain import tablecheck
from node.domain.templates import table_from
from node.domain.trades import CATEGORIES
from node.errors import Malformed
from node.rules import load_packaged, load_tables
from node.trading import register, templates
from tests.trading.bench import open_bench


async def test_a_template_is_filled_from_facts_and_what_is_typed():
    with open_bench() as bench:
        key = await bench.begin("示例道路工程", lots=2)
        trade, _ = bench.read(register.trade_of, bench.rules.book, key)
    row = {"id": "a", "act": "notice", "field": "terms", "zh": "甲", "en": "A"}
    text = (
        "{project_name}（{lots}）{owner} 估算{estimate}元 {notice.opening_at} {notice.ceiling} {nonsense} {today} {X}"
    )
    (made,) = table_from({"template": [{**row, "text": text}]}, "test").template
    filled = templates.fill(made, trade, today="2025-11-25", typed={"opening_at": 1_772_328_600_000})
    assert filled.text == (
        "示例道路工程（1 第1标段、2 第2标段）示例建设单位 估算1000000元 2026-03-01 09:30"
        " 【待填：最高限价】 【待填：nonsense】 2025-11-25 {X}"
    )
    assert filled.missing == ("notice.ceiling", "nonsense")


def test_packaged_templates_name_acts_fields_and_facts_that_there_are():
    packages = {package.category: package for package in load_packaged().packages}
    packaged = load_tables().program["templates"]
    assert tablecheck.faults(packaged, packages) == []
    found = table_from(packaged.content, "templates.toml").template
    assert {name for each in found for name in each.categories} <= set(CATEGORIES)


@pytest.mark.parametrize("rows", [None, [{"id": "a"}], [{"text": 1}]])
def test_what_is_no_template_is_refused(rows):
    with pytest.raises(Malformed):
        table_from({"template": rows}, "test")
