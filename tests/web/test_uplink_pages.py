"""The pages of the uplink: who sees them, what they show, one click that sends again."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from node.app import Node
from node.domain.record import Document, Draft, Source
from node.domain.verdicts import Verdict, VerdictItem
from node.store import logs
from node.store.tables import table
from node.store.tables_uplink import VerdictView
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


async def test_the_hubs_page(hub: World) -> None:
    """Who sees it, what it shows, one click that sends again; one node for all, since making one takes longest."""
    node, admin, venue = hub
    stranger = Browser(admin.client)
    assert (await stranger.get("/uplink"))[0] == 303
    assert stranger.last is not None and stranger.last.headers["Location"].startswith("/login")

    status, page = await admin.get("/uplink?state=failed")
    assert status == 200
    assert "某黑名单" in page and "&lt;b&gt;系统说不" in page and "<b>系统说不" not in page
    assert "黑名单信息" in page and "重送" in page
    assert admin.last is not None and "script-src 'self'" in admin.last.headers["Content-Security-Policy"]
    assert "Uplink to the national platform" in (await admin.get("/uplink?lang=en"))[1]
    for query in ("?page=0", "?page=999", "?state=x&number=../&category=%00&record=zz", "?page=9" + "9" * 30):
        assert (await admin.get("/uplink" + query))[0] == 200

    token = admin.token(page)
    key = await node.store.read(lambda conn: conn.execute(outbox.rows.select()).mappings().one()["data_key"])
    for failed in ("rejected", "dead"):
        for which in ("one", "key", "filter", "all"):
            values = {"state": failed, "attempts": 10, "next_ms": 2**50}
            await node.store.write(partial(_set, values=values))
            fields = {"which": which, "id": "1", "key": key, "state": failed}
            assert (await admin.post("/uplink/retry", fields, token=token))[0] == 303
            assert "retried=1" in admin.last.headers["Location"]
            row = await node.store.read(lambda conn: conn.execute(outbox.rows.select()).mappings().one())
            assert (row["state"], row["attempts"]) == ("queued", 0) and row["next_ms"] < 2**50
    assert (await admin.post("/uplink/retry", {"which": "some"}, token=token))[0] == 400
    assert (await admin.post("/uplink/retry", {"which": "all"}, token="0" * 64))[0] == 403

    status, page = await venue.get("/uplink")
    assert status == 200 and "/uplink/retry" not in page
    token = venue.token((await venue.get("/account"))[1])
    assert (await venue.post("/uplink/retry", {"which": "all"}, token=token))[0] == 403


def _set(conn, values):  # type: ignore[no-untyped-def]
    conn.execute(outbox.rows.update().values(values))


async def test_dead_letters_are_sent_again_by_one_click_of_the_page(hub: World) -> None:
    """As a person does it: the buttons of the page as they stand there, each with what it names."""
    node, admin, _ = hub
    for which, address in (("one", "/uplink?state=dead"), ("filter", "/uplink?state=dead"), ("all", "/uplink")):
        await node.store.write(partial(_set, values={"state": "dead", "answer": "no answer in 30 s"}))
        page = (await admin.get(address))[1]
        assert "多次未送达" in page and "线路恢复后重送" in page
        (form,) = (each for each in _forms(page) if each.get("which") == which)
        form.pop("csrf")
        assert (await admin.post("/uplink/retry", form, token=admin.token(page)))[0] == 303
        assert admin.last is not None
        status, after = await admin.get(admin.last.headers["Location"])
        assert status == 200 and "已安排 1 条重送" in after
        state = await node.store.read(lambda conn: conn.execute(outbox.rows.select()).mappings().one()["state"])
        assert state == "queued"


def _forms(page: str) -> list[dict[str, str]]:
    """The hidden fields of each form that sends again."""
    found = re.findall(r'<form method="post" action="/uplink/retry">(.*?)</form>', page, re.DOTALL)
    fields = r'<input type="hidden" name="([a-z]+)" value="([^"]*)">'
    return [dict(re.findall(fields, form)) for form in found]


async def test_what_was_filled_in_stands_on_the_page_with_its_row(hub: World) -> None:
    node, admin, _ = hub
    fault = {
        "field": "FUND_SOURCE",
        "rule": "Filled",
        "zh": "资金来源（FUND_SOURCE）由代填政策“notice-has-it”填为“详见公告”",
        "en": "filled",
        "severity": "warn",
        "basis": "notice-has-it",
    }
    await node.store.write(partial(_set, values={"state": "accepted", "faults": outbox.encode([fault])}))
    page = (await admin.get("/uplink"))[1]
    assert "代填 1 项" in page and fault["zh"] in page
    assert "<code>notice-has-it</code>" in page


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
            filled=["DOCUMENT_CODE notice-has-it"],
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
            assert "处理文件文号（DOCUMENT_CODE）：由代填政策“notice-has-it”代填" in page
        assert "某黑名单" not in (await browser.get("/uplink?state=accepted"))[1]


async def test_nobody_but_a_hub_says_what_became_of_a_districts_records(tmp_path: Path) -> None:
    """A verdict in another log is in the read tables like all records; pages and counts leave it out."""
    async with serving(tmp_path / "n", Clock()) as (node, client):
        await node.accounts.add(ADMIN, "李明", ["administrator"], PASSWORD)
        browser = Browser(client)
        await browser.log_in(ADMIN)
        row = {
            "record_id": b"\x02" * 16,
            "idx": 0,
            "about_origin": node.settings.origin,
            "about_record": A,
            "about_version": 1,
            "state": "rejected",
            "title": "某黑名单",
            "category": "",
            "reason_zh": "假话",
            "reason_en": "a lie",
            "items": 0,
            "at_ms": 1,
        }

        def put(conn):  # type: ignore[no-untyped-def]
            other = logs.ensure(conn, "ggzy.example/elsewhere/500104/1")
            conn.execute(table(VerdictView).insert().values(**row, log_id=other.id))

        await node.store.write(put)
        for address in ("/uplink", "/uplink?state=rejected", "/console/failures"):
            status, page = await browser.get(address)
            assert status == 200 and "假话" not in page and "某黑名单" not in page, address
        assert re.search(r"<strong>[1-9]", (await browser.get("/uplink"))[1]) is None
