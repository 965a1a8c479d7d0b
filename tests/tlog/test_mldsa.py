"""ML-DSA-44 cosigners of other people, against the structure as c2sp.org/tlog-cosignature writes it down."""

from __future__ import annotations

import struct

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from node.errors import BadSignature, Malformed
from node.tlog import mldsa
from node.tlog.checkpoint import Checkpoint
from node.tlog.cosignature import cosignature_time
from node.tlog.mldsa import ML_DSA_44, MlDsaKey, parse_vkey
from node.tlog.note import Ed25519Signer, Note, Signature, VerifierKey, verify_note
from node.tlog.policy import LogPolicy

LOG = Ed25519Signer("log.example/1", 1, b"\xff" * 32)
CLASSIC = Ed25519Signer("witness.example/c", 4, bytes(32))
HEAD = Checkpoint(LOG.name, 5, b"r" * 32)
PRIVATE = MLDSA44PrivateKey.generate()
PUBLIC = PRIVATE.public_key().public_bytes_raw()
KEY = MlDsaKey("witness.example/m", ML_DSA_44, PUBLIC)


def message(cosigner: str, time: int, origin: str, start: int, end: int, root: bytes) -> bytes:
    name, log = cosigner.encode(), origin.encode()
    return (
        b"subtree/v1\n\0"
        + struct.pack(f">B{len(name)}sQ", len(name), name, time)
        + struct.pack(f">B{len(log)}sQQ32s", len(log), log, start, end, root)
    )


def line(head: Checkpoint = HEAD, *, time: int = 7, name: str = KEY.name, start: int = 0) -> Signature:
    signed = PRIVATE.sign(message(name, time, head.origin, start, head.size, head.root))
    return Signature(KEY.name, KEY.key_id, struct.pack(">Q", time) + signed)


def note(*lines: Signature, head: Checkpoint = HEAD) -> Note:
    text = head.text()
    return Note(text, (LOG.sign_note(text), *lines))


def policy(quorum: str) -> LogPolicy:
    log, classic = LOG.verifier.vkey(), CLASSIC.verifier.vkey()
    lines = [f"log {log}", f"witness M {KEY.vkey()}", f"witness C {classic}", "group one any M C"]
    return LogPolicy.parse("".join(f"{each}\n" for each in [*lines, f"quorum {quorum}"]).encode())


def test_vkeys_of_every_type_are_read():
    assert parse_vkey(KEY.vkey()) == KEY and isinstance(parse_vkey(KEY.vkey()), MlDsaKey)
    assert parse_vkey(CLASSIC.verifier.vkey()) == CLASSIC.verifier == VerifierKey.parse(CLASSIC.verifier.vkey())
    other = MlDsaKey("other.example", ML_DSA_44, PUBLIC).vkey()
    for wrong in (
        "",
        "a+b",
        f"{KEY.name}+{'0' * 8}+{other.rpartition('+')[2]}",
        KEY.vkey()[:-4],
        KEY.vkey() + "AAAA",
        KEY.vkey().replace("+", "++", 1),
        f"a b+{other.partition('+')[2]}",
    ):
        with pytest.raises(Malformed):
            parse_vkey(wrong)


def test_a_cosignature_is_over_the_structure_of_the_text():
    KEY.verify(HEAD.text(), line())
    assert cosignature_time(line(time=1_764_000_000)) == 1_764_000_000
    # Extension lines are no part of what is signed.
    KEY.verify(Checkpoint(HEAD.origin, HEAD.size, HEAD.root, ("more",)).text(), line())
    cosigned = line()
    whole = note(cosigned)
    assert verify_note(whole, [LOG.verifier, KEY]) == [(LOG.verifier, whole.signatures[0]), (KEY, cosigned)]


def test_anything_else_does_not_verify():
    good = line()
    flipped = bytes((good.signature[0] ^ 1,)) + good.signature[1:]
    for wrong in (
        line(name="witness.example/x"),
        line(start=1),
        line(Checkpoint(HEAD.origin, 6, HEAD.root)),
        line(Checkpoint("log.example/2", 5, HEAD.root)),
        line(Checkpoint(HEAD.origin, 5, b"s" * 32)),
        Signature(KEY.name, KEY.key_id, flipped),
        Signature(KEY.name, KEY.key_id, good.signature[:-1]),
        Signature(KEY.name, KEY.key_id, good.signature + b"x"),
        Signature(KEY.name, KEY.key_id, b"x"),
        Signature("witness.example/x", KEY.key_id, good.signature),
        CLASSIC.cosign(HEAD.text(), 7),
    ):
        with pytest.raises(BadSignature):
            KEY.verify(HEAD.text(), wrong)
    with pytest.raises(BadSignature):
        KEY.verify("no checkpoint\n", good)


def test_a_policy_counts_witnesses_of_both_kinds():
    assert LogPolicy.parse(policy("M").format()) == policy("M")
    assert policy("M").check(note(line()), HEAD).witnesses == ("M",)
    both = note(line(), CLASSIC.cosign(HEAD.text(), 7))
    assert policy("one").check(both, HEAD).witnesses == ("M", "C")
    with pytest.raises(BadSignature, match="quorum"):
        policy("M").check(note(CLASSIC.cosign(HEAD.text(), 7)), HEAD)
    with pytest.raises(BadSignature):
        policy("one").check(note(line(name="x"), CLASSIC.cosign(HEAD.text(), 7)), HEAD)


def test_where_it_cannot_be_checked_it_counts_as_absent(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mldsa, "_public_key_class", lambda: None)
    both = note(line(), CLASSIC.cosign(HEAD.text(), 7))
    assert policy("one").check(both, HEAD).witnesses == ("C",)
    with pytest.raises(BadSignature, match="quorum"):
        policy("M").check(both, HEAD)


def test_keys_that_cannot_be_one():
    for name, kind, public in (("a", 4, PUBLIC), ("a", 6, PUBLIC[:-1]), ("a b", 6, PUBLIC), ("x" * 256, 6, PUBLIC)):
        with pytest.raises(Malformed):
            MlDsaKey(name, kind, public)
    with pytest.raises(BadSignature):
        KEY.verify(Checkpoint("o" * 256, 5, HEAD.root).text(), line())
