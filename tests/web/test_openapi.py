"""The description of the interface against the OpenAPI standard and against the routes that the application serves."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aiohttp import web
from openapi_spec_validator import validate

from node.web import openapi
from node.web.openapi_parts import SIGNATURE
from node.web.problems import STATUS
from tests.web.api_node import EAST, HUB, NOW_MS, served

GUIDE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
METHODS = {"get", "post", "put", "patch", "delete"}


def test_the_document_is_valid_openapi() -> None:
    validate(openapi.document("https://hub.example"))


def test_the_document_names_the_server() -> None:
    assert openapi.document("https://hub.example")["servers"] == [{"url": "https://hub.example"}]
    assert openapi.document("https://east.example")["servers"] == [{"url": "https://east.example"}]


def test_every_operation_says_what_it_is_in_both_languages() -> None:
    names = set()
    for _, _, operation in _operations(openapi.document("")):
        assert re.search("[\u4e00-\u9fff]", operation["summary"]) and re.search("[a-zA-Z]", operation["summary"])
        names.add(operation["operationId"])
    assert len(names) == len(openapi.OPERATIONS)


def test_every_path_parameter_is_described_and_every_reference_leads_somewhere() -> None:
    made = openapi.document("")
    for path, _, operation in _operations(made):
        described = [each["name"] for each in operation.get("parameters", ()) if each.get("in") == "path"]
        assert sorted(described) == sorted(re.findall(r"\{(\w+)\}", path)), path
    text = json.dumps(made)
    for target in set(re.findall(r'"#/([^"]+)"', text)):
        place: Any = made
        for part in target.split("/"):
            place = place[part]


def test_links_lead_to_operations_that_need_what_they_carry() -> None:
    made = openapi.document("")
    needs = {
        operation["operationId"]: {each["name"] for each in operation.get("parameters", ()) if "in" in each}
        for _, _, operation in _operations(made)
    }
    links = made["paths"]["/api/logs"]["get"]["responses"]["200"]["links"].values()
    assert {link["operationId"] for link in links} == {name for name, each in needs.items() if "origin_hash" in each}
    assert all(set(link["parameters"]) <= needs[link["operationId"]] for link in links)


def test_what_must_be_signed_says_so() -> None:
    signed = {
        operation["operationId"]: {} not in operation["security"]
        for _, _, operation in _operations(openapi.document(""))
        if any(SIGNATURE in each for each in operation.get("security", ()))
    }
    assert signed == {
        "getPayloads": False,
        "putPayloads": True,
        "getPayloadState": False,
        "getWraps": True,
        "putWraps": True,
        "hello": True,
        "waitForNews": True,
        "issueUnifiedCode": True,
        "getFile": False,
        "listFilesAsked": True,
        "bringFile": True,
        "getRecord": False,
        "getReceipt": False,
        "getPayload": False,
    }


async def test_the_document_has_the_routes_of_the_application(tmp_path: Path) -> None:
    async with served(tmp_path) as node:
        app = node.client.server.app  # type: ignore[union-attr]
        answer = await node.client.get("/openapi.json")
        made = await answer.json()
        assert made == openapi.document(node.hub.settings.url)
    documented = {(method.upper(), path) for path, method, _ in _operations(made)}
    routed = [(route.method, route.resource) for route in app.router.routes() if route.method != "HEAD"]
    for method, resource in routed:
        assert resource is not None
        if resource.canonical.split("/")[1] in openapi.FOR_PERSONS:
            continue
        found = {each for each in documented if each[0] == method and _serves(resource, each[1])}
        assert found, f"{method} {resource.canonical} is not documented"
        documented -= found
    assert not documented, "documented, but served nowhere"


def _serves(resource: web.AbstractResource, path: str) -> bool:
    """One pattern of the server may serve several addresses, such as `/trades.csv` and `/trades.json`."""
    if resource.canonical == path:
        return True
    pattern = resource.get_info().get("pattern")
    return pattern is not None and "{" not in path and pattern.fullmatch(path) is not None


def _operations(made: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in made["paths"].items():
        for method in METHODS & set(item):
            yield path, method, item[method]


def test_every_status_of_an_error_is_described_somewhere() -> None:
    described = {int(status) for _, _, each in _operations(openapi.document("")) for status in each["responses"]}
    assert set(STATUS.values()) <= described


# --- docs/api.md ----------------------------------------------------------------------------------------------------


def test_the_guide_names_only_addresses_that_exist() -> None:
    made = set(openapi.document("")["paths"])
    for address in re.findall(r"[` ](/(?:api|tlog|witness)[^`\s?]*)`", GUIDE):
        assert address in made, address
    for code in re.findall(r"`(/[a-z]+(?:\.json)?)`", GUIDE):
        assert code in made or code in ("/entry",), code


async def test_the_programs_of_the_guide_work(tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    for program in re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL):
        exec(program, names)
    async with served(tmp_path) as node:
        base = str(node.client.make_url("")).rstrip("/")
        found = await asyncio.to_thread(lambda: list(names["follow"](base)))
        rows, last = [row for row, _ in found], found[-1][1]
        assert {row["origin"] for row in rows} == {f"{HUB}/1", f"{EAST}/1"}
        assert await asyncio.to_thread(lambda: list(names["follow"](base, last))) == []
        pem = (node.east.settings.keys / "request.key").read_bytes()
        theirs = {row["kind"]: row["record_id"] for row in rows if row["origin"] == f"{EAST}/1"}
        path = f"/api/records/{theirs['expert.profile']}"
        headers = names["signed"](pem, EAST, HUB, "GET", path, "version=1", created=NOW_MS // 1000)
        answer = await node.client.get(f"{path}?version=1", headers=headers)
        assert (await answer.json())["versions"][0]["sections"]["main"]["state"] == "held"
        headers = names["signed"](pem, EAST, HUB, "POST", "/api/hello", body=b"hi", created=NOW_MS // 1000)
        assert (await node.client.post("/api/hello", data=b"hi", headers=headers)).status == 200
