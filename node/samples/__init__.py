"""The packaged demonstration data: bare facts of public notices, code tables, and marked made-up credit and experts.

The files are rows as the sources give them and go in through the same import kinds as any file. `MANIFEST` says which
demonstration node publishes which rows; README.md says where they come from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any

HUB = "500000"
NATIONAL = "national"
DISTRICTS: tuple[str, ...] = ("500102", "500105", "500238")
# The demonstration's nodes: three districts of Chongqing, the city hub, the national sandbox.
NODES: dict[str, str] = {
    "500102": "涪陵区",
    "500105": "江北区",
    "500238": "巫溪县",
    HUB: "重庆市",
    NATIONAL: "国家平台（沙箱）",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One file of the sample; its rows are dealt out to `nodes` by turns."""

    file: str
    kind: str
    nodes: tuple[str, ...]
    made_up: bool = False


MANIFEST: tuple[Sample, ...] = (
    Sample("divisions_national.jsonl", "division", (NATIONAL,)),
    Sample("divisions.jsonl", "division", (HUB,)),
    Sample("expert_classes.jsonl", "expert-class", (HUB,)),
    Sample("blacklist.jsonl", "credit", (HUB,)),
    Sample("mining.jsonl", "notice", (HUB,)),
    Sample("notices.jsonl", "notice", DISTRICTS),
    Sample("candidates.jsonl", "candidates", DISTRICTS),
    Sample("results.jsonl", "result", DISTRICTS),
    Sample("credit_scores.jsonl", "credit", DISTRICTS, made_up=True),
    Sample("experts.jsonl", "expert", DISTRICTS, made_up=True),
)


def read(sample: Sample) -> list[dict[str, Any]]:
    """All rows of one file of the sample."""
    text = resources.files(__name__).joinpath(sample.file).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line]


def rows(node: str) -> list[tuple[str, list[dict[str, Any]]]]:
    """What one demonstration node publishes: (import kind, rows), in the order in which to import.

    Raises KeyError for a node that is not in `NODES`.
    """
    if node not in NODES:
        raise KeyError(node)
    return [
        (sample.kind, read(sample)[sample.nodes.index(node) :: len(sample.nodes)])
        for sample in MANIFEST
        if node in sample.nodes
    ]


_QUALIFICATIONS = (
    ("107010103", "建筑业企业资质_施工总承包_建筑工程_贰级"),
    ("107011003", "建筑业企业资质_施工总承包_市政公用工程_贰级"),
    ("107022802", "建筑业企业资质_专业承包_建筑装修装饰工程_贰级"),
    ("107030101", "建筑业企业资质_劳务资质_施工_不分等级"),
)
_TRADES = ("建设", "市政", "园林", "装饰", "机电", "路桥")


def made_up(count: int, start: int = 1001) -> Iterator[dict[str, str]]:
    """Any number of made-up credit scores for import kind `credit`, each marked and obviously invented.

    The same `start` gives the same rows, so that importing them again publishes nothing. The file of the sample holds
    numbers 1 to 30.
    """
    for number in range(start, start + count):
        qualification_id, qualification = _QUALIFICATIONS[number % len(_QUALIFICATIONS)]
        base, bonus, deducted = number % 7 * 500, number % 5 * 250, number % 11 * 750
        score = 100_000 + base + bonus - deducted
        grade = "AA级" if score >= 103_000 else "A级" if score >= 99_000 else "B级" if score >= 94_000 else "C级"
        yield {
            "org_id": f"demo-{number:08d}",
            "archive_id": f"demo-{number:08d}",
            "enterprise_name": f"示例{_TRADES[number % len(_TRADES)]}公司第{number:05d}号（虚构）",
            "qual_category": "施工",
            "initial_score": "100",
            "qualification": qualification,
            "qualification_id": qualification_id,
            "grade": grade,
            "score": _decimal(score),
            "base_points": _decimal(base),
            "bonus_points": _decimal(bonus),
            "deducted_points": _decimal(deducted),
            "source": "demo",
            "made_up": "true",
        }


def _decimal(thousandths: int) -> str:
    return f"{thousandths // 1000}.{thousandths % 1000:03d}".rstrip("0").rstrip(".")


_CLASSES = ("A0101", "A0201", "A0301", "A0401", "A0801", "B0101", "B0201", "C0101", "C0201")
_TITLES = ("高级工程师", "正高级工程师", "高级经济师", "教授")


def made_up_experts(count: int) -> Iterator[dict[str, Any]]:
    """Made-up experts for import kind `expert`: serial numbers instead of names, invented employers, no numbers."""
    for number in range(1, count + 1):
        yield {
            "alias": f"DEMO-{number:04d}",
            "classes": [_CLASSES[number % 9], _CLASSES[(number * 5 + 2) % 9]],
            "division": DISTRICTS[number % len(DISTRICTS)],
            "standing": "暂停" if number % 13 == 0 else "在库",
            "entered_on": f"20{15 + number % 10}-{number % 12 + 1:02d}-01",
            "employer": f"示例设计院第{number % 8 + 1}号（虚构）",
            "past_employers": [f"示例咨询公司第{number % 5 + 1}号（虚构）"] if number % 3 else [],
            "title": _TITLES[number % len(_TITLES)],
            "source": "demo",
            "made_up": "true",
        }
