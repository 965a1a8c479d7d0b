"""Erasure (依法删除): the record that carries an order, and the codes of reasons that an order may give.

An order holds no words of its own: what it says is codes, so nothing personal can slip into what every mirror keeps
for ever. The reasons are those of the Personal Information Protection Law (个人信息保护法), article 47, paragraph 1.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class Erasure(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The body of a `record.erasure`: the signed order as text (`node.wire.erasure`), which is what counts."""

    order: str


class Reason(NamedTuple):
    zh: str
    en: str
    basis: str


REASONS: dict[str, Reason] = {
    "purpose-ended": Reason(
        "处理目的已实现、无法实现或者不再必要",
        "the purpose is achieved, cannot be achieved, or no longer needs the data",
        "PIPL-47-1-1",
    ),
    "retention-ended": Reason(
        "停止提供服务，或者保存期限已届满", "the service or the term of retention has ended", "PIPL-47-1-2"
    ),
    "consent-withdrawn": Reason("个人撤回同意", "the person has withdrawn consent", "PIPL-47-1-3"),
    "unlawful": Reason(
        "违反法律、行政法规或者违反约定处理个人信息", "the data was processed against law or agreement", "PIPL-47-1-4"
    ),
    "other-law": Reason("法律、行政法规规定的其他情形", "another case that law or regulation names", "PIPL-47-1-5"),
}

BASES: dict[str, str] = {
    reason.basis: f"《个人信息保护法》第四十七条第一款第（{number}）项"
    for reason, number in zip(REASONS.values(), "一二三四五", strict=True)
}
