"""OCDS 1.1 releases of other publishers (standard.open-contracting.org) as notices: one record a release.

What a release says beside these facts stays with its publisher; its `ocid` is kept, and finds them together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from node.domain import dates, divisions
from node.domain.identifiers import check_uscc
from node.domain.record import Draft, Party
from node.domain.trades import TradeNotice
from node.importing.facts import Context, Facts, Form, compose
from node.importing.rows import Row

STAGES = {
    "planning": "采购意向",
    "tender": "采购公告",
    "tenderUpdate": "变更公告",
    "tenderAmendment": "变更公告",
    "tenderCancellation": "终止公告",
    "award": "中标公告",
    "awardUpdate": "中标变更公告",
    "awardCancellation": "中标取消公告",
    "contract": "合同公告",
    "contractUpdate": "合同变更公告",
    "contractAmendment": "合同变更公告",
    "implementation": "履约信息",
    "compiled": "汇总",
}
CATEGORIES = {"works": "工程建设", "goods": "政府采购", "services": "政府采购"}
Json = dict[str, Any]


def release(row: Row, context: Context) -> Draft:
    """One release; a sum that is not in yuan is kept as its text and flagged."""
    facts = Facts(row, context, source="ocds")
    ocid = facts.need("ocid", "ocid")
    tender, awards = _object(row.values, "tender"), list(_objects(row.values, "awards"))
    tags = row.values.get("tag")
    tag = next((each for each in tags if each in STAGES), "") if isinstance(tags, list) else ""
    title = _text(tender, "title") or facts.text("title") or next((t for a in awards if (t := _text(a, "title"))), "")
    buyer = _object(row.values, "buyer") or _object(tender, "procuringEntity")
    suppliers = {_text(each, "name"): each for award in awards for each in _objects(award, "suppliers")}
    published = facts.day("date")
    place = next((p for each in _objects(row.values, "parties") if (p := _place(each, _text(buyer, "id")))), "")
    sums = [award["value"] for award in awards if isinstance(award.get("value"), dict)]
    number = facts.text("id")
    body = TradeNotice(
        category=CATEGORIES.get(_text(tender, "mainProcurementCategory"), "其他"),
        stage=STAGES.get(tag, "公告"),
        title=title or ocid,
        project_code=_text(tender, "id") or ocid,
        division=divisions.find(place) if place else "",
        division_name=place,
        owner=_party(facts, buyer),
        published_on=published,
        details={
            name: text
            for name, text in (
                ("ocid", ocid),
                ("采购方式", _text(tender, "procurementMethodDetails") or _text(tender, "procurementMethod")),
                ("内容", _text(tender, "description")[:20_000]),
            )
            if text
        },
        amount=facts.sum_of(_sum(tender.get("value")), "tender.value"),
        award=facts.sum_of(_sum(sums[0]), "awards.value") if len(sums) == 1 else None,
        winners=[party for each in suppliers.values() if (party := _party(facts, each))],
        opens_at=_moment(facts, _text(_object(tender, "tenderPeriod"), "endDate")),
    )
    origin = facts.origin(id=number or ocid, flag_url=False)
    return facts.draft("trade.notice", compose(ocid, number or published), body, origin, as_of=published)


def _object(given: Json, name: str) -> Json:
    found = given.get(name)
    return found if isinstance(found, dict) else {}


def _objects(given: Json, name: str) -> Iterator[Json]:
    found = given.get(name)
    yield from (each for each in found if isinstance(each, dict)) if isinstance(found, list) else ()


def _text(given: Json, name: str) -> str:
    found = given.get(name)
    return found if isinstance(found, str) else ""


def _sum(value: Any) -> str:
    """A Value as text that says its currency."""
    if not isinstance(value, dict) or not _text(value, "amount"):
        return ""
    currency = _text(value, "currency")
    return f"{value['amount']}{'元' if currency == 'CNY' else f' {currency}'}"


def _party(facts: Facts, given: Json) -> Party | None:
    name, id = _text(given, "name"), _text(given, "id")
    code = id.removeprefix("CN-USCC-") if id.startswith("CN-USCC-") else ""
    if code and not check_uscc(code).valid:
        facts.flag("parties", "uscc-invalid", code)
    return Party(name, code) if name else None


def _place(party: Json, buyer: str) -> str:
    address = _object(party, "address") if _text(party, "id") == buyer else {}
    return _text(address, "locality") or _text(address, "region")


def _moment(facts: Facts, text: str) -> str:
    found = dates.iso(text) if text else ""
    if found is None:
        facts.flag("tender.tenderPeriod", "date-unreadable", text)
    return found or ""


RELEASES = (
    Form("OCDS release（tender）", frozenset({"ocid", "tender"}), release),
    Form("OCDS release（awards）", frozenset({"ocid", "awards"}), release),
    Form("OCDS release（contracts）", frozenset({"ocid", "contracts"}), release),
)
