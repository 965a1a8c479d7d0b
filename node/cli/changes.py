"""What `ggzy policy draft|sign|revoke|retire|close` do: each makes the next version of the policy, or signs one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import typer
from sqlalchemy import Connection

from node.cli import drafting
from node.cli.output import moment, say
from node.clock import utc_ms
from node.errors import BadSignature, Malformed, NotFound
from node.settings import Settings
from node.store import checkpoints, logs
from node.store.db import Store
from node.tlog.checkpoint import parse_checkpoint_text
from node.tlog.note import VerifierKey, parse_note
from node.wire import card as cards
from node.wire.heads import cosignatures, nodes_above
from node.wire.trust import Closure, KeyGrant, Member, TrustPolicy, parse
from node.wire.trust_edit import find_key, with_closure, with_log_key, with_nodes, with_retirement, with_revocation
from node.wire.trust_lines import parse_root
from node.wire.trust_steps import check_step, open_next

OVERLAP = 256
"""Sizes for which a log's old key may sign beside its new one."""


@dataclass(frozen=True)
class Edits:
    """What `ggzy policy draft` changes; None and empty change nothing. `expires_days` 0 takes the date away."""

    add_signers: Sequence[str] = ()
    remove_signers: Sequence[str] = ()
    add_registrars: Sequence[str] = ()
    remove_registrars: Sequence[str] = ()
    threshold: int | None = None
    quorum: int | None = None
    expires_days: int | None = None
    cards: Sequence[Path] = ()
    under: str = ""
    overlap: int = OVERLAP


@dataclass(frozen=True)
class Way:
    """Where a draft comes from and goes to, the same for every command."""

    config: Path
    on: Path | None = None
    output: Path | None = None
    sure: bool = False


def draft(edits: Edits, way: Way) -> None:
    settings, held, policy = drafting.start(way.config, way.on)
    policy = replace(
        policy,
        signers=_changed(policy, policy.signers, edits.add_signers, edits.remove_signers),
        registrars=_changed(policy, policy.registrars, edits.add_registrars, edits.remove_registrars),
        threshold=policy.threshold if edits.threshold is None else edits.threshold,
        quorum=policy.quorum if edits.quorum is None else edits.quorum,
        expires_s=_expiry(policy, edits.expires_days),
    )
    for file in edits.cards:
        member, grants = cards.open_card(parse_note(drafting.read(file)))
        say(f"{member.name} {member.title} 名片指纹 fingerprint of the card: {_fingerprint(file)}")
        policy = with_card(policy, member, grants, under=edits.under or settings.name, overlap=edits.overlap)
    drafting.finish(settings, held, policy, output=way.output, sure=way.sure)


def with_card(
    policy: TrustPolicy, member: Member, grants: Sequence[KeyGrant], *, under: str, overlap: int
) -> TrustPolicy:
    """A node's card taken into the policy: a new node under another, or new keys of one that is there.

    A further key of a log that is known begins at the size on its line, and the one before ends `overlap` later.
    """
    known = policy.member(member.name)
    held = {(grant.use, grant.key) for grant in policy.keys}
    origins = policy.origins()
    further = [g for g in grants if g.use == "log" and g.key.name in origins and (g.use, g.key) not in held]
    rest = [grant for grant in grants if grant not in further]
    there = replace(member, upstream=under) if known is None else replace(member, upstream=known.upstream)
    policy = with_nodes(policy, [there], rest)
    for grant in further:
        policy = with_log_key(policy, grant, overlap=overlap)
    return policy


def revoke(key: str, size: int | None, root: str, way: Way) -> None:
    settings, held, policy = drafting.start(way.config, way.on)
    gone = find_key(policy, key)
    head = _read_head(size, root) or _at(settings, partial(_newest, policy=held, key=gone))
    say(f"吊销 {gone.name}：大小 {head[0]} 之后的检查点不再有效，之前的回执继续有效。")
    say(f"Revoking {gone.name}: no head beyond size {head[0]} counts any more; receipts from before stay good.")
    drafting.finish(settings, held, with_revocation(policy, gone, *head), output=way.output, sure=way.sure)


def retire(key: str, at_s: int | None, way: Way) -> None:
    settings, held, policy = drafting.start(way.config, way.on)
    gone = find_key(policy, key)
    when_s = utc_ms() // 1000 if at_s is None else at_s
    say(f"停用 {gone.name}（{moment(when_s)} 起） · retiring {gone.name}")
    drafting.finish(settings, held, with_retirement(policy, gone, when_s), output=way.output, sure=way.sure)


def close(origin: str, size: int | None, root: str, successor: str, card: Path | None, way: Way) -> None:
    settings, held, policy = drafting.start(way.config, way.on)
    if card is not None:
        member, grants = cards.open_card(parse_note(drafting.read(card)))
        say(f"{member.name} 名片指纹 fingerprint of the card: {_fingerprint(card)}")
        policy = with_card(policy, member, grants, under=settings.name, overlap=0)
        named = sorted({g.key.name for g in grants if g.use == "log"} - {origin})
        successor = successor or (named[0] if len(named) == 1 else "")
    head = _read_head(size, root) or _at(settings, partial(_mirrored, origin=origin))
    size, found = head
    say(f"关闭日志 {origin}，终于大小 {size}；后继 {successor or '无'} · closing {origin} at size {size}")
    closure = Closure(origin, size, found, successor)
    drafting.finish(settings, held, with_closure(policy, closure), output=way.output, sure=way.sure)


def sign(file: Path, previous: Path | None, keys: Sequence[Path], way: Way) -> None:
    """Sign a draft: in a node's directory, or anywhere with the version before and a key file."""
    note = drafting.read_draft(file)
    policy = parse(note)
    if previous is not None:
        held, files = parse(parse_note(drafting.read(previous))), list(keys)
    else:
        settings, held, _ = drafting.start(way.config, None)
        files = [*(settings.keys / name for name in drafting.SIGNER_FILES if (settings.keys / name).exists()), *keys]
    check_step(policy, held)
    signers = drafting.named_signers(files, held, policy)
    if not signers:
        raise NotFound(
            "no key here is a signer of this version or the one before",
            zh="这里没有该版或上一版策略所列的签署密钥",
            advice_zh="请用 --key 指出签署密钥文件，或在签署方节点的目录中运行。",
            advice_en="Name the signer's key file with --key, or run it in the directory of a node that signs.",
        )
    drafting.show_changes(held, policy)
    if not way.sure:
        typer.confirm("签署这一版？ Sign this version?", abort=True)
    signed = drafting.with_signatures(note, signers)
    target = way.output or file
    drafting.write_draft(target, signed)
    try:
        open_next(signed.encode(), held)
    except BadSignature:
        drafting.tell_missing(signed, held, policy, target)
    else:
        say(f"签名已齐，请在枢纽节点运行 ggzy policy adopt {target.name}")
        say(f"All signatures are there: run ggzy policy adopt {target.name} at the hub.")


def _changed(
    policy: TrustPolicy, keys: tuple[VerifierKey, ...], add: Sequence[str], remove: Sequence[str]
) -> tuple[VerifierKey, ...]:
    gone = {find_key(policy, text) for text in remove}
    kept = tuple(key for key in keys if key not in gone)
    return tuple(dict.fromkeys((*kept, *(VerifierKey.parse(text.strip()) for text in add))))


def _expiry(policy: TrustPolicy, days: int | None) -> int | None:
    if days is None:
        return policy.expires_s
    return None if days == 0 else utc_ms() // 1000 + days * 86_400


def _fingerprint(file: Path) -> str:
    return cards.fingerprint(parse_note(drafting.read(file)))


def _read_head(size: int | None, root: str) -> tuple[int, bytes] | None:
    """The head that options name, None when they name none."""
    if (size is None) != (not root):
        raise Malformed(
            "--size and --root belong together",
            zh="--size 与 --root 须一并给出",
            advice_zh="两者都给出，或都不给（取本节点所存的最新检查点）。",
            advice_en="Give both, or neither: then the newest head held here is taken.",
        )
    return None if size is None else (size, parse_root(root))


def _at(settings: Settings, work: Callable[[Connection], tuple[int, bytes]]) -> tuple[int, bytes]:
    store = Store(settings.database)
    try:
        return store.read_now(work)
    finally:
        store.close()


def _mirrored(conn: Connection, origin: str) -> tuple[int, bytes]:
    """The head up to which a log is mirrored here."""
    state = logs.find(conn, origin)
    if state is None:
        raise NotFound(
            f"nothing of {origin} is held here",
            zh=f"本节点没有日志 {origin} 的内容",
            advice_zh="请用 --size 与 --root 给出最后完整镜像的检查点。",
            advice_en="Name its last fully mirrored head with --size and --root.",
        )
    return state.head_size, state.head_root


def _newest(conn: Connection, policy: TrustPolicy, key: VerifierKey) -> tuple[int, bytes]:
    """The newest head of the key's log that is held here and that a quorum of the nodes above has cosigned."""
    state = logs.find(conn, key.name)
    if state is not None:
        for size in sorted(checkpoints.signers(conn, state.id), reverse=True):
            note = checkpoints.note(conn, state.id, size, state.origin)
            if len(nodes_above(policy, key.name, cosignatures(policy, note))) >= policy.quorum:
                head = parse_checkpoint_text(note.text)
                logs.check_root(conn, state.id, size, head.root)
                return size, head.root
    raise NotFound(
        f"no head of {key.name} is held here that {policy.quorum} nodes above have cosigned",
        zh=f"本节点没有 {key.name} 的、上级共同签名足够的检查点",
        advice_zh="请用 --size 与 --root 给出最后可信的检查点。",
        advice_en="Name the last head that is beyond doubt with --size and --root.",
    )
