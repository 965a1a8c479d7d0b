"""Which tier and which centre hold a trade: 渝府办发〔2016〕35号 二(一), R7-R13 and R15, as rows of data.

`route` looks at the facts of a registration alone: category, level of approval, of funds and of the owner, whether it
must be held on the platform, place. It names the row that decided, so that a decision can be explained in the
clause's words, stored with its inputs and version, and run again (`again`). `faults` is what the desk asks: may this
node hold it, under which supervisor's order if not, and which node is the right one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from node.domain import divisions
from node.domain.rulebook import Basis
from node.domain.rulefaults import convert
from node.errors import Refused

Tier = Literal["city", "district", "any"]

# tier -> (Chinese, English)
TIERS: dict[str, tuple[str, str]] = {
    "city": ("市级平台", "the city's platform"),
    "district": ("区县平台（属地）", "the platform of its district"),
    "any": ("由业主自主选择", "the owner's choice"),
}

# value of approval_level, fund_level, owner_level -> (Chinese, English)
LEVELS: dict[str, tuple[str, str]] = {
    "national": ("国家级", "national"),
    "city": ("市级", "city"),
    "district": ("区县级", "district"),
}

# fact -> (Chinese, English): the inputs of a decision, as R13 lists them.
FACTS: dict[str, tuple[str, str]] = {
    "category": ("交易类别", "category"),
    "mandatory": ("依法必须进场", "must be held on the platform"),
    "approval_level": ("审批（核准、备案）层级", "level that approves"),
    "fund_level": ("资金层级", "level of the funds"),
    "owner_level": ("资产（出让）层级", "level of the owner"),
    "division": ("项目所在地", "place"),
    "zone": ("开发区", "development zone"),
}

MUNICIPALITY = frozenset({"500000", "500100", "500200"})
"""Codes that name the whole municipality or no district of it: a district's trade needs a place below them."""


class Row(Basis, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """One row of the decision table. `fact` is the fact it looks at and `values` those that fit; empty fits all.

    `mandatory` narrows it to trades that must, or need not, be held on the platform.
    """

    id: str
    categories: list[str]
    tier: Tier
    clause: str
    clause_en: str
    fact: str = ""
    values: list[str] = []  # noqa: RUF012 - a Struct copies it
    mandatory: bool | None = None


class RoutingTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"rows": "row"}):
    """`config/rules/routing.toml`: rows in order; the first that fits decides."""

    version: str
    document: str
    rows: list[Row]

    @property
    def name(self) -> str:
        """What a stored decision says of its rules."""
        return f"routing@{self.version}"


@dataclass(frozen=True, slots=True)
class Office:
    """A centre that may hold trades: a node of the trust policy. `zone` is a development zone's bare name, or empty."""

    node: str
    tier: Literal["city", "district"]
    division: str
    title: str
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """A supervisor's order that lets a trade be held elsewhere (R13): what a `supervise.order` record says.

    It names the trade's key or the project's number, and `target`, the node where it shall be. `sectors` are those in
    which its department may order (empty: all), `division` the department's own, six digits.
    """

    record: str
    department: str
    target: str
    trade: str = ""
    project_code: str = ""
    number: str = ""
    sectors: frozenset[str] = frozenset()
    division: str = ""
    expires_on: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a trade belongs, and why.

    `tier` is empty when the facts do not suffice: then `lacking` names the fact. `office` is the right centre, None
    where the owner chooses or no centre of the federation serves the place. `inputs` are the facts that were looked
    at, `rules` names the table's version.
    """

    tier: Tier | Literal[""]
    row: str
    rules: str
    clause: str
    clause_en: str
    basis: str
    verified: bool
    inputs: dict[str, Any]
    office: Office | None = None
    lacking: str = ""

    @property
    def node(self) -> str:
        return self.office.node if self.office else ""

    @property
    def why_zh(self) -> str:
        if self.lacking:
            return f"缺少“{FACTS[self.lacking][0]}”，不能判断应在哪级平台交易"
        what = "、".join(f"{FACTS[name][0]}为{_word(name, value, 0)}" for name, value in self.inputs.items())
        doubt = "" if self.verified else "（规则依据待核实）"
        return f"{what}：应在{TIERS[self.tier][0]}{self._where(0)}。依据：{self.clause}{doubt}"

    @property
    def why_en(self) -> str:
        if self.lacking:
            return f"the {FACTS[self.lacking][1]} is missing, so the tier cannot be told"
        what = ", ".join(f"{FACTS[name][1]}: {_word(name, value, 1)}" for name, value in self.inputs.items())
        doubt = "" if self.verified else " (not verified)"
        return f"{what}: it belongs to {TIERS[self.tier][1]}{self._where(1)}, since {self.clause_en}{doubt}"

    def _where(self, language: int) -> str:
        if self.office is None:
            return ""
        return f"（{self.office.title}）" if language == 0 else f" ({self.office.title}, {self.office.node})"

    def plain(self) -> dict[str, Any]:
        """What a registration stores (R13): enough to show it and to run it again."""
        return {
            "tier": self.tier,
            "node": self.node,
            "row": self.row,
            "rules": self.rules,
            "clause": self.clause,
            "basis": self.basis,
            "inputs": dict(self.inputs),
            "lacking": self.lacking,
        }


@dataclass(frozen=True, slots=True)
class Misrouted:
    """Why this node may not hold a trade, or what a clerk should know: made into the desk's fault."""

    field: str
    rule: str
    zh: str
    en: str
    basis: str
    refuse: bool
    right: Office | None = None


def table_from(values: object, source: str) -> RoutingTable:
    """The table from plain data. Raises Malformed, which names the row and `source`."""
    return convert(values, RoutingTable, source)


def route(facts: Mapping[str, Any], table: RoutingTable, offices: Sequence[Office], *, day: str) -> Decision:
    """Decide where a trade belongs.

    `facts` are the registration's fields with `category` (the word of `node.domain.trades.CATEGORIES`). `day` is the
    ISO day on which it is registered: the rows in force then are asked.
    """
    category = facts.get("category", "")
    rows = [row for row in table.rows if category in row.categories and row.holds_on(day)]
    if not rows:
        raise Refused(
            f"no row of {table.name} is about {category!r} on {day}",
            zh=f"层级规则 {table.name} 没有类别“{category}”在 {day} 的规定",
            field="category",
        )
    for row in rows:
        # What is not said counts as mandatory: nothing leaves the tiers by a box that was not ticked.
        if row.mandatory is not None and row.mandatory is not (facts.get("mandatory") is not False):
            continue
        inputs: dict[str, Any] = {"category": category}
        if row.mandatory is not None:
            inputs["mandatory"] = row.mandatory
        if row.fact:
            value = facts.get(row.fact)
            if not value:
                return _decided(row, table, inputs, tier="", lacking=row.fact)
            if value not in row.values:
                continue
            inputs[row.fact] = value
        return _placed(row, table, inputs, facts, offices)
    fact = next(row.fact for row in rows if row.fact)
    raise Refused(
        f"{fact}: {facts.get(fact)!r} is none of the levels that {table.name} knows",
        zh=f"{FACTS[fact][0]}“{facts.get(fact)}”不在层级规则之内",
        field=fact,
    )


def again(stored: Mapping[str, Any], table: RoutingTable, offices: Sequence[Office], *, day: str) -> Decision:
    """Run a stored decision again on the inputs that it kept."""
    return route(stored["inputs"], table, offices, day=day)


def faults(
    facts: Mapping[str, Any],
    here: Office,
    table: RoutingTable,
    offices: Sequence[Office],
    orders: Iterable[Order] = (),
    *,
    day: str,
    trade: str = "",
) -> tuple[Decision, list[Misrouted], Order | None]:
    """May the centre `here` hold this trade? The decision, what is wrong with it, and the order that lets it pass.

    `sector_names` among the facts is all that an order may call the trade's sector (`departments.names`).
    A voluntary trade is never refused for its tier (R15), only asked where its owner's decision is recorded.
    """
    decision = route(facts, table, offices, day=day)
    if decision.lacking:
        return decision, [_fault(decision, decision.lacking, "routing-lacking", refuse=True)], None
    if decision.tier == "any":
        return decision, _voluntary(facts, decision), None
    if _holds(here, decision):
        return decision, [], None
    order = next((each for each in orders if _lets(each, facts, here, trade, day)), None)
    if order is not None:
        return decision, [], order
    return decision, [_wrong_node(decision, here)], None


def _voluntary(facts: Mapping[str, Any], decision: Decision) -> list[Misrouted]:
    if facts.get("mandatory") is not False or facts.get("owner_decision"):
        return []
    return [
        Misrouted(
            "owner_decision",
            "voluntary-decision",
            "自愿进场项目须记载业主的决定（文号或日期）；任何环节不得强制进场",
            "a voluntary trade records its owner's decision (number or day); nothing may force it onto the platform",
            decision.basis,
            refuse=True,
        )
    ]


def _holds(here: Office, decision: Decision) -> bool:
    if decision.tier == "city":
        return here.tier == "city"
    return decision.office is not None and decision.office.node == here.node


def _lets(order: Order, facts: Mapping[str, Any], here: Office, trade: str, day: str) -> bool:
    """Whether an order lets this trade be held here: it names it and this node, and its department may say so."""
    code = facts.get("project_code")
    named = (order.trade != "" and order.trade == trade) or (order.project_code != "" and order.project_code == code)
    own_names = {facts.get("sector"), facts.get("category"), *facts.get("sector_names", ())}
    sector = not order.sectors or bool(own_names & order.sectors)
    in_time = not order.expires_on or day <= order.expires_on
    # A district's department orders nothing that lies beyond its district.
    own = order.division in ("", *MUNICIPALITY) or order.division == here.division
    return named and sector and in_time and own and order.target == here.node


def _wrong_node(decision: Decision, here: Office) -> Misrouted:
    right = decision.office
    field = next((name for name in decision.inputs if name.endswith("_level")), "category")
    if right is not None:
        to_zh, to_en = f"请移交{right.title}（{right.node}）登记", f"hand it over to {right.title} ({right.node})"
        if decision.tier == "district" and here.tier == "district":
            field = "division"
    else:
        place = divisions.name_of(str(decision.inputs.get("division", "")))
        to_zh = f"{place or '该地'}的中心尚未加入联邦，请与市中心联系"
        to_en = f"the centre of {place or 'that place'} has not joined yet: ask the city's centre"
        field = "division"
    return Misrouted(
        field,
        "routing-node",
        f"本中心（{here.title}）不能登记此项目。{decision.why_zh}。{to_zh}；确需在此交易的，须有监管部门签署的指令",
        f"this centre ({here.title}) may not register it. {decision.why_en}; {to_en}, or have a supervising"
        " department order otherwise",
        decision.basis,
        refuse=True,
        right=right,
    )


def _fault(decision: Decision, field: str, rule: str, *, refuse: bool) -> Misrouted:
    return Misrouted(field, rule, decision.why_zh, decision.why_en, decision.basis, refuse)


def _placed(
    row: Row, table: RoutingTable, inputs: dict[str, Any], facts: Mapping[str, Any], offices: Sequence[Office]
) -> Decision:
    """The decision of a row, with the office: for a district's trade, that of its place (属地)."""
    if row.tier == "any":
        return _decided(row, table, inputs, tier="any")
    if row.tier == "city":
        city = next((office for office in offices if office.tier == "city"), None)
        return _decided(row, table, inputs, tier="city", office=city)
    division = str(facts.get("division", ""))
    division = division[:6] if len(division) == 9 else division  # a street lies in its district
    division = divisions.FORMER.get(division, ("", division))[1]
    zone = bare_zone(str(facts.get("zone", "")))
    if division in MUNICIPALITY or not divisions.is_known(division) or len(division) != 6:
        if not zone:
            return _decided(row, table, inputs, tier="", lacking="division")
    if division:
        inputs["division"] = division
    if zone:
        inputs["zone"] = zone
    return _decided(row, table, inputs, tier="district", office=office_of(division, zone, offices))


def _decided(
    row: Row,
    table: RoutingTable,
    inputs: dict[str, Any],
    *,
    tier: Tier | Literal[""],
    office: Office | None = None,
    lacking: str = "",
) -> Decision:
    return Decision(
        tier,
        row.id,
        table.name,
        row.clause,
        row.clause_en,
        row.legal_basis,
        row.verified,
        inputs,
        office=office,
        lacking=lacking,
    )


def office_of(division: str, zone: str, offices: Sequence[Office]) -> Office | None:
    """The district centre of a place: the zone's own where it has one, else its district's."""
    districts = [office for office in offices if office.tier == "district"]
    if zone:
        for office in districts:
            if office.zone == zone:
                return office
    return next((office for office in districts if office.division == division and not office.zone), None)


def bare_zone(name: str) -> str:
    """A zone's name as offices carry it.

    >>> bare_zone("重庆高新区"), bare_zone("万盛"), bare_zone("渝中区")
    ('高新区', '万盛经开区', '')
    """
    bare = name.removeprefix("重庆市").removeprefix("重庆")
    if bare in divisions.ZONES:
        return bare
    return f"{bare}经开区" if bare and f"{bare}经开区" in divisions.ZONES else ""


def _word(name: str, value: Any, language: int) -> str:
    if isinstance(value, bool):
        return (("是", "yes") if value else ("否", "no"))[language]
    if name.endswith("_level") and value in LEVELS:
        return LEVELS[value][language]
    if name == "division":
        return divisions.name_of(str(value)) or str(value)
    return str(value)
