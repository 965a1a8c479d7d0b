"""The trade's page says of each act how it stands above, why, and leads to where it is corrected."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from node.domain.record import Document, Draft, Source
from node.domain.verdicts import State, Verdict, VerdictItem
from node.rules import load_packaged
from node.store.loading import Recorded
from node.uplink import held, outbox
from node.uplink.outbox import Origin
from tests.uplink.world import blacklist
from tests.web.console.walking import POSTS, Clerk
from tests.web.persons import PASSWORD, Clock, serving

OTHER = next(each for each in load_packaged().packages if each.id == "other")


@pytest.fixture(params=["district"])
async def clerk(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Clerk]:
    clock = Clock()
    async with serving(tmp_path / "n", clock, role=request.param) as (node, client):
        await node.accounts.add("li.na", "李娜", list(POSTS), PASSWORD)
        yield await Clerk(node, client, clock).log_in("li.na")


async def say(clerk: Clerk, each: Recorded, state: State, zh: str = "", version: int = 1) -> None:
    """A verdict on an act, as the hub gives it."""
    item = VerdictItem(
        dataset="1800",
        name="OTHER_TRADE_PUB_INFO",
        data_key="k",
        operation="insert",
        state=state,
        zh=zh,
        en=zh,
        filled=["CLASSIFY_CODE unconfirmed-code"],
    )
    body = Verdict(
        origin=each.origin,
        record=each.record_id.hex(),
        version=version,
        title=each.act.title,
        category=each.act.category,
        state=state,
        at=clerk.clock(),
        items=[item],
    )
    key = f"national/{body.record}"
    draft = Draft("verdict", key, {"main": Document(key, body, Source("national"))}, {"state": state, "zh": zh})
    await clerk.node.publisher.publish([draft])
    await clerk.node.projector.run()


def row(page: str, seq: int) -> str:
    """The row of the act of that number."""
    acts = page[page.index('id="acts"') :]
    return next(each for each in acts.split("<tr")[2:] if f">{seq}</td>" in each)


async def test_each_act_with_what_was_said_of_it_above(clerk: Clerk) -> None:
    trade = await clerk.register(OTHER, mandatory=False)
    await clerk.act(trade, OTHER, "notice")
    page = await clerk.get(f"/console/trades/{trade}")
    assert "国家平台" in page and "待上报" in row(page, 1) and "待上报" in row(page, 2)
    _, records = await clerk.recorded(trade)
    notice = next(each for each in records if each.act.seq == 2)

    await say(clerk, notice, "accepted")
    shown = row(await clerk.get(f"/console/trades/{trade}"), 2)
    assert "已接收" in shown and "去改正" not in shown
    assert "（CLASSIFY_CODE）：" in shown and "由代填政策“unconfirmed-code”代填" in shown

    await say(clerk, notice, "rejected", "上级退回：<b>公告标题</b>过长，请缩短")
    shown = row(await clerk.get(f"/console/trades/{trade}"), 2)
    assert "被退回" in shown and "&lt;b&gt;公告标题" in shown and "请缩短" in shown
    address = f"/console/trades/{trade}/correction?corrects=2"
    assert f'href="{address}"' in shown and "去改正" in shown
    form = await clerk.get(address)
    assert 'name="f.why"' in form  # the form of the correction of this very act
    assert "Rejected" in row(await clerk.get(f"/console/trades/{trade}?lang=en"), 2)


async def test_a_correction_of_a_step_is_inside_too(clerk: Clerk) -> None:
    trade = await clerk.register(OTHER, mandatory=False)
    _, records = await clerk.recorded(trade)
    await say(clerk, records[0], "held", "待改正：项目所在地不在代码表内")
    shown = row(await clerk.get(f"/console/trades/{trade}"), 1)
    assert "待改正" in shown and f"/console/trades/{trade}/amendment?corrects=1" in shown
    assert 'name="f.why"' in await clerk.get(f"/console/trades/{trade}/amendment?corrects=1")


@pytest.mark.parametrize("clerk", ["hub"], indirect=True)
async def test_at_the_hub_what_is_on_its_way_is_told(clerk: Clerk) -> None:
    trade = await clerk.register(OTHER, mandatory=False)
    _, records = await clerk.recorded(trade)
    record = records[0].record_id
    origin = Origin(1, 0, record, 1, "其他", "500103", "登记", 1)
    put = partial(
        outbox.put,
        standard=held.packaged(),
        system_no="9120",
        origin=origin,
        made=[blacklist(record)],
        now_ms=1,
    )
    await clerk.node.store.write(put)
    assert "待上报" in row(await clerk.get(f"/console/trades/{trade}"), 1)
    for values, words in (
        ({"trying": outbox.encode({"operation": "insert", "fields": {}, "said": ""})}, "已发送，待应答"),
        ({"state": "dead", "trying": "", "answer": "HTTP 500"}, "多次未送达"),
        ({"state": "accepted", "answer": ""}, "已接收"),
    ):
        await clerk.node.store.write(partial(_set, values=values))
        assert words in row(await clerk.get(f"/console/trades/{trade}"), 1)


def _set(conn, values):  # type: ignore[no-untyped-def]
    conn.execute(outbox.rows.update().values(values))
