"""The catalogue (目录) of trades that must be held on the platform, and finding an approved project among those held.

Which trades must is data with dates (`config/rules/catalogue.toml`), since scale thresholds change. An approved project
or budget that must be held and is found nowhere is the trace of a trade off the platform (场外交易, R2); what its owner
may decide freely (R15) is never counted, and what the list leaves open is said to be open.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from node.domain.rulebook import Basis
from node.domain.rulefaults import convert

Verdict = Literal["mandatory", "voluntary", "open"]
How = Literal["invest-code", "project-code", "name", "none"]

# verdict -> (Chinese, English)
VERDICTS: dict[str, tuple[str, str]] = {
    "mandatory": ("必须进场", "must be held on the platform"),
    "voluntary": ("业主自主决定", "its owner decides"),
    "open": ("清单信息不足，不能判断", "the list does not say enough"),
}

# how a project was found -> (Chinese, English)
HOWS: dict[str, tuple[str, str]] = {
    "invest-code": ("投资项目代码相同", "same investment project code"),
    "project-code": ("项目编号相同", "same project code"),
    "name": ("项目名称相近", "similar name"),
    "none": ("未找到", "not found"),
}


class Rule(Basis, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """One row: trades of these categories and sorts must be held, from an estimate of `threshold_fen` on if given.

    `public_funds` confines it to projects with money of the State: private ones are not counted by it.
    """

    id: str
    categories: list[str]
    zh: str
    en: str
    sorts: tuple[str, ...] = ()
    public_funds: bool = False
    threshold_fen: int | None = None


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"rows": "row"}):
    """`config/rules/catalogue.toml`. `name_permille` is how alike two names must be to be shown as one project's."""

    version: str
    name_permille: int
    rows: list[Rule]

    @property
    def name(self) -> str:
        return f"catalogue@{self.version}"


@dataclass(frozen=True, slots=True)
class Approved:
    """An approved project or budget item as a list gives it; what it does not say is empty, or None.

    `sort` is what is bought: 施工, 货物, 设计 …. `day` is when it was approved (ISO). `private` says that only private
    money is in it, `mandatory` what the list itself says, if anything.
    """

    name: str
    category: str
    day: str = ""
    project_code: str = ""
    invest_code: str = ""
    owner: str = ""
    division: str = ""
    sort: str = ""
    estimate_fen: int | None = None
    private: bool | None = None
    mandatory: bool | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """Whether a project must be held, by which row, and why in both languages."""

    verdict: Verdict
    rule: str
    why_zh: str
    why_en: str
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """A trade that is held, or was recorded, on the platform. `record` is the record's id in hex, `origin` its log."""

    record: str
    origin: str
    title: str
    project_code: str = ""
    invest_code: str = ""
    section_code: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """How a project was looked for: the best trade found, and how alike the names are in thousandths."""

    how: How
    held: Held | None = None
    permille: int = 0


def table_from(values: object, source: str) -> Catalogue:
    """The catalogue from plain data. Raises Malformed, which names the row and `source`."""
    return convert(values, Catalogue, source)


def judge(item: Approved, catalogue: Catalogue, *, today: str) -> Judged:
    """Whether a project must be held, by the rows in force on the day it was approved (else on `today`).

    The list's own word that it is voluntary, or that only private money is in it, is heeded before any row.
    """
    if item.mandatory is False or (item.private and item.category == "工程建设"):
        return Judged("voluntary", "", "清单载明为自愿或民间投资项目", "the list calls it voluntary or private")
    if item.mandatory:
        return Judged("mandatory", "", "清单载明必须进场", "the list says that it must", True)
    day = item.day if len(item.day) == 10 else today
    rows = [row for row in catalogue.rows if item.category in row.categories and row.holds_on(day)]
    if not rows:
        return Judged("voluntary", "", "目录未列入该类别", "the catalogue has no row for this category")
    fitting = [row for row in rows if not row.sorts or not item.sort or any(sort in item.sort for sort in row.sorts)]
    for row in fitting:
        lacking = _lacking(row, item)
        if lacking is not None:
            return Judged("open", row.id, f"清单缺少{lacking[0]}（{row.zh}）", f"{lacking[1]} is missing ({row.en})")
        if row.threshold_fen is not None and (item.estimate_fen or 0) < row.threshold_fen:
            continue
        doubt = ("", "") if row.verified else ("（标准待核实）", " (not verified)")
        return Judged(
            "mandatory",
            row.id,
            f"{row.zh}，依据 {row.legal_basis}{doubt[0]}",
            f"{row.en}, by {row.legal_basis}{doubt[1]}",
            row.verified,
        )
    return Judged("voluntary", "", "未达到目录规定的类型或规模", "below the catalogue's sorts and scales")


def _lacking(row: Rule, item: Approved) -> tuple[str, str] | None:
    """What a row needs to know and the list does not say."""
    if row.public_funds and item.private is None:
        return "资金来源", "the source of funds"
    if row.threshold_fen is not None and item.estimate_fen is None:
        return "估算价", "the estimate"
    # Without the sort, an estimate above every threshold still decides; one between them does not.
    if row.sorts and not item.sort and row.threshold_fen is not None and (item.estimate_fen or 0) < row.threshold_fen:
        return "采购内容（施工、货物、服务）", "the sort (works, goods, services)"
    return None


def match(item: Approved, trades: Iterable[Held], *, name_permille: int) -> Match:
    """The trade that is most surely this project: by investment code, then project code, then name.

    A name that is less alike than `name_permille` is no match; the nearest is given all the same, as what was tried.
    """
    by_code: Match | None = None
    best: Held | None = None
    nearest = 0
    for held in trades:
        if item.invest_code and held.invest_code == item.invest_code:
            return Match("invest-code", held, 1000)
        if item.project_code and item.project_code in (held.project_code, held.section_code):
            by_code = by_code or Match("project-code", held, 1000)
        # A section's name is its project's with something behind it, so being contained counts as alike.
        alike = likeness(item.name, held.title)
        if item.owner and item.owner == held.owner:
            alike = min(1000, alike + 50)
        if alike > nearest:
            nearest, best = alike, held
    if by_code is not None:
        return by_code
    return Match("name" if nearest >= name_permille else "none", best, nearest)


_NOISE = re.compile(
    r"[\s\W_]|(?:项目|工程)?(?:招标公告|中标结果公告|中标候选人公示|采购公告|成交公告|公告|公示)|第?[一二三四五六七八九十0-9]+标段"
)


def _bare(name: str) -> str:
    return _NOISE.sub("", unicodedata.normalize("NFKC", name).lower())


def likeness(one: str, other: str) -> int:
    """How alike two names are, in thousandths: shared pairs of characters (Dice), or all of the shorter inside.

    >>> likeness("渝中区解放碑道路改造工程", "渝中区解放碑道路改造工程（一标段）招标公告")
    1000
    >>> likeness("渝中区解放碑道路改造工程", "江北区观音桥小学新建工程") < 500
    True
    """
    first, second = _bare(one), _bare(other)
    if not first or not second:
        return 0
    short, long = sorted((first, second), key=len)
    # A name of a few characters is inside too many others.
    if len(short) >= 8 and short in long:
        return 1000
    pairs, others = _pairs(first), _pairs(second)
    total = len(pairs) + len(others)
    return 0 if not total else 2000 * len(pairs & others) // total


def _pairs(text: str) -> frozenset[str]:
    return frozenset(text[place : place + 2] for place in range(len(text) - 1)) or frozenset({text})


def keys_of(name: str, most: int = 3) -> Sequence[str]:
    """A few long pieces of a name by which an index may be asked for its like.

    >>> keys_of("渝中区解放碑道路改造工程")
    ['渝中区解', '放碑道路', '改造工程']
    """
    bare = _bare(name)
    pieces = [bare[place : place + 4] for place in range(0, len(bare), 4)]
    return [piece for piece in pieces if len(piece) >= 2][:most]
