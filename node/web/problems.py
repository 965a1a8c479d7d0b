"""The one map from our errors to HTTP: RFC 9457 problem documents for programs, a page for people.

A middleware, so that no handler names a status for an error. What a client sees never holds a stack or a path.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from node.errors import (
    ActRefused,
    BadProof,
    BadSignature,
    Conflict,
    DiskFull,
    Frozen,
    Malformed,
    NodeError,
    NotAllowed,
    NotFound,
    Overloaded,
    Overtaken,
    RateLimited,
    Refused,
    Rejected,
    StorageFailed,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

STATUS: dict[type[NodeError], int] = {
    Malformed: 400,
    ActRefused: 422,
    Overtaken: 409,
    Rejected: 422,
    Refused: 422,
    BadSignature: 403,
    BadProof: 422,
    NotAllowed: 403,
    Unauthenticated: 401,
    NotFound: 404,
    Conflict: 409,
    TooLarge: 413,
    RateLimited: 429,
    Overloaded: 503,
    DiskFull: 507,
    Unavailable: 503,
    Frozen: 503,
    StorageFailed: 503,
}
PROBLEM_TYPE = "application/problem+json"
GONE = 499
"""For our own figures: the connection ended before the answer."""
_PROGRAMS = ("/api/", "/tlog/", "/witness/", "/healthz", "/readyz", "/metrics", "/openapi.json")
_log = structlog.get_logger(__name__)

ErrorPage = Callable[[web.Request, int, NodeError], Awaitable[web.Response]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def status_of(error: NodeError) -> int:
    """HTTP status of an error: that of its nearest class in `STATUS`, else 500."""
    return next((STATUS[cls] for cls in type(error).__mro__ if cls in STATUS), 500)


def problem(error: NodeError, status: int) -> web.Response:
    """An RFC 9457 problem document; `code`, `advice_zh` and `advice_en` are our extensions."""
    body = {
        "type": f"urn:ggzy:problem:{error.code}",
        "title": error.title_en,
        "title_zh": error.zh,
        "status": status,
        "code": error.code,
        "detail": error.detail,
        "advice_zh": error.advice_zh,
        "advice_en": error.advice_en,
    }
    if error.field:
        body["field"] = error.field
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, Overloaded) else {}
    return web.Response(
        text=json.dumps(body, ensure_ascii=False), status=status, content_type=PROBLEM_TYPE, headers=headers
    )


class NoSuchPage(NotFound):
    """An address that this node does not serve."""

    code = "no-such-page"
    title_zh = "没有这个页面"
    title_en = "No such page"
    advice_zh = "请从首页重新进入，或核对网址。"
    advice_en = "Start again from the home page, or check the address."


class WrongMethod(NodeError):
    """The address exists, but not for this HTTP method."""

    code = "wrong-method"
    title_zh = "不支持该请求方法"
    title_en = "Method not allowed"
    advice_zh = "请使用 Allow 标头所列方法。"
    advice_en = "Use a method from the Allow header."


class Broken(NodeError):
    """A fault of ours; the cause is in the node's own log under the same request."""

    code = "internal"
    title_zh = "系统内部错误"
    title_en = "Internal error"
    advice_zh = "请稍后重试；如仍出现，请把时间与网址告诉管理员。"
    advice_en = "Try again later; if it comes back, tell the administrator the time and the address."


def middleware(error_page: ErrorPage) -> Middleware:
    """The middleware that turns errors into answers and puts the security headers on all of them."""

    @web.middleware
    async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            answer = await handler(request)
        except NodeError as error:
            answer = await _answer(request, error, status_of(error))
        except web.HTTPMethodNotAllowed as error:
            answer = await _answer(request, WrongMethod(), 405)
            answer.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
        except web.HTTPNotFound:
            answer = await _answer(request, NoSuchPage(), 404)
        except web.HTTPRequestEntityTooLarge:
            answer = await _answer(request, TooLarge(), 413)
        except web.HTTPException as error:
            if error.status >= 400:
                answer = await _answer(request, Malformed(error.reason), error.status)
            else:
                error.headers.update(SECURITY_HEADERS)
                raise
        except (ConnectionError, TimeoutError):
            # Whoever asked has gone, or takes nothing. aiohttp would log a stack trace for each: anyone could fill our
            # disk with them. There is nobody left to answer.
            if request.transport is not None:
                request.transport.close()
            answer = web.Response(status=GONE)
        except Exception:
            # The address may hold nothing personal by construction; queries are left out all the same.
            _log.exception("request_failed", method=request.method, path=request.path)
            answer = await _answer(request, Broken(), 500)
        if not answer.prepared:
            for name, value in SECURITY_HEADERS.items():
                answer.headers.setdefault(name, value)
        return answer

    async def _answer(request: web.Request, error: NodeError, status: int) -> web.Response:
        if request.path.startswith(_PROGRAMS) or "text/html" not in request.headers.get("Accept", "text/html"):
            return problem(error, status)
        return await error_page(request, status, error)

    return problems
