"""L16: a log comes down in steps; what is stored stays, and a pull that breaks goes on from there."""

from __future__ import annotations

import pytest
from net import Net, result

from node.sync import fetch
from node.tlog.tiles import entries_path


async def test_l16_a_pull_that_breaks_in_the_middle_goes_on_where_it_broke(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "STEP_BUNDLES", 1)
    monkeypatch.setattr(fetch, "AHEAD", 1)
    _, hub, east, west = await net.start("national", "hub", "east", "west")
    await west.publish(*(result(f"W-{number}") for number in range(900)))
    await net.sync("west")
    line = east.line
    assert line is not None
    line.lose_requests(1000, entries_path(2))
    report = await net.sync("east")
    assert report.failures
    there, here = await hub.log_of(west), await east.log_of(west)
    assert (there.head_size, here.stored_size, here.head_size) == (900, 512, 0)
    assert here.witnessed_size == 900, "its growth is known, though its entries are not all here"
    line.lose_requests(0)
    asked = len(line.log)
    await net.settle()
    here = await east.log_of(west)
    assert (here.head_size, here.head_root, here.payload_next) == (900, there.head_root, 900)
    again = [target for target in map(str, line.log[asked:]) if "entries" in target and there.origin_hash in target]
    assert not any(entries_path(n) in target for target in again for n in (0, 1)), "what was stored is not asked again"
    assert not await east.fsck()
