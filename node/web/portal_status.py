"""The state of the federation in words: for the home page and for the status page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from node.domain import KINDS
from node.projections.reasons import REASONS
from node.store.alarms import SEVERITIES, TITLES, WARNING, AlarmState
from node.store.view_status import Federated, Peer, Quarantined
from node.web.portal_people import People, trouble
from node.web.portal_text import DIRECTIONS, Pair


def home_tables(logs: Sequence[Federated], people: People) -> dict[str, Any]:
    return {"logs": [_log(each, people) for each in logs], "frozen": _frozen(logs)}


def quiet_ms(sync_interval_s: float) -> int:
    """For how long a reachable peer's rows may stay as they are: an idle row is touched once a minute."""
    return int(max(180, 60 + 3 * sync_interval_s) * 1000)


def status_tables(
    logs: Sequence[Federated], held: Sequence[Quarantined], people: People, *, stale_ms: int
) -> dict[str, Any]:
    """What was last heard before `stale_ms` is not shown as today's state."""
    failed_ms: dict[str, int] = {}
    for peer in (peer for each in logs for peer in each.peers if peer.failures):
        failed_ms[peer.peer] = max(failed_ms.get(peer.peer, 0), peer.last_try_ms)

    def unknown(peer: Peer) -> str:
        return _unknown(peer, failed_ms.get(peer.peer, 0), stale_ms)

    return {
        "logs": [
            _log(each, people) | {"above": _above(each), "unknown": next(filter(None, map(unknown, each.peers)), "")}
            for each in logs
        ],
        "frozen": _frozen(logs),
        "peers": [_peer(each, peer, people) | {"unknown": unknown(peer)} for each in logs for peer in each.peers],
        "quarantine": [_quarantined(row, people) for row in held],
    }


def alarm_rows(found: Sequence[AlarmState], people: People) -> list[dict[str, Any]]:
    """Alarms as the status page shows them."""
    return [
        {
            "state": each,
            "title": TITLES.get(each.code, (each.code, each.code)),
            "severity": SEVERITIES.get(each.severity, (each.severity, each.severity)),
            "log_title": people.of_origin(each.origin),
            "grave": each.severity != WARNING,
        }
        for each in found
    ]


def _frozen(logs: Sequence[Federated]) -> str:
    return next((each.log.frozen for each in logs if each.log.own), "")


def _log(each: Federated, people: People) -> dict[str, Any]:
    return {
        "log": each.log,
        "own": each.log.own,
        "title": people.of_origin(each.log.origin),
        "tier": people.tier_of_origin(each.log.origin),
        "newest_ms": each.newest_ms,
        "missing": each.missing,
        "quarantined": each.quarantined,
        "evidence": each.evidence,
        "covers": _covers(each, people),
    }


def _covers(each: Federated, people: People) -> list[dict[str, Any]]:
    """Cosigners, one line for each node and size."""
    found: dict[tuple[str, int], list[Pair]] = {}
    for cover in each.covers:
        signer = people.signer(cover.signer, each.log.origin)
        if signer.use != "log":
            found.setdefault((signer.title, cover.size), []).append(signer.short)
    return [
        {"title": title, "uses": uses, "size": size, "whole": size >= each.log.stored_size}
        for (title, size), uses in found.items()
    ]


def _above(each: Federated) -> Peer | None:
    """What the node above has confirmed of our own log: nothing here says how far it is stored elsewhere."""
    return next((peer for peer in each.peers if each.log.own and peer.direction == "push"), None)


def _peer(each: Federated, peer: Peer, people: People) -> dict[str, Any]:
    # What we push or have witnessed the peer may lack, what we pull we may lack.
    told = peer.mirrored_size or peer.witnessed_size
    there = {"push": peer.mirrored_size, "witness": peer.witnessed_size}.get(peer.direction)
    lag = told - each.log.stored_size if there is None else each.log.stored_size - there
    return {
        "state": peer,
        "direction": DIRECTIONS.get(peer.direction, (peer.direction, peer.direction)),
        "title": people.title(peer.peer),
        "log_title": people.of_origin(each.log.origin),
        "lag": max(0, lag),
        "trouble": trouble(peer.last_error),
    }


def _unknown(peer: Peer, failed_ms: int, stale_ms: int) -> str:
    """Why the lag of what we pull is not known now, as a key of TEXT: how far the peer is, only the peer can tell."""
    if peer.direction != "pull":
        return ""
    if failed_ms > peer.last_ok_ms:
        return "unknown_failed"
    return "unknown_quiet" if peer.last_ok_ms < stale_ms else ""


def _quarantined(row: Quarantined, people: People) -> dict[str, Any]:
    kind = KINDS.get(row.kind)
    return {
        "row": row,
        "title": people.of_origin(row.origin),
        "kind": (kind.zh, kind.en) if kind else (row.kind, row.kind),
        "why": REASONS.get(row.code, (row.reason, row.reason)),
    }
