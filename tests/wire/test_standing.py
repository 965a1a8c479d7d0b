"""The standing note: canonical, signed by the custody key of the node that it names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import BadSignature, Malformed
from node.tlog.note import Ed25519Signer, KeyType, Note
from node.wire.standing import LogStanding, StandingNote, open_standing, parse
from node.wire.trust import KeyGrant, Member, TrustPolicy

NODE = "ggzy.example/test/east"
SIGNER = Ed25519Signer("ggzy.example/test/signer", KeyType.ED25519, b"s" * 32)
CUSTODY = Ed25519Signer(f"{NODE}/custody", KeyType.ED25519, b"c" * 32)
POLICY = TrustPolicy(
    federation="ggzy.example/test",
    version=1,
    previous="none",
    threshold=1,
    signers=(SIGNER.verifier,),
    members=(Member(NODE, "district", "500103", "", "east"),),
    keys=(KeyGrant(NODE, "custody", CUSTODY.verifier),),
)

numbers = st.integers(0, 2**63 - 1)
places = st.lists(st.tuples(numbers, st.sampled_from(["main", "employment"])), max_size=4).map(tuple)
logs = st.lists(
    st.builds(LogStanding, st.sampled_from(["a/1", "b/1", "c/2"]), numbers, numbers, numbers, places),
    max_size=3,
    unique_by=lambda log: log.origin,
).map(tuple)
standings = st.builds(StandingNote, st.just(NODE), numbers, numbers, logs)


@given(standings)
def test_what_is_written_is_read(standing: StandingNote) -> None:
    assert parse(standing.text()) == standing


SAMPLE = StandingNote(
    NODE, 1_764_000_000, 3, (LogStanding("a/1", 9, 8, 7, ((2, "main"),)), LogStanding("b/1", 0, 0, 0))
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/v1\n", "/v2\n"),
        ("time 17", "time 017"),
        ("log a/1 9", "log a/1 -9"),
        ("log a/1 9 8 7", "log a/1 9 8"),
        ("missing 2 main", "missing 2"),
        ("log b/1", "log a/1"),
        ("log a/1 9 8 7\nmissing", "missing"),
        ("policy 3", "policy 3_0"),
        ("\n", "\r\n"),
        (" 7\n", f" {2**63}\n"),
    ],
)
def test_other_texts_are_refused(old: str, new: str) -> None:
    assert old in SAMPLE.text()
    with pytest.raises(Malformed):
        parse(SAMPLE.text().replace(old, new, 1))


def test_it_is_signed_by_the_node_that_it_names() -> None:
    text = SAMPLE.text()
    standing, _ = open_standing(Note(text, (CUSTODY.sign_note(text),)).encode(), POLICY)
    assert standing == SAMPLE
    assert standing.of("a/1") == SAMPLE.logs[0] and standing.of("c/2") is None
    other = Ed25519Signer(f"{NODE}/custody", KeyType.ED25519, b"x" * 32)
    for signature in (other.sign_note(text), CUSTODY.sign_note(text + "x\n"), SIGNER.sign_note(text)):
        with pytest.raises(BadSignature):
            open_standing(Note(text, (signature,)).encode(), POLICY)


def test_too_many_logs_for_a_note_are_refused() -> None:
    many = tuple(LogStanding(f"{'o' * 900}/{number}", 0, 0, 0) for number in range(1200))
    with pytest.raises(Malformed):
        StandingNote(NODE, 0, 1, many).text()
