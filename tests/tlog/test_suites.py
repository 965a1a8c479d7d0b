"""L22: a second line beside Ed25519, required where a key says so and ignored by whoever does not know it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import BadSignature, Malformed, Unavailable
from node.settings import Settings
from node.tlog import _libcrypto, sm2, suites
from node.tlog._libcrypto import LibraryError
from node.tlog.checkpoint import Checkpoint, open_checkpoint
from node.tlog.keys import Ed25519Signer, VerifierKey
from node.tlog.note import Note, Signature, verify_note
from node.tlog.policy import NONE, LogPolicy, PolicyLog
from node.tlog.signature import SM2_TYPE, KeyType, key_id
from node.tlog.sm2 import PrivateKey
from node.tlog.suites import Sm2Signer, joint
from tests.interop import client

ORIGIN = "ggzy.example/cq/500103/1"
# The published example's keys (GB/T 32918.5 annex A).
KEY = PrivateKey(
    bytes.fromhex("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"), sm2.SM2_EXAMPLE.public
)
GOLDEN_VKEY = (
    "ggzy.example/cq/500103/1+%s+/2dnenktbm9kZS9zbTItc20zL3YxAAQJ+d8xHlQhoVDdfRYeS8XGchefrRgz/AdrsI/zVvNQIMzqSQzi"
    "Z3WlLcbqcYzBqmAK7QX7814ISmYy9gctqa0T"
)
LOG = Ed25519Signer(ORIGIN, KeyType.ED25519, bytes(range(32)))
TEXT = Checkpoint(ORIGIN, 1, bytes(32)).text()


@pytest.fixture
def added() -> Sm2Signer:
    return Sm2Signer(ORIGIN, KEY)


@pytest.fixture
def both(added: Sm2Signer) -> Note:
    return Note(TEXT, (LOG.sign_note(TEXT), added.sign_note(TEXT)))


@pytest.fixture
def without_sm2(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def nothing() -> None:
        raise LibraryError("no libcrypto (OpenSSL) was found")

    monkeypatch.setattr(_libcrypto, "load", nothing)
    sm2._library.cache_clear()
    yield
    sm2._library.cache_clear()


def test_the_setting_has_the_suites_that_there_are() -> None:
    assert get_args(Settings.model_fields["suite"].annotation) == suites.SUITES


# --- keys -------------------------------------------------------------------------------------------------------------


def test_L22_golden_vkey(added: Sm2Signer) -> None:
    key = added.verifier
    assert key.vkey() == GOLDEN_VKEY % key.key_id.hex()
    assert VerifierKey.parse(key.vkey()) == key
    assert SM2_TYPE == b"\xffggzy-node/sm2-sm3/v1\0"
    assert key.key_id == key_id(ORIGIN, KeyType.SM2, key.public)
    assert (key.type, len(key.public)) == (KeyType.SM2, 65)


def test_L22_an_independent_client_reads_the_vkey_and_finds_the_same_id(added: Sm2Signer) -> None:
    theirs = client.VKey.parse(added.verifier.vkey())
    assert (theirs.kind, theirs.id) == (0xFF, added.verifier.key_id)


def test_vkeys_round_trip() -> None:
    for _ in range(10):
        key = VerifierKey("log.example/1", KeyType.SM2, sm2.generate().public)
        assert VerifierKey.parse(key.vkey()) == key


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        SM2_TYPE,
        SM2_TYPE + KEY.public[:-1],
        SM2_TYPE + KEY.public + b"\0",
        SM2_TYPE + bytes(65),
        b"\xff" + bytes(32),
        b"\xff" + KEY.public,
        SM2_TYPE[:-1] + KEY.public,
        SM2_TYPE.replace(b"v1", b"v2") + KEY.public,
        b"\xffother.example/x\0" + KEY.public,
        b"\x01" + KEY.public,
        b"\x04" + KEY.public,
    ],
)
def test_other_vkeys_of_unassigned_types_are_malformed(data: bytes) -> None:
    name = b"log.example/1"
    found = client.hashlib.sha256(name + b"\n" + data).digest()[:4].hex()
    with pytest.raises(Malformed):
        VerifierKey.parse(f"log.example/1+{found}+{client.b64(data)}")


def test_a_signer_needs_a_key_that_is_one(added: Sm2Signer) -> None:
    with pytest.raises(Malformed):
        Sm2Signer(ORIGIN, PrivateKey(KEY.private, sm2.generate().public))
    with pytest.raises(Malformed):
        Sm2Signer("a name", KEY)
    for text in ("", "no newline", "tab\t\n"):
        with pytest.raises(Malformed):
            added.sign_note(text)


# --- lines ------------------------------------------------------------------------------------------------------------


def test_L22_both_lines_verify(both: Note, added: Sm2Signer) -> None:
    key = joint(LOG.verifier, added.verifier)
    verified = verify_note(both, [key])
    assert verified == [(key, both.signatures[0]), (added.verifier, both.signatures[1])]
    head, _, lines = open_checkpoint(both.encode(), [key])
    assert (head.origin, lines) == (ORIGIN, verified)


def test_L22_who_knows_ed25519_alone_ignores_the_added_line(both: Note) -> None:
    assert verify_note(both, [LOG.verifier]) == [(LOG.verifier, both.signatures[0])]
    theirs = client.VKey.parse(LOG.verifier.vkey())
    head, signers = client.open_head(both.encode(), [theirs])
    assert (head.origin, set(signers)) == (ORIGIN, {theirs})
    spoilt = Note(TEXT, (both.signatures[0], Signature(ORIGIN, both.signatures[1].key_id, bytes(64))))
    client.open_head(spoilt.encode(), [theirs])


def test_L22_a_policy_that_asks_for_both_takes_no_less(both: Note, added: Sm2Signer) -> None:
    key = joint(LOG.verifier, added.verifier)
    ed25519, second = both.signatures
    with pytest.raises(BadSignature, match="added signature") as caught:
        verify_note(Note(TEXT, (ed25519,)), [key])
    assert "suite" in caught.value.advice_zh
    with pytest.raises(BadSignature, match="no trusted key"):
        verify_note(Note(TEXT, (second,)), [key])
    other = Sm2Signer(ORIGIN, sm2.generate()).sign_note(TEXT)
    with pytest.raises(BadSignature, match="added signature"):
        verify_note(Note(TEXT, (ed25519, other)), [key])
    third = Sm2Signer(ORIGIN, sm2.generate())
    with pytest.raises(BadSignature, match="added signature"):
        verify_note(both, [joint(LOG.verifier, added.verifier, third.verifier)])


@given(st.integers(0, 63), st.integers(1, 255))
def test_L22_a_spoilt_line_of_a_known_key_spoils_the_note(at: int, change: int) -> None:
    signer = Sm2Signer(ORIGIN, KEY)
    made = signer.sign_note(TEXT)
    value = bytearray(made.signature)
    value[at] ^= change
    note = Note(TEXT, (LOG.sign_note(TEXT), Signature(ORIGIN, made.key_id, bytes(value))))
    for keys in ([joint(LOG.verifier, signer.verifier)], [LOG.verifier, signer.verifier]):
        with pytest.raises(BadSignature, match="does not verify"):
            verify_note(note, keys)


def test_a_line_holds_for_its_text(added: Sm2Signer) -> None:
    made = added.sign_note(TEXT)
    added.verifier.verify(TEXT, made)
    for text, line in ((TEXT + "more\n", made), (TEXT, LOG.sign_note(TEXT))):
        with pytest.raises(BadSignature):
            added.verifier.verify(text, line)


def test_L22_an_added_line_alone_signs_no_checkpoint(both: Note, added: Sm2Signer) -> None:
    alone = Note(TEXT, (both.signatures[1],))
    with pytest.raises(BadSignature, match="not signed by the log"):
        open_checkpoint(alone.encode(), [added.verifier])


def test_before_and_after_a_log_began_to_sign_twice(both: Note, added: Sm2Signer) -> None:
    """Keys for any size: one grant from the time before, one that asks for both."""
    once = Note(TEXT, (both.signatures[0],))
    keys = [LOG.verifier, joint(LOG.verifier, added.verifier)]
    for order in (keys, keys[::-1]):
        assert [line for _, line in verify_note(both, order)] == list(both.signatures)
        assert [line for _, line in verify_note(once, order)] == [both.signatures[0]]


def test_a_joint_key_is_not_the_bare_one(added: Sm2Signer) -> None:
    key = joint(LOG.verifier, added.verifier)
    assert key != LOG.verifier
    assert (key.vkey(), key.key_id) == (LOG.verifier.vkey(), LOG.verifier.key_id)
    assert joint(LOG.verifier) == LOG.verifier


def test_only_keys_of_one_log_are_joined(added: Sm2Signer) -> None:
    cosigner = Ed25519Signer(ORIGIN, KeyType.COSIGNATURE, bytes(range(32)))
    elsewhere = Sm2Signer("other.example/1", KEY)
    for first, rest in (
        (cosigner.verifier, [added.verifier]),
        (added.verifier, [added.verifier]),
        (LOG.verifier, [LOG.verifier]),
        (LOG.verifier, [elsewhere.verifier]),
        (LOG.verifier, [added.verifier, added.verifier]),
    ):
        with pytest.raises(Malformed):
            joint(first, *rest)


def test_L22_an_exported_policy_stays_readable_without_sm2(both: Note, added: Sm2Signer) -> None:
    ours = LogPolicy((PolicyLog(joint(LOG.verifier, added.verifier)),), (), (), NONE)
    file = ours.format()
    assert SM2_TYPE not in file
    once = Note(TEXT, (both.signatures[0],))
    for note in (both, once):
        client.Policy.parse(file).check(note.encode())
    head = Checkpoint(ORIGIN, 1, bytes(32))
    assert ours.check(both, head).log == joint(LOG.verifier, added.verifier)
    with pytest.raises(BadSignature, match="added signature"):
        ours.check(once, head)


# --- without SM2 ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("without_sm2")
def test_L22_without_sm2_an_added_line_counts_as_unknown() -> None:
    key = VerifierKey(ORIGIN, KeyType.SM2, KEY.public)
    assert not key.checkable
    assert LOG.verifier.checkable
    line = Signature(ORIGIN, key.key_id, bytes(64))
    note = Note(TEXT, (LOG.sign_note(TEXT), line))
    assert [each for each, _ in verify_note(note, [LOG.verifier, key])] == [LOG.verifier]
    with pytest.raises(BadSignature, match="no trusted key"):
        verify_note(Note(TEXT, (line,)), [key])
    with pytest.raises(Unavailable):
        key.verify(TEXT, line)


@pytest.mark.usefixtures("without_sm2")
def test_L22_without_sm2_a_note_that_needs_it_is_not_taken_on_trust() -> None:
    key = VerifierKey(ORIGIN, KeyType.SM2, KEY.public)
    note = Note(TEXT, (LOG.sign_note(TEXT), Signature(ORIGIN, key.key_id, bytes(64))))
    with pytest.raises(Unavailable, match="SM2") as caught:
        verify_note(note, [joint(LOG.verifier, key)])
    assert "OpenSSL" in caught.value.advice_zh


@pytest.mark.usefixtures("without_sm2")
def test_L22_without_sm2_the_suite_says_what_to_do() -> None:
    suites.require("ed25519")
    with pytest.raises(Unavailable, match=r"ed25519\+sm2") as caught:
        suites.require("ed25519+sm2")
    assert "SM2" in caught.value.zh
    for advice in (caught.value.advice_zh, caught.value.advice_en):
        assert "OpenSSL 3.0" in advice and "ed25519" in advice
    with pytest.raises(Unavailable):
        Sm2Signer(ORIGIN, KEY)
