"""Electronic, on paper, or not stated: by the acts alone."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from node.domain.medium import NAMES, medium_of
from node.rules import load_milestones


def trade_of(*told):
    """A trade of acts, each of which could say how it was done; None for silence, `no` for one without the field."""
    acts = [SimpleNamespace(seq=n, act=each) for n, each in enumerate(told, 1)]
    rule = {True: SimpleNamespace(field=lambda name: None), False: SimpleNamespace(field=lambda name: name)}
    package = SimpleNamespace(act=lambda act: rule[act == "no"])
    return SimpleNamespace(acts=acts, package=package, values={n: {"medium": v} for n, v in enumerate(told, 1)})


@pytest.mark.parametrize(
    ("told", "medium"),
    [
        ((), ""),
        (("no",), ""),
        ((None,), "unknown"),
        (("electronic",), "electronic"),
        (("electronic", None), "unknown"),
        (("electronic", "no"), "electronic"),
        (("paper", None), "paper"),
        (("electronic", "paper", "electronic"), "paper"),
    ],
)
def test_one_act_on_paper_decides_and_one_that_is_silent_leaves_it_open(told, medium):
    assert medium_of(trade_of(*told)) == medium
    assert medium == "" or medium in NAMES


def test_milestones_come_by_day_and_rest_on_the_text():
    rows = load_milestones()
    assert [row.due for row in rows] == sorted(row.due for row in rows) and all(row.verified for row in rows)
