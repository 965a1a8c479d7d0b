"""The parts that measure: the relay counts every byte, the floor copies all there is, processes are watched and end."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import sys
from pathlib import Path

import pytest
import typer

from node.bench import machine, postgres
from node.bench.floor import SqliteFloor
from node.bench.options import Options, workplace
from node.bench.processes import cpu_seconds, family, free_ports, peak_rss_bytes, start
from node.bench.relay import counting
from node.bench.scene import together
from node.cli.bench import read_sizes
from node.errors import Refused, Unavailable


async def test_the_relay_carries_and_counts_both_ways() -> None:
    async def double(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data + data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(double, "127.0.0.1", 0)
    async with server, counting(server.sockets[0].getsockname()[1]) as line:
        for _ in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(line.url.rpartition(":")[2]))
            writer.write(b"x" * 50_000)
            writer.write_eof()
            assert await reader.read(-1) == b"x" * 100_000
            writer.close()
    assert (line.up, line.down, line.connections) == (100_000, 200_000, 2)


def test_the_floor_copies_every_row_in_order(tmp_path: Path) -> None:
    floor = SqliteFloor(tmp_path)
    rows = [(n, b"h%d" % n, b"s", b"p%d" % n, *((b"t", b"q") if n % 2 else (None, None))) for n in range(2500)]
    over = hashlib.sha256()
    for row in rows:
        over.update(hashlib.sha256(b"".join(part for part in row[1:] if part is not None)).digest())
    for _ in range(2):  # filled again, it begins anew
        floor.fill(iter(rows))
        assert floor.copy() == (2500, over.hexdigest())
    assert floor._target.execute("SELECT * FROM record ORDER BY idx").fetchall() == rows
    assert floor._target.execute("PRAGMA synchronous").fetchone() == (2,)


async def test_a_child_is_measured_and_answers_and_ends(tmp_path: Path) -> None:
    told = "import sys\nfor line in sys.stdin: print('{\"got\": %d}' % sum(range(10**6)), flush=True)"
    child = await start(["-c", told], tmp_path / "log", piped=True)
    assert (await child.ask(do="work"))["got"] == 499999500000
    assert child.pid in family(os.getpid())
    assert cpu_seconds(child.pid) > 0 and peak_rss_bytes(child.pid) > 1 << 20
    await child.stop()
    assert not child.alive and cpu_seconds(child.pid) == 0


async def test_a_child_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    child = await start(["-c", "import sys; sys.exit('no such thing')"], tmp_path / "log", piped=True)
    with pytest.raises(Unavailable, match="no such thing"):
        await child.ask(do="work")
    await child.stop()


async def test_one_failure_ends_what_runs_beside_it() -> None:
    ended: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("waits")

    async def fails() -> None:
        raise Unavailable("no such hub")

    with pytest.raises(Unavailable, match="no such hub"):
        await together(waits(), fails())
    assert ended == ["waits"]


async def test_a_missing_server_is_told_in_both_languages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "ROOTS", (str(tmp_path),))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(Unavailable) as told:
        async with postgres.private_cluster(tmp_path):
            pytest.fail("there is none")
    assert "--postgres-url" in told.value.advice_en and "postgresql" in told.value.advice_zh


def test_a_missing_driver_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Unavailable, match="psycopg"):
        postgres.driver()


def test_ports_are_free_and_differ() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5 and all(1024 <= port <= 65535 for port in ports)


def test_the_machine_is_described(tmp_path: Path) -> None:
    found = machine.describe(tmp_path)
    assert found["cores"] >= 1 and found["fsync_ms"] > 0 and found["ram_bytes"] > 1 << 28
    assert found["python"] == sys.version.split()[0]
    assert list(tmp_path.iterdir()) == []


def test_a_workplace_is_empty_and_goes_unless_kept(tmp_path: Path) -> None:
    with workplace(Options(directory=tmp_path / "a")) as place:
        (place / "file").touch()
    assert not place.exists()
    told: list[str] = []
    with workplace(Options(directory=tmp_path / "b", keep=True, tell=told.append)) as place:
        (place / "file").touch()
    assert (place / "file").exists() and str(place) in told[0]
    with pytest.raises(Refused), workplace(Options(directory=place)):
        pytest.fail("it was not empty")
    with workplace(Options()) as place:
        assert place.is_dir()
    assert not place.exists()


def test_sizes_are_numbers_with_commas() -> None:
    assert read_sizes("100000，10000, 10000") == (10_000, 100_000)
    for wrong in ("", "x", "0", "10,-5"):
        with pytest.raises(typer.BadParameter):
            read_sizes(wrong)
