"""`scripts/compare-couchdb`: a replication by the CouchDB protocol of the records of `ggzy bench sync`.

Each record is one JSON document, its header, salts and payloads in base64. The timer runs from all documents stored at
the source to all documents stored at the target, an empty database at the start. Two ways:

without --couchdb  PouchDB (LevelDB) replicates to express-pouchdb (LevelDB) in a process of its own, over HTTP on
                   loopback; npm installs both, pinned, into a directory that is removed (or --modules keeps it).
                   LevelDB is written without sync: what is measured is less durable than ours
with --couchdb     a CouchDB 3 that runs already, at an address such as http://admin:secret@127.0.0.1:5984, replicates
                   from one database to another through its own replicator, over HTTP. It syncs each commit. Its two
                   databases begin with ggzy-compare- and are removed

Batches are tried in several sizes (--batches); the fastest counts. A first, uncounted run warms up and goes through a
relay that counts the bytes between the replicator and its target. Nothing is verified, signed or proven.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from node.bench.processes import Process, cpu_seconds, free_ports
from node.bench.relay import counting
from node.errors import Unavailable
from tests.compare.rows import Row, document, write_documents
from tests.compare.turns import Given, Run, Timed, main

HERE = Path(__file__).resolve().parent
PACKAGES = {
    "pouchdb-core": "9.0.0",
    "pouchdb-adapter-leveldb": "9.0.0",
    "pouchdb-adapter-http": "9.0.0",
    "pouchdb-replication": "9.0.0",
    "express-pouchdb": "4.2.0",
    "express": "4.21.2",
}
BATCHES = (100, 500, 1000, 2000)
"""PouchDB's own size is 100, CouchDB's 500."""
LOAD = 1000
READY_S = 30
SOURCE, TARGET = "ggzy-compare-source", "ggzy-compare-target"


async def prepare(given: Given, rows: Sequence[Row], stack: AsyncExitStack) -> tuple[dict[str, Run], dict[str, str]]:
    """The variants, each ready to run, and what they run on."""
    if given.more.couchdb:
        couch = Couch(given.more.couchdb, given.more.couchdb_pid, len(rows))
        version = await couch.open(stack, rows)
        return {f"batch-{size}": couch.run(size) for size in given.more.batches}, {"couchdb": version}
    modules = given.more.modules or given.directory / "npm"
    await install(modules)
    pouch = Pouch(modules, given.directory, len(rows))
    await pouch.open(stack, rows)
    return {f"batch-{size}": pouch.run(size) for size in given.more.batches}, dict(PACKAGES)


async def install(modules: Path) -> None:
    """PouchDB's packages under `modules`, unless they are there; LevelDB comes compiled inside its package."""
    if (modules / "node_modules" / "express-pouchdb").is_dir():
        return
    await asyncio.to_thread(_write_package, modules)
    words = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        child = await asyncio.create_subprocess_exec(
            *words, cwd=modules, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
    except FileNotFoundError:
        raise Unavailable("Node.js and npm are not installed") from None
    said, _ = await child.communicate()
    if child.returncode:
        raise Unavailable(f"npm install failed: {said.decode('utf-8', 'replace')[-600:]}")


def _write_package(modules: Path) -> None:
    modules.mkdir(parents=True, exist_ok=True)
    (modules / "package.json").write_text(json.dumps({"private": True, "dependencies": PACKAGES}), "utf-8")


class Pouch:
    """PouchDB in two processes: one holds the source and replicates, the other is the server."""

    def __init__(self, modules: Path, directory: Path, records: int) -> None:
        self._modules = modules
        self._directory = directory
        self._records = records
        self._number = 0
        self._wire: int | None = None

    async def open(self, stack: AsyncExitStack, rows: Sequence[Row]) -> None:
        """Start both, the source filled. They are stopped when `stack` is left."""
        documents = self._directory / "documents.ndjson"
        await asyncio.to_thread(write_documents, documents, rows)
        (port,) = free_ports(1)
        self._url = f"http://127.0.0.1:{port}"
        self._server = await self._start(stack, "pouchdb_server.js", str(port))
        await _answers(self._url)
        self._client = await self._start(stack, "pouchdb_client.js")
        _require(await self._client.ask(load=str(documents)), "loaded", self._records)
        async with counting(port) as line:
            await self._once(line.url, LOAD)
        self._wire = line.up + line.down

    async def _start(self, stack: AsyncExitStack, script: str, *arguments: str) -> Process:
        # A module is looked for from the script's own place upwards.
        await asyncio.to_thread((self._modules / script).write_bytes, (HERE / script).read_bytes())
        place = self._directory / Path(script).stem
        place.mkdir()
        log = self._directory / f"{script}.log"
        with log.open("ab") as out:
            child = await asyncio.create_subprocess_exec(
                *("node", str(self._modules / script), str(place), *arguments),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=out,
            )
        process = Process(child, log)
        stack.push_async_callback(process.stop)
        return process

    def run(self, size: int) -> Run:
        return lambda: self._once(self._url, size)

    async def _once(self, url: str, size: int) -> Timed:
        self._number += 1
        used = cpu_seconds(self._client.pid), cpu_seconds(self._server.pid)
        done = await self._client.ask(target=f"{url}/target-{self._number}", batch=size)
        _require(done, "written", self._records)
        spent = cpu_seconds(self._client.pid) - used[0], cpu_seconds(self._server.pid) - used[1]
        return Timed(done["seconds"], {"source": spent[0], "target": spent[1]}, self._wire)


class Couch:
    """A CouchDB that runs already and replicates from one of its databases to another, over HTTP."""

    def __init__(self, url: str, pid: int | None, records: int) -> None:
        self._url = url.rstrip("/")
        self._pid = pid
        self._records = records
        self._wire: int | None = None

    async def open(self, stack: AsyncExitStack, rows: Sequence[Row]) -> str:
        """Fill the source; CouchDB's version. Both databases are removed when `stack` is left."""
        self._session = await stack.enter_async_context(aiohttp.ClientSession())
        welcome = await self._ask("GET", "")
        stack.push_async_callback(self._drop, SOURCE)
        stack.push_async_callback(self._drop, TARGET)
        await self._drop(SOURCE)
        await self._ask("PUT", SOURCE)
        for low in range(0, len(rows), LOAD):
            documents = [document(row) for row in rows[low : low + LOAD]]
            await self._ask("POST", f"{SOURCE}/_bulk_docs", {"docs": documents})
        parts = urlsplit(self._url)
        async with counting(parts.port or 80) as line:
            who = parts.netloc.rpartition("@")[0]
            await self._once(urlunsplit(("http", f"{who}@{urlsplit(line.url).netloc}", parts.path, "", "")), LOAD)
        self._wire = line.up + line.down
        return str(welcome["version"])

    def run(self, size: int) -> Run:
        return lambda: self._once(self._url, size)

    async def _once(self, url: str, size: int) -> Timed:
        await self._drop(TARGET)
        await self._ask("PUT", TARGET)
        order = {
            "source": f"{self._url}/{SOURCE}",
            "target": f"{url}/{TARGET}",
            "worker_batch_size": size,
            # A checkpoint of one replication would let the next begin where it ended.
            "use_checkpoints": False,
        }
        used, started = self._cpu_seconds(), time.perf_counter()
        await self._ask("POST", "_replicate", order)
        seconds = time.perf_counter() - started
        spent = self._cpu_seconds() - used
        _require(await self._ask("GET", TARGET), "doc_count", self._records)
        return Timed(seconds, {"both": spent}, self._wire)

    def _cpu_seconds(self) -> float:
        return cpu_seconds(self._pid) if self._pid is not None else 0.0

    async def _drop(self, name: str) -> None:
        async with self._session.delete(f"{self._url}/{name}"):
            pass

    async def _ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        async with self._session.request(method, f"{self._url}/{path}", json=body) as answer:
            if answer.status >= 400:
                raise Unavailable(f"CouchDB answered {answer.status}: {(await answer.text())[:300]}")
            found = await answer.json(content_type=None)
            return found if isinstance(found, dict) else {}


async def _answers(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(READY_S * 10):
            try:
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)
    raise Unavailable(f"{url} did not answer within {READY_S} s")


def _require(answer: dict[str, Any], name: str, count: int) -> None:
    if answer.get(name) != count:
        raise Unavailable(f"{count} documents were to be {name}: {answer}")


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--batches", type=_sizes, default=BATCHES, help="sizes of a batch (default 100,500,1000,2000)")
    parser.add_argument("--modules", type=Path, help="directory for npm's packages, kept for the next time")
    parser.add_argument("--couchdb", type=_loopback, help="address of a CouchDB on this machine, with its password")
    parser.add_argument("--couchdb-pid", type=int, help="its process, to count CPU seconds")


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in text.split(","))


def _loopback(url: str) -> str:
    if urlsplit(url).hostname not in ("127.0.0.1", "localhost", "::1"):
        raise argparse.ArgumentTypeError("a comparison is made on one machine: the address must be of loopback")
    return url


if __name__ == "__main__":
    sys.exit(main("scripts/compare-couchdb", __doc__ or "", prepare, arguments=_arguments))
