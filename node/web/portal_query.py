"""Search forms: what an address asks for, or, field by field, why it cannot be understood.

The state of every search is its address. A field that is not understood is shown again with a message beside it and
the page answers 400; it never becomes another query in silence.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from urllib.parse import urlencode
from uuid import UUID

from multidict import MultiMapping

from node.domain import KINDS
from node.domain.acts import DISCLOSURE_NAMES
from node.domain.trades import CATEGORIES
from node.errors import NotFound
from node.store import search_text
from node.store.views import MAX_OFFSET, PAGE_SIZE, CreditQuery, TradeQuery
from node.web.portal_text import Pair

MAX_WORDS = 10
MAX_QUERY = 200
MAX_PAGE = MAX_OFFSET // PAGE_SIZE
CATEGORY_NAMES: dict[str, Pair] = {name: (name, en) for name, en in CATEGORIES.items()}
SORTS: dict[str, Pair] = {
    "score": ("信用评分", "Scores"),
    "behaviour": ("信用行为", "Behaviours"),
    "blacklist": ("黑名单", "Blacklist"),
}
GRADES: dict[str, Pair] = {"良好": ("良好", "Good"), "不良": ("不良", "Bad")}
ORDERS: dict[str, Pair] = {"date": ("按日期", "By date"), "amount": ("按金额", "By amount")}
TRADE_KINDS: dict[str, Pair] = {
    name: (kind.zh, kind.en)
    for name, kind in KINDS.items()
    if name.startswith("trade.") and kind.sections["main"][1] == "public"
}
CODE_TABLES: dict[str, Pair] = {
    name: (KINDS[name].zh, KINDS[name].en) for name in ("code.division", "expert.class") if name in KINDS
}
_UNITS = {"": 100, "元": 100, "万": 1_000_000, "万元": 1_000_000, "亿": 10_000_000_000, "亿元": 10_000_000_000}
_AMOUNT = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*(元|万元?|亿元?)?")


@dataclass(slots=True)
class Form:
    """A form as it was sent: raw values for filling it in again, and messages by field."""

    values: dict[str, str]
    errors: dict[str, Pair] = field(default_factory=dict)

    def address(self, path: str, **changes: object) -> str:
        """`path` with this form's values, changed as given; empty values are left out."""
        values = {**self.values, **{name: str(value) for name, value in changes.items()}}
        if values.get("page") == "1":
            del values["page"]
        query = urlencode({name: value for name, value in values.items() if value}, errors="replace")
        return f"{path}?{query}" if query else path

    @property
    def asked(self) -> bool:
        """Whether anything narrows the search."""
        return any(value for name, value in self.values.items() if name not in ("page", "order", "table"))

    # --- fields: each gives the value, or its default after noting why not -------------------------------------------

    def words(self, name: str = "words") -> str:
        text = self.values[name]
        if len(text) > MAX_QUERY or len(search_text.words(text)) > MAX_WORDS:
            self.errors[name] = (
                f"请缩短：最多 {MAX_QUERY} 个字符、{MAX_WORDS} 个词。",
                f"Make it shorter: at most {MAX_QUERY} characters and {MAX_WORDS} words.",
            )
            return ""
        return text

    def choice(self, name: str, choices: Mapping[str, object], default: str = "") -> str:
        value = self.values[name]
        if value and value not in choices:
            self.errors[name] = ("没有这个选项，请从列表中选择。", "There is no such choice; pick one from the list.")
            return default
        return value or default

    def day(self, name: str) -> str:
        text = unicodedata.normalize("NFKC", self.values[name])
        if not text:
            return ""
        try:
            return (
                date.fromisoformat(text).isoformat() if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else self._no_day(name)
            )
        except ValueError:
            return self._no_day(name)

    def fen(self, name: str) -> int | None:
        text = unicodedata.normalize("NFKC", self.values[name]).replace(",", "").replace(" ", "")
        if not text:
            return None
        found = _AMOUNT.fullmatch(text)
        if found and found[1].isascii():
            fen = Decimal(found[1]) * _UNITS[found[2] or ""]
            if fen < 2**63:
                return int(fen)
        self.errors[name] = (
            "请输入金额，如 500000、50万 或 1.2亿。",
            "Give a sum in yuan, such as 500000 or 1200000.50.",
        )
        return None

    def page(self) -> int:
        text = self.values["page"]
        if not text:
            return 1
        if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= MAX_PAGE):
            self.errors["page"] = (
                f"页码应为 1 至 {MAX_PAGE} 的整数；更多记录请缩小范围或下载。",
                f"The page is a number from 1 to {MAX_PAGE}; for more, narrow the search or download it.",
            )
            return 1
        return int(text)

    def _no_day(self, name: str) -> str:
        self.errors[name] = ("请按 2025-03-24 的格式输入日期。", "Give the date as 2025-03-24.")
        return ""


def trade_query(given: Mapping[str, str], origins: Mapping[str, object]) -> tuple[TradeQuery, Form]:
    form = form_of(
        given, ("words", "category", "kind", "division", "from", "to", "min", "max", "origin", "order", "page")
    )
    query = TradeQuery(
        words=form.words(),
        category=form.choice("category", CATEGORIES),
        kind=form.choice("kind", TRADE_KINDS),
        division=form.words("division").strip(),
        from_date=form.day("from"),
        to_date=form.day("to"),
        min_fen=form.fen("min"),
        max_fen=form.fen("max"),
        origin=form.choice("origin", origins),
        order=form.choice("order", ORDERS, "date"),
        page=form.page(),
    )
    _require_order(form, query)
    if query.min_fen is not None and query.max_fen is not None and query.min_fen > query.max_fen:
        form.errors["max"] = ("最高金额小于最低金额。", "The highest sum is below the lowest.")
    return query, form


def disclosure_query(given: Mapping[str, str]) -> tuple[TradeQuery, Form]:
    form = form_of(given, ("words", "disclosure", "category", "division", "from", "to", "page"))
    query = TradeQuery(
        words=form.words(),
        disclosure=form.choice("disclosure", DISCLOSURE_NAMES),
        category=form.choice("category", CATEGORIES),
        division=form.words("division").strip(),
        from_date=form.day("from"),
        to_date=form.day("to"),
        page=form.page(),
    )
    _require_order(form, query)
    return query, form


def credit_query(
    given: Mapping[str, str], origins: Mapping[str, object], grades: Mapping[str, object] | None = None
) -> tuple[CreditQuery, Form]:
    """`grades` are the known ones; without them any grade may be asked for."""
    form = form_of(given, ("words", "sort", "grade", "origin", "page"))
    grade = form.words("grade") if grades is None else form.choice("grade", grades)
    query = CreditQuery(
        words=form.words(),
        sort=form.choice("sort", SORTS),
        grade=grade,
        origin=form.choice("origin", origins),
        page=form.page(),
    )
    return query, form


def plain_query(given: Mapping[str, str]) -> tuple[str, int, Form]:
    """(words, page) of a list that has no other fields."""
    form = form_of(given, ("words", "page"))
    return form.words(), form.page(), form


def code_query(given: Mapping[str, str]) -> tuple[str, str, int, Form]:
    """(table, words, page) of the code tables."""
    form = form_of(given, ("table", "words", "page"))
    return form.choice("table", CODE_TABLES, next(iter(CODE_TABLES))), form.words(), form.page(), form


def record_id(text: str) -> bytes:
    """The 16 bytes of a record id in an address: 32 hex digits or UUID text. Raises NotFound for anything else."""
    if not re.fullmatch(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text):
        raise NotFound(
            "a record id is 32 hexadecimal digits",
            zh="记录编号应为 32 位十六进制数字",
            field="record_id",
            advice_zh="请核对链接或编号是否完整，或在交易信息中按名称查找。",
            advice_en="Check that the link or the number is complete, or find the record by its name among the trades.",
        )
    return UUID(text).bytes


def version_number(text: str | None) -> int | None:
    """The version an address asks for. Raises NotFound for what is no version."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise NotFound("a version is a number", zh="版本应为数字", field="version")
    return int(text)


def _require_order(form: Form, query: TradeQuery) -> None:
    if query.from_date and query.to_date and query.from_date > query.to_date:
        form.errors["to"] = ("结束日期早于开始日期。", "The end is before the beginning.")


def form_of(given: Mapping[str, str], names: tuple[str, ...]) -> Form:
    """The fields of an address by these names, cleaned of what no database takes."""
    form = Form({name: _clean(given.get(name, "")) for name in names})
    for name in names:
        # Which of two values was meant, nobody can tell.
        if isinstance(given, MultiMapping) and len(given.getall(name, ())) > 1:
            form.errors[name] = ("此项在网址中重复出现，请只填一次。", "The address gives this twice; give it once.")
    return form


def _clean(text: str) -> str:
    """Without what no database can take, control characters and half pairs: each becomes a space, as a tab does."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    spaced = "".join(" " if unicodedata.category(char) in ("Cc", "Cs") else char for char in whole)
    if len(spaced) > MAX_QUERY:
        return spaced  # what is too long stays so, whatever it ends with
    # Something that vanishes whole would be another query: it is shown as what it is, a sign that nobody can read.
    return spaced.strip() or ("\ufffd" if text.strip(" \t\r\n") else "")
