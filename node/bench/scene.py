"""One hub and its districts as running processes, and the floor beside them, on SQLite or PostgreSQL."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.bench.options import Options
from node.bench.postgres import Cluster, private_cluster
from node.bench.processes import Federation, Process, cpu_seconds, helper, make, reaching, serving
from node.bench.watching import Watcher
from node.errors import Malformed

STORES = ("sqlite", "postgres")
DATABASES = ("hub", "source", "target")


@dataclass(frozen=True)
class Scene:
    """What is running. `floor` is None where a measurement has no use for one."""

    federation: Federation
    hub: Process
    districts: tuple[Process, ...]
    watcher: Watcher
    floor: Process | None
    cluster: Cluster | None

    @property
    def origins(self) -> list[str]:
        return [settings.origin for settings in self.federation.districts]

    def hub_cpu(self) -> float:
        """CPU seconds so far of the hub with its workers, and of PostgreSQL's processes where it uses them."""
        return cpu_seconds(self.hub.pid) + self.database_cpu()

    def database_cpu(self) -> float:
        return cpu_seconds(self.cluster.pid) if self.cluster is not None and self.cluster.pid is not None else 0.0

    def districts_cpu(self) -> float:
        return sum(cpu_seconds(each.pid) for each in self.districts)


async def together(*works: Coroutine[Any, Any, Any]) -> list[Any]:
    """What all of them give; when one fails its error is raised at once and the others are cancelled."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def scene(
    place: Path, options: Options, *, districts: int = 1, floor: bool = False, workers: int = 1
) -> AsyncIterator[Scene]:
    """Start everything in `place`; all of it is stopped when this is left. Raises Unavailable, Malformed.

    `workers` are the hub's serving processes, on PostgreSQL.
    """
    if options.store not in STORES:
        raise Malformed(
            f"--store {options.store} is neither sqlite nor postgres",
            field="--store",
            zh=f"不支持的存储 {options.store}",
            advice_zh="可用 sqlite 或 postgres。",
            advice_en="Use sqlite or postgres.",
        )
    async with AsyncExitStack() as stack:
        cluster, addresses = None, [str(place)]
        hub_database = ""
        if options.store == "postgres":
            cluster = await stack.enter_async_context(private_cluster(place, options.postgres_url))
            mark = secrets.token_hex(4)  # a server that was named may see several measurements at once
            names = [f"ggzy_bench_{mark}_{name}" for name in DATABASES]
            stack.push_async_callback(asyncio.to_thread, cluster.drop, *names)
            made = [await asyncio.to_thread(cluster.database, name) for name in names]
            hub_database, addresses = made[0], made[1:]
        of_hub = {"workers": workers} if workers > 1 else {}
        federation = await asyncio.to_thread(make, place, districts, hub_database=hub_database, hub_settings=of_hub)
        hub = await stack.enter_async_context(serving(federation.hub))
        children = [
            await stack.enter_async_context(
                helper("node.bench.district", str(each.directory), log=place / f"{each.directory.name}.log")
            )
            for each in federation.districts
        ]
        beside = None
        if floor:
            beside = await stack.enter_async_context(helper("node.bench.floor", log=place / "floor.log"))
            await beside.ask(do="open", at=addresses)
        way = await stack.enter_async_context(reaching(federation.hub.url))
        watcher = Watcher(way, federation.policy, federation.hub.name)
        yield Scene(federation, hub, tuple(children), watcher, beside, cluster)
