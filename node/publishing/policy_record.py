"""Log versions of the trust policy in our own log: no node can be shown a policy that others do not see (L20)."""

from __future__ import annotations

from functools import partial

from node.domain.record import Document, Draft, Source
from node.domain.trust import PolicyVersion
from node.publishing.publish import Publisher
from node.store import cursors
from node.store.db import Store
from node.tlog.note import parse_note
from node.trusted import Trusted, versions_above
from node.wire.trust import parse

KIND = "trust.policy"
_LOGGED = "policy_logged"


def draft(note: bytes) -> Draft:
    """The record of one version."""
    policy = parse(parse_note(note))
    body = PolicyVersion(version=policy.version, hash=policy.hash(), note=note.decode("utf-8"))
    document = Document(f"v{policy.version}", body, Source(policy.federation, "", str(policy.version)))
    return Draft(KIND, document.key, {"main": document}, {"hash": body.hash})


def logs_policy(trusted: Trusted) -> bool:
    """Whether this node logs the policy: it stands above others of the federation, and is no national node."""
    policy = trusted.held
    me = None if policy is None else policy.member(trusted.me)
    return policy is not None and me is not None and me.role == "hub" and bool(policy.below(trusted.me))


async def log_versions(store: Store, trusted: Trusted, publisher: Publisher, coming: bytes = b"") -> int:
    """Log the versions after the first that are held here, and one that is `coming`, as far as our log lacks them.

    The first is known by its hash, handed over by hand. Gives how many were logged; raises what `publish` does.
    """
    if not logs_policy(trusted):
        return 0
    done = await store.read(partial(cursors.fact, name=_LOGGED))
    last = max(1, int(done or 0))
    notes = await store.read(partial(versions_above, number=last, limit=10_000))
    drafts = [draft(note) for note in (*notes, *([coming] if coming else []))]
    if not drafts:
        return 0
    outcomes = await publisher.publish(drafts)
    reached = last + len(drafts)
    await store.write(partial(cursors.set_fact, name=_LOGGED, value=str(reached)))
    return sum(outcome.state == "published" for outcome in outcomes)
