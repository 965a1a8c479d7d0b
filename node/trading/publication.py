"""How an act becomes a record: its sections, its hand, what it repeats of its trade; also how one is withdrawn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import msgspec
import structlog
from sqlalchemy import Connection

from node.domain import engine, sections
from node.domain.acts import Act, Attached
from node.domain.calendar import day_of
from node.domain.engine import Fault
from node.domain.hands import Approval
from node.domain.record import Amendment, Document, Draft, Outcome, Source
from node.domain.rulebook import ActRule, Package
from node.errors import NodeError, Overtaken
from node.store.db import Store
from node.store.loading import Recorded
from node.trading import hands
from node.trading.hands import Person
from node.wire import paths

_log = structlog.get_logger(__name__)

TOLD = ("project_name", "owner", "agency", "method", "object", "invest_code", "legacy_number")
"""Facts of a trade that each of its public records repeats, so that it is found by them too."""


_OF_LOTS = ("number", "name", "section_code", "unified_code")
"""What a public record tells of the lots that it is about; their estimates are no one's business before opening."""


class Publishes(Protocol):
    """The node's publisher."""

    async def publish(self, items: Sequence[Draft | Amendment]) -> list[Outcome]: ...


@dataclass(frozen=True, slots=True)
class Done:
    """What was published: the act's number, its record, where its receipt is, and what was let pass with a warning.

    `repeated` says that this very act was there already, for example because a form was sent twice.
    """

    trade: str
    seq: int
    record_id: str
    version: int
    index: int
    receipt: str
    warnings: tuple[Fault, ...] = ()
    repeated: bool = False


class CheckFiles(Protocol):
    """Raises Rejected for a file that this node may not list: one that was not uploaded here."""

    def __call__(self, conn: Connection, /, listed: Sequence[Attached]) -> None: ...


@dataclass(slots=True)
class Publication:
    """Publishes acts that were judged.

    Attributes:
        source: the publisher's name on each record.
        project: brings the read tables level with the own log; awaited after publishing.
        after: awaited after each act, for what is made of it; what goes wrong there undoes nothing.
        check_files: raises for a file that may not be listed.
    """

    store: Store
    publisher: Publishes
    source: Source
    project: Callable[[], Awaitable[object]]
    after: Callable[[], Awaitable[object]] | None = None
    check_files: CheckFiles = lambda conn, listed: None

    async def publish(
        self,
        person: Person,
        act: Act,
        package: Package,
        rule: ActRule,
        target: ActRule | None,
        faults: Sequence[Fault],
        *,
        approval: Approval | None,
        facts: Mapping[str, Any],
        inner: Mapping[str, Any] | None = None,
        made_up: bool,
    ) -> Done:
        if act.attachments:
            await self.store.read(partial(self.check_files, listed=act.attachments))
        # What only authorities read needs no second fence between its fields.
        shown: dict[str, Any] = dict(act.fields)
        kept: dict[str, Any] = {}
        if rule.public:
            shown, kept = sections.split(engine.fields_of(package, rule, target), act.fields)
        disclosed = msgspec.structs.replace(
            act, fields=shown, context=_context(rule, act, facts) if rule.public else {}
        )
        main = Document(key=act.key, body=disclosed, source=self.source, as_of=day_of(act.at), made_up=made_up)
        permission = "trade.register" if act.seq == 1 else "trade.act"
        kind = "trade.act" if rule.public else "trade.step"
        done = await self._send(person, kind, act, main, {**kept, **(inner or {})}, permission, approval=approval)
        return replace(done, warnings=tuple(faults))

    async def withdraw(self, person: Person, target: Recorded, permission: str, reason: str) -> Done:
        """The act once more, as a version that says that it is withdrawn, and why. Raises Overtaken."""
        main = msgspec.structs.replace(target.document, status="withdrawn", reason=reason)
        return await self._send(
            person, target.kind, target.act, main, target.inner, permission, said={"withdrawn": reason}
        )

    async def _send(
        self,
        person: Person,
        kind: str,
        act: Act,
        main: Document[Act],
        inner: Mapping[str, Any],
        permission: str,
        *,
        approval: Approval | None = None,
        said: Mapping[str, Any] | None = None,
    ) -> Done:
        hand = hands.sign(person, kind, main, inner, permission, approval=approval)
        what = {"act": msgspec.to_builtins(act), "account": person.account} | dict(said or {})
        more: dict[str, Any] = {"hand": hand} | ({"inner": dict(inner)} if inner else {})
        apply = _withdrawal(main) if main.status == "withdrawn" else partial(_first, main=main)
        (outcome,) = await self.publisher.publish([Amendment(kind, act.key, apply, what, more)])
        if outcome.error is not None:
            raise outcome.error
        assert outcome.record_id is not None and outcome.index is not None
        if outcome.state == "published":
            await self._follow_up(act)
        record_id = outcome.record_id.hex()
        receipt = paths.RECORD_RECEIPT.format(record_id=record_id)
        repeated = outcome.state == "unchanged"
        return Done(act.trade, act.seq, record_id, outcome.version, outcome.index, receipt, repeated=repeated)

    async def _follow_up(self, act: Act) -> None:
        """What is made of the act; it is published, so nothing that goes wrong here may say otherwise."""
        try:
            await self.project()
            if self.after is not None:
                await self.after()
        except NodeError as error:
            _log.warning("act_not_followed_up", act=act.key, error=type(error).__name__, detail=error.detail)


def _first(current: Document[Any] | None, *, main: Document[Act]) -> Document[Any]:
    if current is not None:
        raise Overtaken(
            f"act {main.key} is there already: somebody acted on this trade meanwhile",
            zh="他人刚刚办理了该交易的环节，本次未提交",
            field="seq",
        )
    return main


def _withdrawal(main: Document[Act]) -> Callable[[Document[Any] | None], Document[Any]]:
    """Only what the withdrawing person saw is withdrawn."""

    def apply(current: Document[Any] | None) -> Document[Any]:
        if current is None or current.status == "withdrawn" or current.body != main.body:
            raise Overtaken(f"act {main.key} has changed meanwhile", zh="该环节已变化，本次未撤回", field="seq")
        return main

    return apply


def repeat(records: Sequence[Recorded], act: Act, account: str) -> Done:
    """The act that is there under this number, if it is the very same of the same person. Raises Overtaken."""
    there = next((each for each in records if each.act.seq == act.seq), None)
    if there is not None and there.hand is not None and there.hand.account == account:
        if msgspec.structs.replace(act, at=there.act.at, context=there.act.context) == there.act:
            return done_of(there, repeated=True)
    raise Overtaken(
        f"act {act.key} is there already: somebody acted on this trade meanwhile",
        zh="该交易在您填写期间已有新的环节，本次未提交",
        field="seq",
    )


def done_of(record: Recorded, *, repeated: bool) -> Done:
    record_id = record.record_id.hex()
    receipt = paths.RECORD_RECEIPT.format(record_id=record_id)
    return Done(record.act.trade, record.act.seq, record_id, record.version, record.index, receipt, repeated=repeated)


def _context(rule: ActRule, act: Act, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the record of a public act repeats of its trade, for a reader who has nothing else."""
    told = {name: facts[name] for name in TOLD if facts.get(name)}
    lots = [
        {name: row[name] for name in _OF_LOTS if row.get(name)}
        for row in facts.get("lots") or []
        if not act.lots or row.get("number") in act.lots
    ]
    return {"stage_name": rule.zh, **told, **({"lots": lots} if lots and "lots" not in act.fields else {})}
