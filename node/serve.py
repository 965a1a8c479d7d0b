"""Serve one node until it is told to stop: listening socket, signals, structured log lines."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import TextIO, cast

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from structlog.typing import EventDict

from node.app import Node, build
from node.running.door import Site, listen
from node.running.parent import STORAGE_EXIT
from node.settings import Settings

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class _StandardError:
    """Standard error as it is when a line is written, not as it was when logging was set up."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def _is_ours(record: logging.LogRecord) -> bool:
    """False for what a stranger's unreadable request makes aiohttp log: a stack trace with his address and his bytes.

    He is answered 400, and must not be able to fill our disk or to write into our log.
    """
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def _numbered(worker: int, _logger: object, _method: str, event: EventDict) -> EventDict:
    return {**event, "worker": worker}


def configure_logging(level: str, worker: int | None = None) -> None:
    """One JSON line an event on standard error, with the number of the worker where there are several.

    Request lines are left out, since an address can tell who asked.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            *([] if worker is None else [partial(_numbered, worker)]),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _StandardError())),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    # A tick that finds its job still running is nothing to tell: the running one does its work.
    logging.getLogger("aiohttp.server").addFilter(_is_ours)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


def serve_node(settings: Settings) -> int:
    """Run in this process until SIGTERM or SIGINT; gives the process's exit status."""
    configure_logging(settings.log_level)
    return asyncio.run(serve(settings))


async def serve(
    settings: Settings,
    *,
    worker: tuple[int, int] = (1, 1),
    listening: list[socket.socket] | None = None,
    on_ready: Callable[[], None] = lambda: None,
    until: Coroutine[None, None, None] | None = None,
) -> int:
    """Serve one node until SIGTERM or SIGINT, or `until` has come about; gives the exit status.

    `worker` is this process's number and how many there are; `listening` sockets that listen already.
    """
    stop = asyncio.Event()
    status = 0

    def fatal() -> None:
        nonlocal status
        status = STORAGE_EXIT
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    ending = None if until is None else loop.create_task(until)
    if ending is not None:
        ending.add_done_callback(lambda _: stop.set())
    runner = await start(Node(settings), on_fatal=fatal, listening=listening, worker=worker)
    structlog.get_logger(__name__).info("serving", node=settings.name, url=settings.url, pid=os.getpid())
    on_ready()
    try:
        await stop.wait()
    finally:
        if ending is not None:
            ending.cancel()
        await runner.cleanup()
    return status


async def start(
    node: Node,
    *,
    jobs: bool = True,
    on_fatal: Callable[[], None] = lambda: None,
    listening: list[socket.socket] | None = None,
    worker: tuple[int, int] = (1, 1),
) -> web.AppRunner:
    """Start a node's server on its host and port, or on sockets that listen already; `cleanup()` of it stops it.

    Raises Unavailable when the port is taken.
    """
    settings = node.settings
    app = build(node, jobs=jobs, on_fatal=on_fatal, worker=worker)
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=5,
        max_line_size=16384,
        handle_signals=False,
        # For aiohttp a connection is idle until a request's headers have come whole, from its first byte on.
        keepalive_timeout=settings.request_timeout_s,
    )
    await runner.setup()
    try:
        for each in listen(settings) if listening is None else listening:
            await Site(runner, settings, each).start()
    except BaseException:
        await runner.cleanup()
        raise
    return runner
