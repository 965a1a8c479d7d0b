"""The pages of the uplink: who sees them, what they show, one click that sends again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.app import Node
from node.domain.record import Document, Draft, Source
from node.domain.verdicts import Verdict, VerdictItem
from node.uplink import held, outbox
from node.uplink.outbox import Origin
from tests.uplink.world import blacklist
from tests.web.persons import PASSWORD, Browser, Clock, serving

ADMIN, VENUE = "li.ming", "wang.fang"
A = b"\x01" * 16
World = tuple[Node, Browser, Browser]


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[World]:
    async with serving(tmp_path / "n", Clock(), role="hub", settings={"uplink_system_no": "9120"}) as (node, client):
        await node.accounts.add(ADMIN, "李明", ["administrator"], PASSWORD)
        await node.accounts.add(VENUE, "王芳", ["venue"], PASSWORD)
        admin, venue = Browser(client), Browser(client)
        await admin.log_in(ADMIN)
        await venue.log_in(VENUE)
        origin = Origin(1, 0, A, 1, "工程建设", "500103", "某黑名单", 1)

        def put(conn):  # type: ignore[no-untyped-def]
            outbox.put(conn, held.packaged(), "9120", origin, [blacklist(A, "")], 1)
            conn.execute(outbox.rows.update().values(state="rejected", answer="<b>系统说不</b>"))

        await node.store.write(put)
        yield node, admin, venue


async def test_strangers_log_in_first(hub: World) -> None:
    stranger = Browser(hub[1].client)
    status, _ = await stranger.get("/uplink")
    assert status == 303
    assert stranger.last is not None and stranger.last.headers["Location"].startswith("/login")


async def test_the_queue_shows_what_failed_and_escapes_it(hub: World) -> None:
    status, page = await hub[1].get("/uplink?state=failed")
    assert status == 200
    assert "某黑名单" in page and "&lt;b&gt;系统说不" in page and "<b>系统说不" not in page
    assert "黑名单信息" in page and "重送" in page
    assert hub[1].last is not None and "script-src 'self'" in hub[1].last.headers["Content-Security-Policy"]
    _, english = await hub[1].get("/uplink?lang=en")
    assert "Uplink to the national platform" in english


async def test_one_click_sends_again(hub: World) -> None:
    node, admin, _ = hub
    page = (await admin.get("/uplink"))[1]
    for which in ("one", "filter", "all"):
        await node.store.write(lambda conn: conn.execute(outbox.rows.update().values(state="rejected")))
        fields = {"which": which, "id": "1", "state": "rejected"}
        status, _ = await admin.post("/uplink/retry", fields, token=admin.token(page))
        assert status == 303
        assert admin.last is not None and "retried=1" in admin.last.headers["Location"]
        state = await node.store.read(lambda conn: conn.execute(outbox.rows.select()).mappings().one()["state"])
        assert state == "queued"
    status, _ = await admin.post("/uplink/retry", {"which": "some"}, token=admin.token(page))
    assert status == 400


async def test_only_who_may_sends_again(hub: World) -> None:
    _, admin, venue = hub
    status, page = await venue.get("/uplink")
    assert status == 200 and "/uplink/retry" not in page
    token = venue.token((await venue.get("/account"))[1])
    assert (await venue.post("/uplink/retry", {"which": "all"}, token=token))[0] == 403
    assert (await admin.post("/uplink/retry", {"which": "all"}, token="0" * 64))[0] == 403


@pytest.mark.parametrize(
    "query", ["?page=0", "?page=999", "?state=x&number=../&category=%00&record=zz", "?page=9" + "9" * 30]
)
async def test_odd_addresses_are_answered(hub: World, query: str) -> None:
    assert (await hub[1].get("/uplink" + query))[0] == 200


async def test_a_district_sees_what_was_said_of_its_records(tmp_path: Path) -> None:
    async with serving(tmp_path / "n", Clock()) as (node, client):
        await node.accounts.add(ADMIN, "李明", ["administrator"], PASSWORD)
        browser = Browser(client)
        await browser.log_in(ADMIN)
        assert "暂无上报结果" in (await browser.get("/uplink"))[1]
        said = VerdictItem(
            dataset="302",
            name="BLACK_LIST",
            data_key="k",
            operation="insert",
            state="held",
            zh="原因必填",
            en="required",
        )
        body = Verdict(
            origin=node.settings.origin,
            record="01" * 16,
            version=1,
            title="某黑名单",
            category="",
            state="held",
            at=1,
            items=[said],
        )
        await node.publisher.publish(
            [Draft("verdict", "k", {"main": Document("k", body, Source("national"))}, {"k": 1})]
        )
        await node.projector.run()
        for query in ("", "?state=held"):
            status, page = await browser.get("/uplink" + query)
            assert status == 200 and "某黑名单" in page and "原因必填" in page
        assert "某黑名单" not in (await browser.get("/uplink?state=accepted"))[1]
