"""The receipt: a c2sp.org/tlog-proof whose `extra` line lets its holder check the record itself (DESIGN §2).

    extra = msgpack [1, header, [[section, salt], ...], custody note]

`header` is the entry's bytes; the salts are those of sections that the holder may see; the custody note may be empty.
The extra line is not authenticated until its header hashes to the leaf of the proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from node.errors import BadProof, BadSignature, Malformed, NodeError, NotFound
from node.tlog.checkpoint import Checkpoint, read_checkpoint
from node.tlog.cosignature import cosignature_time
from node.tlog.merkle import leaf_hash, verify_inclusion
from node.tlog.mldsa import ML_DSA_44
from node.tlog.note import KeyType, Note, Signature, VerifierKey, parse_note, verify_note
from node.tlog.policy import LogPolicy
from node.tlog.proof import TlogProof
from node.wire import header as headers
from node.wire import payload as payloads
from node.wire import trust
from node.wire.custody import Custody, open_custody
from node.wire.header import Header
from node.wire.heads import Head, open_head
from node.wire.trust import TrustPolicy
from node.wire.trust_steps import has_threshold, require

FORMAT = 1
_AGAIN_ZH = "请从记录页重新下载回执；如仍不成立，该回执已被改动，不能作为凭据。"
_AGAIN_EN = "Download the receipt again; if it still fails, it was changed and proves nothing."
_NEWER_ZH = "请取较新版本的信任策略（节点的 /api/policy），核对指纹后重试。"
_NEWER_EN = "Get a newer version of the trust policy (/api/policy of a node), compare its fingerprint, try again."
_WAIT_ZH = "上级尚未保存该记录，请稍后重新下载回执。"
_WAIT_EN = "The node above has not stored the record yet: download the receipt again later."
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[int, bytes, list[tuple[str, bytes]], bytes])


@dataclass(frozen=True, slots=True)
class Extra:
    """The decoded extra line: entry bytes, (section, salt) pairs, and a custody note (empty for none)."""

    header: bytes
    salts: tuple[tuple[str, bytes], ...]
    custody: bytes

    def encode(self) -> bytes:
        return _encoder.encode([FORMAT, self.header, [list(pair) for pair in self.salts], self.custody])

    @classmethod
    def parse(cls, data: bytes) -> Extra:
        """Raises Malformed."""
        try:
            fmt, header, salts, custody = _decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Malformed(f"the receipt's extra line is not readable: {error}") from None
        if fmt != FORMAT:
            raise Malformed(f"receipt format {fmt} is not known to this version")
        return cls(header, tuple(salts), custody)


@dataclass(frozen=True)
class Verdict:
    """What a verified receipt proves. `cosigners` are (name, POSIX time) of each trusted cosignature that verified."""

    origin: str
    index: int
    size: int
    header: Header
    cosigners: tuple[tuple[str, int], ...]
    custody: tuple[str, Custody] | None
    section: str | None = None
    notes: tuple[str, ...] = field(default=())


Policy = TrustPolicy | LogPolicy


def parse_policy(data: bytes) -> Policy:
    """Read a policy file: our signed trust policy, or a plain c2sp.org/tlog-policy. Raises Malformed, BadSignature.

    A trust policy of a later version is taken as it is when its own threshold or a registrar of its own signed it: who
    verifies offline has been handed this very file, and its fingerprint is what people compare.
    """
    if data.startswith(trust.MAGIC.encode()):
        note = parse_note(data)
        policy = trust.parse(note)
        if not has_threshold(note, policy.registrars, 1):
            require(note, policy.signers, policy.threshold)
        return policy
    return LogPolicy.parse(data)


def verify(
    proof: TlogProof, policy: Policy, payload: bytes | None = None, consistency: Sequence[bytes] | None = None
) -> Verdict:
    """Verify a receipt offline: entry, inclusion, log signature, cosignatures, custody and, when given, a payload.

    Under our trust policy the receipt must carry the mirror cosignature of the node above the origin, when there is
    one (L13); under a tlog-policy, its quorum. `consistency` is a proof from the receipt's tree to the head named where
    its log key is revoked: with it a receipt of before stays good without further cosignatures (L19).

    Raises:
        Malformed: a part of the receipt cannot be read.
        BadProof: the header is not in the tree, or the payload is not what the header commits to.
        BadSignature: no trusted log key signed, or a cosignature that the policy needs is absent or wrong.
    """
    if proof.extra is None:
        raise Malformed(
            "the receipt has no extra line, so the record's header is not known",
            zh="回执缺少 extra 行，无从得知记录头",
            field="extra",
            advice_zh=_AGAIN_ZH,
            advice_en=_AGAIN_EN,
        )
    with _Part("回执的记录头（extra 行）不可读，已被改动"):
        extra = Extra.parse(proof.extra)
        header = headers.parse(extra.header)
    with _Part("回执的检查点不可读，已被改动"):
        claimed, _ = read_checkpoint(proof.checkpoint_note)
    if isinstance(policy, LogPolicy):
        checkpoint, note = read_checkpoint(proof.checkpoint_note)
        _check_plain(policy, note, checkpoint)
        cosigner_keys: list[VerifierKey] = [witness.key for witness in policy.witnesses]
    else:
        head = _open_head(policy, proof.checkpoint_note, claimed.origin, consistency)
        checkpoint, note = head.checkpoint, head.note
        cosigner_keys = policy.cosigner_keys()
    with _Part("记录头或序号（index）与检查点不符：回执的这一部分已被改动"):
        verify_inclusion(proof.index, checkpoint.size, leaf_hash(extra.header), proof.proof, checkpoint.root)
    with _Part("共同签名不成立，已被改动"):
        cosigners = _cosigners(note.text, note.signatures, cosigner_keys)
    custody = None
    notes: list[str] = []
    if isinstance(policy, TrustPolicy):
        cosigners = tuple((key.name, cosignature_time(line)) for key, line in head.cosigned)
        _require_mirror(policy, checkpoint.origin, [key for key, _ in head.cosigned])
        with _Part("托管声明不成立，已被改动或属于另一条记录"):
            custody = _custody(extra, policy, checkpoint.origin, proof.index)
        if custody is None:
            notes.append(
                "没有托管声明：回执证明记录头，不证明内容已另处保存 · "
                "no custody note: the receipt proves the header, not that a payload is stored elsewhere"
            )
    elif extra.custody:
        notes.append(
            "附有托管声明，但 tlog-policy 不含托管公钥，未予核验 · "
            "a custody note is attached; a tlog-policy names no custody keys, so it was not checked"
        )
    section = None if payload is None else _match_payload(header, extra.salts, payload)
    return Verdict(checkpoint.origin, proof.index, checkpoint.size, header, cosigners, custody, section, tuple(notes))


class _Part:
    """Says in words for the holder which part of a receipt does not hold, and what he can do."""

    def __init__(self, zh: str, advice_zh: str = _AGAIN_ZH, advice_en: str = _AGAIN_EN) -> None:
        self._words = (zh, advice_zh, advice_en)

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, NodeError):
            error.zh, error.advice_zh, error.advice_en = self._words


def _open_head(policy: TrustPolicy, note: bytes, origin: str, consistency: Sequence[bytes] | None) -> Head:
    try:
        return open_head(policy, note, consistency=consistency)
    except NotFound:
        raise BadSignature(
            f"the trust policy knows no log {origin}",
            zh=f"信任策略不认识日志 {origin}",
            advice_zh=_NEWER_ZH,
            advice_en=_NEWER_EN,
        ) from None
    except BadSignature as error:
        # What has no words of its own is a signature that simply does not fit.
        if error.zh == BadSignature.title_zh:
            error.zh = "检查点的签名与信任策略所列的公钥不符：检查点被改动，或策略属于另一联邦"
            error.advice_zh, error.advice_en = _NEWER_ZH, _NEWER_EN
        raise


def _check_plain(policy: LogPolicy, note: Note, checkpoint: Checkpoint) -> None:
    try:
        policy.check(note, checkpoint)
    except BadSignature as error:
        if not any(log.key.name == checkpoint.origin for log in policy.logs):
            words = (f"策略不认识日志 {checkpoint.origin}", _NEWER_ZH, _NEWER_EN)
        elif "quorum" in error.detail:
            words = ("回执缺少策略要求的共同签名", _WAIT_ZH, _WAIT_EN)
        else:
            words = ("检查点的签名与策略所列的公钥不符：检查点被改动，或策略已旧", _NEWER_ZH, _NEWER_EN)
        error.zh, error.advice_zh, error.advice_en = words
        raise


def _cosigners(text: str, signatures: Sequence[Signature], keys: Sequence[VerifierKey]) -> tuple[tuple[str, int], ...]:
    known = [key for key in keys if key.type in (KeyType.COSIGNATURE, ML_DSA_44) and key.checkable]
    mine = tuple(line for line in signatures if any(key.made(line) for key in known))
    if not mine:
        return ()
    return tuple((key.name, cosignature_time(line)) for key, line in verify_note(Note(text, mine), known))


def _require_mirror(policy: TrustPolicy, origin: str, cosigners: Sequence[VerifierKey]) -> None:
    node = policy.node_of_origin(origin)
    above = policy.path_up(node) if node else []
    if not above:
        return
    if not any(grant.key in cosigners for grant in policy.grants(node=above[0], use="mirror")):
        raise BadSignature(
            f"the mirror cosignature of {above[0]} is absent: the record was not yet stored there",
            zh=f"回执缺少上级 {above[0]} 的镜像签名",
            advice_zh=_WAIT_ZH,
            advice_en=_WAIT_EN,
        )


def _custody(extra: Extra, policy: TrustPolicy, origin: str, index: int) -> tuple[str, Custody] | None:
    if not extra.custody:
        return None
    keys = [grant.key for grant in policy.grants(use="custody")]
    custody, _, key = open_custody(extra.custody, keys)
    if custody.origin != origin or not custody.start <= index < custody.end:
        raise BadProof("the custody note speaks of another log or another range")
    until_s = policy.retired_at(key)
    if until_s is not None and custody.time_s > until_s:
        raise BadSignature(f"the custody note is dated after the key of {key.name} was retired")
    return key.name, custody


def _match_payload(header: Header, salts: Sequence[tuple[str, bytes]], payload: bytes) -> str:
    for name, salt in salts:
        section = header.section(name)
        if section is not None and payloads.commitment(salt, payload) == section.commitment:
            return name
    raise BadProof(
        "the payload matches no section of this receipt: it was changed, or belongs to another record",
        zh="内容与回执不符：已被改动，或属于另一条记录",
        advice_zh="请从记录页重新下载内容；如仍不符，说明所持内容不是当时发布的内容。",
        advice_en="Download the content again; if it still differs, it is not what was published.",
    )
