"""Nothing is charged but what a verified row of the tariff says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain import fees
from node.domain.trades import CATEGORIES
from node.errors import Malformed, Refused
from node.rules import load_tables


def row(**more: Any) -> dict[str, Any]:
    return {
        "id": "works",
        "zh": "交易服务费",
        "en": "Service fee",
        "category": "工程建设",
        "payer": "winner",
        "sort": "per_deal",
        "document": "某价〔2099〕1号",
        "bands": [
            {"over": 0, "upto": 1_000_000_00, "fee": 500_00},
            {"over": 1_000_000_00, "upto": 10_000_000_00, "fee": 2_000_00},
            {"over": 10_000_000_00, "fee": 5_000_00, "ppm": 100},
        ],
        "cap": 50_000_00,
        "legal_basis": "某价〔2099〕1号",
        "effective_from": "2020-01-01",
        "effective_to": "2029-12-31",
        "tag": "S",
    } | more


def tariff(*rows: dict[str, Any]) -> fees.Tariff:
    return fees.parse({"fee": list(rows or (row(),))})


def one(amount: int, **more: Any) -> fees.Charge:
    (charge,) = fees.charge(tariff(row(**more)), "工程建设", amount, "winner", "2026-03-02")
    return charge


@pytest.mark.parametrize(
    ("amount", "fee"),
    [
        (1, 500_00),
        (1_000_000_00, 500_00),  # a tier holds its upper end
        (1_000_000_01, 2_000_00),
        (10_000_000_00, 2_000_00),
        (20_000_000_00, 6_000_00),  # 5 000 and 0.01 % of the ten million over it
        (10_000_000_000_00, 50_000_00),  # the cap
        (0, 0),
    ],
)
def test_a_deal_pays_the_tier_it_falls_into(amount: int, fee: int) -> None:
    charge = one(amount)
    assert charge.fen == fee and charge.document == "某价〔2099〕1号" and charge.verified


def test_added_value_is_what_was_gained_over_the_asking_price() -> None:
    bands = [{"over": 0, "upto": 1_000_00, "ppm": 100_000}, {"over": 1_000_00, "ppm": 50_000}]
    held = tariff(row(sort="value_added", bands=bands, cap=0))

    def fee(amount: int, base: int | None) -> int:
        (charge,) = fees.charge(held, "工程建设", amount, "winner", "2026-03-02", base_fen=base)
        return charge.fen

    assert fee(3_000_00, 1_000_00) == 150_00  # 10 % of the first 1 000 yuan gained, 5 % of the second
    assert fee(1_000_00, 1_000_00) == 0 == fee(900_00, 1_000_00) == fee(3_000_00, None)


def test_an_exemption_charges_nothing_and_says_why() -> None:
    rule = [{"zh": "免收", "en": "exempt", "when": [{"field": "small", "is_in": [True]}]}]
    held = tariff(row(exempt=rule))
    (free,) = fees.charge(held, "工程建设", 100, "winner", "2026-03-02", facts={"small": True})
    (paid,) = fees.charge(held, "工程建设", 100, "winner", "2026-03-02", facts={"small": 1})
    assert (free.fen, free.why_zh, paid.fen) == (0, "免收", 500_00)


@pytest.mark.parametrize(
    ("category", "payer", "day"),
    [("政府采购", "winner", "2026-03-02"), ("工程建设", "owner", "2026-03-02"), ("工程建设", "winner", "2019-12-31")],
)
def test_what_is_not_in_the_tariff_costs_nothing(category: str, payer: str, day: str) -> None:
    assert fees.charge(tariff(), category, 100, payer, day) == []


@pytest.mark.parametrize("tag", ["K", "U"])
def test_a_row_that_nobody_read_charges_nothing(tag: str) -> None:
    charge = one(5_000_000_00, tag=tag)
    assert charge.fen == 0 and not charge.verified and "未经核实" in charge.why_zh


@given(st.integers(0, 10**16), st.integers(-10, 10**13))
def test_overcharging_is_impossible(amount: int, asked: int) -> None:
    charges = fees.charge(tariff(), "工程建设", amount, "winner", "2026-03-02")
    if 0 <= asked <= charges[0].fen:
        fees.check_asked(charges, "works", asked)
    else:
        with pytest.raises(Refused):
            fees.check_asked(charges, "works", asked)
    with pytest.raises(Refused):
        fees.check_asked(charges, "copying", 1)


@given(st.integers(0, 10**16))
def test_a_fee_is_never_above_its_cap_nor_negative(amount: int) -> None:
    assert 0 <= one(amount).fen <= 50_000_00


@pytest.mark.parametrize(
    "bands",
    [
        [],
        [{"over": 1, "fee": 1}],
        [{"over": 0, "upto": 5, "fee": 1}, {"over": 6, "fee": 1}],
        [{"over": 0, "fee": 1}, {"over": 5, "fee": 1}],
        [{"over": 0, "upto": 5, "fee": -1}],
        [{"over": 0, "ppm": 1_000_001}],
        [{"over": 0, "fee": 1.5}],
    ],
)
def test_bands_that_leave_a_gap_or_make_no_sense_are_refused(bands: list[dict[str, Any]]) -> None:
    with pytest.raises(Malformed, match=r"fees\.toml"):
        tariff(row(bands=bands))


def test_packaged_tariff_covers_the_five_categories_and_charges_nothing_unverified() -> None:
    held = load_tables().tariff("")
    assert {each.category for each in held.fee} == set(CATEGORIES) - {"其他"}
    for each in held.fee:
        (charge,) = fees.charge(held, each.category, 10**12, each.payer, "2026-03-02", base_fen=0)
        assert charge.fen == 0 and not charge.verified and charge.why_zh
