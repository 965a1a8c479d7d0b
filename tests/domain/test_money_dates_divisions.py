"""Dirty sums, dates and places as they really occur."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.dates import day, iso
from node.domain.divisions import CHONGQING, FORMER, PROVINCES, find, find_in_address, is_known, is_zone, name_of
from node.domain.money import fen, points_text, read_amount, read_points
from node.domain.record import FLAGS

# text, unit of the column -> fen, period, flag
SUMS: list[tuple[str, str, int | None, str, str]] = [
    ("20797381.58", "元", 2079738158, "", ""),
    ("1318100", "元", 131810000, "", ""),
    ("3.36万元", "元", 3360000, "", ""),
    ("55.6887万元/年", "元", 55688700, "年", ""),
    ("0.462万元/月", "元", 462000, "月", ""),
    ("145.7万元（首年）", "元", 145700000, "首年", ""),
    ("2.09元/平方米/天（首年）", "元", 209, "平方米/天/首年", ""),
    ("300元/台/年", "元", 30000, "台/年", ""),
    ("5.10元/吨", "元", 510, "吨", ""),
    ("1980000.00 元", "", 198000000, "", ""),
    ("7,620,699.90元", "", 762069990, "", ""),
    ("100,000元 人民币", "", 10000000, "", ""),
    ("0元 人民币", "", 0, "", "amount-zero"),
    ("23.5 万元", "", 23500000, "", ""),
    ("1.2亿元", "", 12000000000, "", ""),
    ("￥６９６０．５元", "", 696050, "", ""),
    ("65717882 .11", "元", 6571788211, "", ""),
    ("132.0413", "万元", 132041300, "", ""),
    ("0.0000", "万元", 0, "", "amount-zero"),
    ("0.108", "万元", 108000, "", ""),
    ("30.0", "", None, "", "amount-no-unit"),
    ("49.23%", "元", None, "", "amount-percent"),
    ("下浮率：1.7％", "元", None, "", "amount-percent"),
    ("价格系数：1.88", "元", None, "", "amount-unreadable"),
    ("162.98（元/公顷）", "元", None, "", "amount-unreadable"),
    ("90031980.52元(其中建安费89443980.52元，设计费588000.00元）", "元", 9003198052, "", "amount-remark"),
    ("建安工程费：37350383.10元、设计费：106000.00元", "元", None, "", "amount-unreadable"),
    ("设计费224.7万元，施工费下浮率3.5%", "元", None, "", "amount-unreadable"),
    ("投标报价(元/%)", "元", None, "", "amount-unreadable"),
    ("50(万美元)", "元", None, "", "amount-unreadable"),
    ("0.001元", "元", None, "", "amount-unreadable"),
    ("1,23元", "元", None, "", "amount-unreadable"),
    ("1e9", "元", None, "", "amount-unreadable"),
    ("NaN", "元", None, "", "amount-unreadable"),
    ("9" * 40, "元", None, "", "amount-unreadable"),
]


@pytest.mark.parametrize(("text", "unit", "value", "per", "flag"), SUMS)
def test_sums(text: str, unit: str, value: int | None, per: str, flag: str) -> None:
    amount, code = read_amount(text, unit)
    assert amount is not None and (amount.fen, amount.per, code) == (value, per, flag)
    assert amount.text.startswith(text) and (not code or code in FLAGS)


def test_no_sum_is_nothing_and_a_small_bare_number_may_be_disbelieved() -> None:
    assert read_amount("  ") == (None, "")
    assert read_amount("98.90", "元", least=1000)[1] == "amount-no-unit"
    assert read_amount("98.90元", "元", least=1000)[1] == ""


@given(st.integers(0, 10**17))
def test_a_sum_written_in_yuan_or_wan_comes_back_to_the_fen(value: int) -> None:
    yuan = f"{value // 100}.{value % 100:02d}"
    wan = f"{value // 1000000}.{value % 1000000:06d}"
    grouped = f"{value // 100:,}.{value % 100:02d}元"
    for text in (yuan, f"{wan}万元", f"{yuan} 元", grouped):
        amount, _ = read_amount(text)
        assert amount is not None and amount.fen == value
    assert fen(Decimal(value)) == value * 100 if value < 10**16 else True


@given(st.text())
def test_any_text_is_kept(text: str) -> None:
    amount, code = read_amount(text)
    assert (amount is None) == (not text.strip())
    if amount is not None:
        assert amount.text == text.strip() and (amount.fen is not None or code)


@given(st.integers(-(10**9), 10**9))
def test_points_come_back(value: int) -> None:
    assert read_points(points_text(value)) == value


@pytest.mark.parametrize("text", ["", "--", "1.2345", "1e3", "½", "一", "٣"])
def test_what_is_no_score_is_none(text: str) -> None:
    assert read_points(text) is None


DATES = {
    "2007年03月06日": "2007-03-06",
    "2007年3月6日": "2007-03-06",
    "2026-03-17 00:32": "2026-03-17T00:32",
    "2026-03-17 00:32:09": "2026-03-17T00:32:09",
    "2025-01-22T10:55:47+08:00": "2025-01-22T10:55:47+08:00",
    "2025-01-22T10:55:47.123Z": "2025-01-22T10:55:47Z",
    "2025年06月13日 18时00分": "2025-06-13T18:00",
    "20251102": "2025-11-02",
    "2025/1/2": "2025-01-02",
    "2025.12.31": "2025-12-31",
    "2019-05": "2019-05",
    "2019年5月": "2019-05",
    "2024": "2024",
    "2024年": "2024",
    "2025-02-30": None,
    "2025-13-01": None,
    "2025-01-01 25:00": None,
    "2024 10:00": None,
    "45000": None,
    "长期": None,
    "": None,
}


@pytest.mark.parametrize(("text", "expected"), DATES.items())
def test_dates(text: str, expected: str | None) -> None:
    assert iso(text) == expected
    assert day(text) == (expected[:10] if expected else None)


def test_chongqing_has_its_38_units_and_its_former_counties_have_successors() -> None:
    assert len(CHONGQING) == 38
    assert all(successor in CHONGQING for _, successor in FORMER.values())
    assert all(is_known(code) for code in (*CHONGQING, *FORMER, *PROVINCES, "500102001"))
    assert name_of("500102") == "涪陵区" and name_of("500234") == "开县" and name_of("420506") == ""


@pytest.mark.parametrize("name", ["两江新区", "北部新区", "高新区", "重庆高新区", "万盛经开区", "双桥经开区"])
def test_zones_have_no_code(name: str) -> None:
    assert is_zone(name) and find(name) == ""


def test_places_are_found_by_name_and_address() -> None:
    assert find("九龙坡") == "500107" and find("彭水") == "500243" and find("N/A") == ""
    assert find("浙江", "宁波市", "江北区") == "330000"
    assert find_in_address("重庆市江北区") == "500105" and find_in_address("重庆市某地") == "500000"
    assert find_in_address("宁夏回族自治区银川市西夏区") == "640000" and find_in_address("德清县武康街道") == ""
