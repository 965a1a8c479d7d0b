"""The board's pages: every figure leads to its records, and says the same without JavaScript."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

from tests.web.api_node import served


async def test_every_figure_leads_to_as_many_records_as_it_says(tmp_path: Path) -> None:
    async with served(tmp_path) as node:
        await node.hub.quality.run()
        answer = await node.client.get("/quality?lang=en")
        text = await answer.text()
        assert answer.status == 200 and "unsafe" not in answer.headers["Content-Security-Policy"]
        assert 'style="' not in text and not re.search(r"<script(?![^>]*src)", text)
        rows = re.findall(
            r'<td class="num" data-label="Not right"><a href="(/quality/records[^"]*)">(\d+)</a></td>\s*'
            r'<td class="num" data-label="Judged"><a href="([^"]*)">(\d+)</a>',
            text,
        )
        assert len(rows) == 11 and any(int(bad) for _, bad, _, _ in rows)
        for bad_url, bad, all_url, judged in rows:
            for url, number in ((bad_url, bad), (all_url, judged)):
                csv = await (await node.client.get(unescape(url).replace("/records?", "/records.csv?"))).text()
                assert len(csv.splitlines()) - 1 == int(number), url
            assert (await node.client.get(unescape(bad_url))).status == 200


async def test_what_is_not_understood_is_said_and_changes_nothing_in_silence(tmp_path: Path) -> None:
    async with served(tmp_path) as node:
        for query in ("measure=x", "division=12", "category=x"):
            assert (await node.client.get(f"/quality?{query}")).status == 400
        for query in ("measure=x", "show=x", "lag=lag.99", "after=1", "step=x"):
            assert (await node.client.get(f"/quality/records?{query}")).status == 400
            assert (await node.client.get(f"/quality/records.csv?{query}")).status == 400
        page = await (await node.client.get("/quality")).text()
        assert "尚无可核对的交易记录" in page, "nothing was judged yet"
        assert (await node.client.get("/quality/records?lag=hub_lag.2")).status == 200
