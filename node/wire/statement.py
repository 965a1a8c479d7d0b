"""Signed and dated words of nodes on how large a log is: cosigned heads, custody notes, `log.observe` records.

What evidence against a node is made of (`evidence_check`): who said what, once its signatures and hashes are checked.
A check raises Malformed, BadSignature, BadProof, or Refused when it needs a trust policy.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from node.domain.logs import Observation
from node.domain.record import Document
from node.errors import BadSignature, Malformed, Refused
from node.tlog.checkpoint import Checkpoint, open_checkpoint, read_checkpoint
from node.tlog.cosignature import cosignature_time
from node.tlog.merkle import leaf_hash, verify_inclusion
from node.tlog.note import VerifierKey
from node.tlog.proof import TlogProof
from node.wire import header as headers
from node.wire import payload as payloads
from node.wire.custody import Custody, open_custody
from node.wire.evidence import Statement
from node.wire.header import Header
from node.wire.heads import cosignatures
from node.wire.receipt import Extra, Policy
from node.wire.trust import TrustPolicy

SLACK_MS = 10_000
"""By how much two dated statements of one node must be apart to contradict: both come from its clock, in seconds."""

_observation = msgspec.msgpack.Decoder(Document[Observation])


@dataclass(frozen=True, slots=True)
class Said:
    """`who` (a node, or a log where only log keys are known) said at `time_ms` that the log had `size` entries.

    `index` is the place of the statement in `log`, a log of `who`, where it is a record.
    """

    who: str
    size: int
    time_ms: int
    index: int | None = None
    log: str = ""

    def contradicts(self, later: Said) -> bool:
        """Whether `later` takes back what this says."""
        if self.who != later.who or self.size <= later.size:
            return False
        # Each epoch of a node counts from 0: places in two logs say nothing of which came first.
        if self.index is not None and later.index is not None and self.log == later.log:
            return self.index < later.index
        return self.time_ms + SLACK_MS < later.time_ms


def said(statement: Statement, origin: str, policy: Policy) -> list[Said]:
    """What a statement says about the size of a log, once for each node that signed it. Raises as a check does."""
    if statement.form == "observed":
        return [_said_observed(statement, origin, policy)]
    if not isinstance(policy, TrustPolicy):
        raise _needs_trust_policy()
    if statement.form == "custody":
        who, custody = open_custody_of(statement.note, policy, origin)
        return [Said(who, custody.size, custody.time_s * 1000)]
    head, _ = open_signed(policy, origin, statement.note.encode())
    _, note = read_checkpoint(statement.note.encode())
    nodes = {grant.key: grant.node for grant in policy.keys}
    found = [Said(nodes[key], head.size, cosignature_time(line) * 1000) for key, line in cosignatures(policy, note)]
    if not found:
        raise BadSignature("no cosigner of the policy signed the note")
    return found


def _said_observed(statement: Statement, origin: str, policy: Policy) -> Said:
    log, index, body = open_observation(statement, policy)
    who = policy.node_of_origin(log) if isinstance(policy, TrustPolicy) else log
    return Said(who or log, body.sizes.get(origin, 0), body.observed_ms, index, log)


def open_custody_of(note: str, policy: Policy, origin: str) -> tuple[str, Custody]:
    """(node, what it says) of a custody note about that log. Raises as a check does."""
    if not isinstance(policy, TrustPolicy):
        raise _needs_trust_policy()
    grants = policy.grants(use="custody")
    custody, _, key = open_custody(note.encode(), [grant.key for grant in grants])
    if custody.origin != origin:
        raise Malformed("the custody note speaks of another log")
    until_s = policy.retired_at(key)
    if until_s is not None and custody.time_s > until_s:
        raise BadSignature("the custody key was retired before this note: it may be a thief's")
    return next(grant.node for grant in grants if grant.key == key), custody


def open_observation(statement: Statement, policy: Policy) -> tuple[str, int, Observation]:
    """(log, index, body) of the `log.observe` record of an `observed` statement. Raises as a check does."""
    proof, header, head = open_receipt(statement.receipt, policy)
    main = header.section("main")
    salt = dict(Extra.parse(proof.extra or b"").salts).get("main", b"")
    if header.kind != "log.observe" or main is None or statement.form != "observed":
        raise Malformed("the receipt is not of a log.observe record")
    payloads.check(salt, statement.payload, main.commitment)
    return head.origin, proof.index, read_observation(statement.payload)


def read_observation(payload: bytes) -> Observation:
    """The body of a `log.observe` record. Raises Malformed."""
    try:
        return _observation.decode(payload).body
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"not an observation: {error}") from None


def open_receipt(data: bytes, policy: Policy) -> tuple[TlogProof, Header, Checkpoint]:
    """A receipt's entry, led to a head that its log signed: its own word, so no cosignature is asked for."""
    proof = TlogProof.parse(data)
    extra = Extra.parse(proof.extra or b"")
    claimed, _ = read_checkpoint(proof.checkpoint_note)
    head, _ = open_signed(policy, claimed.origin, proof.checkpoint_note)
    verify_inclusion(proof.index, head.size, leaf_hash(extra.header), proof.proof, head.root)
    return proof, headers.parse(extra.header), head


def open_signed(policy: Policy, origin: str, note: bytes) -> tuple[Checkpoint, list[VerifierKey]]:
    """A head that a key of that log signed, whatever has been said about the key or the log since."""
    head, _, verified = open_checkpoint(note, log_keys_of(policy, origin))
    if head.origin != origin:
        raise Malformed("a note is of another log than the evidence")
    return head, [key for key, _ in verified]


def log_keys_of(policy: Policy, origin: str) -> list[VerifierKey]:
    """All keys that ever signed for a log, by either sort of policy."""
    if isinstance(policy, TrustPolicy):
        return policy.log_keys(origin)
    return [log.key for log in policy.logs if log.key.name == origin]


def _needs_trust_policy() -> Refused:
    return Refused(
        "cosignatures and custody notes are tied to nodes by a trust policy only",
        zh="核验共同签名与托管声明需要信任策略",
        advice_zh="请以 --policy 给出信任策略（节点的 /api/policy/N）。",
        advice_en="Give a trust policy with --policy (/api/policy/N of a node).",
    )
