"""`ggzy serve --workers N` as real processes: one runs the jobs, another takes over, and all end with their parent.

A national node and a district live in this process; between them stands a hub of two workers on PostgreSQL.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from node import settings as configuration
from node.bench.processes import Federation
from node.cli.main import app
from node.running.door import listen
from node.workers import share
from tests.publishing.made import divisions
from tests.store.postgres import needs_postgres
from tests.workers import alive, beside, hub_of, made_federation, size_of, so, until


@pytest.fixture
def federation(tmp_path: Path) -> Iterator[Federation]:
    with made_federation(tmp_path) as made:
        yield made


@needs_postgres
async def test_when_the_worker_with_the_jobs_is_killed_another_goes_on(federation: Federation) -> None:
    async with hub_of(federation) as hub, beside(federation) as (national, district):
        origin = district.settings.origin

        async def publish(first: int, end: int) -> None:
            await district.publisher.publish(divisions(range(first, end)))

            async def at_national() -> bool:
                # To the hub from here; from there to national by the hub's own job alone.
                await district.sync_once()
                return await national.store.read(size_of(origin)) == end

            await until(at_national)

            async def on_the_pages() -> bool:
                return (await hub.get(f"/codes?table=code.division&q={end - 1:06d}"))[1].count(b"<tr") > 1

            await until(on_the_pages)

        await publish(0, 3)
        leads, before = hub.leader(), hub.pids()
        os.kill(before[leads], signal.SIGKILL)
        # Reads go on meanwhile.
        assert (await hub.get("/healthz"))[0] == 200
        await until(lambda: so(lambda: len(hub.lines("jobs_begin")) == 2))
        await publish(3, 6)
        await until(lambda: so(lambda: hub.pids()[leads] != before[leads]))
        told = {each["status"] for each in hub.lines("worker_ended")}
        assert told == {"SIGKILL"}
        other = 3 - leads
        assert hub.pids()[other] == before[other], "the other was left alone"
        everyone = hub.everyone()
        assert len(everyone) == 3
        hub.process.terminate()
        assert await hub.process.wait() == 0
        assert not any(alive(pid) for pid in everyone), "SIGTERM leaves no process"


@needs_postgres
async def test_workers_end_by_themselves_when_their_parent_is_killed(federation: Federation) -> None:
    async with hub_of(federation) as hub:
        everyone = hub.everyone()
        assert len(everyone) == 3
        hub.process.kill()
        await hub.process.wait()
        await until(lambda: so(lambda: not any(alive(pid) for pid in everyone)))
        listen(hub.settings)[0].close()  # and nothing keeps the next from starting


def test_sqlite_is_served_by_one_process(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    made = CliRunner().invoke(
        app, ["init", str(tmp_path / "d"), "--role", "district", "--division", "500103", "--name", "渝中区"]
    )
    assert made.exit_code == 0, made.output
    refused = CliRunner().invoke(app, ["serve", "--workers", "2", "-c", str(tmp_path / "d")])
    assert refused.exit_code == 1
    told = refused.output + capfd.readouterr().err
    assert "SQLite 数据库只能由一个进程服务" in told and "one process serves an SQLite database" in told


def test_what_is_counted_over_the_node_is_divided_among_the_workers(tmp_path: Path) -> None:
    plain = {"name": "ggzy.example/t/500000", "title": "t", "role": "hub", "division": "500000"}
    whole = configuration.build(tmp_path, {**plain, "max_connections": 800, "max_concurrent_uploads": 16})
    part = share(whole, 3)
    assert (part.max_connections, part.max_concurrent_uploads) == (267, 6)
    assert part.max_log_requests_per_s == whole.max_log_requests_per_s
    assert share(whole, 1) == whole
