"""No rule, template or service list may ask for what a centre may not ask for (R61)."""

from __future__ import annotations

import msgspec
import pytest

from node.domain import rulebook, ruletables
from node.domain.barriers import barriers_from, faults
from node.errors import Malformed
from node.publishing import rules as publishing
from node.rules import load_barriers, load_packaged, load_services

TABLE = load_barriers()


@pytest.mark.parametrize("package", load_packaged().packages, ids=lambda each: each.id)
def test_the_programs_own_rules_bar_nobodys_way(package):
    assert faults(package, TABLE) == []


def test_the_programs_own_service_list_neither():
    assert faults(load_services(), TABLE) == []


def column(values):
    values["acts"][0]["fields"][-1]["columns"][0]["hint_zh"] = "须设立分支机构"


def choice(values):
    field = next(each for each in values["acts"][0]["fields"] if each.get("choices"))
    field["choices"][0]["zh"] = "凭投标许可"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda v: v["acts"][1].update(zh="资质验证"), "资质验证"),
        (lambda v: v["acts"][0]["fields"][0].update(zh="入场许可编号"), "入场许可"),
        (choice, "投标许可"),
        (column, "设立分支机构"),
    ],
)
def test_a_package_that_says_one_is_refused_with_its_place_and_the_clause(change, word):
    values = msgspec.to_builtins(load_packaged().packages[0])
    change(values)
    package = rulebook.parse(values, "x.toml")
    (found,) = faults(package, TABLE)
    assert word in found.zh and found.place.startswith("acts id=") and TABLE.document in found.zh
    with pytest.raises(Malformed, match="way"):
        publishing.require_sound(package, "x.toml")


def test_a_template_is_looked_at_and_a_code_table_is_not():
    head = {"id": "t", "version": "1", "zh": "表", "en": "T", "department": "示例", "effective_from": "2030-01-01"}
    text = "投标人须在本地设立分公司"
    row = {
        "id": "a",
        "zh": "公告",
        "en": "N",
        "categories": ["工程建设"],
        "act": "notice",
        "field": "content",
        "text": text,
    }
    more = {"legal_basis": "示例"}
    template = ruletables.parse(head | more | {"sort": "templates", "content": {"template": [row]}}, "x.toml")
    assert [each.place for each in faults(template, TABLE)] == ["template id=a"]
    codes = ruletables.parse(head | more | {"sort": "codes", "rows": [{"id": "1", "zh": "强制担保"}]}, "x.toml")
    assert faults(codes, TABLE) == []


def test_a_wrong_file_is_named():
    with pytest.raises(Malformed, match=r"x\.toml"):
        barriers_from({"words": 1}, "x.toml")
