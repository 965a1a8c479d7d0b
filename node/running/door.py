"""The listening sockets of a node, and the keeper at the door: so many connections, and no more."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress

from aiohttp import web

from node.errors import Overloaded, Unavailable
from node.settings import Settings
from node.web.problems import problem, status_of

BACKLOG = 512
"""Connections that may wait to be let in."""
AT_ONCE = 4
"""Connections that a worker lets in at a time; it leaves the rest to the others, or one would get a whole crowd."""


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


class Site(web.BaseSite):
    """A listening socket with a door-keeper. Stopping it closes the socket in this process alone."""

    def __init__(self, runner: web.AppRunner, settings: Settings, listening: socket.socket) -> None:
        super().__init__(runner)
        self._settings = settings
        self._listening = listening

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
            sock=self._listening,
            backlog=AT_ONCE,
            ssl=context,
            ssl_handshake_timeout=settings.request_timeout_s if context else None,
        )
        # The event loop takes one number for how many may wait and how many it lets in at a time.
        self._listening.listen(BACKLOG)


def tls(settings: Settings) -> ssl.SSLContext | None:
    """The server's TLS context, None where a reverse proxy speaks TLS for us."""
    if not settings.tls_cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.directory / settings.tls_cert, settings.directory / settings.tls_key)
    return context


def listen(settings: Settings) -> list[socket.socket]:
    """Sockets that listen on every address of the settings' host. Raises Unavailable when the port cannot be had."""
    made: list[socket.socket] = []
    try:
        addresses = socket.getaddrinfo(
            settings.host or None, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, kind, protocol, _, address in dict.fromkeys(addresses):
            try:
                each = socket.socket(family, kind, protocol)
            except OSError:
                continue  # an address family that this machine knows by name alone
            made.append(each)
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                with suppress(OSError):
                    each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            each.bind(address)
            each.listen(BACKLOG)
            each.setblocking(False)
    except OSError as error:
        for each in made:
            each.close()
        raise Unavailable(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}",
            zh=f"无法监听 {settings.host}:{settings.port}",
            advice_zh="端口可能已被占用；请停止占用者，或在 config.toml 更换 port。",
            advice_en="The port may be taken: stop its user, or change port in config.toml.",
        ) from None
    return made
