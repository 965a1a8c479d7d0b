"""One-time codes against the vectors of RFC 6238."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from node.accounts import codes

# RFC 6238, appendix B: SHA-1, the last six of the eight digits.
SECRET = b"12345678901234567890"
VECTORS = [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (2000000000, "279037")]


@pytest.mark.parametrize(("at_s", "code"), VECTORS)
def test_codes_are_those_of_the_rfc_and_work_once(at_s: int, code: str) -> None:
    step = at_s // codes.STEP_S
    assert codes.matching_step(SECRET, code, at_s * 1000, -1) == step
    assert codes.matching_step(SECRET, f"{code[:3]} {code[3:]}", at_s * 1000, -1) == step
    assert codes.matching_step(SECRET, code, at_s * 1000, step) is None


def test_one_step_of_difference_is_borne_and_no_more() -> None:
    at_s, code = VECTORS[2]
    for seconds, good in ((-30, True), (30, True), (-61, False), (60, False)):
        assert (codes.matching_step(SECRET, code, (at_s + seconds) * 1000, -1) is not None) == good
    for wrong in ("", "00592", "0059240", "００５９２４x", "abcdef"):
        assert codes.matching_step(SECRET, wrong, at_s * 1000, -1) is None


def test_the_address_says_what_an_authenticator_needs() -> None:
    address = urlsplit(codes.address(SECRET, "wang.fang@500103", "渝中区 中心"))
    asked = parse_qs(address.query)
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert asked["secret"] == ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"] and asked["issuer"] == ["渝中区 中心"]
    assert codes.as_text(SECRET).replace(" ", "") == asked["secret"][0]
