"""Make a new database for a node that has lost its own, or must set it aside: frozen from its first commit on.

Beside `ggzy init` this is the only place that makes a database. The trust policy comes from the node above: its
versions follow from one another by hash, and one of them must be the very file that lies in this node's directory, or
version 1 must have the fingerprint that a person gives.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from node import keyring
from node.clock import Clock
from node.errors import NodeError, Refused, Unavailable
from node.keyring import Fence
from node.settings import Settings
from node.store import files, logs, migrate
from node.store.db import Store
from node.sync.peer import HttpTransport, MakeTransport, Peer, connection
from node.tlog.note import parse_note
from node.trusted import Trusted, newest
from node.wire import trust
from node.wire.trust import TrustPolicy
from node.wire.trust_steps import open_first, open_next

WAITING = "restored-from-backup: a new database, its entries are not back yet; run ggzy recover"


@asynccontextmanager
async def peer_of(
    settings: Settings, clock: Clock, make_transport: MakeTransport | None, *, epoch: int
) -> AsyncIterator[Peer]:
    """The node above, before this node has a policy that names it. Raises Unavailable when there is none."""
    if not settings.upstream_url:
        raise Unavailable(
            "this node has no node above it that could hold its log",
            zh="本节点没有上级，无处取回日志",
            advice_zh="请先在 config.toml 设置 upstream_url；顶层节点只能从存储的备份恢复，见 docs/recovery.md。",
            advice_en="Set upstream_url in config.toml first; a node at the top has only its own copies, see "
            "docs/recovery.md.",
        )
    keys = keyring.load(settings.keys, settings.name, epoch, settings.suite)
    http = partial(
        HttpTransport,
        base_url=settings.upstream_url,
        total_s=settings.request_timeout_s,
        connect_s=settings.connect_timeout_s,
    )
    async with connection(make_transport or http) as transport:
        yield Peer("", transport, keys.request, clock)


async def policies_from(
    peer: Peer, settings: Settings, fingerprint: str = "", *, known: Iterable[str] = ()
) -> list[bytes]:
    """Every version of the trust policy as the node above has it, from the first on, each step checked.

    `fingerprint` is that of version 1, read out by a person. Without it one of the versions must be the one in a file
    `trust-policy*.note` of this node's directory, or one of the texts in `known`. All of `known` must be among them:
    what this node held once is never given up for an older one. Raises Refused, BadSignature, Malformed, and what the
    network raises.
    """
    notes = [await peer.policy(version) for version in range(1, await peer.policy_version() + 1)]
    if not notes:
        raise Refused("the node above holds no trust policy")
    chain: list[TrustPolicy] = [open_first(notes[0], expected_hash=fingerprint or None)]
    for note in notes[1:]:
        chain.append(open_next(note, chain[-1]))
    known = set(known)
    texts = {policy.text() for policy in chain}
    if not known <= texts:
        raise Refused(
            f"the node above serves {len(notes)} versions of the trust policy, and not the one that was held here",
            zh="上级给出的信任策略比本节点曾持有的旧，或与之不同",
            advice_zh="请待上级更新策略后重试；如上级策略确与本节点不同，请保留两者并通知策略签署方。",
            advice_en="Try again once the node above has the newer policy; if theirs is another, keep both and tell "
            "whoever signs it.",
        )
    vouched = {text for file in settings.directory.glob("trust-policy*.note") if (text := _text(file))} | known
    if not fingerprint and not vouched & texts:
        raise Refused(
            "no trust policy in this directory vouches for the one of the node above",
            field="--fingerprint",
            zh="目录中没有信任策略文件可核对上级的策略",
            advice_zh="请加 --fingerprint 和上级当面或电话报出的第 1 版指纹（上级运行 ggzy policy show）。",
            advice_en="Add --fingerprint with the fingerprint of version 1 that the hub reads out (ggzy policy show).",
        )
    return notes


def held_policy(settings: Settings) -> list[TrustPolicy]:
    """The newest policy in this node's database, as a list of none or one: the database may be gone or damaged."""
    try:
        store = Store(settings.database)
    except NodeError:
        return []
    try:
        note = store.read_now(newest)
    except Exception:  # a database may be damaged in any way; the files of the directory vouch then
        return []
    finally:
        store.close()
    return [] if note is None else [trust.parse(parse_note(note))]


def _text(file: Path) -> str:
    try:
        return trust.parse(parse_note(file.read_bytes())).text()
    except (NodeError, OSError):
        return ""


# --- the files of a SQLite database ---------------------------------------------------------------------------------


def file_of(settings: Settings) -> Path:
    """The database's file. Raises Refused for a server's database, which only its own tools can set aside."""
    if not settings.database.startswith("sqlite:///"):
        raise Refused(
            "a PostgreSQL database is not set aside by this command",
            field="database_url",
            zh="PostgreSQL 数据库不能由本命令另存",
            advice_zh="ggzy recover（不带 --fresh）可在原库取回；新库与新纪元只支持 SQLite，见 docs/recovery.md。",
            advice_en="ggzy recover without --fresh works in place; a new database or epoch is for SQLite, see "
            "docs/recovery.md.",
        )
    return Path(settings.database.removeprefix("sqlite:///"))


def newest_aside(settings: Settings) -> Path | None:
    """The database that was set aside last, None when there is none."""
    if not settings.database.startswith("sqlite:///"):
        return None
    return files.newest_aside(file_of(settings))


@contextmanager
def reading(file: Path) -> Iterator[Store]:
    """A database that was set aside, for reading."""
    store = Store(f"sqlite:///{file}")
    try:
        yield store
    finally:
        store.close()


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Hold the keys with no database: no process of this node may run. Raises Frozen."""
    fence = Fence(settings.keys, f"recovery {os.getpid()}")
    fence.hold()
    try:
        yield
    finally:
        fence.release()


async def make(settings: Settings, url: str, notes: Sequence[bytes], clock: Clock, *, origin: str, frozen: str) -> None:
    """Bring an empty database to this release's schema, with the trust policy and this node's own log in it."""
    migrate.upgrade(url)
    store = Store(url)
    try:
        await store.write(partial(_own_log, origin=origin, frozen=frozen))
        trusted = Trusted(store, settings.name, clock)
        await trusted.open()
        first = open_first(notes[0])
        await trusted.adopt(list(notes), expected_hash=first.hash())
    finally:
        store.close()


def _own_log(conn: Connection, origin: str, frozen: str) -> None:
    state = logs.ensure(conn, origin, own=True)
    if frozen and not state.stored_size:
        logs.freeze(conn, state.id, frozen)


async def replace(
    settings: Settings, clock: Clock, *, fingerprint: str = "", make_transport: MakeTransport | None = None
) -> Path | None:
    """Set the database aside, if there is one, and put a new, frozen one in its place; gives where the old one lies.

    Nothing is moved before the new one is whole. Raises Frozen while a process of this node runs.
    """
    file = file_of(settings)
    with alone(settings):
        async with peer_of(settings, clock, make_transport, epoch=settings.epoch) as peer:
            known = {policy.text() for policy in held_policy(settings)}
            notes = await policies_from(peer, settings, fingerprint, known=known)
        fresh = files.begin(file)
        await make(settings, f"sqlite:///{fresh}", notes, clock, origin=settings.origin, frozen=WAITING)
        aside = files.set_aside(file)
        files.put(fresh, file)
        return aside
