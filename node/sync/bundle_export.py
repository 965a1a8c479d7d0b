"""Write a bundle: what a line would carry between this node and another, in files (DESIGN L12, L17).

To a node above go our log and those from below us, to a node below the logs that are not its own; either way with
heads, entries in packages with proofs, payloads that the addressee may hold, key wraps, and cosigned heads. Of the
addressee's own logs it gets back what was signed for them here: cosignatures and custody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from node.clock import Clock
from node.errors import Malformed, NotFound, Refused
from node.keyring import Keyring
from node.store import logs
from node.store.db import Store
from node.store.logs import LogState
from node.sync.bundle_files import MAX_PART_BYTES, MIN_PART_BYTES, BundleWriter, new_set_id
from node.sync.bundle_logs import LogExport, LogWriter, Source
from node.sync.bundle_standing import Addressee, own_standing, remembered
from node.sync.custody import Custodian
from node.trusted import Trusted, versions_above
from node.wire.bundle import (
    PartFrame,
    PolicyFrame,
    StandingFrame,
)
from node.wire.standing import StandingNote
from node.wire.trust import TrustPolicy

Progress = Callable[[int, int], None]


@dataclass
class Exported:
    """A bundle that was written."""

    addressee: str
    files: list[Path] = field(default_factory=list)
    policies: int = 0
    logs: dict[str, LogExport] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return sum(file.stat().st_size for file in self.files)


def find_addressee(policy: TrustPolicy, me: str, name: str) -> str:
    """The node that `name` means: its whole name, or the last part of it, such as `hub` or `500103`.

    Raises NotFound for a name of no node or of several, Refused for a node that this one does not exchange with.
    """
    found = [m.name for m in policy.members if m.name == name or m.name.endswith("/" + name)]
    if policy.member(name) is not None:
        found = [name]
    if len(found) != 1:
        raise NotFound(
            f"the trust policy knows {len(found)} nodes of the name {name}",
            field="to",
            zh=f"信任策略中名为 {name} 的节点有 {len(found)} 个",
            advice_zh="请用 ggzy policy show 查看节点名称，并给出完整名称。",
            advice_en="Look the name up with ggzy policy show and give the whole of it.",
        )
    if found[0] not in (*policy.path_up(me), *policy.below(me)):
        raise Refused(
            f"{found[0]} stands neither above nor below {me}",
            field="to",
            zh=f"{found[0]} 既不是本节点的上级，也不是下级",
            advice_zh="数据包只在上下级之间交换；其他节点的内容经上级取得。",
            advice_en="Bundles go between a node and those above or below it; others are reached through those.",
        )
    return found[0]


class Exporter:
    """Makes bundles out of one node's store."""

    def __init__(self, store: Store, keys: Keyring, trusted: Trusted, custodian: Custodian, clock: Clock) -> None:
        self._source = Source(store, keys, trusted, custodian, clock)

    async def export(
        self,
        to: str,
        directory: Path,
        *,
        max_bytes: int,
        standing: StandingNote | None = None,
        progress: Progress = lambda done, total: None,
    ) -> Exported:
        """Write a bundle for the node `to` into a directory, in parts of at most `max_bytes`.

        `standing` says what the addressee holds; without it the newest that was brought here, and the last answers on
        the line, say so. Raises NotFound, Refused, Malformed for a size out of range, OSError.
        """
        if not MIN_PART_BYTES <= max_bytes <= MAX_PART_BYTES:
            raise Malformed(
                f"parts have from {MIN_PART_BYTES} to {MAX_PART_BYTES} bytes",
                field="max-size",
                zh="分卷大小超出范围",
                advice_zh="请给出 1M 到 4095M 之间的大小，如 --max-size 64M。",
                advice_en="Give a size from 1M to 4095M, such as --max-size 64M.",
            )
        source = self._source
        policy, me = source.trusted.policy, source.trusted.me
        name = find_addressee(policy, me, to)
        if standing is not None and standing.node != name:
            raise Refused(
                f"the standing note is of {standing.node}, not of {name}",
                field="from-standing",
                zh=f"该现状文件属于 {standing.node}，不属于 {name}",
                advice_zh="请使用收件节点用 ggzy bundle standing 写出的文件。",
                advice_en="Use the file that the addressee has written with ggzy bundle standing.",
            )
        told = standing or await source.store.read(partial(remembered, node=name))
        addressee = Addressee(name, told, only_told=standing is not None)
        made = Exported(name)
        part = PartFrame(policy.federation, me, name, source.clock(), new_set_id(), 1)
        with BundleWriter(directory, _stem(part), part, max_bytes) as writer:
            await _Job(self._source, addressee, writer, made, progress).run()
            made.files = writer.finish()
        return made


def _stem(part: PartFrame) -> str:
    """The files' common name, of letters that every file system takes."""
    ends = ["-".join(name.split("/")[-2:]) for name in (part.sender, part.addressee)]
    plain = ["".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in end)[:40] for end in ends]
    made = datetime.fromtimestamp(part.made_ms / 1000, UTC)
    return f"{plain[0]}-to-{plain[1]}-{made:%Y%m%dT%H%M%SZ}-{part.set_id[:3].hex()}"


class _Job:
    """One export under way."""

    def __init__(
        self,
        source: Source,
        addressee: Addressee,
        writer: BundleWriter,
        made: Exported,
        progress: Progress,
    ) -> None:
        self._source = source
        self._store = source.store
        self._trusted = source.trusted
        self._to = addressee
        self._writer = writer
        self._made = made
        self._progress = progress
        self._done = self._total = 0

    async def run(self) -> None:
        await self._policies()
        source = self._source
        standing = StandingFrame((await own_standing(source.store, source.keys, source.trusted, source.clock)).encode())
        self._writer.write(standing)
        self._writer.repeat("standing", standing)
        content, stated = self._choose(await self._store.read(logs.all_logs))
        places = await self._store.read(lambda conn: [self._to.stands(conn, state) for state in content])
        self._total = sum(max(0, state.head_size - place.stored) for state, place in zip(content, places, strict=True))
        writer = LogWriter(self._source, self._writer, self._to.name, self._advance)
        for state, place in zip(content, places, strict=True):
            self._made.logs[state.origin] = await writer.content(state, place)
        for state in stated:
            self._made.logs[state.origin] = await writer.statements(state)

    def _advance(self, count: int) -> None:
        self._done += count
        self._progress(self._done, self._total)

    def _choose(self, states: list[LogState]) -> tuple[list[LogState], list[LogState]]:
        """The logs that the addressee is brought, and those of its own of which it gets statements only."""
        policy, me, to = self._trusted.policy, self._trusted.me, self._to.name
        content, stated = [], []
        theirs = {to, *policy.below(to)}
        ours = {me, *policy.below(me)}
        for state in states:
            node = policy.node_of_origin(state.origin)
            if to in policy.path_up(me):
                content += [state] if node in ours else []
            elif node in theirs:
                stated.append(state)
            else:
                content += [state] if node is not None else []
        return content, stated

    async def _policies(self) -> None:
        number, notes = self._to.policy_version, []
        while more := await self._store.read(partial(versions_above, number=number)):
            notes += more
            number += len(more)
        self._made.policies = len(notes)
        for place, note in enumerate(notes):
            self._writer.write(PolicyFrame(note))
            self._writer.repeat(f"policy-{place}", PolicyFrame(note), share=8)
