"""L22: SM2 and SM3 of the system's libcrypto against the published examples, and the fixed forms around them.

The tests that need SM2 ask for it: a machine without it must say so, and `tests/tlog/test_suites.py` shows that the
program then goes on without.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import BadSignature, Malformed, Unavailable
from node.tlog import _libcrypto, sm2
from node.tlog._libcrypto import LibCrypto, LibraryError
from node.tlog.sm2 import SM2_EXAMPLE, PrivateKey

N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
# GB/T 32918.5 annex A: the example's private key, and the base point of the curve.
D = bytes.fromhex("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8")
G = bytes.fromhex(
    "0432c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"
    "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0"
)
EXAMPLE = PrivateKey(D, SM2_EXAMPLE.public)
NUMBERS = st.integers(1, N - 1)


@pytest.fixture
def fresh() -> Iterator[None]:
    """What is known about the library is found out anew, before and after."""
    sm2._library.cache_clear()
    yield
    sm2._library.cache_clear()


def test_L22_this_machine_has_sm2() -> None:
    assert (sm2.available(), sm2.why_not()) == (True, "")
    assert sm2.require().version


# --- published examples -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "digest"),
    [
        (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
        (b"", "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b"),
    ],
)
def test_L22_sm3_gives_the_examples_of_gb_t_32905(message: bytes, digest: str) -> None:
    assert sm2.require().sm3(message).hex() == digest


def test_L22_the_example_of_gb_t_32918_5_verifies() -> None:
    sm2.verify(SM2_EXAMPLE.public, b"message digest", SM2_EXAMPLE.signature)
    sm2.check_pair(EXAMPLE)


def test_L22_a_signature_by_the_examples_key_verifies_and_differs_each_time() -> None:
    made = {sm2.sign(EXAMPLE, b"message digest") for _ in range(3)}
    assert len(made) == 3
    for signature in made:
        sm2.verify(SM2_EXAMPLE.public, b"message digest", signature)


# --- signing and verifying --------------------------------------------------------------------------------------------


@given(st.binary(max_size=300))
def test_what_is_signed_verifies_and_nothing_else(message: bytes) -> None:
    signature = sm2.sign(EXAMPLE, message)
    assert len(signature) == 64
    sm2.verify(EXAMPLE.public, message, signature)
    with pytest.raises(BadSignature):
        sm2.verify(EXAMPLE.public, message + b"\0", signature)


@pytest.mark.parametrize("at", range(0, 64, 7))
def test_a_changed_signature_does_not_verify(at: int) -> None:
    spoilt = bytearray(SM2_EXAMPLE.signature)
    spoilt[at] ^= 1
    with pytest.raises(BadSignature):
        sm2.verify(SM2_EXAMPLE.public, b"message digest", bytes(spoilt))


@given(st.binary(max_size=80))
def test_any_other_bytes_are_a_bad_signature(value: bytes) -> None:
    with pytest.raises(BadSignature):
        sm2.verify(SM2_EXAMPLE.public, b"message digest", value)


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (0, 0), (N, 1), (1, N), (1, N - 1), (2**256 - 1, 1)])
def test_numbers_out_of_range_are_a_bad_signature(r: int, s: int) -> None:
    """1 and n - 1 are in range, but their sum is zero modulo n, which GB/T 32918.2 clause 7.1 refuses."""
    with pytest.raises(BadSignature):
        sm2.verify(SM2_EXAMPLE.public, b"message digest", r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def test_a_signature_is_bound_to_its_key_and_to_the_id() -> None:
    signature = sm2.sign(EXAMPLE, b"text")
    other = sm2.generate()
    with pytest.raises(BadSignature):
        sm2.verify(other.public, b"text", signature)
    for signer_id in (b"1234567812345679", b"", b"12345678123456781"):
        with pytest.raises(BadSignature):
            sm2.verify(EXAMPLE.public, b"text", signature, signer_id=signer_id)
    alice = sm2.sign(EXAMPLE, b"text", signer_id=b"ALICE123@YAHOO.COM")
    sm2.verify(EXAMPLE.public, b"text", alice, signer_id=b"ALICE123@YAHOO.COM")
    with pytest.raises(BadSignature):
        sm2.verify(EXAMPLE.public, b"text", alice)


def test_threads_sign_at_once() -> None:
    made: list[tuple[bytes, bytes]] = []

    def work(number: int) -> None:
        for n in range(20):
            message = b"%d %d" % (number, n)
            made.append((message, sm2.sign(EXAMPLE, message)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 160
    for message, signature in made:
        sm2.verify(EXAMPLE.public, message, signature)


def test_a_refusal_leaves_no_error_behind() -> None:
    """The error queue is the thread's own, and Python's ssl reads it too."""
    library = sm2.require()
    peek = library._c.ERR_peek_error
    peek.restype = ctypes.c_ulong
    broken = bytes(33) + bytes(32)
    for refused in (
        lambda: library.verify(SM2_EXAMPLE.public, sm2.DEFAULT_ID, b"x", b"no DER"),
        lambda: library.verify(broken, sm2.DEFAULT_ID, b"x", b""),
        lambda: library.are_pair(D, G),
        lambda: library.sign(bytes(32), G, sm2.DEFAULT_ID, b"x"),
    ):
        try:
            refused()
        except LibraryError:
            pass
        assert peek() == 0


# --- keys -------------------------------------------------------------------------------------------------------------


def test_generated_keys_are_whole_and_their_own() -> None:
    keys = [sm2.generate() for _ in range(5)]
    assert len({key.private for key in keys} | {key.public for key in keys}) == 10
    for key in keys:
        sm2.check_pair(key)
        assert key.private.hex() not in repr(key)
        assert PrivateKey.parse(key.pem()) == key


def test_keys_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(Malformed):
        sm2.check_pair(replace(EXAMPLE, public=sm2.generate().public))
    with pytest.raises(Unavailable):
        sm2.sign(replace(EXAMPLE, public=G), b"text")


@pytest.mark.parametrize("number", [0, N - 1, N, 2**256 - 1])
def test_private_keys_out_of_range_are_malformed(number: int) -> None:
    """n - 1 has no inverse of 1 + d (GB/T 32918.1 clause 6.1)."""
    with pytest.raises(Malformed):
        PrivateKey(number.to_bytes(32, "big"), G)


def test_private_keys_of_another_length_are_malformed() -> None:
    for private in (b"", D[1:], D + b"\0"):
        with pytest.raises(Malformed):
            PrivateKey(private, SM2_EXAMPLE.public)


X, Y = G[1:33], G[33:]


@pytest.mark.parametrize(
    "public",
    [
        b"",
        b"\0",  # the point at infinity
        bytes(65),
        b"\x04" + bytes(64),
        G[1:],
        G + b"\0",
        b"\x02" + X,
        b"\x06" + X + Y,
        b"\x04" + Y + X,
        b"\x04" + X + (int.from_bytes(Y, "big") ^ 1).to_bytes(32, "big"),
        b"\x04" + X + (int.from_bytes(Y, "big") + P).to_bytes(33, "big")[-32:],
        b"\x04" + b"\xff" * 64,
        b"\x04" + P.to_bytes(32, "big") + Y,
    ],
)
def test_what_is_no_point_of_the_curve_is_no_public_key(public: bytes) -> None:
    with pytest.raises(Malformed):
        sm2.check_public_key(public)
    with pytest.raises(Malformed):
        sm2.verify(public, b"message digest", SM2_EXAMPLE.signature)


def test_the_mirrored_point_is_a_key_too() -> None:
    sm2.check_public_key(b"\x04" + X + (P - int.from_bytes(Y, "big")).to_bytes(32, "big"))
    sm2.check_public_key(G)


@given(st.binary(min_size=64, max_size=64))
def test_random_points_are_judged_as_the_library_judges_them(point: bytes) -> None:
    public = b"\x04" + point
    try:
        sm2.check_public_key(public)
    except Malformed:
        with pytest.raises(LibraryError):
            sm2.require().verify(public, sm2.DEFAULT_ID, b"", sm2.to_der(SM2_EXAMPLE.signature))


def test_other_texts_are_no_private_key() -> None:
    pem = EXAMPLE.pem()
    lines = pem.splitlines(keepends=True)
    for text in (
        "",
        "no key",
        pem + "\n",
        pem.strip(),
        pem.replace("\n", "\r\n"),
        pem.replace("PRIVATE", "EC PRIVATE"),
        lines[0] + "".join(lines[2:]),
        lines[0] + "".join(lines[1:-1]).replace("\n", "") + "\n" + lines[-1],
        pem.replace("MIGH", "MIGI"),
        pem.replace("M", "中", 1),
        "".join(lines[1:-1]),
    ):
        with pytest.raises(Malformed):
            PrivateKey.parse(text)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl command here")
def test_the_openssl_command_reads_and_writes_the_same_form(tmp_path: Path) -> None:
    file, theirs = tmp_path / "ours.pem", tmp_path / "theirs.pem"
    file.write_text(EXAMPLE.pem())
    for arguments in (
        ["pkey", "-in", file, "-out", theirs],
        ["genpkey", "-algorithm", "SM2", "-out", tmp_path / "new"],
    ):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
    assert theirs.read_text() == EXAMPLE.pem()
    sm2.check_pair(PrivateKey.parse((tmp_path / "new").read_text()))


# --- DER --------------------------------------------------------------------------------------------------------------


@given(NUMBERS, NUMBERS)
def test_signatures_round_trip_through_der(r: int, s: int) -> None:
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert sm2.from_der(sm2.to_der(signature)) == signature


def test_der_of_known_numbers() -> None:
    assert sm2.to_der(bytes(31) + b"\x7f" + bytes(31) + b"\x80").hex() == "300702017f02020080"
    assert sm2.to_der(bytes(30) + b"\x01\x00" + bytes(31) + b"\x01").hex() == "3007020201000201" + "01"


@pytest.mark.parametrize(
    "der",
    [
        "",
        "30",
        "3000",
        "3006020101",
        "300602010102",
        "30060201010200",  # an integer of no bytes
        "300602010102010100",  # something follows
        "300702010102010100",  # something follows inside
        "3007020200010201" + "01",  # a leading zero too many
        "300702010102020001",
        "3006020100020101",  # r = 0
        "3006020101020100",  # s = 0
        "3006020181020101",  # negative
        "3006020101020181",
        "308106020101020101",  # a length in a longer form
        "30800201010201010000",  # an open length
        "3106020101020101",  # a set
        "3006030101020101",  # another type inside
        "3006020101030101",
        "3006020401020101",  # a length that reaches beyond
        "3006020501020101",
        "300602010102ff01",
        "3026022100" + f"{N:064x}" + "020101",  # r = n
        "3026020101022100" + f"{N:064x}",
        "3027022200" + "01" + "00" * 32 + "020101",
    ],
)
def test_other_der_is_malformed(der: str) -> None:
    with pytest.raises(Malformed):
        sm2.from_der(bytes.fromhex(der))


@given(st.binary(max_size=80))
def test_bytes_are_malformed_or_the_one_der_of_what_they_say(der: bytes) -> None:
    try:
        signature = sm2.from_der(der)
    except Malformed:
        return
    assert sm2.to_der(signature) == der


@given(st.integers(0, 71), st.integers(0, 255))
def test_a_changed_der_never_reads_as_the_same_signature(at: int, value: int) -> None:
    der = bytearray(sm2.to_der(SM2_EXAMPLE.signature))
    same = der[at % len(der)] == value
    der[at % len(der)] = value
    try:
        read = sm2.from_der(bytes(der))
    except Malformed:
        return
    assert (read == SM2_EXAMPLE.signature) is same


# --- a library that does not do ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("fresh")
def test_L22_no_library_means_unavailable_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_libcrypto, "load", lambda: _libcrypto.LibCrypto(object()))
    assert not sm2.available()
    assert "lacks a function" in sm2.why_not()
    for call in (
        sm2.generate,
        lambda: sm2.sign(EXAMPLE, b""),
        lambda: sm2.verify(SM2_EXAMPLE.public, b"message digest", SM2_EXAMPLE.signature),
        lambda: sm2.check_pair(EXAMPLE),
    ):
        with pytest.raises(Unavailable, match="lacks a function") as caught:
            call()
        assert "OpenSSL 3.0" in caught.value.advice_zh and "OpenSSL 3.0" in caught.value.advice_en
    sm2.check_public_key(SM2_EXAMPLE.public)


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize(
    ("name", "wrong", "reason"),
    [
        ("SM3_EXAMPLE", replace(sm2.SM3_EXAMPLE, sm3=bytes(32)), "GB/T 32905"),
        ("SM2_EXAMPLE", replace(SM2_EXAMPLE, message=b"message digest."), "GB/T 32918.5"),
        ("SM2_EXAMPLE", replace(SM2_EXAMPLE, signature=SM2_EXAMPLE.signature[::-1]), "GB/T 32918.5"),
        ("SM2_EXAMPLE", replace(SM2_EXAMPLE, public=G), "GB/T 32918.5"),
    ],
)
def test_L22_an_example_that_does_not_come_out_makes_it_unavailable(
    monkeypatch: pytest.MonkeyPatch, name: str, wrong: sm2.Vector, reason: str
) -> None:
    monkeypatch.setattr(sm2, name, wrong)
    assert not sm2.available()
    assert reason in sm2.why_not()


@pytest.mark.usefixtures("fresh")
def test_L22_a_library_that_takes_everything_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LibCrypto, "verify", lambda *_: True)
    assert "not signed" in sm2.why_not()


def test_L22_a_signature_that_does_not_verify_does_not_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    sm2.require()
    monkeypatch.setattr(LibCrypto, "sign", lambda *_: sm2.to_der(SM2_EXAMPLE.signature))
    with pytest.raises(Unavailable, match="does not verify"):
        sm2.sign(EXAMPLE, b"another message")


class OldLibrary:
    """A library of one version and no more."""

    def __init__(self, number: int, text: bytes) -> None:
        self.OpenSSL_version_num = type("F", (), {"__call__": lambda _: number})()
        self.OpenSSL_version = type("F", (), {"__call__": lambda *_: text})()


@pytest.mark.parametrize(
    ("number", "text"), [(0x1010117F, b"OpenSSL 1.1.1w  11 Sep 2023"), (0x20000000, b"LibreSSL 3.9.2")]
)
def test_L22_older_libraries_are_refused_by_name(number: int, text: bytes) -> None:
    with pytest.raises(LibraryError, match=text.decode()):
        LibCrypto(OldLibrary(number, text))


def test_the_next_name_is_tried_when_one_is_missing() -> None:
    assert _libcrypto.load(["libno-such-crypto.so.9"]).version == _libcrypto.load().version


def test_nothing_found_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    with pytest.raises(LibraryError, match="no libcrypto"):
        _libcrypto.load(["libno-such-crypto.so.9"])
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: os.fspath("libno-such-crypto.so.9"))
    with pytest.raises(LibraryError, match="cannot be loaded"):
        _libcrypto.load([])
