"""What all pages share: templates compiled once, words, static files with their hash in the address, error pages."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from types import CodeType
from typing import Any
from urllib.parse import quote

import aiohttp_jinja2
import jinja2
from aiohttp import web
from jinja2.bccache import Bucket

from node import __version__, resources
from node.domain import divisions
from node.domain.trades import CATEGORIES
from node.errors import NodeError, NotFound
from node.web import portal_format as form
from node.web import session
from node.web.i18n import Words, language, remember, switch
from node.web.keys import CLOCK, RULES, SETTINGS, TRUSTED
from node.web.portal_text import NAVIGATION, ROLES

CACHE_FOR_EVER = "public, max-age=31536000, immutable"
SAFE = {"X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    body: bytes
    content_type: str
    tag: str


STATIC: web.AppKey[dict[str, StaticFile]] = web.AppKey("static")


class _Compiled(jinja2.BytecodeCache):
    """Compiled templates, shared by all nodes of a process: compiling takes half a second."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._codes[bucket.key, bucket.checksum] = bucket.code


_compiled = _Compiled()


def setup(app: web.Application) -> None:
    """Compile the templates and read the static files: no request waits for either."""
    app[STATIC] = _static_files()
    environment = aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(resources.templates_dir()),
        autoescape=True,
        auto_reload=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        context_processors=[],
        bytecode_cache=_compiled,
    )
    environment.filters |= {
        "number": form.number,
        "yuan": form.yuan,
        "points": form.points,
        "when": form.when,
        "day": form.day,
        "sentence": form.sentence,
        "hex": bytes.hex,
        "segment": lambda text: quote(text, safe=""),
        "pick": lambda pair, t: t.pick(pair),
    }
    for name in environment.list_templates():
        environment.get_template(name)


def render(request: web.Request, template: str, *, status: int = 200, **context: Any) -> web.Response:
    """A page in the language of the request."""
    t = Words(language(request))
    settings = request.app[SETTINGS]
    now_ms = request.app[CLOCK]()
    shared = {
        "t": t,
        "lang": t.language,
        "node": settings,
        "role": t.pick(ROLES[settings.role]),
        "version": __version__,
        "navigation": [(path, t.pick(title), _within(request.path, path)) for path, title in NAVIGATION],
        "switch_url": switch(request),
        "now_ms": now_ms,
        "policy_stale": TRUSTED in request.app and request.app[TRUSTED].stale(),
        "ago": lambda ms: t.pick(form.ago(ms, now_ms)),
        "money": lambda fen: t.pick(form.money(fen)),
        "place": lambda code: divisions.name_of(code) or code,
        "category": lambda value: t.name(CATEGORIES, value),
        "options": lambda names: [(value, t.pick(pair)) for value, pair in names.items()],
        "no_holidays": request.app[RULES].calendar.wanting(now_ms) if RULES in request.app else 0,
        "person": session.here(request),
        "csrf": session.csrf(request),
        "static": lambda name: f"/static/{name}?v={request.app[STATIC][name].tag}",
    }
    response = aiohttp_jinja2.render_template(template, request, shared | context, status=status)
    response.headers["Content-Language"] = t.html
    response.headers["Vary"] = "Cookie"
    response.headers["Cache-Control"] = "no-cache"
    response.headers.update(SAFE)
    remember(request, response)
    session.remember(request, response)
    return response


async def error_page(request: web.Request, status: int, error: NodeError) -> web.Response:
    """What happened and what to do next, in both languages: whoever meets it may read only one."""
    return render(request, "error.html", status=status, error=error, code=status)


async def static(request: web.Request) -> web.Response:
    """A packaged file. With its own hash in the address it may be kept for ever."""
    file = request.app[STATIC].get(request.match_info["name"])
    if file is None:
        raise NotFound("no such file", zh="没有这个文件")
    keep = request.query.get("v") == file.tag
    headers = SAFE | {"Cache-Control": CACHE_FOR_EVER if keep else "no-cache", "ETag": f'"{file.tag}"'}
    if f'"{file.tag}"' in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    return web.Response(body=file.body, content_type=file.content_type, headers=headers)


def _static_files() -> dict[str, StaticFile]:
    found = {}
    for path in sorted(resources.static_dir().iterdir()):
        if path.is_file():
            body = path.read_bytes()
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            found[path.name] = StaticFile(body, kind, hashlib.sha256(body).hexdigest()[:16])
    return found


def _within(path: str, section: str) -> bool:
    return path == section or (section != "/" and path.startswith(section + "/"))
