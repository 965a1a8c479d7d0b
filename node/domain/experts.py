"""Shapes of expert records (评标评审专家): profile, unit, and the sealed identity.

Name, identity number and phone stand in the sealed section alone (DESIGN L2, L23), never in a profile.
"""

from __future__ import annotations

import msgspec


class ExpertProfile(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The part of an expert's record that every node of the federation may read (政务公开).

    `alias` is the pool's serial number, never a name; `classes` are codes of the expert classification, main first.
    """

    alias: str
    classes: list[str] = []
    division: str = ""
    standing: str = ""
    entered_on: str = ""


class ExpertEmployment(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The part that only the origin and the city hub may read: what avoidance checks (回避) need."""

    employer: str
    employer_uscc: str = ""
    past_employers: list[str] = []
    title: str = ""


class ExpertIdentity(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Who the expert is: the sealed section `identity`, readable at the origin and the city hub.

    `number` is a citizen identity number (GB 11643), `phone` a mobile number of eleven digits; empty when not given.
    """

    name: str
    number: str = ""
    phone: str = ""

    def __repr__(self) -> str:
        # A trace or a log line may show any object that is at hand, and must not show this.
        return "ExpertIdentity(…)"
