"""Which of the five disclosure kinds (R30) a record of the former centres belongs to: by its kind and its own word for
the stage. Acts say it themselves (`node/domain/acts.py`).
"""

from __future__ import annotations

from node.domain.acts import Disclosure

# What the stage is called -> what it discloses. The first word that occurs decides, so changes and contracts come
# before notices and results: 更正中标公告 is a change.
_WORDS: tuple[tuple[str, Disclosure], ...] = (
    ("更正", "change"),
    ("变更", "change"),
    ("澄清", "change"),
    ("补充", "change"),
    ("延期", "change"),
    ("暂停", "change"),
    ("终止", "change"),
    ("资格预审结果", "qualification_review"),
    ("资格审查结果", "qualification_review"),
    ("资审结果", "qualification_review"),
    ("合同", "performance"),
    ("履约", "performance"),
    ("验收", "performance"),
    ("废标", "result"),
    ("流标", "result"),
    ("成交", "result"),
    ("中标", "result"),
    ("结果", "result"),
    ("候选人", "result"),
)
_KINDS: dict[str, Disclosure] = {
    "trade.result": "result",
    "trade.candidates": "result",
    "trade.listing": "trade_notice",
}


def of_imported(kind: str, stage: str) -> Disclosure:
    """The disclosure kind of an imported trade record.

    >>> of_imported("trade.notice", "招标/资审公告"), of_imported("trade.notice", "更正事项")
    ('trade_notice', 'change')
    >>> of_imported("trade.result", ""), of_imported("trade.notice", "供地结果")
    ('result', 'result')
    """
    found = next((disclosure for word, disclosure in _WORDS if word in stage), None)
    return found or _KINDS.get(kind, "trade_notice")
