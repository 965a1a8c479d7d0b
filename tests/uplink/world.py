"""A store with a standard, an outbox and a receiver beside it: what sending needs, without nodes and logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from node.store.db import Store
from node.store.tables import METADATA, table
from node.store.tables_uplink import NationalItem, UplinkMessage
from node.uplink import envelope, held, outbox, sending, token
from node.uplink.outbox import Origin
from node.uplink.sending import Terms
from node.uplink.shape import Message, Sender
from node.web.national.receiver import Registered
from tests.uplink.receivers import Local

SENDER = Sender("9120", "1" * 18, "2" * 18, "5" * 11, "5" * 11, "中心", "https://x", "500000", "0")
REGISTERED = Registered("9120", "s3cret!!", "1" * 18)
START_MS = 1_764_000_000_000
messages, items = table(UplinkMessage), table(NationalItem)


def blacklist(record: bytes, reason: str = "提供虚假材料", **more: str) -> Message:
    """A message of set 302, which hangs on nothing."""
    fields = {
        "BLACKLIST_CODE": f"{record.hex():0>36}",
        "BODY_NAME": "某公司",
        "BODY_CODE": "91500103MA5U4YJ27L",
        "BODY_TYPE": "1",
        "BODY_ROLE": "03",
        "RECORD_REASON": reason,
        "RECORD_DATE": "20250101000000",
        "GOVERNMENT": "财政局",
        "DOCUMENT_CODE": "1号",
        "REVOCATION_STATUS": "0",
        "CONFINED_ACTION": "99",
        "SCOPE": "1",
    }
    return Message("302", record.hex(), fields | more)


def listing(code: str, **more: str) -> Message:
    """A message of set 700, on which a result (701) hangs."""
    fields = {
        "PROJECT_NAME": "房屋一套",
        "PROJECT_CODE": code,
        "UNIFIED_DEAL_CODE": "C01-" + "1" * 18 + "-20250101-000001-0",
        "PROJECT_TYPE": "1",
        "REGION_CODE": "500103",
        "TRA_PLACE_CODE": "500103",
        "TRA_AGENCY_NAME": "中心",
        "TRA_AGENCY_CODE": "1" * 18,
        "SELLER_NAME": "某单位",
        "SELLER_CODE": "91500103MA5U4YJ27L",
        "SELLER_TYPE": "1",
        "SELLER_ROLE": "07",
        "PRICE_FORM_CODE": "1",
        "PROJECT_PRICE": "100",
        "CURRENCY_CODE": "156",
        "PRICE_UNIT": "0",
        "PUBLISH_DURATION": "20",
        "PUBLISH_DATE": "20250101",
        "POST_PONE": "F",
        "PRE_EXCHANGE_TYPE": "1",
        "TRANSFER_NOTES": "无",
        "PROJECT_URL": "https://x/1",
    }
    return Message("700", code, {name: value for name, value in (fields | more).items() if value}, base=True)


def sold(code: str, record: bytes) -> Message:
    kept = ("PROJECT_NAME", "UNIFIED_DEAL_CODE", "REGION_CODE", "TRA_PLACE_CODE", "TRA_AGENCY_NAME", "TRA_AGENCY_CODE")
    fields = {name: listing(code).fields[name] for name in (*kept, "SELLER_NAME", "SELLER_CODE", "SELLER_TYPE")}
    more = {
        "PROJECT_CODE": code,
        "EXCHANGE_TYPE": "1",
        "SELLER_ROLE": "08",
        "OBJECT_EVALUATE_VALUE": "90",
        "PRICE_FORM_CODE": "1",
        "TRADE_VALUE": "100",
        "CURRENCY_CODE": "156",
        "PRICE_UNIT": "0",
        "TRADE_DATE": "20250201",
        "PROJECT_URL": "https://x/1",
    }
    return Message("701", record.hex(), fields | more)


class World:
    """`put` says what a record says now, `send` sends what is due once, `drain` until nothing is due."""

    def __init__(self, max_tries: int = 3) -> None:
        self.store, self.above = Store("sqlite://"), Store("sqlite://")
        for each in (self.store, self.above):
            each.write_now(METADATA.create_all)
        self.now_ms = START_MS
        self.max_tries = max_tries
        self.receiver = Local(self.above, REGISTERED, lambda: self.now_ms)
        self._index = 0

    def close(self) -> None:
        self.store.close()
        self.above.close()

    def put(self, record: bytes, *made: Message, version: int = 1) -> None:
        self._index += 1
        origin = Origin(1, self._index, record, version, "国有产权", "500103", "标题", self.now_ms)
        self.store.write_now(
            lambda conn: outbox.put(conn, held.packaged(), SENDER.system_no, origin, made, self.now_ms)
        )

    def withdraw(self, record: bytes) -> None:
        self.store.write_now(lambda conn: outbox.withdraw(conn, record, self.now_ms))

    @property
    def terms(self) -> Terms:
        return Terms(held.packaged(), held.fills(), SENDER, self.max_tries, self.now_ms)

    async def send(self, *, settle: bool = True) -> int:
        """One round; `settle=False` is a crash after sending, before anything was answered."""
        due, aside = await self.store.write(lambda conn: sending.choose(conn, self.terms))
        answered = []
        for each in due:
            validation = envelope.validation("9120", token.make("9120", "s3cret!!", self.now_ms))
            data = sending.envelope_of(held.packaged(), SENDER, each)
            answered.append((each, await self.receiver.send(validation, data)))
        if settle:
            await self.store.write(lambda conn: sending.settle(conn, self.terms, answered))
        return len(due) + aside

    async def drain(self) -> None:
        for _ in range(100):
            if not await self.send():
                waiting = [row["next_ms"] for row in self.rows() if row["state"] == "queued"]
                if not waiting:
                    return
                self.now_ms = max(self.now_ms + 1, min(waiting))
        raise AssertionError("it does not come to an end")

    def rows(self) -> Sequence[Any]:
        return self.store.read_now(lambda conn: list(conn.execute(select(messages).order_by(messages.c.id)).mappings()))

    def states(self) -> list[tuple[str, str]]:
        return [(row["number"], row["state"]) for row in self.rows()]

    def there(self) -> list[tuple[str, str, int]]:
        """(set, state, times written) of what the receiver holds."""
        query = select(items).order_by(items.c.data_key)
        found = self.above.read_now(lambda conn: list(conn.execute(query).mappings()))
        return [(row["number"], row["state"], row["times"]) for row in found]
