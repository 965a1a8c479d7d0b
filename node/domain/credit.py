"""Shapes of credit records (信用): scores, behaviours and blacklist entries (信用信息, data sets 300 to 306).

Scores and points are integers in thousandths of a point: `103.25` is 103250.
"""

from __future__ import annotations

import msgspec

from node.domain.record import Party


class CreditScore(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """信用评分 of one party in one qualification. All points in thousandths."""

    party: Party
    organisation_id: str = ""
    archive_id: str = ""
    field_of_work: str = ""
    qualification: str = ""
    qualification_id: str = ""
    grade: str = ""
    score: int | None = None
    initial: int | None = None
    base: int | None = None
    bonus: int | None = None
    deducted: int | None = None
    texts: dict[str, str] = {}


class CreditBehaviour(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """良好行为 / 不良行为: one act and the points it earns or costs for a time."""

    party: Party
    good: bool
    reason: str
    project_name: str = ""
    qualification: str = ""
    behaviour_class: str = ""
    starts_on: str = ""
    ends_on: str = ""
    months_valid: int | None = None
    points: int | None = None
    document_no: str = ""
    first_seen: str = ""
    last_seen: str = ""


class BlacklistEntry(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """黑名单 or penalty notice: who was listed by whom, why and with what consequence (national data set 302)."""

    party: Party
    authority: str
    list_name: str = ""
    reason: str = ""
    sanction: str = ""
    decided_on: str = ""
    document_no: str = ""
