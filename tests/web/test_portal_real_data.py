"""Real rows all the way: adapted, published, projected, and each shown on its page."""

from __future__ import annotations

import csv
import json
import os
from itertools import islice
from pathlib import Path

import pytest

from node.domain.record import Draft, Outcome
from node.importing.run import import_rows
from node.rules import Rules
from node.settings import build
from node.store import view_record, views
from node.store.views import CreditQuery, TradeQuery
from node.web.portal_people import People
from node.web.portal_record import page_of
from tests.projections.world import World

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
ROWS = 150
FILES = [
    ("result", "trades/yichang_results.jsonl"),
    ("candidates", "trades/yichang_candidates.jsonl"),
    ("notice", "trades/procurement_notices.jsonl"),
    ("notice", "trades/ggzy_national.jsonl"),
    ("notice", "trades/land_supply_results.csv"),
    ("notice", "trades/chongqing_mining_notices.csv"),
    ("listing", "trades/state_property_listings.jsonl"),
    ("credit", "credit/credit_scores_base_20251101.csv"),
    ("credit", "credit/credit_bad_behaviours.csv"),
    ("credit", "credit/blacklist.csv"),
    ("company", "companies/companies_chongqing.csv"),
    ("expert-class", "codes/expert_classification_2010.csv"),
    ("division", "codes/chongqing_districts.csv"),
]

RULES = Rules.packaged()


def read(path):
    with path.open(encoding="utf-8") as file:
        rows = csv.DictReader(file) if path.suffix == ".csv" else map(json.loads, file)
        yield from islice(rows, ROWS)


@pytest.mark.parametrize(("kind", "name"), FILES)
async def test_real_rows_reach_their_pages(kind, name, tmp_path):
    if not SHARED.is_dir():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"real data not at hand: {SHARED}")
    world = World()
    puts = {}

    async def publish(items):
        outcomes = []
        for item in items:
            assert isinstance(item, Draft)
            if item.key in puts:
                outcomes.append(Outcome("unchanged"))
                continue
            main = item.sections["main"]
            document = {field: getattr(main, field) for field in main.__struct_fields__ if field != "body"}
            puts[item.key] = world.put(main.body, kind=item.kind, project=False, **document)
            outcomes.append(Outcome("published"))
        return outcomes

    await import_rows(kind, read(SHARED / name), publish, name=Path(name).name)
    world.project(*puts.values())
    assert world.rows("select code, reason from quarantine") == []
    assert world.rows("select count(*) from record_view where content = 'held'") == [(len(puts),)]
    settings = {"name": "ggzy.example/cq/500000", "title": "中心", "role": "hub", "division": "500000"}
    people = People(build(tmp_path, dict(settings)), None)
    for put in puts.values():
        history = world.store.read_now(lambda conn, at=put.record_id: view_record.record(conn, at))
        page = page_of(history, history.version(None), people, RULES.book, asked="")
        assert page["fields"] and page["title"]
        assert all(label != (meaning, meaning) for (label, meaning), _ in page["flags"])

    def everything(conn):
        return (
            views.search_trades(conn, TradeQuery()).total
            + views.search_credit(conn, CreditQuery()).total
            + views.search_entities(conn, "", 1).total
            + sum(views.search_codes(conn, table, "", 1).total for table in ("code.division", "expert.class"))
        )

    assert world.store.read_now(everything) == len(puts) > 0
    world.store.close()
