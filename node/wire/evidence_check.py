"""Judge an evidence file offline, under a trust policy or a plain tlog-policy: what it proves, and what it does not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from node.errors import BadSignature, Malformed, Refused
from node.tlog.checkpoint import read_checkpoint
from node.tlog.cosignature import cosignature_time
from node.tlog.merkle import leaf_hash, verify_consistency, verify_inclusion
from node.wire import payload as payloads
from node.wire.evidence import ChangedHeader, Evidence, FalseObservation, Fork, SwappedPayload, Withheld
from node.wire.heads import cosignatures
from node.wire.receipt import Policy
from node.wire.statement import Said, log_keys_of, open_custody_of, open_observation, open_receipt, open_signed, said
from node.wire.trust import TrustPolicy

Pair = tuple[str, str]

_CLOCK: Pair = (
    "未证明：该节点时钟是否准确；若其时钟曾大幅回拨，两份声明可能都是诚实的。",
    "Not proven: that the node's clock was right. Had it been set back by far, both statements could be honest.",
)
_WHO: Pair = (
    "未证明：这些字节由谁提供；提供内容的应答没有签名。",
    "Not proven: who served these bytes, as answers are not signed.",
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an evidence file proves and what it leaves open, each in Chinese and English."""

    sort: str
    origin: str
    proven: tuple[Pair, ...]
    left_open: tuple[Pair, ...]


def verify(evidence: Evidence, policy: Policy) -> Verdict:
    """Check every signature and hash of an evidence file.

    Raises:
        Malformed: a part of it cannot be read.
        BadSignature: a note is not signed by a key of the policy.
        BadProof: a Merkle proof does not hold.
        Refused: it is all genuine and contradicts nothing, or it needs a trust policy to be judged.
    """
    match evidence:
        case Fork():
            proven, left_open = _fork(evidence, policy)
        case Withheld():
            proven, left_open = _withheld(evidence, policy)
        case FalseObservation():
            proven, left_open = _false_observation(evidence, policy)
        case SwappedPayload():
            proven, left_open = _swapped(evidence, policy)
        case ChangedHeader():
            proven, left_open = _changed(evidence, policy)
    return Verdict(evidence.sort, evidence.origin, tuple(proven), tuple(left_open))


Found = tuple[list[Pair], list[Pair]]


def _maybe_a_thiefs(policy: Policy, *logs: str) -> list[Pair]:
    """What to say when a key of one of these logs is revoked: it may not have been the node that signed."""
    if not isinstance(policy, TrustPolicy) or not any(each.key.name in logs for each in policy.revoked):
        return []
    return [
        (
            "其中有密钥已被吊销：吊销之后的签名可能出自盗用者。",
            "One of the keys is revoked: what it signed after that may be a thief's.",
        )
    ]


# --- two heads of one log -------------------------------------------------------------------------------------------


def _fork(evidence: Fork, policy: Policy) -> Found:
    opened = [open_signed(policy, evidence.origin, note.encode()) for note in evidence.notes]
    for (head, _), branch in zip(opened, evidence.branches, strict=True):
        verify_consistency(evidence.at, head.size, branch.root, head.root, branch.proof)
    if evidence.branches[0].root == evidence.branches[1].root:
        raise _harmless("the two heads have the same history where they are compared")
    small, large = sorted(head.size for head, _ in opened)
    keys = sorted({f"{key.name}+{key.key_id.hex()}" for _, found in opened for key in found})
    names = ", ".join(keys)
    proven: list[Pair] = [
        (
            f"密钥 {names} 的持有者为日志 {evidence.origin} 签署了两份互相矛盾的树头"
            f"（大小 {small} 与 {large}，至迟在 {evidence.at} 处分叉）：该日志有两段历史。",
            f"The holder of {names} signed two contradicting heads of {evidence.origin}, "
            f"at sizes {small} and {large}, which part at {evidence.at} or before: the log has two histories.",
        )
    ]
    left_open: list[Pair] = [
        (
            "未证明：哪一段是真的，是谁或什么造成的（恢复旧备份、密钥被盗、有意造假都可能）。",
            "Not proven: which one is right, or what led to it: a restored backup, a stolen key, intent.",
        )
    ]
    return proven, left_open + _maybe_a_thiefs(policy, evidence.origin)


# --- more said before, less said later ------------------------------------------------------------------------------


def _withheld(evidence: Withheld, policy: Policy) -> Found:
    if evidence.section:
        return _claimed_payload(evidence, policy)
    spoken = [said(statement, evidence.origin, policy) for statement in evidence.statements]
    if len(spoken) == 1:
        first = max(spoken[0], key=lambda each: each.size)
        if first.size == 0:
            raise _harmless("the statement claims nothing of that log")
        proven = [_words_said(first, evidence.origin)]
        refused = (
            "未证明：该节点后来拒绝提供；请任何人自行向其索取核对。",
            "Not proven: that the node refused to hand it out; anybody may ask it and compare.",
        )
        return proven, [refused, *_maybe_a_thiefs(policy, first.log)]
    if len(spoken) != 2:
        raise Malformed("this sort of evidence has one or two statements", field="statements")
    pairs = [(a, b) for a in spoken[0] for b in spoken[1] if a.contradicts(b)]
    if not pairs:
        raise _harmless("no statement takes back what the same node said before")
    before, after = pairs[0]
    proven = [
        _words_said(before, evidence.origin),
        _words_said(after, evidence.origin),
        (
            f"{after.who} 先声明的比后声明的多：它隐瞒或丢失了日志 {evidence.origin} 的条目"
            f"（{after.size} 至 {before.size}）。",
            f"{after.who} said more before than later: it withholds or lost entries {after.size} to {before.size} "
            f"of {evidence.origin}.",
        ),
    ]
    dated = before.index is None or after.index is None or before.log != after.log
    return proven, ([_CLOCK] if dated else []) + _maybe_a_thiefs(policy, before.log, after.log)


def _claimed_payload(evidence: Withheld, policy: Policy) -> Found:
    if len(evidence.statements) != 1 or evidence.statements[0].form != "custody":
        raise Malformed("evidence about a payload has one custody note", field="statements")
    who, custody = open_custody_of(evidence.statements[0].note, policy, evidence.origin)
    if not custody.holds(evidence.index, evidence.section):
        raise _harmless("the custody note does not claim that payload")
    return [
        (
            f"{who} 于 {_moment(custody.time_s)} 签名声明持有 {evidence.origin} 第 {evidence.index} 条"
            f"的 {evidence.section} 内容。",
            f"{who} signed at {_moment(custody.time_s)} that it holds the {evidence.section} payload of entry "
            f"{evidence.index} of {evidence.origin}.",
        )
    ], [
        (
            "未证明：它拒绝提供；有权者可自行向其索取核对。",
            "Not proven: that it refused to hand it out; whoever may have it can ask and compare.",
        )
    ]


def _words_said(each: Said, origin: str) -> Pair:
    when = _moment(each.time_ms // 1000)
    return (
        f"{each.who} 于 {when} 签名声明：日志 {origin} 有 {each.size} 条。",
        f"{each.who} signed at {when} that the log {origin} has {each.size} entries.",
    )


# --- a record that names a head which was never signed --------------------------------------------------------------


def _false_observation(evidence: FalseObservation, policy: Policy) -> Found:
    log, index, body = open_observation(evidence.statement, policy)
    if not log_keys_of(policy, evidence.origin):
        raise BadSignature(f"the policy knows no key of {evidence.origin}, so nothing is known of its signatures")
    for text in body.heads:
        try:
            head, _ = read_checkpoint(text.encode())
        except Malformed:
            continue
        if head.origin != evidence.origin:
            continue
        try:
            open_signed(policy, evidence.origin, text.encode())
        except (BadSignature, Malformed):
            return [
                (
                    f"日志 {log} 的第 {index} 条记录把大小 {head.size} 的树头称作 {evidence.origin} 的，"
                    "而所附签名不是该日志密钥的。",
                    f"Entry {index} of the log {log} calls a head of size {head.size} one of {evidence.origin}, "
                    "and the signature with it is not by a key of that log.",
                )
            ], [
                (
                    "未证明：所用策略是最新的；该日志若已换用新密钥，请以较新策略再核。",
                    "Not proven: that the policy is the newest. If the log has a newer key, verify again with it.",
                ),
                *_maybe_a_thiefs(policy, log),
            ]
    raise _harmless("the record names no head of that log with a wrong signature")


# --- bytes that are not what they were served as --------------------------------------------------------------------


def _swapped(evidence: SwappedPayload, policy: Policy) -> Found:
    proof, header, head = open_receipt(evidence.receipt, policy)
    section = header.section(evidence.section)
    if head.origin != evidence.origin or section is None:
        raise Malformed("the receipt is of another log, or its record has no such section")
    if payloads.commitment(evidence.salt, evidence.payload) == section.commitment:
        raise _harmless("the payload is what its header commits to")
    proven: list[Pair] = [
        (
            f"所附字节不是 {evidence.origin} 第 {proof.index} 条 {evidence.section} 部分的内容。",
            f"The bytes are not the {evidence.section} payload of entry {proof.index} of {evidence.origin}.",
        )
    ]
    if evidence.custody:
        who, custody = open_custody_of(evidence.custody, policy, evidence.origin)
        if custody.holds(proof.index, evidence.section):
            when = _moment(custody.time_s)
            proven.append(
                (f"{who} 于 {when} 签名声明持有真正的内容。", f"{who} signed at {when} that it holds the true payload.")
            )
    return proven, [_WHO]


def _changed(evidence: ChangedHeader, policy: Policy) -> Found:
    head, _ = open_signed(policy, evidence.origin, evidence.note.encode())
    verify_inclusion(evidence.index, head.size, evidence.leaf, evidence.proof, head.root)
    if leaf_hash(evidence.entry) == evidence.leaf:
        raise _harmless("the entry is the one in the log")
    proven: list[Pair] = [
        (
            f"所附字节不是 {evidence.origin} 第 {evidence.index} 条：日志自己签名的树里是另一条。",
            f"The bytes are not entry {evidence.index} of {evidence.origin}: the tree that the log signed has another.",
        )
    ]
    if isinstance(policy, TrustPolicy):
        _, note = read_checkpoint(evidence.note.encode())
        mirrors = {grant.key: grant.node for grant in policy.grants(use="mirror")}
        for key, line in cosignatures(policy, note):
            if key in mirrors:
                when = _moment(cosignature_time(line))
                proven.append(
                    (
                        f"{mirrors[key]} 于 {when} 签名声明存有该树的全部条目。",
                        f"{mirrors[key]} signed at {when} that it stores all entries of that tree.",
                    )
                )
    return proven, [_WHO]


# --- below ----------------------------------------------------------------------------------------------------------


def _harmless(why: str) -> Refused:
    return Refused(
        f"this proves nothing: {why}",
        zh="此证据不证明任何问题",
        advice_zh="文件本身可读，但其中的声明互不矛盾；请核对文件是否取对。",
        advice_en="The file can be read, but nothing in it contradicts anything; check that it is the right one.",
    )


def _moment(posix_s: int) -> str:
    try:
        return f"{datetime.fromtimestamp(posix_s, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return f"POSIX {posix_s}"
