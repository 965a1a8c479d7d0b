"""What no trust policy may say, whoever signed it: each line may be well formed, and the whole be a trap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.errors import Malformed
from node.tlog.merkle import EMPTY_ROOT
from node.tlog.note import KeyType, VerifierKey
from node.wire.trust_lines import LOG_USES

if TYPE_CHECKING:
    from node.wire.trust import TrustPolicy

MAX_TIERS = 8


def check(policy: TrustPolicy) -> None:
    """Raises Malformed."""
    _signers(policy)
    _keys(policy)
    _members(policy)
    _statements(policy)
    _closures(policy)


def _signers(policy: TrustPolicy) -> None:
    for what, keys in (("signer", policy.signers), ("registrar", policy.registrars)):
        if any(key.type != KeyType.ED25519 for key in keys):
            raise Malformed(f"a {what} of the trust policy is no Ed25519 key that signs notes")
        # One key under two names would look like two people.
        if len({key.public for key in keys}) != len(keys):
            raise Malformed(f"a {what}'s key stands twice in the trust policy")
    if len(policy.signers) < policy.threshold:
        raise Malformed("the threshold is larger than the number of signers")


def _keys(policy: TrustPolicy) -> None:
    uses: dict[bytes, tuple[str, str]] = {}
    places: dict[tuple[str, bytes], bytes] = {}
    owners: dict[str, str] = {}

    def claim(key: VerifierKey, use: str) -> None:
        # One key for two kinds of statement would let the one be shown as the other.
        if uses.setdefault(key.public, (key.name, use)) != (key.name, use):
            raise Malformed(f"the key of {key.name} is granted for two uses")
        if places.setdefault((key.name, key.key_id), key.public) != key.public:
            raise Malformed(f"two keys of {key.name} have the same id")

    for key in policy.signers:
        claim(key, "signer")
    for key in policy.registrars:
        claim(key, "registrar")
    for grant in policy.keys:
        if policy.member(grant.node) is None:
            raise Malformed(f"a key is granted to {grant.node}, which is no node of the policy")
        if grant.key.name != grant.node and not grant.key.name.startswith(grant.node + "/"):
            raise Malformed(f"the key name {grant.key.name} does not begin with its node's name")
        # The name of one node may begin with that of another.
        if owners.setdefault(grant.key.name, grant.node) != grant.node:
            raise Malformed(f"the name {grant.key.name} is granted to two nodes")
        claim(grant.key, grant.use)


def _members(policy: TrustPolicy) -> None:
    names = [member.name for member in policy.members]
    if len(set(names)) != len(names):
        raise Malformed("a node stands twice in the trust policy")
    for member in policy.members:
        if member.upstream and policy.member(member.upstream) is None:
            raise Malformed(f"the upstream of {member.name} is no node of the policy")
        # A circle has no end, so it is too deep as well.
        if len(policy.path_up(member.name)) > MAX_TIERS:
            raise Malformed(f"{member.name} stands below more than {MAX_TIERS} tiers, or above itself")


def _statements(policy: TrustPolicy) -> None:
    logs = {grant.key for grant in policy.keys if grant.use in LOG_USES}
    others = {grant.key for grant in policy.keys if grant.use not in LOG_USES}
    for what, keys, known in (
        ("revoked", [each.key for each in policy.revoked], logs),
        ("retired", [each.key for each in policy.retired], others),
    ):
        if len(set(keys)) != len(keys):
            raise Malformed(f"a key is {what} twice")
        for key in keys:
            if key not in known:
                raise Malformed(f"the key of {key.name} is {what}, but not granted for a use that can be")
    for each in policy.revoked:
        _head(each.size, each.root)


def _closures(policy: TrustPolicy) -> None:
    closed = [each.origin for each in policy.closed]
    followed = [each.successor for each in policy.closed if each.successor]
    if len(set(closed)) != len(closed) or len(set(followed)) != len(followed):
        raise Malformed("a log is closed twice, or follows on two others")
    for each in policy.closed:
        node = policy.node_of_origin(each.origin)
        if node is None:
            raise Malformed(f"the log {each.origin} is closed, but no key is granted for it")
        if each.successor and policy.node_of_origin(each.successor) != node:
            raise Malformed(f"the log {each.successor} that follows on {each.origin} is not of the same node")
        _head(each.size, each.root)
    following = {each.origin: each.successor for each in policy.closed}
    for origin in closed:
        place = origin
        for _ in closed:
            place = following.get(place, "")
        if place in following:
            raise Malformed(f"the log {origin} follows on itself")


def _head(size: int, root: bytes) -> None:
    if size == 0 and root != EMPTY_ROOT:
        raise Malformed("a tree of size 0 in the trust policy has another root than the empty tree")
