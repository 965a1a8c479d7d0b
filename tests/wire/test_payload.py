from __future__ import annotations

import datetime
import unicodedata
from hashlib import sha256
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import BadProof, Malformed
from node.wire import payload
from tests.wire.test_golden import PAYLOAD, SALT

TEXT = st.text(st.characters(exclude_categories=["Cs"])).map(lambda text: unicodedata.normalize("NFC", text))
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.binary(), TEXT)
PLAIN = st.recursive(SCALARS, lambda inner: st.one_of(st.lists(inner), st.dictionaries(TEXT, inner)), max_leaves=20)


@given(PLAIN)
def test_what_is_written_is_read(value: Any) -> None:
    data = payload.encode(value)
    assert payload.decode(data) == value
    assert payload.encode(payload.decode(data)) == data


@given(st.dictionaries(TEXT, st.integers(), max_size=6), st.randoms())
def test_the_order_of_keys_does_not_matter(value: dict[str, int], random: Any) -> None:
    keys = list(value)
    random.shuffle(keys)
    small = {key: item % 100 for key, item in value.items()}
    assert payload.encode({key: small[key] for key in keys}) == payload.encode(small)


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        float("nan"),
        {"a": [1, {"b": 0.0}]},
        2**64,
        -(2**63) - 1,
        "e\u0301",
        {"e\u0301": 1},
        "\ud800",
        {1: 2},
        {b"k": 1},
        object(),
        datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC),
        msgspec.msgpack.Ext(1, b"x"),
        "x" * (payload.MAX_PAYLOAD_BYTES + 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_L4_what_no_record_may_hold_is_refused(value: Any) -> None:
    with pytest.raises(Malformed):
        payload.encode(value)


def test_the_place_of_a_fault_is_named() -> None:
    with pytest.raises(Malformed) as caught:
        payload.encode({"body": {"lots": [{"price": 1.5}]}})
    assert caught.value.field == "body.lots.price"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        payload.decode(data)
    except Malformed:
        pass


@pytest.mark.parametrize(
    "data", [b"", b"\x91" * 5000, PAYLOAD + b"\x00", PAYLOAD[:-1], b"\xa1\xff", b"\xdf\xff\xff\xff\xff"]
)
def test_hostile_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        payload.decode(data)


def test_the_commitment_is_the_salted_hash_of_the_design() -> None:
    assert payload.commitment(SALT, PAYLOAD) == sha256(b"ggzy/commit/v1\x00" + SALT + PAYLOAD).digest()


@given(st.binary(min_size=16, max_size=16), st.binary(max_size=50), st.data())
def test_a_commitment_holds_for_one_salt_and_payload_only(salt: bytes, data: bytes, more: st.DataObject) -> None:
    expected = payload.commitment(salt, data)
    payload.check(salt, data, expected)
    whole = bytearray(salt + data + expected)
    at = more.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= 1 << more.draw(st.integers(0, 7))
    with pytest.raises(BadProof):
        payload.check(bytes(whole[:16]), bytes(whole[16:-32]), bytes(whole[-32:]))


@pytest.mark.parametrize("length", [0, 15, 17])
def test_a_salt_has_16_bytes(length: int) -> None:
    salt, data = bytes(range(length)), b"payload"
    with pytest.raises(BadProof):
        payload.check(salt, data, payload.commitment(salt, data))


def test_bytes_do_not_move_between_salt_and_payload() -> None:
    """Salt and payload are hashed one after the other: only the fixed length of the salt keeps them apart."""
    salt, data = bytes(16), b"\x07payload"
    with pytest.raises(BadProof):
        payload.check(salt + data[:1], data[1:], payload.commitment(salt, data))
