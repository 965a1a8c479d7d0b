"""The page of a trade as plain values: stages of each lot, the completeness strip, every disclosure with its changes.

Pure: acts, their places and the rules in, what anyone may see out. Of an act only the record's public section is looked
at, of steps inside nothing but the stage that they led to; so the same page comes out at every node that holds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from node.domain import engine, medium
from node.domain.acts import DISCLOSURE_NAMES, DISCLOSURES, Act
from node.domain.calendar import Calendar
from node.domain.clocks import OwedNotice
from node.domain.engine import Lot, Trade
from node.domain.folding import amended_by, own_text
from node.domain.rulebook import ActRule, FieldRule, Package
from node.web.disclosures import values
from node.web.portal_fields import Change, Field
from node.web.portal_text import Pair

PUBLIC = "trade.act"


@dataclass(frozen=True, slots=True)
class Said:
    """One act as recorded: `act` with the public section's fields, and where it is found.

    `withdrawn_ms` is when its newest version was made, 0 where it stands. `publisher` is who published it, in words.
    """

    act: Act
    kind: str
    record_id: str
    version: int
    origin: str
    index: int
    leaf: str
    published_ms: int
    withdrawn_ms: int
    reason: str
    publisher: str
    made_up: bool


@dataclass(frozen=True, slots=True)
class Step:
    """A stage on a lot's strip; `state` is past, here or ahead."""

    id: str
    name: Pair
    state: str


@dataclass(frozen=True, slots=True)
class LotShown:
    number: str
    name: str
    code: str
    stage: Pair
    round: int
    suspended: bool
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class DueShown:
    """One act that is or was owed: for which lots, by which clock and clause, until when, by which act it was met."""

    act: Pair
    lots: tuple[str, ...]
    clock: Pair
    basis: str
    verified: bool
    due_ms: int | None
    state: str
    done_seq: int


@dataclass(frozen=True, slots=True)
class StripShown:
    """One of the five kinds: none, owed, done, late or done-late, and why."""

    kind: str
    name: Pair
    state: str
    acts: tuple[int, ...]
    dues: tuple[DueShown, ...]


@dataclass(frozen=True, slots=True)
class ActShown:
    """One disclosure. `changes` says what it changed, of the act number `target`, field by field; `changed_by` are the
    numbers of the acts that changed it since."""

    said: Said
    name: Pair
    disclosure: str
    fields: tuple[Field, ...]
    changes: tuple[Change, ...]
    target: int
    target_name: Pair | None
    changed_by: tuple[int, ...]
    late: bool


@dataclass(frozen=True, slots=True)
class TradeShown:
    """All that the page shows. `fault` says why it cannot be judged here: it has neither lots nor strip then."""

    key: str
    category: str
    title: str
    project_name: str
    project_code: str
    division: str
    owner: str
    agency: str
    codes: tuple[str, ...]
    rules: str
    rules_name: Pair | None
    lots: tuple[LotShown, ...]
    strip: tuple[StripShown, ...]
    groups: tuple[tuple[str, Pair, tuple[ActShown, ...]], ...]
    order: tuple[ActShown, ...]
    ended: bool
    void: bool
    made_up: bool
    fault: Pair | None = None
    gaps: tuple[int, ...] = field(default=())
    medium: Pair | None = None


def shown(
    said: Sequence[Said],
    trade: Trade | None,
    package: Package | None,
    fault: Pair | None,
    *,
    now_ms: int,
    calendar: Calendar,
) -> TradeShown:
    """`said` are all acts held, by number; `trade` what replaying them gave, None where it could not be (`fault`)."""
    public = [each for each in said if each.kind == PUBLIC]
    acts = _acts(public, trade, package, now_ms, calendar)
    first, context = said[0].act, _context(public)
    void = trade is not None and not any(act.seq == 1 for act in trade.acts)
    return TradeShown(
        key=first.trade,
        category=first.category,
        title=_title(public, context, first.trade),
        project_name=_text(context.get("project_name")),
        project_code=next((each.act.project_code for each in said if each.act.project_code), ""),
        division=next((each.act.division for each in said if each.act.division), ""),
        owner=_party(context.get("owner")),
        agency=_party(context.get("agency")),
        codes=_codes(public, context),
        rules=first.rules,
        rules_name=(package.zh, package.en) if package else None,
        lots=() if trade is None or void else _lots(trade, public),
        strip=() if trade is None or void else _strip(trade, now_ms, calendar),
        groups=tuple(
            (kind, DISCLOSURE_NAMES[kind], tuple(act for act in acts if act.disclosure == kind)) for kind in DISCLOSURES
        ),
        order=acts,
        ended=trade is not None and trade.ended and not void,
        void=void,
        made_up=any(each.made_up for each in said),
        fault=fault,
        gaps=() if trade is None else trade.gaps,
        medium=None if trade is None or void else medium.NAMES.get(medium.medium_of(trade)),
    )


def act_fields(act: Act, package: Package | None) -> list[Field]:
    """An act's public fields by the names of its rule package; what is kept back never stands in them."""
    rule = package.act(act.act) if package else None
    target = None
    if package is not None and rule is not None and rule.amends:
        known = {each.name for each in rule.fields}
        again = [each for other in package.acts if other.public for each in other.fields if each.name not in known]
        target = list({each.name: each for each in reversed(again)}.values())
    return values.fields([*(rule.fields if rule else ()), *(target or ())], act.fields)


def act_name(act: Act, package: Package | None) -> Pair:
    """An act's name: by its rule, else as its record says, else what it discloses."""
    rule = package.act(act.act) if package else None
    if rule is not None:
        return rule.zh, rule.en
    said = act.context.get("stage_name")
    return (
        (said, act.act) if isinstance(said, str) and said else DISCLOSURE_NAMES.get(act.disclosure, (act.act, act.act))
    )


# --- what each act says and changes ---------------------------------------------------------------------------------


def _acts(
    public: Sequence[Said], trade: Trade | None, package: Package | None, now_ms: int, calendar: Calendar
) -> tuple[ActShown, ...]:
    changed: dict[int, tuple[int, tuple[Change, ...]]] = _changes(public, trade)
    by: dict[int, list[int]] = {}
    for seq, (target, changes) in changed.items():
        if changes:
            by.setdefault(target, []).append(seq)
    late = set()
    if trade is not None:
        late = {
            one.done_seq for one in engine.owed(trade, now_ms=now_ms, calendar=calendar) if one.state == "done-late"
        }
    found = {each.act.seq: each for each in public}
    shown = []
    for each in public:
        target = changed.get(each.act.seq, (each.act.corrects, ()))[0]
        other = found.get(target)
        shown.append(
            ActShown(
                said=each,
                name=act_name(each.act, package),
                disclosure=each.act.disclosure or _kind(package, each.act.act),
                fields=tuple(act_fields(each.act, package)),
                changes=changed.get(each.act.seq, (0, ()))[1],
                target=target if other is not None else 0,
                target_name=act_name(other.act, package) if other else None,
                changed_by=tuple(by.get(each.act.seq, ())),
                late=each.act.seq in late,
            )
        )
    return tuple(shown)


def _changes(public: Sequence[Said], trade: Trade | None) -> dict[int, tuple[int, tuple[Change, ...]]]:
    """Number of a changing act -> the act that it changes, and each field's lines that went and that came.

    The fields are followed from act to act, so that a second correction is held against the first.
    """
    if trade is None:
        return {}
    standing = {each.act.seq: each.act for each in public if not each.withdrawn_ms}
    now = {seq: dict(act.fields) for seq, act in standing.items()}
    found: dict[int, tuple[int, tuple[Change, ...]]] = {}
    for seq, act in sorted(standing.items()):
        target = amended_by(trade, act)
        if target is None:
            continue
        rule = trade.package.act(target.act)
        known = {each.name: each for each in rule.fields} if rule else {}
        by = trade.package.act(act.act)
        own = own_text(by) if by else frozenset()
        said = {name: value for name, value in act.fields.items() if name in known and name not in own}
        # Of a step inside nothing is public but what a change of it says.
        before = now.get(target.seq, {})
        found[seq] = target.seq, tuple(_compared(known, before, said))
        if target.seq in now:
            now[target.seq] |= said
    return found


def _compared(rules: Mapping[str, FieldRule], before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterable[Change]:
    for name, value in after.items():
        old, new = _said(rules[name], name, before.get(name)), _said(rules[name], name, value)
        gone = tuple(line for line in old if line not in new)
        come = tuple(line for line in new if line not in old)
        if gone or come:
            yield Change((rules[name].zh, rules[name].en), gone, come)


def _said(rule: FieldRule, name: str, value: Any) -> tuple[Pair, ...]:
    if value in (None, "", [], {}):
        return ()
    if rule.type == "long" and isinstance(value, str):
        # Line by line, so that a changed sentence does not show a whole document as changed.
        return tuple((line, line) for line in value.splitlines() if line.strip())
    return tuple(values.line(cell) for cell in values.field(rule, name, value).cells)


# --- lots and the strip ---------------------------------------------------------------------------------------------


def _lots(trade: Trade, public: Sequence[Said]) -> tuple[LotShown, ...]:
    rows = _lot_rows(public)
    way = _usual_way(trade)
    found = []
    for number, lot in trade.lots.items():
        row = rows.get(number, {})
        found.append(
            LotShown(
                number=number,
                name=_text(row.get("name")),
                code=_text(row.get("unified_code")) or _text(row.get("section_code")),
                stage=_stage(trade.package, lot.stage),
                round=lot.round,
                suspended=lot.suspended,
                steps=tuple(_steps(trade, lot, way)),
            )
        )
    return tuple(found)


def _lot_rows(public: Sequence[Said]) -> dict[str, Mapping[str, Any]]:
    """What public acts say of each lot, the newest last."""
    rows: dict[str, dict[str, Any]] = {}
    for each in public:
        if each.withdrawn_ms:
            continue
        for source in (each.act.context, each.act.fields):
            listed = source.get("lots")
            for row in listed if isinstance(listed, list) else ():
                if isinstance(row, Mapping) and row.get("number"):
                    rows.setdefault(str(row["number"]), {}).update(row)
    return dict(rows)


def _steps(trade: Trade, lot: Lot, way: Sequence[str]) -> Iterable[Step]:
    reached = list(lot.reached) or [lot.stage]
    for stage in reached[:-1]:
        yield Step(stage, _stage(trade.package, stage), "past")
    yield Step(lot.stage, _stage(trade.package, lot.stage), "here")
    if not trade.is_final(lot) and lot.stage in way:
        for stage in way[way.index(lot.stage) + 1 :]:
            yield Step(stage, _stage(trade.package, stage), "ahead")


def _usual_way(trade: Trade) -> list[str]:
    """The stages from the first on when nothing goes wrong: at each, the first act that leads further."""
    package = trade.package
    order = {stage.id: number for number, stage in enumerate(package.stages)}
    way = [package.stages[0].id]
    while following := next((act.gives for act in package.acts if _leads_on(trade, act, way[-1], order)), ""):
        way.append(following)
    return way


def _leads_on(trade: Trade, act: ActRule, stage: str, order: Mapping[str, int]) -> bool:
    on = bool(act.gives) and stage in act.takes and order.get(act.gives, 0) > order.get(stage, 0)
    return on and not act.voids and not act.renews and engine.holds(act.when, trade.facts)


def _stage(package: Package, stage: str) -> Pair:
    rule = package.stage(stage)
    return (rule.zh, rule.en) if rule else (stage, stage)


def _strip(trade: Trade, now_ms: int, calendar: Calendar) -> tuple[StripShown, ...]:
    clocks = engine.owed(trade, now_ms=now_ms, calendar=calendar)
    found = []
    for one in engine.strip(trade, now_ms=now_ms, calendar=calendar):
        notices = [each for each in one.owed if isinstance(each, OwedNotice)]
        mine = [each for each in clocks if _kind(trade.package, each.act) == one.disclosure]
        dues = [
            DueShown(
                act=_act_name(trade.package, each.act),
                lots=each.lots,
                clock=(each.clock.zh, each.clock.en),
                basis=each.clock.legal_basis,
                verified=each.clock.verified,
                due_ms=each.due_ms,
                state=each.state,
                done_seq=each.done_seq,
            )
            for each in mine
        ]
        dues += [
            DueShown(
                act=_act_name(trade.package, each.act),
                lots=each.lots,
                clock=("已到该阶段，尚未公开", "this stage was reached; not yet published"),
                basis=each.rule.legal_basis,
                verified=each.rule.verified,
                due_ms=None,
                state="owed",
                done_seq=0,
            )
            for each in notices
        ]
        name = DISCLOSURE_NAMES[one.disclosure]
        found.append(StripShown(one.disclosure, name, one.state, one.acts, tuple(dues)))
    return tuple(found)


def _act_name(package: Package, act: str) -> Pair:
    rule = package.act(act)
    return (rule.zh, rule.en) if rule else (act, act)


def _kind(package: Package | None, act: str) -> str:
    rule = package.act(act) if package else None
    return rule.disclosure if rule is not None and rule.public else ""


# --- what the trade as a whole is called ----------------------------------------------------------------------------


def _context(public: Sequence[Said]) -> dict[str, Any]:
    """What public acts repeat of the trade; the newest that stands wins, a withdrawn one only where none stands."""
    found: dict[str, Any] = {}
    for each in sorted(public, key=lambda each: (not each.withdrawn_ms, each.act.seq)):
        found |= {name: value for name, value in each.act.context.items() if value not in (None, "", [], {})}
    return found


def _title(public: Sequence[Said], context: Mapping[str, Any], key: str) -> str:
    return _text(context.get("project_name")) or next((each.act.title for each in public if each.act.title), key)


def _codes(public: Sequence[Said], context: Mapping[str, Any]) -> tuple[str, ...]:
    """Unified trade identification codes (统一交易标识码) that public acts name, for the trade and for its lots."""
    found = [_text(context.get("unified_code"))]
    found += [_text(each.act.fields.get("unified_code")) for each in public]
    found += [_text(row.get("unified_code")) for row in _lot_rows(public).values()]
    return tuple(dict.fromkeys(code for code in found if code))


def _party(value: Any) -> str:
    return _text(value.get("name")) if isinstance(value, Mapping) else _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
