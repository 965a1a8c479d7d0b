"""The job of the uplink at the hub: take what is new, send what is due, tell what was said. Running it again is
harmless.

One at a time: a lease in the database keeps the command line and the server from sending the same at once.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog
from sqlalchemy import Connection

from node.clock import Clock
from node.domain.record import Draft, Outcome
from node.domain.rulebook import Rulebook
from node.domain.ruletables import RuleTable
from node.domain.tradecodes import CodeTable
from node.errors import NodeError
from node.store import cursors
from node.store.db import Store
from node.uplink import envelope, held, reconcile, sending, taking, token, verdicts
from node.uplink.area import FileArea
from node.uplink.folder import Folder
from node.uplink.mapping import Fill
from node.uplink.receiver import Answer, Receiver
from node.uplink.sending import Due, Terms
from node.uplink.shape import Sender
from node.uplink.taking import Desk

_log = structlog.get_logger(__name__)
LEASE_FACT, LEASE_MS = "uplink_lease", 120_000
AT_ONCE = 8
Publish = Callable[[Sequence[Draft]], Awaitable[list[Outcome]]]


@dataclass(slots=True)
class Report:
    """What one run did: entries read, messages sent, of these accepted and not, verdicts published."""

    read: int = 0
    sent: int = 0
    accepted: int = 0
    refused: int = 0
    unanswered: int = 0
    verdicts: int = 0
    stopped: str = ""


@dataclass(frozen=True)
class Parts:
    """What the uplink works with.

    `centres` gives title and division of each node by name, `rules` the rule book, `tables` the published code tables,
    `fills` what is filled in; `area` is where files are laid out for the receiver.
    """

    store: Store
    clock: Clock
    sender: Sender
    secret: str
    max_tries: int
    receiver: Receiver | None
    folder: Folder | None
    publish: Publish
    rules: Callable[[], Rulebook]
    codes: Callable[[], CodeTable]
    centres: Callable[[], Mapping[str, tuple[str, str]]]
    fills: tuple[Fill, ...] = field(default_factory=held.fills)
    area: FileArea | None = None
    tables: Callable[[], Sequence[RuleTable]] = tuple
    name: str = "national"


class Uplink:
    """Sends to one receiver."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._store, self._clock = parts.store, parts.clock
        self._me = secrets.token_hex(8)

    async def run(self) -> Report:
        """Take, send and tell until nothing is due. Gives an empty report where another process is at it."""
        report = Report()
        if not await self._store.write(self._lease):
            report.stopped = "elsewhere"
            return report
        try:
            await self._take(report)
            await self._store.write(partial(sending.release_files, now_ms=self._clock()))
            if self._parts.receiver is not None or self._parts.folder is not None:
                await self._send(report)
            await self._tell(report)
        finally:
            await self._store.write(partial(_let_go, me=self._me))
        if report.sent or report.verdicts:
            _log.info("uplink", **{name: getattr(report, name) for name in Report.__slots__})
        return report

    async def _take(self, report: Report) -> None:
        while done := await self._store.write(partial(self._step, work=taking.step)):
            report.read += done
        await self._store.write(partial(self._step, work=taking.late))

    def _step(self, conn: Connection, work: Callable[[Connection, Desk], int]) -> int:
        parts = self._parts
        standard = held.held(conn, parts.tables())
        desk = Desk(standard, parts.sender, parts.rules(), parts.codes(), parts.centres(), self._clock())
        return work(conn, desk)

    async def _send(self, report: Report) -> None:
        while True:
            if not await self._store.write(self._lease):
                report.stopped = "elsewhere"
                return
            terms = await self._store.read(self._terms)
            due, aside = await self._store.write(partial(sending.choose, terms=terms))
            if due:
                answered = await self._send_all(terms, due)
                await self._store.write(partial(sending.settle, terms=terms, answered=answered))
                self._count(report, answered)
                if any(answer.sort == "sender" for _, answer in answered):
                    report.stopped = next(answer.words for _, answer in answered if answer.sort == "sender")
                    return
                if all(answer.sort == "unknown" for _, answer in answered) and len(answered) > 1:
                    report.stopped = answered[0][1].words  # nobody answers: the rest waits for the next run
                    return
            elif not aside:
                return

    def _terms(self, conn: Connection) -> Terms:
        parts = self._parts
        return Terms(held.held(conn, parts.tables()), parts.fills, parts.sender, parts.max_tries, self._clock())

    async def _send_all(self, terms: Terms, due: Sequence[Due]) -> list[tuple[Due, Answer]]:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(each: Due) -> tuple[Due, Answer]:
            async with gate:
                return each, await self._send_one(terms, each)

        return list(await asyncio.gather(*(one(each) for each in due)))

    async def _send_one(self, terms: Terms, due: Due) -> Answer:
        parts, data = self._parts, sending.envelope_of(terms.standard, terms.sender, due)
        if parts.area is not None:
            try:
                for each in due.files:
                    if not each.deleted:
                        await asyncio.to_thread(parts.area.put, each.place)
            except (OSError, NodeError) as error:
                # Its files cannot be laid out now; the others go on, and this one is tried again like what was lost.
                return Answer("unknown", f"附件未能放入文件交换区 · files not laid out: {type(error).__name__}")
        if parts.receiver is not None:
            return await parts.receiver.send(self.validation(), data)
        assert parts.folder is not None
        return await asyncio.to_thread(parts.folder.exchange, due.data_key, due.operation, data)

    async def theirs(self, most: int) -> dict[str, str] | None:
        """Key -> state of all that the receiver says it holds of ours; None where it does not tell."""
        if self._parts.receiver is None:
            return None
        found: dict[str, str] = {}
        after = ""
        while len(found) < most:
            page = await self._parts.receiver.keys(self.validation(), after)
            if page is None:
                return None
            if not page:
                break
            found.update(page)
            if page[-1][0] <= after:
                return None  # it does not go on: what it tells is no list
            after = page[-1][0]
        return found

    @staticmethod
    def reconciled(conn: Connection, day: str) -> bool:
        """Whether a day has been reconciled."""
        last = reconcile.newest(conn)
        return last is not None and last.day >= day

    def validation(self) -> bytes:
        """The first argument of a call made now."""
        system_no = self._parts.sender.system_no
        return envelope.validation(system_no, token.make(system_no, self._parts.secret, self._clock()))

    def _count(self, report: Report, answered: Sequence[tuple[Due, Answer]]) -> None:
        report.sent += len(answered)
        for due, answer in answered:
            if answer.sort == "accepted" or (due.again and answer.sort == "known-key"):
                report.accepted += 1
            elif answer.sort == "unknown":
                report.unanswered += 1
            else:
                report.refused += 1

    async def _tell(self, report: Report) -> None:
        standard, after = held.packaged(), b""
        while True:
            owed = partial(
                verdicts.owed, standard=standard, receiver=self._parts.name, now_ms=self._clock(), after=after
            )
            told = await self._store.read(owed)
            if told.drafts:
                outcomes = await self._parts.publish(told.drafts)
                await self._store.write(partial(verdicts.mark, told=told))
                report.verdicts += sum(outcome.state == "published" for outcome in outcomes)
            if not told.last:
                return
            after = told.last

    def _lease(self, conn: Connection) -> bool:
        holder, _, until = (cursors.fact(conn, LEASE_FACT) or "").partition("|")
        now_ms = self._clock()
        if holder and holder != self._me and now_ms < int(until) <= now_ms + LEASE_MS:
            return False
        cursors.set_fact(conn, LEASE_FACT, f"{self._me}|{now_ms + LEASE_MS}")
        return True


def _let_go(conn: Connection, me: str) -> None:
    if (cursors.fact(conn, LEASE_FACT) or "").startswith(f"{me}|"):
        cursors.set_fact(conn, LEASE_FACT, "")
