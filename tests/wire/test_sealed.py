from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from node.errors import BadProof, BadSignature, Malformed, TooLarge
from node.tlog.note import Ed25519Signer, KeyType, Note
from node.wire import sealed
from node.wire.sealed import SealedPlace, SealKey, WrapList

KEY = bytes(range(32))
PLACE = SealedPlace("ggzy.example/cq/500103/1", bytes(range(16)), 2, "identity")
COMMITMENT = b"c" * 32
EAST = SealKey("ggzy.example/cq/500103/seal", X25519PrivateKey.from_private_bytes(b"e" * 32))
HUB = SealKey("ggzy.example/cq/500000/seal", X25519PrivateKey.from_private_bytes(b"h" * 32))
CUSTODY = Ed25519Signer("ggzy.example/cq/500103/custody", KeyType.ED25519, b"k" * 32)


def made(*keys: SealKey) -> WrapList:
    wraps = [sealed.wrap(KEY, key.verifier, key.name.removesuffix("/seal"), PLACE, COMMITMENT) for key in keys]
    return WrapList(PLACE, 7, COMMITMENT, 1_764_000_000, tuple(sorted(wraps, key=lambda wrap: wrap.node)))


@given(st.binary(max_size=3000))
def test_what_was_sealed_opens_and_has_a_size_that_tells_little(payload: bytes) -> None:
    ciphertext, size_class = sealed.seal(payload, KEY, PLACE)
    assert len(ciphertext) == 1 << size_class and size_class >= sealed.MIN_CLASS
    assert sealed.unseal(ciphertext, KEY, PLACE) == payload
    if len(payload) > 8:
        assert payload not in ciphertext


def test_people_of_any_name_have_sections_of_one_size() -> None:
    sizes = {len(sealed.seal(b"x" * length, KEY, PLACE)[0]) for length in range(461)}
    assert sizes == {512}


def test_a_section_that_is_too_large_is_refused() -> None:
    assert sealed.size_class((1 << 20) - 52) == 20
    with pytest.raises(TooLarge):
        sealed.seal(bytes((1 << 20) - 51), KEY, PLACE)


@pytest.mark.parametrize(
    "other",
    [
        replace(PLACE, origin="ggzy.example/cq/500102/1"),
        replace(PLACE, record_id=bytes(16)),
        replace(PLACE, version=3),
        replace(PLACE, section="phone"),
    ],
)
def test_ciphertext_and_wrap_of_one_place_open_nowhere_else(other: SealedPlace) -> None:
    ciphertext, _ = sealed.seal(b"who", KEY, PLACE)
    with pytest.raises(BadProof):
        sealed.unseal(ciphertext, KEY, other)
    wrap = sealed.wrap(KEY, EAST.verifier, "ggzy.example/cq/500103", PLACE, COMMITMENT)
    assert sealed.unwrap(wrap, EAST, PLACE, COMMITMENT) == KEY
    with pytest.raises(BadProof):
        sealed.unwrap(wrap, EAST, other, COMMITMENT)


def test_any_changed_byte_and_any_other_key_is_found() -> None:
    ciphertext, _ = sealed.seal(b"who", KEY, PLACE)
    for at in (0, 31, 40, 200, 511):
        changed = bytearray(ciphertext)
        changed[at] ^= 1
        with pytest.raises(BadProof):
            sealed.unseal(bytes(changed), KEY, PLACE)
    with pytest.raises(BadProof):
        sealed.unseal(ciphertext, bytes(32), PLACE)
    with pytest.raises(BadProof):
        sealed.unseal(ciphertext[:20], KEY, PLACE)


def test_the_wrap_of_another_key_or_ciphertext_is_refused() -> None:
    wrap = sealed.wrap(KEY, EAST.verifier, "ggzy.example/cq/500103", PLACE, COMMITMENT)
    for key, commitment in ((HUB, COMMITMENT), (EAST, b"d" * 32)):
        with pytest.raises(BadProof):
            sealed.unwrap(wrap, key, PLACE, commitment)
    with pytest.raises(BadProof):
        sealed.unwrap(replace(wrap, data=wrap.data[:-1]), EAST, PLACE, COMMITMENT)
    short = sealed.wrap(b"short", EAST.verifier, "n", PLACE, COMMITMENT)
    with pytest.raises(BadProof, match="no content key"):
        sealed.unwrap(short, EAST, PLACE, COMMITMENT)


@pytest.mark.parametrize(
    "plaintext",
    [
        hashlib.sha256(b"another key").digest() + b"\x00\x00\x00\x01a".ljust(464, b"\x00"),
        hashlib.sha256(KEY).digest() + b"\x00\x00\x00\x01a".ljust(463, b"\x00") + b"\x01",
        hashlib.sha256(KEY).digest() + b"\x00\x00\xff\xffa".ljust(464, b"\x00"),
        b"short",
    ],
    ids=["key hash", "padding", "length", "no head"],
)
def test_the_opener_checks_key_hash_padding_and_length(plaintext: bytes) -> None:
    """Encrypted well under the right key, and still refused."""
    ciphertext = AESGCM(KEY).encrypt(bytes(12), plaintext, PLACE.encode())
    with pytest.raises(BadProof):
        sealed.unseal(ciphertext, KEY, PLACE)


def test_a_list_of_wraps_goes_round_and_names_its_readers() -> None:
    listed = made(EAST, HUB)
    note = Note(listed.text(), (CUSTODY.sign_note(listed.text()),))
    found, _ = sealed.open_list(note.encode(), [CUSTODY.verifier])
    assert found == listed
    for key in (EAST, HUB):
        wrap = found.for_key(key.verifier)
        assert wrap is not None and sealed.unwrap(wrap, key, PLACE, COMMITMENT) == KEY
    assert made(EAST).for_key(HUB.verifier) is None
    other = Ed25519Signer(CUSTODY.name, KeyType.ED25519, b"o" * 32)
    with pytest.raises(BadSignature):
        sealed.open_list(note.encode(), [other.verifier])


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("wraps/v1", "wraps/v2"),
        lambda text: text + "wrap\n",
        lambda text: text.replace("7 identity", "07 identity"),
        lambda text: text.replace("time 1764000000", "time +1764000000"),
        lambda text: text.replace("record 00", "record 0"),
        lambda text: text.replace("commitment 63", "commitment "),
        lambda text: "\n".join([*text.split("\n")[:6], *reversed(text.split("\n")[6:-1]), ""]),
        lambda text: text + text.split("\n")[-2] + "\n",
        lambda text: text.removesuffix("\n"),
        lambda text: "",
    ],
)
def test_a_list_has_one_form_only(change: Callable[[str], str]) -> None:
    text = made(EAST, HUB).text()
    assert sealed.parse_list(text) == sealed.parse_list(text)
    with pytest.raises(Malformed):
        sealed.parse_list(change(text))


def test_a_key_that_nothing_can_be_agreed_with_is_refused() -> None:
    with pytest.raises(Malformed):
        low = SealKey("n/seal", X25519PrivateKey.from_private_bytes(b"e" * 32)).verifier
        object.__setattr__(low, "public", bytes(32))
        sealed.wrap(KEY, low, "n", PLACE, COMMITMENT)
