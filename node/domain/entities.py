"""Shapes of market-party records (市场主体): one per unified social credit code."""

from __future__ import annotations

import msgspec


class Company(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A company or institution as its registry shows it. `capital` is the registry's own text, units and all."""

    name: str
    uscc: str
    registered_on: str = ""
    company_type: str = ""
    capital: str = ""
    division: str = ""
    division_name: str = ""
    registrar: str = ""
