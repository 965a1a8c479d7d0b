"""Single rows: what is kept, what is flagged, what is rejected and why."""

from __future__ import annotations

from typing import Any

import pytest

from node.domain import KINDS
from node.domain.record import Amendment, Draft
from node.errors import Rejected
from node.importing.credit import score_key, score_row
from node.importing.facts import Context, compose, split_names
from node.importing.kinds import Adapter, import_kind
from node.importing.rows import Row, clean_value
from node.importing.run import import_rows
from node.samples import made_up

RESULT = {
    "record_id": "r1",
    "title": "某项目",
    "winner_name": "甲公司",
    "source": "yichang",
    "url": "https://x.example/1",
}
SCORE = next(made_up(1))
KEY = score_key(SCORE)


def adapt(kind: str, values: dict[str, Any], context: Context | None = None) -> Draft | Amendment | Rejected:
    return Adapter(import_kind(kind), context or Context()).adapt(Row(1, clean_value(values)[0]))


def main(kind: str, values: dict[str, Any], context: Context | None = None) -> Any:
    adapted = adapt(kind, values, context)
    assert isinstance(adapted, Draft), adapted
    return adapted.sections["main"]


def codes(document: Any) -> list[str]:
    return [flag.code for flag in document.flags]


REJECTED: list[tuple[str, dict[str, Any], str]] = [
    ("result", RESULT | {"record_id": ""}, "record_id"),
    ("result", RESULT | {"title": ""}, "title"),
    ("result", RESULT | {"title": ["a"]}, "title"),
    ("candidates", {"record_id": "1", "title": "x", "candidates": "none"}, "candidates"),
    ("candidates", {"record_id": "1", "title": "x", "candidates": "[1, 2]"}, "candidates"),
    ("candidates", {"record_id": "1", "title": "x", "candidates": "[{"}, "candidates"),
    ("notice", {"电子监管号": "", "供地方式": "划拨"}, "电子监管号"),
    ("notice", {"record_id": "1", "title": "x", "platform": "p", "fields": {"a": ["b"]}}, "fields"),
    ("company", {"name": "甲", "uscc": ""}, "uscc"),
    ("credit", {"date": "2025-11-02", "op": "upsert", "key": "a|b|c"}, "op"),
    ("credit", {"date": "", "op": "delete", "key": "a|b|c"}, "date"),
    ("credit", {"date": "20251102", "op": "insert", "key": "a|b|c", "row": {"org_id": "z"}}, "key"),
    ("credit", {"date": "20251102", "op": "update", "key": "a|b|c", "changed": {"nonsense": ["1", "2"]}}, "changed"),
    ("credit", {"date": "20251102", "op": "update", "key": "a|b|c", "changed": {"score": "1"}}, "changed"),
    ("credit", {"enterprise_name": "甲", "reason": "x", "behaviour_class": "施工"}, "behaviour_class"),
    ("credit", {"name": "甲", "authority": "", "list": ""}, "authority"),
    ("division", {"code": "N/A", "name": "x", "level": "", "parent": ""}, "code"),
    ("expert", {"alias": "11010519491231002X", "classes": ""}, "alias"),
    ("expert", {"alias": "13900000000", "classes": ""}, "alias"),
]


@pytest.mark.parametrize(("kind", "values", "field"), REJECTED)
def test_a_row_without_identity_or_subject_is_rejected_by_field(kind: str, values: dict[str, Any], field: str) -> None:
    error = adapt(kind, values)
    assert isinstance(error, Rejected) and error.field == field
    assert error.zh and error.detail and error.advice_zh and error.advice_en


def test_what_is_wrong_but_readable_is_kept_and_flagged() -> None:
    document = main(
        "result",
        RESULT
        | {
            "winner_name": "",
            "amount_promise": "设计费224.7万元，施工费下浮率3.5%",
            "region_code": "500199",
            "region_name": "某区",
            "publish_date": "前天",
            "buyer_name": "乙局",
            "buyer_uscc": "12330424MB1B55418Y",
            "url": "javascript:alert(1)",
        },
    )
    assert sorted(codes(document)) == [
        "amount-unreadable",
        "date-unreadable",
        "division-unknown",
        "url-missing",
        "uscc-invalid",
        "uscc-joined",
        "winner-missing",
    ]
    body = document.body
    assert body.amount.text.startswith("设计费") and body.amount.fen is None
    assert (body.division, body.division_name, body.owner.uscc) == ("", "某区", "12330424MB1B55418Y")
    assert (body.published_on, document.source.url) == ("", "")


def test_a_consortium_is_split_and_its_own_words_are_kept() -> None:
    text = "甲建设有限公司、乙设计院（武汉）、丙集团有限公司（成员）联合体"
    document = main("result", RESULT | {"winner_name": text})
    assert [party.name for party in document.body.winners] == ["甲建设有限公司", "乙设计院（武汉）", "丙集团有限公司"]
    assert document.body.details["winner_name"] == text and "consortium" in codes(document)
    ranked = main(
        "candidates",
        {"record_id": "1", "title": "x", "candidates": [{"rank": 2, "name": text}, {"rank": 1, "name": "丁公司"}]},
    )
    first, second = ranked.body.candidates
    assert (first.party.name, first.members) == ("丁公司", [])
    assert (second.party.name, len(second.members)) == (text, 3)


@pytest.mark.parametrize(
    "text",
    [
        "中国联合网络通信有限公司",
        "自然人(已脱敏)",
        "某省服务平台,某市专栏网站",
        "丙集团（甲公司、乙公司）有限公司",
        "一、二",
    ],
)
def test_one_name_stays_one_name(text: str) -> None:
    assert split_names(text) == [text]


def test_the_same_section_twice_in_one_file_is_two_records_and_said_so() -> None:
    context = Context()
    first = main("result", RESULT | {"section_code": "S-1"}, context)
    second = main("result", RESULT | {"section_code": "S-1", "record_id": "r2"}, context)
    assert first.key != second.key and "code-repeated" not in codes(first) and "code-repeated" in codes(second)


def test_durations_are_days_only_where_they_plainly_are() -> None:
    for text, days in {
        "180日历天": 180,
        "90 日历天。": 90,
        "119天": 119,
        "730": 730,
        "60日历天（以开工令为准）": 60,
    }.items():
        assert main("result", RESULT | {"duration_days": text}).body.duration_days == days
    prose = main("result", RESULT | {"duration_days": "合同签订后15天内提交"}).body
    assert prose.duration_days is None and prose.details["duration_days"] == "合同签订后15天内提交"


@pytest.mark.parametrize(
    ("row", "file_name", "good", "flagged"),
    [
        ({"behaviour_class": "施工_项目获奖_省级"}, "x.csv", True, False),
        ({"behaviour_class": "施工_现场评价"}, "x.csv", False, False),
        ({"behaviour_class": "施工_现场评价"}, "credit_good.csv", False, True),
        ({"behaviour_class": "施工"}, "不良行为.xlsx", False, False),
        ({"behaviour_class": "施工"}, "良好行为.xlsx", True, False),
        ({"behaviour_class": "施工_项目获奖_省级", "points": "-2"}, "x.csv", False, False),
        ({"behaviour_class": "施工_现场评价", "good": "良好"}, "x.csv", True, False),
    ],
)
def test_good_and_bad_behaviour_are_told_apart(row: dict[str, str], file_name: str, good: bool, flagged: bool) -> None:
    document = main("credit", {"enterprise_name": "甲", "reason": "r", **row}, Context(file_name=file_name))
    assert document.body.good is good
    assert ("good-or-bad-doubtful" in codes(document)) is flagged


def test_a_decision_not_to_punish_is_not_shown_as_a_listing() -> None:
    row = {
        "name": "甲公司",
        "authority": "某局",
        "list": "政府采购行政处罚",
        "sanction": "不予行政处罚",
        "date": "2019-05",
    }
    document = main("credit", row)
    assert "not-punished" in codes(document) and document.body.decided_on == document.as_of == "2019-05"


def test_an_expert_row_never_carries_names_or_numbers() -> None:
    row = {
        "alias": "P-1",
        "classes": "A0101；A0201",
        "division": "500102",
        "employer": "示例设计院",
        "past_employers": "示例公司、示例咨询",
        "姓名": "某某",
        "id_card": "11010519491231002X",
        "phone": "13900000000",
        "made_up": True,
    }
    adapted = adapt("expert", row)
    assert isinstance(adapted, Draft)
    document, employment = adapted.sections["main"], adapted.sections["employment"]
    assert document.body.classes == ["A0101", "A0201"] and document.made_up
    assert employment.past_employers == ["示例公司", "示例咨询"]
    assert "示例设计院" not in repr(document)
    assert not any(secret in repr(adapted) for secret in ("某某", "11010519491231002X", "13900000000"))
    identity = adapted.sections["identity"]
    assert (identity.name, identity.number, identity.phone) == ("某某", "11010519491231002X", "13900000000")
    assert "identity" in KINDS[adapted.kind].sealed
    bare = adapt("expert", {name: row[name] for name in ("alias", "classes", "employer")})
    assert isinstance(bare, Draft) and "identity" not in bare.sections


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"身份证号": "110105194912310021"}, "身份证号"),
        ({"身份证号": "11010519491331002X"}, "身份证号"),
        ({"id_card": "1101051949"}, "id_card"),
        ({"身份证号": "A1010519491231002X"}, "身份证号"),
        ({"手机": "023-63670000"}, "手机"),
        ({"手机号": ["13900000000"]}, "手机号"),
        ({"姓名": "", "手机": "13900000000"}, "姓名"),
    ],
)
def test_a_wrong_number_of_a_person_is_named_by_its_column_and_never_repeated(
    wrong: dict[str, Any], field: str
) -> None:
    error = adapt("expert", {"alias": "P-1", "classes": "A01", "姓名": "某某"} | wrong)
    assert isinstance(error, Rejected) and error.field == field
    said = " ".join([error.detail, error.zh, error.advice_zh, error.advice_en])
    assert not any(str(value) in said for value in [*wrong.values(), "某某", "13900000000"] if value)


def test_expert_classes_name_the_standard_they_come_from() -> None:
    row = {"code": "A01", "name": "规划", "level": "1", "parent": "A"}
    old = main("expert-class", row, Context(file_name="expert_classification_2010.csv"))
    assert old.key == "expert-class/2010/A01" and codes(old) == ["standard-replaced"] and "1538" in old.body.standard
    new = main("expert-class", row | {"standard": "2018"})
    assert new.key == "expert-class/2018/A01" and codes(new) == [] and "316" in new.body.standard
    assert main("expert-class", row).body.standard == ""


def test_made_up_rows_are_marked() -> None:
    document = main("credit", SCORE)
    assert document.made_up and document.source.name == "演示数据" and document.key == f"demo/{KEY}"


def test_a_bar_in_a_part_does_not_make_two_keys_equal() -> None:
    assert len({compose("a|b", "c"), compose("a", "b|c"), compose("a\\", "b", "c"), compose("a", "b", "c")}) == 4


@pytest.mark.parametrize("text", ["105.50", "+3", "007", "良好", "1.2345", "", "-17", "0"])
def test_the_texts_of_a_score_come_back_exactly(text: str) -> None:
    document = main("credit", SCORE | {"score": text})
    assert score_row(document.body)["score"] == text
    assert ("points-unreadable" in codes(document)) is (text in ("良好", "1.2345"))


def _change(op: str, day: str, **more: Any) -> dict[str, Any]:
    return {"date": day, "op": op, "key": KEY, "source": "demo", **more}


async def test_the_life_of_a_score(publisher: Any) -> None:
    async def take(*rows: dict[str, Any]) -> list[int]:
        tally = await import_rows("credit", rows, publisher)
        assert tally.read == len(rows)
        return [tally.published, tally.unchanged, tally.rejected]

    def held() -> Any:
        return publisher.main("credit.score", f"demo/{KEY}")

    lower = _change("update", "20251103", changed={"score": [SCORE["score"], "98.5"], "grade": [SCORE["grade"], "B级"]})
    gone = _change("delete", "20251104")
    assert await take(lower, gone) == [0, 0, 2]  # nothing there yet
    # In one batch, in the order of the file.
    assert await take(SCORE, lower, lower, gone, gone) == [3, 2, 0]
    assert held().status == "withdrawn" and held().as_of == "2025-11-04" and held().body.score == 98500
    assert held().made_up and "2025-11-04" in held().reason
    assert await take(_change("update", "20251105", changed={"score": ["98.5", "99"]})) == [0, 0, 1]
    assert await take(_change("delete", "20251105")) == [0, 0, 1]
    assert await take(SCORE, lower, gone) == [0, 3, 0]  # said before
    assert held().status == "withdrawn"
    row = {name: text for name, text in SCORE.items() if name not in ("source", "made_up")}
    assert await take(_change("insert", "20251106", row=row | {"score": "101"}, made_up="true")) == [1, 0, 0]
    assert (held().status, held().body.score, held().reason, held().flags) == ("valid", 101000, "", [])
    assert await take(_change("update", "20251107", changed={"score": ["55", "102"]})) == [1, 0, 0]
    assert held().body.score == 102000 and codes(held()) == ["old-value-differs"]


async def test_a_changed_row_is_a_new_version_and_flags_are_no_part_of_what_was_said(publisher: Any) -> None:
    assert (await import_rows("result", [RESULT], publisher)).published == 1
    assert (await import_rows("result", [RESULT | {"amount_yuan": "", "_row": "7"}], publisher)).unchanged == 1
    assert (await import_rows("result", [RESULT | {"amount_yuan": "5.00"}], publisher)).published == 1
    assert len(publisher.versions[("trade.result", "yichang/r1")]) == 2


async def test_a_value_that_goes_back_is_a_new_version_of_the_day_that_the_operator_names(publisher: Any) -> None:
    async def take(price: str, day: str = "") -> int:
        return (await import_rows("result", [RESULT | {"amount_yuan": price}], publisher, as_of=day)).published

    assert [await take("5.00"), await take("6.00")] == [1, 1]
    assert await take("5.00") == 0, "an old file read again must not take the record back"
    assert [await take("5.00", "2025-11-03"), await take("5.00", "2025-11-03")] == [1, 0]
    assert publisher.main("trade.result", "yichang/r1").as_of
