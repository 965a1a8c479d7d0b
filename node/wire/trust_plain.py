"""The trust policy as a plain c2sp.org/tlog-policy, by which outside verifiers judge receipts of one log."""

from __future__ import annotations

from node.errors import NotFound
from node.tlog.policy import NONE, LogPolicy, PolicyGroup, PolicyLog, PolicyWitness
from node.wire.trust import TrustPolicy


def plain_policy(policy: TrustPolicy, origin: str) -> LogPolicy:
    """The c2sp.org/tlog-policy by which an outside verifier judges receipts of one origin.

    Its quorum is the mirror cosignature of the node above the origin, where there is one: the least that makes a record
    safe (DESIGN L9). Witnesses and mirrors higher up are listed, so that a stricter quorum is one line to change. Its
    form has no words for sizes and dates, so revoked and retired keys are left out, and with them what they signed
    while they were good. Raises NotFound for an origin that the policy does not know, or has no key left for.
    """
    node = policy.node_of_origin(origin)
    if node is None:
        raise NotFound(f"the trust policy knows no origin {origin}", field="origin")
    keys = [key for key in policy.log_keys(origin) if policy.revocation(key) is None]
    if not keys:
        raise NotFound(f"every key of {origin} is revoked, which no plain policy can say", field="origin")
    above = policy.path_up(node)
    witnesses: list[PolicyWitness] = []
    mirrors: list[str] = []
    for grant in (grant for name in above for grant in policy.grants(node=name)):
        if grant.use in ("mirror", "witness") and policy.retired_at(grant.key) is None:
            # After a rotation two keys have one name, which a plain policy cannot have.
            taken = any(each.name == grant.key.name for each in witnesses)
            name = f"{grant.key.name}+{grant.key.key_id.hex()}" if taken else grant.key.name
            witnesses.append(PolicyWitness(name, grant.key))
            if grant.node == above[0] and grant.use == "mirror":
                mirrors.append(witnesses[-1].name)
    logs = tuple(PolicyLog(key) for key in keys)
    if len(mirrors) <= 1:
        return LogPolicy(logs, tuple(witnesses), (), mirrors[0] if mirrors else NONE)
    group = PolicyGroup("above", 1, tuple(mirrors))
    return LogPolicy(logs, tuple(witnesses), (group,), "above")
