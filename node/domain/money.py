"""Sums of money and points as sources write them: read into integers through Decimal, never through a float.

What is no single sum keeps its text and gets a flag; nothing is guessed.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

from node.domain.record import Amount

_NUMBER = r"[0-9]+(?:\.[0-9]+)?|[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|\.[0-9]+"
_UNITS = {"": None, "元": 1, "万": 10_000, "万元": 10_000, "亿": 100_000_000, "亿元": 100_000_000}
_SUM = re.compile(
    rf"(?:人民币|RMB|CNY)?[¥]?(?P<sign>[+-]?)(?P<number>{_NUMBER})(?P<unit>亿元|亿|万元|万|元|)(?:整|人民币)?"
    r"(?P<per>(?:/[^/()0-9]{1,6}){0,3})(?P<note>\(首[年月]\)|)(?P<remark>\(.+\)|)"
)
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {ord("￥"): ord("¥"), 0x3000: 0x20}
_LARGEST = 10**18  # fen: far above any budget, and still an integer column of 64 bits


def fen(number: Decimal, yuan: int = 1) -> int | None:
    """A number of units of `yuan` yuan in fen, or None when it is not a whole number of fen.

    >>> fen(Decimal("3.36"), 10_000), fen(Decimal("0.001"))
    (3360000, None)
    """
    hundredths = number * yuan * 100
    if abs(hundredths) >= _LARGEST or hundredths != hundredths.to_integral_value():
        return None
    return int(hundredths)


@lru_cache(maxsize=4096)
def read_amount(text: str, unit: str = "元", least: int = 0) -> tuple[Amount | None, str]:
    """Read a sum; returns it with the code of the flag that it deserves, empty when it is plain.

    Args:
        text: what the source says, or what its column says; empty gives None.
        unit: the column's unit for a number without one: `元`, `万元`, or empty when the column states none.
        least: yuan below which a number without unit is not believed, for columns that also hold percentages.

    >>> read_amount("3.36万元")[0]
    Amount(text='3.36万元', fen=3360000, per='')
    >>> read_amount("55.6887万元/年")[0]
    Amount(text='55.6887万元/年', fen=55688700, per='年')
    >>> read_amount("132.0413", "万元")[0]
    Amount(text='132.0413万元', fen=132041300, per='')
    >>> read_amount("0元 人民币")
    (Amount(text='0元 人民币', fen=0, per=''), 'amount-zero')
    >>> read_amount("下浮率20.50%")
    (Amount(text='下浮率20.50%', fen=None, per=''), 'amount-percent')
    """
    text = text.strip()
    if not text:
        return None, ""
    narrow = "".join(text.translate(_WIDE).split())
    found = _SUM.fullmatch(narrow)
    if found is None:
        percent = "%" in narrow and "元" not in narrow
        return Amount(text), "amount-percent" if percent else "amount-unreadable"
    number = Decimal(found["number"].replace(",", ""))
    if found["sign"] == "-":
        number = -number
    yuan = _UNITS[found["unit"]]
    if found["remark"] and yuan is None:  # `162.98（元/公顷）`: the brackets may hold the unit
        return Amount(text), "amount-unreadable"
    shown = text
    if yuan is None:
        yuan = _UNITS[unit]
        if yuan is None or (number != 0 and abs(number) < least):
            return Amount(text), "amount-no-unit"
        shown = text if unit == "元" else text + unit
    value = fen(number, yuan)
    if value is None:
        return Amount(shown), "amount-unreadable"
    per = found["per"].lstrip("/")
    if found["note"]:
        per = f"{per}/{found['note'][1:-1]}".lstrip("/")
    flag = "amount-remark" if found["remark"] else "amount-zero" if value == 0 else ""
    return Amount(shown, value, per), flag


_POINTS = re.compile(r"([+-]?)([0-9]{1,9})(?:\.([0-9]{1,3})0*)?")


@lru_cache(maxsize=4096)
def read_points(text: str) -> int | None:
    """Points of a score in thousandths, or None when the text is no number of at most three decimals.

    >>> read_points("103.25"), read_points("-17"), read_points("良好")
    (103250, -17000, None)
    """
    found = _POINTS.fullmatch(text)
    if found is None:
        return None
    sign, whole, rest = found.groups()
    value = int(whole) * 1000 + int((rest or "").ljust(3, "0"))
    return -value if sign == "-" else value


def points_text(value: int) -> str:
    """Thousandths as the shortest text: what `read_points` reads back.

    >>> points_text(103250), points_text(-17000), points_text(-250), points_text(0)
    ('103.25', '-17', '-0.25', '0')
    """
    whole, rest = divmod(abs(value), 1000)
    text = f"{whole}.{rest:03d}".rstrip("0").rstrip(".")
    return f"-{text}" if value < 0 else text
