"""The address of whoever asks, where a reverse proxy of our own stands before the node.

Limits, lock-outs and the audit trail go by address: behind a proxy all would share one, and a stranger could lock
everybody out. What a proxy says is believed only of those that the settings name; anyone else could write any address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def middleware(trusted: tuple[str, ...]) -> Middleware:
    """Puts the address that a trusted proxy saw in the place of the proxy's own."""
    known = frozenset(trusted)

    @web.middleware
    async def proxies(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.remote in known and (seen := client(request.headers.getall("X-Forwarded-For", []), known)):
            request = request.clone(remote=seen)
        return await handler(request)

    return proxies


def client(headers: list[str], trusted: frozenset[str]) -> str:
    """The last address in the headers that is no proxy of ours; empty where there is none.

    Whoever asks may have sent a header himself: each proxy appends what it saw, so it counts from the end.

    >>> client(["6.6.6.6, 203.0.113.9"], frozenset({"127.0.0.1"})), client(["x"], frozenset())
    ('203.0.113.9', '')
    """
    for given in reversed([part.strip() for header in headers for part in header.split(",")]):
        if given in trusted:
            continue
        try:
            return str(ipaddress.ip_address(given))
        except ValueError:
            return ""
    return ""
