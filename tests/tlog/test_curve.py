from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from node.errors import Malformed
from node.tlog.curve import check_public_key
from node.tlog.keys import VerifierKey

P = 2**255 - 19

SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",  # order 1
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # order 2
    "0000000000000000000000000000000000000000000000000000000000000000",  # order 4
    "0000000000000000000000000000000000000000000000000000000000000080",  # order 4
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",  # order 8
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",  # order 8
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",  # order 8
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",  # order 8
]
NOT_CANONICAL = [
    # x = 0 with the sign of an odd x
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    # y from p to 2^255 - 1, either sign
    *((number | sign).to_bytes(32, "little").hex() for number in range(P, 2**255) for sign in (0, 1 << 255)),
]


@pytest.mark.parametrize("public", SMALL_ORDER)
def test_small_order_is_refused(public):
    with pytest.raises(Malformed, match="small order"):
        VerifierKey("log.example/1", 1, bytes.fromhex(public))


@pytest.mark.parametrize("public", NOT_CANONICAL)
def test_other_encodings_are_refused(public):
    with pytest.raises(Malformed, match="not canonical"):
        VerifierKey("log.example/1", 1, bytes.fromhex(public))


def test_what_is_no_point_is_refused():
    # No x has 2 or 7 for its y.
    for y in (2, 7):
        with pytest.raises(Malformed, match="no point"):
            check_public_key(y.to_bytes(32, "little"))
    for length in (0, 31, 33):
        with pytest.raises(Malformed):
            check_public_key(b"\x58" * length)


def test_base_point_and_the_keys_of_rfc_8032_are_taken():
    for public in (
        "5866666666666666666666666666666666666666666666666666666666666666",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    ):
        check_public_key(bytes.fromhex(public))


@given(st.binary(min_size=32, max_size=32))
def test_every_key_that_is_made_is_taken(seed):
    check_public_key(Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw())


@given(st.binary(min_size=32, max_size=32))
def test_any_bytes_are_taken_or_malformed(data):
    try:
        check_public_key(data)
    except Malformed:
        pass
