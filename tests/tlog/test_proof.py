from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import BadProof, BadSignature, Malformed
from node.tlog.checkpoint import Checkpoint
from node.tlog.note import Ed25519Signer, Note
from node.tlog.policy import LogPolicy, PolicyLog, PolicyWitness
from node.tlog.proof import TlogProof
from node.tlog.tiles import inclusion_proof

# Lines of the example of c2sp.org/tlog-proof; its signatures are elided there.
HEAD = (
    "c2sp.org/tlog-proof@v1\n"
    "extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6\n"
    "index 73894\n"
    "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n"
    "B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=\n"
    "EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=\n"
    "RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=\n"
    "AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=\n"
)
NOTE = "example.com/fancylog\n109482\nsFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=\n\n— example.com/fancylog AAAAAAAA\n"
LOG = Ed25519Signer("log.example/1", 1, bytes(32))
WITNESS = Ed25519Signer("witness.example/w", 4, b"\x02" * 32)


def test_golden_proof():
    data = (HEAD + "\n" + NOTE).encode()
    proof = TlogProof.parse(data)
    assert (proof.index, len(proof.proof), proof.extra) == (73894, 5, b"age-v1.2.1-darwin-arm64.tar.gz")
    assert proof.proof[0].hex().startswith("8122b25e8619")
    assert proof.checkpoint_note == NOTE.encode()
    assert proof.encode() == data


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63).map(tuple),
    st.binary(max_size=100),
    st.none() | st.binary(max_size=100),
)
def test_proofs_round_trip(index, hashes, note, extra):
    proof = TlogProof(index, hashes, note, extra)
    assert TlogProof.parse(proof.encode()) == proof


@pytest.mark.parametrize(
    "data",
    [
        "",
        "\n\n",
        "c2sp.org/tlog-proof@v1\n\n" + NOTE,
        HEAD + NOTE.replace("\n\n", "\n"),
        HEAD,
        HEAD.replace("@v1", "@v2") + "\n" + NOTE,
        HEAD.replace("index ", "index  ") + "\n" + NOTE,
        HEAD.replace("index 7", "index 07") + "\n" + NOTE,
        HEAD.replace("index 7", "Index 7") + "\n" + NOTE,
        HEAD.replace("extra ", "Extra ") + "\n" + NOTE,
        HEAD.replace("extra YWd", "extra !YWd") + "\n" + NOTE,
        HEAD.replace("extra", "extra YWdl\nextra") + "\n" + NOTE,
        HEAD.replace("PlQ=", "PlQ") + "\n" + NOTE,
        HEAD.replace("PlQ=", "PlR=") + "\n" + NOTE,
        HEAD.replace("\n", "\r\n") + "\r\n" + NOTE,
        " " + HEAD + "\n" + NOTE,
        HEAD + "AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=\n" * 59 + "\n" + NOTE,
    ],
)
def test_other_files_are_malformed(data):
    with pytest.raises(Malformed):
        TlogProof.parse(data.encode())


def test_proofs_that_cannot_be_written():
    for index, hashes in ((-1, ()), (2**63, ()), (0, (b"short",)), (0, (b"h" * 32,) * 64)):
        with pytest.raises(Malformed):
            TlogProof(index, hashes, b"").encode()


@given(st.binary(max_size=100))
def test_any_bytes_are_a_proof_or_malformed(data):
    for prefix in (b"", b"c2sp.org/tlog-proof@v1\n", b"c2sp.org/tlog-proof@v1\nindex 0\n"):
        try:
            proof = TlogProof.parse(prefix + data)
        except Malformed:
            continue
        assert proof.encode() == prefix + data


def test_a_receipt_verifies_offline(tree):
    log, index = tree(300), 123
    head = Checkpoint(LOG.name, 300, log.mth(0, 300))
    note = Note(head.text(), (LOG.sign_note(head.text()), WITNESS.cosign(head.text(), 5)))
    policy = LogPolicy((PolicyLog(LOG.verifier),), (PolicyWitness("w", WITNESS.verifier),), (), "w")
    proof = TlogProof(index, tuple(inclusion_proof(log.read_tile, index, 300)), note.encode())

    found, result = TlogProof.parse(proof.encode()).verify(log.leaves[index], policy)
    assert (found, result.log, result.witnesses) == (head, LOG.verifier, ("w",))

    with pytest.raises(BadProof):
        proof.verify(log.leaves[index + 1], policy)
    with pytest.raises(BadProof):
        TlogProof(index + 1, proof.proof, note.encode()).verify(log.leaves[index], policy)
    with pytest.raises(BadSignature):
        alone = Note(note.text, note.signatures[:1])
        TlogProof(index, proof.proof, alone.encode()).verify(log.leaves[index], policy)
