"""Venues and rooms at the console: the week, finding a free room and booking it, changes with a reason, closing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from node.trading import venues
from tests.web.console.test_pages import OTHER, VOLUNTARY
from tests.web.console.walking import POSTS, Clerk, FormPage
from tests.web.persons import PASSWORD, Clock, serving

ROOMS, FREE, WEEK = "/console/venues/rooms", "/console/venues/free", "/console/venues?week=2025-11-25"
MORNING = [("from", "2025-11-25 09:00"), ("to", "2025-11-25 11:00")]


@pytest.fixture
async def clerk(tmp_path: Path) -> AsyncIterator[Any]:
    clock = Clock()
    async with serving(tmp_path / "n", clock) as (node, client):
        await node.accounts.add("li.na", "li.na", list(POSTS), PASSWORD)
        await node.accounts.add("wang.fang", "wang.fang", ["publication"], PASSWORD)
        clerk = await Clerk(node, client, clock).log_in("li.na")
        token = await csrf(clerk)
        await clerk.send(ROOMS, [token, ("do", "add-venue"), ("name", "一号楼"), ("address", "某路 1 号")])
        room = [("do", "add-room"), ("venue", "1")]
        await clerk.send(ROOMS, [token, *room, ("name", "评标一室"), ("sort", "evaluation"), ("seats", "12")])
        await clerk.send(ROOMS, [token, *room, ("name", "第一开标室"), ("sort", "opening"), ("seats", "40")])
        yield clerk


async def csrf(clerk: Clerk) -> tuple[str, str]:
    return "csrf", clerk.browser.token(await clerk.get(ROOMS))


async def booked(clerk: Clerk, room: str = "2", *more: tuple[str, str], status: int = 303) -> str:
    given = [await csrf(clerk), *MORNING, ("room", room), ("purpose", "opening"), *more]
    return await clerk.send(FREE, given, status)


async def test_the_week_is_by_venue_and_opening_rooms_come_first(clerk: Clerk) -> None:
    page = await clerk.get(WEEK)
    assert page.index("一号楼") < page.index("第一开标室") < page.index("评标一室")
    await clerk.send(ROOMS, [await csrf(clerk), ("do", "add-venue"), ("name", "二号楼")])
    await clerk.send(
        ROOMS, [await csrf(clerk), ("do", "add-room"), ("venue", "2"), ("name", "竞价厅"), ("sort", "bidding")]
    )
    both, one = await clerk.get(WEEK), await clerk.get(f"{WEEK}&venue=2")
    assert "评标一室" in both and "竞价厅" in both and "评标一室" not in one and "竞价厅" in one
    assert "venue=2" in one.split("下一周")[0].rpartition("<a")[2], "the next week is of the same venue"


async def test_a_free_room_is_found_and_booked_from_the_page_of_a_trade(clerk: Clerk) -> None:
    lots = [{"number": "1", "name": "一"}, {"number": "2", "name": "二"}]
    trade = await clerk.register(OTHER, project_name="示例项目", lots=lots, **VOLUNTARY)
    await clerk.act(trade, OTHER, "notice", bid_deadline=clerk.moment(22))
    assert f"{FREE}?trade={trade}" in await clerk.get(f"/console/trades/{trade}")
    page = await clerk.get(f"{FREE}?trade={trade}")
    # It begins with when bidding ends and an opening room.
    assert 'value="opening" selected' in page and "第一开标室" in page and "评标一室" not in page
    fields = [(name, text) for name, text in FormPage(page).fields if name != "sort"]
    place = await clerk.send(FREE, [*fields, ("room", "2"), ("lots", "2"), ("lots", "9")])
    shown = await clerk.get(place)
    assert "已预订" in shown and f"/console/trades/{trade}" in shown
    (row,) = await clerk.node.store.read(lambda conn: venues.of_trade(conn, trade))
    assert (row["lots"], row["title"], row["purpose"]) == (["2"], "示例项目", "opening")
    assert row["ends_ms"] - row["starts_ms"] == 7_200_000 and row["starts_ms"] == clerk.moment(22) // 60_000 * 60_000
    assert place.split("?")[0] in await clerk.get(f"/console/trades/{trade}")
    assert "没有空闲的房间" in await clerk.get(f"{FREE}?trade={trade}")
    assert "评标一室" in await clerk.get(f"{FREE}?from=2025-11-25T09:00&to=2025-11-25T10:00&seats=10&sort=evaluation")
    assert "没有空闲的房间" in await clerk.get(f"{FREE}?from=2025-11-25T09:00&to=2025-11-25T10:00&seats=41")


async def test_of_many_who_press_the_button_one_gets_the_room(clerk: Clerk) -> None:
    token = await csrf(clerk)
    cookie = "; ".join(f"{name}={value}" for name, value in clerk.browser.cookies.items())

    async def press(number: int) -> int:
        form = [token, *MORNING, ("room", "2"), ("purpose", "opening"), ("title", f"第{number}个项目")]
        sent = clerk.browser.client.post(FREE, data=form, headers={"Cookie": cookie}, allow_redirects=False)
        async with sent as answer:
            return answer.status

    answers = await asyncio.gather(*(press(number) for number in range(6)))
    assert sorted(answers) == [303, *[409] * 5]
    await booked(clerk, status=409)
    assert "该时段已被预约：第" in clerk.page and "评标一室" in clerk.page, "with what is free now"


@pytest.mark.parametrize("when", [("明天", ""), ("2025-11-25 11:00", "2025-11-25 09:00"), ("2025-11-25 09:00", "")])
async def test_a_time_that_is_none_is_said_beside_its_input(clerk: Clerk, when: tuple[str, str]) -> None:
    given = [await csrf(clerk), ("from", when[0]), ("to", when[1]), ("room", "1"), ("purpose", "opening")]
    await clerk.send(FREE, given, 400)
    assert 'aria-invalid="true"' in clerk.page
    await clerk.get(f"{FREE}?from={when[0]}&to={when[1]}", 400)


async def test_a_booking_is_moved_and_cancelled_with_a_reason(clerk: Clerk) -> None:
    place = (await booked(clerk, "2", ("title", "甲项目"))).split("?")[0]
    token, later = await csrf(clerk), [("from", "2025-11-25 14:00"), ("to", "2025-11-25 15:00")]
    move = [token, ("do", "change"), ("version", "1"), ("room", "1"), *later]
    await clerk.send(place, [*move, ("reason", "")], 400)
    assert 'aria-describedby="i-reason-note"' in clerk.page
    await clerk.send(place, [*move, ("reason", "开标室检修")])
    assert "开标室检修" in await clerk.get(place) and "评标一室" in clerk.page
    await clerk.send(place, [*move, ("reason", "又改")], 409)
    cancel = [token, ("do", "cancel"), ("version", "2")]
    await clerk.send(place, [*cancel, ("why", " ")], 400)
    assert 'aria-describedby="i-why-note"' in clerk.page
    await clerk.send(place, [*cancel, ("why", "流标")])
    assert "已取消" in await clerk.get(place) and "流标" in clerk.page
    assert "甲项目" not in await clerk.get(WEEK)
    await clerk.get("/console/venues/bookings/99", 404)


async def test_rooms_and_venues_are_renamed_and_closed_and_keep_what_is_booked(clerk: Clerk) -> None:
    place = (await booked(clerk, "2", ("title", "甲项目"))).split("?")[0]
    token = await csrf(clerk)
    named = [token, ("do", "change-room"), ("room", "2"), ("name", "第二开标室"), ("sort", "opening")]
    await clerk.send(ROOMS, [*named, ("seats", "五十")], 400)
    assert "请填写整数" in clerk.page
    await clerk.send(ROOMS, [*named[:3], ("name", "评标一室"), ("sort", "opening"), ("seats", "")], 400)
    assert "该场地已有" in clerk.page and 'value="评标一室"' in clerk.page
    await clerk.send(ROOMS, [*named, ("seats", "50")])
    assert "第二开标室" in await clerk.get(place)
    for close, again in (("close-room", "open-room"), ("close-venue", "open-venue")):
        one = ("room", "2") if "room" in close else ("venue", "1")
        await clerk.send(ROOMS, [token, ("do", close), one])
        free = await clerk.get(f"{FREE}?from=2025-11-26T09:00&to=2025-11-26T10:00")
        assert "第二开标室" not in free and "甲项目" in await clerk.get(WEEK) and "停用" in clerk.page
        tomorrow = [("from", "2025-11-26 09:00"), ("to", "2025-11-26 10:00")]
        await clerk.send(FREE, [token, *tomorrow, ("room", "2"), ("purpose", "opening")], 400)
        assert "已停用" in clerk.page
        await clerk.send(ROOMS, [token, ("do", again), one])
    await clerk.send(ROOMS, [token, ("do", "change-venue"), ("venue", "1"), ("name", "主楼"), ("address", "")])
    assert "主楼" in await clerk.get(WEEK)
    await clerk.send(ROOMS, [token, ("do", "close-room"), ("room", "77")], 400)


async def test_who_books_no_rooms_sees_them_and_changes_nothing(clerk: Clerk) -> None:
    place = (await booked(clerk)).split("?")[0]
    other = await Clerk(clerk.node, clerk.browser.client, clerk.clock).log_in("wang.fang")
    for path in (WEEK, ROOMS, FREE, place, "/console/venues/day/2025-11-25"):
        assert 'method="post" class' not in await other.get(path), path
    for path in (ROOMS, FREE, place):
        await other.send(path, [("csrf", "x"), ("do", "cancel")], 403)


async def test_the_day_is_printed_by_room_and_time(clerk: Clerk) -> None:
    await booked(clerk, "2", ("title", "甲项目"))
    page = await clerk.get("/console/venues/day/2025-11-25")
    assert "甲项目" in page and "09:00–11:00" in page and "评标一室" not in page
    assert "当日没有预订" in await clerk.get("/console/venues/day/2025-11-26")
    await clerk.get("/console/venues/day/2025-99-99")
