"""The packaged standard: whole, made from the lists, and its tables replaceable."""

from __future__ import annotations

import ast
import os
import runpy
from pathlib import Path

import pytest

from node.domain.standard import COMMON, CONSTRUCTION_COMMON
from node.domain.standard_lint import Context, lint
from node.errors import Malformed
from node.resources import config_dir
from node.store.db import Store
from node.store.tables import METADATA
from node.uplink import held
from node.uplink.mapping import TEMPLATES, fill

ROOT = Path(__file__).resolve().parents[2]
SHARED = next((each for each in (ROOT.parent / "shared", ROOT.parents[1] / "shared") if each.is_dir()), ROOT)
pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def store() -> Store:
    made = Store("sqlite://")
    made.write_now(METADATA.create_all)
    return made


@pytest.mark.skipif(SHARED == ROOT and not os.environ.get("CI"), reason="the shared lists are not here")
def test_the_files_are_what_the_script_makes(tmp_path: Path) -> None:
    made = runpy.run_path(str(ROOT / "scripts" / "make-standard"))
    made["make"](SHARED, tmp_path)
    for name in ("sets.csv", "fields.csv"):
        assert (tmp_path / name).read_text("utf-8") == (config_dir() / "standard" / name).read_text("utf-8"), name


def test_every_code_table_that_a_field_names_is_there() -> None:
    standard = held.packaged()
    named = {
        name
        for dataset in standard.sets.values()
        for field in dataset.fields.values()
        for name in (field.table, field.enum)
        if name
    }
    assert named <= set(standard.tables)


def test_links_and_fills_name_fields_that_exist() -> None:
    standard = held.packaged()
    for link in standard.parents:
        assert link.parent_field in standard.sets[link.parent].fields
        for number in link.sets:
            assert link.field in standard.sets[number].fields, (number, link.field)
    for price in standard.prices:
        assert all(price.sum in standard.sets[number].fields for number in price.sets), price
    for order in standard.orders:
        assert all({order.first, order.then} <= set(standard.sets[number].fields) for number in order.sets), order
    every = {name for dataset in standard.sets.values() for name in dataset.fields}
    for each in held.fills():
        assert set(each.fields) <= every, set(each.fields) - every
        assert set(each.sets) <= set(standard.sets)


def test_no_moment_is_filled_in_but_that_of_a_security_that_nobody_asked_for() -> None:
    standard = held.packaged()
    filled = {name for each in held.fills() if each.id != "no-security" for name in each.fields}
    dated = {f.name for dataset in standard.sets.values() for f in dataset.fields.values() if f.date}
    assert not filled & dated


def test_what_is_filled_in_keeps_the_rules_of_its_field() -> None:
    standard = held.packaged()
    words = {"centre": "中心", "platform": "1" * 18, "region": "渝中区", "url": "https://x", "owner": "业主"}
    words["event"] = "20250101000000"
    for dataset in standard.sets.values():
        fields, told = fill(dataset, {}, held.fills(), words)
        filled = {fault.field for fault in told}
        assert filled == set(fields)
        found = lint(standard, dataset, fields, Context(common=False))
        wrong = [fault for fault in found if fault.field in filled and fault.severity == "refuse"]
        assert not [fault for fault in wrong if fault.rule != "Price"], (dataset.name, wrong)


def test_mapped_sets_have_the_elements_that_are_written() -> None:
    """A spelling that the standard has not would never arrive."""
    standard = held.packaged()
    common = {*COMMON, *CONSTRUCTION_COMMON}
    every = {name for dataset in standard.sets.values() for name in dataset.fields} | common
    for category in (
        "construction",
        "bidding",
        "procurement",
        "land",
        "mining",
        "property",
        "other",
        "parties",
        "credit",
        "experts",
    ):
        tree = ast.parse((ROOT / "node" / "uplink" / f"{category}.py").read_text("utf-8"))
        for node in ast.walk(tree):
            for key in node.keys if isinstance(node, ast.Dict) else []:
                if isinstance(key, ast.Constant) and isinstance(key.value, str) and key.value.isupper():
                    assert key.value in every, (category, key.value)
    assert {number for each in TEMPLATES.values() for number in each} <= set(standard.sets)


def test_loaded_tables_win_and_are_whole(store: Store) -> None:
    rows = [{"table": "T7", "value": "01", "zh": "居民身份证"}, {"type": "1000", "value": "1", "text": "公开招标"}]
    names = store.write_now(lambda conn: held.load_tables(conn, rows, "city.csv", 1))
    assert names == ["T1000", "T7"]
    made = store.read_now(held.held)
    assert made.tables["T7"].verified and made.tables["T7"].values == {"01": "居民身份证"}
    assert not held.packaged().tables["T7"].verified
    store.write_now(lambda conn: held.load_tables(conn, [{"table": "T7", "value": "02", "zh": "护照"}], "b", 2))
    assert store.read_now(held.held).tables["T7"].values == {"02": "护照"}
    with pytest.raises(Malformed, match="row 2"):
        store.write_now(lambda conn: held.load_tables(conn, [{"table": "T7", "value": ""}], "c", 3))


@pytest.mark.parametrize(
    ("words", "sort"),
    [
        ("系统忙，请稍后重试", "again"),
        ("TOKEN 无效", "sender"),
        ("SYSTEM_NO未授权：9120", "sender"),
        ("DATA_KEY已存在：9120500000000000000001", "known-key"),
        ("DATA_KEY不存在：9120500000000000000001", "unknown-key"),
        ("项目编号尚未报送", "parent"),
        ("DATA_KEY格式不正确：1", "record"),
        ("招标人名称（TENDERER_NAME）必填，请补填", "record"),
    ],
)
def test_answers_are_understood(words: str, sort: str) -> None:
    assert held.answers().sort(words) == sort
