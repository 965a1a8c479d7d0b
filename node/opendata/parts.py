"""Pieces of an OCDS release (standard.open-contracting.org, 1.1): organisations, values, dates, documents.

OCDS numbers are JSON numbers of currency units: fen become yuan with two decimals, exactly, since the encoder writes
what a decimal of that length reads back to.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from node.domain.record import Amount, Party

Json = dict[str, Any]

SCHEME = "CN-USCC"
"""Unified social credit code (GB 32100-2015), for which org-id.guide has no list."""
BEIJING = "+08:00"


def organisation_id(party: Party) -> str:
    """The same party has the same id in every release: by its code, or else by its name.

    >>> organisation_id(Party("重庆某某公司", "91350100M000100Y43"))
    'CN-USCC-91350100M000100Y43'
    """
    if party.uscc:
        return f"{SCHEME}-{party.uscc}"
    return f"CN-NAME-{hashlib.sha256(party.name.encode()).hexdigest()[:16]}"


def reference(party: Party) -> Json:
    """An OrganizationReference."""
    return {"id": organisation_id(party), "name": party.name}


def organisation(party: Party, roles: list[str]) -> Json:
    """An entry of `parties`. A code that was joined by name and not printed in the notice says so."""
    found: Json = {"id": organisation_id(party), "name": party.name, "roles": roles}
    if party.uscc:
        found["identifier"] = {"scheme": SCHEME, "id": party.uscc, "legalName": party.name}
        if party.uscc_joined:
            found["details"] = {"identifierJoinedByName": True}
    return found


def yuan(fen: int) -> int | float:
    """Fen as a JSON number of yuan.

    >>> yuan(3360000), yuan(1999), yuan(-5)
    (33600, 19.99, -0.05)
    """
    whole, rest = divmod(fen, 100)
    return whole if not rest else float(Decimal(fen).scaleb(-2))


def value(amount: Amount | None) -> Json | None:
    """A Value in yuan; None where the source gives no single sum, or one for a period (a rent is no total)."""
    if amount is None or amount.fen is None or amount.per:
        return None
    return {"amount": yuan(amount.fen), "currency": "CNY"}


def value_fen(fen: int | None) -> Json | None:
    return None if fen is None else {"amount": yuan(fen), "currency": "CNY"}


def moment(text: str) -> str | None:
    """An RFC 3339 date-time of a source's ISO text; a day is its first moment in Beijing. None when it is less exact.

    >>> moment("2025-03-24"), moment("2026-03-17T00:32"), moment("2025-01"), moment("2025-01-22T09:00:00+08:00")
    ('2025-03-24T00:00:00+08:00', '2026-03-17T00:32:00+08:00', None, '2025-01-22T09:00:00+08:00')
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if len(text) < 10:
        return None
    plain = found.replace(tzinfo=None).isoformat(timespec="seconds")
    return plain + BEIJING if found.tzinfo is None else found.isoformat(timespec="seconds")


def moment_ms(ms: int) -> str:
    """An RFC 3339 date-time in UTC of milliseconds.

    >>> moment_ms(1_764_000_000_000)
    '2025-11-24T16:00:00Z'
    """
    return datetime.fromtimestamp(ms // 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def document(number: str, sort: str, title: str, url: str, published: str | None = None) -> Json:
    found: Json = {"id": number, "documentType": sort, "title": title, "url": url}
    if published:
        found["datePublished"] = published
    return found


def without_empty(found: Json) -> Json:
    """Without what is not known: OCDS wants no empty fields."""
    return {name: each for name, each in found.items() if each not in (None, "", [], {})}
