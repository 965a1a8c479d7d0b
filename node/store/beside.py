"""Small statements beside the order of the writers (`db.Store.write`), on a PostgreSQL connection of their own.

For what no entry, head or payload depends on: the nonces of requests, the numbers of news. A large transaction of the
writers must hold up neither. On SQLite one process serves, which keeps both in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from node.store import engine_postgres
from node.store.faults import postgres_fault

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")


class Beside:
    """One connection and one thread; what comes while a statement runs waits for it. Statements commit by themselves.

    The driver itself, without SQLAlchemy: a third of the CPU time, for what comes with each signed request.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[Any] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-beside")

    async def run(self, work: Callable[[psycopg.Connection[Any]], T]) -> T:
        """Run `work`. Raises Unavailable while the server is away; nothing is tried again."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work)

    def _run(self, work: Callable[[psycopg.Connection[Any]], T]) -> T:
        try:
            return work(self._open())
        except engine_postgres.driver_errors() as error:
            lost = self._connection is None or self._connection.closed
            self._drop()
            fault = postgres_fault(error, lost=lost, committing=False)
            if fault is None:
                raise
            raise fault from error

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            self._connection = engine_postgres.connect(self._url, "beside")
            # What is written here need not be on disk when it is answered.
            self._connection.execute("SET synchronous_commit = off")
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        self._thread.submit(self._drop).result()
        self._thread.shutdown()
