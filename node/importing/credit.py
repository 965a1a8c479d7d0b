"""Credit rows: score tables and their daily changes, good and bad behaviours, blacklists."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from node.domain.credit import BlacklistEntry, CreditBehaviour, CreditScore
from node.domain.money import points_text, read_points
from node.domain.record import Amendment, Document, Draft, Flag, Party, Source
from node.errors import Rejected
from node.importing.facts import SOURCES, Context, Facts, Form, compose, missing
from node.importing.rows import Row

SCORE_COLUMNS = (
    "org_id",
    "archive_id",
    "enterprise_name",
    "qual_category",
    "initial_score",
    "qualification",
    "qualification_id",
    "grade",
    "score",
    "base_points",
    "bonus_points",
    "deducted_points",
)
_POINTS = {
    "initial_score": "initial",
    "score": "score",
    "base_points": "base",
    "bonus_points": "bonus",
    "deducted_points": "deducted",
}
_TEXTS = {
    "org_id": "organisation_id",
    "archive_id": "archive_id",
    "qual_category": "field_of_work",
    "qualification": "qualification",
    "qualification_id": "qualification_id",
    "grade": "grade",
}
_SOURCE = "yichang-credit"


def score_key(values: Mapping[str, Any]) -> str:
    """The source's own key: `org_id|qualification_id|qual_category`."""
    return "|".join(str(values.get(column, "")) for column in ("org_id", "qualification_id", "qual_category"))


def _score(values: Mapping[str, str], uscc: str = "") -> tuple[CreditScore, list[Flag]]:
    points: dict[str, int | None] = {}
    texts: dict[str, str] = {}
    flags = []
    for column, name in _POINTS.items():
        text = values.get(column, "")
        value = points[name] = read_points(text)
        if value is None and text:
            flags.append(Flag(column, "points-unreadable", text[:40]))
        # The shortest text comes back from the number; any other is kept, so that the source's row can be rebuilt.
        if text and (value is None or points_text(value) != text):
            texts[column] = text
    plain = {name: values.get(column, "") for column, name in _TEXTS.items()}
    party = Party(values.get("enterprise_name", ""), uscc)
    return CreditScore(party=party, texts=texts, **points, **plain), flags  # type: ignore[arg-type]


def score_row(score: CreditScore) -> dict[str, str]:
    """The source's row of a score, in the source's own texts: the inverse of reading it."""
    row = {column: getattr(score, name) for column, name in _TEXTS.items()}
    for column, name in _POINTS.items():
        value = getattr(score, name)
        row[column] = score.texts.get(column, "" if value is None else points_text(value))
    row["enterprise_name"] = score.party.name
    return {column: row[column] for column in SCORE_COLUMNS}


def score(row: Row, context: Context) -> Draft:
    facts = Facts(row, context, source=_SOURCE)
    facts.need("企业编号", "org_id")
    facts.need("资质编号", "qualification_id")
    facts.need("企业名称", "enterprise_name")
    body, flags = _score({column: facts.text(column) for column in SCORE_COLUMNS}, facts.uscc("uscc"))
    facts.flags.extend(flags)
    key = score_key(row.values)
    return facts.draft("credit.score", key, body, facts.origin(id=key, flag_url=False), as_of=facts.day("as_of"))


def change(row: Row, context: Context) -> Amendment:
    """One line of a table of daily changes: insert, update or delete of a score by its key."""
    facts = Facts(row, context, source=_SOURCE)
    operation = facts.need("操作类型", "op")
    key = facts.need("键", "key")
    day = facts.day("date")
    if not day:
        raise missing("date", "变更日期")
    if operation not in ("insert", "update", "delete"):
        raise Rejected(f"op {operation!r} is unknown", field="op", zh=f"操作类型 {operation[:20]} 无法识别")
    apply: Callable[[Document[Any] | None], Document[Any]]
    said: dict[str, Any] = {"date": day, "op": operation, "key": key}
    if operation == "insert":
        values = said["row"] = _texts(row, "row")
        if score_key(values) != key or not values.get("enterprise_name"):
            raise Rejected("row does not belong to key", field="key", zh="row 的内容与 key 不一致")
        apply = _insertion(f"{facts.source}/{key}", values, facts, day)
    elif operation == "update":
        said["changed"] = row.values.get("changed")
        apply = _update(_changed(row), day)
    else:
        apply = _deletion(day)
    return Amendment("credit.score", f"{facts.source}/{key}", apply, said)


def _texts(row: Row, column: str) -> dict[str, str]:
    values = row.values.get(column)
    if not isinstance(values, dict) or not values or not all(isinstance(value, str) for value in values.values()):
        raise Rejected(f"{column} is no map of texts", field=column, zh=f"{column} 应为列与内容的对照")
    return values


def _changed(row: Row) -> dict[str, tuple[str, str]]:
    """`changed`: column -> (old, new)."""
    given = row.values.get("changed")
    wrong = Rejected("changed is no map of [old, new]", field="changed", zh="changed 应为“列: [旧值, 新值]”")
    if not isinstance(given, dict) or not given:
        raise wrong
    out = {}
    for column, pair in given.items():
        if column not in SCORE_COLUMNS:
            raise Rejected(f"changed names an unknown column {column!r}", field="changed", zh=f"未知列 {column[:40]}")
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(text, str) for text in pair):
            raise wrong
        out[column] = (pair[0], pair[1])
    return out


def _valid(current: Document[Any] | None, operation: str) -> Document[CreditScore]:
    if current is None or current.status != "valid":
        raise Rejected(
            f"there is nothing to {operation}: no valid score under this key",
            field="key",
            zh="没有可变更的记录：该键下没有有效评分",
            advice_zh="请先导入基础评分表，再导入变更。",
            advice_en="Import the base table first, then the changes.",
        )
    return current


def _insertion(
    key: str, values: dict[str, str], facts: Facts, day: str
) -> Callable[[Document[Any] | None], Document[Any]]:
    def apply(current: Document[Any] | None) -> Document[Any]:
        body, flags = _score(values, current.body.party.uscc if current else "")
        if current is not None and current.status == "valid" and score_row(current.body) != score_row(body):
            flags.append(Flag("key", "old-value-differs"))
        source = Source(SOURCES.get(facts.source, facts.source), id=key.partition("/")[2])
        return Document(key, body, source, as_of=day, flags=[*facts.flags, *flags], made_up=facts.made_up)

    return apply


def _update(changed: dict[str, tuple[str, str]], day: str) -> Callable[[Document[Any] | None], Document[Any]]:
    def apply(current: Document[Any] | None) -> Document[Any]:
        before = _valid(current, "update")
        values = score_row(before.body)
        differs = [
            Flag(column, "old-value-differs", old[:40]) for column, (old, _) in changed.items() if values[column] != old
        ]
        values |= {column: new for column, (_, new) in changed.items()}
        body, flags = _score(values, before.body.party.uscc)
        return msgspec.structs.replace(before, body=body, as_of=day, flags=[*flags, *differs], reason="")

    return apply


def _deletion(day: str) -> Callable[[Document[Any] | None], Document[Any]]:
    def apply(current: Document[Any] | None) -> Document[Any]:
        before = _valid(current, "delete")
        return msgspec.structs.replace(before, status="withdrawn", as_of=day, reason=f"来源于 {day} 撤下")

    return apply


_BAD_NAME = re.compile(r"bad|不良", re.IGNORECASE)
_GOOD_NAME = re.compile(r"good|良好", re.IGNORECASE)
_WORDS = {"good": True, "良好": True, "1": True, "true": True, "bad": False, "不良": False, "0": False, "false": False}


def _is_good(facts: Facts) -> bool:
    """Good or bad: the two tables have the same columns and unsigned points, so the row must tell.

    First a column `good`; then a minus before the points; then the class, which has three parts for good behaviour
    (`施工_项目获奖_省级`) and two for bad (`施工_现场评价`); last the file's name. A file name that says otherwise is
    flagged, never followed: a mistaken name must not turn blame into praise.
    """
    name = facts.context.file_name
    by_name = False if _BAD_NAME.search(name) else True if _GOOD_NAME.search(name) else None
    stated = _WORDS.get(facts.text("good").lower())
    parts = facts.text("behaviour_class").count("_") + 1
    if stated is not None:
        return stated
    if (read_points(facts.text("points")) or 0) < 0:
        return False
    by_class = {2: False, 3: True}.get(parts)
    if by_class is None and by_name is None:
        raise Rejected(
            "neither the class nor the file name tells whether this is good or bad behaviour",
            field="behaviour_class",
            zh="类别与文件名都不能说明是良好行为还是不良行为",
            advice_zh="请加一列 good，填“良好”或“不良”。",
            advice_en="Add a column `good` with `good` or `bad`.",
        )
    if by_class is not None and by_name is not None and by_class != by_name:
        facts.flag("behaviour_class", "good-or-bad-doubtful")
    return bool(by_name if by_class is None else by_class)


def behaviour(row: Row, context: Context) -> Draft:
    facts = Facts(row, context, source=_SOURCE)
    name = facts.need("企业名称", "enterprise_name")
    reason = facts.need("事由", "reason")
    good = _is_good(facts)
    points = facts.text("points")
    value = read_points(points)
    if points and value is None:
        facts.flag("points", "points-unreadable", points)
    months = facts.text("months_valid")
    body = CreditBehaviour(
        party=facts.named(name, "uscc"),
        good=good,
        reason=reason,
        project_name=facts.text("project_name"),
        qualification=facts.text("qualification"),
        behaviour_class=facts.text("behaviour_class"),
        starts_on=facts.day("start_date"),
        ends_on=facts.day("end_date"),
        months_valid=int(months) if months.isascii() and months.isdigit() and len(months) < 5 else None,
        points=value,
        document_no=facts.text("doc_no"),
        first_seen=facts.day("first_seen"),
        last_seen=facts.day("last_seen"),
    )
    own = ("doc_no", "reason", "project_name", "qualification", "start_date", "end_date")
    key = compose("good" if good else "bad", name, *(facts.text(column) for column in own))
    origin = facts.origin(id=facts.text("doc_no"), flag_url=False)
    return facts.draft("credit.behaviour", key, body, origin, as_of=body.last_seen)


def blacklist(row: Row, context: Context) -> Draft:
    facts = Facts(row, context, source="blacklist")
    name = facts.need("名称", "name")
    authority = facts.text("authority")
    listed = facts.text("list")
    if not authority and not listed:
        raise missing("authority", "认定机关")
    decided = facts.day("date")
    sanction = facts.text("sanction")
    if sanction.startswith("不予"):
        facts.flag("sanction", "not-punished", sanction)
    body = BlacklistEntry(
        party=facts.named(name, "uscc"),
        authority=authority,
        list_name=listed,
        reason=facts.text("reason"),
        sanction=sanction,
        decided_on=decided,
        document_no=facts.text("doc_no"),
    )
    key = compose(name, authority, listed, facts.text("date"), facts.text("doc_no"))
    origin = facts.origin("source_url", name=authority, id=facts.text("doc_no"))
    return facts.draft("credit.blacklist", key, body, origin, as_of=decided)


CREDIT = (
    Form("评分变更 changes", frozenset({"date", "op", "key"}), change, frozenset({"row", "changed"})),
    Form("信用评分 scores", frozenset({"org_id", "qualification_id", "enterprise_name", "score"}), score),
    Form("信用行为 behaviours", frozenset({"enterprise_name", "reason", "behaviour_class"}), behaviour),
    Form("黑名单 blacklist", frozenset({"name", "authority", "list"}), blacklist),
)
