"""Acts as parts of OCDS releases: the fields that are read are fields of the rule packages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from node.domain.rulebook import FieldRule
from node.opendata import acts
from node.rules import load_packaged

READ = {
    "CEILINGS": (acts.CEILINGS, {"money"}),
    "FLOORS": (acts.FLOORS, {"money"}),
    "PRICES": (acts.PRICES, {"money"}),
    "BEGINS": (acts.BEGINS, {"day", "moment"}),
    "DEADLINES": (acts.DEADLINES, {"day", "moment"}),
    "WINNERS": (acts.WINNERS, {"party", "parties"}),
    "RANKED": ((acts.RANKED,), {"rows"}),
    "WHY": (acts.WHY, {"text", "long"}),
}


def fields() -> Iterator[FieldRule]:
    for package in load_packaged().packages:
        for act in package.acts:
            yield from act.fields


@pytest.mark.parametrize(("names", "types"), READ.values(), ids=READ)
def test_fields_that_are_read_are_fields_of_the_rules(names: Iterable[str], types: set[str]) -> None:
    for name in names:
        assert {rule.type for rule in fields() if rule.name == name} & types, name


def test_methods_are_those_that_the_rules_offer() -> None:
    offered = {choice.value for rule in fields() if rule.name == "method" for choice in rule.choices}
    assert offered - {"other"} == set(acts.METHODS)
