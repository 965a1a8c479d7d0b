from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from node.errors import BadSignature, Malformed, Refused
from node.tlog.keys import Ed25519Signer, VerifierKey
from node.tlog.signature import KeyType, Signature, key_id

VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SEED = bytes(range(32))
NAMES = st.text(min_size=1, max_size=20).filter(
    lambda name: not any(char.isspace() or char < " " or char == "+" or "\ud800" <= char < "\ue000" for char in name)
)


def test_golden_vkey():
    key = VerifierKey.parse(VKEY)
    assert (key.name, key.type, key.key_id.hex()) == ("example.com/foo", KeyType.ED25519, "530d903a")
    assert key.public.hex() == "e932791ae6e7a840a46164c904786426d5e7821dd8b29a00d61cae72afdd4da4"
    assert key.vkey() == VKEY
    assert key_id(key.name, key.type, key.public) == key.key_id


@given(NAMES, st.sampled_from([1, 4]), st.binary(min_size=32, max_size=32))
def test_vkeys_round_trip(name, key_type, seed):
    key = Ed25519Signer(name, key_type, seed).verifier
    assert VerifierKey.parse(key.vkey()) == key
    assert VerifierKey.parse(key.vkey()).key_id == key.key_id


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "example.com/foo",
        VKEY.rpartition("+")[0],
        VKEY + "\n",
        " " + VKEY,
        VKEY.replace("530d903a", "530d903b"),
        VKEY.replace("530d903a", "530D903A"),
        VKEY.replace("530d903a", ""),
        VKEY.replace("foo", "bar"),
        VKEY.replace("+Ae", "+Be"),  # another type
        VKEY.replace("+Ae", "+ Ae"),
        VKEY[:-4],
        VKEY + "AAAA",
        VKEY[:-1] + "é",
        VKEY.replace("foo", "f\udc80o"),
        "+" + VKEY.partition("+")[2],
        "log.example/1+00000000+" + "A" * 44,
    ],
)
def test_other_vkeys_are_malformed(vkey):
    with pytest.raises(Malformed):
        VerifierKey.parse(vkey)


def test_an_id_depends_on_the_type():
    note, cosign = (Ed25519Signer("x.example", each, SEED).verifier for each in (1, 4))
    assert note.public == cosign.public
    assert note.key_id != cosign.key_id


def test_a_key_or_its_seed_makes_the_same_signer():
    private = Ed25519PrivateKey.from_private_bytes(SEED)
    from_key, from_seed = (Ed25519Signer("x.example", 1, each) for each in (private, SEED))
    assert from_key.sign_note("text\n") == from_seed.sign_note("text\n")
    with pytest.raises(Malformed):
        Ed25519Signer("x.example", 1, SEED[1:])
    with pytest.raises(Malformed):
        Ed25519Signer("x.example", 2, SEED)
    with pytest.raises(Malformed):
        Ed25519Signer("x example", 1, SEED)


def test_a_key_makes_one_kind_of_statement():
    log, witness = (Ed25519Signer("x.example", each, SEED) for each in (1, 4))
    with pytest.raises(Refused):
        log.cosign("text\n", 1)
    with pytest.raises(Refused):
        witness.sign_note("text\n")


@pytest.mark.parametrize("text", ["", "no newline", "tab\t\n", "nul\0\n", "lone \udc80\n"])
def test_only_the_text_of_a_note_is_signed(text):
    with pytest.raises(Malformed):
        Ed25519Signer("x.example", 1, SEED).sign_note(text)
    with pytest.raises(Malformed):
        Ed25519Signer("x.example", 4, SEED).cosign(text, 1)


def test_a_cosignature_is_bound_to_its_time_and_text():
    witness = Ed25519Signer("w.example", 4, SEED)
    made = witness.cosign("text\n", 1679315147)
    witness.verifier.verify("text\n", made)
    later = Signature(made.name, made.key_id, (1679315148).to_bytes(8, "big") + made.signature[8:])
    for text, signature in (("other\n", made), ("text\n", later)):
        with pytest.raises(BadSignature):
            witness.verifier.verify(text, signature)


@given(st.integers(1, 2), st.binary(min_size=1, max_size=80))
def test_any_other_bytes_are_a_bad_signature(which, value):
    key = Ed25519Signer("w.example", (1, 4)[which - 1], SEED).verifier
    with pytest.raises(BadSignature):
        key.verify("text\n", Signature(key.name, key.key_id, value))


def test_a_signature_of_another_key_is_bad():
    key = Ed25519Signer("w.example", 1, SEED)
    other = Ed25519Signer("w.example", 1, SEED[::-1]).sign_note("text\n")
    assert not key.verifier.made(other)
    with pytest.raises(BadSignature):
        key.verifier.verify("text\n", other)
