"""What is filled in is a policy with named rows: shown by name, replaced by a city's own file, never silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.domain.ruletables import RuleTable, TableRow
from node.domain.standard_lint import Context, lint
from node.errors import Malformed
from node.store.db import Store
from node.store.tables import METADATA
from node.uplink import held, mapping
from node.uplink.lint import faults_of
from node.uplink.mapping import fill
from node.uplink.shape import Message, Sender
from tests.uplink.test_mapping import CONSTRUCTION, case_of, judged, numbers, trade_of
from tests.uplink.world import blacklist

WORDS = {"centre": "中心", "event": "20250101120000"}
A = b"\x01" * 16


def own(tmp_path: Path, text: str) -> tuple[mapping.Fill, ...]:
    path = tmp_path / "fill.toml"
    path.write_text(text, "utf-8")
    return held.fills_with(path)


def test_each_row_has_a_name_of_its_own() -> None:
    names = [each.id for each in held.fills()]
    assert len(set(names)) == len(names) and all(names)


def test_a_filled_value_names_its_row_and_only_warns() -> None:
    found = [fault for fault in judged("工程建设", "construction", CONSTRUCTION, 1) if fault.rule == "Filled"]
    assert found and all(fault.severity == "warn" for fault in found)
    for fault in found:
        assert f"代填政策“{fault.basis}”" in fault.zh and f"policy row {fault.basis}" in fault.en
    assert {fault.basis for fault in found} <= {each.id for each in held.fills()}


def test_a_citys_row_takes_the_place_of_the_packaged_one(tmp_path: Path) -> None:
    dataset = held.packaged().sets["500"]
    before, _ = fill(dataset, {}, held.fills(), WORDS)
    assert (before["FUND_SOURCE"], before["INDUSTRIES_TYPE"]) == ("详见公告", "E50")
    text = '[[fill]]\nid = "industry"\nfields = ["INDUSTRIES_TYPE"]\nvalue = "E48"\nzh = "本市"\nen = "city"\n'
    after, told = fill(dataset, {}, own(tmp_path, text), WORDS)
    assert (after["FUND_SOURCE"], after["INDUSTRIES_TYPE"]) == ("详见公告", "E48")
    assert next(fault for fault in told if fault.field == "INDUSTRIES_TYPE").zh.endswith("本市")
    gone, _ = fill(dataset, {}, own(tmp_path, '[[fill]]\nid = "notice-has-it"\nfields = []\n'), WORDS)
    assert "FUND_SOURCE" not in gone and gone["INDUSTRIES_TYPE"] == "E50"


@pytest.mark.parametrize(
    "text",
    [
        "fill = 3",
        "[[fill]]\n",
        '[[fill]]\nid = "x"\nfields = ["NO_SUCH_ELEMENT"]\nvalue = "1"',
        '[[fill]]\nfields = ["FUND_SOURCE"]\nvalue = "1"',
        '[[fill]]\nid = "x"\nfields = ["FUND_SOURCE"]\nvalue = 1',
        '[[fill]]\nid = "x"\nfields = ["FUND_SOURCE"]\nvalue = "1"\nwhere = { A = 1 }',
        "not toml at all",
    ],
)
def test_a_file_that_is_no_policy_is_refused_by_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(Malformed) as caught:
        own(tmp_path, text)
    assert "fill.toml" in caught.value.detail and caught.value.advice_zh
    with pytest.raises(Malformed):
        held.fills_with(tmp_path / "no such file")


def test_a_row_holds_only_where_its_other_elements_say_so() -> None:
    dataset = held.packaged().sets["507"]
    made, _ = fill(dataset, {"IS_COMMIT_MARGIN": "0"}, held.fills(), WORDS)
    assert made["MARGIN_RECEIVE_TIME"] == "20250101120000"
    made, _ = fill(dataset, {"IS_COMMIT_MARGIN": "1"}, held.fills(), WORDS)
    assert "MARGIN_RECEIVE_TIME" not in made


# --- code tables -----------------------------------------------------------------------------------------------------


def published(values: dict[str, str], tag: str = "S", name: str = "T1007") -> RuleTable:
    rows = [TableRow(id=value, zh=zh) for value, zh in values.items()]
    return RuleTable(
        id=name,
        version="1",
        sort="codes",
        zh="限制的行为",
        en="What is barred",
        department="发展改革委",
        effective_from="2025-01-01",
        legal_basis="公共资源交易平台系统数据规范",
        tag=tag,  # type: ignore[arg-type]
        rows=rows,
    )


def domain_faults(*tables: RuleTable) -> list[tuple[str, str]]:
    standard = held.with_published(held.packaged(), tables)
    found = lint(standard, standard.sets["302"], blacklist(A).fields, Context(common=False))
    return [(fault.field, fault.severity) for fault in found if fault.rule == "Domain"]


def test_a_published_table_is_what_codes_are_held_against() -> None:
    """Of a placeholder the lint says that it is not loaded; a published table refuses, an unconfirmed one does not."""
    standard = held.packaged()
    found = lint(standard, standard.sets["302"], blacklist(A).fields, Context(common=False))
    told = next(fault for fault in found if fault.field == "CONFINED_ACTION")
    assert told.severity == "warn" and "尚未载入" in told.zh and "has not been loaded" in told.en
    assert ("CONFINED_ACTION", "refuse") in domain_faults(published({"01": "禁止投标"}))
    assert "CONFINED_ACTION" not in {name for name, _ in domain_faults(published({"99": "其他"}))}
    assert ("CONFINED_ACTION", "warn") in domain_faults(published({"01": "禁止投标"}, "U"))
    assert held.with_published(standard, [published({"1": "x"}, name="town-codes")]).tables == standard.tables


def test_a_table_that_was_loaded_here_comes_before_the_published_one() -> None:
    store = Store("sqlite://")
    store.write_now(METADATA.create_all)
    store.write_now(
        lambda conn: held.load_tables(conn, [{"table": "T1007", "value": "99", "zh": "其他"}], "city.csv", 1)
    )
    made = store.read_now(lambda conn: held.held(conn, [published({"01": "禁止投标"})]))
    assert made.tables["T1007"].values == {"99": "其他"}
    store.close()


def test_a_filled_code_outside_a_loaded_table_is_refused() -> None:
    """What was sent for want of the table is not sent any more once it is known to be wrong."""
    standard = held.with_published(held.packaged(), [published({"7": "x"}, name="T1000")])
    (message,) = (m for m in _of_register() if m.number == "501")
    faults = faults_of(standard, [message], WORDS)
    assert ("TENDER_MODE", "refuse") in {(fault.field, fault.severity) for fault in faults}


def _of_register() -> list[Message]:
    case = case_of(trade_of("工程建设", "construction", CONSTRUCTION, 1))
    return mapping.of_case(held.packaged(), case, numbers(case), Sender())
