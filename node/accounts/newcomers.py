"""Nodes that joined later get the key of credentials that were sealed before, so that parties log in there too."""

from __future__ import annotations

from sqlalchemy import Connection, select

from node.accounts.needs import Opens
from node.domain.audience import may_read
from node.errors import NodeError
from node.store import cursors, wraps
from node.store.tables import Log, table
from node.store.tables_accounts import AccountView
from node.wire import sealed
from node.wire.trust import TrustPolicy

_view, _log = table(AccountView), table(Log)
SECTION, AUDIENCE = "credentials", "shared"
_FACT = "accounts-shared"
BATCH = 50
"""Records a transaction: each new reader of each is one wrap."""


def let_in(conn: Connection, sealer: Opens, policy: TrustPolicy, me: str) -> int:
    """Let the nodes of this policy read the credentials in our own records; gives how many readers were added.

    Done once for each version of the policy; a call does a part of it, and is to be made again while it gives some.
    """
    if cursors.fact(conn, _FACT) == str(policy.version):
        return 0
    own = select(_view.c.idx, _view.c.log_id, _log.c.origin).join(_log, _log.c.id == _view.c.log_id)
    rows = conn.execute(own.where(_log.c.own, _view.c.sealed != "").order_by(_view.c.log_id, _view.c.idx)).all()
    readers = _readers(policy, me)
    added, done = 0, 0
    for row in rows:
        listed = wraps.get(conn, row.log_id, row.idx, SECTION)
        if listed is None:
            continue
        known = {wrap.key_id for wrap in sealed.parse_list(listed.note.rpartition("\n\n")[0] + "\n").wraps}
        lacking = [node for node, key_ids in readers.items() if not known & key_ids]
        for node in lacking:
            try:
                sealer.share(conn, row.origin, row.idx, SECTION, node)
            except NodeError:
                continue  # it cannot be let in now; the next version of the policy asks again
            added += 1
        done += bool(lacking)
        if done >= BATCH:
            return added
    cursors.set_fact(conn, _FACT, str(policy.version))
    return added


def _readers(policy: TrustPolicy, me: str) -> dict[str, frozenset[str]]:
    """Node -> ids of its seal keys, of all nodes that may log parties in."""
    found: dict[str, frozenset[str]] = {}
    for grant in policy.grants(use="seal"):
        member = policy.member(grant.node)
        entitled = member is not None and may_read(AUDIENCE, member.role, is_origin=False, is_above_origin=False)
        if entitled and grant.node != me and policy.retired_at(grant.key) is None:
            found[grant.node] = found.get(grant.node, frozenset()) | {grant.key.key_id.hex()}
    return found
