"""Shapes of code tables that travel as records: divisions (GB/T 2260) and expert classes (评标专家专业分类)."""

from __future__ import annotations

import msgspec


class Division(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One administrative division: 2, 4 or 6 digits of GB/T 2260, or 9 digits of the statistics bureau's streets."""

    code: str
    name: str
    level: int | None = None
    parent: str = ""


class ExpertClass(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One class of the expert classification; `standard` names the text the code comes from."""

    code: str
    name: str
    level: int | None = None
    parent: str = ""
    standard: str = ""
