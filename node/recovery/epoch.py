"""A new epoch: a new log of the same node, where the old one can never be signed again (DESIGN L9, L10).

In two steps. `request` makes the new log's key and a card for whoever signs the trust policy; the policy's next version
closes the old log at its last fully mirrored head and grants the new key. `open_epoch` makes a new database with the
old log, as far as it was closed, back from the mirror, sets the old database aside and raises the epoch in config.toml.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from node import keyring
from node.clock import Clock
from node.errors import NodeError, NotFound, Refused
from node.keyring import Keyring
from node.publishing import reissue
from node.recovery import fresh, lost
from node.settings import CONFIG_NAME, Settings
from node.settings import load as load_settings
from node.store import checkpoints, files, logs
from node.store.db import Store
from node.sync.closed import ClosedLog
from node.sync.custody import Custodian
from node.sync.peer import MakeTransport, Peer
from node.sync.push import Pusher
from node.sync.recover import Lacking, Progress
from node.sync.salvage import salvage
from node.tlog.checkpoint import Checkpoint
from node.tlog.merkle import EMPTY_ROOT
from node.tlog.note import Note
from node.trusted import Trusted
from node.wire import card as cards
from node.wire.heads import open_own
from node.wire.trust import Closure, Member, TrustPolicy
from node.wire.trust_steps import open_first, open_next


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request for a new epoch holds: the card with the new key, and the head at which the old log should end."""

    card: Note
    closing: Checkpoint
    successor: str


@dataclass(frozen=True, slots=True)
class Opened:
    """What opening an epoch did. `lost` counts the records of the old database beyond the closed head, in `file`."""

    origin: str
    closed: tuple[tuple[str, int], ...]
    lacking: tuple[Lacking, ...]
    lost: int
    file: Path
    aside: Path | None


# --- the request ----------------------------------------------------------------------------------------------------


async def request(
    settings: Settings, clock: Clock, *, fingerprint: str = "", make_transport: MakeTransport | None = None
) -> Asked:
    """Make the key of the next epoch and the card that asks for it; may be repeated.

    Raises Refused for a log that is sound: a closed log is never opened again. Raises what the network raises: the head
    to close with is what the node above holds now.
    """
    held = fresh.held_policy(settings)
    _require_reason(settings)
    keys = _next_keys(settings)
    async with fresh.peer_of(settings, clock, make_transport, epoch=settings.epoch + 1) as peer:
        known = {policy.text() for policy in held}
        notes = await fresh.policies_from(peer, settings, fingerprint, known=known)
        closing = await _mirrored(peer, _newest(notes), settings.origin)
    member = _newest(notes).member(settings.name)
    if member is None:
        raise NotFound(f"the trust policy does not name {settings.name}")
    named = Member(member.name, member.role, member.division, "", member.title)
    card = cards.make(named, keys.grants(), keys.card_signers())
    return Asked(card, closing, keys.log.name)


def _require_reason(settings: Settings) -> None:
    if not (settings.keys / f"log-{settings.epoch}.key").exists():
        return
    try:
        store = Store(settings.database)
    except NodeError:
        return  # the database is gone
    try:
        state = store.read_now(partial(logs.find, origin=settings.origin))
    finally:
        store.close()
    if state is not None and not state.frozen:
        raise Refused(
            f"the log {settings.origin} is not frozen and its key is there: it needs no new epoch",
            zh="日志未冻结且密钥完好，不需要新纪元",
            advice_zh="请查看 ggzy status；新纪元不可撤销，只用于分叉、丢失条目或日志密钥，见 docs/recovery.md。",
            advice_en="See ggzy status. A new epoch cannot be undone: it is for a fork, lost entries or a lost log "
            "key, see docs/recovery.md.",
        )


def _next_keys(settings: Settings) -> Keyring:
    # Only the log's key is new: another that is missing must be put back, not made anew in passing.
    for use in keyring.SUFFIX:
        if not (settings.keys / f"{use}.key").exists():
            raise NotFound(
                f"no key file {settings.keys / f'{use}.key'}",
                zh=f"缺少密钥文件 {settings.keys / f'{use}.key'}",
                advice_zh="请从密钥备份放回；确已丢失请按 docs/recovery.md 的“密钥”处理。",
                advice_en="Put it back from the backup of keys/; lost for good: see keys in docs/recovery.md.",
            )
    return keyring.make(settings.keys, settings.name, settings.epoch + 1, settings.suite)


async def _mirrored(peer: Peer, policy: TrustPolicy, origin: str) -> Checkpoint:
    try:
        head, _ = open_own(policy, origin, await peer.checkpoint(origin))
    except NotFound:
        return Checkpoint(origin, 0, EMPTY_ROOT)  # nothing of it was ever mirrored
    return head


def _newest(notes: list[bytes]) -> TrustPolicy:
    policy = open_first(notes[0])
    for note in notes[1:]:
        policy = open_next(note, policy)
    return policy


# --- the opening ----------------------------------------------------------------------------------------------------


async def open_epoch(
    settings: Settings,
    clock: Clock,
    *,
    fingerprint: str = "",
    make_transport: MakeTransport | None = None,
    progress: Progress = lambda done, total: None,
) -> Opened:
    """Open the epoch that the trust policy grants. May break off anywhere and be run again.

    Raises Refused while the policy does not close the old log for this node's new key, Frozen while a process of this
    node runs, and what fetching and proving the old log raises.
    """
    file, following = fresh.file_of(settings), settings.epoch + 1
    origin = f"{settings.name}/{following}"
    with fresh.alone(settings):
        if _own_origin(settings) == origin:
            # Everything was done but the last step.
            _raise_epoch(settings, following)
            return Opened(origin, (), (), 0, _lost_file(settings), files.newest_aside(file))
        async with fresh.peer_of(settings, clock, make_transport, epoch=following) as peer:
            known = {policy.text() for policy in fresh.held_policy(settings)}
            notes = await fresh.policies_from(peer, settings, fingerprint, known=known)
            policy = _newest(notes)
            closures = _require_granted(settings, policy, origin)
            above = policy.path_up(settings.name)
            peer.name = above[0] if above else peer.name
            place = await _new_database(settings, notes, clock, origin)
            store = Store(f"sqlite:///{place}")
            try:
                opened = await _fill(store, settings, peer, closures, clock, origin, progress)
            finally:
                store.close()
        aside = files.set_aside(file, f"epoch-{settings.epoch}") or files.newest_aside(file)
        files.put(place, file)
        (settings.directory / "trust-policy.note").write_bytes(notes[-1])
        _raise_epoch(settings, following)
        return replace(opened, aside=aside)


def _require_granted(settings: Settings, policy: TrustPolicy, origin: str) -> list[Closure]:
    """The closures that lead to `origin`, oldest first."""
    keys = keyring.load(settings.keys, settings.name, settings.epoch + 1, settings.suite)
    closures = [each for name, _ in policy.lineage(origin) if (each := policy.closure(name)) is not None]
    granted = any(grant.use == "log" and grant.key == keys.log.verifier for grant in policy.keys)
    if not granted or not closures or closures[-1].successor != origin or closures[-1].origin != settings.origin:
        raise Refused(
            f"the trust policy (version {policy.version}) does not close {settings.origin} for {origin} yet",
            zh=f"信任策略第 {policy.version} 版尚未关闭 {settings.origin} 并授予 {origin}",
            advice_zh="请把 ggzy epoch request 写出的名片交策略签署方（ggzy policy close），上级采用后再运行本命令。",
            advice_en="Hand the card of ggzy epoch request to whoever signs the policy (ggzy policy close); run this "
            "again once the node above has adopted it.",
        )
    return closures


def _own_origin(settings: Settings) -> str:
    try:
        store = Store(settings.database)
    except NodeError:
        return ""
    try:
        return store.read_now(_first_own)
    except Exception:  # damaged in whatever way: then it is not the new one
        return ""
    finally:
        store.close()


def _first_own(conn: Connection) -> str:
    return next((state.origin for state in logs.all_logs(conn) if state.own), "")


async def _new_database(settings: Settings, notes: list[bytes], clock: Clock, origin: str) -> Path:
    """The database of the new epoch beside the old one: begun now, or gone on with after a break."""
    place = files.unfinished(fresh.file_of(settings))
    if place is None or _own_origin(settings.model_copy(update={"database_url": f"sqlite:///{place}"})) != origin:
        place = files.begin(fresh.file_of(settings))
    await fresh.make(settings, f"sqlite:///{place}", notes, clock, origin=origin, frozen="")
    return place


async def _fill(
    store: Store,
    settings: Settings,
    peer: Peer,
    closures: list[Closure],
    clock: Clock,
    origin: str,
    progress: Progress,
) -> Opened:
    """Bring the closed logs back, index their records, and write down what they do not hold."""
    trusted = Trusted(store, settings.name, clock)
    await trusted.open()
    keys = keyring.load(settings.keys, settings.name, settings.epoch + 1, settings.suite)
    custodian = Custodian(store, keys, trusted, clock)
    old_file = fresh.file_of(settings)
    before = old_file if old_file.is_file() else files.newest_aside(old_file)
    lacking: list[Lacking] = []
    count, file = 0, _lost_file(settings)
    for closure in closures:
        closed = ClosedLog(store, peer, trusted, custodian, clock, origin=closure.origin, signed=0)
        returned = await closed.bring_closed(closure, progress)
        if closure.size:
            pusher = Pusher(store, peer, trusted, clock, refresh_ms=0)
            await pusher.fetch_cosignatures(closure.origin)
        left = list(returned.lacking)
        if before is not None:
            left, found = await _from_old(before, store, closure, left, file)
            count += found
        lacking += left
        await reissue.rebuild(store, returned.state.id, closure.size)
    ended = tuple((closure.origin, closure.size) for closure in closures)
    return Opened(origin, ended, tuple(lacking), count, file, None)


async def _from_old(
    before: Path, store: Store, closure: Closure, lacking: list[Lacking], file: Path
) -> tuple[list[Lacking], int]:
    """What only the old database has: content that no mirror may hold, evidence, and records beyond the closed head."""
    try:
        with fresh.reading(before) as old:
            left = await salvage(store, old, closure.origin, lacking)
            evidence = await old.read(partial(checkpoints.evidence_of, origin=closure.origin))
            await store.write(partial(_keep_evidence, origin=closure.origin, rows=evidence))
            return left, await lost.write(old, closure.origin, store, closure.size, file)
    except Exception:
        return lacking, 0  # it may be damaged in any way; it stays where it is, for whoever can read more of it


def _keep_evidence(conn: Connection, origin: str, rows: list[tuple[int, str, str, str]]) -> None:
    state = logs.ensure(conn, origin)
    for seen_ms, reason, held, shown in (row for row in rows if row[2]):
        checkpoints.keep_evidence(conn, state.id, seen_ms, reason, held.encode(), shown.encode())


def _lost_file(settings: Settings) -> Path:
    return settings.directory / f"lost-records-{settings.epoch}.jsonl"


def _raise_epoch(settings: Settings, epoch: int) -> None:
    """Set `epoch` in config.toml, every other line as it is. Raises Refused when something else sets it."""
    file = settings.directory / CONFIG_NAME
    text = file.read_text("utf-8")
    line = f"epoch = {epoch}"
    changed, found = re.subn(r"(?m)^[ \t]*epoch[ \t]*=.*$", line, text, count=1)
    if not found:
        # Before the first table, if there is one: behind it the line would belong to the table.
        head, bracket, rest = text.partition("\n[")
        changed = f"{head.rstrip()}\n{line}\n{bracket}{rest}" if bracket else f"{text.rstrip()}\n{line}\n"
    part = file.with_suffix(".toml.new")
    with part.open("w", encoding="utf-8") as out:
        out.write(changed)
        out.flush()
        os.fsync(out.fileno())
    part.replace(file)
    if load_settings(settings.directory).epoch != epoch:
        raise Refused(
            f"config.toml says epoch = {epoch}, but the environment variable GGZY_EPOCH says otherwise",
            field="GGZY_EPOCH",
            zh="环境变量 GGZY_EPOCH 与新纪元不符",
            advice_zh="请删除环境变量 GGZY_EPOCH 后启动服务。",
            advice_en="Remove the environment variable GGZY_EPOCH, then start the service.",
        )
