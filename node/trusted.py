"""The trust policy that this node holds now: kept in the database, versions only rise (DESIGN L19)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection, delete, insert, select

from node.clock import Clock
from node.domain.audience import audiences_of
from node.errors import Conflict, NotFound, Refused
from node.store.db import Store
from node.store.tables import Policy, table
from node.tlog.note import Ed25519Signer, VerifierKey, parse_note
from node.wire import trust
from node.wire.trust import TrustPolicy
from node.wire.trust_steps import open_first, open_next

policies = table(Policy)


class Trusted:
    """Holds the newest policy in memory and every version in the store."""

    def __init__(self, store: Store, me: str, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.me = me
        self._policy: TrustPolicy | None = None

    @property
    def policy(self) -> TrustPolicy:
        """Raises NotFound before any policy was taken over."""
        if self._policy is None:
            raise NotFound(
                "this node holds no trust policy yet",
                zh="本节点尚无信任策略",
                advice_zh="请运行 ggzy init，或用 ggzy policy adopt 导入信任策略。",
                advice_en="Run ggzy init, or take one over with ggzy policy adopt.",
            )
        return self._policy

    @property
    def version(self) -> int:
        """Of the policy held, 0 before any was taken over."""
        return 0 if self._policy is None else self._policy.version

    @property
    def held(self) -> TrustPolicy | None:
        """The policy, None before any was taken over."""
        return self._policy

    def stale(self) -> bool:
        """Whether the policy has passed its time (L19): told of everywhere, and nothing is stopped for it."""
        return self._policy is not None and self._policy.stale(self._clock() // 1000)

    async def open(self) -> None:
        """Read the newest version from the store."""
        await self.refresh()

    async def refresh(self) -> None:
        """Take notice of versions that another process of this node has accepted."""
        note = await self._store.read(newest)
        if note is not None and (self._policy is None or parse_note(note).text != self._policy.text()):
            self._policy = trust.parse(parse_note(note))

    async def adopt(self, notes: list[bytes], *, expected_hash: str | None = None) -> int:
        """Take over versions one after another, each checked against the one before; gives how many were new.

        `expected_hash` is the fingerprint of version 1. With it, a node that holds only the policy of its own making
        joins the federation of `notes`; without it nothing ever replaces a policy that is held.
        Raises what `open_first` and `open_next` raise; versions before the bad one stay.
        """
        taken = 0
        if expected_hash is not None and notes and self._alone():
            opened = open_first(notes[0], expected_hash=expected_hash)
            if self._policy is not None and opened.hash() != self._policy.hash():
                await self._store.write(partial(_leave, held=self._policy))
                self._policy = None
        for data in notes:
            if self._policy is None:
                opened = open_first(data, expected_hash=expected_hash)
            elif trust.version_of(parse_note(data)) <= self._policy.version:
                continue
            else:
                opened = open_next(data, self._policy)
            await self._store.write(partial(self._keep, policy=opened, data=data))
            self._policy = opened
            taken += 1
        return taken

    def _alone(self) -> bool:
        """Whether what is held is the policy that this node made for itself, before it joined anything."""
        held = self._policy
        return held is None or (held.version == 1 and [member.name for member in held.members] == [self.me])

    def _keep(self, conn: Connection, policy: TrustPolicy, data: bytes) -> None:
        held = conn.execute(select(policies.c.note).where(policies.c.version == policy.version)).scalar()
        if held is None:
            conn.execute(insert(policies).values(version=policy.version, note=data, accepted_ms=self._clock()))
        elif parse_note(held).text != policy.text():
            raise Conflict(f"another policy of version {policy.version} is held here", size=policy.version)


def _leave(conn: Connection, held: TrustPolicy) -> None:
    """Drop the policy that this node made for itself. Raises Conflict when the store holds any other by now."""
    notes = conn.execute(select(policies.c.note)).scalars().all()
    if [parse_note(note).text for note in notes] != [held.text()]:
        raise Conflict("another policy was taken over meanwhile", size=len(notes))
    conn.execute(delete(policies))


def is_granted(store: Store, key: VerifierKey) -> bool:
    """Whether the newest policy in the store grants a key, retired ones not."""
    note = store.read_now(newest)
    policy = None if note is None else trust.parse(parse_note(note))
    return policy is not None and policy.retired_at(key) is None and any(grant.key == key for grant in policy.keys)


def choose_signer(policy: TrustPolicy | None, signers: Sequence[Ed25519Signer], size: int) -> Ed25519Signer:
    """The newest of our log's keys, oldest first in `signers`, that the policy lets sign a tree of `size` (L19).

    Before the policy knows our log, the first key signs: it is the one on our card. Raises Refused when the policy
    knows the log, and none of the keys may sign: others would not take what was signed.
    """
    origin = signers[0].name
    if policy is None or policy.node_of_origin(origin) is None:
        return signers[0]
    if (closed := policy.closure(origin)) is not None and size > closed.size:
        raise Refused(
            f"the log {origin} was closed at size {closed.size}",
            zh=f"本节点日志 {origin} 已由信任策略在大小 {closed.size} 处关闭",
            advice_zh="请运行 ggzy epoch open 启用新的日志（docs/recovery.md）。",
            advice_en="Run ggzy epoch open to go on with a new log (docs/recovery.md).",
        )
    granted = {g.key for g in policy.grants(use="log") if g.key.name == origin and g.covers(size)}
    for signer in reversed(signers):
        if signer.verifier in granted and policy.revocation(signer.verifier) is None:
            return signer
    raise Refused(
        f"the trust policy lets no key of this node sign {origin} at size {size}",
        zh=f"信任策略中没有可在大小 {size} 处签名的本节点日志密钥（已吊销或已到期）",
        advice_zh="请运行 ggzy key rotate log 生成新密钥，把名片交策略签署方；新版策略生效后自动恢复。",
        advice_en="Run ggzy key rotate log and hand the card to whoever signs the policy; it goes on by itself then.",
    )


def audiences_for(trusted: Trusted, holder: str, origin: str) -> frozenset[str]:
    """The audiences whose payloads `holder`, a node of the policy, may hold of `origin`'s log."""
    policy = trusted.policy
    member, node = policy.member(holder), policy.node_of_origin(origin)
    if member is None or node is None:
        return frozenset({"public"})
    return audiences_of(member.role, is_origin=node == holder, is_above_origin=holder in policy.path_up(node))


def newest(conn: Connection, above: int = 0) -> bytes | None:
    """The note of the newest version, None when none is above `above`."""
    found: bytes | None = conn.execute(
        select(policies.c.note).where(policies.c.version > above).order_by(policies.c.version.desc()).limit(1)
    ).scalar()
    return found


def version(conn: Connection, number: int) -> bytes:
    """The note of one version. Raises NotFound."""
    found: bytes | None = conn.execute(select(policies.c.note).where(policies.c.version == number)).scalar()
    if found is None:
        raise NotFound(f"no trust policy of version {number} here")
    return found


def versions_above(conn: Connection, number: int, limit: int = 64) -> list[bytes]:
    """Notes of the versions after `number`, in order."""
    rows = conn.execute(
        select(policies.c.note).where(policies.c.version > number).order_by(policies.c.version).limit(limit)
    )
    return list(rows.scalars())
