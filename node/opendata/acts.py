"""Acts of trades -> the tender, award or contract part of an OCDS release.

The names of fields are those of the rule packages (`config/rules/`): what a field means is the same in all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from node.domain.acts import Act
from node.domain.record import Party
from node.opendata.parts import Json, moment, moment_ms, value_fen, without_empty

AddParty = Callable[..., Json]

ESTIMATES = ("estimate", "budget", "ceiling_price", "starting_price", "floor_price", "asking_price")
DEADLINES = ("bid_deadline", "deadline", "opening_time", "opens_at", "listing_ends", "ends_at")
WINNERS = ("winners", "winner", "transferee", "supplier", "contractor", "assignee")
PRICES = ("price", "amount", "award_amount", "deal_price", "contract_amount", "final_price")
SIGNED = ("signed_on", "contract_date", "signed_at")
ENDS = {"failed": "unsuccessful", "terminated": "cancelled", "terminate": "cancelled", "fail": "unsuccessful"}


@dataclass(frozen=True, slots=True)
class Told:
    """What a record tells, in the parts of a release."""

    tag: list[str]
    buyer: Json | None = None
    tender: Json | None = None
    awards: list[Json] = field(default_factory=list)
    contracts: list[Json] = field(default_factory=list)


def of_act(act: Act, add: AddParty, papers: list[Json]) -> Told:
    """The parts of one act's release; `add` names a party with its roles and gives a reference to it."""
    fields = act.fields
    buyer = next((add(party, "buyer", "procuringEntity") for party in _parties(fields, ("owner",))), None)
    for party in _parties(fields, ("agency",)):
        add(party, "x_agency")
    number = "-".join([act.project_code or act.trade, *act.lots]) if len(act.lots) == 1 else act.trade
    tender: Json = without_empty(
        {
            "id": act.project_code or act.trade,
            "title": fields.get("project_name") or act.title,
            "procuringEntity": buyer,
            "mainProcurementCategory": "works" if act.category == "工程建设" else None,
            "procurementMethodDetails": fields.get("method") if isinstance(fields.get("method"), str) else None,
            "value": value_fen(_integer(fields, ESTIMATES)),
            "tenderPeriod": _until(fields),
            "documents": papers + _attachments(act),
        }
    )
    match act.disclosure:
        case "result":
            award = without_empty(
                {
                    "id": f"{number}-award",
                    "title": act.title,
                    "status": "active",
                    "date": moment_ms(act.at),
                    "value": value_fen(_integer(fields, PRICES)),
                    "suppliers": [add(party, "supplier") for party in _parties(fields, WINNERS)],
                }
            )
            return Told(["award"], buyer, tender | {"status": "complete"}, [award])
        case "performance":
            contract = without_empty(
                {
                    "id": f"{number}-contract",
                    "awardID": f"{number}-award",
                    "title": act.title,
                    "status": "active",
                    "dateSigned": _day(fields, SIGNED),
                    "value": value_fen(_integer(fields, PRICES)),
                }
            )
            return Told(["contract"], buyer, tender | {"status": "complete"}, contracts=[contract])
        case "change":
            ended = next((status for word, status in ENDS.items() if word in act.act), None)
            status = {"status": ended} if ended else {}
            return Told(["tenderCancellation" if ended else "tenderAmendment"], buyer, tender | status)
        case _:
            return Told(["tender" if act.act.endswith("notice") else "tenderUpdate"], buyer, tender)


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


def _integer(fields: Json, names: Iterable[str]) -> int | None:
    return next((fields[name] for name in names if isinstance(fields.get(name), int)), None)


def _until(fields: Json) -> Json | None:
    """A moment is milliseconds, a day ISO text."""
    for name in DEADLINES:
        given = fields.get(name)
        ends = moment_ms(given) if isinstance(given, int) else moment(given) if isinstance(given, str) else None
        if ends:
            return {"endDate": ends}
    return None


def _day(fields: Json, names: Iterable[str]) -> str | None:
    for name in names:
        given = fields.get(name)
        found = moment_ms(given) if isinstance(given, int) else moment(given) if isinstance(given, str) else None
        if found:
            return found
    return None


def _attachments(act: Act) -> list[Json]:
    return [
        {"id": each.sha256, "documentType": "x_attachment", "title": each.name, "format": each.media_type}
        for each in act.attachments
        if each.audience == "public"
    ]
