"""Acts of trades as cases: which data sets an act becomes, and what the acts before it said. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from node.domain.acts import Act
from node.domain.folding import ONLY_LOT, Trade
from node.domain.rulebook import ActRule, FieldRule
from node.domain.standard import Standard
from node.uplink.legacy import ABNORMAL_SETS, CHANGE_SETS, CONTRACT_SETS, NOTICE_SETS, RESULT_SETS
from node.uplink.shape import Case

BASES = {"工程建设": ("500", "501", "502"), "政府采购": ("550",)}
REVIEW_SETS = {"工程建设": ("516",)}
PERFORMANCE_SETS = {"工程建设": "522", "政府采购": "554"}


def case_of(
    base: str,
    act: Act,
    trade: Trade | None,
    standard: Standard,
    *,
    inner: Mapping[str, Any] | None = None,
    centre: str,
    place: str,
    url: str,
    public: bool = False,
) -> Case:
    """The case of one act; `trade` is the fold of the acts up to it, None where its rule package is not held here.

    `public` says that anybody may read the record. A file is no more public than the record that lists it: of others,
    such as the evaluation's report, neither content nor name goes above.
    """
    rule = trade.package.act(act.act) if trade is not None else None
    facts = _facts(trade) if trade is not None else {}
    own = trade.values.get(act.seq, act.fields) if trade is not None else act.fields
    fields = {**own, **(inner or {})}
    numbers = list(act.lots) or (list(trade.covers.get(act.seq, ())) if trade is not None else [])
    code = act.project_code or str(facts.get("project_code", ""))
    return Case(
        base=base,
        trade=act.trade,
        category=act.category,
        sets=sets_of(act, rule, standard, facts),
        title=act.title,
        at_ms=act.at,
        division=str(facts.get("division") or act.division),
        place=place,
        centre=centre,
        url=url,
        fields=fields,
        hidden=frozenset(inner or ()),
        files=tuple((each.name, each.sha256) for each in act.attachments if public and each.audience == "public"),
        facts=facts,
        lots=_lots(numbers, facts, fields),
        elements=_elements(rule),
        project_code=code,
        first=act.seq == 1,
    )


def _facts(trade: Trade) -> dict[str, Any]:
    """The trade's facts, with the titles of its acts, and the bids of each lot by the end of its own bidding."""
    bids = [{**row, "lot": number} for number in trade.lots for row in _rows(trade.facts_of(number).get(_BIDS))]
    titles = {f"{act.act}.title": act.title for act in trade.acts}
    return {**titles, **trade.facts, **({"bids": bids} if bids else {})}


_BIDS = "bids_received.bids"


def sets_of(act: Act, rule: ActRule | None, standard: Standard, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """The sets that the act's rule names; where no rule is held, those that its kind of disclosure becomes."""
    words = " ".join([act.title, *(str(facts.get(name, "")) for name in ("project_name", "right", "kind"))])
    if rule is not None and rule.datasets:
        known = (name if name in standard.sets else standard.names.get(name, "") for name in rule.datasets)
        return _meant(words, act, facts, tuple(number for number in known if number))
    if act.seq == 1:
        return BASES.get(act.category, ())
    if rule is not None:
        return ()
    category = act.category
    match act.disclosure:
        case "trade_notice":
            return _meant(words, act, facts, _one(NOTICE_SETS, category) or ("650", "651"))
        case "qualification_review":
            return REVIEW_SETS.get(category, ())
        case "result":
            return _meant(words, act, facts, _one(RESULT_SETS, category) or ("652", "653"))
        case "performance":
            return _one(CONTRACT_SETS if "contract" in act.act else PERFORMANCE_SETS, category)
        case "change":
            failed = any(word in act.act for word in ("fail", "terminat", "abort"))
            return _one(ABNORMAL_SETS if failed else CHANGE_SETS, category)
    return ()


def _one(sets: Mapping[str, str], category: str) -> tuple[str, ...]:
    return (sets[category],) if category in sets else ()


def _meant(words: str, act: Act, facts: Mapping[str, Any], numbers: tuple[str, ...]) -> tuple[str, ...]:
    """Of sets that exclude each other, those that this trade's words and facts mean."""
    explored = _said(words, "探矿", "exploration")
    equity = _said(words, "股权", "equity")
    oil = act.fields.get("oil_gas") is True
    invited = facts.get("method") in ("invited", "邀请招标")
    for apart in (
        {"650": explored, "651": not explored},
        {"652": explored, "653": not explored},
        {
            "657": explored and not oil,
            "658": not explored and not oil,
            "659": explored and oil,
            "660": not explored and oil,
        },
        {"700": not equity, "750": equity, "751": equity, "752": equity},
        {"701": not equity, "753": equity},
        {"503": not invited, "505": invited},
    ):
        if len([number for number in numbers if number in apart]) > 1:
            numbers = tuple(number for number in numbers if apart.get(number, True))
    return numbers


def _said(words: str, *marks: str) -> bool:
    return any(mark in words for mark in marks)


def _lots(numbers: Sequence[str], facts: Mapping[str, Any], fields: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """The rows of the lots that an act is about, with the act's own row for a lot laid over the registration's."""
    rows = {str(row.get("number", "")): row for row in _rows(facts.get("lots"))}
    own = {str(row.get("lot") or row.get("number") or ""): row for row in _rows(fields.get("lots"))}
    wanted = numbers or list(rows) or [ONLY_LOT]
    return tuple({**rows.get(number, {}), **own.get(number, {}), "number": number} for number in wanted)


def _rows(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list | tuple) else []


def _elements(rule: ActRule | None) -> dict[str, tuple[str, str]]:
    """Element -> (field, type), as the rule's fields say, those of rows left out."""
    fields: Sequence[FieldRule] = rule.fields if rule is not None else ()
    return {field.standard: (field.name, field.type) for field in fields if field.standard and field.type != "rows"}
