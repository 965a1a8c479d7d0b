"""The centres of the federation as routing knows them, and the dated tables of routing, codes, catalogue
and supervising departments.

A centre is a member of the trust policy: the hub is the city's, a district node that of its division, or of the
development zone in whose name it was enrolled.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any

from node.domain import barriers, catalogue, departments, milestones, routing, tradecodes
from node.domain.barriers import Barriers
from node.domain.catalogue import Catalogue
from node.domain.departments import DepartmentTable
from node.domain.divisions import ZONE_SLUGS
from node.domain.milestones import Milestone
from node.domain.routing import Office, RoutingTable
from node.domain.tradecodes import CodeTable
from node.errors import Refused
from node.resources import config_dir
from node.settings import Settings
from node.wire.trust import Member, TrustPolicy

_ZONES = {slug: routing.bare_zone(zone) for zone, slug in ZONE_SLUGS.items()}


def office(member: Member) -> Office | None:
    """The centre that a member of the policy is; None for one that holds no trades (the nation's, a department)."""
    if member.role == "hub":
        return Office(member.name, "city", member.division, member.title)
    if member.role != "district":
        return None
    last = member.name.rpartition("/")[2]
    _, _, slug = last.partition("-")
    # A zone of which no table knows is told from its district by the slug of its name.
    return Office(member.name, "district", member.division, member.title, zone=_ZONES.get(slug, slug))


def offices(policy: TrustPolicy | None) -> list[Office]:
    """Every centre of the federation, in the policy's order; none before a policy is held."""
    members = policy.members if policy is not None else ()
    return [found for member in members if (found := office(member)) is not None]


def here(settings: Settings) -> Office:
    """This node as a centre. Raises Refused at a node that holds no trades."""
    zone = routing.bare_zone(settings.zone) or settings.zone
    if settings.role == "hub":
        return Office(settings.name, "city", settings.division, settings.title)
    if settings.role == "district":
        return Office(settings.name, "district", settings.division, settings.title, zone=zone)
    raise Refused(
        f"{settings.name} is no trading centre: its role is {settings.role}",
        zh="本节点不是交易中心，不登记交易",
        advice_zh="请在市中心或区县中心的节点上登记。",
        advice_en="Register at the node of the city's or a district's centre.",
    )


@cache
def routing_table() -> RoutingTable:
    """The packaged decision table. Raises Malformed when the file is wrong."""
    return routing.table_from(_read("routing.toml"), "routing.toml")


@cache
def code_table() -> CodeTable:
    return tradecodes.table_from(_read("codes.toml"), "codes.toml")


@cache
def catalogue_rules() -> Catalogue:
    return catalogue.table_from(_read("catalogue.toml"), "catalogue.toml")


@cache
def department_table() -> DepartmentTable:
    return departments.table_from(_read("departments.toml"), "departments.toml")


@cache
def barrier_table() -> Barriers:
    return barriers.barriers_from(_read("barriers.toml"), "barriers.toml")


@cache
def plan_milestones() -> tuple[Milestone, ...]:
    return milestones.table_from(_read("milestones.toml"), "milestones.toml")


def sector_names(facts: Mapping[str, Any], day: str) -> tuple[str, ...]:
    """All that the scope of a department or an order may call the sector of a trade with these facts."""
    category, sector, code = (
        value if isinstance(value := facts.get(name), str) else "" for name in ("category", "sector", "sector_code")
    )
    return departments.names(department_table(), category, sector, day=day, code=code)


def _read(name: str) -> Any:
    return tomllib.loads((config_dir() / "rules" / name).read_text("utf-8"))
