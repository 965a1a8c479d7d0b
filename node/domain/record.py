"""The record every domain publishes: a document in sections, and the draft that becomes one.

A *record* is a signed business document. Its `main` section is a `Document`: who said it, where, with which flags, and
the `body` whose shape belongs to the record's kind. Everything here is plain data: text, integers, booleans, lists and
maps; no floating-point number ever enters a record (DESIGN L4), so money is integer fen and scores are integer
thousandths.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

import msgspec

from node.errors import Rejected

T = TypeVar("T")

Status = Literal["valid", "withdrawn"]


class Flag(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something a reader should know about a field that was kept although it is not right.

    `code` is one of `FLAGS`; `text` is the offending text as found, when it is short and public.
    """

    field: str
    code: str
    text: str = ""


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the facts come from: the publisher's name, the public address, the publisher's own identifier."""

    name: str
    url: str = ""
    id: str = ""


class Document(msgspec.Struct, Generic[T], frozen=True, omit_defaults=True):
    """The `main` section of every record.

    `key` is the natural identity inside the kind (docs/records.md names it for each kind), `as_of` the day the facts
    hold for (ISO date) where the source gives one, `made_up` marks records invented for demonstration.
    A withdrawal keeps the last body, so that what was withdrawn stays readable.
    """

    key: str
    body: T
    source: Source
    status: Status = "valid"
    as_of: str = ""
    flags: list[Flag] = msgspec.field(default_factory=list)
    made_up: bool = False
    reason: str = ""


class Amount(msgspec.Struct, frozen=True, omit_defaults=True):
    """Money as the source gave it.

    `fen` is the sum in 1/100 yuan, or nil when the text is no plain sum (a percentage, a formula, a sentence);
    `text` is the source's own words; `per` is the period of a rent or fee (`年`, `月`), empty for a one-off sum.
    """

    text: str
    fen: int | None = None
    per: str = ""


class Party(msgspec.Struct, frozen=True, omit_defaults=True):
    """A market party as named in a record. `uscc` is its unified social credit code, empty when the source gives none.

    `uscc_joined` is true when the code was looked up by name and not printed in the notice.
    """

    name: str
    uscc: str = ""
    uscc_joined: bool = False


# code -> (Chinese, English): what a flag tells the reader of a record page.
FLAGS: dict[str, tuple[str, str]] = {
    "amount-unreadable": ("金额不是单一数字，按原文保留", "the amount is no single number and is kept as text"),
    "amount-percent": ("金额以百分比表示", "the amount is a percentage"),
    "amount-zero": ("金额为零，可能未填写", "the amount is zero and may not have been filled in"),
    "amount-no-unit": ("金额未载明可信的单位，按原文保留", "the amount states no credible unit and is kept as text"),
    "amount-remark": ("金额后附有说明，取所列总额", "the amount carries a remark; the stated total is taken"),
    "points-unreadable": ("分值不可识别，按原文保留", "the points could not be read and are kept as text"),
    "uscc-invalid": ("统一社会信用代码校验位不符", "the credit code's check character does not match"),
    "uscc-joined": ("统一社会信用代码按名称比对补充，非公告原文", "the credit code was joined by name, not printed"),
    "division-unknown": ("行政区划不在 GB/T 2260 内", "the division is not in GB/T 2260"),
    "date-unreadable": ("日期不可识别，按原文保留", "the date could not be read and is kept as text"),
    "winner-missing": ("未载明中标人", "no winner is named"),
    "consortium": ("联合体，名称由多个单位组成", "a consortium: the name holds several companies"),
    "code-repeated": ("同一标段编号在来源中出现多次", "the section code occurs more than once in the source"),
    "old-value-differs": ("变更前的值与本节点所存不一致", "the old value differs from what this node holds"),
    "standard-replaced": ("所依据的标准已被新标准替代", "the standard it follows has been replaced"),
    "url-missing": ("来源未给出网址", "the source gives no address"),
    "text-cleaned": ("已去除不可见的控制字符", "invisible control characters were taken out"),
    "number-rounded": (
        "数字超过电子表格的精度，末位可能已变",
        "more digits than a spreadsheet keeps: the last may be wrong",
    ),
    "field-misplaced": ("内容与字段不符，未予公开", "the content does not belong to this field and is not shown"),
    "not-punished": ("来源为不予处罚决定", "the source is a decision not to punish"),
    "good-or-bad-doubtful": (
        "良好或不良依类别判断，与文件名不符",
        "good or bad follows the class and contradicts the file's name",
    ),
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A record about to be published, or a new version of one.

    Attributes:
        kind: a name in `node.domain.KINDS`.
        key: natural identity inside the kind; the same key again is the same record.
        sections: section name -> shape (`main` is a `Document`; others as the kind says).
        said: what the source said, as plain data. Its canonical bytes are hashed to recognise a repeat, so anything
            that does not come from the source (a flag's wording, a later reading of an amount) stays out of it.
    """

    kind: str
    key: str
    sections: Mapping[str, Any]
    said: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Amendment:
    """A change that a source describes against what came before: `apply` gets the current `main` document or None.

    `apply` returns the new `main` document and may raise `Rejected`, for example when there is nothing to change.
    `said` must hold the date of the change, so that the same change read twice is recognised as a repeat.
    """

    kind: str
    key: str
    apply: Callable[[Document[Any] | None], Document[Any]]
    said: Mapping[str, Any]
    sections: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one draft or amendment: the publisher gives one for each, in the order it was handed over.

    `published` has the record's id, version and log index; `unchanged` names the record that already says this;
    `rejected` carries the reason.
    """

    state: Literal["published", "unchanged", "rejected"]
    record_id: bytes | None = None
    version: int = 0
    index: int | None = None
    error: Rejected | None = None
