"""News between the processes of one node: a bell that any of them rings and all of them hear (LISTEN / NOTIFY).

A ring says nothing but that there is something to look for. What a process may have missed while its connection was
away it looks for when it is back, so a bell is heard late but never lost. On SQLite one process serves and needs none.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from sqlalchemy import Connection, text

from node.store import engine_postgres

_log = structlog.get_logger(__name__)
CHANNEL = "ggzy_news"
_ring = text("SELECT pg_notify(:channel, '')")
LOOK_S = 0.5
"""How often the listening thread looks whether it is to end."""
MAX_WAIT_S = 30.0


def ring(conn: Connection) -> None:
    """Ring when this transaction has committed; several rings in one transaction are one.

    Committing transactions that ring wait for each other, so the hot path rings in one of its own.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(_ring, {"channel": CHANNEL})


class Bell:
    """Calls `on_ring` in a thread of its own for each ring, from whichever process, and after each reconnection.

    Args:
        url: the database.
        on_ring: is called without anything; must not raise and must not take long (hand it on to the event loop).
    """

    def __init__(self, url: str, on_ring: Callable[[], None]) -> None:
        self._url = url
        self._on_ring = on_ring
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self.listening = threading.Event()
        """Set while rings are heard."""

    def open(self) -> None:
        """Begin to listen; does nothing on SQLite."""
        if not self._url.startswith("sqlite") and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="store-bell", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread, within `LOOK_S` where the server answers."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        wait_s = LOOK_S
        while not self._ending.is_set():
            try:
                self._listen()
            except engine_postgres.driver_errors() as error:
                wait_s = LOOK_S if self.listening.is_set() else min(MAX_WAIT_S, wait_s * 2)
                self.listening.clear()
                _log.warning("bell_disconnected", error=type(error).__name__, again_in_s=wait_s)
                self._ending.wait(wait_s)
        self.listening.clear()

    def _listen(self) -> None:
        with engine_postgres.connect(self._url, "bell") as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            self.listening.set()
            self._on_ring()  # for what was rung while nobody listened
            while not self._ending.is_set():
                for _ in connection.notifies(timeout=LOOK_S, stop_after=1):
                    self._on_ring()
