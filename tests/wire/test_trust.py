from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import BadSignature, Malformed, NodeError, Refused
from node.tlog.note import Ed25519Signer, KeyType, Note, VerifierKey, key_id, parse_note
from node.tlog.signature import SEAL_TYPE
from node.wire import trust
from node.wire.trust import Closure, KeyGrant, Member, Retirement, Revocation, TrustPolicy
from node.wire.trust_steps import open_first, open_next
from tests.wire.test_golden import HUB, NODE, ORIGIN, POLICY, WHOLE_POLICY, key

A, B, C = key("a.example/signer", 21), key("b.example/signer", 22), key("c.example/signer", 23)


def note(policy: TrustPolicy, *signers: Ed25519Signer) -> bytes:
    return Note(policy.text(), tuple(signer.sign_note(policy.text()) for signer in signers)).encode()


def first(*signers: Ed25519Signer, threshold: int = 1) -> TrustPolicy:
    return replace(
        POLICY, version=1, previous="none", threshold=threshold, signers=tuple(each.verifier for each in signers)
    )


def after(held: TrustPolicy, **changes: object) -> TrustPolicy:
    return replace(held, **{"version": held.version + 1, "previous": held.hash(), **changes})  # type: ignore[arg-type]


def read(policy: TrustPolicy) -> TrustPolicy:
    return trust.parse(Note(policy.text(), ()))


# --- form ----------------------------------------------------------------------------------------------------------


def test_what_is_written_is_read() -> None:
    assert read(POLICY) == POLICY
    assert trust.parse(parse_note(note(POLICY, A))) == POLICY
    titled = replace(POLICY, members=(replace(POLICY.members[0], title=""), POLICY.members[1]))
    assert read(titled) == titled


@given(st.integers(0, len(POLICY.text()) - 1), st.characters(exclude_categories=["Cs", "Cc"]))
def test_a_changed_character_is_another_policy_or_none(at: int, char: str) -> None:
    text = POLICY.text()
    changed = text[:at] + char + text[at + 1 :]
    try:
        found = trust.parse(Note(changed, ()))
    except NodeError as error:
        assert isinstance(error, Malformed)
        return
    assert found.text() == changed


LINES = POLICY.text().splitlines(keepends=True)
GRANT = LINES[-1]
HOSTILE = {
    "nothing but a newline": "\n",
    "another version of the form": POLICY.text().replace("/v1", "/v2", 1),
    "an unknown line": POLICY.text() + "delegate x\n",
    "an empty line": POLICY.text() + "\n",
    "version twice": POLICY.text() + "version 3\n",
    "lines in another order": "".join([LINES[0], LINES[2], LINES[1], *LINES[3:]]),
    "node after key": "".join([*LINES, LINES[6]]),
    **{f"without line {place}": "".join(LINES[:place] + LINES[place + 1 :]) for place in range(1, 5)},
    "version 0": POLICY.text().replace("version 2", "version 0"),
    "version 02": POLICY.text().replace("version 2", "version 02"),
    "version of five thousand digits": POLICY.text().replace("version 2", "version " + "2" * 5000),
    "version in other digits": POLICY.text().replace("version 2", "version ２"),
    "threshold 0": POLICY.text().replace("threshold 1", "threshold 0"),
    "threshold above the signers": POLICY.text().replace("threshold 1", "threshold 2"),
    "a role nobody knows": POLICY.text().replace(" district ", " village "),
    "a node line cut short": POLICY.text().replace(LINES[6], f"node {HUB} hub\n"),
    "an unknown use": POLICY.text().replace(" request ", " everything "),
    "a grant without sizes": POLICY.text().replace(GRANT, GRANT.rsplit(" ", 1)[0] + "\n"),
    "sizes without a dash": POLICY.text().replace(GRANT, GRANT.rsplit(" ", 1)[0] + " 0\n"),
    "negative sizes": POLICY.text().replace(GRANT, GRANT.rsplit(" ", 1)[0] + " -5-\n"),
    "a key that is none": POLICY.text().replace("+AROY9", "+AROY8"),
    "a title with a line of its own": replace(
        POLICY, members=(replace(POLICY.members[0], title=f"x\nkey {NODE} log y 0-"), POLICY.members[1])
    ).text(),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_another_form_is_refused(what: str) -> None:
    assert HOSTILE[what] != POLICY.text()
    with pytest.raises(Malformed):
        trust.parse(Note(HOSTILE[what], ()))


def grants(*more: KeyGrant) -> TrustPolicy:
    return replace(POLICY, keys=(*POLICY.keys, *more))


WRONG = {
    "a node twice": replace(POLICY, members=(*POLICY.members, POLICY.members[0])),
    "a key of no node": grants(KeyGrant("x.example", "request", key("x.example/request", 30).verifier)),
    "a key under another node's name": grants(KeyGrant(NODE, "request", key(f"{HUB}/request", 30).verifier)),
    "a name that only begins alike": grants(KeyGrant(NODE, "request", key(f"{NODE}4/request", 30).verifier)),
    "a key for two uses": grants(KeyGrant(NODE, "custody", key(f"{NODE}/request", 8).verifier)),
    "a key under two names": grants(KeyGrant(NODE, "request", key(f"{NODE}/request/2", 8).verifier)),
    "a log key that cosigns": grants(KeyGrant(NODE, "mirror", key(f"{NODE}/mirror", 6, KeyType.COSIGNATURE).verifier)),
    "a signer's key that logs": grants(KeyGrant(HUB, "log", key(f"{HUB}/signer", 1).verifier)),
    "a cosigner of the wrong type": grants(KeyGrant(NODE, "witness", key(f"{NODE}/witness", 30).verifier)),
    "a log key of the wrong type": grants(KeyGrant(NODE, "log", key(ORIGIN, 30, KeyType.COSIGNATURE).verifier)),
    "an upstream that is nobody": replace(
        POLICY, members=(replace(POLICY.members[0], upstream="x"), POLICY.members[1])
    ),
    "a ring of upstreams": replace(POLICY, members=(replace(POLICY.members[0], upstream=NODE), POLICY.members[1])),
    "a node above itself": replace(POLICY, members=(replace(POLICY.members[0], upstream=HUB), POLICY.members[1])),
    "one signer twice for a threshold of two": first(A, key("other.example", 21), threshold=2),
}


@pytest.mark.parametrize("what", WRONG)
def test_L19_what_no_policy_may_say_is_refused(what: str) -> None:
    with pytest.raises(Malformed):
        read(WRONG[what])


def test_one_key_may_be_granted_for_several_ranges_of_one_use() -> None:
    log = key(f"{NODE}/9", 31).verifier
    policy = read(grants(KeyGrant(NODE, "log", log, 0, 10), KeyGrant(NODE, "log", log, 100)))
    assert [len(policy.log_keys(f"{NODE}/9", size)) for size in (0, 10, 11, 99, 100, 2**60)] == [1, 1, 0, 0, 1, 1]


# --- the chain of versions ------------------------------------------------------------------------------------------


def test_L19_the_first_version() -> None:
    policy = first(A, B, C, threshold=2)
    data = note(policy, A, C)
    assert open_first(data) == policy
    assert open_first(data, expected_hash=policy.hash()) == policy
    with pytest.raises(Refused, match="fingerprint"):
        open_first(data, expected_hash="00" * 32)
    for signers in ((A,), (A, A), (key("x.example", 9),)):
        with pytest.raises(BadSignature):
            open_first(note(policy, *signers))
    for wrong in (replace(policy, version=2), replace(policy, previous="00" * 32)):
        with pytest.raises(Refused):
            open_first(note(wrong, A, B))


def test_L19_a_key_under_two_names_is_no_second_signer() -> None:
    double = Ed25519Signer("b.example/signer", KeyType.ED25519, bytes([21]) * 32)
    for policy in (first(A, double, C, threshold=2), replace(first(A), registrars=(B.verifier, B.verifier))):
        with pytest.raises(Malformed, match="stands twice"):
            open_first(note(policy, A, double, C))


def test_L19_a_forged_line_is_not_overlooked() -> None:
    policy = first(A, B, threshold=1)
    forged = replace(B.sign_note(policy.text()), signature=bytes(64))
    data = Note(policy.text(), (A.sign_note(policy.text()), forged)).encode()
    with pytest.raises(BadSignature):
        open_first(data)


def test_L19_each_version_follows_from_the_one_before() -> None:
    held = first(A)
    following = after(held)
    assert open_next(note(following, A), held) == following
    refused = {
        "rollback": replace(held, previous=held.hash()),
        "the same again": held,
        "a version left out": after(held, version=3),
        "a wrong previous": after(held, previous="00" * 32),
        "no previous": after(held, previous="none"),
        "another federation": after(held, federation="x.example"),
    }
    for what, policy in refused.items():
        with pytest.raises(Refused):
            open_next(note(policy, A), held)
            pytest.fail(what)


def test_L19_a_fork_of_the_policy_does_not_follow() -> None:
    held = first(A)
    one, other = after(held), after(held, threshold=1, members=held.members[:1], keys=held.keys[:1])
    with pytest.raises(Refused, match="follow"):
        open_next(note(after(other), A), one)


def test_L19_new_signers_need_the_old_and_the_new_threshold() -> None:
    held = first(A, B, threshold=2)
    policy = after(held, signers=(C.verifier,), threshold=1)
    for signers in ((A, B), (C,), (A, C), (B, C)):
        with pytest.raises(BadSignature):
            open_next(note(policy, *signers), held)
    assert open_next(note(policy, A, B, C), held) == policy


# --- what it answers ------------------------------------------------------------------------------------------------


def test_who_stands_above_and_below() -> None:
    national = Member("cn.example", "national", "000000", "", "国家平台")
    policy = replace(POLICY, members=(replace(POLICY.members[0], upstream="cn.example"), POLICY.members[1], national))
    assert policy.path_up(NODE) == [HUB, "cn.example"]
    assert policy.path_up("cn.example") == []
    assert policy.path_up("nobody") == []
    assert policy.below(HUB) == [NODE]
    assert policy.below("cn.example") == [HUB, NODE]
    assert policy.member("nobody") is None


def test_which_keys_may_speak() -> None:
    assert [len(POLICY.log_keys(ORIGIN, size)) for size in (0, 4096, 4097)] == [1, 1, 1]
    assert POLICY.log_keys(ORIGIN, 4096) != POLICY.log_keys(ORIGIN, 4097)
    assert len(POLICY.log_keys(ORIGIN)) == 2
    assert POLICY.log_keys("x.example/1") == []
    assert POLICY.node_of_origin(ORIGIN) == NODE
    assert POLICY.node_of_origin(f"{NODE}/request") is None, "only a log key makes an origin"
    assert POLICY.origins() == [f"{HUB}/1", ORIGIN]
    assert {each.name for each in POLICY.cosigner_keys()} == {f"{HUB}/witness", f"{HUB}/mirror"}
    request = key(f"{NODE}/request", 8).verifier
    assert POLICY.request_key(request.name, request.key_id.hex()) == (NODE, request)
    log = key(ORIGIN, 6).verifier
    assert POLICY.request_key(log.name, log.key_id.hex()) is None
    assert POLICY.request_key(request.name, "00000000") is None


# --- every line there is ---------------------------------------------------------------------------------------------

sizes = st.integers(0, 10**17)
roots = st.binary(min_size=32, max_size=32)


@st.composite
def policies(draw: st.DrawFn) -> TrustPolicy:
    """Policies that may be: nodes in tiers, keys of all uses, statements about them."""
    names = [f"n{number}.example" for number in range(draw(st.integers(1, 4)))]
    titles = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
    members = [
        Member(
            name,
            draw(st.sampled_from(trust.ROLES)),
            "500103",
            draw(st.sampled_from(["", *names[:place]])),
            draw(titles),
        )
        for place, name in enumerate(names)
    ]
    grants: list[KeyGrant] = []
    uses = [use for use in trust.USES if use not in ("log-sm2", "seal")]
    for number, (name, use) in enumerate(
        draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from(uses)), max_size=8))
    ):
        low, length = draw(sizes), draw(st.none() | sizes)
        made = key(f"{name}/{number}", 100 + number, trust.USES[use]).verifier
        grants.append(KeyGrant(name, use, made, low, None if length is None else low + length))
    logs = [grant.key for grant in grants if grant.use == "log"]
    others = [grant.key for grant in grants if grant.use != "log"]

    def some(keys: list[VerifierKey]) -> list[VerifierKey]:
        return draw(st.lists(st.sampled_from(keys), unique=True)) if keys else []

    return replace(
        first(A, B, threshold=draw(st.integers(1, 2))),
        expires_s=draw(st.none() | sizes),
        registrars=draw(st.sampled_from([(), (C.verifier,)])),
        quorum=draw(st.integers(1, 9)),
        members=tuple(members),
        keys=tuple(grants),
        revoked=tuple(Revocation(each, draw(sizes) + 1, draw(roots)) for each in some(logs)),
        retired=tuple(Retirement(each, draw(sizes)) for each in some(others)),
        closed=tuple(Closure(each.name, draw(sizes) + 1, draw(roots)) for each in some(logs)),
    )


@given(policies())
def test_every_policy_is_read_as_it_was_written(policy: TrustPolicy) -> None:
    assert read(policy) == policy
    assert trust.version_of(Note(policy.text(), ())) == policy.version


@given(st.integers(0, len(WHOLE_POLICY.text()) - 1), st.characters(exclude_categories=["Cs", "Cc"]))
def test_a_changed_character_of_a_statement_is_another_policy_or_none(at: int, char: str) -> None:
    text = WHOLE_POLICY.text()
    changed = text[:at] + char + text[at + 1 :]
    try:
        found = trust.parse(Note(changed, ()))
    except NodeError as error:
        assert isinstance(error, Malformed)
        return
    assert found.text() == changed


WHOLE = WHOLE_POLICY.text()
SEAL = WHOLE_POLICY.grants(use="seal")[0].key


def swapped(text: str, one: str, other: str) -> str:
    """The text with its first lines that begin so in each other's place."""
    lines = text.splitlines(keepends=True)
    a, b = (next(n for n, line in enumerate(lines) if line.startswith(word)) for word in (one, other))
    lines[a], lines[b] = lines[b], lines[a]
    return "".join(lines)


def weak_seal() -> str:
    data = SEAL_TYPE + bytes(32)
    return f"{SEAL.name}+{key_id(SEAL.name, KeyType.SEAL, bytes(32)).hex()}+{b64encode(data).decode()}"


OTHER_FORMS = {
    "quorum 1, which is not written": WHOLE.replace("\nquorum 2\n", "\nquorum 1\n"),
    "quorum twice": WHOLE.replace("\nquorum 2\n", "\nquorum 2\nquorum 2\n"),
    "expires after threshold": WHOLE.replace("expires 1795400000\nthreshold 1\n", "threshold 1\nexpires 1795400000\n"),
    "a negative time": WHOLE.replace("expires 1795400000", "expires -1"),
    "a root in another alphabet": WHOLE.replace("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "A" * 42 + "_="),
    "a root with loose bits": WHOLE.replace("GxwdHh8=", "GxwdHh9="),
    "a root cut short": WHOLE.replace("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "AAECAwQFBgc="),
    "a closed line without a follower": WHOLE.removesuffix(" -\n") + "\n",
    "a retired line that says more": WHOLE.replace(" 1763913600\n", " 1763913600 1\n"),
    "a revoked line cut short": WHOLE.replace(" 4000 ", " "),
    "revoked after retired": swapped(WHOLE, "revoked ", "retired "),
    "a registrar before the signers": swapped(WHOLE, "signer ", "registrar "),
    "a seal key of small order": WHOLE.replace(SEAL.vkey(), weak_seal()),
}


@pytest.mark.parametrize("what", OTHER_FORMS)
def test_another_form_of_a_statement_is_refused(what: str) -> None:
    assert OTHER_FORMS[what] != WHOLE
    with pytest.raises(Malformed):
        trust.parse(Note(OTHER_FORMS[what], ()))


def test_logs_that_follow_on_one_another_are_one_lineage() -> None:
    whole = ((ORIGIN, 5000), (f"{NODE}/2", None))
    assert WHOLE_POLICY.lineage(ORIGIN) == whole
    assert WHOLE_POLICY.lineage(f"{NODE}/2") == whole
    assert WHOLE_POLICY.lineage(f"{HUB}/1") == ((f"{HUB}/1", 0),), "closed for good"
    assert POLICY.lineage(ORIGIN) == ((ORIGIN, None),)
    assert POLICY.lineage("x.example/1") == (("x.example/1", None),)
