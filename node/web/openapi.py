"""The description of the interface (OpenAPI 3.1), served at `/openapi.json`: built from the tables of operations.

A test holds it against the routes that the application serves, another against the answers that it gives.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from node import __version__
from node.web import (
    openapi_files,
    openapi_nodes,
    openapi_pages,
    openapi_quality,
    openapi_records,
    openapi_schemas,
    openapi_trades,
)
from node.web.openapi_parts import SIGNATURE, Json, Operation

OPERATIONS: tuple[Operation, ...] = (
    *openapi_nodes.TABLE,
    *openapi_records.TABLE,
    *openapi_trades.TABLE,
    *openapi_pages.TABLE,
    *openapi_files.TABLE,
    *openapi_quality.TABLE,
)

FOR_PERSONS = frozenset(
    "login logout account accounts register mine routing supervision console uplink rule-drafts".split()
)
"""First parts of addresses that are pages of logged-in persons: forms with a session, no interface for programs."""

_ABOUT = """\
A federated public-resource trading node. Each node keeps an append-only, signed log of the records that it issues \
(RFC 6962, c2sp.org); nodes mirror each other's logs. 公共资源交易联邦节点：各节点维护只增不改的签名日志并相互镜像。

Programs get errors as problem documents (RFC 9457) with a stable `code` and advice in both languages. \
出错时返回带代码与处理建议的说明文档。

Any operation may also answer 500 (`internal`), which is a fault of this node, and the server answers what is no HTTP \
with a plain-text 400. HEAD works wherever GET does. 所有 GET 均支持 HEAD。

In two addresses a parameter holds slashes as they are: `{tile}` and `{cosigner}`. 两处参数含未转义的斜线。
"""
_SIGNED = """\
HTTP Message Signatures (RFC 9421), label `ggzy`, Ed25519, over exactly `"@method" "@path" "@query" "content-digest" \
"ggzy-to"`, with a request key of the trust policy; see `Ggzy-To`, `Content-Digest` and `Signature-Input`. A request \
counts once, for a few minutes around `created`. A bad signature is refused also where none is needed. \
请求签名：使用信任策略中的请求密钥，每个请求仅有效一次。"""

# Where the value of a parameter in an address is always found, for programs that walk by the description: (operation,
# place). A list of records may be empty; a node always has a log.
_FOUND_IN = {"origin_hash": ("listLogs", "$response.body#/logs/0/origin_hash")}

_PATTERN = re.compile(r"\{(\w+):[^{}]+\}")


def document(server_url: str) -> dict[str, Any]:
    """The whole description, for the node that is reached at `server_url`."""
    return {**_document(), "servers": [{"url": server_url}]}


def template(path: str) -> str:
    """An address as OpenAPI writes it, from one as the server routes it: `{tile:tile/.+}` becomes `{tile}`."""
    return _PATTERN.sub(r"{\1}", path)


@cache
def _document() -> Json:
    paths: dict[str, Json] = {}
    for operation in OPERATIONS:
        paths.setdefault(template(operation.path), {})[operation.method] = operation.plain()
    _link(paths)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ggzy-node · 公共资源交易节点",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": name} for name in dict.fromkeys(operation.tag for operation in OPERATIONS)],
        "security": [],
        "paths": paths,
        "components": {
            "schemas": openapi_schemas.schemas(),
            "parameters": openapi_schemas.parameters(),
            "securitySchemes": {
                SIGNATURE: {"type": "apiKey", "in": "header", "name": "Signature", "description": _SIGNED}
            },
        },
    }


def _link(paths: dict[str, Json]) -> None:
    """Say in the answer of each operation of `_FOUND_IN` where one may go on with what it gave (Link Object)."""
    by_name = {plain["operationId"]: plain for item in paths.values() for plain in item.values()}
    for name, plain in by_name.items():
        for parameter in plain.get("parameters", ()):
            if parameter.get("in") == "path" and parameter["name"] in _FOUND_IN:
                source, place = _FOUND_IN[parameter["name"]]
                links = by_name[source]["responses"]["200"].setdefault("links", {})
                links[name] = {"operationId": name, "parameters": {parameter["name"]: place}}
