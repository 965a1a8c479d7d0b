"""What the mapping modules share: a case, the view of it that one message is made from, and how values are written.

A *case* is what one record says of a trade, together with what earlier acts of the trade said. All domains give their
values by our own names; the spelling of the standard lives in the mapping modules alone. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from node.domain import dates
from node.domain.divisions import is_known, name_of
from node.domain.identifiers import check_uscc
from node.domain.money import points_text

Fields = dict[str, str]
BEIJING = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends: the platform's codes and names, the same in every message.

    `files` is what stands before a file's SHA-256 in the place that a receiver is told.
    """

    system_no: str = ""
    platform_code: str = ""
    service_code: str = ""
    plat_no: str = ""
    service_no: str = ""
    centre: str = ""
    url: str = ""
    division: str = ""
    ca_key: str = ""
    files: str = ""


@dataclass(frozen=True, slots=True)
class Numbers:
    """The codes under which a trade is reported: its own where they have the right form, else issued at the hub."""

    project: str = ""
    tender: str = ""
    sections: Mapping[str, str] = field(default_factory=dict)
    unified: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that belongs to a record: its name in the dictionary (T90), its own name, and where it lies.

    In what is kept here `place` is the SHA-256; on the way out it is the address or path at which a receiver finds it.
    """

    dictionary: str
    name: str
    place: str
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What one record says of a trade.

    `base` names the record for its messages and stays the same in all its versions; `sets` are the data sets it
    becomes; `fields` are its own values, `facts` those of the trade until then (registration's by their names, later
    acts' as `<act>.<field>`); `lots` are rows with `number` and `name`; `elements` maps an element of the standard to
    the name and type of the field that holds it, where a rule package says so. `at_ms` is when it happened; `first`
    says that it is the registration, so that its fields are those of the project. `hidden` names the fields that are
    not disclosed: they go into elements of their own and into no text. `files` are (name, SHA-256) of its public
    attachments.
    """

    base: str
    trade: str
    category: str
    sets: tuple[str, ...]
    title: str
    at_ms: int
    division: str = ""
    place: str = ""
    centre: str = ""
    url: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    lots: tuple[Mapping[str, Any], ...] = ()
    elements: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    project_code: str = ""
    section_code: str = ""
    first: bool = False
    hidden: frozenset[str] = frozenset()
    files: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One record of one data set, before the common fields: `subject` is its natural key inside the set.

    A `base` message (a project, a section) is what others hang on: reported when nobody has reported it yet.
    """

    number: str
    subject: str
    fields: Fields
    base: bool = False
    files: tuple[SourceFile, ...] = ()


class View:
    """One case seen by one message: with a lot, and perhaps one row of a list (a candidate, a bidder)."""

    def __init__(
        self,
        case: Case,
        numbers: Numbers,
        sender: Sender,
        lot: Mapping[str, Any] | None = None,
        row: Mapping[str, Any] | None = None,
    ) -> None:
        self.case, self.numbers, self.sender = case, numbers, sender
        self.lot: Mapping[str, Any] = lot if lot is not None else (case.lots[0] if case.lots else {})
        self.row: Mapping[str, Any] = row or {}

    def find(self, *names: str) -> Any:
        """The first value that is not empty: of the row, the act's fields, the lot, the trade's facts."""
        for name in names:
            for held in (self.row, self.case.fields, self.lot, self.case.facts):
                value = held.get(name)
                if value is not None and value != "" and value != []:
                    return value
        return None

    def text(self, *names: str) -> str:
        value = self.find(*names)
        if isinstance(value, Mapping):
            return str(value.get("name", ""))
        if isinstance(value, list | tuple):
            return ";".join(str(each.get("name", "")) if isinstance(each, Mapping) else str(each) for each in value)
        return clean("" if value is None else str(value))

    def money(self, *names: str) -> str:
        value = self.find(*names)
        return yuan(value) if isinstance(value, int) and not isinstance(value, bool) else ""

    def whole(self, *names: str) -> str:
        value = self.find(*names)
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""

    def percent(self, *names: str) -> str:
        """A share, which is held in thousandths, in hundredths: 512 is `51.2`."""
        value = self.find(*names)
        return points_text(value * 100) if isinstance(value, int) and not isinstance(value, bool) else ""

    def flag(self, *names: str, yes: str = "1", no: str = "0") -> str:
        value = self.find(*names)
        return "" if not isinstance(value, bool) else yes if value else no

    def moment(self, *names: str) -> str:
        return moment(self.find(*names))

    def day(self, *names: str) -> str:
        return moment(self.find(*names))[:8]

    def typed(self, name: str, sort: str) -> str:
        """The value of a field as its type in the rule book asks for."""
        match sort:
            case "money":
                return self.money(name)
            case "moment":
                return self.moment(name)
            case "day":
                return self.day(name)
            case "flag":
                return self.flag(name)
            case "integer":
                return self.whole(name)
            case "share":
                return self.percent(name)
            case "party" | "parties" | "rows" | "code":
                # Names go with codes of their own, and our codes are not the standard's: the templates know how.
                return ""
            case _:
                return self.text(name)

    @property
    def at(self) -> str:
        return moment(self.case.at_ms)

    def party(self, *names: str) -> tuple[str, str]:
        """(name, code) of a party, or of several joined by `;`."""
        value = self.find(*names)
        parties = value if isinstance(value, list | tuple) else [value]
        pairs = [(str(p.get("name", "")), str(p.get("uscc", ""))) for p in parties if isinstance(p, Mapping)]
        return ";".join(name for name, _ in pairs), ";".join(code for _, code in pairs if code)

    def others(self, name: str, but: str) -> tuple[str, str]:
        """(names, codes) of the parties in `name` without the one in `but`: of a contract's parties, the contractor."""
        left = self.party(but)
        value = self.find(name)
        parties = [p for p in value if isinstance(p, Mapping)] if isinstance(value, list | tuple) else []
        rest = [p for p in parties if str(p.get("name", "")) != left[0]]
        return ";".join(str(p.get("name", "")) for p in rest), ";".join(
            filter(None, (str(p.get("uscc", "")) for p in rest))
        )

    @property
    def region(self) -> str:
        """Where the project is."""
        return six(self.case.division) or six(self.case.place) or six(self.sender.division)

    @property
    def place(self) -> str:
        """Where the trade happens."""
        return six(self.case.place) or self.region

    @property
    def number(self) -> str:
        return str(self.lot.get("number", ""))

    @property
    def section(self) -> str:
        return self.numbers.sections.get(self.number, "")

    @property
    def unified(self) -> str:
        return self.numbers.unified.get(self.number, "")

    @property
    def project_name(self) -> str:
        return clean(self.text("project_name") or self.case.title)

    def content(self) -> str:
        """The notice's own words where the record has them, else its facts in sentences."""
        given = self.text("content", "body", "notice_text")
        if given:
            return given
        told = {name: value for name, value in self.case.fields.items() if name not in self.case.hidden}
        facts = [f"{name}：{shown}" for name, value in told.items() if (shown := _shown(value))]
        return clean("；".join([f"公告：{self.case.title}", *facts, f"详见 {self.case.url}"]))[:4000]


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return str(value.get("name", ""))
    if isinstance(value, list | tuple):
        return "、".join(filter(None, map(_shown, value)))
    return "" if value is None or isinstance(value, bool) else str(value)


_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """Text without what XML cannot carry."""
    return _ILLEGAL.sub("", text).strip()


def yuan(fen: int) -> str:
    """Fen as yuan with the standard's point: `n14.6` and `PRICE_UNIT` 0.

    >>> yuan(2079738158), yuan(-5), yuan(100)
    ('20797381.58', '-0.05', '1')
    """
    whole, rest = divmod(abs(fen), 100)
    text = f"{whole}.{rest:02d}".rstrip("0").rstrip(".") if rest else str(whole)
    return f"-{text}" if fen < 0 else text


def moment(value: Any) -> str:
    """`yyyyMMddHHmmss` in Beijing time of UTC milliseconds or of ISO text; midnight where there is only a day.

    >>> moment(0), moment("2025-03-24"), moment("2025-03-24T10:30"), moment("近日")
    ('19700101080000', '20250324000000', '20250324103000', '')
    """
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, int):
        return f"{datetime.fromtimestamp(value / 1000, UTC) + BEIJING:%Y%m%d%H%M%S}"
    found = dates.iso(str(value)) or ""
    if len(found) < 10:
        return ""
    digits = re.sub(r"[^0-9]", "", found[:10])
    clock = re.sub(r"[^0-9]", "", found[11:19])
    return digits + clock.ljust(6, "0")


def ms_of(day: str) -> int | None:
    """UTC milliseconds of the midnight in Beijing at which an ISO day begins, or of a moment of it."""
    text = moment(day)
    if not text:
        return None
    year, month, day_, hour, minute, second = (int(text[a:b]) for a, b in _PARTS)
    made = datetime(year, month, day_, hour, minute, second, tzinfo=UTC)
    return int((made - BEIJING).timestamp() * 1000)


_PARTS = ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14))


def six(code: str) -> str:
    """A six-digit code of GB/T 2260, of a longer or shorter one; empty when there is none."""
    text = code[:6].ljust(6, "0") if len(code) in (2, 4, 6, 9) and code.isdigit() else ""
    return text if is_known(text) else ""


def region_of_party(uscc: str) -> str:
    """The division where a party is registered: the third to eighth character of its credit code, where known."""
    code = uscc[2:8]
    return code if len(uscc) == 18 and check_uscc(uscc).valid and is_known(code) else ""


def nature(uscc: str) -> str:
    """企业性质 (T10005): 6 for an institution (codes that begin with 12), else 9 (other), since no record says more."""
    return "6" if uscc.startswith("12") else "9"


def place_name(code: str) -> str:
    return ("重庆市" if code.startswith("50") and code != "500000" else "") + name_of(code) or code


@dataclass(frozen=True, slots=True)
class Template:
    """How one data set is made: for each case, lot or row of the list that `rows` gives; `needs` are its parents."""

    make: Callable[[View], Fields]
    per: Literal["case", "lot", "row"] = "case"
    subject: Callable[[View], str] | None = None
    rows: Callable[[View], Iterable[Mapping[str, Any]]] | None = None
    needs: tuple[str, ...] = ()

    @property
    def base(self) -> bool:
        return self.subject is not None


def messages(
    templates: Mapping[str, Template],
    case: Case,
    numbers: Numbers,
    sender: Sender,
    known: Callable[[str, str], bool] = lambda number, element: True,
) -> list[Message]:
    """What a case becomes: its sets, and before them those on which they hang. Empty fields are left out.

    `known(set, element)` says whether a set has an element: what a rule package names goes into those that have it.
    """
    order: list[str] = []

    def add(number: str) -> None:
        if number in templates and number not in order:
            for parent in templates[number].needs:
                add(parent)
            order.append(number)

    for number in case.sets:
        add(number)
    made = []
    for number in order:
        template = templates[number]
        for view, tail in _views(number, template, case, numbers, sender):
            fields = {name: clean(value) for name, value in template.make(view).items() if value}
            for element, (name, sort) in case.elements.items():
                if known(number, element) and (shown := view.typed(name, sort)):
                    fields[element] = shown
            subject = template.subject(view) if template.subject else f"{case.base}{tail}"
            made.append(Message(number, clean(subject), fields, template.base))
    return made


def _views(number: str, template: Template, case: Case, numbers: Numbers, sender: Sender) -> Iterable[tuple[View, str]]:
    if template.base and not case.first and number not in case.sets:
        # What a later act says of itself (its name, its amount) is not the project's.
        case = replace(case, fields={})
    if template.per == "case":
        yield View(case, numbers, sender), ""
        return
    for lot in case.lots or ({},):
        view = View(case, numbers, sender, lot)
        if template.per == "lot":
            yield view, f":{view.number}"
            continue
        assert template.rows is not None
        for place, row in enumerate(template.rows(view), 1):
            yield View(case, numbers, sender, lot, row), f":{view.number}:{row.get('rank', place)}"
