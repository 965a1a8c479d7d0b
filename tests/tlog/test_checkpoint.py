from __future__ import annotations

from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import BadProof, BadSignature, Malformed
from node.tlog.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint_text, read_checkpoint
from node.tlog.merkle import EMPTY_ROOT
from node.tlog.note import Ed25519Signer, Note, Signature

# The example of c2sp.org/tlog-checkpoint.
TEXT = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
SIGNED = (
    TEXT + "\n— example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
).encode()

LOG = Ed25519Signer("log.example/1", 1, bytes(32))
WITNESS = Ed25519Signer("witness.example/w", 4, b"\x02" * 32)
HEAD = Checkpoint("log.example/1", 5, b"r" * 32)


def test_golden_checkpoint():
    head, note = read_checkpoint(SIGNED)
    assert head == Checkpoint(
        "example.com/behind-the-sofa", 20852163, b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")
    )
    assert head.text() == note.text == TEXT
    assert note.encode() == SIGNED


LINES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


@given(LINES, st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32), st.lists(LINES, max_size=3))
def test_checkpoints_round_trip(origin, size, root, extensions):
    head = Checkpoint(origin, size, root, tuple(extensions))
    assert parse_checkpoint_text(head.text()) == head


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\n\n\n",
        TEXT[:-1],
        TEXT + "\n",
        TEXT + "extension\n\n",
        TEXT + "extension",
        "\n" + TEXT,
        TEXT.replace("example.com/behind-the-sofa", ""),
        *(TEXT.replace("20852163", size) for size in ("", "020", "-1", "+1", "1.0", "1e3", "0x1", "٣", " 1", "1_0")),
        TEXT.replace("20852163", str(2**63)),
        TEXT.replace("20852163", "9" * 100_000),
        TEXT.replace("q2I=", "q2I"),
        TEXT.replace("q2I=", "q2J="),  # bits in the padding
        TEXT.replace("q2I=", ""),
        TEXT.replace("q2I=", "q2IA"),
        TEXT.replace("CsUY", "Cs-_"),
    ],
)
def test_other_texts_are_malformed(text):
    with pytest.raises(Malformed):
        parse_checkpoint_text(text)


@pytest.mark.parametrize(
    "arguments",
    [
        ("", 1, b"r" * 32),
        ("two\nlines", 1, b"r" * 32),
        ("tab\t", 1, b"r" * 32),
        ("x", -1, b"r" * 32),
        ("x", 2**63, b"r" * 32),
        ("x", 1, b"r" * 31),
        ("x", 1, b"r" * 32, ("",)),
        ("x", 1, b"r" * 32, ("two\nlines",)),
    ],
)
def test_no_checkpoint_of_other_values(arguments):
    with pytest.raises(Malformed):
        Checkpoint(*arguments)


def test_an_empty_log_has_the_root_of_nothing():
    Checkpoint("x", 0, EMPTY_ROOT).check_empty_root()
    Checkpoint("x", 1, b"r" * 32).check_empty_root()
    with pytest.raises(BadProof):
        Checkpoint("x", 0, b"r" * 32).check_empty_root()


def signed(head: Checkpoint, *signatures: Signature) -> bytes:
    return Note(head.text(), signatures).encode()


def test_open_gives_all_that_verified():
    data = signed(HEAD, LOG.sign_note(HEAD.text()), WITNESS.cosign(HEAD.text(), 9))
    head, note, verified = open_checkpoint(data, [LOG.verifier, WITNESS.verifier])
    assert head == HEAD
    assert note.encode() == data
    assert verified == list(zip([LOG.verifier, WITNESS.verifier], note.signatures, strict=True))
    assert len(open_checkpoint(data, [LOG.verifier])[2]) == 1


def test_a_log_speaks_for_itself_only():
    stolen = Checkpoint("log.example/2", 5, b"r" * 32)
    with pytest.raises(BadSignature, match="the log that it names"):
        open_checkpoint(signed(stolen, LOG.sign_note(stolen.text())), [LOG.verifier])


def test_a_cosigner_does_not_speak_for_a_log():
    with pytest.raises(BadSignature):
        open_checkpoint(signed(HEAD, WITNESS.cosign(HEAD.text(), 9)), [LOG.verifier, WITNESS.verifier])
    same_name = Ed25519Signer(HEAD.origin, 4, b"\x03" * 32)
    with pytest.raises(BadSignature):
        open_checkpoint(signed(HEAD, same_name.cosign(HEAD.text(), 9)), [LOG.verifier, same_name.verifier])


def test_a_note_that_is_no_checkpoint():
    with pytest.raises(Malformed):
        open_checkpoint(Note("hello\n", (LOG.sign_note("hello\n"),)).encode(), [LOG.verifier])
