"""Acts of trades -> the tender, award or contract part of an OCDS release.

The names of fields are those of the rule packages (`config/rules/`): what a field means is the same in all of them.
What a record repeats of its trade (`context`) counts as said by the act.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from node.domain.acts import Act
from node.domain.record import Party
from node.opendata.parts import Json, moment, moment_ms, value_fen, without_empty

AddParty = Callable[..., Json]

# Fields of the rule packages, the first that an act has (tests/opendata/test_acts.py holds them against the packages).
CEILINGS = ("ceiling", "estimate")
FLOORS = ("start_price", "price")
"""Least sums of what is sold: land, mining rights, property."""
BEGINS = ("doc_from", "from_on", "publicity_from")
DEADLINES = ("bid_deadline", "applications_until", "deadline", "until_on", "publicity_until")
WINNERS = ("winners", "winner", "supplier")
RANKED = "candidates"
PRICES = ("amount", "price")
WHY = ("why", "reason")
SOLD = frozenset({"土地使用权", "矿业权", "国有产权"})
ENDS = {"failed": "unsuccessful", "terminated": "cancelled"}
PLANS = frozenset({"plan", "intention"})
CHANGES_CONTRACT = "contract_change"
METHODS: dict[str, tuple[str, str]] = {
    "open": ("open", "公开招标"),
    "invited": ("selective", "邀请招标"),
    "negotiation": ("", "竞争性谈判"),
    "consultation": ("", "竞争性磋商"),
    "inquiry": ("", "询价"),
    "single": ("direct", "单一来源"),
    "tender": ("", "招标"),
    "auction": ("", "拍卖"),
    "listing": ("", "挂牌"),
    "online": ("", "网络竞价"),
    "agreement": ("", "协议"),
}
"""A method's value in the rules -> (OCDS method where it is certain, its Chinese name)."""
OBJECTS = frozenset({"goods", "works", "services"})


@dataclass(frozen=True, slots=True)
class Told:
    """What a record tells, in the parts of a release."""

    tag: list[str]
    buyer: Json | None = None
    tender: Json | None = None
    awards: list[Json] = field(default_factory=list)
    contracts: list[Json] = field(default_factory=list)


def of_act(act: Act, add: AddParty, papers: list[Json], release: str = "") -> Told:
    """The parts of one act's release; `add` names a party with its roles and gives a reference to it.

    `release` is the id of the release, which an amendment names.
    """
    fields = {**act.context, **act.fields}
    buyer = next((add(party, "buyer", "procuringEntity") for party in _parties(fields, ("owner",))), None)
    for party in _parties(fields, ("agency",)):
        add(party, "x_agency")
    tender = _tender(act, fields, buyer, papers)
    number = _number(act)
    if act.act in ENDS:
        tender |= {"status": ENDS[act.act], "amendments": [_amendment(act, fields, release)]}
        return Told(["tenderCancellation"], buyer, without_empty(tender))
    match act.disclosure:
        case "result":
            return _result(act, fields, add, buyer, tender, number)
        case "performance":
            parties = [party for party in _parties(fields, ("parties",)) if party not in _parties(fields, ("owner",))]
            for party in parties:
                add(party, "supplier")
            contract, tag = _performed(act, fields, number)
            return Told([tag], buyer, tender | {"status": "complete"}, contracts=[contract])
        case "change" if act.act == CHANGES_CONTRACT:
            contract = _contract(act, fields, number) | {"amendments": [_amendment(act, fields, release)]}
            contract.pop("title", None)
            return Told(["contractAmendment"], buyer, tender, contracts=[without_empty(contract)])
        case "change":
            return Told(["tenderAmendment"], buyer, tender | {"amendments": [_amendment(act, fields, release)]})
        case "qualification_review":
            passed = [add(party, "tenderer") for party in _parties(fields, ("passed",))]
            return Told(["tenderUpdate"], buyer, tender | without_empty({"status": "active", "tenderers": passed}))
        case _ if act.act in PLANS:
            return Told(["planning"], buyer, tender | {"status": "planned"})
        case _:
            return Told(
                ["tender" if act.act.endswith("notice") else "tenderUpdate"], buyer, _opened(act, fields, add, tender)
            )


def withdrawn(act: Act, reason: str, told: Told, date: str, release: str) -> Told:
    """What a withdrawn act comes to: the trade goes on, and what the act had said of it holds no more."""
    note = {"id": f"{act.trade}-{act.seq}-withdrawn", "date": date, "rationale": reason, "releaseID": release}
    note["description"] = f"撤回第 {act.seq} 号环节：{act.title}"
    tender: Json = {"id": (told.tender or {})["id"], "amendments": [note]}
    if act.act in ENDS:
        tender["status"] = "active"
    elif told.tag == ["tender"]:
        tender["status"] = "planned"
    tender["documents"] = (told.tender or {}).get("documents", [])
    awards = [{"id": each["id"], "status": "cancelled"} for each in told.awards]
    contracts = [
        {"id": each["id"], "awardID": each["awardID"], "status": "cancelled"}
        for each in told.contracts
        if told.tag == ["contract"]
    ]
    tag = "awardCancellation" if awards else "contractTermination" if contracts else "tenderAmendment"
    return Told([tag], told.buyer, without_empty(tender), awards, contracts)


def _number(act: Act) -> str:
    """What awards and contracts are called by: the trade, or its one lot."""
    return "-".join([act.project_code or act.trade, *act.lots]) if len(act.lots) == 1 else act.project_code or act.trade


def _tender(act: Act, fields: Json, buyer: Json | None, papers: list[Json]) -> Json:
    method, method_zh = METHODS.get(str(fields.get("method", "")), ("", ""))
    sold = act.category in SOLD
    calls = act.disclosure == "trade_notice" or (act.disclosure == "change" and act.act not in ENDS)
    sums: Json = {}
    if calls and act.act != CHANGES_CONTRACT:
        sums = (
            {"minValue": value_fen(_integer(fields, FLOORS))}
            if sold
            else {"value": value_fen(_integer(fields, CEILINGS))}
        )
    return without_empty(
        {
            "id": act.project_code or act.trade,
            "title": fields.get("project_name") or act.title,
            "description": _text(fields, "content") if act.disclosure == "trade_notice" else "",
            "procuringEntity": buyer,
            "mainProcurementCategory": fields["object"] if fields.get("object") in OBJECTS else _category(act),
            "procurementMethod": method,
            "procurementMethodDetails": method_zh,
            "eligibilityCriteria": _text(fields, "conditions"),
            "awardCriteriaDetails": _text(fields, "evaluation_method"),
            "submissionMethodDetails": _text(fields, "bid_method"),
            "tenderPeriod": _period(fields) if calls else None,
            "items": _items(act, fields),
            "documents": papers + _attachments(act),
            **sums,
        }
    )


def _category(act: Act) -> str | None:
    return "works" if act.category == "工程建设" else None


def _items(act: Act, fields: Json) -> list[Json]:
    """One item a lot: what is bought or sold, as far as its name says."""
    lots = {str(row["number"]): row for row in fields.get("lots") or [] if isinstance(row, dict) and row.get("number")}
    numbers = act.lots or list(lots) or ["1"]
    name = fields.get("project_name") or act.title
    return [{"id": number, "description": str(lots.get(number, {}).get("name") or name)} for number in numbers]


def _opened(act: Act, fields: Json, add: AddParty, tender: Json) -> Json:
    """A notice, or a record of an opening: who bid, and how many."""
    bidders = fields.get("bidders")
    tenderers = [add(party, "tenderer") for party in _parties(fields, ("prices",))]
    more: Json = {"status": "active", "tenderers": _once(tenderers)}
    more["numberOfTenderers"] = bidders if isinstance(bidders, int) else None
    return tender | without_empty(more)


def _result(act: Act, fields: Json, add: AddParty, buyer: Json | None, tender: Json, number: str) -> Told:
    """A result; of ranked candidates the first is an award that is still pending."""
    ranked = fields.get(RANKED)
    award: Json = {"id": f"{number}-award", "title": act.title, "date": moment_ms(act.at), "items": _items(act, fields)}
    if isinstance(ranked, list):
        rows = [row for row in ranked if isinstance(row, dict) and _party(row) is not None]
        tenderers = _once(add(party, "tenderer") for party in map(_party, rows) if party is not None)
        first = next((row for row in rows if row.get("rank") == 1), {})
        party = _party(first)
        award |= {"status": "pending", "value": value_fen(_integer(first, ("price",)))}
        award["suppliers"] = [add(party, "supplier")] if party else []
        return Told(
            ["award"],
            buyer,
            tender | without_empty({"status": "active", "tenderers": tenderers}),
            [without_empty(award)],
        )
    award |= {"status": "active", "value": value_fen(_integer(fields, PRICES))}
    award["suppliers"] = _once(add(party, "supplier") for party in _parties(fields, WINNERS))
    award["description"] = _text(fields, "items") or _text(fields, "rate")
    award["contractPeriod"] = _days(fields)
    return Told(["award"], buyer, tender | {"status": "complete"}, [without_empty(award)])


def _performed(act: Act, fields: Json, number: str) -> tuple[Json, str]:
    """A contract as it was signed, or what came of it."""
    contract = _contract(act, fields, number)
    if act.act.startswith("contract"):
        signed = moment(fields["signed_on"]) if isinstance(fields.get("signed_on"), str) else None
        period = without_empty({"startDate": signed, **(_days(fields) or {})})
        more = {"status": "active", "dateSigned": signed, "description": _text(fields, "content"), "period": period}
        return without_empty(contract | more), "contract"
    done = act.act == "completion"
    milestone = {
        "id": f"{act.trade}-{act.seq}",
        "title": act.title,
        "type": "delivery",
        "description": _text(fields, "content"),
        "dateMet": moment(str(fields.get("finished_on") or fields.get("registered_on") or "")),
        "dateModified": moment_ms(act.at),
        "status": "met" if done else "partiallyMet",
    }
    paid = fields.get("paid") if isinstance(fields.get("paid"), int) else fields.get("settled")
    payment = {"id": f"{act.trade}-{act.seq}", "date": moment_ms(act.at), "value": value_fen(paid)}
    told = {"milestones": [without_empty(milestone)], "transactions": [payment] if isinstance(paid, int) else []}
    contract = {name: contract[name] for name in ("id", "awardID")}
    contract |= {"status": "terminated" if done else "active", "implementation": without_empty(told)}
    return contract, "implementation"


def _contract(act: Act, fields: Json, number: str) -> Json:
    return without_empty(
        {
            "id": f"{number}-contract",
            "awardID": f"{number}-award",
            "title": _text(fields, "name") or act.title,
            "value": value_fen(_integer(fields, PRICES)),
        }
    )


def _amendment(act: Act, fields: Json, release: str) -> Json:
    return without_empty(
        {
            "id": f"{act.trade}-{act.seq}",
            "date": moment_ms(act.at),
            "rationale": next((text for name in WHY if (text := _text(fields, name))), ""),
            "description": _text(fields, "content") or act.title,
            "releaseID": release,
        }
    )


def _parties(fields: Json, names: Iterable[str]) -> list[Party]:
    """The parties of the first of these fields that names any: one party, or a list, or rows that hold one."""
    for name in names:
        given = fields.get(name)
        rows = given if isinstance(given, list) else [given]
        found = [party for row in rows if (party := _party(row)) is not None]
        if found:
            return found
    return []


def _party(given: Any) -> Party | None:
    if not isinstance(given, dict):
        return None
    inner = given.get("party", given)
    if isinstance(inner, dict) and isinstance(inner.get("name"), str) and inner["name"]:
        code = inner.get("uscc", "")
        return Party(inner["name"], code if isinstance(code, str) else "")
    return None


def _once(references: Iterable[Json]) -> list[Json]:
    return list({each["id"]: each for each in references}.values())


def _text(fields: Json, name: str) -> str:
    found = fields.get(name)
    return found if isinstance(found, str) else ""


def _integer(fields: Json, names: Iterable[str]) -> int | None:
    return next((fields[name] for name in names if isinstance(fields.get(name), int)), None)


def _period(fields: Json) -> Json | None:
    """From the first day of the document to the deadline; a moment is milliseconds, a day ISO text."""
    ends = next((end for name in DEADLINES if (end := _moment(fields.get(name)))), None)
    begins = next((start for name in BEGINS if (start := _moment(fields.get(name)))), None)
    return without_empty({"startDate": begins, "endDate": ends}) or None


def _moment(given: Any) -> str | None:
    return moment_ms(given) if isinstance(given, int) else moment(given) if isinstance(given, str) else None


def _days(fields: Json) -> Json | None:
    days = fields.get("duration")
    return {"durationInDays": days} if isinstance(days, int) else None


def _attachments(act: Act) -> list[Json]:
    return [
        {"id": each.sha256, "documentType": "x_attachment", "title": each.name, "format": each.media_type}
        for each in act.attachments
        if each.audience == "public"
    ]
