"""Files as other offices make them: titles above the table, Chinese headings, units, tabs, repeats, other formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from node.errors import Malformed
from node.importing import columns
from node.importing.legacy import read_legacy
from node.importing.reading import open_table
from node.importing.run import Tally, import_file

HEADINGS = [
    "序号",
    "项目编号",
    "项目名称",
    "中标单位",
    "中标金额（万元）",
    "中标日期",
    "招标人",
    "代理机构",
    "区县",
    "备注",
]
ROWS = [
    [
        "1",
        "渝建招〔2016〕12号",
        "道路改造工程",
        "甲建设有限公司",
        "1,234.5",
        "2016年3月5日",
        "区建设委",
        "某招标公司",
        "渝中区",
        "含绿化",
    ],
    ["2", "渝建招〔2016〕13号", "桥梁工程", "乙集团", "８８．５", "２０１６年３月６日", "区交通局", "", "渝北区", ""],
    ["2", "渝建招〔2016〕13号", "桥梁工程", "乙集团", "８８．５", "２０１６年３月６日", "区交通局", "", "渝北区", ""],
    [""] * 10,
    ["3", "", "无编号工程", "丙公司", "下浮8%", "2016.3.7", "", "", "", ""],
    ["合计", "", "", "", "1323", "", "", "", "", ""],
]


def workbook(path: Path, *, unit: str = "") -> Path:
    """A sheet as a centre keeps one: a merged title, a line about who filled it in, then the headings."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["2016年第一季度中标情况统计表"])
    sheet.merge_cells("A1:J1")
    sheet.append([f"填报单位：某中心　{unit}"])
    sheet.merge_cells("A2:J2")
    sheet.append([name if not unit else name.replace("（万元）", "") for name in HEADINGS])
    for row in ROWS:
        sheet.append([cell or None for cell in row])
    book.save(path)
    return path


def delimited(path: Path, encoding: str, mark: str) -> Path:
    lines = [["2016年中标情况统计表"], [], HEADINGS, *ROWS]
    quoted = (mark.join(f'"{cell}"' if mark in cell else cell for cell in line) for line in lines)
    path.write_bytes("\r\n".join(quoted).encode(encoding))
    return path


def made(tmp_path: Path, form: str) -> Path:
    match form:
        case "xlsx":
            return workbook(tmp_path / "a.xlsx")
        case "unit above":
            return workbook(tmp_path / "a.xlsx", unit="金额单位：万元")
        case "gb18030":
            return delimited(tmp_path / "a.csv", "gb18030", ",")
        case "bom":
            return delimited(tmp_path / "a.csv", "utf-8-sig", ",")
        case "tabs":
            return delimited(tmp_path / "a.tsv", "utf-8", "\t")
        case "tabs in txt":
            return delimited(tmp_path / "a.txt", "gb18030", "\t")
        case "semicolons":
            return delimited(tmp_path / "a.csv", "utf-8", ";")
    objects = [dict(zip(HEADINGS, row, strict=True)) for row in ROWS if any(row)]
    if form == "json":
        (tmp_path / "a.json").write_text(json.dumps({"code": 0, "data": objects}, ensure_ascii=False), "utf-8")
        return tmp_path / "a.json"
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(each, ensure_ascii=False) for each in objects), "utf-8-sig")
    return tmp_path / "a.jsonl"


FORMS = ["xlsx", "unit above", "gb18030", "bom", "tabs", "tabs in txt", "semicolons", "json", "jsonl"]


@pytest.mark.parametrize("form", FORMS)
async def test_one_table_is_the_same_in_every_form(form: str, publisher: Any, tmp_path: Path) -> None:
    path = made(tmp_path, form)
    tally = await import_file("result", path, publisher)
    # Five rows: two published, one a repeat, two back with their reason; the empty one is none.
    assert (tally.read, tally.published, tally.unchanged, tally.rejected) == (5, 2, 1, 2), tally
    first, second = publisher.documents("trade.result")
    body = first.body
    assert (body.title, body.project_code, body.published_on) == ("道路改造工程", "渝建招〔2016〕12号", "2016-03-05")
    assert (body.amount.fen, body.winners[0].name, body.owner.name) == (1_234_500_000, "甲建设有限公司", "区建设委")
    assert (body.division, body.details["备注"], body.details["序号"]) == ("500103", "含绿化", "1")
    assert (second.body.amount.fen, second.body.published_on) == (88_500_000, "2016-03-06")
    assert tally.rejects_path is not None
    back = open_table(tally.rejects_path)
    assert [row.values["项目名称"] for row in back.rows()] == ["无编号工程", ""]
    back.close()
    assert await import_file("result", path, publisher) == Tally(5, 0, 3, 2, tally.rejects_path)


async def test_rejected_rows_are_corrected_in_their_file_and_taken(publisher: Any, tmp_path: Path) -> None:
    tally = await import_file("result", workbook(tmp_path / "a.xlsx"), publisher)
    assert tally.rejects_path is not None
    book = openpyxl.load_workbook(tally.rejects_path)
    sheet = book.active
    names = [cell.value for cell in sheet[1]]
    assert "缺少记录编号" in sheet.cell(2, names.index("_reason_zh") + 1).value
    sheet.cell(2, names.index("项目编号") + 1, "渝建招〔2016〕14号")
    sheet.delete_rows(3)
    book.save(tally.rejects_path)
    assert await import_file("result", tally.rejects_path, publisher) == Tally(1, 1, 0, 0, None)
    # A percentage is no sum: kept as its text, and said so.
    assert publisher.documents("trade.result")[-1].body.amount.text == "下浮8%"


async def test_a_sum_without_any_unit_is_not_guessed(publisher: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("项目编号,项目名称,中标人,中标价\nA-1,道路,甲公司,1234.5\n", "utf-8")
    await import_file("result", path, publisher)
    (one,) = publisher.documents("trade.result")
    assert one.body.amount.fen is None and one.body.amount.text == "1234.5"
    assert publisher.flags["amount-no-unit"] == 1


async def test_notices_by_project_and_listings_by_their_headings(publisher: Any, tmp_path: Path) -> None:
    path = tmp_path / "采购.csv"
    head = "采购项目编号,采购项目名称,公告类型,公告发布时间,预算金额(元),采购人,采购代理机构,开标时间,类别\n"
    rows = "C-1,服务器采购,采购公告,2016-5-1 09:00,500000,某局,某公司,2016年5月22日9时30分,采购\n"
    path.write_text(head + rows + rows.replace("采购公告", "变更公告"), "utf-8")
    assert await import_file("notice", path, publisher) == Tally(2, 2, 0, 0, None)
    one = publisher.main("trade.notice", "local/C-1|采购公告").body
    assert (one.category, one.amount.fen, one.opens_at) == ("政府采购", 50_000_000, "2016-05-22T09:30")
    path = tmp_path / "挂牌.csv"
    path.write_text(
        "挂牌编号,标的名称,交易机构,挂牌日期,转让底价（万元）,转让方\nL-1,某楼,某交易所,2016/6/1,55.5,某集团\n"
    )
    assert (await import_file("listing", path, publisher)).published == 1
    assert publisher.documents("trade.listing")[0].body.amount.fen == 55_500_000


async def test_a_table_of_another_kind_is_refused_with_what_it_should_have(publisher: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("统计表\n姓名,年龄\n张三,40\n", "utf-8")
    with pytest.raises(Malformed) as caught:
        await import_file("result", path, publisher)
    assert "姓名, 年龄" in caught.value.zh and "winner_name（中标人）" in caught.value.zh
    assert "前十行" in caught.value.advice_zh and not publisher.versions


def test_an_old_workbook_is_refused_with_what_to_do(tmp_path: Path) -> None:
    for name, content in (("a.xls", b"\xd0\xcf\x11\xe0"), ("b.xlsx", b"\xd0\xcf\x11\xe0"), ("c.xlsx", b"<html>")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(Malformed) as caught:
            open_table(tmp_path / name)
        assert "另存为" in caught.value.advice_zh and ".xlsx" in caught.value.advice_zh
    assert ".xls" in str(caught.value.zh) or "XLSX" in caught.value.zh


def test_an_old_systems_table_with_a_title_is_taken_over(tmp_path: Path) -> None:
    with read_legacy(workbook(tmp_path / "a.xlsx")) as rows:
        found = [old for _, old in rows.rows()]
    assert [old.number for old in found] == ["渝建招〔2016〕12号", "渝建招〔2016〕13号", "渝建招〔2016〕13号"]
    assert dict(found[0].details)["备注"] == "含绿化" and rows.rejected == 2


async def test_a_release_package_and_a_record_package_come_in(publisher: Any, tmp_path: Path) -> None:
    tender = {"title": "服务器", "id": "T-1", "value": {"amount": 12.5, "currency": "CNY"}}
    tender["tenderPeriod"] = {"endDate": "2024-03-01T09:00:00+08:00"}  # type: ignore[assignment]
    supplier = {"id": "CN-USCC-91350100M000100Y43", "name": "甲公司"}
    releases = [
        {"ocid": "o-1", "id": "1", "date": "2024-02-01T00:00:00Z", "tag": ["tender"], "tender": tender},
        {
            "ocid": "o-1",
            "id": "2",
            "date": "2024-03-02T00:00:00Z",
            "tag": ["award"],
            "buyer": {"name": "某局"},
            "awards": [{"id": "a", "suppliers": [supplier], "value": {"amount": 7, "currency": "USD"}}],
        },
    ]
    path = tmp_path / "package.json"
    path.write_text(json.dumps({"uri": "x", "version": "1.1", "releases": releases}, ensure_ascii=False), "utf-8")
    assert await import_file("notice", path, publisher) == Tally(2, 2, 0, 0, None)
    first, second = publisher.documents("trade.notice")
    assert (first.body.stage, first.body.amount.fen, first.key) == ("采购公告", 1250, "ocds/o-1|1")
    assert (second.body.winners[0].uscc, second.body.award.fen) == ("91350100M000100Y43", None)
    assert publisher.flags["amount-unreadable"] == 1, "dollars are no yuan"
    compiled = {"ocid": "o-2", "compiledRelease": {**releases[0], "ocid": "o-2", "tag": ["compiled"]}}
    path.write_text(json.dumps({"records": [compiled]}), "utf-8")
    assert (await import_file("notice", path, publisher)).published == 1
    assert publisher.documents("trade.notice")[-1].body.details["ocid"] == "o-2"


async def test_releases_of_other_countries_come_in_whole(publisher: Any, shared: Path, tmp_path: Path) -> None:
    lines = (shared / "ocds" / "releases.jsonl").read_text("utf-8").splitlines()
    releases = [json.loads(line)["release"] for line in lines]
    path = tmp_path / "releases.json"
    path.write_text(json.dumps(releases, ensure_ascii=False), "utf-8")
    tally = await import_file("notice", path, publisher)
    assert tally.read == len(releases) == tally.published + tally.unchanged + tally.rejected
    # Fragments have no `ocid` or nothing of a trade; every whole release comes in.
    whole = [each for each in releases if each.get("ocid") and {"tender", "awards", "contracts"} & each.keys()]
    assert tally.published + tally.unchanged == len(whole) > 35


def test_headings_are_known_once_for_a_kind() -> None:
    for kind, known in columns.HEADINGS.items():
        plain = [heading for headings in known.values() for heading in headings]
        assert len(plain) == len(set(plain)), (kind, sorted(each for each in plain if plain.count(each) > 1))
