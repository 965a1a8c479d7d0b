"""The desk: an act is judged against the trade's rules and what has happened so far, then published as a record.

One act, one record, under the key `<trade>/<seq>`: two clerks who act at once get one act and one clear answer, for the
publisher refuses a key that is there. Nothing is stored beside the log before that: a crash between the publication
and what is made of it loses nothing (`refresh.py` reads on from its cursor).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol
from weakref import WeakValueDictionary

import msgspec
import structlog
from sqlalchemy import Connection

from node.clock import Clock
from node.domain import engine, sections
from node.domain.acts import Act, Attached, Disclosure
from node.domain.calendar import day_of
from node.domain.engine import Fault, Trade
from node.domain.folding import amended_by, beginning, extended
from node.domain.hands import Approval
from node.domain.record import Amendment, Document, Draft, Outcome, Source
from node.domain.rulebook import ActRule, Package
from node.errors import ActRefused, NodeError, NotAllowed, NotFound, Overtaken, Rejected
from node.rules import Rules
from node.store.db import Store
from node.trading import hands, loading, sealed
from node.trading.hands import Person
from node.trading.loading import Recorded
from node.wire import paths
from node.wire.ids import uuid7

_log = structlog.get_logger(__name__)


class Publishes(Protocol):
    """The node's publisher."""

    async def publish(self, items: Sequence[Draft | Amendment]) -> list[Outcome]: ...


Place = Callable[[Mapping[str, Any], str, str], Awaitable[tuple[dict[str, Any], list[Fault]]]]
"""May a trade be held here? (facts with `category`, trade, ISO day) -> what to keep of the decision, and faults."""


Warn = Callable[[Act, Trade], list[Fault]]
"""(act, the trade with it) -> faults that stop nothing."""


Number = Callable[[Act], Awaitable[tuple[Act, list[Fault]]]]
"""Gives a registration, or what lays out its lots anew, the numbers that it lacks: (act) -> the act with them, and what
is to be said of it. The same act gets the same numbers again.
"""


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


async def _anywhere(facts: Mapping[str, Any], trade: str, day: str) -> tuple[dict[str, Any], list[Fault]]:
    return {}, []


async def _unnumbered(act: Act) -> tuple[Act, list[Fault]]:
    return act, []


KnowsKey = Callable[[Connection, str, str], bool]
"""(transaction, account, public key in hex) -> whether the account has, or had, that key."""


class CheckFiles(Protocol):
    """Raises Rejected for a file that this node may not list: one that was not uploaded here."""

    def __call__(self, conn: Connection, /, listed: Sequence[Attached]) -> None: ...


class Desk:
    """Judges and publishes acts of this node's own trades.

    Args:
        project: brings the read tables level with the own log; awaited before judging and after publishing.
        place: decides where a registration belongs.
        number: gives numbers to a trade that was registered without one, and to its lots.
        source: the publisher's name on each record.
        warn: what else is to be said of an act that may be done, such as what a receiver above would not take.
        four_eyes: which acts a second person approves, beside those whose rule asks for it.
        knows_key: whether a public key is one of an account's.
        after: awaited after each act, for what is made of it; what goes wrong there undoes nothing.
    """

    def __init__(
        self,
        store: Store,
        publisher: Publishes,
        rules: Rules,
        clock: Clock,
        project: Callable[[], Awaitable[object]],
        *,
        node: str,
        source: str,
        place: Place = _anywhere,
        number: Number = _unnumbered,
        after: Callable[[], Awaitable[object]] | None = None,
        warn: Warn = lambda act, trade: [],
        check_files: CheckFiles = lambda conn, listed: None,
        four_eyes: hands.FourEyes = "none",
        knows_key: KnowsKey = lambda conn, account, public: True,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self.rules = rules
        self._clock = clock
        self._project = project
        self._node = node
        self._source = Source(source)
        self._place = place
        self._number = number
        self._after = after
        self._warn = warn
        self._check_files = check_files
        self._four_eyes = four_eyes
        self._knows_key = knows_key
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def needs_second(self, rule: ActRule) -> bool:
        """Whether this act is published only with a second person's approval."""
        return hands.needs_second(rule, self._four_eyes)

    def new_key(self) -> str:
        """A key for a trade that is about to be registered: a form that carries one, sent twice, makes one trade."""
        return uuid7(self._clock(), secrets.token_bytes).hex()

    async def begin(
        self,
        person: Person,
        category: str,
        title: str,
        fields: Mapping[str, Any],
        *,
        division: str = "",
        project_code: str = "",
        at: int | None = None,
        trade: str = "",
        attachments: Sequence[Attached] = (),
        approval: Approval | None = None,
        made_up: bool = False,
    ) -> Done:
        """Register a trade. `category` is the word of `node.domain.trades.CATEGORIES` or a package's id.

        Raises ActRefused with every fault, NotAllowed, NotFound where no rules are in force for that category.
        """
        hands.require(person, "trade.register")
        act = self._registration(
            category, title, fields, division, project_code, at, trade or self.new_key(), attachments
        )
        package = self._package(act.rules)
        rule = package.acts[0]
        hands.require_post(person, rule)
        await self._require_second(person, rule, act, approval)
        async with self._turn(act.trade):
            before = await self._own(act.trade, required=False)
            # What is made up takes no number of the platform's.
            number = _unnumbered if made_up else self._number
            if before:
                return _repeat(before, (await number(act))[0], person.account)
            kept, faults = await self._judged_registration(act)
            _refuse(faults)
            act, unnumbered = await number(act)
            faults = [*faults, *unnumbered]
            return await self._publish(
                person,
                act,
                package,
                rule,
                None,
                faults,
                approval=approval,
                facts=act.fields,
                inner=kept,
                made_up=made_up,
            )

    async def act(
        self,
        person: Person,
        trade: str,
        act: str,
        *,
        lots: Sequence[str] = (),
        fields: Mapping[str, Any] | None = None,
        at: int | None = None,
        title: str = "",
        attachments: Sequence[Attached] = (),
        corrects: int = 0,
        expect: int = 0,
        approval: Approval | None = None,
    ) -> Done:
        """The next act of a trade of this node.

        `expect` is the number that the act had when its form was made, 0 for whichever is next: if the trade has gone
        on since, the same act of the same person is answered as done, anything else is overtaken.
        Raises ActRefused with every fault, Overtaken, NotAllowed, NotFound.
        """
        hands.require(person, "trade.act")
        async with self._turn(trade):
            records, held = await self._trade(trade)
            seq = _next(records)
            made = self._act(held, expect or seq, act, lots, fields or {}, at, title, attachments, corrects)
            rule = held.package.act(act)
            lays_out = rule is not None and held.package.acts[0].id in rule.amends and "lots" in made.fields
            number = self._number if lays_out and not records[0].document.made_up else _unnumbered
            if expect and expect < seq:
                return _repeat(records, (await number(made))[0], person.account)
            faults = self._judge(held, made)
            _refuse(faults)
            assert rule is not None, "an act without a rule was refused"
            hands.require_post(person, rule)
            await self._require_second(person, rule, made, approval)
            target = _amended(held, made, rule)
            made, unnumbered = await number(made)
            faults = [*faults, *unnumbered]
            return await self._publish(
                person,
                made,
                held.package,
                rule,
                target,
                faults,
                approval=approval,
                facts=held.facts,
                made_up=records[0].document.made_up,
            )

    async def check(
        self,
        trade: str,
        act: str,
        *,
        lots: Sequence[str] = (),
        fields: Mapping[str, Any] | None = None,
        at: int | None = None,
        title: str = "",
        attachments: Sequence[Attached] = (),
        corrects: int = 0,
    ) -> list[Fault]:
        """What is wrong with an act, without doing it: for a preview. Raises NotFound, NotAllowed."""
        records, held = await self._trade(trade)
        made = self._act(held, _next(records), act, lots, fields or {}, at, title, attachments, corrects)
        return self._judge(held, made)

    async def check_registration(
        self,
        category: str,
        title: str,
        fields: Mapping[str, Any],
        *,
        division: str = "",
        project_code: str = "",
        at: int | None = None,
        trade: str = "",
    ) -> list[Fault]:
        """What is wrong with a registration, its place among the centres too, without doing it."""
        act = self._registration(category, title, fields, division, project_code, at, trade or self.new_key(), ())
        return (await self._judged_registration(act))[1]

    async def proposed(
        self,
        trade: str,
        act: str,
        *,
        lots: Sequence[str] = (),
        fields: Mapping[str, Any] | None = None,
        at: int | None = None,
        title: str = "",
        attachments: Sequence[Attached] = (),
        corrects: int = 0,
        expect: int = 0,
    ) -> Act:
        """The act as `act` would publish it, for a second person to approve: `at` is 0 where that is left to then.

        Raises NotFound, NotAllowed, Overtaken where the trade has gone on since the form was made.
        """
        records, held = await self._trade(trade)
        seq = _next(records)
        if expect and expect != seq:
            raise Overtaken(f"act {expect} of this trade is there already", zh="该交易已有新的环节", field="seq")
        made = self._act(held, seq, act, lots, fields or {}, at, title, attachments, corrects)
        return msgspec.structs.replace(made, at=at or 0)

    def proposed_registration(
        self,
        category: str,
        title: str,
        fields: Mapping[str, Any],
        *,
        project_code: str = "",
        at: int | None = None,
        trade: str = "",
        attachments: Sequence[Attached] = (),
    ) -> Act:
        """The same of a registration. Raises NotFound where no rules are in force for that category."""
        made = self._registration(category, title, fields, "", project_code, at, trade, attachments)
        return msgspec.structs.replace(made, at=at or 0)

    async def withdraw(self, person: Person, trade: str, seq: int, reason: str) -> Done:
        """Withdraw an act: a new version of its record that says so and why. Everybody goes on seeing it.

        Raises ActRefused where later acts rest on it, NotFound, NotAllowed, Overtaken.
        """
        reason = reason.strip()
        if not reason:
            raise Rejected("a withdrawal says why", zh="撤回须说明原因", field="reason")
        async with self._turn(trade):
            records, held = await self._trade(trade)
            target = next((each for each in records if each.act.seq == seq), None)
            if target is None:
                raise NotFound(f"trade {trade} has no act {seq}", zh=f"交易 {trade} 没有第 {seq} 号环节", field="seq")
            permission = "trade.publish" if target.kind == "trade.act" else "trade.act"
            hands.require(person, permission)
            if target.withdrawn:
                return _done(target, repeated=True)
            _refuse(engine.judge_withdrawal(held, seq))
            main = msgspec.structs.replace(target.document, status="withdrawn", reason=reason)
            return await self._send(
                person, target.kind, target.act, main, target.inner, permission, said={"withdrawn": reason}
            )

    async def _require_second(self, person: Person, rule: ActRule, act: Act, approval: Approval | None) -> None:
        """Raises NotAllowed, Overtaken, see `hands.require_second`; NotAllowed for a key that is not the approver's."""
        hands.require_second(person, rule, act, approval, self._four_eyes)
        if approval is None:
            return
        account, public = approval.account, approval.public
        if not await self._store.read(lambda conn: self._knows_key(conn, account, public)):
            raise NotAllowed(
                f"the approval is not signed with a key of {approval.account}",
                zh=f"复核签名的密钥不属于账号 {approval.account}",
                field="second",
            )

    async def _trade(self, key: str) -> tuple[list[Recorded], Trade]:
        """Our own trade as it now stands. Raises NotFound, NotAllowed when it is another node's, Malformed."""
        records = await self._own(key)
        return records, loading.replayed(records, self.rules.book)

    async def _own(self, key: str, *, required: bool = True) -> list[Recorded]:
        await self._project()

        def read(conn: Connection) -> list[Recorded]:
            found = loading.holders(conn, key)
            if self._node not in found:
                if found and required:
                    raise NotAllowed(
                        f"trade {key} is held at {found[0]}",
                        zh=f"交易 {key} 属于 {found[0]}，本节点不能办理",
                        advice_zh="请到该中心办理。",
                        advice_en="Act at that centre.",
                    )
                if required:
                    raise loading.not_found(key)
                return []
            return loading.recorded(conn, key, self._node)

        return await self._store.read(read)

    def _registration(
        self,
        category: str,
        title: str,
        fields: Mapping[str, Any],
        division: str,
        project_code: str,
        at: int | None,
        trade: str,
        attachments: Sequence[Attached],
    ) -> Act:
        at = self._clock() if at is None else at
        package = self._package_for(category, at)
        return Act(
            trade=trade,
            seq=1,
            category=package.category,
            act=package.acts[0].id,
            rules=package.name,
            at=at,
            title=title or str(fields.get("project_name", "")),
            division=division or str(fields.get("division", "")),
            project_code=project_code or str(fields.get("project_code", "")),
            fields=dict(fields),
            attachments=list(attachments),
            disclosure=_disclosure(package.acts[0]),
        )

    async def _judged_registration(self, act: Act) -> tuple[dict[str, Any], list[Fault]]:
        faults = engine.judge(
            None, act, self.rules.book, now_ms=self._clock(), calendar=self.rules.calendar, tables=self.rules.tables
        )
        facts = {**act.fields, "category": act.category, "division": act.division, "project_code": act.project_code}
        kept, misplaced = await self._place(facts, act.trade, day_of(act.at))
        if not any(fault.severity == "refuse" for fault in faults):
            faults = [*faults, *self._warn(act, beginning(self._package(act.rules), act))]
        return ({f"{sections.RESERVED}routing": kept} if kept else {}), [*faults, *misplaced]

    def _act(
        self,
        held: Trade,
        seq: int,
        act: str,
        lots: Sequence[str],
        fields: Mapping[str, Any],
        at: int | None,
        title: str,
        attachments: Sequence[Attached],
        corrects: int,
    ) -> Act:
        rule = held.package.act(act)
        first = held.acts[0] if held.acts else None
        return Act(
            trade=held.key,
            seq=seq,
            category=held.category,
            act=act,
            rules=held.package.name,
            at=self._clock() if at is None else at,
            title=title or f"{held.title}{rule.zh if rule else ''}",
            division=held.division,
            project_code=first.project_code if first else "",
            lots=list(lots),
            fields=dict(fields),
            attachments=list(attachments),
            disclosure=_disclosure(rule),
            corrects=corrects,
        )

    def _judge(self, held: Trade, act: Act) -> list[Fault]:
        faults = engine.judge(
            held, act, self.rules.book, now_ms=self._clock(), calendar=self.rules.calendar, tables=self.rules.tables
        )
        faults = [*faults, *sealed.too_early(held, act, self._clock())]
        if any(fault.severity == "refuse" for fault in faults):
            return faults
        return [*faults, *self._warn(act, extended(held, act))]

    async def _publish(
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
            await self._store.read(partial(self._check_files, listed=act.attachments))
        # What only authorities read needs no second fence between its fields.
        shown: dict[str, Any] = dict(act.fields)
        kept: dict[str, Any] = {}
        if rule.public:
            shown, kept = sections.split(engine.fields_of(package, rule, target), act.fields)
        disclosed = msgspec.structs.replace(
            act, fields=shown, context=_context(rule, act, facts) if rule.public else {}
        )
        main = Document(key=act.key, body=disclosed, source=self._source, as_of=day_of(act.at), made_up=made_up)
        permission = "trade.register" if act.seq == 1 else "trade.act"
        kind = "trade.act" if rule.public else "trade.step"
        done = await self._send(person, kind, act, main, {**kept, **(inner or {})}, permission, approval=approval)
        return replace(done, warnings=tuple(faults))

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
        (outcome,) = await self._publisher.publish([Amendment(kind, act.key, apply, what, more)])
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
            await self._project()
            if self._after is not None:
                await self._after()
        except NodeError as error:
            _log.warning("act_not_followed_up", act=act.key, error=type(error).__name__, detail=error.detail)

    def _turn(self, trade: str) -> asyncio.Lock:
        """Acts of one trade take turns in this process; between processes the key decides."""
        lock = self._turns.get(trade)
        if lock is None:
            lock = self._turns[trade] = asyncio.Lock()
        return lock

    def _package_for(self, category: str, at: int) -> Package:
        names = [each.category for each in self.rules.book.packages if each.id == category] or [category]
        package = self.rules.book.of(names[0], day_of(at))
        if package is None:
            raise NotFound(
                f"no rules of {category!r} are in force on {day_of(at)}",
                zh=f"没有“{category}”在 {day_of(at)} 施行的规则包",
                field="category",
            )
        return package

    def _package(self, name: str) -> Package:
        package = self.rules.book.get(name)
        assert package is not None
        return package


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


def _refuse(faults: Sequence[Fault]) -> None:
    refusing = [fault for fault in faults if fault.severity == "refuse"]
    if refusing:
        raise ActRefused(refusing + [fault for fault in faults if fault.severity != "refuse"])


def _repeat(records: Sequence[Recorded], act: Act, account: str) -> Done:
    """The act that is there under this number, if it is the very same of the same person. Raises Overtaken."""
    there = next((each for each in records if each.act.seq == act.seq), None)
    if there is not None and there.hand is not None and there.hand.account == account:
        if msgspec.structs.replace(act, at=there.act.at, context=there.act.context) == there.act:
            return _done(there, repeated=True)
    raise Overtaken(
        f"act {act.key} is there already: somebody acted on this trade meanwhile",
        zh="该交易在您填写期间已有新的环节，本次未提交",
        field="seq",
    )


def _done(record: Recorded, *, repeated: bool) -> Done:
    record_id = record.record_id.hex()
    receipt = paths.RECORD_RECEIPT.format(record_id=record_id)
    return Done(record.act.trade, record.act.seq, record_id, record.version, record.index, receipt, repeated=repeated)


def _next(records: Sequence[Recorded]) -> int:
    """A number is never given twice, also when its act was withdrawn."""
    return max(each.act.seq for each in records) + 1


def _amended(held: Trade, act: Act, rule: ActRule) -> ActRule | None:
    target = amended_by(held, act)
    return None if target is None else held.package.act(target.act)


TOLD = ("project_name", "owner", "agency", "method", "object", "invest_code", "legacy_number")
"""Facts of a trade that each of its public records repeats, so that it is found by them too."""


_OF_LOTS = ("number", "name", "section_code", "unified_code")
"""What a public record tells of the lots that it is about; their estimates are no one's business before opening."""


def _context(rule: ActRule, act: Act, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the record of a public act repeats of its trade, for a reader who has nothing else."""
    told = {name: facts[name] for name in TOLD if facts.get(name)}
    lots = [
        {name: row[name] for name in _OF_LOTS if row.get(name)}
        for row in facts.get("lots") or []
        if not act.lots or row.get("number") in act.lots
    ]
    return {"stage_name": rule.zh, **told, **({"lots": lots} if lots and "lots" not in act.fields else {})}


def _disclosure(rule: ActRule | None) -> Disclosure:
    return msgspec.convert(rule.disclosure, Disclosure) if rule else ""
