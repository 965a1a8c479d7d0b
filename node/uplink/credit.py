"""信用 -> data sets 300 (违法违规), 302 (黑名单), 304 (奖励), 306 (社会信用). Pure."""

from __future__ import annotations

from node.domain.credit import BlacklistEntry, CreditBehaviour, CreditScore
from node.domain.money import points_text
from node.domain.record import Party
from node.uplink.shape import Fields, Message, clean, moment

OPEN = "1"
"""SCOPE 公开范围: to everyone; the table is not confirmed."""


def _body(party: Party) -> Fields:
    return {
        "BODY_NAME": clean(party.name),
        "BODY_CODE": party.uscc,
        "BODY_TYPE": "1",
        "BODY_ROLE": "03",
        "SCOPE": OPEN,
    }


def identifier(base: str) -> str:
    """A record's id as the 36 characters that the sets ask for (a UUID with hyphens)."""
    return f"{base[:8]}-{base[8:12]}-{base[12:16]}-{base[16:20]}-{base[20:32]}"


def blacklist(base: str, entry: BlacklistEntry) -> list[Message]:
    fields = _body(entry.party) | {
        "BLACKLIST_CODE": identifier(base),
        "RECORD_REASON": clean(entry.reason or entry.sanction),
        "RECORD_DATE": moment(entry.decided_on),
        "GOVERNMENT": clean(entry.authority),
        "DOCUMENT_CODE": clean(entry.document_no)[:50],
        "REVOCATION_STATUS": "0",
        "CONFINED_ACTION": "99",
    }
    return [_message("302", base, fields)]


def behaviour(base: str, act: CreditBehaviour, published: str) -> list[Message]:
    """A good behaviour is an award (304), a bad one a violation (300). `published` is the day of the record."""
    if act.good:
        fields = _body(act.party) | {
            "REWARD_PUNISHMENT_TYPE": "01",
            "REWARD_REASON": clean(act.reason),
            "REWARD_DATE": moment(act.starts_on) or moment(published),
            "DOCUMENT_CODE": clean(act.document_no)[:50],
        }
        return [_message("304", base, fields)]
    fields = _body(act.party) | {
        "VIOLATING_CODE": identifier(base),
        "VIOLATING_NAME": clean(act.behaviour_class or act.reason)[:600],
        "VIOLATING_TIME": (moment(act.starts_on) or moment(published))[:8],
        "VIOLATING_TYPE": "9",
        "REWARD_PUNISHMENT_BODY": "99",
        "VIOLATING_INSTRUCTIONS": clean(act.reason),
        "TENDER_PROJECT_NAME": clean(act.project_name)[:200],
        "DOCUMENT_CODE": clean(act.document_no)[:50],
        "CONFINED_ACTION": "99",
        "CONFINED_START": moment(act.starts_on),
        "CONFINED_END": moment(act.ends_on),
        "OPERATE_DATE": moment(published),
    }
    return [_message("300", base, fields)]


def score(base: str, row: CreditScore) -> list[Message]:
    said = [f"{row.field_of_work}{row.qualification}", row.grade]
    if row.score is not None:
        said.append(f"信用分 {points_text(row.score)}")
    return [_message("306", base, _body(row.party) | {"DATA": clean("；".join(filter(None, said)))})]


def _message(number: str, base: str, fields: Fields) -> Message:
    return Message(number, base, {name: value for name, value in fields.items() if value})
