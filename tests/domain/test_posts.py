"""Realms and roles: every pair tested, and no power in them that a centre or a party does not have."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain import posts, powers
from node.domain.accounts import AccountPerson
from node.domain.posts import ADMINISTRATIVE, PERMISSIONS, REALMS, ROLES
from node.errors import Refused
from node.wire.trust import ROLES as NODE_ROLES

PAIRS = list(combinations(sorted(ROLES), 2))
WITHIN = {
    ("auditor", "supervisor"),
    ("discipline", "supervisor"),
    ("association", "expert"),
    ("agency", "expert"),
    ("bidder", "expert"),
    ("expert", "owner"),
}


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=[f"{one}-{other}" for one, other in PAIRS])
def test_each_pair_is_open_or_excluded_as_the_rules_say_and_both_ways(one: str, other: str) -> None:
    expected = ROLES[one].realm != ROLES[other].realm or (one, other) in WITHIN
    assert (posts.excluded(one, other) is not None) == expected
    assert posts.excluded(one, other) == posts.excluded(other, one)
    if expected:
        with pytest.raises(Refused) as refused:
            posts.check({one, other})
        assert refused.value.zh and refused.value.detail and refused.value.field == "roles"
    else:
        assert posts.check({one, other}) == {one, other}


def test_service_and_supervision_meet_nowhere() -> None:
    service, supervision, party = (
        {id for id, role in ROLES.items() if role.realm == realm} for realm in ("service", "supervision", "party")
    )
    assert {"acceptance", "venue", "publication", "archive", "administrator"} == service
    assert {"supervisor", "auditor", "discipline"} == supervision
    assert {"owner", "agency", "bidder", "expert", "association"} == party
    assert not posts.permissions(service) & {"supervise.read", "order.give", "order.override", "audit.read"}
    assert not posts.permissions(supervision) & {
        name for name in PERMISSIONS if name.startswith(("trade.", "draft.", "venue.", "archive.", "import.", "user."))
    }


def test_nobody_in_service_or_trade_has_an_administrative_power() -> None:
    """R58-R61: no permission to approve, file, license or ban exists there, under any name."""
    for role in ROLES.values():
        if role.realm != "supervision":
            assert not {name.split(".")[-1] for name in role.may} & ADMINISTRATIVE, role.id
    assert not {name for name in PERMISSIONS if name.split(".")[-1] in ADMINISTRATIVE}


def test_every_permission_is_somebodys_and_every_role_has_known_ones() -> None:
    given_out = posts.permissions(set(ROLES))
    assert given_out == set(PERMISSIONS)
    assert posts.permissions({"nobody-knows-this"}) == frozenset()


def test_no_node_keeps_accounts_of_both_realms() -> None:
    for role in NODE_ROLES:
        kept = posts.realms_of_node(role)
        assert not {"service", "supervision"} <= kept
    assert frozenset().union(*(posts.realms_of_node(role) for role in NODE_ROLES)) == set(REALMS)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(sorted(ROLES))), max_size=30))
def test_no_sequence_of_changes_reaches_an_excluded_pair(changes: list[tuple[bool, str]]) -> None:
    """Roles given and taken in any order, as `Accounts.set_roles` does it: the realm is that of the first role."""
    held: frozenset[str] = frozenset()
    realm = ""
    for give, role in changes:
        wanted = held | {role} if give else held - {role}
        try:
            held = posts.check(wanted, realm)
        except Refused:
            continue
        realm = realm or posts.realm_of(held)
        assert all(posts.excluded(one, other) is None for one, other in combinations(sorted(held), 2))
        assert {ROLES[each].realm for each in held} <= {realm}


# --- between nodes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["trade.act", "trade.step", "trade.result", "entity.company", "verdict"])
def test_a_department_issues_nothing_of_a_centre(kind: str) -> None:
    assert powers.refusal("supervision", kind) is not None
    assert all(powers.refusal(role, kind) is None for role in ("district", "hub", "national"))


@pytest.mark.parametrize("role", ["district", "hub", "national"])
def test_a_centre_issues_nothing_of_a_department(role: str) -> None:
    assert powers.refusal(role, "supervise.order") is not None
    assert powers.refusal(role, "supervise.anything-later") is not None
    assert powers.refusal("supervision", "supervise.order") is None


def test_a_district_edits_no_rules() -> None:
    assert powers.refusal("district", "rule.package") is not None
    assert powers.refusal("supervision", "rule.package") is None and powers.refusal("hub", "rule.package") is None


@pytest.mark.parametrize("realm", ["service", "supervision", "party", "elsewhere"])
@pytest.mark.parametrize("role", NODE_ROLES)
def test_a_node_vouches_for_accounts_of_its_own_realms_alone(role: str, realm: str) -> None:
    body = AccountPerson(account="a@1", name="甲", realm=realm, roles=[], public="", home="n", at=1)
    assert (powers.refusal(role, "account.person", body) is None) == (realm in posts.realms_of_node(role))
    mixed = AccountPerson(
        account="a@1", name="甲", realm=realm, roles=["venue", "supervisor"], public="", home="n", at=1
    )
    assert powers.refusal(role, "account.person", mixed) is not None
