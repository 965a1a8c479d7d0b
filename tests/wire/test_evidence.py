"""Evidence files: read strictly, judged by signatures and hashes alone, under either sort of policy."""

from __future__ import annotations

import json
from typing import Any

import pytest

from node.errors import BadProof, BadSignature, Malformed, NodeError, Refused
from node.tlog.checkpoint import Checkpoint
from node.tlog.merkle import claimed_root, leaf_hash, node_hash, root_of
from node.tlog.note import Ed25519Signer, KeyType, Note
from node.tlog.policy import NONE, LogPolicy, PolicyLog
from node.tlog.tiles import TileCache, consistency_proof
from node.wire import evidence, evidence_check
from node.wire.custody import Custody
from node.wire.evidence import Branch, ChangedHeader, Fork, Statement, Withheld
from node.wire.statement import Said
from node.wire.trust import KeyGrant, Member, Retirement, TrustPolicy

ORIGIN = "ggzy.example/t/1/1"
SIGNER = Ed25519Signer(ORIGIN, KeyType.ED25519, bytes(range(32)))
POLICY = LogPolicy((PolicyLog(SIGNER.verifier),), (), (), NONE)


def tree(name: str, size: int, common: int = 0) -> list[bytes]:
    return [leaf_hash(f"{'common' if n < common else name} {n}".encode()) for n in range(size)]


def note(leaves: list[bytes], signer: Ed25519Signer = SIGNER) -> str:
    text = Checkpoint(ORIGIN, len(leaves), root_of(leaves)).text()
    return Note(text, (signer.sign_note(text),)).encode().decode()


def proof(leaves: list[bytes], at: int) -> tuple[bytes, ...]:
    def read(level: int, n: int, width: int) -> bytes:
        assert level == 0
        return b"".join(leaves[n * 256 : n * 256 + width])

    return tuple(consistency_proof(TileCache(read, len(leaves)), at, len(leaves)))


def fork(small: int, large: int, at: int | None = None, *, common: int = 0) -> Fork:
    """The fork of two trees that have nothing in common from `common` on."""
    ours, theirs = tree("ours", small, common), tree("theirs", large, common)
    at = small if at is None else at
    branches = tuple(Branch(root=root_of(each[:at]), proof=proof(each, at)) for each in (ours, theirs))
    return Fork(origin=ORIGIN, notes=(note(ours), note(theirs)), at=at, branches=branches)


@pytest.mark.parametrize(
    ("small", "large", "at"), [(3, 3, None), (3, 7, None), (4, 9, None), (7, 9, 5), (1, 256, None), (100, 200, 99)]
)
def test_l10_a_fork_of_any_two_sizes_is_proven_with_the_logs_key_alone(small: int, large: int, at: int | None) -> None:
    verdict = evidence_check.verify(evidence.parse(evidence.encode(fork(small, large, at))), POLICY)
    assert verdict.sort == "fork" and verdict.origin == ORIGIN
    assert "two histories" in verdict.proven[0][1] and str(large) in verdict.proven[0][1]
    assert verdict.left_open, "it also says what is not proven"


def test_two_heads_that_agree_prove_nothing() -> None:
    with pytest.raises(Refused, match="proves nothing"):
        evidence_check.verify(fork(5, 9, common=5), POLICY)
    same = fork(3, 3, common=3)
    with pytest.raises(Refused, match="proves nothing"):
        evidence_check.verify(same, POLICY)
    # They part later than they are compared.
    with pytest.raises(Refused, match="proves nothing"):
        evidence_check.verify(fork(7, 9, 4, common=4), POLICY)


def test_a_fork_that_another_key_signed_proves_nothing() -> None:
    stranger = Ed25519Signer(ORIGIN, KeyType.ED25519, bytes(32))
    made = fork(3, 5)
    forged = Fork(origin=ORIGIN, notes=(made.notes[0], note(tree("theirs", 5), stranger)), at=3, branches=made.branches)
    with pytest.raises(BadSignature):
        evidence_check.verify(forged, POLICY)
    other = LogPolicy((PolicyLog(Ed25519Signer("another/1", KeyType.ED25519, bytes(32)).verifier),), (), (), NONE)
    with pytest.raises(BadSignature):
        evidence_check.verify(made, other)


def test_a_claimed_root_without_its_proof_proves_nothing() -> None:
    made = fork(3, 5)
    for root, steps in ((bytes(32), made.branches[1].proof), (made.branches[1].root, ())):
        wrong = Branch(root=root, proof=steps)
        with pytest.raises(BadProof):
            evidence_check.verify(
                Fork(origin=ORIGIN, notes=made.notes, at=3, branches=(made.branches[0], wrong)), POLICY
            )


def test_every_changed_byte_of_a_fork_is_noticed() -> None:
    data = evidence.encode(fork(3, 5))
    plain = json.loads(data)
    for path in (("notes", 0), ("notes", 1), ("origin",)):
        changed = json.loads(data)
        target, last = changed, path[-1]
        for step in path[:-1]:
            target = target[step]
        text = target[last]
        target[last] = text.replace("1", "2", 1)
        assert target[last] != text
        with pytest.raises(NodeError):
            evidence_check.verify(evidence.parse(json.dumps(changed).encode()), POLICY)
    assert plain["format"] == evidence.MAGIC


@pytest.mark.parametrize(
    "change",
    [
        {"format": "ggzy-node/evidence/v2"},
        {"format": None},
        {"sort": "gossip"},
        {"sort": None},
        {"more": 1},
        {"notes": ["one"]},
        {"notes": ["a", "b", "c"]},
        {"at": "3"},
        {"at": None},
        {"branches": []},
        {"branches": [{"root": "!", "proof": []}] * 2},
        {"origin": 7},
    ],
)
def test_what_is_not_of_the_form_is_refused(change: dict[str, Any]) -> None:
    plain = json.loads(evidence.encode(fork(3, 5))) | change
    plain = {name: value for name, value in plain.items() if value is not None}
    with pytest.raises(Malformed):
        evidence.parse(json.dumps(plain).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe", b"{}" * 2, b"[" * 100_000, b"null"])
def test_rubbish_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        evidence.parse(data)


def test_numbers_out_of_range_prove_nothing() -> None:
    for at in (-1, 0, 4, 2**63, 2**70):
        made = fork(3, 5)
        with pytest.raises(NodeError):
            evidence_check.verify(Fork(origin=ORIGIN, notes=made.notes, at=at, branches=made.branches), POLICY)


def test_a_plain_policy_cannot_judge_custody_notes() -> None:
    said = Statement(form="custody", note="whatever\n\n— x y\n")
    with pytest.raises(Refused, match="trust policy"):
        evidence_check.verify(Withheld(origin=ORIGIN, statements=(said,)), POLICY)


def test_a_changed_header_is_judged_by_the_logs_key_alone() -> None:
    leaves = tree("ours", 2)
    made = ChangedHeader(
        origin=ORIGIN, note=note(leaves), index=1, leaf=leaves[1], proof=(leaves[0],), entry=b"another"
    )
    verdict = evidence_check.verify(evidence.parse(evidence.encode(made)), POLICY)
    assert "are not entry 1" in verdict.proven[0][1] and "who served" in verdict.left_open[0][1]
    true = ChangedHeader(origin=ORIGIN, note=note(leaves), index=1, leaf=leaves[1], proof=(leaves[0],), entry=b"ours 1")
    with pytest.raises(Refused):
        evidence_check.verify(true, POLICY)


@pytest.mark.parametrize(("old", "new"), [(3, 5), (5, 9), (6, 7), (99, 200), (255, 256)])
def test_the_older_root_that_a_proof_holds(old: int, new: int) -> None:
    leaves = tree("ours", new)
    assert claimed_root(old, new, root_of(leaves), proof(leaves, old)) == root_of(leaves[:old])
    assert claimed_root(old, new, node_hash(leaves[0], leaves[0]), proof(leaves, old)) is None
    assert claimed_root(old, new, root_of(leaves), proof(leaves, old)[1:]) is None


@pytest.mark.parametrize(("old", "new"), [(4, 9), (1, 2), (0, 5), (5, 5), (9, 4), (-1, 5)])
def test_proofs_that_hold_no_older_root(old: int, new: int) -> None:
    leaves = tree("ours", max(new, 0))
    steps = proof(leaves, old) if 0 <= old <= new else ()
    assert claimed_root(old, new, root_of(leaves), steps) is None


def test_a_custody_note_of_a_key_that_was_retired_before_proves_nothing() -> None:
    """Who finds a retired key could else show two contradicting notes of an honest node."""
    hub, leaves = "hub.example", tree("ours", 9)
    custody_key = Ed25519Signer(f"{hub}/custody", KeyType.ED25519, bytes(range(1, 33)))
    members = (Member(hub, "hub", "500000", "", "枢纽"), Member("ggzy.example/t", "district", "500103", hub, "区"))
    keys = (KeyGrant(hub, "custody", custody_key.verifier), KeyGrant("ggzy.example/t", "log", SIGNER.verifier))
    retired = (Retirement(custody_key.verifier, 1_000),)
    policy = TrustPolicy("f", 1, "none", 1, (), members, keys, retired=retired)

    def said(size: int, time_s: int) -> Statement:
        text = Custody(ORIGIN, size, root_of(leaves[:size]), time_s, 0, size).text()
        return Statement(form="custody", note=Note(text, (custody_key.sign_note(text),)).encode().decode())

    in_time = Withheld(origin=ORIGIN, statements=(said(9, 500), said(3, 900)))
    assert evidence_check.verify(in_time, policy).proven
    for late in ((said(9, 500), said(3, 1_100)), (said(9, 1_100),)):
        with pytest.raises(BadSignature, match="retired"):
            evidence_check.verify(Withheld(origin=ORIGIN, statements=late), policy)


def test_places_in_logs_of_two_epochs_say_nothing_of_their_order() -> None:
    """An honest observer that opened a new epoch counts from 0 again: its older record has the larger index."""
    before = Said("hub.example", 100, 1_000_000, 500, "hub.example/1")
    later = Said("hub.example", 120, 2_000_000, 3, "hub.example/2")
    assert not later.contradicts(before) and not before.contradicts(later)
    shrunk = Said("hub.example", 90, 3_000_000, 4, "hub.example/2")
    assert later.contradicts(shrunk) and before.contradicts(shrunk)
