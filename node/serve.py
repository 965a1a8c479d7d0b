"""Serve one node until it is told to stop: listening socket, signals, structured log lines."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO, cast

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from node.app import Node, build, tls
from node.errors import Overloaded, Unavailable
from node.settings import Settings
from node.web.problems import problem, status_of

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
STORAGE_EXIT = 74  # EX_IOERR: the supervisor restarts us, and start-up verifies before anything is signed


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


def configure_logging(level: str) -> None:
    """One JSON line an event on standard error; request lines are left out, since an address can tell who asked."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
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
    """Run until SIGTERM or SIGINT; gives the process's exit status."""
    configure_logging(settings.log_level)
    return asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> int:
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
    runner = await start(Node(settings), on_fatal=fatal)
    structlog.get_logger(__name__).info("serving", node=settings.name, url=settings.url)
    try:
        await stop.wait()
    finally:
        await runner.cleanup()
    return status


class _Door(asyncio.Protocol):
    """Lets a new connection in to aiohttp, unless there are as many as may be: then it is answered 503 and closed."""

    def __init__(self, server: web.Server, most: int) -> None:
        self._server = server
        self._most = most

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        # Counted only now: many may come at once, and one whose TLS handshake fails never gets here.
        if len(self._server.connections) >= self._most:
            transport.write(_full())
            transport.close()
            return
        inside = self._server()
        transport.set_protocol(inside)
        inside.connection_made(transport)


def _full() -> bytes:
    """The whole answer to a connection that is one too many."""
    error = Overloaded("too many open connections", retry_after_s=5)
    answer = problem(error, status_of(error))
    body = answer.body
    assert isinstance(body, bytes)
    lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items() if name != "Content-Length"]
    lines += [f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class _Site(web.BaseSite):
    """A listening socket with a door-keeper."""

    def __init__(self, runner: web.AppRunner, settings: Settings) -> None:
        super().__init__(runner)
        self._settings = settings

    @property
    def name(self) -> str:
        return self._settings.url

    async def start(self) -> None:
        await super().start()
        server, settings = self._runner.server, self._settings
        assert server is not None
        context = tls(settings)
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Door(server, settings.max_connections),
            settings.host,
            settings.port,
            ssl=context,
            ssl_handshake_timeout=settings.request_timeout_s if context else None,
            reuse_address=True,
        )


async def start(node: Node, *, jobs: bool = True, on_fatal: Callable[[], None] = lambda: None) -> web.AppRunner:
    """Start a node's server on its host and port; `cleanup()` of what it gives stops it.

    Raises Unavailable when the port is taken.
    """
    settings = node.settings
    app = build(node, jobs=jobs, on_fatal=on_fatal)
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
        await _Site(runner, settings).start()
    except OSError as error:
        await runner.cleanup()
        raise Unavailable(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}",
            zh=f"无法监听 {settings.host}:{settings.port}",
            advice_zh="端口可能已被占用；请停止占用者，或在 config.toml 更换 port。",
            advice_en="The port may be taken: stop its user, or change port in config.toml.",
        ) from None
    return runner
