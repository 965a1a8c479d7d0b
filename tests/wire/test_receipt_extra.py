from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import Malformed
from node.wire.receipt import Extra
from tests.wire.test_golden import EXTRA

EXTRAS = st.builds(
    Extra,
    st.binary(max_size=100),
    st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"]), max_size=10), st.binary(max_size=20))).map(
        tuple
    ),
    st.binary(max_size=100),
)


@given(EXTRAS)
def test_what_is_written_is_read(extra: Extra) -> None:
    assert Extra.parse(extra.encode()) == extra


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        Extra.parse(data)
    except Malformed:
        pass


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        [],
        [2, b"", [], b""],
        [1, b"", []],
        [1, b"", [], b"", 0],
        [1, "header", [], b""],
        [1, b"", [["main"]], b""],
        [1, b"", {"main": b""}, b""],
        [1.0, b"", [], b""],
    ],
)
def test_another_shape_is_refused(value: Any) -> None:
    with pytest.raises(Malformed):
        Extra.parse(msgspec.msgpack.encode(value))


@pytest.mark.parametrize(
    "data", [b"", EXTRA.encode() + b"\x00", EXTRA.encode()[:-1], b"\x91" * 5000, b"\xdd\xff\xff\xff\xff"]
)
def test_hostile_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        Extra.parse(data)
