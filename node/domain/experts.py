"""Shapes of expert records (评标评审专家): profile and unit.

A profile never holds identity or phone numbers (DESIGN L2, L23): they arrive with sealed sections.
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
