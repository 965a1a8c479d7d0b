"""What a draft would change for trades, and what it leaves as it is: said before it is published."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from node.domain.calendar import end_of, start_of
from node.domain.rulebook import Package
from node.domain.ruletables import RuleTable
from node.rule_judging import Body
from node.trading import touched
from node.trading.touched import Running
from node.web.portal_text import Pair


@dataclass(frozen=True, slots=True)
class Effects:
    """`touches` and `leaves` in words; `running` are the trades that keep the version they began under."""

    touches: Pair
    leaves: Pair
    running: list[Running]


# sort -> what is judged by the new table from its day on, and what is not
_TABLES: dict[str, tuple[Pair, Pair]] = {
    "fees": (
        ("生效日起新开具的收费单，包括正在进行的交易", "charges made out from its day on, of running trades too"),
        ("已开具的收费单", "charges that are made out"),
    ),
    "templates": (
        ("生效日起起草的公告", "notices that are drafted from its day on"),
        ("已发布的公告和已填写的草稿", "notices that are published, and texts already in drafts"),
    ),
    "routing": (
        ("生效日起登记的交易", "trades registered from its day on"),
        ("已登记的交易", "trades registered before"),
    ),
    "catalogue": (
        ("生效日起的登记提示与场外交易比对", "remarks on registrations and the search for trades off the platform"),
        ("已登记的交易", "trades registered before"),
    ),
    "numbers": (("生效日起编制的编号", "numbers given from its day on"), ("已编制的编号", "numbers that are given")),
    "departments": (
        ("生效日起登记的交易的监督部门", "who supervises trades registered from its day on"),
        ("此前登记的交易", "trades registered before"),
    ),
    "legacy": (
        ("生效日起承接的交易", "trades taken over from its day on"),
        ("已承接的交易", "trades that were taken over"),
    ),
    "codes": (
        ("生效日起填写的代码", "codes filled in from its day on"),
        ("已发布的记录", "records that are published"),
    ),
}
_SHOWN: tuple[Pair, Pair] = (
    ("生效日起公布的内容", "what is shown from its day on"),
    ("交易不受影响", "no trade is judged by it"),
)


def of(conn: Connection, body: Body) -> Effects:
    """The effects of a package or table, counted from the trades that this node holds."""
    if isinstance(body, Package):
        running = touched.running(conn, body.category)
        count = sum(each.trades for each in running)
        return Effects(
            (
                f"{body.effective_from} 起新登记的“{body.category}”交易",
                f"trades of {body.category} registered from {body.effective_from} on",
            ),
            (
                f"本节点所知 {count} 宗进行中的“{body.category}”交易：沿用其开始时的版本",
                f"{count} running trades of {body.category} that this node knows: they keep their version",
            ),
            running,
        )
    if body.sort == "holidays":
        return _holidays(conn, body)
    touches, leaves = _TABLES.get(body.sort, _SHOWN)
    return Effects(touches, leaves, [])


def _holidays(conn: Connection, body: RuleTable) -> Effects:
    years = sorted(row["year"] for row in body.parts().get("year", []) if isinstance(row.get("year"), int))
    clocks, trades = 0, 0
    if years and 1900 < years[0] <= years[-1] < 2200:
        clocks, trades = touched.due_between(conn, start_of(f"{years[0]}-01-01"), end_of(f"{years[-1]}-12-31"))
    said = "、".join(map(str, years))
    return Effects(
        (
            f"{said} 年内到期的期限将重算：本节点所知 {trades} 宗交易的 {clocks} 项期限",
            f"deadlines within {said} are counted anew: {clocks} clocks of {trades} trades that this node knows",
        ),
        ("其他年份内起止的期限、已办结的事项", "periods within other years, and what is done"),
        [],
    )
