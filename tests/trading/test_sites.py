"""Sites (R63): people belong to one, trades are held at one, lists ask for either."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from node.errors import NotFound, Refused
from node.store.tables import table
from node.store.tables_accounts import Account
from node.store.tables_trading import Venue
from node.trading import register, sites, venues
from node.trading.register import Query
from tests.trading.bench import open_bench
from tests.trading.test_working import ON_BOTH, do


def account(bench, name, realm="service"):
    row = dict.fromkeys(("roles", "org", "org_name", "sectors", "former", "verifier"), "")
    row |= {"account": name, "name": name, "realm": realm, "public": b"", "locked": b"", "secret_ms": 0}
    row |= {"active": True, "must_change": False, "told": True, "made_ms": 0, "changed_ms": 0}
    bench.store.write_now(lambda conn: conn.execute(insert(table(Account)), [row]))


def close(bench, venue):
    closed = table(Venue).update().where(table(Venue).c.id == venue).values(closed=True)
    bench.store.write_now(lambda conn: conn.execute(closed))


@ON_BOTH
async def test_trades_are_held_where_their_clerk_works_until_somebody_says_otherwise(database):
    with open_bench(database) as bench:
        here, there = (do(bench, venues.add_venue, name) for name in ("甲中心", "乙中心"))
        account(bench, "anna")
        now = bench.clock()
        do(bench, sites.bind, "anna", here, by="root", now_ms=now)
        first, second = await bench.begin("一"), await bench.begin("二")
        assert do(bench, sites.allocate_here, first, account="anna", now_ms=now)
        assert not do(bench, sites.allocate_here, first, account="anna", now_ms=now), "it has a site"
        assert not do(bench, sites.allocate_here, second, account="boris", now_ms=now), "he has none"

        def at(site):
            found = bench.read(register.register, Query(site=site), now_ms=bench.clock())
            return {row["trade"] for row in found.rows}

        assert (at(here), at(there), at(0), at(None)) == ({first}, set(), {second}, {first, second})
        do(bench, sites.allocate, first, there, account="c", now_ms=now)
        assert bench.read(sites.venue_of, first)["name"] == "乙中心" and at(there) == {first}
        assert [(row["name"], row["trades"], row["running"]) for row in bench.read(sites.overview)] == [
            ("乙中心", 1, 1),
            ("甲中心", 0, 0),
            ("", 1, 1),
        ]
        do(bench, sites.allocate, first, 0, account="c", now_ms=now)
        assert bench.read(sites.venue_of, first) is None and at(0) == {first, second}


@ON_BOTH
async def test_what_is_owed_can_be_asked_for_by_site(database):
    with open_bench(database) as bench:
        here = do(bench, venues.add_venue, "甲中心")
        first, second = await bench.begin("一"), await bench.begin("二")
        for key in (first, second):
            await bench.to_result(key)
        do(bench, sites.allocate, first, here, account="c", now_ms=bench.clock())
        owed = {
            site: {row["trade"] for row in bench.read(register.todo, now_ms=bench.clock(), site=site)}
            for site in (None, here, 0)
        }
        assert owed == {None: {first, second}, here: {first}, 0: {second}}


async def test_only_this_centres_people_trades_and_open_venues_count():
    with open_bench() as bench:
        venue, key = do(bench, venues.add_venue, "甲中心"), await bench.begin()
        account(bench, "anna")
        account(bench, "firm", "party")
        for who in ("nobody", "firm"):
            with pytest.raises(NotFound):
                do(bench, sites.bind, who, venue, by="root", now_ms=0)
        with pytest.raises(NotFound):
            do(bench, sites.bind, "anna", 99, by="root", now_ms=0)
        with pytest.raises(NotFound):
            do(bench, sites.allocate, "0" * 32, venue, account="c", now_ms=0)
        do(bench, sites.bind, "anna", venue, by="root", now_ms=0)
        assert [(row["account"], row["venue_id"]) for row in bench.read(sites.staff)] == [("anna", venue)]
        close(bench, venue)
        for work in (
            lambda: do(bench, sites.bind, "anna", venue, by="root", now_ms=0),
            lambda: do(bench, sites.allocate, key, venue, account="c", now_ms=0),
        ):
            with pytest.raises(Refused, match="closed"):
                work()
        assert not do(bench, sites.allocate_here, key, account="anna", now_ms=0)
        do(bench, sites.bind, "anna", 0, by="root", now_ms=0)
        assert bench.read(sites.site_of, "anna") is None
