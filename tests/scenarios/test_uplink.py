"""A tender at a district reaches the receiver above through the hub, and what was said of it comes back down."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from node.attachments import rows as attached
from node.domain.acts import Act, Attached
from node.domain.record import Document, Draft, Source
from node.rules import load_packaged, load_tables
from node.running import reporting
from node.store.db import Store
from node.store.tables import METADATA, table
from node.store.tables_uplink import VerdictView
from node.uplink import status
from node.uplink.run import Parts, Uplink
from node.uplink.shape import Sender
from node.web.national import attachments
from node.web.national.receiver import Registered
from tests.scenarios.net import Net
from tests.uplink.receivers import Local
from tests.uplink.test_mapping import CONSTRUCTION, trade_of
from tests.uplink.world import items

PLATFORM = "91500000MT999999XX"
REGISTERED = Registered("9120", "s3cret!!", PLATFORM)
_verdicts = table(VerdictView)


@pytest.fixture
async def net(tmp_path: Path) -> AsyncIterator[Net]:
    made = Net(tmp_path)
    yield made
    await made.stop()


def published(act: Act, **more: Any) -> Draft:
    document = Document(key=act.key, body=act, source=Source("中心"), **more)
    kind = "trade.act" if act.disclosure else "trade.step"
    return Draft(kind, act.key, {"main": document}, {"key": act.key, **more})


async def test_a_tender_goes_up_and_its_verdicts_come_down(net: Net) -> None:
    hub, east = await net.start("hub", "east")
    above = Store("sqlite://")
    above.write_now(METADATA.create_all)
    receiver = Local(above, REGISTERED, net.clock)
    sender = Sender("9120", PLATFORM, PLATFORM, "5" * 11, "5" * 11, "市中心", "https://x", "500000", "0")
    job = Uplink(
        Parts(
            hub.node.store,
            net.clock,
            sender,
            "s3cret!!",
            10,
            receiver,
            None,
            hub.node.publisher.publish,
            load_packaged,
            lambda: load_tables().numbers(""),
            lambda: reporting.centres(hub.node),
        )
    )

    async def report() -> list[str]:
        """Sync up, report, sync the verdicts down; gives what the district knows of its records."""
        await net.settle()
        await hub.node.projector.run()
        await job.run()
        await net.settle()
        await east.node.projector.run()
        query = select(_verdicts.c.state).where(_verdicts.c.about_origin == east.origin)
        return sorted(await east.node.store.read(lambda conn: list(conn.execute(query).scalars())))

    made = trade_of("工程建设", "construction", CONSTRUCTION, len(CONSTRUCTION))
    # One file of a public notice, which the hub has, and one of the registration, which authorities alone read.
    listed = {"notice": Attached("公告.pdf", "a" * 64, 10), "register": Attached("批文.pdf", "c" * 64, 10)}
    made = [msgspec.structs.replace(act, attachments=[listed[act.act]]) if act.act in listed else act for act in made]
    await hub.node.store.write(
        partial(attached.put, sha256="a" * 64, size=10, media_type="", node=east.node.settings.name, now_ms=1)
    )
    # The contract comes to the hub before what it hangs on would: all in one batch, and the order is the uplink's.
    await east.publish(*(published(act) for act in made))
    told = len(made) - 1  # the end of bidding becomes no message
    assert await report() == ["accepted"] * told
    numbers = [number for number, kind in receiver.seen if kind == "1"]
    assert numbers.index("500") < numbers.index("501") < numbers.index("502") < numbers.index("513")
    kept = above.read_now(lambda conn: list(conn.execute(select(items)).mappings()))
    assert {file[1] for row in kept for file in attachments.kept(row)} == {"公告.pdf"}
    assert {row["number"] for row in kept} >= {
        "500",
        "501",
        "502",
        "503",
        "506",
        "510",
        "511",
        "512",
        "513",
        "517",
        "522",
    }

    # The result is withdrawn: it goes above too, and nothing else does.
    result = next(act for act in made if act.act == "result")
    await east.publish(published(result, status="withdrawn", reason="误发"))
    assert "deleted" in await report()
    gone = above.read_now(
        lambda conn: [row["number"] for row in conn.execute(select(items)).mappings() if row["state"] == "deleted"]
    )
    assert gone == ["513"]
    heard = partial(status.verdict_counts, origins=[east.origin], may_say=lambda origin: origin == hub.origin)
    counts = await east.node.store.read(heard)
    assert counts == {"accepted": told - 1, "deleted": 1}
    assert await hub.fsck() == [] and await east.fsck() == []
    above.close()
