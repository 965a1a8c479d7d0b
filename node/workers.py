"""`ggzy serve --workers N`: several processes that answer for one node, from one PostgreSQL database."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from math import ceil
from pathlib import Path

import structlog

import node
from node.app import Node
from node.errors import Refused
from node.keyring import Fence
from node.running.door import listen
from node.running.fences import hold_fences
from node.running.link import WorkerEnd
from node.running.parent import Parent
from node.serve import configure_logging, serve
from node.settings import Settings

PARENT = 0
"""The parent's number in log lines; workers count from 1."""


def require_many(settings: Settings, workers: int) -> None:
    """Raise Refused unless the node's database can be served by so many processes."""
    if workers > 1 and settings.database.startswith("sqlite"):
        raise Refused(
            f"{workers} workers need PostgreSQL: one process serves an SQLite database",
            field="workers",
            zh=f"SQLite 数据库只能由一个进程服务，不能使用 {workers} 个工作进程",
            advice_zh="请使用 --workers 1（区县节点足够）；需要多个进程时改用 PostgreSQL，见 docs/operating.md。",
            advice_en="Use --workers 1, which is enough for a district; for more, move to PostgreSQL, "
            "see docs/operating.md.",
        )


def serve_workers(settings: Settings, config: Path, workers: int) -> int:
    """Run workers until SIGTERM or SIGINT, or a failure that they share; gives the exit status.

    `config` is what the workers read their settings from. Raises what opening the node raises, before any worker is
    started.
    """
    require_many(settings, workers)
    configure_logging(settings.log_level, worker=PARENT)
    return asyncio.run(_serve_workers(settings, config, workers))


async def _serve_workers(settings: Settings, config: Path, workers: int) -> int:
    sockets = listen(settings)
    fences = await _rehearse(settings)
    parent = Parent(_command(config), _environment(), sockets, workers)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, parent.stop)
    structlog.get_logger(__name__).info("workers_begin", node=settings.name, url=settings.url, workers=workers)
    try:
        return await parent.run()
    finally:
        for fence in fences:
            fence.release()


async def _rehearse(settings: Settings) -> list[Fence]:
    """Open the node once, for what is wrong with it to be said once, and what is made once to be there; hold its keys.

    What the fences guard must not be free while workers are restarted.
    """
    rehearsed = Node(settings)
    await rehearsed.open()
    try:
        return hold_fences(settings, rehearsed.keys.log.verifier)
    finally:
        await rehearsed.close()


def _command(config: Path) -> list[str]:
    # Never from the current directory, where anything may lie under the name `node`.
    return [sys.executable, "-P", "-m", "node", "serve", "--config", str(config.absolute())]


def _environment() -> dict[str, str]:
    """Ours, and that the workers run the very program that this process runs."""
    paths = [str(Path(node.__file__).absolute().parents[1]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def serve_worker(settings: Settings, handle: int) -> int:
    """Be a worker of the parent at the other end of the link `handle`; gives the exit status. Raises Malformed."""
    link = WorkerEnd(handle)
    configure_logging(settings.log_level, worker=link.orders.worker)
    return asyncio.run(_serve_worker(share(settings, link.orders.workers), link))


async def _serve_worker(settings: Settings, link: WorkerEnd) -> int:
    orders, sockets = link.orders, list[socket.socket](link.sockets)
    return await serve(
        settings,
        worker=(orders.worker, orders.workers),
        listening=sockets,
        on_ready=link.tell_ready,
        until=link.until_alone(),
    )


def share(settings: Settings, workers: int) -> Settings:
    """One worker's settings: what is counted over the whole node is divided, a remainder upwards.

    What is counted by caller is not: one caller keeps to one connection, and so to one worker.
    """
    whole = {"max_connections": settings.max_connections, "max_concurrent_uploads": settings.max_concurrent_uploads}
    return settings.model_copy(update={name: ceil(most / workers) for name, most in whole.items()})
