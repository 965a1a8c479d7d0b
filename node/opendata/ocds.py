"""Trade records -> OCDS 1.1 releases: one release a version of a record, one `ocid` a trade.

What a release says beyond the schema's minimum is what a reader wants to use: who buys, who won, for how much, until
when, and under which address the signed record and its receipt lie, so that every release can be verified.
`ocid` is the prefix and the trade's identity: the trade's key for what was done on this platform, the project's code
for imported notices that have one, else the record's id.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from node.domain.acts import Act
from node.domain.record import Document, Party
from node.domain.trades import Trade, TradeCandidates, TradeListing, TradeNotice, TradeResult
from node.opendata.acts import Told, of_act, withdrawn
from node.opendata.parts import Json, document, moment, moment_ms, organisation, reference, value, without_empty

KINDS = ("trade.result", "trade.candidates", "trade.notice", "trade.listing", "trade.act")
CATEGORIES = {"工程建设": "works"}
"""Only what is certain: a procurement may be of goods, works or services, and land is none of these."""
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,80}")


@dataclass(frozen=True, slots=True)
class Said:
    """A version of a record: where it lies and what it says. `first` is true for version 1."""

    origin: str
    record_id: str
    version: int
    kind: str
    claimed_ms: int
    document: Document[Any]

    @property
    def first(self) -> bool:
        return self.version == 1


def identity(said: Said) -> str:
    """What of a trade is the same in all its releases, fit for an `ocid`."""
    body = said.document.body
    if isinstance(body, Act):
        return body.trade
    code = body.project_code or body.section_code
    if not code:
        return said.record_id
    return code if _PLAIN.fullmatch(code) else hashlib.sha256(code.encode()).hexdigest()[:24]


def ocid(said: Said, prefix: str) -> str:
    return f"{prefix}-{identity(said)}"


def release(said: Said, *, prefix: str, url: str) -> Json:
    """The release of one version. `url` is this node's address, under which the record is found.

    Raises KeyError for a kind that is not in `KINDS`.
    """
    body, doc = said.document.body, said.document
    parties = _Parties()
    published = moment(getattr(body, "published_on", "")) or moment_ms(said.claimed_ms)
    page = f"{url}/records/{said.record_id}?version={said.version}"
    papers = [
        document(f"{said.record_id}-{said.version}", "x_signedRecord", "签名记录 · signed record", page, published),
        document(
            f"{said.record_id}-{said.version}-receipt",
            "x_receipt",
            "回执（tlog-proof） · receipt",
            f"{url}/api/records/{said.record_id}/receipt?version={said.version}",
        ),
    ]
    if doc.source.url:
        papers.insert(0, document(f"{said.record_id}-source", "x_source", doc.source.name, doc.source.url))
    told = _TELL[said.kind](said, parties, papers)
    if doc.status == "withdrawn" and isinstance(body, Act):
        told = withdrawn(body, doc.reason, told, published, f"{said.record_id}-{said.version}")
    found: Json = {
        "ocid": ocid(said, prefix),
        "id": f"{said.record_id}-{said.version}",
        "date": published,
        "language": "zh",
        "tag": told.tag,
        "initiationType": "tender",
        "title": body.title,
        "parties": parties.listed(),
        "buyer": told.buyer,
        "tender": told.tender,
        "awards": told.awards,
        "contracts": told.contracts,
    }
    if doc.status == "withdrawn" and not isinstance(body, Act):
        found["tag"], found["tender"] = ["tenderCancellation"], (told.tender or {"id": identity(said)})
        found["tender"] |= {"status": "withdrawn", "description": doc.reason}
        found["awards"], found["contracts"] = [], []
    return without_empty(found)


class _Parties:
    """Those whom a release names, each once with all its roles."""

    def __init__(self) -> None:
        self._roles: dict[Party, list[str]] = {}

    def add(self, party: Party, *roles: str) -> Json:
        held = self._roles.setdefault(party, [])
        held += [role for role in roles if role not in held]
        return reference(party)

    def listed(self) -> list[Json]:
        return [organisation(party, roles) for party, roles in self._roles.items()]


def _tender(said: Said, body: Trade, parties: _Parties, papers: list[Json]) -> tuple[Json, Json | None]:
    """What all imported records tell of the tender, and the buyer."""
    buyer = parties.add(body.owner, "buyer", "procuringEntity") if body.owner else None
    if body.agency:
        parties.add(body.agency, "x_agency")
    tender = without_empty(
        {
            "id": body.section_code or identity(said),
            "title": body.project_name or body.title,
            "procuringEntity": buyer,
            "mainProcurementCategory": CATEGORIES.get(body.category),
            "procurementMethodDetails": body.details.get("采购方式") or body.details.get("供地方式") or body.stage,
            "documents": papers,
        }
    )
    return tender, buyer


def _award(said: Said, winners: Sequence[Party], body: Trade, parties: _Parties, **more: Any) -> Json:
    return without_empty(
        {
            "id": f"{body.section_code or identity(said)}-award",
            "title": body.title,
            "date": moment(body.published_on),
            "suppliers": [parties.add(party, "supplier") for party in winners],
            **more,
        }
    )


def _result(said: Said, parties: _Parties, papers: list[Json]) -> Told:
    body: TradeResult = said.document.body
    tender, buyer = _tender(said, body, parties, papers)
    period = {"contractPeriod": {"durationInDays": body.duration_days}} if body.duration_days else {}
    award = _award(said, body.winners, body, parties, status="active", value=value(body.amount), **period)
    tag = "award" if said.first else "awardUpdate"
    return Told([tag], buyer, tender | {"status": "complete"}, [award])


def _candidates(said: Said, parties: _Parties, papers: list[Json]) -> Told:
    body: TradeCandidates = said.document.body
    tender, buyer = _tender(said, body, parties, papers)
    tenderers = [parties.add(each.party, "tenderer") for each in body.candidates]
    first = next((each for each in body.candidates if each.rank == 1), None)
    award = [_award(said, [first.party], body, parties, status="pending", value=value(first.price))] if first else []
    more = {"status": "active", "tenderers": list({each["id"]: each for each in tenderers}.values())}
    return Told(["award" if said.first else "awardUpdate"], buyer, tender | more, award)


def _notice(said: Said, parties: _Parties, papers: list[Json]) -> Told:
    body: TradeNotice = said.document.body
    tender, buyer = _tender(said, body, parties, papers)
    tender |= without_empty({"value": value(body.amount)})
    if closes := moment(body.opens_at):
        tender["tenderPeriod"] = {"endDate": closes}
    if body.winners or body.award:
        award = _award(said, body.winners, body, parties, status="active", value=value(body.award))
        tag = "award" if said.first else "awardUpdate"
        return Told([tag], buyer, tender | {"status": "complete"}, [award])
    return Told(["tender" if said.first else "tenderUpdate"], buyer, tender | {"status": "active"})


def _listing(said: Said, parties: _Parties, papers: list[Json]) -> Told:
    """State property that is sold: the asking price is the least that will be taken."""
    body: TradeListing = said.document.body
    tender, buyer = _tender(said, body, parties, papers)
    tender |= without_empty({"minValue": value(body.amount), "status": "active"})
    return Told(["tender" if said.first else "tenderUpdate"], buyer, tender)


def _act(said: Said, parties: _Parties, papers: list[Json]) -> Told:
    return of_act(said.document.body, parties.add, papers, f"{said.record_id}-{said.version}")


_TELL: dict[str, Callable[[Said, _Parties, list[Json]], Told]] = {
    "trade.result": _result,
    "trade.candidates": _candidates,
    "trade.notice": _notice,
    "trade.listing": _listing,
    "trade.act": _act,
}
