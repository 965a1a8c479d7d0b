"""市场主体 -> data set 100 (法人基本信息). Pure.

A registry's public row says less of a company than the set asks for; what is missing is said by the lint, not invented.
"""

from __future__ import annotations

import re
from decimal import Decimal

from node.domain.entities import Company
from node.domain.money import fen
from node.uplink.shape import Fields, Message, six, yuan

_CAPITAL = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(万元?|元)?(人民币)?")


def messages(base: str, company: Company) -> list[Message]:
    """One message; its subject is the party's code, so that two registries' rows are one party."""
    if not company.uscc:
        return []
    found = _CAPITAL.match(company.capital.replace(",", "").removeprefix("人民币"))
    unit = 10_000 if found and (found[2] or "").startswith("万") else 1
    capital = fen(Decimal(found[1]), unit) if found else None
    fields: Fields = {
        "LEGAL_NAME": company.name,
        "BIDDER_CODE_TYPE": "1",
        "LEGAL_CODE": company.uscc,
        "LEGAL_ROLE": "03",
        "LICENSE_NO": company.uscc,
        "COUNTRY_REGION": "156",
        "REGION_CODE": six(company.division),
        "REG_CAPITAL": yuan(capital) if capital is not None else "",
        "REG_CAP_CURRENCY": "156" if capital is not None else "",
        "REG_UNIT": "0" if capital is not None else "",
        "LEGAL_STATUS": "1",
        "ORGAN_NO": company.uscc[8:17] if len(company.uscc) == 18 else "",
        "REGISTER_PROVINCE": company.division_name[:50],
    }
    return [Message("100", company.uscc, {name: value for name, value in fields.items() if value})]
