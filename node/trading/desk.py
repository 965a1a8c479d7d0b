"""The desk: an act is judged against the trade's rules and what has happened so far, then published as a record.

One act, one record, under the key `<trade>/<seq>`: two clerks who act at once get one act and one clear answer, for the
publisher refuses a key that is there. Nothing is stored beside the log before that: a crash between the publication
and what is made of it loses nothing (`refresh.py` reads on from its cursor).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from weakref import WeakValueDictionary

import msgspec
from sqlalchemy import Connection

from node.clock import Clock
from node.domain import engine
from node.domain.acts import Act, Attached
from node.domain.engine import Fault, Trade
from node.domain.hands import Approval
from node.domain.record import Source
from node.domain.rulebook import ActRule
from node.errors import NotAllowed, NotFound, Overtaken, Rejected
from node.rules import Rules
from node.store import loading
from node.store.db import Store
from node.store.loading import Recorded
from node.trading import hands
from node.trading.hands import Person
from node.trading.judging import Judging, Place, Warn, amended, anywhere, refuse
from node.trading.own import OwnTrades
from node.trading.publication import CheckFiles, Done, Publication, Publishes, done_of, repeat
from node.wire.ids import uuid7

__all__ = ["Desk", "Done"]

Number = Callable[[Act], Awaitable[tuple[Act, list[Fault]]]]
"""Gives a registration, or what lays out its lots anew, the numbers that it lacks: (act) -> the act with them, and what
is to be said of it. The same act gets the same numbers again.
"""


async def _unnumbered(act: Act) -> tuple[Act, list[Fault]]:
    return act, []


KnowsKey = Callable[[Connection, str, str], bool]
"""(transaction, account, public key in hex) -> whether the account has, or had, that key."""


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
        place: Place = anywhere,
        number: Number = _unnumbered,
        after: Callable[[], Awaitable[object]] | None = None,
        warn: Warn = lambda act, trade: [],
        check_files: CheckFiles = lambda conn, listed: None,
        four_eyes: hands.FourEyes = "none",
        knows_key: KnowsKey = lambda conn, account, public: True,
    ) -> None:
        self._store = store
        self._clock = clock
        self.judging = Judging(rules, clock, place, warn)
        self.own = OwnTrades(store, project, node)
        self.publication = Publication(store, publisher, Source(source), project, after, check_files)
        self._number = number
        self._four_eyes = four_eyes
        self._knows_key = knows_key
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def rules(self) -> Rules:
        """What is in force at this node."""
        return self.judging.rules

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
        act = self.judging.registration(
            category, title, fields, division, project_code, at, trade or self.new_key(), attachments
        )
        package = self.judging.package(act.rules)
        rule = package.acts[0]
        hands.require_post(person, rule)
        await self._require_second(person, rule, act, approval)
        async with self._turn(act.trade):
            before = await self.own.records(act.trade, required=False)
            # What is made up takes no number of the platform's.
            number = _unnumbered if made_up else self._number
            if before:
                return repeat(before, (await number(act))[0], person.account)
            kept, faults = await self.judging.judged_registration(act)
            refuse(faults)
            act, unnumbered = await number(act)
            faults = [*faults, *unnumbered]
            return await self.publication.publish(
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
            made = self.judging.act(held, expect or seq, act, lots, fields or {}, at, title, attachments, corrects)
            rule = held.package.act(act)
            lays_out = rule is not None and held.package.acts[0].id in rule.amends and "lots" in made.fields
            number = self._number if lays_out and not records[0].document.made_up else _unnumbered
            if expect and expect < seq:
                return repeat(records, (await number(made))[0], person.account)
            faults = self.judging.judged(held, made)
            refuse(faults)
            assert rule is not None, "an act without a rule was refused"
            hands.require_post(person, rule)
            await self._require_second(person, rule, made, approval)
            target = amended(held, made, rule)
            made, unnumbered = await number(made)
            faults = [*faults, *unnumbered]
            return await self.publication.publish(
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
        made = self.judging.act(held, _next(records), act, lots, fields or {}, at, title, attachments, corrects)
        return self.judging.judged(held, made)

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
        act = self.judging.registration(
            category, title, fields, division, project_code, at, trade or self.new_key(), ()
        )
        return (await self.judging.judged_registration(act))[1]

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
        made = self.judging.act(held, seq, act, lots, fields or {}, at, title, attachments, corrects)
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
        made = self.judging.registration(category, title, fields, "", project_code, at, trade, attachments)
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
                return done_of(target, repeated=True)
            refuse(engine.judge_withdrawal(held, seq))
            return await self.publication.withdraw(person, target, permission, reason)

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
        records = await self.own.records(key)
        return records, loading.replayed(records, self.judging.rules.book)

    def _turn(self, trade: str) -> asyncio.Lock:
        """Acts of one trade take turns in this process; between processes the key decides."""
        lock = self._turns.get(trade)
        if lock is None:
            lock = self._turns[trade] = asyncio.Lock()
        return lock


def _next(records: Sequence[Recorded]) -> int:
    """A number is never given twice, also when its act was withdrawn."""
    return max(each.act.seq for each in records) + 1
