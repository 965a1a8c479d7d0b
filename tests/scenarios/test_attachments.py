"""Files that records list travel with them: up, down, through broken lines, and away again by law."""

from __future__ import annotations

import random

from net import Net, Running, result
from people import Office

from node.attachments import rows
from node.attachments.check import check
from node.domain.acts import Act, Attached
from node.domain.record import Document, Draft, Source
from node.publishing.erase import Wish
from node.sync.peer import chunks


async def put(running: Running, data: bytes, name: str = "招标文件.pdf", audience: str = "public") -> Attached:
    return await running.node.attachments.files.put(name, chunks(data), by="clerk", audience=audience)


def pdf(size: int, seed: int = 1) -> bytes:
    return b"%PDF-1.7\n" + random.Random(seed).randbytes(size - 9)


def act(seq: int, *attached: Attached, trade: str = "ab" * 16) -> Draft:
    body = Act(
        trade=trade,
        seq=seq,
        category="工程建设",
        act="notice",
        rules="construction@1",
        at=1_764_000_000_000,
        title="某道路工程招标公告",
        attachments=list(attached),
    )
    document = Document(body.key, body, Source("test"))
    return Draft("trade.act", body.key, {"main": document}, {"key": body.key})


async def held(running: Running, each: Attached) -> bool:
    found = await running.node.store.read(lambda conn: rows.find(conn, each.sha256))
    return found is not None and running.node.attachments.files.shelf.has(each.sha256, each.size)


async def test_a_file_reaches_hub_and_national_through_a_line_that_breaks(net: Net) -> None:
    national, hub, east, west = await net.start("national", "hub", "east", "west")
    data = pdf(3 << 20)
    attached = await put(east, data)
    await east.publish(act(1, attached), result("E-1"))
    assert east.line is not None
    await net.sync("east")
    await net.sync("hub")
    assert "E-1" in await hub.page("/trades") and not await held(hub, attached), "records do not wait for files"
    # The hub has the record by now, and asks; two pieces arrive, and the answer to the second is lost.
    east.line.lose_answers(1, "&at=1048576")
    await net.sync("east")
    assert not await held(hub, attached) and attached.name in await hub.page("/status")
    assert await hub.node.attachments.transfers.have(attached.sha256, east.node.settings.name) == 2 << 20
    listed = await hub.node.store.read(lambda conn: rows.missing(conn))
    assert [each.sha256 for each in listed] == [attached.sha256]
    net.clock.forward(hours=1)
    await net.settle()
    for each in (hub, national, west):
        assert await held(each, attached), each.name
        status, body = await each.get(f"/files/{attached.sha256}")
        assert (status, body) == (200, data)
        assert await check(each.node.attachments.files, each.node.trusted) == []
    brought = [target for method, target, status in east.line.log if "/api/files/" in target and method == "POST"]
    assert len(brought) <= 4, "what was kept was not sent again"


async def test_what_is_restricted_goes_no_further_than_its_audience(net: Net) -> None:
    national, hub, east, west = await net.start("national", "hub", "east", "west")
    drawing = await put(east, pdf(5000, 2), "内部.pdf", "restricted")
    await east.publish(act(1, drawing))
    await net.settle()
    assert await held(hub, drawing)
    assert not await held(national, drawing) and not await held(west, drawing)
    for each in (east, hub):
        assert (await each.get(f"/files/{drawing.sha256}"))[0] == 404
    # Another district that knows the hash lists it as public: it never had the bytes, so nothing is handed out.
    await west.publish(act(1, Attached("x.pdf", drawing.sha256, drawing.size, drawing.media_type), trade="cd" * 16))
    await net.settle()
    for each in (hub, national, west):
        assert (await each.get(f"/files/{drawing.sha256}"))[0] == 404


async def test_one_missing_file_blocks_neither_records_nor_other_files(net: Net) -> None:
    hub, east = await net.start("hub", "east")
    gone, kept = await put(east, pdf(4000, 3), "a.pdf"), await put(east, pdf(4000, 4), "b.pdf")
    east.node.attachments.files.shelf.drop(gone.sha256)
    await east.publish(act(1, gone, kept))
    await net.settle()
    assert await held(hub, kept) and not await held(hub, gone)
    assert gone.sha256 in await hub.page("/status")
    findings = await check(east.node.attachments.files, east.node.trusted, repair=True)
    assert [(each.fault, each.sha256) for each in findings][:1] == [("lost", gone.sha256)]


async def test_a_file_that_was_lost_comes_back_from_the_hub(net: Net) -> None:
    _, east = await net.start("hub", "east")
    data = pdf(9000, 5)
    attached = await put(east, data)
    await east.publish(act(1, attached))
    await net.settle()
    path = east.node.attachments.files.shelf.path(attached.sha256)
    path.write_bytes(b"x" + data[1:])
    findings = await check(east.node.attachments.files, east.node.trusted, repair=True)
    assert [each.fault for each in findings] == ["damaged", "missing"]
    await net.settle()
    assert path.read_bytes() == data


async def test_bytes_that_are_not_the_hash_are_never_kept(net: Net) -> None:
    hub, east = await net.start("hub", "east")
    attached = await put(east, pdf(6000, 6))
    await east.publish(act(1, attached))
    await net.sync("east")
    await hub.node.projector.run()
    await hub.node.carry_files()
    name = east.node.settings.name
    wanted = await hub.node.store.read(lambda conn: rows.waited_for(conn, attached.sha256, name))
    assert wanted is not None
    east.node.attachments.files.shelf.path(attached.sha256).write_bytes(pdf(6000, 7))
    report = await east.node.carry_files()
    assert "bad-proof" in report.failures[attached.sha256]
    assert not await held(hub, attached)
    assert await hub.node.attachments.transfers.have(attached.sha256, name) == 0


async def test_what_is_erased_by_law_takes_its_files_along(net: Net) -> None:
    hub, east = await net.start("hub", "east")
    both, alone = await put(east, pdf(4000, 8), "a.pdf"), await put(east, pdf(4000, 9), "身份证.pdf")
    outcome, _ = await east.publish(act(1, both, alone), act(2, both))
    await net.settle()
    assert await held(hub, alone) and outcome.record_id is not None
    office = Office(net)
    order = await office.order(east, Wish(outcome.record_id, east.origin, "unlawful", sections=("main",)), east, hub)
    await office.publish(east, order)
    await net.settle()
    for each in (east, hub):
        assert not await held(each, alone) and await held(each, both), each.name
        assert (await each.get(f"/files/{alone.sha256}"))[0] == 404
        assert await each.node.attachments.files.store.read(lambda conn: rows.listed(conn, alone.sha256)) == []
    # A rebuild makes everything anew, and neither brings it back nor asks for it.
    await hub.node.projector.rebuild()
    await hub.node.carry_files()
    assert await hub.node.store.read(lambda conn: rows.missing(conn)) == [] and await held(hub, both)
