"""Real-shaped records in any number, made from the packaged samples: the same seed gives the same records.

Titles are put together from pieces of real titles, names from pieces of real names; codes, days and sums are drawn anew
for each record, and a credit code ends in its true check character. So the records compress about as real ones do: the
text of no two is alike, their field names and places are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from node import samples
from node.domain import divisions
from node.domain.credit import CreditScore
from node.domain.identifiers import check_character
from node.domain.record import Amount, Document, Draft, Flag, Party, Source
from node.domain.trades import TradeListing, TradeResult

KINDS = ("result", "listing", "credit", "mixed")
_TURNS = ("result", "listing", "credit")
_BLOCK = 256
_WINDOWS = (3, 4, 5, 6)


def records(kind: str, n: int, seed: int, *, start: int = 0, two_sections: bool = False) -> Iterator[Draft]:
    """Records number `start` to `start + n` of an endless row that `kind` and `seed` name.

    Kinds are trade results, property listings and credit scores; `mixed` takes them in turn. With `two_sections` a
    credit score has a second section `basis` for authorities alone, as the forge writes it; the publisher knows `main`
    alone.
    """
    makers = [_MAKERS[each] for each in (_TURNS if kind == "mixed" else (kind,))]
    pieces = _pieces()
    for block in range(start // _BLOCK, -(-(start + n) // _BLOCK)):
        random = Random(f"{seed}:{kind}:{block}")
        for number in range(block * _BLOCK, (block + 1) * _BLOCK):
            if number >= start + n:
                return
            draft = makers[number % len(makers)](pieces, random, number, two_sections)
            if number >= start:
                yield draft


@dataclass(frozen=True, slots=True)
class _Pieces:
    """What real rows are made of."""

    titles: tuple[str, ...]
    ends: tuple[str, ...]
    places: tuple[tuple[str, str], ...]
    firms: tuple[str, ...]
    firm_ends: tuple[str, ...]
    reasons: tuple[str, ...]
    qualifications: tuple[tuple[str, str], ...]


_FIRM_END = re.compile(r"(?:建设|工程|建筑|设计|咨询|管理|科技|环境|园林|装饰|机电|市政|项目|集团|投资).*$")


@cache
def _pieces() -> _Pieces:
    rows = [
        row for sample in samples.MANIFEST if sample.kind in ("result", "candidates") for row in samples.read(sample)
    ]
    names = [row.get("project_name") or row["title"] for row in rows]
    firms = [row[column] for row in rows for column in ("buyer_name", "agency_name", "winner_name") if row.get(column)]
    ends = [match[0] for firm in firms if (match := _FIRM_END.search(firm))]
    credit = [row for sample in samples.MANIFEST if sample.kind == "credit" for row in samples.read(sample)]
    qualified = {(row["qualification_id"], row["qualification"]) for row in credit if row.get("qualification")}
    places = {
        (row["region_code"], row["region_name"]) for row in rows if divisions.is_known(row.get("region_code", ""))
    }
    return _Pieces(
        titles=tuple(
            sorted({name[at : at + width] for name in names for width in _WINDOWS for at in _cuts(name, width)})
        ),
        ends=tuple(sorted({name[-8:] for name in names})),
        places=tuple(sorted(places)),
        firms=tuple(sorted({firm[at : at + 2] for firm in firms for at in range(0, min(len(firm), 10) - 2, 2)})),
        firm_ends=tuple(sorted(set(ends))),
        reasons=tuple(sorted({row["reason"] for row in credit if row.get("reason")})),
        qualifications=tuple(sorted(qualified)),
    )


def _cuts(name: str, width: int) -> range:
    return range(0, max(0, len(name) - width), 2)


def _name(pieces: _Pieces, random: Random) -> str:
    """A project's name of a real one's length."""
    take = random.random
    titles = pieces.titles
    middle = "".join([titles[int(take() * len(titles))] for _ in range(2 + int(take() * 4))])
    return middle + pieces.ends[int(take() * len(pieces.ends))]


def _party(pieces: _Pieces, random: Random, coded: bool) -> Party:
    take, firms, ends = random.random, pieces.firms, pieces.firm_ends
    name = firms[int(take() * len(firms))] + firms[int(take() * len(firms))] + ends[int(take() * len(ends))]
    if not coded:
        return Party(name)
    body = f"91{pieces.places[int(take() * len(pieces.places))][0]}{random.getrandbits(36):09X}"
    return Party(name, body + check_character(body), True)


def _day(random: Random) -> str:
    return f"20{23 + int(random.random() * 3)}-{1 + int(random.random() * 12):02d}-{1 + int(random.random() * 28):02d}"


def _result(pieces: _Pieces, random: Random, number: int, two: bool) -> Draft:
    take = random.random
    digits = f"{random.getrandbits(128):032x}"
    uuid = f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"
    code, place = pieces.places[int(take() * len(pieces.places))]
    name, day = _name(pieces, random), _day(random)
    project = f"{digits[:3].upper()}{int(take() * 1e6):06d}-{day[:4]}{day[5:7]}"
    fen = int(take() ** 3 * 9e9) + 100_000
    source = Source(
        "宜昌市公共资源交易网",
        f"https://ggzy.sc.yichang.gov.cn/jyxx/003001/003001005/{day.replace('-', '')}/{uuid}.html",
        uuid,
    )
    body = TradeResult(
        category="工程建设",
        stage="中标结果公告",
        title=f"{name}中标结果公告",
        project_code=project,
        section_code=f"{project}-{1 + int(take() * 9):02d}",
        project_name=name,
        division=code,
        division_name=place,
        owner=_party(pieces, random, False),
        agency=_party(pieces, random, False),
        published_on=day,
        winners=[_party(pieces, random, take() < 0.5)],
        amount=Amount(f"{fen / 100:.2f}", fen),
        duration_days=30 * int(1 + take() * 36),
    )
    flags = [Flag("winner_uscc", "uscc-joined")] if body.winners[0].uscc else []
    return _draft("trade.result", f"bench/{number}-{uuid}", body, source, day, flags)


def _listing(pieces: _Pieces, random: Random, number: int, two: bool) -> Draft:
    take = random.random
    serial = f"{10**19 + random.getrandbits(62)}"
    code, place = pieces.places[int(take() * len(pieces.places))]
    name, day = _name(pieces, random), _day(random)
    wan = int(take() ** 3 * 5e6) + 100
    source = Source("重庆联合产权交易所", "", f"cq-{serial}")
    body = TradeListing(
        category="国有产权",
        stage="挂牌披露",
        title=f"{place}{name}（{int(take() * 99999) / 100:.2f}㎡）招租",
        project_code=serial,
        division=code,
        division_name=place,
        owner=_party(pieces, random, True),
        published_on=day,
        amount=Amount(f"{wan / 1e4:.4f}万元/年", wan * 100, "年"),
        exchange="重庆联合产权交易所",
        listing_status="OFFICIAL",
    )
    return _draft("trade.listing", f"bench/{number}-{serial}", body, source, day, [Flag("url", "url-missing")])


def _credit(pieces: _Pieces, random: Random, number: int, two: bool) -> Draft:
    take = random.random
    qualification_id, qualification = pieces.qualifications[int(take() * len(pieces.qualifications))]
    organisation, archive = f"{random.getrandbits(128):032x}", f"{random.getrandbits(128):032x}"
    base, bonus, deducted = (250 * int(take() * top) for top in (16, 12, 30))
    key = f"{organisation}|{qualification_id}|施工"
    body = CreditScore(
        party=_party(pieces, random, True),
        organisation_id=organisation,
        archive_id=archive,
        field_of_work="施工",
        qualification=qualification,
        qualification_id=qualification_id,
        grade="AABC"[int(take() * 4)] + "级",
        score=100_000 + base + bonus - deducted,
        initial=100_000,
        base=base,
        bonus=bonus,
        deducted=deducted,
    )
    day = _day(random)
    sections = {"basis": _basis(pieces, random, day, deducted)} if two else {}
    source = Source("宜昌市建筑市场信用信息平台", "", key)
    return _draft("credit.score", f"bench/{number}-{key}", body, source, day, [], sections)


def _basis(pieces: _Pieces, random: Random, day: str, deducted: int) -> dict[str, Any]:
    """What a score rests on: the act, the project, the document; told to authorities alone."""
    take = random.random
    return {
        "authority": _party(pieces, random, False).name,
        "document_no": f"{day[:4]}{int(take() * 1e5):05d}",
        "project_name": _name(pieces, random),
        "reason": pieces.reasons[int(take() * len(pieces.reasons))],
        "points": deducted,
        "starts_on": day,
        "months_valid": 6,
    }


def _draft(
    kind: str,
    key: str,
    body: Any,
    source: Source,
    day: str,
    flags: list[Flag],
    sections: Mapping[str, Any] | None = None,
) -> Draft:
    main = Document(key=key, body=body, source=source, as_of=day, flags=flags, made_up=True)
    return Draft(kind, key, {"main": main, **(sections or {})}, {"id": source.id, "day": day})


_MAKERS: dict[str, Callable[[_Pieces, Random, int, bool], Draft]] = {
    "result": _result,
    "listing": _listing,
    "credit": _credit,
}
