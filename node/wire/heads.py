"""What a signed checkpoint is worth under the trust policy: the one place where heads of logs are opened (DESIGN L19).

A head counts when a log key that the policy grants for its size has signed it, in the second suite too where that is
granted, and no closure of the log and no revocation of the key speaks against it. Under a revoked key, and of a log
that was closed, it counts up to the size named there, when it is that very head, or is proven to lie before it, or
enough nodes above have cosigned it: who has only the key, or signed two histories, cannot make one of these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from node.errors import BadProof, BadSignature, NodeError, NotFound
from node.tlog.checkpoint import Checkpoint, open_checkpoint, read_checkpoint
from node.tlog.cosignature import cosignature_time
from node.tlog.merkle import verify_consistency
from node.tlog.note import Note, Signature, VerifierKey, verify_note
from node.tlog.suites import with_added
from node.wire.trust import Revocation, TrustPolicy

_NEWER_ZH = "请取较新版本的信任策略（节点的 /api/policy），核对指纹后重试。"
_NEWER_EN = "Get a newer version of the trust policy (/api/policy of a node), compare its fingerprint, try again."
_REVOKED_ZH = "该日志密钥已吊销；请向持有该日志的节点索取由新密钥签名的检查点。"
_REVOKED_EN = "That log key is revoked: ask a node that holds the log for a checkpoint under its new key."
_PROVE_ZH = "请取一致性证明（/api/logs/…/consistency）并用 ggzy verify --consistency 给出，或取共同签名更多的回执。"
_PROVE_EN = (
    "Give a consistency proof (/api/logs/…/consistency) with ggzy verify --consistency,"
    " or get a receipt with more cosignatures."
)

Cosigned = tuple[tuple[VerifierKey, Signature], ...]


@dataclass(frozen=True, slots=True)
class Head:
    """A checkpoint that counts under a policy.

    `signers` are the log keys that signed it; `log_lines` their lines, `cosigned` the lines of cosigners of the policy
    that verified, with their keys. Lines of others are in `note` only.
    """

    checkpoint: Checkpoint
    note: Note
    signers: tuple[VerifierKey, ...]
    log_lines: tuple[Signature, ...]
    cosigned: Cosigned

    @property
    def lines(self) -> tuple[Signature, ...]:
        """Every line that was verified: the log's, then the cosigners'."""
        return (*self.log_lines, *(line for _, line in self.cosigned))


def open_head(policy: TrustPolicy, data: bytes, *, consistency: Sequence[bytes] | None = None) -> Head:
    """Parse a signed checkpoint and judge it.

    `consistency` is a proof from the head to the one named in the revocation of its key, when its holder has one.

    Raises:
        Malformed: no note, or no checkpoint in it.
        NotFound: the policy knows no log of that origin.
        BadSignature: no key signed it that may sign a tree of this size; or its key is revoked, or its log closed, and
            the head lies beyond or is not proven to lie before.
        BadProof: `consistency` does not hold.
        Unavailable: the policy asks for a suite that this machine cannot check.
    """
    checkpoint, note = read_checkpoint(data)
    if policy.node_of_origin(checkpoint.origin) is None:
        raise NotFound("the trust policy knows no log of that origin", field="origin")
    keys = policy.log_keys(checkpoint.origin, checkpoint.size)
    if not keys:
        raise BadSignature(
            f"the trust policy knows no key of {checkpoint.origin} for a tree of {checkpoint.size}",
            zh=f"信任策略不认识日志 {checkpoint.origin}（树大小 {checkpoint.size}）的签名密钥",
            advice_zh=_NEWER_ZH,
            advice_en=_NEWER_EN,
        )
    verified = verify_note(note, keys)
    _check_closed(policy, checkpoint)
    cosigned = cosignatures(policy, note)
    signed = {(key.name, key.key_id) for key, _ in verified}
    judge = _judge(policy, checkpoint, cosigned, consistency)
    # Any one way to a trusted signature is enough: a key on its way out may be revoked while its follower signs too.
    good: list[VerifierKey] = []
    failure: NodeError | None = None
    for key in keys:
        if all((part.name, part.key_id) in signed for part in with_added(key)):
            try:
                for part in with_added(key):
                    judge(part)
            except (BadSignature, BadProof) as error:
                failure = failure or error
            else:
                good.append(key)
    if not good and failure is not None:
        raise failure
    counted = {(part.name, part.key_id) for key in good for part in with_added(key)}
    lines = tuple(line for _, line in verified if (line.name, line.key_id) in counted)
    return Head(checkpoint, note, tuple(dict.fromkeys(good)), lines, cosigned)


def open_own(policy: TrustPolicy, origin: str, data: bytes) -> tuple[Checkpoint, Note]:
    """Parse a checkpoint that bears a signature of one of our own keys, of whatever time (DESIGN L9, L10).

    Sizes and closures play no part: what our key has signed is ours to explain. But a revoked key proves nothing
    beyond the head of its revocation, or else whoever stole it could stop us.
    Raises Malformed; BadSignature for a note of another log or key.
    """
    checkpoint, note, verified = open_checkpoint(data, policy.log_keys(origin))
    for key, _ in verified:
        revoked = policy.revocation(key)
        if revoked is None or checkpoint.size <= revoked.size:
            return checkpoint, note
    raise BadSignature(f"the note of size {checkpoint.size} is signed by a revoked key alone")


def cosignatures(policy: TrustPolicy, note: Note) -> Cosigned:
    """The lines of witnesses and mirrors of the policy that verify and are not dated after their key's retirement.

    A line that does not verify is left out: the protocols of witnesses look at the log's keys only.
    """
    found: list[tuple[VerifierKey, Signature]] = []
    keys = policy.cosigner_keys()
    for line in note.signatures:
        key = next((each for each in keys if each.made(line)), None)
        if key is None or key in (held for held, _ in found):
            continue
        try:
            key.verify(note.text, line)
        except BadSignature:
            continue
        until_s = policy.retired_at(key)
        if until_s is None or cosignature_time(line) <= until_s:
            found.append((key, line))
    return tuple(found)


def nodes_above(policy: TrustPolicy, origin: str, cosigned: Cosigned) -> set[str]:
    """Names of the nodes above a log that have cosigned, as witness or as mirror."""
    above = set(policy.path_up(policy.node_of_origin(origin) or ""))
    keys = {key for key, _ in cosigned}
    return {grant.node for grant in policy.keys if grant.node in above and grant.key in keys}


def _check_closed(policy: TrustPolicy, head: Checkpoint) -> None:
    ended = policy.closure(head.origin)
    if ended is None or head.size < ended.size:
        return
    if head.size > ended.size or head.root != ended.root:
        raise BadSignature(
            f"the log {head.origin} was closed at size {ended.size} with another head",
            zh=f"日志 {head.origin} 已在大小 {ended.size} 处关闭，此检查点不在其内",
            advice_zh="请以后继日志为准；如此检查点来自别的节点，请保留作为证据并通知监督部门。",
            advice_en="Use the log that follows on it; keep this checkpoint as evidence and tell the supervisor.",
        )


def _judge(
    policy: TrustPolicy, head: Checkpoint, cosigned: Cosigned, consistency: Sequence[bytes] | None
) -> Callable[[VerifierKey], None]:
    """A check of one key that signed `head`: raises BadSignature or BadProof when its revocation speaks against it."""

    def check(key: VerifierKey) -> None:
        revoked = policy.revocation(key) or _as_revocation(policy, key, head.origin)
        if revoked is None or (head.size, head.root) == (revoked.size, revoked.root):
            return
        if head.size >= revoked.size:
            raise BadSignature(
                f"the key of {head.origin} is revoked from size {revoked.size} on, and this head is another",
                zh=f"日志 {head.origin} 的签名密钥已吊销：大小 {revoked.size} 之后的检查点无效",
                advice_zh=_REVOKED_ZH,
                advice_en=_REVOKED_EN,
            )
        if consistency is not None:
            _prove(head, revoked, consistency)
        elif len(nodes_above(policy, head.origin, cosigned)) < policy.quorum:
            raise BadSignature(
                f"the log {head.origin} is closed or its key revoked, and fewer than {policy.quorum} nodes above"
                " cosigned this head",
                zh=f"日志 {head.origin} 已关闭或其签名密钥已吊销，且此检查点的上级共同签名不足 {policy.quorum} 个",
                advice_zh=_PROVE_ZH,
                advice_en=_PROVE_EN,
            )

    return check


def _as_revocation(policy: TrustPolicy, key: VerifierKey, origin: str) -> Revocation | None:
    """A log is closed because its key has signed, or may have signed, two histories: only one of them counts on."""
    ended = policy.closure(origin)
    return None if ended is None else Revocation(key, ended.size, ended.root)


def _prove(head: Checkpoint, revoked: Revocation, consistency: Sequence[bytes]) -> None:
    try:
        verify_consistency(head.size, revoked.size, head.root, revoked.root, list(consistency))
    except BadProof:
        raise BadProof(
            f"the consistency proof does not lead from size {head.size} to the revoked head of {revoked.size}",
            zh=f"一致性证明不成立：无法由大小 {head.size} 推出吊销时的检查点（大小 {revoked.size}）",
            advice_zh="请重新取证明（from 为回执的树大小，to 为吊销时的大小）；仍不成立则此回执不能作为凭据。",
            advice_en="Get the proof again (from: the receipt's tree size, to: the revoked size); if it still fails,"
            " the receipt proves nothing.",
        ) from None
