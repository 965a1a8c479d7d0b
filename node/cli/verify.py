"""`ggzy verify`: offline, without any database; so it imports nothing of a node but the formats."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from node.cli.output import explain, moment, result, say
from node.errors import Malformed, NodeError, NotFound, Refused
from node.tlog.proof import TlogProof
from node.wire import bid_receipt, evidence, evidence_check, hand_check, trust
from node.wire import receipt as receipts


def verify(
    file: Path,
    policy: Path,
    payload: Path | None,
    *,
    fingerprint: str = "",
    consistency: Path | None = None,
    hand: Path | None = None,
    inner: Path | None = None,
    as_json: bool,
) -> None:
    data = _read(policy)
    found = _fingerprint(data)
    say(f"信任策略指纹 fingerprint of the trust policy: {found}")
    if fingerprint and "".join(fingerprint.split()).replace(":", "").lower() != found:
        raise Refused(
            f"{policy} has the fingerprint {found}, not the one given",
            zh=f"{policy} 的指纹与所给的不一致",
            field="--fingerprint",
            advice_zh="请勿用该策略核验；请从可信渠道重新取得信任策略及其指纹。",
            advice_en="Do not verify with it; get the policy and its fingerprint again from a source that you trust.",
        )
    held = _policy(policy, data)
    if evidence.is_evidence(given := _read(file)):
        _verify_evidence(given, held, found, as_json=as_json)
        return
    if bid_receipt.is_receipt(given):
        _verify_bid(given, held, found, as_json=as_json)
        return
    content = None if payload is None else _read(payload)
    proof = None if consistency is None else _proof(consistency)
    verdict = receipts.verify(_receipt(file), held, content, proof)
    say(f"核验通过：{verdict.origin} 第 {verdict.index} 条，树大小 {verdict.size}")
    say(f"Verified: entry {verdict.index} of {verdict.origin}, in a tree of {verdict.size}")
    for name, time_s in verdict.cosigners:
        say(f"  共同签名 cosigned by {name} at {moment(time_s)}")
    if verdict.custody is not None:
        say(f"  内容托管 payload custody by {verdict.custody[0]}")
    if verdict.section is not None:
        say(f"  内容与记录的 {verdict.section} 部分一致 · the payload is the record's section {verdict.section}")
    for note in verdict.notes:
        say(f"  {note}")
    person = None if hand is None else _verify_hand(verdict.header.kind, content, _read(hand), inner)
    if as_json:
        result(
            {
                "verified": True,
                "origin": verdict.origin,
                "index": verdict.index,
                "size": verdict.size,
                "record_id": verdict.header.record_id.hex(),
                "kind": verdict.header.kind,
                "version": verdict.header.version,
                "cosigners": [name for name, _ in verdict.cosigners],
                "custody": verdict.custody[0] if verdict.custody else None,
                "section": verdict.section,
                "policy_fingerprint": found,
                **({} if person is None else {"hand": person}),
            }
        )


def _verify_hand(kind: str, main: bytes | None, hand: bytes, inner: Path | None) -> dict[str, object]:
    """Say who signed the record and what that covers; the keys are for the reader to compare."""
    if main is None:
        raise Refused(
            "a person's signature is over what the record says: give its section main with --payload",
            zh="核验个人签名须以 --payload 给出记录的 main 部分",
            field="--payload",
        )
    checked = hand_check.check(kind, main, hand, None if inner is None else _read(inner))
    person = checked.hand
    covered = (
        ("全部内容及角色", "all of it, and the role") if checked.whole else ("仅 main 部分", "the section main only")
    )
    say(f"  个人签名成立：{person.account}（{person.role}），覆盖{covered[0]}，公钥 {person.public}")
    say(f"  Signed by {person.account} as {person.role}, over {covered[1]}, with the key {person.public}")
    if person.approval is not None:
        second = person.approval
        say(f"  复核签名成立：{second.account}（{second.role}）{moment(second.at // 1000)}，公钥 {second.public}")
        say(f"  Approved by {second.account} as {second.role}, with the key {second.public}")
    elif person.second:
        say(f"  所列复核人 {person.second} 未签名 · the second person named has signed nothing")
    say("  公钥是否属于该账号，请与其账号记录（account.person）比对 · compare the keys with the accounts' records")
    return {
        "account": person.account,
        "role": person.role,
        "public": person.public,
        "whole": checked.whole,
        "second": person.second,
        "second_public": "" if person.approval is None else person.approval.public,
    }


def _verify_bid(data: bytes, policy: receipts.Policy, fingerprint: str, *, as_json: bool) -> None:
    """Say what a bid's receipt says: which node took in which file, when."""
    if not isinstance(policy, trust.TrustPolicy):
        raise Refused(
            "a bid's receipt is signed with a custody key, which a trust policy knows",
            zh="核验投标回执需要信任策略",
            advice_zh="请以 --policy 给出信任策略（节点的 /api/policy/N）。",
            advice_en="Give a trust policy with --policy (/api/policy/N of a node).",
        )
    bid = bid_receipt.verify(data, policy)
    say(f"回执有效：{bid.node} 于 {moment(bid.time_s)} {'撤回' if bid.state == 'withdrawn' else '接收'}")
    say(f"  交易 {bid.trade} 标段 {bid.lot}，{bid.bidder}，文件 SHA-256 {bid.digest}（{bid.size} 字节，{bid.form}）")
    say(f"The receipt holds: {bid.node} took in this file ({bid.state}); number {bid.number}")
    if as_json:
        result({"verified": True, "bid": bid.number, **bid.plain(), "policy_fingerprint": fingerprint})


def _verify_evidence(data: bytes, policy: receipts.Policy, fingerprint: str, *, as_json: bool) -> None:
    """Say what a file of evidence proves; one that proves nothing is an error with the reason."""
    try:
        verdict = evidence_check.verify(evidence.parse(data), policy)
    except NodeError as error:
        raise explain(
            error,
            zh="此证据文件不成立",
            detail=f"the evidence does not hold: {error.detail}",
            advice_zh="它不证明任何问题：请核对文件是否完整、策略是否适用。",
            advice_en="It proves nothing: check that the file is whole and that the policy is the right one.",
        ) from None
    say(f"证据成立（{verdict.sort}，日志 {verdict.origin}） · The evidence holds")
    for zh, en in verdict.proven:
        say(f"  已证明：{zh}")
        say(f"  Proven: {en}")
    for zh, en in verdict.left_open:
        say(f"  {zh}")
        say(f"  {en}")
    if as_json:
        result(
            {
                "verified": True,
                "evidence": verdict.sort,
                "origin": verdict.origin,
                "proven": [en for _, en in verdict.proven],
                "not_proven": [en for _, en in verdict.left_open],
                "policy_fingerprint": fingerprint,
            }
        )


def _fingerprint(data: bytes) -> str:
    """SHA-256 of the text that people compare: of a signed policy what stands before the signatures, else all of it."""
    text, separator, _ = data.partition(b"\n\n")
    signed = separator and data.startswith(trust.MAGIC.encode())
    return hashlib.sha256(text + b"\n" if signed else data).hexdigest()


def _policy(file: Path, data: bytes) -> receipts.Policy:
    try:
        return receipts.parse_policy(data)
    except NodeError as error:
        raise explain(
            error,
            zh=f"{file} 不是有效的信任策略",
            detail=f"{file} is no valid trust policy: {error.detail}",
            field="--policy",
            advice_zh="请从节点的 /api/policy/N 原样下载信任策略，或用 ggzy policy export 导出。",
            advice_en="Download it unchanged from /api/policy/N of a node, or use ggzy policy export.",
        ) from None


def _receipt(file: Path) -> TlogProof:
    data = _read(file)
    try:
        return TlogProof.parse(data)
    except Malformed as error:
        raise explain(
            error,
            zh=f"{file} 不是有效的回执文件",
            detail=f"{file} is no valid receipt: {error.detail}",
            advice_zh="请从记录页原样下载回执（.tlog-proof）。",
            advice_en="Download the receipt (.tlog-proof) from the record's page and keep it unchanged.",
        ) from None


def _proof(file: Path) -> list[bytes]:
    """The hashes of a consistency proof, a line of base64 each."""
    try:
        proof = [base64.b64decode(line, validate=True) for line in _read(file).decode("ascii").splitlines()]
        if any(len(value) != 32 for value in proof):
            raise ValueError
    except ValueError:
        raise Malformed(
            f"{file} is no consistency proof",
            zh=f"{file} 不是一致性证明",
            field="--consistency",
            advice_zh="请从节点的 /api/logs/…/consistency?from=…&to=… 原样下载。",
            advice_en="Download it unchanged from /api/logs/…/consistency?from=…&to=… of a node.",
        ) from None
    return proof


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_size > 16 << 20:
            raise Malformed(
                f"{file} is larger than any receipt or policy",
                zh=f"{file} 过大",
                advice_zh="请核对文件名：回执、策略与内容都不超过 16 MiB。",
                advice_en="Check the name: receipts, policies and payloads have at most 16 MiB.",
            )
        return file.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise NotFound(
            f"no file {file}", zh=f"没有文件 {file}", advice_zh="请核对文件名。", advice_en="Check the name."
        ) from None
