"""Who may hold a section's payload (DESIGN §2, L14): four audiences, the standard's two and two of our own.

`public` 社会公开 everyone; `shared` 政务公开 every enrolled node and authority; `restricted` the origin and the city
hub above it; `local` the origin alone. Headers of all records are public: the audience rules the payload only.
"""

from __future__ import annotations

from typing import Literal, get_args

Audience = Literal["public", "shared", "restricted", "local"]
AUDIENCES: tuple[Audience, ...] = get_args(Audience)

TITLES: dict[str, tuple[str, str]] = {
    "public": ("社会公开", "Public"),
    "shared": ("政务公开", "Shared among authorities"),
    "restricted": ("本市限定", "Restricted to origin and city hub"),
    "local": ("仅限本节点", "Local to its origin"),
}


def audiences_of(role: str, *, is_origin: bool, is_above_origin: bool) -> frozenset[str]:
    """The audiences whose payloads a node may hold of one origin's log.

    `role` is the holder's role; `is_above_origin` is true when the holder is on the path from the origin upwards.
    An unknown audience (from a newer version) belongs to nobody but its origin: not knowing is no permission.
    """
    if is_origin:
        return frozenset(AUDIENCES)
    if is_above_origin and role == "hub":
        return frozenset({"public", "shared", "restricted"})
    return frozenset({"public", "shared"})
