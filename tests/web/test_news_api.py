"""The request that a member holds open until there is news."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.web.api_node import Served, served


async def _news(node: Served, after: int, wait_s: int) -> Any:
    target = f"/api/news?after={after}&wait={wait_s}"
    return await node.client.get(target, headers=node.signed("GET", target))


async def test_members_are_answered_when_there_is_news(tmp_path: Path) -> None:
    async with served(tmp_path) as node:
        first = await _news(node, 0, 60)
        assert first.status == 200
        number = (await first.json())["number"]
        waiting = asyncio.create_task(_news(node, number, 60))
        done, _ = await asyncio.wait({waiting}, timeout=0.2)
        assert not done
        await node.hub.look_around()
        assert await (await waiting).json() == {"number": number + 1}


async def test_strangers_hold_nothing_open(tmp_path: Path) -> None:
    async with served(tmp_path) as node:
        assert (await node.client.get("/api/news?after=0&wait=60")).status == 401


async def test_what_is_no_number_is_refused_by_name(tmp_path: Path) -> None:
    async with served(tmp_path) as node:
        for query, field in (("after=-1", "after"), ("wait=61", "wait"), ("wait=1.5", "wait"), ("after=²", "after")):
            target = f"/api/news?{query}"
            answer = await node.client.get(target, headers=node.signed("GET", answer_target(target)))
            assert (answer.status, (await answer.json())["field"]) == (400, field)


def answer_target(target: str) -> str:
    """As it goes over the line: the client escapes what is not ASCII."""
    return target.replace("²", "%C2%B2")
