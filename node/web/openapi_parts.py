"""Pieces of which the table of operations is made: parameters, bodies, answers, and the operation itself (OpenAPI 3.1).

Every text is English with the Chinese beside it. Nothing here knows an address.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from node.web.problems import PROBLEM_TYPE

Json = dict[str, Any]

JSON, TEXT, HTML, BYTES = "application/json", "text/plain", "text/html", "application/octet-stream"
SIGNATURE = "requestSignature"
"""Name of the security scheme of signed requests."""


def _about(text: str) -> Json:
    return {"description": text} if text else {}


# --- schemas --------------------------------------------------------------------------------------------------------


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def string(about: str = "", **more: Any) -> Json:
    return {"type": "string", **_about(about), **more}


def integer(about: str = "", *, least: int = 0, most: int = 2**63 - 1, **more: Any) -> Json:
    return {"type": "integer", **_about(about), "minimum": least, "maximum": most, **more}


def boolean(about: str = "") -> Json:
    return {"type": "boolean", **_about(about)}


def array(items: Json, about: str = "", **more: Any) -> Json:
    return {"type": "array", **_about(about), "items": items, **more}


def either(*choices: Json, about: str = "") -> Json:
    return {**_about(about), "anyOf": list(choices)}


def choice(values: Iterable[str], about: str = "", **more: Any) -> Json:
    return {"type": "string", **_about(about), "enum": list(values), **more}


def record(about: str = "", *, optional: Iterable[str] = (), **properties: Json) -> Json:
    """An object of exactly these properties; all but `optional` are always there."""
    left_out = set(optional)
    return {
        "type": "object",
        **_about(about),
        "properties": properties,
        "required": [name for name in properties if name not in left_out],
        "additionalProperties": False,
    }


# --- parameters -----------------------------------------------------------------------------------------------------


def in_path(name: str, about: str, schema: Json) -> Json:
    return {"name": name, "in": "path", "required": True, "description": about, "schema": schema}


def in_query(name: str, about: str, schema: Json, *, required: bool = False) -> Json:
    return {"name": name, "in": "query", "required": required, "description": about, "schema": schema}


def in_header(name: str, about: str, schema: Json) -> Json:
    return {"name": name, "in": "header", "required": False, "description": about, "schema": schema}


# --- bodies and answers ---------------------------------------------------------------------------------------------


def body(content_type: str, about: str, schema: Json | None = None, *more_types: str) -> Json:
    """A request body; `more_types` are media types that may hold the same bytes."""
    content = {each: _media(schema) for each in (content_type, *more_types)}
    return {"required": True, "description": about, "content": content}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: what it says, its bytes by media type, and headers beyond those of every answer."""

    about: str
    content: Mapping[str, Json | None] = field(default_factory=dict)
    headers: Mapping[str, Json] = field(default_factory=dict)

    def plain(self) -> Json:
        made: Json = {"description": self.about}
        if self.headers:
            made["headers"] = dict(self.headers)
        if self.content:
            made["content"] = {name: _media(schema) for name, schema in self.content.items()}
        return made


def text(about: str, schema: Json | None = None, **headers: Json) -> Answer:
    return Answer(about, {TEXT: schema or string()}, headers)


def json(about: str, schema: Json) -> Answer:
    return Answer(about, {JSON: schema})


def page(about: str) -> Answer:
    return Answer(about, {HTML: string()}, {"Content-Language": header("zh-CN or en · 页面语言")})


def header(about: str, schema: Json | None = None) -> Json:
    return {"description": about, "schema": schema or string()}


RETRY_AFTER = {"Retry-After": header("seconds until a new try makes sense · 多少秒后重试", integer(least=1))}
_PROBLEMS: dict[int, str] = {
    400: "not of the form described here · 格式不正确",
    401: "signed badly, not at all where it must be, too late, or twice · 未通过身份核验",
    403: "a signature that no trusted key made, or not for this caller · 签名不能核验或无权限",
    404: "nothing of that name here · 没有找到",
    409: "the state has moved on · 状态已变化",
    413: "over a limit of this node · 超过大小限制",
    422: "a proof that does not hold, or against a rule · 证明不成立或按规则拒绝",
    429: "too many for this log from this address; come back · 过于频繁",
    503: "cannot be done now; try again later · 暂时不可用",
    507: "the disk is full, nothing was written · 磁盘已满，未写入",
}


# --- operations -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Operation:
    """One line of the table.

    `path` is an address or pattern as the server routes it. `problems` are the statuses that come as problem documents
    (RFC 9457). `signed` is "may" or "must" where a caller's signature is looked at. `busy` marks answers of 503 that
    say when to come back. `browser` marks addresses whose errors are pages for those who accept HTML.
    """

    method: str
    path: str
    name: str
    summary: str
    tag: str
    answers: Mapping[int, Answer]
    problems: tuple[int, ...] = ()
    params: tuple[Json, ...] = ()
    body: Json | None = None
    about: str = ""
    signed: str = ""
    busy: bool = False
    browser: bool = False

    def plain(self) -> Json:
        made: Json = {"operationId": self.name, "summary": self.summary, "tags": [self.tag]}
        if self.about:
            made["description"] = self.about
        params = list(self.params)
        if self.signed:
            params += [{"$ref": f"#/components/parameters/{name}"} for name in ("GgzyTo", "Digest", "SignatureInput")]
            made["security"] = [{SIGNATURE: []}] if self.signed == "must" else [{}, {SIGNATURE: []}]
        if params:
            made["parameters"] = params
        if self.body is not None:
            made["requestBody"] = self.body
        statuses = sorted({*self.answers, *self.problems})
        made["responses"] = {str(status): self._answer(status) for status in statuses}
        if params:
            # An address or header that is too long never reaches the program either.
            too_long = made["responses"].setdefault("400", {"description": "too long to be read · 过长，无法读取"})
            too_long.setdefault("content", {}).setdefault(TEXT, {"schema": string()})
        return made

    def _answer(self, status: int) -> Json:
        plain: Json = self.answers[status].plain() if status in self.answers else {"description": _PROBLEMS[status]}
        if status in self.problems:
            content = plain.setdefault("content", {})
            content[PROBLEM_TYPE] = {"schema": ref("Problem")}
            if self.body is not None and status == HTTPStatus.BAD_REQUEST:
                # A body in an unknown encoding never reaches the program: the server says so in a line of text.
                content.setdefault(TEXT, {"schema": string()})
            if self.browser:
                content.setdefault(HTML, {"schema": string()})
            busy = status == HTTPStatus.SERVICE_UNAVAILABLE and self.busy
            if busy or status == HTTPStatus.TOO_MANY_REQUESTS:
                plain.setdefault("headers", {}).update(RETRY_AFTER)
        return plain


def _media(schema: Json | None) -> Json:
    # Bytes have no schema in OpenAPI 3.1: the media type says it all.
    return {} if schema is None else {"schema": schema}
