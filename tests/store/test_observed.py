"""What waits to be compared or read is bounded, however much a node publishes."""

from __future__ import annotations

from node.store import logs, observed
from node.store.db import Store
from node.store.observed import MAX_UNREAD, MAX_WAITING, NEWEST, Waiting


def test_l21_records_whose_payloads_are_withheld_do_not_pile_up(store: Store) -> None:
    log_id = store.write_now(lambda conn: logs.ensure(conn, "a/1")).id
    for origin, most in ((NEWEST, MAX_UNREAD), ("b/1", MAX_WAITING)):
        rows = [Waiting(log_id, index, origin, 0, "") for index in range(most + 50)]
        store.write_now(lambda conn, rows=rows: observed.wait(conn, rows))
        held = [row.idx for row in store.read_now(observed.waiting) if row.origin == origin]
        assert held == list(range(50, most + 50)), "the newest stay"
