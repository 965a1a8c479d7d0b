"""The file behind a figure: as many lines as the figure says, nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import re
from html import unescape
from pathlib import Path

from tests.web.api_node import served


async def test_every_figure_of_the_board_has_its_file(tmp_path: Path) -> None:
    async with served(tmp_path) as node:
        await node.hub.quality.run()
        page = await node.client.get("/quality?lang=en")
        links = {unescape(link) for link in re.findall(r'href="(/quality/records\?[^"]*)"', await page.text())}
        assert page.status == 200 and len(links) > 5
        for link in sorted(links):
            listed = await (await node.client.get(link)).text()
            (total,) = re.findall(r'role="status">[^<]*?(\d+)', listed)
            answer = await node.client.get(link.replace("/records?", "/records.csv?"))
            rows = list(csv.reader(io.StringIO((await answer.text()).removeprefix("\ufeff"))))
            assert answer.status == 200 and answer.content_type == "text/csv"
            assert len(rows) - 1 == int(total), link
            assert unescape(link).replace("/records?", "/records.csv?") in unescape(listed), "the page offers it"
            assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)


async def test_the_file_refuses_what_the_page_does_not_understand(tmp_path: Path) -> None:
    async with served(tmp_path) as node:
        for query in ("measure=x", "category=x", "step=x", "all=2", "node=nobody"):
            assert (await node.client.get(f"/quality/records.csv?{query}")).status == 400
            assert (await node.client.get(f"/quality/records?{query}")).status == 400
        assert (await node.client.head("/quality/records.csv")).status == 200
