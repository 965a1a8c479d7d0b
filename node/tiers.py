"""The centres of the federation as routing knows them.

A centre is a member of the trust policy: the hub is the city's, a district node that of its division, or of the
development zone in whose name it was enrolled.
"""

from __future__ import annotations

from node.domain import routing
from node.domain.divisions import ZONE_SLUGS
from node.domain.routing import Office
from node.errors import Refused
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
