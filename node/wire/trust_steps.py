"""Which version of the trust policy may follow which (DESIGN L19, after The Update Framework's root rotation).

Every version but the first names the hash of the one before, counts one higher, and is signed by the threshold of the
one before and by its own: so no version is taken back, skipped, or grafted from another branch. A registrar may take a
step alone that adds nodes below others and changes nothing else. What was once revoked, retired or closed stays so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from node.errors import BadSignature, Refused
from node.tlog.note import Note, VerifierKey, parse_note, verify_note
from node.wire.trust import TrustPolicy, parse

NO_REGISTRAR = ("erasure",)
"""Uses that only the threshold may grant."""


def open_first(data: bytes, *, expected_hash: str | None = None) -> TrustPolicy:
    """Version 1: signed by its own threshold, and equal to the hash handed over out of band when one is given.

    Raises Malformed, BadSignature, or Refused when it is another policy than the expected one.
    """
    note = parse_note(data)
    policy = parse(note)
    if policy.version != 1 or policy.previous != "none":
        raise Refused("the first policy must have version 1 and no previous one")
    if expected_hash is not None and policy.hash() != expected_hash:
        raise Refused("this is not the policy whose fingerprint was handed over", field="fingerprint")
    require(note, policy.signers, policy.threshold)
    return policy


def open_next(data: bytes, held: TrustPolicy) -> TrustPolicy:
    """The version after `held`: the next number, naming its hash, signed by the old and the new threshold.

    A registrar of `held` may sign alone what `only_adds_nodes` allows. Raises Malformed, BadSignature, Refused.
    """
    note = parse_note(data)
    # The signatures first: what nobody we know has signed is not worth reading.
    by_registrar = not has_threshold(note, held.signers, held.threshold) and has_threshold(note, held.registrars, 1)
    if not by_registrar:
        require(note, held.signers, held.threshold)
    policy = parse(note)
    check_step(policy, held)
    if by_registrar:
        check_only_adds_nodes(policy, held)
    else:
        require(note, policy.signers, policy.threshold)
    return policy


def check_step(policy: TrustPolicy, held: TrustPolicy) -> None:
    """Whether `policy` may follow `held` at all, whoever signs it. Raises Refused."""
    if policy.federation != held.federation:
        raise Refused("the policy is of another federation", field="federation")
    if policy.version != held.version + 1:
        raise Refused(f"after version {held.version} comes {held.version + 1}, not {policy.version}", field="version")
    if policy.previous != held.hash():
        raise Refused("the policy does not follow from the one held here", field="previous")
    for revoked in held.revoked:
        now = policy.revocation(revoked.key)
        if now is None or now.size > revoked.size or (now.size == revoked.size and now.root != revoked.root):
            raise Refused(f"the revocation of {revoked.key.name} is taken back", field="revoked")
    for retired in held.retired:
        at_s = policy.retired_at(retired.key)
        if at_s is None or at_s > retired.at_s:
            raise Refused(f"the retirement of {retired.key.name} is taken back", field="retired")
    for closed in held.closed:
        ended = policy.closure(closed.origin)
        if ended is None:
            raise Refused(f"the end of the log {closed.origin} is taken back", field="closed")
        # Only the successor may still be named later.
        if ended != closed and (closed.successor or ended != replace(closed, successor=ended.successor)):
            raise Refused(f"the end of the log {closed.origin} is changed", field="closed")


def check_only_adds_nodes(policy: TrustPolicy, held: TrustPolicy) -> None:
    """Whether a step does no more than a registrar may: new nodes below others, and these nodes' keys. Raises Refused.

    A node on top would stand above others' logs, and its cosignature would count for them; a hub's or a national node's
    role decides what is shown to it.
    """
    members, keys = len(held.members), len(held.keys)
    added, granted = policy.members[members:], policy.keys[keys:]
    names = {member.name for member in added}
    if replace(policy, members=policy.members[:members], keys=policy.keys[:keys]) != replace(
        held, version=policy.version, previous=policy.previous
    ):
        raise Refused("a registrar may add nodes, and change nothing else", field="registrar")
    if any(not member.upstream or member.role != "district" for member in added):
        raise Refused("a registrar may add districts below other nodes, and no others", field="registrar")
    # A node of such a name could be granted the key names that another node will want, of its next epoch for one.
    if any(_within(name, other.name) or _within(other.name, name) for name in names for other in held.members):
        raise Refused("a registrar may not add a node whose name lies within another's", field="registrar")
    if any(grant.node not in names or grant.use in NO_REGISTRAR for grant in granted):
        raise Refused("a registrar may grant keys to the nodes that it adds, and none for erasure", field="registrar")


def _within(name: str, other: str) -> bool:
    return name.startswith(f"{other}/")


def has_threshold(note: Note, keys: Iterable[VerifierKey], threshold: int) -> bool:
    """Whether enough of `keys` signed. Raises BadSignature when a line of one of them does not verify, Malformed."""
    return len(signed_by(note, keys)) >= threshold


def signed_by(note: Note, keys: Iterable[VerifierKey]) -> list[VerifierKey]:
    """Those of `keys` that signed the note, each public key once. Raises as `has_threshold`."""
    known = list(keys)
    mine = [line for line in note.signatures if any(key.made(line) for key in known)]
    if not mine:
        return []
    # Counted by public key: one key under two names is one signer.
    return list({key.public: key for key, _ in verify_note(Note(note.text, tuple(mine)), known)}.values())


def require(note: Note, signers: Iterable[VerifierKey], threshold: int) -> None:
    """Raises BadSignature unless `threshold` of `signers` signed the note."""
    count = len(signed_by(note, signers))
    if count < threshold:
        raise BadSignature(
            f"the trust policy has {count} of {threshold} signatures that it needs",
            zh=f"信任策略只有 {count} 个签名，需要 {threshold} 个",
            advice_zh="请用 ggzy policy sign 补足签名；签名人须为上一版与本版策略所列的签署方。",
            advice_en="Add signatures with ggzy policy sign: of signers of the version before and of this one.",
        )
