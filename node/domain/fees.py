"""Fees by the published tariff alone (R26, R27): per-deal tiers 按宗分级, value-added fee 增值收费 for state property.

The tariff is data (`config/rules/fees.toml`). What it does not hold cannot be charged, and a row that no person has
read (`tag` K or U) charges nothing: an amount that may be wrong is not asked of anybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from node.domain.rulebook import Basis, Condition
from node.domain.rulefaults import RuleFault, convert, days, malformed, repeated
from node.domain.state import holds
from node.domain.trades import CATEGORIES
from node.errors import Refused

PPM = 1_000_000


class Band(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Sums over `over` up to and with `upto` fen (0: no end) cost `fee` fen and `ppm` millionths of the part in it."""

    over: int
    upto: int = 0
    fee: int = 0
    ppm: int = 0


class Exemption(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who pays nothing, and why."""

    zh: str
    en: str
    when: list[Condition]


class FeeRule(Basis, msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """One row of the tariff: what a payer of a category owes for a deal.

    `per_deal` looks up the one band that the deal's sum falls into; `value_added` adds up the bands of what was gained
    over the asking price. `cap` bounds the fee, 0 for no bound. `document` is the price department's document number.
    """

    id: str
    zh: str
    en: str
    category: str
    payer: str
    sort: Literal["per_deal", "value_added"]
    document: str
    bands: list[Band]
    cap: int = 0
    exempt: list[Exemption] = []


class Tariff(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    fee: list[FeeRule]

    def rows(self, category: str, payer: str, day: str) -> list[FeeRule]:
        """Rows in force on an ISO day."""
        return [row for row in self.fee if row.category == category and row.payer == payer and row.holds_on(day)]


@dataclass(frozen=True, slots=True)
class Charge:
    """A fee owed: `fen` may be 0, and `why_zh`, `why_en` then say why. `document` goes on the receipt."""

    rule: str
    zh: str
    en: str
    payer: str
    fen: int
    document: str
    verified: bool
    why_zh: str = ""
    why_en: str = ""


def charge(
    tariff: Tariff,
    category: str,
    amount_fen: int,
    payer: str,
    day: str,
    *,
    base_fen: int | None = None,
    facts: Mapping[str, Any] | None = None,
) -> list[Charge]:
    """What `payer` (owner, winner, …) owes for a deal closed at `amount_fen` on an ISO day; empty: nothing to ask.

    `base_fen` is the asking price from which added value counts; without it a value-added fee is 0.
    `facts` of the trade are what exemptions look at.
    """
    return [_charge(row, amount_fen, base_fen, facts or {}) for row in tariff.rows(category, payer, day)]


def check_asked(charges: list[Charge], rule: str, fen: int) -> None:
    """Raises Refused where a fee asked for is not in the tariff, or is more than it says."""
    found = next((each for each in charges if each.rule == rule), None)
    if found is None:
        raise Refused(
            f"fee {rule!r} is not in the tariff",
            zh=f"收费项目“{rule}”不在公布的收费标准内",
            field="fee",
            advice_zh="只能按公布的收费标准收费。",
            advice_en="Charge what the published tariff holds, and nothing else.",
        )
    if fen > found.fen or fen < 0:
        raise Refused(
            f"fee {rule!r}: {fen} fen asked, the tariff says {found.fen}",
            zh=f"收费项目“{found.zh}”：拟收 {fen} 分，标准为 {found.fen} 分",
            field="fee",
            advice_zh="收费不得高于公布的标准。",
            advice_en="A fee must not exceed the published tariff.",
        )


def _charge(row: FeeRule, amount: int, base: int | None, facts: Mapping[str, Any]) -> Charge:
    def say(fen: int, zh: str = "", en: str = "") -> Charge:
        return Charge(row.id, row.zh, row.en, row.payer, fen, row.document, row.verified, zh, en)

    exempt = next((each for each in row.exempt if holds(each.when, facts)), None)
    if exempt is not None:
        return say(0, exempt.zh, exempt.en)
    if not row.verified:
        return say(0, "收费标准未经核实，不收费", "the tariff row is not verified: nothing is charged")
    if row.sort == "per_deal":
        fen = next((_part(band, amount) for band in row.bands if _within(band, amount)), 0)
    else:
        gained = max(0, amount - base) if base is not None else 0
        fen = sum(_part(band, gained) for band in row.bands if gained > band.over)
    if row.cap and fen > row.cap:
        return say(row.cap, "按最高限额收费", "charged at the cap")
    return say(fen)


def _within(band: Band, amount: int) -> bool:
    return amount > band.over and (not band.upto or amount <= band.upto)


def _part(band: Band, amount: int) -> int:
    top = min(amount, band.upto) if band.upto else amount
    # Rounded down: a fee is never a fraction of a fen more than the tariff says.
    return band.fee + max(0, top - band.over) * band.ppm // PPM


def parse(values: Any, source: str = "fees.toml") -> Tariff:
    """A tariff from plain data. Raises Malformed where a row is wrong, or bands overlap or leave a gap."""
    tariff = convert(values, Tariff, source)
    if found := list(faults(tariff)):
        raise malformed(found, source)
    return tariff


def faults(tariff: Tariff) -> Iterator[RuleFault]:
    """What is wrong with a tariff of the right shape."""
    yield from repeated("fee", (row.id for row in tariff.fee))
    for row in tariff.fee:
        place = f"fee id={row.id}"
        yield from days(row, place)
        if row.category not in CATEGORIES:
            yield RuleFault(f"{place} → category", f"没有 {row.category} 这一类", f"no category {row.category}")
        if not row.document.strip() or not row.legal_basis.strip():
            yield RuleFault(place, "缺少文号或依据", "it lacks a document number or a clause")
        if not row.bands or row.cap < 0:
            yield RuleFault(place, "缺少档次，或限额为负", "it lacks bands, or its cap is negative")
        end = 0
        for number, band in enumerate(row.bands, 1):
            last = number == len(row.bands)
            here = f"{place} → bands 第 {number} 档"
            if band.over != end or (band.upto <= band.over if band.upto else not last):
                yield RuleFault(here, "未从上一档终点开始", "it does not begin where the one before ends")
            if min(band.fee, band.ppm) < 0 or band.ppm > PPM:
                yield RuleFault(here, "金额为负，或超过全额", "it is negative, or takes more than the whole")
            end = band.upto
