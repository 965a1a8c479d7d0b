"""Orders of a supervising department: checked, signed by the supervisor and by the department's node, into its log."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from node.accounts.audit import Audit
from node.accounts.needs import Publishes
from node.accounts.person import Person
from node.clock import Clock
from node.domain.hands import Stated
from node.domain.record import Amendment, Document, Source
from node.domain.supervision import MEASURES, Order
from node.errors import NotAllowed, Rejected
from node.wire import payload as payloads

_TRADE = re.compile(r"[0-9a-f]{32}")
MAX_NUMBER, MAX_TEXT, MAX_CODE = 80, 2000, 64


class Ordering:
    """Gives the orders of one department. `node` is its node's name, `department` its own."""

    def __init__(self, publisher: Publishes, audit: Audit, clock: Clock, *, node: str, department: str) -> None:
        self._publisher = publisher
        self._audit = audit
        self._clock = clock
        self._node = node
        self._department = department

    async def give(
        self,
        person: Person,
        *,
        number: str,
        measure: str,
        reason: str,
        trade: str = "",
        project_code: str = "",
        target: str = "",
        sector: str = "",
        basis: str = "",
        expires_on: str = "",
    ) -> bytes:
        """Sign an order and publish it; gives its record's id.

        `target` is a node's name that the caller has found in the trust policy. Raises NotAllowed without the
        permission or for a sector that is not the person's, Rejected for what is missing or a number that was used.
        """
        permission = "order.override" if measure == "override" else "order.give"
        if not person.may(permission):
            raise NotAllowed("only a supervisor gives orders", zh="仅监管人员可下达监督指令")
        if person.sectors and sector not in person.sectors:
            raise NotAllowed(
                f"the trade's sector {sector or '(none)'} is not one of this supervisor's",
                zh=f"该交易的行业（{sector or '未载明'}）不在您的监管范围内",
            )
        order = Order(
            number=_needed("number", number, MAX_NUMBER, "文号", "document number"),
            department=self._department,
            measure=_measure(measure),
            reason=_needed("reason", reason, MAX_TEXT, "事由", "reason"),
            account=person.account,
            at=self._clock(),
            trade=trade,
            project_code=project_code[:MAX_CODE],
            target=target if measure == "override" else "",
            sector=sector,
            expires_on=expires_on,
            basis=basis[:MAX_TEXT],
        )
        _check(order)
        key = f"{self._node}/{order.number}"
        main = Document(key, order, Source(self._department))
        hand = person.sign(Stated("supervise.order", key, payloads.encode(main)), permission)

        def first(known: Document[Any] | None) -> Document[Any]:
            if known is not None:
                raise Rejected(
                    f"an order with the number {order.number} was given already",
                    zh=f"文号 {order.number} 已用于另一指令",
                    field="number",
                    advice_zh="每个指令一个文号；更正须另发指令。",
                    advice_en="Each order has a number of its own; a correction is another order.",
                )
            return main

        said = msgspec.to_builtins(order)
        (outcome,) = await self._publisher.publish([Amendment("supervise.order", key, first, said, {"hand": hand})])
        if outcome.error is not None or outcome.record_id is None:
            raise outcome.error or Rejected("the order was not published")
        await self._audit.note(
            person, f"order.{order.measure}", order.trade or order.project_code, order.number, permission=permission
        )
        return outcome.record_id


def _check(order: Order) -> None:
    if bool(order.trade) == bool(order.project_code):
        raise Rejected("an order names a trade or a project", zh="请指明交易或项目编号之一", field="project_code")
    if order.trade and not _TRADE.fullmatch(order.trade):
        raise Rejected("this is no trade's key", zh="交易标识不正确", field="trade")
    if order.measure == "override" and not order.target:
        raise Rejected("another place for a trade is a node", zh="请选择交易场所（节点）", field="target")


def _measure(measure: str) -> Any:
    if measure not in MEASURES:
        raise Rejected("there is no such measure", zh="没有这一措施", field="measure")
    return measure


def _needed(field: str, value: str, most: int, zh: str, en: str) -> str:
    value = value.strip()
    if not value or len(value) > most:
        raise Rejected(f"the {en} has 1 to {most} characters", zh=f"请填写{zh}（不超过 {most} 字）", field=field)
    return value
