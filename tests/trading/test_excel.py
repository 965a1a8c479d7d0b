"""Workbooks of acts: what is typed in the template is published, what is wrong comes back by cell."""

from __future__ import annotations

import zipfile
from datetime import date
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from node.domain.rulebook import Choice, FieldRule
from node.errors import Malformed, NotAllowed, Refused, Rejected, TooLarge
from node.rules import load_packaged
from node.trading import excel, excel_read, excel_take, register, values
from node.trading.excel import layout, template
from tests.trading.bench import ANNA, Bench, Clerk, open_bench


@pytest.fixture
def bench():
    with open_bench() as made:
        yield made


def shape_of(bench: Bench, act: str):
    package = bench.rules.book.packages[0]
    return layout(package, package.act(act))


def fill(data: bytes, rows: dict[str, list[dict[str, object]]]) -> bytes:
    """The template as a clerk leaves it: values by sheet and Chinese column."""
    book = load_workbook(BytesIO(data))
    for name, filled in rows.items():
        sheet = book[name]
        columns = {str(cell.value).rstrip("*"): cell.column for cell in sheet[1]}
        for number, row in enumerate(filled, 2):
            for column, value in row.items():
                sheet.cell(row=number, column=columns[column], value=value)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def projects(*rows: dict[str, object]) -> list[dict[str, object]]:
    return [
        {"项目名称": "示例学校工程", "招标人": "示例建设单位（91350100M000100Y43）", "估算价": "1,200.5万元"} | row
        for row in rows
    ]


async def take(bench: Bench, act: str, rows, person=ANNA, **more):
    shape = shape_of(bench, act)
    return await excel_take.take(bench.desk, bench.store, person, shape, fill(template(shape), rows), **more)


async def test_rows_of_a_filled_template_become_trades_with_their_lots(bench):
    rows = {
        "登记": projects({"序号": "1", "项目编号": "P1"}, {"序号": "2", "项目编号": "P2", "项目名称": "示例医院工程"}),
        "标段": [{"序号": "1", "编号": "A", "名称": "土建"}, {"序号": "1", "编号": "B", "名称": "安装"}],
    }
    report = await take(bench, "register", rows, division="500103")
    assert (report.published, report.refused, report.workbook) == (2, 0, None)
    trade, _ = bench.read(register.trade_of, bench.rules.book, report.rows[0].done.trade)
    assert list(trade.lots) == ["A", "B"] and trade.facts["estimate"] == 12_005_000_00
    assert trade.facts["owner"] == {"name": "示例建设单位", "uscc": "91350100M000100Y43"}
    again = await take(bench, "register", rows, division="500103")
    assert (again.published, again.refused) == (0, 2), "the same file again registers nothing twice"
    assert "已登记" in again.rows[0].faults[0].zh


async def test_faults_name_the_cell_and_good_rows_go_through(bench):
    rows = {
        "登记": projects(
            {"序号": "1"},
            {"序号": "2", "项目名称": "", "估算价": "很多"},
            {"序号": "3", "估算价": "=1+1"},
            {"序号": "4", "招标人": "某单位（91350100M000100Y44）"},
        ),
        "标段": [{"序号": "4", "编号": "", "名称": "没有编号"}, {"序号": "9", "编号": "X"}],
    }
    report = await take(bench, "register", rows)
    assert [bool(row.done) for row in report.rows] == [False, False, False, False]
    rows["标段"].pop()
    report = await take(bench, "register", rows)
    assert [bool(row.done) for row in report.rows] == [True, False, False, False]
    cells = {row.number: [(each.sheet, each.cell, each.field) for each in row.faults] for row in report.rows}
    assert ("登记", "G3", "estimate") in cells["2"]
    assert cells["3"] == [("登记", "G4", "estimate")] and "公式" in report.rows[2].faults[0].zh
    assert ("登记", "F5", "owner.uscc") in cells["4"] and ("标段", "B2", "lots[1].number") in cells["4"]
    back = load_workbook(BytesIO(report.workbook))
    sheet = back["登记"]
    assert [cell.value for cell in sheet["A"]][1:4] == ["2", "3", "4"] and sheet["H1"].value == excel.REASON
    assert "G4" in sheet["H3"].value and sheet["G3"].data_type == "s" and sheet["G3"].value == "=1+1"
    assert sheet["G2"].fill.fgColor.rgb == "FFFFC7CE" and back["标段"]["C2"].value == "没有编号"
    # What comes back is corrected there and taken as it is: the column of reasons is no field.
    sheet["E2"], sheet["G2"], sheet["G3"], sheet["F4"], back["标段"]["B2"] = "补上名称", "5", "7", "某单位", "1"
    out = BytesIO()
    back.save(out)
    mended = await excel_take.take(bench.desk, bench.store, ANNA, shape_of(bench, "register"), out.getvalue())
    assert (mended.published, mended.refused) == (3, 0)


async def test_what_is_refused_at_one_row_leaves_the_report_of_the_others(bench, monkeypatch):
    begin, began = bench.desk.begin, []

    async def used_up(*given, **more):
        began.append(given)
        if len(began) == 2:
            raise Refused("the series of the day is used up", zh="当日号段已用完")
        return await begin(*given, **more)

    monkeypatch.setattr(bench.desk, "begin", used_up)
    report = await take(
        bench, "register", {"登记": projects({"项目名称": "一"}, {"项目名称": "二"}, {"项目名称": "三"})}
    )
    assert [each.refused for each in report.rows] == [False, True, False]
    assert report.published == 2 and report.rows[1].faults[0].zh == "当日号段已用完" and report.workbook


async def test_later_acts_find_their_trade_by_number_or_code(bench):
    await bench.begin("一", project_code="P-1", lots=2)
    other = await bench.begin("二")
    opening = "2026-03-01 09:30"
    rows = {
        "招标公告": [
            {"交易编号": "P-1", "标段": "1、2", "开标时间": opening, "网上开标": "是", "地点类别": "乙厅"},
            {"交易编号": other, "开标时间": opening},
            {"交易编号": "无此编号", "开标时间": opening},
            {"交易编号": "P-1", "标段": "7", "开标时间": opening},
        ]
    }
    looked = await take(bench, "notice", rows, publish=False)
    assert [row.refused for row in looked.rows] == [False, False, True, True] and looked.published == 0
    report = await take(bench, "notice", rows)
    assert [row.refused for row in report.rows] == [False, False, True, True]
    assert report.rows[2].faults[0].cell == "B4" and report.rows[3].faults[0].field == "lots"
    fields = bench.read(register.trade_of, bench.rules.book, other)[0].facts
    assert fields["notice.opening_at"] == 1_772_328_600_000
    one, _ = bench.read(register.trade_of, bench.rules.book, report.rows[0].done.trade)
    assert (one.facts["notice.online"], one.facts["notice.venue"]) == (True, "b")


async def test_files_that_are_none_are_refused_as_a_whole(bench):
    shape = shape_of(bench, "notice")
    with pytest.raises(NotAllowed):
        await take(bench, "notice", {}, Clerk("x@east", permissions=frozenset()))
    for data in (b"", b"PK\x03\x04 broken", b"a,b\n1,2", fill(template(shape_of(bench, "register")), {})):
        with pytest.raises(Malformed):
            excel_read.read(data, shape)
    with pytest.raises(Malformed):
        excel_read.read(_with_doctype(template(shape)), shape)
    many = {"招标公告": [{"交易编号": "x"}] * (excel.MAX_ROWS + 1)}
    with pytest.raises(TooLarge):
        excel_read.read(fill(template(shape), many), shape)
    with pytest.raises(TooLarge):
        excel_read.read(b"x" * (excel_read.MAX_BYTES + 1), shape)


def _with_doctype(data: bytes) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            if name == "xl/workbook.xml":
                part = b'<!DOCTYPE x [<!ENTITY a "b">]>' + part
            new.writestr(name, part)
    return out.getvalue()


def test_every_act_of_every_package_has_a_template_that_reads_back_empty():
    for package in load_packaged().packages:
        # One act of each sort of form is enough for time; layouts are made of all.
        shapes = [layout(package, act) for act in package.acts]
        assert all(len({sheet.name for sheet in each.sheets}) == len(each.sheets) for each in shapes)
        for shape in (shapes[0], max(shapes, key=lambda each: len(each.sheets))):
            assert excel_read.read(template(shape), shape) == []


CHOICES = [Choice("a", "甲", "A"), Choice("b", "乙", "B")]
NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=12)
TYPED = st.one_of(
    st.tuples(st.just("money"), st.integers(-(10**15), 10**15)),
    st.tuples(st.just("share"), st.integers(-(10**6), 10**6)),
    st.tuples(st.just("integer"), st.integers(-(10**14), 10**14)),
    st.tuples(st.just("flag"), st.booleans()),
    st.tuples(st.just("day"), st.dates(date(1900, 1, 1), date(2199, 12, 31)).map(lambda day: day.isoformat())),
    st.tuples(st.just("moment"), st.integers(0, 4_000_000_000).map(lambda seconds: seconds * 1000)),
    st.tuples(st.just("code"), st.sampled_from("ab")),
    st.tuples(st.just("party"), st.fixed_dictionaries({"name": NAMES})),
    st.tuples(st.just("parties"), st.lists(st.fixed_dictionaries({"name": NAMES}), min_size=1, max_size=4)),
    st.tuples(st.just("texts"), st.lists(NAMES, min_size=1, max_size=4)),
)


@settings(max_examples=100, deadline=None)
@given(TYPED)
def test_a_value_is_read_back_from_its_text(typed):
    kind, value = typed
    rule = FieldRule(name="a", zh="甲", en="A", type=kind, choices=CHOICES if kind == "code" else [])
    assert values.read(rule, values.write(rule, value)) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("money", "12.345"),
        ("money", "多"),
        ("money", "5元/年"),
        ("integer", "1.5"),
        ("integer", "٣"),
        ("share", "1.55"),
        ("share", "NaN"),
        ("flag", "也许"),
        ("day", "2025-02-30"),
        ("day", "2025"),
        ("moment", "2025-13-01"),
        ("moment", "明天"),
        ("code", "丙"),
    ],
)
def test_what_is_no_value_is_refused_in_both_languages(kind, text):
    rule = FieldRule(name="a", zh="甲", en="A", type=kind, choices=CHOICES)
    with pytest.raises(Rejected) as refused:
        values.read(rule, text)
    assert refused.value.field == "a" and "甲" in refused.value.zh


def test_a_workbook_that_would_never_end_is_refused(bench):
    shape = shape_of(bench, "register")
    data, out = template(shape), BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for each in old.namelist():
            content = old.read(each)
            if each.startswith("xl/worksheets/sheet"):
                content = content.replace(
                    b"</sheetData>", b'<row r="99999999"><c r="A99999999" t="n"><v>1</v></c></row></sheetData>'
                )
            new.writestr(each, content)
    with pytest.raises(TooLarge):
        excel_read.read(out.getvalue(), shape)


def test_a_workbook_of_empty_texts_is_refused_before_it_is_read(bench):
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("xl/sharedStrings.xml", b"<sst>" + b"<si/>" * 2_000_000 + b"</sst>")
    with pytest.raises(TooLarge):
        excel_read.check(out.getvalue())
