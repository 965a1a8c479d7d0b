from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import BadSignature, Malformed
from node.tlog.note import (
    MAX_NOTE_BYTES,
    MAX_SIGNATURES,
    Ed25519Signer,
    Note,
    Signature,
    VerifierKey,
    parse_note,
    parse_signature_lines,
    validate_key_name,
    verify_note,
)

# Both notes and the key are the examples of c2sp.org/signed-note.
EXAMPLE_KEY = VerifierKey.parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
EXAMPLE = (
    "This is an example message.\n"
    "\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()
POEM = (
    "Ognuno sta solo sul cuor della terra\n"
    "trafitto da un raggio di sole:\n"
    "\n"
    "ed è subito sera.\n"
    "\n"
    "— quasimodo.example/salvatore "
    "NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
).encode()

LOG = Ed25519Signer("log.example/1", 1, bytes(32))
OTHER = Ed25519Signer("other.example/1", 1, b"\x01" * 32)
WITNESS = Ed25519Signer("witness.example/w", 4, b"\x02" * 32)
LINE = LOG.sign_note("text\n").line()


def test_golden_note_verifies():
    note = parse_note(EXAMPLE)
    assert note.text == "This is an example message.\n"
    assert verify_note(note, [EXAMPLE_KEY]) == [(EXAMPLE_KEY, note.signatures[0])]
    assert note.encode() == EXAMPLE


def test_golden_note_with_an_empty_line():
    note = parse_note(POEM)
    assert note.text.endswith("sole:\n\ned è subito sera.\n")
    assert [each.name for each in note.signatures] == ["quasimodo.example/salvatore"]
    assert note.encode() == POEM


def test_a_flipped_bit_is_found():
    for at in range(EXAMPLE.index(b"\n\n")):
        data = bytearray(EXAMPLE)
        data[at] ^= 1
        with pytest.raises(BadSignature):
            verify_note(parse_note(bytes(data)), [EXAMPLE_KEY])


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n")).map(lambda text: text + "\n")
SIGNATURES = st.builds(
    Signature,
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"], exclude_characters="+"), min_size=1),
    st.binary(min_size=4, max_size=4),
    st.binary(min_size=1, max_size=80),
)


@given(TEXTS, st.lists(SIGNATURES, min_size=1, max_size=5))
def test_notes_round_trip(text, signatures):
    note = Note(text, tuple(signatures))
    assert parse_note(note.encode()) == note


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: (text + "\n" + LINE).encode()))
def test_any_bytes_are_a_note_or_malformed(data):
    try:
        note = parse_note(data)
    except Malformed:
        return
    assert note.encode() == data, "one spelling only"


@pytest.mark.parametrize(
    "data",
    [
        "",
        "text\n",
        "text\n\n",
        LINE,
        "\n" + LINE,
        "text\n" + LINE,
        "text" + LINE,
        "text\n\n" + LINE[:-1],
        "text\n\n" + LINE + "\n",
        "text\n\n" + LINE + "more\n",
        "text\n\n" + LINE + "\n\n",
        "text\n\n " + LINE,
        "te\txt\n\n" + LINE,
        "te\rxt\n\n" + LINE,
        "te\0xt\n\n" + LINE,
        "text\n\n" + LINE.replace("\n", "\r\n"),
        "text\n\n" + LINE.replace("— ", "- "),
        "text\n\n" + LINE.replace("— ", "—  "),
        "text\n\n" + LINE.replace("log.example/1", ""),
        "text\n\n" + LINE.replace("log.example/1", "log+1"),
        "text\n\n" + LINE.replace("log.example/1", "log\u00a01"),
        "text\n\n" + LINE.replace("log.example/1", "log\u20281"),
        "text\n\n— log.example/1\n",
        "text\n\n— log.example/1 \n",
        "text\n\n— log.example/1 AAAAAA==\n",  # a key id and no signature
        "text\n\n— log.example/1 AAAAAAA\n",  # no padding
        "text\n\n— log.example/1 AAAAAAF=\n",  # bits in the padding
        "text\n\n— log.example/1 AAAA AAAA\n",
        "text\n\n— log.example/1 AAAAAA-_\n",
        "text\n\n— log.example/1 AAAAAAAA \n",
    ],
)
def test_other_notes_are_malformed(data):
    with pytest.raises(Malformed):
        parse_note(data.encode())


def test_bytes_that_are_not_utf8_are_malformed():
    for data in (b"te\xffxt\n\n" + LINE.encode(), b"text\n\n" + LINE.encode()[:-1] + b"\xff\n", b"\xed\xa0\x80\n\n"):
        with pytest.raises(Malformed):
            parse_note(data)


def test_limits():
    signatures = tuple(Signature("log.example/1", b"1234", bytes((i + 1,))) for i in range(MAX_SIGNATURES + 1))
    fits = Note("text\n", signatures[:-1])
    assert parse_note(fits.encode()) == fits
    for note in (Note("text\n", signatures), Note("text\n", ())):
        with pytest.raises(Malformed):
            note.encode()
    with pytest.raises(Malformed):
        parse_note(fits.encode() + signatures[-1].line().encode())
    with pytest.raises(Malformed):
        parse_note(b"x" * MAX_NOTE_BYTES + EXAMPLE)
    with pytest.raises(Malformed):
        Note("no newline", signatures)


def test_exact_duplicates_are_dropped():
    one, two, three = (Signature("log.example/1", b"1234", bytes((i,))) for i in range(3))
    assert Note("text\n", (one,)).with_signatures(two, one, three, two).signatures == (one, two, three)


def test_signature_blocks():
    signatures = [LOG.sign_note("text\n"), WITNESS.cosign("text\n", 1)]
    assert parse_signature_lines("".join(each.line() for each in signatures).encode()) == signatures
    for data in (b"", b"\n", b"text\n", LINE.encode() + b"\n", LINE.encode()[:-1], b"\xff\n"):
        with pytest.raises(Malformed):
            parse_signature_lines(data)


def test_signatures_of_unknown_keys_are_ignored():
    text = "text\n"
    # Each shares the name or the id with the log's key, but not both.
    same_name = Signature(LOG.name, b"\0\0\0\0", b"x")
    same_id = Signature("else.example", LOG.verifier.key_id, b"x")
    note = Note(text, (same_name, OTHER.sign_note(text), LOG.sign_note(text), same_id))
    assert verify_note(note, [LOG.verifier]) == [(LOG.verifier, note.signatures[2])]
    with pytest.raises(BadSignature, match="no trusted key"):
        verify_note(note, [WITNESS.verifier])
    with pytest.raises(BadSignature):
        verify_note(note, [])


def test_all_known_signatures_are_verified():
    text = "text\n"
    note = Note(text, (LOG.sign_note(text), WITNESS.cosign(text, 7), WITNESS.cosign(text, 8)))
    keys = [WITNESS.verifier, LOG.verifier, LOG.verifier]
    assert [key.name for key, _ in verify_note(note, keys)] == [LOG.name, WITNESS.name, WITNESS.name]
    bad = note.with_signatures(Signature(LOG.name, LOG.verifier.key_id, b"x" * 64))
    with pytest.raises(BadSignature, match="does not verify"):
        verify_note(bad, keys)
    assert len(verify_note(bad, [WITNESS.verifier])) == 2


def test_keys_that_a_line_cannot_tell_apart_are_refused():
    twin = VerifierKey(LOG.name, 1, OTHER.verifier.public)
    # Anybody can compute such a key in minutes; here it is told to have the same id.
    object.__setattr__(twin, "key_id", LOG.verifier.key_id)
    with pytest.raises(Malformed, match="same id"):
        verify_note(Note("text\n", (LOG.sign_note("text\n"),)), [LOG.verifier, twin])


def test_a_log_key_does_not_verify_as_a_cosigner():
    note = Note("text\n", (LOG.sign_note("text\n"),))
    with pytest.raises(BadSignature):
        verify_note(note, [VerifierKey(LOG.name, 4, LOG.verifier.public)])


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u3000b", "a\u0085b", "a\tb", "a\nb", "a\x7f\x00", "\ud800"])
def test_names_that_cannot_stand_in_a_note(name):
    with pytest.raises(Malformed):
        validate_key_name(name)
    with pytest.raises(Malformed):
        Signature(name, b"1234", b"x")


def test_signatures_that_cannot_stand_in_a_note():
    for key_id, value in ((b"123", b"x"), (b"12345", b"x"), (b"1234", b"")):
        with pytest.raises(Malformed):
            Signature("x.example", key_id, value)
    assert Signature("x.example", b"1234", b"x").line() == f"— x.example {b64encode(b'1234x').decode()}\n"
    validate_key_name("重庆.example/交易-1")
