"""Numbers are given once: across restarts and workers, offline, by the hub, and the same for a repeated request."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from node.domain import tradecodes
from node.errors import Conflict, Refused, Unavailable
from node.routing import series
from node.routing.issuing import Issuer, Wanted
from node.rules import load_tables
from node.store.db import Store
from tests.projections.world import open_world

NOON_MS = 1_773_115_200_000  # 2026-03-10 12:00 in Beijing
PLATFORM = "91350100M000100Y43"
TABLE = load_tables().numbers("")


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    with open_world(request.param) as world:
        yield world.store


def issuer(store: Store, *, now_ms: int = NOON_MS, zone: str = "", platform: str = PLATFORM, **more: Any) -> Issuer:
    settings = SimpleNamespace(name="g/cq/500103", division="500103", zone=zone, platform_uscc=platform)
    return Issuer(store, settings, lambda day: TABLE, lambda: now_ms, **more)  # type: ignore[arg-type]


async def test_numbers_go_up_and_hang_together(store: Store) -> None:
    give = issuer(store)
    first, second = await give.project("工程建设"), await give.project("工程建设")
    assert (first.code, second.code) == ("A5001032603100001", "A5001032603100002")
    tender = await give.tender(first.code)
    section = await give.section(tender.code)
    assert section.code == "A5001032603100001001001"
    assert (await give.section(tender.code)).code == "A5001032603100001001002"
    with pytest.raises(Refused):
        await give.tender("ZFCG-2025-0113")


async def test_neither_a_restart_nor_another_worker_gives_a_code_again(store: Store) -> None:
    workers = [issuer(store) for _ in range(3)]
    asked = [worker.unified(category="工程建设") for worker in workers for _ in range(4)]
    codes = [given.code for given in await asyncio.gather(*asked)]
    codes += [(await issuer(store).unified(category="工程建设")).code]
    assert len(set(codes)) == 13
    serials = sorted(parts.serial for code in codes if (parts := tradecodes.read_unified(code)))
    assert serials == list(range(1, 14)), "one platform, one day, one series"
    assert all(not tradecodes.check_unified(code, mode="enforce", table=TABLE) for code in codes)


async def test_a_new_day_and_another_zone_begin_series_of_their_own(store: Store) -> None:
    await issuer(store).project("政府采购")
    assert (await issuer(store, now_ms=NOON_MS + 86_400_000).project("政府采购")).code == "D5001032603110001"
    assert (await issuer(store, zone="两江新区").project("政府采购")).code == "D5001032603109000"


async def test_the_same_request_gets_the_same_code_and_no_serial_is_lost(store: Store) -> None:
    give = issuer(store)
    first = await give.unified(category="政府采购", request="lot-1")
    again = await give.unified(category="政府采购", request="lot-1")
    assert (again.code, first.again, again.again) == (first.code, False, True)
    other = await give.unified(category="政府采购", request="lot-2")
    assert other.code.split("-")[3] == "000002"


async def test_the_hub_answers_each_asker_apart_and_refuses_another_class_under_one_request(store: Store) -> None:
    hub = issuer(store)
    east = await hub.issue_unified("g/cq/500103", Wanted("1", "A01"))
    west = await hub.issue_unified("g/cq/500107", Wanted("1", "A01"))
    assert east.code != west.code
    assert (await hub.issue_unified("g/cq/500103", Wanted("1", "A01"))).code == east.code
    with pytest.raises(Conflict):
        await hub.issue_unified("g/cq/500103", Wanted("1", "A02"))
    with pytest.raises(Refused):
        await hub.issue_unified("g/cq/500103", Wanted("2", "Q77"))


async def test_the_hubs_code_is_kept_and_without_the_hub_this_node_issues(store: Store) -> None:
    theirs = str(tradecodes.unified_code("A01", "12350100MB02709751", "2026-03-10", 41))
    asked: list[str] = []
    away = False

    async def ask(wanted: Wanted) -> str:
        asked.append(wanted.request)
        if away:
            raise Unavailable("no line")
        return theirs

    give = issuer(store, ask_hub=ask)
    assert (await give.unified(category="工程建设", request="a")).code == theirs
    assert (await give.unified(category="工程建设", request="a")).again and asked == ["a"], "asked once"
    away = True
    own = await give.unified(category="工程建设", request="b")
    assert tradecodes.read_unified(own.code).platform == PLATFORM  # type: ignore[union-attr]
    away = False
    assert (await give.unified(category="工程建设", request="b")).code == own.code, "what was issued stays"


async def test_a_hub_that_answers_with_nonsense_is_not_believed(store: Store) -> None:
    async def ask(wanted: Wanted) -> str:
        return "A01-12350100MB02709751-20260310-000041-0"

    with pytest.raises(Refused):
        await issuer(store, ask_hub=ask).unified(category="工程建设")


async def test_without_the_platforms_credit_code_no_unified_code_is_made_up(store: Store) -> None:
    for platform in ("", "91350100M000100Y4A"):
        with pytest.raises(Refused, match="platform_uscc"):
            await issuer(store, platform=platform).unified(category="工程建设")


async def test_codes_of_ours_in_others_logs_are_not_given_again_and_use_no_series_up(store: Store) -> None:
    seen, far = (str(tradecodes.unified_code("A01", PLATFORM, "2026-03-10", n)) for n in (77, 899_999))
    foreign = str(tradecodes.unified_code("A01", "12350100MB02709751", "2026-03-10", 900))
    await store.write(lambda conn: series.heed_others(conn, PLATFORM, [seen, foreign, far, "nonsense"]))
    assert (await issuer(store).unified(category="工程建设")).code.split("-")[3] == "000078"


async def test_a_series_that_is_used_up_says_so(store: Store) -> None:
    give = issuer(store)
    tender = (await give.tender((await give.project("其他")).code)).code
    await store.write(lambda conn: series.move(conn, f"section/{tender}", 999))
    with pytest.raises(Refused, match="used up"):
        await give.section(tender)
