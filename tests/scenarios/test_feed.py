"""The feed of records: whoever follows it misses nothing, however the logs interleave (DESIGN L4)."""

from __future__ import annotations

import json

from net import Net, Running, result


async def follow(node: Running, cursor: str) -> tuple[list[str], str]:
    """Everything after `cursor`, three at a time."""
    found: list[str] = []
    while True:
        status, body = await node.get("/api/records", params={"limit": "3", **({"cursor": cursor} if cursor else {})})
        assert status == 200, body
        page = json.loads(body)
        cursor = page["cursor"]
        if not page["records"]:
            return found, cursor
        found += [row["title"] for row in page["records"]]


async def test_a_follower_of_many_logs_misses_nothing(net: Net) -> None:
    _, hub, east, west = await net.start("national", "hub", "east", "west")
    seen: list[str] = []
    cursor = ""
    # West's log comes after east's in every listing, and east publishes again after west was read.
    for turn in range(3):
        for node in (east, west, east):
            await node.publish(*(result(f"{node.name}-{turn}-{number}-{len(seen)}") for number in range(4)))
            await net.settle()
            more, cursor = await follow(hub, cursor)
            seen += more
    assert len(seen) == len(set(seen)) == 36
    await hub.node.projector.rebuild()
    status, body = await hub.get("/api/records", params={"cursor": cursor})
    assert status == 400 and json.loads(body)["field"] == "cursor", "an old place is refused, not silently wrong"
    assert sorted((await follow(hub, ""))[0]) == sorted(seen)
