"""What a signed checkpoint is worth under the trust policy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.errors import BadProof, BadSignature, Malformed, NotFound, Unavailable
from node.tlog import sm2
from node.tlog.checkpoint import Checkpoint
from node.tlog.merkle import consistency_ranges, leaf_hash, root_of
from node.tlog.note import Ed25519Signer, KeyType, Note, Signature, parse_note
from node.tlog.suites import Sm2Signer
from node.wire.heads import cosignatures, nodes_above, open_head, open_own
from node.wire.trust import Closure, KeyGrant, Member, Retirement, Revocation, TrustPolicy
from tests.wire.test_golden import HUB, NODE, SIGNER, key

ORIGIN = f"{NODE}/1"
TOP = "cn.example"
OLD, NEW = key(ORIGIN, 6), key(ORIGIN, 7)
HUB_WITNESS = key(f"{HUB}/witness", 4, KeyType.COSIGNATURE)
HUB_MIRROR = key(f"{HUB}/mirror", 5, KeyType.COSIGNATURE)
TOP_WITNESS = key(f"{TOP}/witness", 14, KeyType.COSIGNATURE)
OWN_WITNESS = key(f"{NODE}/witness", 15, KeyType.COSIGNATURE)
POLICY = TrustPolicy(
    federation="ggzy.example/cq",
    version=1,
    previous="none",
    threshold=1,
    signers=(SIGNER.verifier,),
    members=(
        Member(TOP, "national", "000000", "", "国家"),
        Member(HUB, "hub", "500000", TOP, "重庆"),
        Member(NODE, "district", "500103", HUB, "渝中区"),
        Member("ggzy.example/cq/500105", "district", "500105", HUB, "江北区"),
    ),
    keys=(
        KeyGrant(TOP, "witness", TOP_WITNESS.verifier),
        KeyGrant(HUB, "witness", HUB_WITNESS.verifier),
        KeyGrant(HUB, "mirror", HUB_MIRROR.verifier),
        KeyGrant(NODE, "witness", OWN_WITNESS.verifier),
        KeyGrant(NODE, "log", OLD.verifier, 0, 12),
        KeyGrant(NODE, "log", NEW.verifier, 8),
    ),
)
LEAVES = [leaf_hash(bytes([number])) for number in range(40)]
OTHER = [leaf_hash(b"forged" + bytes([number])) for number in range(40)]
NOW_S = 1_763_913_600


def head(size: int, leaves: list[bytes] = LEAVES) -> Checkpoint:
    return Checkpoint(ORIGIN, size, root_of(leaves[:size]))


def note(checkpoint: Checkpoint, *signers: Ed25519Signer | Sm2Signer, at_s: int = NOW_S) -> bytes:
    text, lines = checkpoint.text(), []
    for signer in signers:
        cosigns = isinstance(signer, Ed25519Signer) and signer.verifier.type == KeyType.COSIGNATURE
        lines.append(signer.cosign(text, at_s) if cosigns else signer.sign_note(text))  # type: ignore[union-attr]
    return Note(text, tuple(lines)).encode()


def proof(old: int, new: int, leaves: list[bytes] = LEAVES) -> list[bytes]:
    return [root_of(leaves[low:high]) for low, high in consistency_ranges(old, new)]


def test_L19_a_key_counts_for_its_sizes_only() -> None:
    assert open_head(POLICY, note(head(5), OLD)).signers == (OLD.verifier,)
    assert open_head(POLICY, note(head(10), OLD)).signers == (OLD.verifier,)
    both = open_head(POLICY, note(head(10), NEW, OLD))
    assert both.signers == (OLD.verifier, NEW.verifier)
    assert len(both.log_lines) == 2
    for size, signer in ((13, OLD), (7, NEW)):
        with pytest.raises(BadSignature):
            open_head(POLICY, note(head(size), signer))
    gap = replace(POLICY, keys=POLICY.keys[:5])
    with pytest.raises(BadSignature, match="no key"):
        open_head(gap, note(head(13), OLD))


def test_L19_a_log_that_nobody_granted_is_not_known() -> None:
    foreign = Checkpoint(f"{NODE}/9", 1, LEAVES[0])
    with pytest.raises(NotFound):
        open_head(POLICY, note(foreign, key(f"{NODE}/9", 6)))
    # Another log's key under this origin, and this key under another's name.
    with pytest.raises(BadSignature):
        open_head(POLICY, note(head(5), key(f"{HUB}/1", 6)))
    with pytest.raises(Malformed):
        open_head(POLICY, b"no note")


def test_lines_of_cosigners_are_kept_when_they_verify() -> None:
    signed = parse_note(note(head(5), OLD, HUB_MIRROR, TOP_WITNESS, key("x.example", 33, KeyType.COSIGNATURE)))
    opened = open_head(POLICY, signed.encode())
    assert [each.name for each, _ in opened.cosigned] == [f"{HUB}/mirror", f"{TOP}/witness"]
    assert opened.lines == signed.signatures[:3]
    spoilt = replace(signed.signatures[1], signature=signed.signatures[1].signature[:-1] + b"\x00")
    cut = replace(signed.signatures[2], signature=b"\x00")
    again = Note(signed.text, (signed.signatures[0], spoilt, cut))
    assert open_head(POLICY, again.encode()).cosigned == ()


def test_L11_a_retired_cosigner_states_nothing_later() -> None:
    policy = replace(POLICY, retired=(Retirement(HUB_MIRROR.verifier, NOW_S),))
    for at_s, counts in ((NOW_S - 1, True), (NOW_S, True), (NOW_S + 1, False)):
        found = cosignatures(policy, parse_note(note(head(5), OLD, HUB_MIRROR, at_s=at_s)))
        assert bool(found) is counts
    fresh = key(f"{HUB}/mirror", 55, KeyType.COSIGNATURE)
    rotated = replace(policy, keys=(*policy.keys, KeyGrant(HUB, "mirror", fresh.verifier)))
    found = cosignatures(rotated, parse_note(note(head(5), OLD, HUB_MIRROR, fresh, at_s=NOW_S + 9)))
    assert [each for each, _ in found] == [fresh.verifier], "one name, told apart by the key id"


# --- revoked keys ---------------------------------------------------------------------------------------------------

REVOKED = replace(POLICY, revoked=(Revocation(OLD.verifier, 9, root_of(LEAVES[:9])),))
FORGED = head(5, OTHER)


def test_L19_under_a_revoked_key_the_head_of_the_revocation_itself_holds() -> None:
    assert open_head(REVOKED, note(head(9), OLD)).checkpoint == head(9)
    with pytest.raises(BadSignature, match="another"):
        open_head(REVOKED, note(head(9, OTHER), OLD, HUB_MIRROR, TOP_WITNESS))


def test_L19_beyond_the_revoked_size_nothing_holds() -> None:
    for signers in ((OLD,), (OLD, HUB_MIRROR, HUB_WITNESS, TOP_WITNESS)):
        with pytest.raises(BadSignature, match="revoked") as caught:
            open_head(REVOKED, note(head(10), *signers))
        assert "吊销" in caught.value.zh
    with pytest.raises(BadSignature):
        open_head(REVOKED, note(head(10), OLD), consistency=[])
    assert open_head(REVOKED, note(head(10), OLD, NEW)).signers == (NEW.verifier,), "the new key signs for itself"


def test_L19_before_the_revoked_size_a_quorum_above_is_needed() -> None:
    for signers in ((), (OWN_WITNESS,), (key("x.example", 33, KeyType.COSIGNATURE),)):
        with pytest.raises(BadSignature, match="fewer than 1"):
            open_head(REVOKED, note(FORGED, OLD, *signers))
    assert open_head(REVOKED, note(head(5), OLD, HUB_MIRROR)).signers == (OLD.verifier,)
    two = replace(REVOKED, quorum=2)
    with pytest.raises(BadSignature, match="fewer than 2"):
        open_head(two, note(head(5), OLD, HUB_MIRROR, HUB_WITNESS))
    opened = open_head(two, note(head(5), OLD, HUB_WITNESS, TOP_WITNESS))
    assert nodes_above(two, ORIGIN, opened.cosigned) == {HUB, TOP}


def test_L19_a_cosigner_that_was_retired_before_counts_for_no_quorum() -> None:
    policy = replace(REVOKED, retired=(Retirement(HUB_MIRROR.verifier, NOW_S - 5),))
    with pytest.raises(BadSignature, match="fewer"):
        open_head(policy, note(head(5), OLD, HUB_MIRROR))
    assert open_head(policy, note(head(5), OLD, HUB_MIRROR, at_s=NOW_S - 6)).signers


def test_L19_or_a_proof_that_the_head_lies_before() -> None:
    assert open_head(REVOKED, note(head(5), OLD), consistency=proof(5, 9)).signers == (OLD.verifier,)
    for checkpoint, given in (
        (FORGED, proof(5, 9)),
        (FORGED, proof(5, 9, OTHER)),
        (head(5), proof(4, 9)),
        (head(5), []),
        (head(5), proof(5, 9)[:-1]),
    ):
        with pytest.raises(BadProof) as caught:
            open_head(REVOKED, note(checkpoint, OLD), consistency=given)
        assert "证明" in caught.value.zh


def test_L9_a_stolen_and_revoked_key_cannot_freeze_its_log() -> None:
    assert open_own(POLICY, ORIGIN, note(head(30), OLD))[0].size == 30, "whatever sizes were granted"
    assert open_own(REVOKED, ORIGIN, note(head(9, OTHER), OLD))[0].size == 9
    with pytest.raises(BadSignature, match="revoked key alone"):
        open_own(REVOKED, ORIGIN, note(head(10), OLD))
    assert open_own(REVOKED, ORIGIN, note(head(10), OLD, NEW))[0].size == 10
    with pytest.raises(BadSignature):
        open_own(POLICY, ORIGIN, note(Checkpoint(f"{HUB}/1", 1, LEAVES[0]), key(f"{HUB}/1", 6)))


# --- closed logs ----------------------------------------------------------------------------------------------------

CLOSED = replace(POLICY, closed=(Closure(ORIGIN, 9, root_of(LEAVES[:9])),))


def test_L10_a_closed_log_has_no_later_head_and_no_other() -> None:
    assert open_head(CLOSED, note(head(5), OLD, HUB_MIRROR)).checkpoint.size == 5
    assert open_head(CLOSED, note(head(9), NEW)).checkpoint.size == 9
    for wrong in (head(10), head(9, OTHER)):
        with pytest.raises(BadSignature, match="closed"):
            open_head(CLOSED, note(wrong, OLD, NEW, HUB_MIRROR, TOP_WITNESS))


def test_L10_of_two_histories_before_the_end_only_the_cosigned_or_proven_one_counts() -> None:
    """A log is closed mostly because its key has signed two histories: the key alone says nothing about either."""
    assert open_head(CLOSED, note(head(5), OLD), consistency=proof(5, 9)).checkpoint.size == 5
    for branch in (head(5), head(5, OTHER)):
        with pytest.raises(BadSignature, match="closed"):
            open_head(CLOSED, note(branch, OLD))
    with pytest.raises(BadProof):
        open_head(CLOSED, note(head(5, OTHER), OLD), consistency=proof(5, 9))


# --- a second suite -------------------------------------------------------------------------------------------------

needs_sm2 = pytest.mark.skipif(not sm2.available(), reason="libcrypto has no SM2")


def sm2_key() -> Sm2Signer:
    return Sm2Signer(ORIGIN, sm2.generate())


@needs_sm2
def test_L22_where_a_second_suite_is_granted_its_signature_is_needed_too() -> None:
    one, other = sm2_key(), sm2_key()
    policy = replace(
        POLICY,
        keys=(
            *POLICY.keys,
            KeyGrant(NODE, "log-sm2", one.verifier, 5, 10),
            KeyGrant(NODE, "log-sm2", other.verifier, 9),
        ),
    )
    assert open_head(policy, note(head(4), OLD)).signers, "not asked for below its sizes"
    for size, added in ((5, one), (9, one), (9, other), (11, other)):
        opened = open_head(policy, note(head(size), OLD, added))
        assert added.verifier in opened.signers[0].also
        assert len(opened.log_lines) == 2
    for size, signers in ((5, (OLD,)), (5, (one,)), (5, (OLD, other)), (11, (NEW, one))):
        with pytest.raises(BadSignature):
            open_head(policy, note(head(size), *signers))
    forged = Signature(ORIGIN, one.verifier.key_id, bytes(64))
    with pytest.raises(BadSignature):
        open_head(policy, parse_note(note(head(5), OLD)).with_signatures(forged).encode())


@needs_sm2
def test_L22_a_revoked_key_of_the_second_suite_is_as_good_as_none() -> None:
    one, other = sm2_key(), sm2_key()
    grants = tuple(KeyGrant(NODE, "log-sm2", each.verifier) for each in (one, other))
    policy = replace(POLICY, keys=(*POLICY.keys, *grants), revoked=(Revocation(one.verifier, 5, root_of(LEAVES[:5])),))
    with pytest.raises(BadSignature, match="revoked"):
        open_head(policy, note(head(6), OLD, one))
    assert open_head(policy, note(head(6), OLD, other)).signers
    assert open_head(policy, note(head(4), OLD, one, HUB_MIRROR)).signers


def test_L22_a_machine_without_the_suite_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    public = sm2.SM2_EXAMPLE.public
    added = replace(OLD.verifier, type=KeyType.SM2, public=public)
    policy = replace(POLICY, keys=(*POLICY.keys, KeyGrant(NODE, "log-sm2", added)))

    def absent(*_: object) -> None:
        raise Unavailable("no SM2")

    monkeypatch.setattr(sm2, "available", lambda: False)
    monkeypatch.setattr(sm2, "require", absent)
    with pytest.raises(Unavailable):
        open_head(policy, parse_note(note(head(5), OLD)).encode())
