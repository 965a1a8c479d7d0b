"""The sandbox checks what a receiver checks, in its order: the first step with a fault ends it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from node.errors import Malformed
from node.store.db import Store
from node.store.tables import METADATA
from node.uplink import envelope, held, token
from node.web.national import receiver
from node.web.national.faults import Faults, parse
from node.web.national.receiver import Registered
from node.web.national.refusal import Refusal
from tests.uplink.world import REGISTERED, START_MS, blacklist, listing, sold

COMMON = {"PLATFORM_CODE": "1" * 18, "PUB_SERVICE_PLAT_CODE": "2" * 18, "DATA_TIMESTAMP": "20250101000000"}
KEY = "9120302" + "0" * 14 + "1"
A = b"\x01" * 16


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store("sqlite://")
    made.write_now(METADATA.create_all)
    yield made
    made.close()


def upload(**changes: Any) -> bytes:
    """A good insert of set 302; `title_…` and `context_…` change an element, None takes it out."""
    made = envelope.make(
        number="302",
        name="BLACK_LIST",
        zh="黑名单信息",
        data_key=KEY,
        operation="insert",
        ca_key="0",
        fields=blacklist(A).fields | COMMON,
    )
    title, context = dict(made.title), dict(made.context or {})
    for name, value in changes.items():
        part, _, element = name.partition("_")
        held_part = title if part == "title" else context
        if value is None:
            held_part.pop(element, None)
        else:
            held_part[element] = value
    return envelope.write(envelope.Envelope(title, context))


def take(store: Store, data: bytes, sender: Registered = REGISTERED) -> str:
    """The reason of a refusal, nothing when it was taken."""
    try:
        store.write_now(lambda conn: receiver.take(conn, held.packaged(), sender, data, START_MS))
    except Refusal as refusal:
        return str(refusal)
    return ""


STEPS: list[tuple[str, dict[str, Any]]] = [
    ("DATA_NO不存在", {"title_DATA_NO": "999"}),
    ("DATA_EN与DATA_NO不符", {"title_DATA_EN": "AWARD_INFO"}),
    ("DATA_TYPE应为1、2或3", {"title_DATA_TYPE": "4"}),
    ("DATA_KEY格式不正确", {"title_DATA_KEY": "9120302"}),
    ("CA_KEY不能为空", {"title_CA_KEY": None}),
    ("PLATFORM_CODE未登记", {"context_PLATFORM_CODE": "3" * 18}),
    ("DATA_TIMESTAMP", {"context_DATA_TIMESTAMP": "2025"}),
    ("GOVERNMENT", {"context_GOVERNMENT": None}),
]


def test_a_good_upload_is_taken_and_its_key_used_up(store: Store) -> None:
    assert take(store, upload()) == ""
    assert "DATA_KEY已存在" in take(store, upload())


@pytest.mark.parametrize("step", range(len(STEPS)), ids=[name for name, _ in STEPS])
def test_checks_come_in_order(store: Store, step: int) -> None:
    """With the faults of this step and of all later ones, this step's is told."""
    changes: dict[str, Any] = {}
    for _, later in reversed(STEPS[step:]):
        changes |= later
    assert STEPS[step][0] in take(store, upload(**changes))
    assert take(store, upload()) == ""  # nothing was kept of the refused one


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"<DES/>", "缺少 TITLE"),
        (b"junk", "不是有效的 XML"),
        (b"<DES><TITLE><DATA_NO>302</DATA_NO></TITLE></DES>", "缺少CONTEXT"),
        (b"<DES><CONTEXT/><TITLE><DATA_NO>302</DATA_NO></TITLE></DES>", "DATA_EN"),
    ],
)
def test_xml_comes_before_its_content(store: Store, data: bytes, why: str) -> None:
    assert why in take(store, data)


def test_update_and_delete_need_a_key_of_the_senders_own(store: Store) -> None:
    assert "DATA_KEY不存在" in take(store, upload(title_DATA_TYPE="2"))
    assert take(store, upload()) == ""
    assert take(store, upload(title_DATA_TYPE="2", context_RECORD_REASON="改")) == ""
    other = Registered("9121", "x" * 8, "1" * 18)
    assert "DATA_KEY格式不正确" in take(store, upload(title_DATA_TYPE="3"), other)
    assert take(store, upload(title_DATA_TYPE="3")) == ""
    assert "DATA_KEY不存在" in take(store, upload(title_DATA_TYPE="3"))
    assert "DATA_KEY已存在" in take(store, upload())


def _of(number: str, name: str, serial: int, fields: dict[str, str], operation: str = "insert") -> bytes:
    made = envelope.make(
        number=number,
        name=name,
        zh=name,
        data_key=f"9120{number}{serial:0{18 - len(number)}d}",
        operation=operation,
        ca_key="0",
        fields=fields | COMMON,
    )
    return envelope.write(made)


def test_the_parent_must_have_been_reported(store: Store) -> None:
    child = _of("701", "TRADE_RESULT_INFO", 1, sold("P1", A).fields)
    assert "应先报送" in take(store, child)
    assert take(store, _of("700", "LISTING_PUB_INFO", 1, listing("P1").fields)) == ""
    assert take(store, child) == ""


def test_unique_and_immutable_fields(store: Store) -> None:
    other = {
        "PROJECT_NAME": "某项目",
        "PROJECT_CODE": "P1",
        "PUBLISHING_TIME": "20250101000000",
        "UNIFIED_DEAL_CODE": "A99-" + "1" * 18 + "-20250101-000001-0",
        "REGION_CODE": "500103",
        "TRA_PLACE_CODE": "500103",
        "TRA_AGENCY_NAME": "中心",
        "TRA_AGENCY_CODE": "1" * 18,
        "ANNOUNCEMENT_TITLE": "公告",
        "ANNOUNCEMENT_CONNECT": "内容",
        "URL": "https://x/1",
        "CLASSIFY_CODE": "1",
    }
    name = "OTHER_TRADE_PUB_INFO"
    assert take(store, _of("1800", name, 1, other)) == ""
    assert "已被另一条记录使用" in take(store, _of("1800", name, 2, other))
    assert "不得修改" in take(store, _of("1800", name, 1, other | {"PROJECT_CODE": "P2"}, "update"))
    assert take(store, _of("1800", name, 1, other | {"ANNOUNCEMENT_TITLE": "新"}, "update")) == ""


def test_only_a_registered_sender_with_a_good_token_is_heard() -> None:
    senders = {"9120": REGISTERED}
    good = envelope.validation("9120", token.make("9120", "s3cret!!", START_MS))
    assert receiver.identify(good, senders, START_MS) is REGISTERED
    for data, why in (
        (envelope.validation("9999", "00"), "SYSTEM_NO未授权"),
        (envelope.validation("9120", "00" * 8), "TOKEN"),
        (envelope.validation("9120", token.make("9120", "another!", START_MS)), "TOKEN"),
        (b"junk", "validation"),
    ):
        with pytest.raises(Refusal, match=why):
            receiver.identify(data, senders, START_MS)


def test_faults_happen_as_often_as_they_were_asked_for() -> None:
    faults = Faults(busy=100, fail=100, lose=100, drop=0)
    drawn = [faults.next() for _ in range(5000)]
    for sort in ("busy", "fail", "lose"):
        assert 400 < drawn.count(sort) < 600
    assert "drop" not in drawn and drawn.count("") > 3000
    assert (parse("lose=100, delay_ms=5").lose, parse("").lose) == (100, 0)
    with pytest.raises(Malformed):
        parse("loose=3")
