"""Atom and JSON feeds of any search of trades, and the page of open data with its files."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from lxml import etree

from node.domain.dumps import DailyDump
from node.domain.entities import Company
from node.opendata.export import About, write
from node.settings import build
from node.web import feeds, opendata, pages, portal, problems
from node.web.keys import CLOCK, SETTINGS, STORE
from tests.projections.world import HUB, NOW_MS, World, result, score
from tests.web.test_exports import SETTINGS_OF_HUB

ATOM = {"a": feeds.ATOM}


@pytest.fixture
def world() -> Any:
    made = World()
    yield made
    made.store.close()


@pytest.fixture
async def client(world: World, tmp_path: Path) -> Any:
    app = web.Application(middlewares=[problems.middleware(pages.error_page)])
    app[STORE], app[CLOCK] = world.store, lambda: NOW_MS
    app[SETTINGS] = build(tmp_path, dict(SETTINGS_OF_HUB))
    pages.setup(app)
    for routes in (feeds.routes, opendata.routes, portal.routes):
        app.add_routes(routes)
    async with TestClient(TestServer(app)) as made:
        yield made


async def atom(client: Any, query: str = "") -> Any:
    answer = await client.get(f"/trades.atom{query}")
    assert answer.status == 200 and answer.content_type == "application/atom+xml"
    return etree.fromstring(await answer.read())


def texts(root: Any, path: str) -> list[str]:
    return [each.text for each in root.iterfind(path, ATOM)]


async def test_an_atom_feed_has_what_rfc_4287_asks_for_and_ids_that_stay(client: Any, world: World) -> None:
    empty = await atom(client)
    assert texts(empty, "a:entry/a:id") == [] and len(texts(empty, "a:updated")) == 1
    first = world.put(result("桥梁\x0b <工程> & 附属"))
    world.put(result("桥梁更正"), after=first)
    world.put(result("道路", project_code="P-2", section_code="P-2-1"))
    root = await atom(client)
    for parent in (root, *root.iterfind("a:entry", ATOM)):
        for name in ("id", "title", "updated"):
            (found,) = texts(parent, f"a:{name}")
            assert found
        assert datetime.fromisoformat(texts(parent, "a:updated")[0]).tzinfo is not None
    assert texts(root, "a:author/a:name") == ["=节点"]
    rels = {each.get("rel"): each.get("href") for each in root.iterfind("a:link", ATOM)}
    assert rels["self"].endswith("/trades.atom") and rels["alternate"].endswith("/trades")
    assert rels["self"] == texts(root, "a:id")[0]
    ids = texts(root, "a:entry/a:id")
    assert len(ids) == len(set(ids)) == 2 and texts(await atom(client), "a:entry/a:id") == ids
    assert texts(root, "a:updated") == [max(texts(root, "a:entry/a:updated"))]
    assert all(each.get("href").count("/records/") == 1 for each in root.iterfind("a:entry/a:link", ATOM))
    # A correction is news of its own: the record's id stays, its version goes on.
    assert [id.rpartition(":")[2] for id in ids] == ["1", "2"]


async def test_a_feed_is_that_of_its_search(client: Any, world: World) -> None:
    for title in ("桥梁工程", "道路工程"):
        world.put(result(title))
    root = await atom(client, "?words=桥梁&page=7")
    assert texts(root, "a:entry/a:title") == ["桥梁工程"]
    address = texts(root, "a:id")[0]
    assert "words=" in address and "page=" not in address and "桥梁" in texts(root, "a:title")[0]
    assert texts(await atom(client, "?category=矿业权"), "a:entry/a:id") == []
    answer = await client.get("/trades.atom?min=x", headers={"Accept": "application/json"})
    assert answer.status == 400 and (await answer.json())["field"] == "min"
    page = await (await client.get("/trades?words=桥梁")).text()
    assert "/trades.atom?words=" in page and "/trades.feed.json?words=" in page


async def test_a_json_feed_has_the_fields_of_version_1_1(client: Any, world: World) -> None:
    puts = [world.put(result(f"桥{number}"), project=False) for number in range(feeds.ENTRIES + 3)]
    world.project(*puts)
    world.put(result("末"))
    answer = await client.get("/trades.feed.json")
    assert answer.content_type == "application/feed+json"
    made = await answer.json()
    assert made["version"] == "https://jsonfeed.org/version/1.1" and made["title"] and made["language"] == "zh-CN"
    assert made["feed_url"].endswith("/trades.feed.json") and made["home_page_url"].endswith("/trades")
    assert made["authors"] == [{"name": "=节点", "url": made["home_page_url"].removesuffix("/trades")}]
    for item in made["items"]:
        assert item["id"] and item["url"] and item["content_text"] and isinstance(item["tags"], list)
        assert datetime.fromisoformat(item["date_published"]).tzinfo is not None
    root = await atom(client)
    assert [item["id"] for item in made["items"]] == texts(root, "a:entry/a:id")
    assert len(made["items"]) == feeds.ENTRIES and made["items"][0]["title"] == "末"


async def test_the_page_of_open_data_lists_the_dumps_and_gives_the_files(client: Any, world: World) -> None:
    page = await (await client.get("/open-data")).text()
    assert "ggzy export" in page or "/trades.csv" in page
    folder = client.server.app[SETTINGS].dumps
    world.put(result("桥"))
    name = "open-data-20251125.jsonl"
    about = About("https://hub.example", "中心", "ocds-abc123", NOW_MS)
    file = world.store.read_now(partial(write, form="jsonl", path=folder / name, about=about))
    world.put(DailyDump(day="2025-11-25", files=[file]), kind="dump.daily", origin=HUB)
    page = await (await client.get("/open-data")).text()
    assert f"/open-data/{name}" in page and file.sha256 in page and "/records/" in page
    answer = await client.get(f"/open-data/{name}")
    assert answer.status == 200 and answer.content_type == "application/jsonl"
    assert hashlib.sha256(await answer.read()).hexdigest() == file.sha256
    for other in ("config.toml", "open-data-20251124.jsonl", "open-data-20251125.exe", "..%2Fconfig.toml"):
        assert (await client.get(f"/open-data/{other}")).status == 404, other


async def test_every_search_of_records_has_its_feeds(client: Any, world: World) -> None:
    world.put(result("桥梁工程", published_on="2025-11-25"))
    world.put(score("桥梁公司"), kind="credit.score")
    world.put(Company(name="桥梁公司", uscc="91350100M000100Y43", registered_on="1995-09-09"), kind="entity.company")
    for name, title in (
        ("trades", "桥梁工程"),
        ("disclosures", "桥梁工程"),
        ("credit", "桥梁公司"),
        ("entities", "桥梁公司"),
    ):
        answer = await client.get(f"/{name}.atom?words=桥梁")
        root = etree.fromstring(await answer.read())
        rels = {each.get("rel"): each.get("href") for each in root.iterfind("a:link", ATOM)}
        assert f"/{name}.atom?words=" in rels["self"] and f"/{name}?words=" in rels["alternate"]
        told = await (await client.get(f"/{name}.feed.json?words=桥梁")).json(content_type=None)
        assert len(told["items"]) == len(texts(root, "a:entry/a:id")) == 1, name
        assert all(title in each["title"] and each["content_text"] for each in told["items"])
        other = await (await client.get(f"/{name}.feed.json?words=隧道")).json(content_type=None)
        assert other["items"] == []
