"""Who may hold a section's payload (DESIGN §2, L14): four audiences, the standard's two and two of our own.

`public` 社会公开 everyone; `shared` 政务公开 every enrolled node and authority; `restricted` the origin and the city
hub above it; `local` the origin alone. Headers of all records are public: the audience rules the payload only.

A *sealed* section is stored as ciphertext, so two questions part: who may hold it, and who may read it. It is held,
sent and asked for under its *holding*, the audience's name with `+sealed` behind it. Nodes on the way from the origin
upwards hold the ciphertext of what is not local, because a later reader among them then needs a key wrap alone (L23).
"""

from __future__ import annotations

from typing import Literal, get_args

Audience = Literal["public", "shared", "restricted", "local"]
AUDIENCES: tuple[Audience, ...] = get_args(Audience)

SEALED = "+sealed"
HOLDINGS: tuple[str, ...] = (*AUDIENCES, *(audience + SEALED for audience in AUDIENCES))
"""Every name under which a payload may lie: for who may have all that a node holds."""

TITLES: dict[str, tuple[str, str]] = {
    "public": ("社会公开", "Public"),
    "shared": ("政务公开", "Shared among authorities"),
    "restricted": ("本市限定", "Restricted to origin and city hub"),
    "local": ("仅限本节点", "Local to its origin"),
}


def holding(audience: str, size_class: int) -> str:
    """The name under which a section's payload is stored and sent.

    >>> holding("restricted", 0), holding("restricted", 9)
    ('restricted', 'restricted+sealed')
    """
    return audience + SEALED if size_class else audience


def is_sealed(held_as: str) -> bool:
    """Whether a holding is that of a sealed section."""
    return held_as.endswith(SEALED)


def audiences_of(role: str, *, is_origin: bool, is_above_origin: bool) -> frozenset[str]:
    """The holdings whose payloads a node may have of one origin's log: audiences, and the sealed of some.

    `role` is the holder's role; `is_above_origin` is true when the holder is on the path from the origin upwards.
    An unknown audience (from a newer version) belongs to nobody but its origin: not knowing is no permission.
    """
    if is_origin:
        return frozenset(HOLDINGS)
    everybody = {"public", "shared", "public" + SEALED, "shared" + SEALED}
    if not is_above_origin:
        return frozenset(everybody)
    readable = {"restricted"} if role == "hub" else set()
    return frozenset(everybody | readable | {"restricted" + SEALED})


def may_read(audience: str, role: str, *, is_origin: bool, is_above_origin: bool) -> bool:
    """Whether a node belongs to an audience, so that a sealed section of it is wrapped to that node's key unasked.

    A supervising department gets none of others unasked: it takes no part in trades, and need not know who logs in how.
    """
    if role == "supervision" and not is_origin:
        return False
    return audience in audiences_of(role, is_origin=is_origin, is_above_origin=is_above_origin)
