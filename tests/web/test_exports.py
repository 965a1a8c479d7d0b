"""Downloads: the rows of the search, in three forms, with nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from openpyxl import load_workbook

from node.domain.codes import Division
from node.domain.entities import Company
from node.domain.record import Amount, Party
from node.settings import build
from node.web import exports, pages, portal, problems
from node.web.keys import CLOCK, SETTINGS, STORE
from node.web.portal_columns import COLUMNS
from tests.domain.test_spreadsheet import EVIL
from tests.projections.world import EAST, NOW_MS, World, behaviour, result, score

SETTINGS_OF_HUB = {"name": "ggzy.example/cq/500000", "title": "=节点", "role": "hub", "division": "500000"}


@pytest.fixture
def world():
    made = World()
    yield made
    made.store.close()


@pytest.fixture
async def client(world, tmp_path):
    app = web.Application(middlewares=[problems.middleware(pages.error_page)])
    app[STORE], app[CLOCK] = world.store, lambda: NOW_MS
    app[SETTINGS] = build(tmp_path, dict(SETTINGS_OF_HUB))
    pages.setup(app)
    app.add_routes(exports.routes)
    app.add_routes(portal.routes)
    async with TestClient(TestServer(app)) as made:
        yield made


async def read_csv(client, address):
    answer = await client.get(address)
    assert answer.status == 200 and answer.content_type == "text/csv"
    body = await answer.read()
    assert body.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))


async def read_xlsx(client, address):
    answer = await client.get(address)
    assert answer.status == 200
    book = load_workbook(io.BytesIO(await answer.read()))
    return [[list(row) for row in sheet.iter_rows(values_only=True)] for sheet in book.worksheets]


async def test_the_three_forms_have_the_same_rows_as_the_search(client, world):
    puts = [world.put(result(f"桥{n}", amount=Amount(str(n), n * 100)), project=False) for n in range(1203)]
    world.project(*puts)
    world.put(result("道路"))
    address = "?words=%E6%A1%A5&page=2"
    plain = await (await client.get(f"/trades.json{address}")).json()
    assert plain["total"] == len(plain["rows"]) == 1203
    assert plain["query"] == {"words": "桥"}
    assert plain["made_at"] == "2025-11-25T00:00:00+08:00"
    assert plain["rows"][0]["index"] == puts[-1].index
    assert set(plain["rows"][0]) == {column.name for column in COLUMNS["trades"]}
    titles = [row["title"] for row in plain["rows"]]
    assert titles == [f"桥{n}" for n in range(1202, -1, -1)]
    assert plain["rows"][0]["amount_fen"] == 120_200
    assert plain["rows"][0]["record_id"] == puts[-1].record_id.hex()
    lines = await read_csv(client, f"/trades.csv{address}")
    assert [line[0] for line in lines] == ["标题", *titles]
    assert dict(zip(lines[0], lines[1], strict=True))["金额（元）"] == "1202.00"
    sheet, about = await read_xlsx(client, f"/trades.xlsx{address}&lang=en")
    assert [row[0] for row in sheet] == ["Title", *titles]
    assert dict(zip(sheet[0], sheet[1], strict=True))["Amount (yuan)"] == 1202
    assert about[0][1] == "'=节点"


@pytest.mark.parametrize("name", ["trades", "credit", "entities", "codes"])
async def test_every_table_can_be_downloaded_when_empty_and_when_not(client, world, name):
    for expected in (0, 1):
        plain = await (await client.get(f"/{name}.json")).json()
        assert (plain["total"], len(plain["rows"])) == (expected, expected)
        assert len(await read_csv(client, f"/{name}.csv")) == expected + 1
        assert len((await read_xlsx(client, f"/{name}.xlsx"))[0]) == expected + 1
        if not expected:
            world.put(result())
            world.put(score(), kind="credit.score")
            world.put(Company(name="甲", uscc="91350100M000100Y43"), kind="entity.company")
            world.put(Division(code="500103", name="渝中区"), kind="code.division")


async def test_no_cell_of_a_download_is_a_formula(client, world):
    for evil in EVIL:
        owner = Party(evil)
        world.put(result(evil, project_code=evil, section_code=evil, stage=evil, division_name=evil, owner=owner))
    for row in await read_csv(client, "/trades.csv"):
        assert not [cell for cell in row if cell.lstrip()[:1] in tuple("=+-@＝＋－＠")]
    answer = await client.get("/trades.xlsx")
    book = load_workbook(io.BytesIO(await answer.read()))
    assert {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row} <= {"s", "n", "inlineStr"}


async def test_points_are_numbers_with_their_sign(client, world):
    world.put(behaviour(good=False, points=250), kind="credit.behaviour")
    (_, row) = await read_csv(client, "/credit.csv")
    assert "-0.250" in row
    sheet, _ = await read_xlsx(client, "/credit.xlsx")
    assert -0.25 in sheet[1]


async def test_an_excel_file_ends_at_its_limit_and_says_so(client, world, monkeypatch):
    monkeypatch.setattr(exports, "XLSX_ROWS", 7)
    monkeypatch.setattr(exports, "PIECE", 5)
    puts = [world.put(result(f"桥{n}"), project=False) for n in range(12)]
    world.project(*puts)
    sheet, about = await read_xlsx(client, "/trades.xlsx")
    assert len(sheet) == 8
    assert ["行数", 7, "查询结果超过 7 条"] in about
    assert len(await read_csv(client, "/trades.csv")) == 13


async def test_the_columns_of_a_sheet_are_as_wide_as_what_they_hold(client, world):
    world.put(result())
    book = load_workbook(io.BytesIO(await (await client.get("/trades.xlsx")).read()))
    widths = [book.worksheets[0].column_dimensions[letter].width for letter in "AN"]
    assert widths == [50, 12]


async def test_only_so_many_excel_files_are_made_at_once(client, world, monkeypatch):
    monkeypatch.setattr(exports, "_making_xlsx", exports.XLSX_AT_ONCE)
    answer = await client.get("/trades.xlsx", headers={"Accept": "application/json"})
    assert answer.status == 503 and answer.headers["Retry-After"]
    assert (await client.get("/trades.csv")).status == 200


async def test_control_characters_and_long_cells_fit_into_a_sheet(client, world):
    world.put(result("甲\x01\x0b\ufffe乙", owner=Party("长" * 40_000)))
    sheet, _ = await read_xlsx(client, "/trades.xlsx")
    assert sheet[1][0] == "甲\ufffd \ufffd乙"
    await read_csv(client, "/trades.csv")


async def test_a_bad_query_is_refused_by_field(client):
    answer = await client.get("/credit.csv?sort=none", headers={"Accept": "application/json"})
    problem = await answer.json()
    assert (answer.status, problem["field"]) == (400, "sort")
    assert (await client.get("/secrets.csv")).status == 404
    assert (await client.get("/trades.exe")).status == 404


async def test_one_origin_only(client, world):
    world.put(result("东"), origin=EAST)
    plain = await (await client.get("/trades.json?origin=ggzy.example/cq/500000/1")).json()
    assert plain["rows"] == []
