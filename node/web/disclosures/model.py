"""The page of a trade as plain values: stages of each lot, the completeness strip, every disclosure with its changes.

Pure: acts, their places and the rules in, what anyone may see out. Of an act only the record's public section is looked
at, of steps inside nothing but the stage that they led to; so the same page comes out at every node that holds them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from node.domain import engine, medium
from node.domain.acts import DISCLOSURE_NAMES, DISCLOSURES, Act
from node.domain.calendar import Calendar
from node.domain.engine import Trade
from node.domain.rulebook import Package
from node.web.disclosures import values
from node.web.disclosures.changes import changes
from node.web.disclosures.shapes import PUBLIC, ActShown, Said, TradeShown
from node.web.disclosures.stages import lot_rows, lots, text
from node.web.disclosures.strip import kind_of, strip
from node.web.portal_fields import Change, Field
from node.web.portal_text import Pair


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
        project_name=text(context.get("project_name")),
        project_code=next((each.act.project_code for each in said if each.act.project_code), ""),
        division=next((each.act.division for each in said if each.act.division), ""),
        owner=_party(context.get("owner")),
        agency=_party(context.get("agency")),
        codes=_codes(public, context),
        rules=first.rules,
        rules_name=(package.zh, package.en) if package else None,
        lots=() if trade is None or void else lots(trade, public),
        strip=() if trade is None or void else strip(trade, now_ms, calendar),
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
    changed: dict[int, tuple[int, tuple[Change, ...]]] = changes(public, trade)
    by: dict[int, list[int]] = {}
    for seq, (target, lines) in changed.items():
        if lines:
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
                disclosure=each.act.disclosure or kind_of(package, each.act.act),
                fields=tuple(act_fields(each.act, package)),
                changes=changed.get(each.act.seq, (0, ()))[1],
                target=target if other is not None else 0,
                target_name=act_name(other.act, package) if other else None,
                changed_by=tuple(by.get(each.act.seq, ())),
                late=each.act.seq in late,
            )
        )
    return tuple(shown)


# --- what the trade as a whole is called ----------------------------------------------------------------------------


def _context(public: Sequence[Said]) -> dict[str, Any]:
    """What public acts repeat of the trade; the newest that stands wins, a withdrawn one only where none stands."""
    found: dict[str, Any] = {}
    for each in sorted(public, key=lambda each: (not each.withdrawn_ms, each.act.seq)):
        found |= {name: value for name, value in each.act.context.items() if value not in (None, "", [], {})}
    return found


def _title(public: Sequence[Said], context: Mapping[str, Any], key: str) -> str:
    return text(context.get("project_name")) or next((each.act.title for each in public if each.act.title), key)


def _codes(public: Sequence[Said], context: Mapping[str, Any]) -> tuple[str, ...]:
    """Unified trade identification codes (统一交易标识码) that public acts name, for the trade and for its lots."""
    found = [text(context.get("unified_code"))]
    found += [text(each.act.fields.get("unified_code")) for each in public]
    found += [text(row.get("unified_code")) for row in lot_rows(public).values()]
    return tuple(dict.fromkeys(code for code in found if code))


def _party(value: Any) -> str:
    return text(value.get("name")) if isinstance(value, Mapping) else text(value)
