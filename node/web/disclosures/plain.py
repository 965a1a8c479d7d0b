"""A trade as JSON: what its page shows, with stable names (docs/portal.md), times in UTC milliseconds, money in fen."""

from __future__ import annotations

from typing import Any

from node.web.disclosures.shapes import ActShown, DueShown, LotShown, StripShown, TradeShown
from node.web.portal_fields import Change
from node.web.portal_text import Pair

Json = dict[str, Any]


def of_trade(trade: TradeShown, node: str) -> Json:
    return {
        "trade": trade.key,
        "node": node,
        "category": trade.category,
        "title": trade.title,
        "project_name": trade.project_name,
        "project_code": trade.project_code,
        "division": trade.division,
        "owner": trade.owner,
        "agency": trade.agency,
        "unified_codes": list(trade.codes),
        "rules": trade.rules,
        "ended": trade.ended,
        "void": trade.void,
        "made_up": trade.made_up,
        "fault": _pair(trade.fault),
        "missing_acts": list(trade.gaps),
        "lots": [_lot(each) for each in trade.lots],
        "strip": [_strip(each) for each in trade.strip],
        "disclosures": [_act(each) for each in trade.order],
    }


def _lot(lot: LotShown) -> Json:
    return {
        "number": lot.number,
        "name": lot.name,
        "code": lot.code,
        "stage": _pair(lot.stage),
        "round": lot.round,
        "suspended": lot.suspended,
        "steps": [{"stage": step.id, "name": _pair(step.name), "state": step.state} for step in lot.steps],
    }


def _strip(strip: StripShown) -> Json:
    return {
        "disclosure": strip.kind,
        "name": _pair(strip.name),
        "state": strip.state,
        "acts": list(strip.acts),
        "owed": [_due(each) for each in strip.dues],
    }


def _due(due: DueShown) -> Json:
    return {
        "act": _pair(due.act),
        "lots": list(due.lots),
        "clock": _pair(due.clock),
        "basis": due.basis,
        "verified": due.verified,
        "due_ms": due.due_ms,
        "state": due.state,
        "done_by": due.done_seq,
    }


def _act(each: ActShown) -> Json:
    said, act = each.said, each.said.act
    return {
        "seq": act.seq,
        "act": act.act,
        "name": _pair(each.name),
        "title": act.title,
        "disclosure": each.disclosure,
        "lots": list(act.lots),
        "at_ms": act.at,
        "published_ms": said.published_ms,
        "late": each.late,
        "record_id": said.record_id,
        "version": said.version,
        "origin": said.origin,
        "index": said.index,
        "leaf": said.leaf,
        "receipt": f"/api/records/{said.record_id}/receipt",
        "withdrawn": said.withdrawn_ms > 0,
        "withdrawn_ms": said.withdrawn_ms,
        "reason": said.reason,
        "publisher": said.publisher,
        "changes_act": each.target,
        "changed_by": list(each.changed_by),
        "changes": [_change(change) for change in each.changes],
        "fields": act.fields,
        "shown": [
            {"name": field.name, "label": _pair(field.label), "lines": [_pair(cell.text) for cell in field.cells]}
            for field in each.fields
        ],
        "attachments": [
            {"name": file.name, "sha256": file.sha256, "size": file.size, "media_type": file.media_type}
            for file in act.attachments
        ],
    }


def _change(change: Change) -> Json:
    return {
        "label": _pair(change.label),
        "old": [_pair(line) for line in change.old],
        "new": [_pair(line) for line in change.new],
    }


def _pair(pair: Pair | None) -> Any:
    return None if pair is None else {"zh": pair[0], "en": pair[1]}
