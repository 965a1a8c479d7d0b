"""One list of what failed: each line with its next step; tried again one by one, by sort, or all."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from openpyxl import load_workbook

from node.attachments import rows as attachment_rows
from node.opendata.dump import FACT
from node.store import cursors, logs, peers
from node.store.peers import Standing
from node.trading import excel, refused_imports
from node.uplink import held, outbox
from node.uplink.outbox import Origin
from tests.projections.world import open_world
from tests.trading.test_excel import fill
from tests.uplink.world import blacklist
from tests.web.console.test_pages import OTHER
from tests.web.console.walking import POSTS, Clerk
from tests.web.persons import PASSWORD, Clock, serving

PATH = "/console/failures"
A = b"\x01" * 16


@pytest.fixture
async def clerk(tmp_path: Path) -> AsyncIterator[Any]:
    """A hub where a message, a file and a push have failed."""
    clock = Clock()
    settings = {"uplink_system_no": "9120"}
    async with serving(tmp_path / "n", clock, role="hub", settings=settings) as (node, client):
        await node.accounts.add("zhao.min", "赵敏", ["administrator"], PASSWORD)
        await node.accounts.add("li.na", "李娜", list(POSTS), PASSWORD)

        def fail(conn: Any) -> None:
            origin = Origin(1, 0, A, 1, "工程建设", "500103", "某黑名单", 1)
            outbox.put(conn, held.packaged(), "9120", origin, [blacklist(A, "")], 1)
            conn.execute(outbox.rows.update().values(state="rejected", answer="系统说不"))
            log = next(each for each in logs.all_logs(conn) if each.own)
            standing = Standing("g/above", log.id, "push", last_try_ms=5, failures=3, last_error="unavailable: no line")
            peers.put(conn, standing)
            row = {"sha256": "ab" * 32, "node": "g/east", "size": 9, "since_ms": 1, "tries": 4, "next_ms": 2**53}
            conn.execute(attachment_rows.wanted.insert().values(**row, error="refused: the scan refused it"))

        await node.store.write(fail)
        yield await Clerk(node, client, clock).log_in("zhao.min")


async def tried(clerk: Clerk) -> dict[str, bool]:
    """Which of the three are on their way again."""

    def read(conn: Any) -> dict[str, bool]:
        message = conn.execute(outbox.rows.select()).mappings().one()
        file = conn.execute(attachment_rows.wanted.select()).mappings().one()
        soon = file["next_ms"] <= clerk.clock()
        return {"uplink": message["state"] == "queued", "file": soon, "sync": peers.asked_ms(conn) > 0}

    return await clerk.node.store.read(read)


async def test_each_line_has_its_reason_and_one_is_tried_again_alone(clerk: Clerk) -> None:
    page = await clerk.get(PATH)
    for words in ("系统说不", "the scan refused it", "报送：", "全部 3"):
        assert words in page, words
    assert "暂时" in page or "无法" in page or "不可" in page, "a reason in words, not a code"
    token = ("csrf", clerk.browser.token(page))
    await clerk.send(PATH, [token, ("do", "one"), ("id", f"file:{'ab' * 32}")])
    assert await tried(clerk) == {"uplink": False, "file": True, "sync": False}
    await clerk.send(PATH, [token, ("do", "one"), ("id", "sync:g/above")])
    assert await tried(clerk) == {"uplink": False, "file": True, "sync": True}


async def test_a_sort_is_shown_and_tried_alone_and_then_all(clerk: Clerk) -> None:
    page = await clerk.get(f"{PATH}?sort=uplink")
    assert "系统说不" in page and "the scan refused it" not in page
    token = ("csrf", clerk.browser.token(page))
    assert (await clerk.send(PATH, [token, ("do", "all"), ("sort", "uplink")])).endswith("&sort=uplink")
    assert await tried(clerk) == {"uplink": True, "file": False, "sync": False}
    await clerk.send(PATH, [token, ("do", "all"), ("sort", "")])
    assert await tried(clerk) == {"uplink": True, "file": True, "sync": True}
    assert "系统说不" in await clerk.get(f"{PATH}?sort=nonsense") or "全部 2" in clerk.page


async def test_who_may_not_retry_has_no_button(clerk: Clerk) -> None:
    other = await Clerk(clerk.node, clerk.browser.client, clerk.clock).log_in("li.na")
    page = await other.get(PATH)
    assert "系统说不" in page and 'value="one"' not in page and 'value="all"' not in page
    await other.send(PATH, [("csrf", other.browser.token(page)), ("do", "all")], 403)


async def test_refused_rows_of_an_import_wait_to_be_taken_home(clerk: Clerk) -> None:
    other = await Clerk(clerk.node, clerk.browser.client, clerk.clock).log_in("li.na")
    form, rule = f"{OTHER.id}/{OTHER.acts[0].id}", OTHER.acts[0]
    template = excel.template(excel.layout(OTHER, rule))
    filled = fill(template, {rule.zh: [{"序号": "1", "项目名称": "示例项目"}]})
    for do, kept in (("check", 0), ("publish", 1)):
        token = other.browser.token(await other.get("/console/import"))
        data = aiohttp.FormData({"csrf": token, "form": form, "do": do})
        data.add_field("file", filled, filename="a.xlsx")
        cookie = "; ".join(f"{name}={value}" for name, value in other.browser.cookies.items())
        async with other.browser.client.post("/console/import", data=data, headers={"Cookie": cookie}) as answer:
            assert answer.status == 200, await answer.text()
        assert len(await clerk.node.store.read(refused_imports.all_kept)) == kept
    page = await other.get(f"{PATH}?sort=import")
    (row,) = await clerk.node.store.read(refused_imports.all_kept)
    place = f"{PATH}/imports/{row['id']}"
    assert f"{place}.xlsx" in page and rule.zh in page
    async with other.browser.client.get(f"{place}.xlsx", headers={"Cookie": cookie}) as answer:
        book = load_workbook(io.BytesIO(await answer.read()))
    assert "示例项目" in str([list(each.values) for each in book.worksheets])
    await other.send(place, [("csrf", other.browser.token(page))])
    assert await clerk.node.store.read(refused_imports.all_kept) == []
    await other.get(f"{place}.xlsx", 404)


async def test_a_dump_that_was_not_made_is_told_of_once_its_time_is_over(clerk: Clerk) -> None:
    assert "开放数据包" not in await clerk.get(PATH)
    await clerk.node.store.write(lambda conn: cursors.set_fact(conn, FACT, "2025-11-20"))
    assert "开放数据包" not in await clerk.get(PATH), "just after midnight it may still be under way"
    await clerk.forward(0.25)
    assert "开放数据包" in await clerk.get(PATH) and "2025-11-20" in clerk.page


def test_refused_workbooks_are_bounded(bench_store: Any) -> None:
    def keep(at_ms: int) -> None:
        more = {"form": "other/register", "published": 0, "refused": 1, "workbook": b"x", "now_ms": at_ms}
        bench_store.write_now(lambda conn: refused_imports.keep(conn, account="a", **more))

    for number in range(refused_imports.MOST + 5):
        keep(number)
    assert len(bench_store.read_now(refused_imports.all_kept)) == refused_imports.MOST
    keep(refused_imports.KEEP_MS * 2)
    assert len(bench_store.read_now(refused_imports.all_kept)) == 1


@pytest.fixture(params=["sqlite", "postgres"])
def bench_store(request: pytest.FixtureRequest) -> Any:
    with open_world(request.param) as world:
        yield world.store
