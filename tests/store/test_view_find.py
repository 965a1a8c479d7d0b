"""Searches by the word index find exactly what a look at every row finds, and own up to their limits."""

from __future__ import annotations

import secrets
from dataclasses import replace
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from node.store import view_find, view_put, view_search, views, word_terms
from node.store.search_text import fold, words
from node.store.tables import CreditView, EntityView, TradeView, table
from node.store.views import PAGE_SIZE, TradeQuery
from tests.projections.world import EAST, HUB, open_world

TRADES, CREDIT, ENTITIES = table(TradeView), table(CreditView), table(EntityView)
PIECES = [
    "道路",
    "改造",
    "工程",
    "桥",
    "猇亭",
    "一标段",
    "ABC",
    "５Ｇ",
    "5g",
    "2025-01",
    "E-7",
    "%",
    "_",
    "\\",
    "😀",
    "é",
    "e\u0301",
]
PIECES += [
    "有限公司",
    "ab",
    "a",
    "9",
    "91350100M000100Y43",
    "（二期）",
    "㎡",
    "ǆ",
    "İ",
    "'",
    '"',
    "*",
    "AND",
    "OR",
    "NEAR",
    "公",
]
CATEGORIES, KINDS, DAYS = (
    ["工程建设", "政府采购", "其他"],
    ["trade.result", "trade.notice"],
    ["", "2024", "2025-03", "2025-03-24", "2025-04-01"],
)
SUMS = [None, 0, 1, 99, 100, 101, 1000, 5_000_000, 2**62, -1, -50]
DIVISIONS = [("500103", "渝中区"), ("500105", "江北区"), ("5001", "Ａ区"), ("", "某地"), ("50x", "AB区")]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def world(request):
    with open_world(request.param) as made:
        yield made


class Filled:
    """A world, and the rows that its trades must be; told in one word when an example fails."""

    def __init__(self, world, rows) -> None:
        self.world, self.rows = world, rows

    def __repr__(self) -> str:
        return "filled"


NEW = ("disclosure", "trade", "project_name")


def trade(random: Random, log_id: int, idx: int) -> dict[str, object]:
    division, name = random.choice(DIVISIONS)
    said = "".join(random.choice(PIECES) + random.choice(["", "", " "]) for _ in range(random.randint(1, 6)))
    row: dict[str, object] = dict.fromkeys(
        (
            "stage",
            "title",
            "project_code",
            "section_code",
            "owner",
            "agency",
            "winner",
            "amount_text",
            "source_url",
            *NEW,
        ),
        "",
    )
    return row | {
        "log_id": log_id,
        "record_id": secrets.token_bytes(16),
        "idx": idx,
        "kind": random.choice(KINDS),
        "category": random.choice(CATEGORIES),
        "division": division,
        "division_name": name,
        "amount_fen": random.choice(SUMS),
        "published_on": random.choice(DAYS),
        "flags": 0,
        "made_up": False,
        "search": fold(said),
    }


def fill(world, random: Random, number: int) -> list[dict[str, object]]:
    # Indexes far apart and logs 64 apart share numbers in the index.
    rows = [trade(random, world.ids[random.choice([EAST, HUB])], n % 7 + (n // 7 << 14)) for n in range(number)]
    world.store.write_now(lambda conn: view_put.clear(conn, [TRADES]))
    for start in range(0, number, 10):
        world.store.write_now(lambda conn, at=start: view_put.replace(conn, TRADES, rows[at : at + 10]))
    return rows


def fits(row, query: TradeQuery, log_id: int | None) -> bool:
    """What the pages promise, said once more without any database."""
    date, fen = row["published_on"], row["amount_fen"]
    if query.division.isascii() and query.division.isdigit():
        there = row["division"].startswith(query.division)
    else:
        there = all(word in row["division_name"].lower() for word in words(query.division))
    return (
        all(word in row["search"] for word in words(query.words))
        and query.category in ("", row["category"])
        and query.kind in ("", row["kind"])
        and there
        and date >= query.from_date
        and (not query.to_date or "" < date <= query.to_date)
        and (query.min_fen is None or (fen is not None and fen >= query.min_fen))
        and (query.max_fen is None or (fen is not None and fen <= query.max_fen))
        and (not query.origin or row["log_id"] == log_id)
    )


def place(row) -> view_search.Place:
    return word_terms.doc_number(row["published_on"], row["log_id"], row["idx"]), row["log_id"], row["idx"]


def worth(fen: int | None) -> int:
    return -1 if fen is None else fen if fen >= 0 else fen - 1


def due(world, rows, query: TradeQuery) -> list[view_search.Place]:
    """All places that fit, in the order of the page."""
    found = [row for row in rows if fits(row, query, world.ids.get(query.origin, 0))]
    found.sort(key=place, reverse=True)
    if query.order == "amount":
        found.sort(key=lambda row: worth(row["amount_fen"]), reverse=True)
    return [place(row) for row in found]


def ask(world, query: TradeQuery, offset: int = 0, limit: int = PAGE_SIZE) -> view_search.Found:
    order = view_search.AMOUNT if query.order == "amount" else view_search.DATE
    return world.store.read_now(
        lambda conn: view_find.find(conn, views._trade_search(conn, query), order, offset, limit)
    )


def exported(world, query: TradeQuery, limit: int) -> list[view_search.Place]:
    found: list[view_search.Place] = []
    at: view_search.Place | None = None
    for _ in range(1000):
        places, at = world.store.read_now(
            lambda conn, at=at: view_find.after(conn, views._trade_search(conn, query), at, limit)
        )
        found += places
        if at is None:
            return found
    raise AssertionError("an export that never ends")


texts = st.lists(st.sampled_from([*PIECES, " ", "程", "路改", "限公", "m00"]) | st.characters(), max_size=3).map(
    "".join
)
queries = st.builds(
    TradeQuery,
    words=texts,
    category=st.sampled_from(["", "", *CATEGORIES]),
    kind=st.sampled_from(["", "", *KINDS]),
    division=st.sampled_from(["", "", "", "5", "50", "500", "5001", "50010", "500103", "区", "渝中", "a区", "AB", "%"]),
    from_date=st.sampled_from(["", "", *DAYS]),
    to_date=st.sampled_from(["", "", *DAYS]),
    min_fen=st.sampled_from([None, None, None, 0, 1, 100, 101, 2**40]),
    max_fen=st.sampled_from([None, None, None, 0, 1, 100, 101, 2**62, 2**63 - 1]),
    origin=st.sampled_from(["", "", EAST, "ggzy.example/none/1"]),
    order=st.sampled_from(["date", "amount"]),
)
often = settings(max_examples=120, deadline=None, phases=[Phase.explicit, Phase.generate])


@pytest.fixture(scope="module")
def filled(world):
    rows = fill(world, Random(7), 300)
    # Some are given again, some go: what the index held of them must go with them.
    random = Random(8)
    again = {id(row): row | {"search": fold(random.choice(PIECES) * 2), "amount_fen": 7} for row in rows[:40]}
    gone = [(row["log_id"], row["record_id"]) for row in rows[40:80]]
    world.store.write_now(lambda conn: view_put.replace(conn, TRADES, list(again.values()), gone))
    return Filled(world, [*again.values(), *rows[80:]])


@given(query=queries, page=st.integers(0, 3))
@often
def test_the_index_finds_what_a_look_at_every_row_finds(filled, query, page):
    world, rows = filled.world, filled.rows
    all_places = due(world, rows, query)
    found = ask(world, query, page * 7, 7)
    assert list(found.places) == all_places[page * 7 : page * 7 + 7]
    assert (found.total, found.more, found.cut) == (len(all_places), False, None)


@given(query=queries, page=st.integers(0, 3))
@often
def test_without_the_index_the_same_is_found(filled, query, page):
    world, rows = filled.world, filled.rows
    bare = replace(query, order="date")

    def look(conn):
        search = replace(views._trade_search(conn, bare), need=word_terms.Need())
        return view_find.find(conn, search, view_search.DATE, page * 7, 7)

    found, all_places = world.store.read_now(look), due(world, rows, bare)
    assert (list(found.places), found.total) == (all_places[page * 7 : page * 7 + 7], len(all_places))


@given(query=queries, cap=st.integers(1, 30), look=st.integers(5, 60), page=st.integers(0, 4))
@often
def test_what_is_cut_off_is_owned_up_to(filled, query, cap, look, page):
    world, rows = filled.world, filled.rows
    all_places = due(world, rows, query)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(view_find, "COUNT_CAP", cap)
        patch.setattr(view_find, "SOME", cap + look // 5)
        patch.setattr(view_find, "LOOK", cap + look)
        found = ask(world, query, page * 5, 5)
    right = all_places[page * 5 : page * 5 + 5]
    assert list(found.places) == right[: len(found.places)]
    assert found.total <= len(all_places)
    if not found.more:
        assert (list(found.places), found.total, found.cut) == (right, len(all_places), None)
    if len(found.places) < len(right):
        assert found.more and (found.cut is not None or page * 5 + len(found.places) >= found.total)


@given(query=queries, limit=st.integers(1, 40), look=st.integers(1, 60))
@often
def test_an_export_gives_every_row_once(filled, query, limit, look):
    world, rows = filled.world, filled.rows
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(view_find, "LOOK", look)
        assert exported(world, query, limit) == due(world, rows, replace(query, order="date"))
