"""Numbers of the uplink and of the issuer on one day, of one platform, under one tender: none is given twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from node.domain.tradecodes import read_unified
from node.errors import Refused
from node.routing import series
from node.store.db import Store
from node.uplink import numbers
from node.uplink.shape import Case, Numbers, Sender
from tests.projections.world import open_world
from tests.routing.test_issuing import NOON_MS, PLATFORM, TABLE, issuer

SENDER = Sender(platform_code=PLATFORM)
LOTS = ({"number": "1", "name": "一标段"}, {"number": "2", "name": "二标段"})


@pytest.fixture
def store() -> Iterator[Store]:
    with open_world("sqlite") as world:
        yield world.store


def case(*lots: dict[str, str], trade: str = "ab" * 16, project: str = "") -> Case:
    return Case(
        base=trade,
        trade=trade,
        category="工程建设",
        sets=("500",),
        title="示例道路",
        at_ms=NOON_MS,
        lots=lots or LOTS,
        project_code=project,
    )


async def of_case(store: Store, case: Case) -> Numbers:
    return await store.write(lambda conn: numbers.of_case(conn, case, SENDER, TABLE))


async def test_unified_codes_of_both_on_one_day_are_all_different(store: Store) -> None:
    give = issuer(store)
    issued = [(await give.unified(category="工程建设")).code for _ in range(2)]
    made = await of_case(store, case())
    issued.append((await give.unified(category="工程建设")).code)
    parts = [read_unified(code) for code in [*issued, *made.unified.values()]]
    assert {(part.platform, part.day) for part in parts if part} == {(PLATFORM, "2026-03-10")}
    assert [part.serial for part in parts if part] == [1, 2, 3, 900_000, 900_001]
    assert await of_case(store, case()) == made, "given once and kept"


async def test_what_the_uplink_gave_moves_the_issuers_series_not(store: Store) -> None:
    given = list((await of_case(store, case())).unified.values())
    await store.write(lambda conn: series.heed_others(conn, PLATFORM, given))
    found = read_unified((await issuer(store).unified(category="工程建设")).code)
    assert found is not None and found.serial == 1


async def test_sections_under_a_trades_own_tender_are_told_apart_too(store: Store) -> None:
    give = issuer(store)
    project = (await give.project("工程建设")).code
    tender = (await give.tender(project)).code
    first = (await give.section(tender)).code
    made = await of_case(store, case({"number": "1", "section_code": first}, {"number": "2"}, project=project))
    assert made.tender == tender and made.sections == {"1": first, "2": f"{tender}501"}
    assert (await give.section(tender)).code == f"{tender}002"


async def test_the_tender_of_a_trades_own_sections_is_the_tender(store: Store) -> None:
    own = "A5001032603100001002001"
    made = await of_case(store, case({"number": "1", "section_code": own}, project=own[:17]))
    assert (made.project, made.tender, made.sections["1"]) == (own[:17], own[:20], own)


async def test_under_a_project_of_the_hub_sections_count_from_one(store: Store) -> None:
    made = await of_case(store, case())
    assert made.project == "A5000002603109000"
    assert made.sections == {"1": f"{made.project}001001", "2": f"{made.project}001002"}


async def test_when_a_day_is_used_up_the_next_serves_and_sections_end(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbers.tradecodes, "UNIFIED_ABOVE", numbers.Range(900_000, 900_000))
    made = await of_case(store, case())
    days = [(part.day, part.serial) for code in made.unified.values() if (part := read_unified(code))]
    assert days == [("2026-03-10", 900_000), ("2026-03-11", 900_000)]
    monkeypatch.setattr(numbers.tradecodes, "SECTIONS_ABOVE", numbers.Range(501, 501))
    with pytest.raises(Refused, match="no section is left"):
        await of_case(store, case(trade="cd" * 16, project="A5001032603100001"))
