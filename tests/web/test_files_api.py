"""Attachments through HTTP: who gets which, in which parts, with which headers; uploads go on where they stopped."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from node.app import Node
from node.domain.acts import Act, Attached
from node.domain.record import Document, Draft, Source
from node.errors import Rejected
from node.sync.peer import chunks
from tests.web.persons import Browser, Clock, serving

CLERK = "li.ming"
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 8
World = tuple[Node, TestClient[Any, Any], Browser]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = Clock()
    async with serving(tmp_path / "n", clock) as (node, client):
        await node.accounts.add(CLERK, "李明", ["acceptance"], "four sparrows drink tea")
        browser = Browser(client)
        assert await browser.log_in(CLERK) == 303
        yield node, client, browser


async def listed(node: Node, *attached: Attached) -> None:
    body = Act(trade="ab" * 16, seq=1, category="工程建设", act="notice", rules="x@1", at=1, title="公告")
    body = Act(**{name: getattr(body, name) for name in body.__struct_fields__} | {"attachments": list(attached)})
    document = Document(body.key, body, Source("test"))
    (outcome,) = await node.publisher.publish([Draft("trade.act", body.key, {"main": document}, {"key": body.key})])
    assert outcome.state == "published", outcome
    await node.projector.run()
    await node.carry_files()


async def put(node: Node, data: bytes = PDF, name: str = "招标文件.pdf", audience: str = "public") -> Attached:
    return await node.attachments.files.put(name, chunks(data), by="other", audience=audience)


def cookies(browser: Browser) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}


async def test_a_file_is_handed_out_as_a_download_and_nothing_else(world: World) -> None:
    node, client, _ = world
    attached = await put(node)
    address = f"/files/{attached.sha256}"
    assert (await client.get(address)).status == 404, "no record lists it yet"
    await listed(node, attached)
    answer = await client.get(address)
    assert answer.status == 200 and await answer.read() == PDF
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert "filename*=UTF-8''%E6%8B%9B" in answer.headers["Content-Disposition"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["ETag"] == f'"{attached.sha256}"'
    again = await client.get(address, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status == 304
    head = await client.head(address)
    assert head.headers["Content-Length"] == str(len(PDF)) and await head.read() == b""
    record = re.search(r"/records/([0-9a-f]{32})", await (await client.get("/trades")).text())
    assert record is not None
    page = await (await client.get(f"/records/{record[1]}")).text()
    assert f'href="{address}"' in page and attached.sha256 in page


async def test_parts_of_a_file(world: World) -> None:
    node, client, _ = world
    attached = await put(node)
    await listed(node, attached)
    address = f"/files/{attached.sha256}"
    for given, status, part in (
        ("bytes=0-0", 206, PDF[:1]),
        ("bytes=10-19", 206, PDF[10:20]),
        ("bytes=2000-", 206, PDF[2000:]),
        ("bytes=-7", 206, PDF[-7:]),
        ("bytes=5-99999", 206, PDF[5:]),
        ("bytes=99999-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=0-1,3-4", 200, PDF),
        ("rows=0-1", 200, PDF),
        ("bytes=-", 200, PDF),
    ):
        answer = await client.get(address, headers={"Range": given})
        assert answer.status == status, given
        assert part is None or await answer.read() == part, given
        if status == 206:
            assert answer.headers["Content-Range"].endswith(f"/{len(PDF)}")
    other = await client.get(address, headers={"Range": "bytes=0-0", "If-Range": '"other"'})
    assert other.status == 200


async def test_who_may_have_what(world: World) -> None:
    node, client, browser = world
    public, shared = await put(node), await put(node, PDF + b"1", "内部.pdf", "shared")
    await listed(node, public, shared)
    assert (await client.get(f"/files/{public.sha256}")).status == 200
    assert (await client.get(f"/files/{shared.sha256}")).status == 404
    answer = await client.get(f"/files/{shared.sha256}", headers=cookies(browser))
    assert answer.status == 200 and answer.headers["Cache-Control"] == "private, no-store"
    for wrong in ("ab" * 32, "x", "AB" * 32):
        assert (await client.get(f"/files/{wrong}")).status in (400, 404)
    node.attachments.files.shelf.drop(public.sha256)
    assert (await client.get(f"/files/{public.sha256}")).status == 404


async def test_the_desk_publishes_no_list_of_files_that_are_not_here(world: World) -> None:
    node, _, _ = world
    with pytest.raises(Rejected, match="not uploaded to this node"):
        await node.store.read(
            lambda conn: node.desk.publication.check_files(conn, listed=[Attached("a.pdf", "ab" * 32, 5)])
        )


async def test_an_upload_goes_on_where_it_stopped(world: World) -> None:
    _, client, browser = world
    token = browser.token((await browser.get("/account"))[1])
    mine = {**cookies(browser), "Ggzy-Csrf": token, "Accept": "application/json"}
    begun = await client.post(
        "/files/uploads?name=a.pdf&audience=shared",
        data=PDF[:100],
        headers={**mine, "Upload-Length": str(len(PDF)), "Content-Type": "application/pdf"},
    )
    assert begun.status == 201 and begun.headers["Upload-Offset"] == "100", await begun.text()
    address = begun.headers["Location"]
    state = await client.head(address, headers=mine)
    assert (state.status, state.headers["Upload-Offset"], state.headers["Upload-Complete"]) == (204, "100", "?0")
    wrong = await client.patch(address, data=b"x", headers={**mine, "Upload-Offset": "50"})
    assert wrong.status == 409 and wrong.headers["Upload-Offset"] == "100"
    done = await client.patch(address, data=PDF[100:], headers={**mine, "Upload-Offset": "100"})
    assert done.status == 200 and done.headers["Upload-Complete"] == "?1"
    assert await done.json() == {
        "name": "a.pdf",
        "sha256": sha256(PDF).hexdigest(),
        "size": len(PDF),
        "media_type": "application/pdf",
        "audience": "shared",
    }
    assert (await client.head(address, headers=mine)).status == 404
    mine_only = await client.get(f"/files/{sha256(PDF).hexdigest()}", headers=cookies(browser))
    assert mine_only.status == 200, "whoever brought it sees it in a draft"
    assert (await client.get(f"/files/{sha256(PDF).hexdigest()}")).status == 404


async def test_uploads_are_for_people_who_may_and_belong_to_them(world: World) -> None:
    node, client, browser = world
    token = browser.token((await browser.get("/account"))[1])
    headers = {"Upload-Length": "10", "Accept": "application/json"}
    assert (await client.post("/files/uploads?name=a.pdf", headers=headers)).status == 401
    mine = {**headers, **cookies(browser)}
    assert (await client.post("/files/uploads?name=a.pdf", headers=mine)).status == 403, "no form's token"
    mine["Ggzy-Csrf"] = token
    address = (await client.post("/files/uploads?name=a.pdf", headers=mine)).headers["Location"]
    await node.accounts.add("wang.fang", "王芳", ["acceptance"], "four sparrows drink tea")
    other = Browser(client)
    assert await other.log_in("wang.fang") == 303
    theirs = {**headers, **cookies(other), "Ggzy-Csrf": other.token((await other.get("/account"))[1])}
    assert (await client.head(address, headers=theirs)).status == 404
    assert (await client.delete(address, headers=theirs)).status == 404
    assert (await client.delete(address, headers=mine)).status == 204
    for query, length in (("", "10"), ("name=a.pdf", ""), ("name=a.pdf", "0"), ("name=a.pdf", "9" * 15)):
        answer = await client.post(f"/files/uploads?{query}", headers={**mine, "Upload-Length": length})
        assert answer.status in (400, 413), (query, length)
    refused = await client.post(
        "/files/uploads?name=a.exe", data=b"MZ" + b"x" * 8, headers={**mine, "Content-Type": "application/x-msdownload"}
    )
    assert refused.status == 422 and "不接收" in (await refused.json())["title_zh"]
