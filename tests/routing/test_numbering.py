"""A trade registered without a number gets its numbers once, and a trade that brought one keeps it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from node.domain.acts import Act
from node.domain.tradecodes import read_unified
from node.routing.numbering import Numbering
from node.store.db import Store
from tests.projections.world import open_world
from tests.routing.test_issuing import PLATFORM, issuer
from tests.trading.bench import ANNA
from tests.web.console.test_pages import PACKAGES
from tests.web.console.walking import POSTS, Clerk, FormPage
from tests.web.persons import PASSWORD, Clock, serving

LOTS = [{"number": "1", "name": "一标段"}, {"number": "2", "name": "二标段"}]
ACT = Act(
    trade="ab" * 16,
    seq=1,
    category="工程建设",
    act="register",
    rules="construction@1",
    at=1,
    title="示例道路",
    fields={"lots": LOTS},
)


@pytest.fixture
def store() -> Iterator[Store]:
    with open_world("sqlite") as world:
        yield world.store


async def test_project_sections_and_unified_codes_are_given_once(store: Store) -> None:
    made, faults = await Numbering(issuer(store), unified=True)(ACT)
    assert not faults and made.project_code == "A5001032603100001"
    sections = [row["section_code"] for row in made.fields["lots"]]
    assert sections == ["A5001032603100001001001", "A5001032603100001001002"]
    parts = [read_unified(row["unified_code"]) for row in made.fields["lots"]]
    assert [(part.platform, part.serial, part.fits) for part in parts if part] == [
        (PLATFORM, 1, True),
        (PLATFORM, 2, True),
    ]
    assert await Numbering(issuer(store), unified=True)(ACT) == (made, []), "the same form again"
    assert ACT.fields["lots"] == LOTS, "what was handed in stays as it was"


async def test_lots_laid_out_anew_keep_their_numbers_and_new_ones_get_theirs(store: Store) -> None:
    number = Numbering(issuer(store), unified=True)
    first, _ = await number(ACT)
    again = msgspec.structs.replace(
        ACT, seq=2, act="lots", project_code=first.project_code, fields={"lots": [LOTS[1], {"number": "3"}]}
    )
    rows = (await number(again))[0].fields["lots"]
    assert rows[0] == first.fields["lots"][1]
    assert rows[1]["section_code"].endswith("001003") and read_unified(rows[1]["unified_code"]).serial == 3


async def test_a_number_that_was_brought_is_kept_and_its_lots_get_unified_codes(store: Store) -> None:
    number = Numbering(issuer(store), unified=True)
    brought = msgspec.structs.replace(ACT, project_code="渝招2026-1")
    made, faults = await number(brought)
    assert not faults and made.project_code == "渝招2026-1"
    assert [read_unified(row["unified_code"]).serial for row in made.fields["lots"]] == [1, 2]
    assert not any("section_code" in row for row in made.fields["lots"]), "those come from where the project's does"
    later = msgspec.structs.replace(brought, seq=2, act="lots")
    assert (await number(later))[0].fields == made.fields
    assert (await issuer(store).project("工程建设")).code.endswith("0001")
    # Under a number that this centre could have given, sections are numbered too; under another centre's they are not.
    ours, theirs = (
        msgspec.structs.replace(ACT, trade=key * 16, project_code=f"A{division}2603100300")
        for key, division in (("aa", "500103"), ("bb", "500107"))
    )
    assert (await number(ours))[0].fields["lots"][0]["section_code"] == "A5001032603100300001001"
    assert "section_code" not in (await number(theirs))[0].fields["lots"][0]


async def test_what_an_older_system_began_keeps_what_it_was_called(store: Store) -> None:
    old = msgspec.structs.replace(ACT, project_code="渝旧2019-1", fields={**ACT.fields, "legacy_source": "x"})
    assert await Numbering(issuer(store), unified=True)(old) == (old, [])


async def test_hundreds_of_lots_are_numbered_in_one_transaction(store: Store, monkeypatch: Any) -> None:
    many = msgspec.structs.replace(ACT, fields={"lots": [{"number": str(n)} for n in range(1, 301)]})
    number, written = Numbering(issuer(store), unified=True), 0
    write = store.write

    async def counted(*args: Any, **more: Any) -> Any:
        nonlocal written
        written += 1
        return await write(*args, **more)

    monkeypatch.setattr(store, "write", counted)
    made, _ = await number(many)
    assert written == 3, "the project, its tender project, all lots"
    rows = made.fields["lots"]
    assert rows[299]["section_code"].endswith("001300") and read_unified(rows[299]["unified_code"]).serial == 300
    none = msgspec.structs.replace(ACT, trade="cd" * 16, fields={"lots": [{"number": str(n)} for n in range(600)]})
    _, (fault,) = await number(none)
    assert fault.severity == "warn" and "用完" in fault.zh


async def test_typed_codes_stay_and_without_a_platform_there_are_no_unified_codes(store: Store) -> None:
    typed = msgspec.structs.replace(ACT, fields={"lots": [{"number": "1", "section_code": "S-1"}, LOTS[1]]})
    made, faults = await Numbering(issuer(store, platform=""), unified=False)(typed)
    assert not faults
    assert made.fields["lots"][0] == {"number": "1", "section_code": "S-1"}
    assert made.fields["lots"][1]["section_code"].endswith("001001") and "unified_code" not in made.fields["lots"][1]


async def test_a_number_that_cannot_be_given_stops_nothing(store: Store) -> None:
    made, (fault,) = await Numbering(issuer(store, platform=""), unified=True)(ACT)
    assert made.project_code == "A5001032603100001" and made.fields["lots"] == LOTS
    assert fault.severity == "warn" and "platform_uscc" in fault.zh
    other = msgspec.structs.replace(ACT, category="无此类别")
    made, (fault,) = await Numbering(issuer(store), unified=True)(other)
    assert made == other and fault.severity == "warn"


# --- at the console ---------------------------------------------------------------------------------------------------


@pytest.fixture
async def clerk(tmp_path: Path) -> AsyncIterator[Any]:
    clock = Clock()
    async with serving(tmp_path / "n", clock, settings={"platform_uscc": PLATFORM}) as (node, client):
        await node.accounts.add("li.na", "li.na", list(POSTS), PASSWORD)
        yield await Clerk(node, client, clock).log_in("li.na")


async def test_a_registration_at_the_console_carries_its_numbers(clerk: Any) -> None:
    package = PACKAGES["other"]
    facts = {"mandatory": False, "owner_decision": "业主决定", "lots": LOTS}
    trade, _ = await clerk.recorded(await clerk.register(package, **facts))
    first = trade.acts[0]
    assert len(first.project_code) == 17 and first.project_code[0] == "Z"
    for place, row in enumerate(trade.facts["lots"], 1):
        assert row["section_code"] == f"{first.project_code}001{place:03d}"
        assert read_unified(row["unified_code"]).platform == PLATFORM
    assert first.project_code in await clerk.get(f"/console/trades/{trade.key}")

    # A registration that is sent twice is answered as done, and takes no number more.
    given = {name: value for name, value in first.fields.items() if name != "lots"} | {"lots": LOTS}
    desk, key = clerk.node.desk, "cd" * 16
    once, twice = [await desk.begin(ANNA, "其他", "", given, at=first.at, trade=key) for _ in range(2)]
    assert (once.repeated, twice.repeated) == (False, True) and once.index == twice.index
    assert (await clerk.node.issuer.project("其他")).code == f"{first.project_code[:-1]}3"


async def test_a_project_code_typed_into_the_form_is_the_trades(clerk: Any) -> None:
    package, path = PACKAGES["other"], "/console/trades/new/other"
    shown = FormPage(await clerk.get(path)).fields
    assert ("project_code", "") in shown
    facts = {"mandatory": False, "owner_decision": "业主决定"}
    values = clerk.values(package.acts[0], {}, facts)
    saved = await clerk.fill(path, package.acts[0].fields, values, "save")
    form = FormPage(await clerk.get(saved)).fields
    typed = [(name, "渝招2026-1" if name == "project_code" else text) for name, text in form if name != "do"]
    draft = await clerk.send(path, [*typed, ("do", "preview")])
    assert "渝招2026-1" in await clerk.get(draft)
    page = await clerk.publish(draft)
    trade, _ = await clerk.recorded(page.split("/")[3].split("?")[0])
    assert trade.acts[0].project_code == "渝招2026-1"


async def test_after_a_restore_the_log_says_what_was_given(clerk: Any) -> None:
    package = PACKAGES["other"]
    facts = {"mandatory": False, "owner_decision": "业主决定", "lots": LOTS}
    before, _ = await clerk.recorded(await clerk.register(package, **facts))
    node = clerk.node

    def lose(conn: Any) -> None:
        # What a new database filled from the mirror has of it: the log, and no table of numbers.
        for name in ("code_serial", "code_issued"):
            conn.execute(text(f"DELETE FROM {name}"))
        conn.execute(text("DELETE FROM cursor WHERE stage = 'serials'"))

    await node.store.write(lose)
    after, _ = await clerk.recorded(await clerk.register(package, **facts))
    first, second = before.acts[0].project_code, after.acts[0].project_code
    assert int(second[-4:]) == int(first[-4:]) + 1
    codes = [row["unified_code"] for trade in (before, after) for row in trade.facts["lots"]]
    assert [read_unified(code).serial for code in codes] == [1, 2, 3, 4]
    # A form of the first trade that is sent again is answered with what it had.
    assert await node.issuer.given("project", before.key) == first
    assert (await node.issuer.tender(first, request=before.key)).code == f"{first}001"
    assert (await node.issuer.tender(first)).code == f"{first}002"
    assert (await node.issuer.section(f"{first}001")).code == f"{first}001003"
