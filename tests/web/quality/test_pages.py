"""The board's pages: figures that lead to their records, tables that need no script, and nothing inline."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest

from tests.scenarios.net import Net, result


@pytest.fixture
async def east(tmp_path):
    net = Net(tmp_path)
    running, *_ = await net.start("east", "hub", "national")
    await running.publish(result("E-1"), result("E-2", project_name="乙"))
    await running.node.projector.run()
    await running.node.quality.run()
    yield running
    await net.stop()


async def test_every_figure_leads_to_as_many_records_as_it_says(east):
    page = await east.page("/quality")
    links = set(re.findall(r'href="(/quality/records\?[^"]*)"', page))
    assert len(links) > 10
    for link in sorted(map(unescape, links)):
        listed = await east.page(link)
        (total,) = re.findall(r'role="status">[^\d<]*([\d,]+)', listed)
        assert len(re.findall(r'<a href="/records/[0-9a-f]{32}"', listed)) == int(total), link


async def test_the_charts_have_their_numbers_in_tables_and_no_code_in_the_page(east):
    page = await east.page("/quality?by=place")
    charts = {
        kind: json.loads(unescape(data)) for kind, data in re.findall(r'data-kind="(\w+)" data-chart="([^"]*)"', page)
    }
    assert set(charts) == {"heat", "funnel", "lags"}
    assert charts["heat"]["y"] == ["渝中区"] and charts["heat"]["cells"][0]["of"] == 2
    assert sum(charts["lags"]["series"][0]["data"]) == 2
    assert page.count("<table") == 5 + sum(1 for each in charts["funnel"])
    assert "style=" not in page and not re.search(r"<script(?![^>]* src=)", page) and not re.search(r" on\w+=", page)


async def test_what_is_not_understood_is_said_and_not_guessed(east):
    for path in ("/quality?category=x", "/quality?by=moon", "/quality/records?measure=x", "/quality/records?page=0"):
        status, body = await east.get(path)
        assert status == 400 and b"notice bad" in body, path
    assert (await east.get("/quality?sort=x", headers={"Accept": "application/json"}))[0] == 400


async def test_the_definitions_are_a_page(east):
    page = await east.page("/quality/measures?lang=en")
    assert "result without a notice" in page and "Not judged" in page
