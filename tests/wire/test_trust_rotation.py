"""Steps from one version of the policy to the next: the cases that python-tuf tests for its root, and those of ours."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from node.errors import BadSignature, Malformed, NodeError, Refused
from node.tlog.merkle import EMPTY_ROOT
from node.tlog.note import Ed25519Signer, KeyType, Note, VerifierKey, key_id
from node.wire import card as cards
from node.wire import enrol
from node.wire.trust import Closure, KeyGrant, Member, Retirement, Revocation, TrustPolicy
from node.wire.trust_edit import differences, following, with_log_key, with_nodes
from node.wire.trust_steps import open_first, open_next
from tests.wire.test_golden import HUB, NODE, ORIGIN, POLICY, key

SIGNERS = [key(f"s{number}.example/signer", 50 + number) for number in range(10)]
REGISTRAR = key(f"{HUB}/registrar", 70)
FIRST = replace(POLICY, version=1, previous="none", expires_s=2_000_000_000, registrars=(REGISTRAR.verifier,))
LOG = key(ORIGIN, 7).verifier
MIRROR = key(f"{HUB}/mirror", 5, KeyType.COSIGNATURE).verifier
ROOT = bytes(range(32))


def note(policy: TrustPolicy, *signers: Ed25519Signer) -> bytes:
    return Note(policy.text(), tuple(signer.sign_note(policy.text()) for signer in signers)).encode()


# Each version: which keys may sign, how many must, which did. The last one of a list that ends in "refused" must not
# be taken over. Names and numbers are those of test_updater_key_rotations.py of python-tuf.
Version = tuple[list[int], int, list[int]]
ROOT_ROTATION: dict[str, tuple[list[Version], str]] = {
    "1-of-1 key rotation": ([([1], 1, [1]), ([2], 1, [2, 1]), ([2], 1, [2])], "taken"),
    "1-of-1 key rotation, unused signatures": (
        [([1], 1, [3, 1, 4]), ([2], 1, [3, 2, 1, 4]), ([2], 1, [3, 2, 4])],
        "taken",
    ),
    "1-of-1 key rotation fail: not signed with old key": ([([1], 1, [1]), ([2], 1, [2, 3, 4])], "refused"),
    "1-of-1 key rotation fail: not signed with new key": ([([1], 1, [1]), ([2], 1, [1, 3, 4])], "refused"),
    "3-of-5, sign with different keycombos": (
        [
            ([0, 1, 2, 3, 4], 3, [0, 2, 4]),
            ([0, 1, 2, 3, 4], 3, [0, 4, 1]),
            ([0, 1, 2, 3, 4], 3, [0, 1, 3]),
            ([0, 1, 2, 3, 4], 3, [0, 1, 3]),
        ],
        "taken",
    ),
    "3-of-5, one key rotated": ([([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 3, 4, 5], 3, [0, 4, 1])], "taken"),
    "3-of-5, one key rotate fails: not signed with 3 new keys": (
        [([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 3, 4, 5], 3, [0, 2, 4])],
        "refused",
    ),
    "3-of-5, one key rotate fails: not signed with 3 old keys": (
        [([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 3, 4, 5], 3, [0, 4, 5])],
        "refused",
    ),
    "3-of-5, one key rotated, with intermediate step": (
        [([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 3, 4, 5], 3, [0, 2, 4, 5]), ([0, 1, 3, 4, 5], 3, [0, 4, 5])],
        "taken",
    ),
    "3-of-5, all keys rotated, with intermediate step": (
        [([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([5, 6, 7, 8, 9], 3, [0, 2, 4, 5, 6, 7]), ([5, 6, 7, 8, 9], 3, [5, 6, 7])],
        "taken",
    ),
    "1-of-3 threshold increase to 2-of-3": ([([1, 2, 3], 1, [1]), ([1, 2, 3], 2, [1, 2])], "taken"),
    "1-of-3 threshold bump to 2-of-3 fails: new threshold not reached": (
        [([1, 2, 3], 1, [1]), ([1, 2, 3], 2, [2])],
        "refused",
    ),
    "2-of-3 threshold decrease to 1-of-3": (
        [([1, 2, 3], 2, [1, 2]), ([1, 2, 3], 1, [1, 2]), ([1, 2, 3], 1, [1])],
        "taken",
    ),
    "2-of-3 threshold decr. to 1-of-3 fails: old threshold not reached": (
        [([1, 2, 3], 2, [1, 2]), ([1, 2, 3], 1, [1])],
        "refused",
    ),
    "1-of-2 threshold increase to 2-of-2": ([([1], 1, [1]), ([1, 2], 2, [1, 2])], "taken"),
}


@pytest.mark.parametrize("name", ROOT_ROTATION)
def test_L19_root_rotation_as_in_tuf(name: str) -> None:
    versions, outcome = ROOT_ROTATION[name]
    held: TrustPolicy | None = None
    for place, (keys, threshold, signed) in enumerate(versions):
        named: dict[str, Any] = {"signers": tuple(SIGNERS[each].verifier for each in keys), "threshold": threshold}
        policy = replace(FIRST, **named) if held is None else following(held, **named)
        data = note(policy, *(SIGNERS[each] for each in signed))
        if outcome == "refused" and place == len(versions) - 1:
            assert held is not None
            with pytest.raises(BadSignature):
                open_next(data, held)
            return
        held = open_first(data) if held is None else open_next(data, held)
        assert held == policy
    assert outcome == "taken"


def test_L19_more_signatures_by_one_signer_are_one() -> None:
    held = replace(FIRST, signers=tuple(each.verifier for each in SIGNERS[:3]), threshold=2)
    again = following(held)
    with pytest.raises(BadSignature, match="1 of 2"):
        open_next(note(again, SIGNERS[0], SIGNERS[0]), held)
    # The same key under a name that it does not have in the policy signs as nobody.
    other_name = Ed25519Signer("other.example/signer", KeyType.ED25519, bytes([50]) * 32)
    with pytest.raises(BadSignature, match="1 of 2"):
        open_next(note(again, SIGNERS[0], other_name), held)
    assert open_next(note(again, SIGNERS[0], SIGNERS[2]), held) == again


A, B, C = SIGNERS[:3]
HELD = replace(
    FIRST,
    signers=(A.verifier, B.verifier),
    threshold=2,
    revoked=(Revocation(key(ORIGIN, 6).verifier, 4000, ROOT),),
    retired=(Retirement(MIRROR, 1_700_000_000),),
    closed=(Closure(f"{HUB}/1", 9, ROOT),),
)
BRANCH = following(HELD, expires_s=2_100_000_000)

STEPS: dict[str, TrustPolicy] = {
    "rollback": replace(HELD, version=HELD.version - 1 or 1),
    "replay of the version held": HELD,
    "a version skipped": replace(following(HELD), version=HELD.version + 2),
    "a version of the far future": replace(following(HELD), version=10**17),
    "a wrong previous": replace(following(HELD), previous="00" * 32),
    "no previous": replace(following(HELD), previous="none"),
    "the next version of another branch": following(BRANCH),
    "a twin of the next version, grafted": replace(following(BRANCH), version=HELD.version + 1),
    "another federation": replace(following(HELD), federation="evil.example"),
    "a revocation taken back": following(HELD, revoked=()),
    "a revocation moved to a larger tree": following(HELD, revoked=(replace(HELD.revoked[0], size=4001),)),
    "a revocation that names another root": following(HELD, revoked=(replace(HELD.revoked[0], root=bytes(32)),)),
    "a retirement taken back": following(HELD, retired=()),
    "a retirement put off": following(HELD, retired=(replace(HELD.retired[0], at_s=1_700_000_001),)),
    "a closed log opened again": following(HELD, closed=()),
    "a closed log that ends elsewhere": following(HELD, closed=(replace(HELD.closed[0], size=10),)),
}


@pytest.mark.parametrize("what", STEPS)
def test_L19_steps_that_no_threshold_can_take(what: str) -> None:
    """Rollback, replay, gaps, mix-and-match, and taking back what was said: all signatures are there."""
    with pytest.raises(Refused):
        open_next(note(STEPS[what], A, B, C), HELD)


def test_L19_statements_may_be_tightened() -> None:
    for policy in (
        following(HELD, revoked=(replace(HELD.revoked[0], size=3999, root=bytes(32)),)),
        following(HELD, retired=(replace(HELD.retired[0], at_s=5),)),
        following(HELD, threshold=1, registrars=(), expires_s=None),
    ):
        assert open_next(note(policy, A, B), HELD) == policy


def test_L19_the_end_of_a_log_may_name_its_follower_later_but_once() -> None:
    held = with_nodes(HELD, (), [KeyGrant(HUB, "log", key(f"{HUB}/{n}", 80 + n).verifier) for n in (2, 3)])
    named = following(held, closed=(replace(held.closed[0], successor=f"{HUB}/2"),))
    assert open_next(note(named, A, B), held) == named
    other = following(named, closed=(replace(held.closed[0], successor=f"{HUB}/3"),))
    with pytest.raises(Refused, match="end of the log"):
        open_next(note(other, A, B), named)


# --- the registrar --------------------------------------------------------------------------------------------------

NEW = Member("ggzy.example/cq/500112", "district", "500112", HUB, "渝北区")
CARD = tuple(
    KeyGrant(NEW.name, use, key(f"{NEW.name}/{word}", number, kind).verifier)
    for use, word, number, kind in (
        ("log", "1", 90, KeyType.ED25519),
        ("witness", "witness", 91, KeyType.COSIGNATURE),
        ("mirror", "mirror", 92, KeyType.COSIGNATURE),
        ("custody", "custody", 93, KeyType.ED25519),
        ("request", "request", 94, KeyType.ED25519),
    )
)
JOINED = with_nodes(following(HELD), [NEW], CARD)
FOREIGN = key(f"{NODE}/2", 95).verifier


def test_L19_a_registrar_alone_may_add_nodes() -> None:
    assert open_next(note(JOINED, REGISTRAR), HELD) == JOINED
    below = replace(NEW, name=f"{NEW.name}-liangjiang", upstream=NEW.name)
    more = with_nodes(following(JOINED), [below], ())
    assert open_next(note(more, REGISTRAR), JOINED) == more


def grown(**changes: Any) -> TrustPolicy:
    return replace(JOINED, **changes)


NOT_FOR_A_REGISTRAR: dict[str, TrustPolicy] = {
    "itself as signer": grown(signers=(*HELD.signers, C.verifier)),
    "a lower threshold": grown(threshold=1),
    "a second registrar": grown(registrars=(*HELD.registrars, C.verifier)),
    "a longer time": grown(expires_s=2_100_000_000),
    "no time at all": grown(expires_s=None),
    "another quorum": grown(quorum=2),
    "a node changed": grown(members=(HELD.members[0], replace(HELD.members[1], title="别的名称"), NEW)),
    "a node moved": grown(members=(HELD.members[0], replace(HELD.members[1], upstream=NEW.name), NEW)),
    "a key removed": grown(keys=tuple(g for g in JOINED.keys if g != HELD.keys[6])),
    "a node put before others": grown(members=(NEW, *HELD.members)),
    "a key put before others": grown(keys=(*CARD, *HELD.keys)),
    "a second hub": grown(members=(*HELD.members, replace(NEW, role="hub"))),
    "a node on top": grown(members=(*HELD.members, replace(NEW, upstream=""))),
    "a key of a node that was there": grown(keys=(*JOINED.keys, KeyGrant(NODE, "log", FOREIGN))),
    "a range changed": grown(keys=(*HELD.keys[:5], replace(HELD.keys[5], from_size=0), *HELD.keys[6:], *CARD)),
    "a key for erasure": grown(keys=(*JOINED.keys, KeyGrant(NEW.name, "erasure", key(f"{NEW.name}/e", 96).verifier))),
    "a node within another's name": grown(members=(*HELD.members, replace(NEW, name=f"{NODE}/9")), keys=HELD.keys),
    "a node around another's name": grown(
        members=(*HELD.members, replace(NEW, name=NODE.rpartition("/")[0])), keys=HELD.keys
    ),
    "a key revoked": grown(revoked=(*HELD.revoked, Revocation(LOG, 5000, ROOT))),
    "a key retired": grown(retired=(*HELD.retired, Retirement(CARD[4].key, 5))),
    "a log closed": grown(closed=(*HELD.closed, Closure(ORIGIN, 5000, ROOT))),
}


@pytest.mark.parametrize("what", NOT_FOR_A_REGISTRAR)
def test_L19_a_registrar_may_do_nothing_else(what: str) -> None:
    policy = NOT_FOR_A_REGISTRAR[what]
    with pytest.raises(Refused, match="registrar"):
        open_next(note(policy, REGISTRAR), HELD)
    # With one signer of two it is still the registrar's step; with the threshold it is the threshold's.
    with pytest.raises(Refused, match="registrar"):
        open_next(note(policy, REGISTRAR, A), HELD)
    assert open_next(note(policy, A, B, C), HELD) == policy


def test_L19_a_registrar_who_was_removed_or_is_only_new_signs_nothing() -> None:
    gone = replace(HELD, registrars=())
    with pytest.raises(BadSignature):
        open_next(note(with_nodes(following(gone), [NEW], CARD), REGISTRAR), gone)
    new = key("new.example/registrar", 97)
    with pytest.raises(BadSignature):
        open_next(note(replace(JOINED, registrars=(new.verifier,)), new), HELD)


def test_L20_a_name_inside_another_nodes_names_takes_nothing_over() -> None:
    """`cq/5001` may not come to speak for `cq/5001/1`, nor the node `…/500103/1` for the log of that name."""
    inner = Member(ORIGIN, "district", "500103", HUB, "冒名")
    claimed = with_nodes(following(HELD), [inner], [KeyGrant(ORIGIN, "log", key(ORIGIN, 98).verifier)])
    with pytest.raises(Malformed, match="two nodes"):
        open_next(note(claimed, REGISTRAR), HELD)


# --- what no version may hold ---------------------------------------------------------------------------------------

OLD_LOG = key(ORIGIN, 6).verifier
NO_POLICY: dict[str, TrustPolicy] = {
    "threshold 0": replace(FIRST, threshold=0),
    "quorum 0": replace(FIRST, quorum=0),
    "a cosigner as signer": replace(FIRST, signers=(MIRROR,)),
    "a cosigner as registrar": replace(FIRST, registrars=(key("x/registrar", 60, KeyType.COSIGNATURE).verifier,)),
    "a registrar who also signs": replace(FIRST, registrars=FIRST.signers),
    "a mirror's key revoked": replace(FIRST, revoked=(Revocation(MIRROR, 5, ROOT),)),
    "a key revoked that nobody has": replace(FIRST, revoked=(Revocation(key(ORIGIN, 60).verifier, 5, ROOT),)),
    "a key revoked twice": replace(FIRST, revoked=(Revocation(LOG, 5, ROOT), Revocation(LOG, 6, ROOT))),
    "a revoked size 0 with a root": replace(FIRST, revoked=(Revocation(LOG, 0, ROOT),)),
    "a log key retired": replace(FIRST, retired=(Retirement(LOG, 5),)),
    "a key retired twice": replace(FIRST, retired=(Retirement(MIRROR, 5), Retirement(MIRROR, 6))),
    "a log closed that nobody knows": replace(FIRST, closed=(Closure("x.example/1", 5, ROOT),)),
    "a log closed twice": replace(FIRST, closed=(Closure(ORIGIN, 5, ROOT), Closure(ORIGIN, 6, ROOT))),
    "a follower of another node": replace(FIRST, closed=(Closure(ORIGIN, 5, ROOT, f"{HUB}/1"),)),
    "a follower that nobody knows": replace(FIRST, closed=(Closure(ORIGIN, 5, ROOT, f"{NODE}/2"),)),
    "a log that follows on itself": replace(FIRST, closed=(Closure(ORIGIN, 5, ROOT, ORIGIN),)),
    "a range that ends before it begins": replace(
        FIRST, keys=(*FIRST.keys[:-1], replace(FIRST.keys[4], from_size=9999))
    ),
}


@pytest.mark.parametrize("what", NO_POLICY)
def test_L19_no_version_may_say(what: str) -> None:
    with pytest.raises(NodeError) as caught:
        open_first(note(NO_POLICY[what], key(f"{HUB}/signer", 1)))
    assert isinstance(caught.value, Malformed)


def test_L19_a_ring_of_logs_that_follow_on_each_other_is_refused() -> None:
    names = [f"{NODE}/{n}" for n in (2, 3)]
    held = with_nodes(FIRST, (), [KeyGrant(NODE, "log", key(name, 80 + n).verifier) for n, name in enumerate(names)])
    ring = replace(held, closed=(Closure(names[0], 5, ROOT, names[1]), Closure(names[1], 5, ROOT, names[0])))
    with pytest.raises(Malformed, match="itself"):
        open_first(note(ring, key(f"{HUB}/signer", 1)))


SMALL_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
]
NOT_CANONICAL = (2**255 - 19 + 3).to_bytes(32, "little")


@pytest.mark.parametrize("word", ["signer", "registrar", "key", "revoked", "retired"])
@pytest.mark.parametrize("public", [*SMALL_ORDER, NOT_CANONICAL])
def test_L20_a_weak_key_is_refused_on_every_line(word: str, public: bytes) -> None:
    kind = KeyType.COSIGNATURE if word == "retired" else KeyType.ED25519
    name = f"{NODE}/weak"
    vkey = f"{name}+{key_id(name, kind, public).hex()}+{b64encode(bytes([kind]) + public).decode()}"
    lines: dict[str, Callable[[str], str]] = {
        "signer": lambda text: text.replace("\nregistrar ", f"\nsigner {vkey}\nregistrar "),
        "registrar": lambda text: text.replace("\nnode ", f"\nregistrar {vkey}\nnode ", 1),
        "key": lambda text: text + f"key {NODE} request {vkey} 0-\n",
        "revoked": lambda text: text + f"revoked {vkey} 0 {b64encode(EMPTY_ROOT).decode()}\n",
        "retired": lambda text: text + f"retired {vkey} 5\n",
    }
    text = lines[word](FIRST.text())
    signed = Note(text, (key(f"{HUB}/signer", 1).sign_note(text),)).encode()
    with pytest.raises(Malformed, match="Ed25519 public key"):
        open_first(signed)


@pytest.mark.parametrize("public", [*SMALL_ORDER, NOT_CANONICAL])
def test_L20_a_weak_key_is_refused_on_a_card_and_as_a_vkey(public: bytes) -> None:
    vkey = f"{NEW.name}/weak+{key_id(f'{NEW.name}/weak', KeyType.ED25519, public).hex()}+"
    vkey += b64encode(bytes([KeyType.ED25519]) + public).decode()
    with pytest.raises(Malformed, match="Ed25519 public key"):
        VerifierKey.parse(vkey)
    log = key(f"{NEW.name}/1", 90)
    text = "\n".join([cards.MAGIC, NEW.line(), CARD[0].line(), f"key {NEW.name} request {vkey} 0-"]) + "\n"
    with pytest.raises(Malformed, match="Ed25519 public key"):
        cards.open_card(Note(text, (log.sign_note(text),)))
    # The signature of all zeros verifies anything under a key of small order, where a library alone is asked.
    with pytest.raises(Malformed):
        enrol.verifier(public)


# --- edits ----------------------------------------------------------------------------------------------------------


def test_L11_a_cosigner_that_lost_its_state_gets_a_new_key_under_its_old_name() -> None:
    fresh = key(f"{HUB}/mirror", 99, KeyType.COSIGNATURE).verifier
    held = replace(FIRST, signers=HELD.signers, threshold=2)
    policy = replace(
        with_nodes(following(held), (), [KeyGrant(HUB, "mirror", fresh)]), retired=(Retirement(MIRROR, 1_800_000_000),)
    )
    opened = open_next(note(policy, A, B), held)
    assert [g.key for g in opened.grants(node=HUB, use="mirror")] == [MIRROR, fresh]
    assert (opened.retired_at(MIRROR), opened.retired_at(fresh)) == (1_800_000_000, None)


def test_a_new_log_key_overlaps_with_the_one_before() -> None:
    fresh = KeyGrant(NODE, "log", key(ORIGIN, 60).verifier, 6000)
    policy = with_log_key(following(FIRST), fresh, overlap=256)
    sizes = {size: [k.public for k in policy.log_keys(ORIGIN, size)] for size in (4096, 5999, 6000, 6256, 6257)}
    old, new = LOG.public, fresh.key.public
    assert sizes == {4096: [OLD_LOG.public], 5999: [old], 6000: [old, new], 6256: [old, new], 6257: [new]}
    with pytest.raises(NodeError, match="knows no log"):
        with_log_key(FIRST, KeyGrant(NODE, "log", key(f"{NODE}/7", 61).verifier), overlap=0)


def test_a_card_that_comes_again_opens_no_range_anew() -> None:
    again = with_nodes(following(FIRST), FIRST.members, [KeyGrant(NODE, "log", OLD_LOG)])
    assert again.keys == FIRST.keys


def test_what_a_signer_is_shown_names_every_change_and_nothing_else() -> None:
    assert differences(HELD, JOINED) == [f"+ {line}" for line in (NEW.line(), *(grant.line() for grant in CARD))]
    lowered = following(HELD, threshold=1)
    assert differences(HELD, lowered) == ["- threshold 2", "+ threshold 1"]
    assert differences(HELD, following(HELD)) == []


def test_a_retired_request_key_makes_no_more_calls() -> None:
    request = key(f"{NODE}/request", 8).verifier
    policy = replace(FIRST, retired=(Retirement(request, 5),))
    assert FIRST.request_key(request.name, request.key_id.hex()) == (NODE, request)
    assert policy.request_key(request.name, request.key_id.hex()) is None


def test_L19_after_its_time_a_policy_is_stale_and_still_the_policy() -> None:
    assert [FIRST.stale(now_s) for now_s in (0, 1_999_999_999, 2_000_000_000, 2**40)] == [False, False, True, True]
    assert not replace(FIRST, expires_s=None).stale(2**40)
    late = following(replace(FIRST, expires_s=5))
    signer = key(f"{HUB}/signer", 1)
    assert open_next(note(late, signer), replace(FIRST, expires_s=5)) == late, "an old step is still a step"
