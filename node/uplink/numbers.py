"""Numbers under which trades are reported: a trade's own where they have the standard's form, else issued here.

A number is given once and kept: `uplink_number` remembers it by what it was given to. Numbers that the hub issues carry
its own division and the serials from 9000 on, which no centre gives (config/rules/numbers.toml), so none collides with
one that a district gave offline. Sections under somebody else's number, and unified codes, likewise have blocks of
serials that `node.routing.issuing` never gives.
"""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import Connection, and_, select

from node.domain import tradecodes
from node.domain.tradecodes import CodeTable, Range, is_own_form, read_unified
from node.errors import Refused
from node.store.tables import table
from node.store.tables_uplink import UplinkNumber, UplinkSerial
from node.store.upsert import insert_or_replace
from node.uplink.shape import Case, Numbers, Sender, moment

FIRST, LAST = 9000, 9999
HUB = "500000"
_numbers, _serials = table(UplinkNumber), table(UplinkSerial)


def of_case(conn: Connection, case: Case, sender: Sender, codes: CodeTable) -> Numbers:
    """The numbers of a case, those that are missing issued now. Raises Refused for a category without codes."""
    day = _day(case)
    project = _project(conn, case, sender, codes, day)
    tender = _own(case, codes, tradecodes.TENDER) or f"{project}001"
    # Under a number of our own nobody else counts sections; under the trade's own, the node that gave it does.
    block = tradecodes.SECTIONS_ABOVE if _own(case, codes, tradecodes.PROJECT) else Range(1, 999)
    sections, unified = {}, {}
    for lot in case.lots:
        number = str(lot.get("number", ""))
        given = str(lot.get("section_code", ""))
        if is_own_form(given, codes) and len(given) == tradecodes.SECTION:
            sections[number] = given
        else:
            name = f"{tender}|{number}"
            sections[number] = _known(conn, "section", name) or _section(conn, name, tender, block)
        code = str(lot.get("unified_code", ""))
        unified[number] = code if read_unified(code) else _unified(conn, case, sender, codes, day, sections[number])
    return Numbers(project, tender, sections, unified)


def _own(case: Case, codes: CodeTable, length: int) -> str:
    """The trade's own number, or the part of a longer one that is this one, where it has the standard's form."""
    lots = (str(lot.get("section_code", "")) for lot in case.lots)
    for given in (str(case.facts.get("tender_code", "")), case.project_code, case.section_code, *lots):
        if len(given) >= length and is_own_form(given, codes):
            return given[:length]
    return ""


def _project(conn: Connection, case: Case, sender: Sender, codes: CodeTable, day: str) -> str:
    if own := _own(case, codes, tradecodes.PROJECT):
        return own
    name = f"{case.category}|{case.trade}"
    if known := _known(conn, "project", name):
        return known
    letter, place = codes.letter(case.category), sender.division or HUB
    # When a day's serials are used up, the next day's serve: the number need only be nobody else's.
    for later in range(3650):
        on = (date.fromisoformat(day) + timedelta(days=later)).isoformat()
        number = FIRST - 1 + serial(conn, f"project:{letter}{place}{on}", most=LAST - FIRST + 1)
        if number >= FIRST:
            return _issue(conn, "project", name, tradecodes.project_code(letter, place, on, number))
    raise Refused("no project number is left", zh="项目编号已用尽")


def _section(conn: Connection, name: str, tender: str, block: Range) -> str:
    given = serial(conn, f"section:{tender}", most=block.last - block.first + 1)
    if not given:
        raise Refused(f"no section is left under {tender}", zh=f"{tender} 下的标段编号已用尽")
    return _issue(conn, "section", name, tradecodes.section_code(tender, block.first - 1 + given))


def _unified(conn: Connection, case: Case, sender: Sender, codes: CodeTable, day: str, section: str) -> str:
    if known := _known(conn, "unified", section):
        return known
    if len(sender.platform_code) != 18:
        return ""
    cls = codes.class_of(case.category)
    block = tradecodes.UNIFIED_ABOVE
    # As for projects: when a day's serials are used up, the next day's serve.
    for later in range(3650):
        on = (date.fromisoformat(day) + timedelta(days=later)).isoformat()
        given = serial(conn, f"unified:{cls}{on}", most=block.last - block.first + 1)
        if given:
            made = tradecodes.unified_code(cls, sender.platform_code, on, block.first - 1 + given)
            return _issue(conn, "unified", section, str(made))
    raise Refused("no unified code is left", zh="统一交易标识码已用尽")


def serial(conn: Connection, name: str, *, most: int = 10**15) -> int:
    """The next serial under a name, from 1; 0 when `most` have been given."""
    last = conn.execute(select(_serials.c.last).where(_serials.c.name == name)).scalar() or 0
    if last >= most:
        return 0
    insert_or_replace(conn, _serials, [{"name": name, "last": last + 1}])
    return int(last) + 1


def data_key(conn: Connection, system_no: str, number: str) -> str:
    """A new DATA_KEY of 22 characters: SYSTEM_NO (4), DATA_NO (3 or 4), serial."""
    width = 22 - len(system_no) - len(number)
    return f"{system_no}{number}{serial(conn, f'key:{number}'):0{width}d}"


def _known(conn: Connection, sort: str, name: str) -> str:
    found = conn.execute(select(_numbers.c.code).where(and_(_numbers.c.sort == sort, _numbers.c.name == name))).scalar()
    return str(found or "")


def _issue(conn: Connection, sort: str, name: str, code: str) -> str:
    insert_or_replace(conn, _numbers, [{"sort": sort, "name": name, "code": code}])
    return code


def _day(case: Case) -> str:
    text = moment(case.at_ms)
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}"
