"""What readers of the portal ask for: a mix of addresses with words from rows that are there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from urllib.parse import unquote_plus, urlencode

from node.bench.portal_rows import Filled

COMMON = ("工程", "有限公司", "中标", "项目", "改造", "建设", "招租", "服务", "公告", "宜昌")
SINGLE = ("县", "桥", "公", "猇", "1", "a", "龙", "%")
APART = (("招租", "中标"), ("监理", "招租"), ("勘察", "招租"), ("a", "1"), ("公", "司"), ("91", "42"))
"""Words that stand in very many rows each, and together in few or in nearly all."""
PAGES = (2, 3, 10, 50, 200, 500)


@dataclass(frozen=True, slots=True)
class Query:
    """One address; `search` says whether it is a search among the trades."""

    kind: str
    address: str
    search: bool = True

    @property
    def plain(self) -> str:
        return unquote_plus(self.address)


class Mix:
    """Draws queries: how often each kind comes is its weight in `_WEIGHTS`."""

    def __init__(self, filled: Filled, seed: int) -> None:
        self._rows = filled.rows
        self._ids = filled.record_ids
        self._random = Random(seed)

    def some(self, number: int) -> list[Query]:
        kinds = self._random.choices(list(_WEIGHTS), weights=list(_WEIGHTS.values()), k=number)
        return [self._one(kind) for kind in kinds]

    def each(self) -> Iterator[Query]:
        """One of every kind."""
        return (self._one(kind) for kind in _WEIGHTS)

    def _one(self, kind: str) -> Query:
        fixed = {"home": "/", "status": "/status", "feed": "/api/records?kind=trade.result&limit=100"}
        if kind in fixed:
            return Query(kind, fixed[kind], False)
        if kind == "record":
            return Query(kind, f"/records/{self._random.choice(self._ids)}", False)
        return Query(kind, f"/trades?{urlencode(self._asked(kind))}")

    def _asked(self, kind: str) -> dict[str, str]:
        random, row = self._random, self._random.choice(self._rows)
        words = {"words": self._piece(row["title"], random.choice((2, 3, 4, 6)))}
        match kind:
            case "all":
                return {}
            case "word":
                return words
            case "common":
                return {"words": random.choice(COMMON)}
            case "two":
                return {"words": f"{words['words']} {self._piece(row['title'], 2)}"}
            case "apart":
                return {"words": " ".join(random.choice(APART))}
            case "single":
                return {"words": random.choice(SINGLE)}
            case "company":
                return {"words": row["winner"] or row["owner"]}
            case "code":
                return {"words": row["project_code"]}
            case "missing":
                return {"words": self._piece(row["title"], 3)[::-1] + random.choice("槑燚龘")}
            case "filters":
                return {"words": random.choice((words["words"], *COMMON))} | self._filters(row)
            case "only-filters":
                return self._filters(row) | self._filters(row)
            case "amounts":
                return {"min": random.choice(("1亿", "5000万", "88888888")), "words": random.choice(("", *COMMON))}
            case "by-amount":
                words["words"] = random.choice(("", words["words"], *COMMON))
                return words | {"order": "amount", "page": str(random.choice((1, 1, *PAGES)))}
            case "deep":
                return {"words": random.choice(("", *COMMON)), "page": str(random.choice(PAGES))}
        raise KeyError(kind)

    def _filters(self, row: dict[str, object]) -> dict[str, str]:
        year = int(str(row["published_on"])[:4])
        return self._random.choice(
            (
                {"category": str(row["category"])},
                {"kind": str(row["kind"])},
                {"division": str(row["division"])[: self._random.choice((2, 4, 5, 6))]},
                {"division": str(row["division_name"])},
                {"from": f"{year}-03-01", "to": f"{year}-09-30"},
                {"from": "2023-01-01", "to": "2023-02-15"},
                {"min": "500万", "max": "510万"},
                {"origin": f"ggzy.example/bench/5002{self._random.randrange(40):02d}/1"},
            )
        )

    def _piece(self, text: str, length: int) -> str:
        at = self._random.randrange(max(1, len(text) - length))
        return text[at : at + length].strip() or text[:length]


_WEIGHTS = {
    "all": 6,
    "word": 22,
    "common": 8,
    "two": 12,
    "apart": 3,
    "single": 3,
    "company": 8,
    "code": 5,
    "missing": 3,
    "filters": 10,
    "only-filters": 5,
    "amounts": 4,
    "by-amount": 5,
    "deep": 5,
    "home": 5,
    "status": 1,
    "feed": 2,
    "record": 10,
}
