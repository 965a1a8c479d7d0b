"""The absence note: canonical, signed by a custody key of the trust policy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import BadSignature, Malformed
from node.tlog.note import Ed25519Signer, KeyType, Note
from node.wire.absence import Absence, open_absence, parse
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
SAMPLE = Absence("a/1", 1_764_000_000, 4, 9, ((4, "main"), (8, "identity"), (8, "main")))


@given(
    st.integers(0, 2**63),
    st.sets(st.tuples(st.integers(5, 99), st.sampled_from(["main", "identity"])), max_size=5),
)
def test_what_is_written_is_read(time_s: int, places: set[tuple[int, str]]) -> None:
    absence = Absence("a/1", time_s, 5, 100, tuple(sorted(places)))
    assert parse(absence.text()) == absence


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/v1\n", "/v2\n"),
        ("time 17", "time +17"),
        ("range 4 9", "range 4"),
        ("range 4 9", "range 5 9"),
        ("range 4 9", "range 4 8"),
        ("absent 4 main", "absent 4 main x"),
        ("absent 4 main", "missing 4 main"),
        ("absent 8 identity\nabsent 8 main", "absent 8 main\nabsent 8 identity"),
        ("absent 8 identity", "absent 8 main"),
    ],
)
def test_other_texts_are_refused(old: str, new: str) -> None:
    assert old in SAMPLE.text()
    with pytest.raises(Malformed):
        parse(SAMPLE.text().replace(old, new, 1))


def test_it_is_signed_with_a_custody_key_of_the_policy() -> None:
    text = SAMPLE.text()
    assert open_absence(Note(text, (CUSTODY.sign_note(text),)).encode(), POLICY) == (SAMPLE, NODE)
    for signature in (CUSTODY.sign_note(text + "x\n"), SIGNER.sign_note(text)):
        with pytest.raises(BadSignature):
            open_absence(Note(text, (signature,)).encode(), POLICY)
