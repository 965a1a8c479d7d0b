from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import BadSignature, Malformed
from node.tlog.checkpoint import Checkpoint
from node.tlog.note import Ed25519Signer, Note, Signature
from node.tlog.policy import LogPolicy, PolicyGroup, PolicyLog, PolicyResult, PolicyWitness

LOG = Ed25519Signer("log.example/1", 1, b"\xff" * 32)
WITNESSES = {
    name: Ed25519Signer(f"witness.example/{name}", 4, bytes((number,)) * 32)
    for number, name in enumerate(["X1", "X2", "X3", "Y1", "Y2", "Y3"])
}
HEAD = Checkpoint(LOG.name, 5, b"r" * 32)
KEYS = {name: signer.verifier.vkey() for name, signer in WITNESSES.items()}

# The example of c2sp.org/tlog-policy, with keys.
EXAMPLE = """\
log {log}

witness X1 {X1}
witness X2 {X2}
witness X3 {X3}
group X-witnesses 2 X1 X2 X3

witness Y1 {Y1}
witness Y2 {Y2}
witness Y3 {Y3}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
""".format(log=LOG.verifier.vkey(), **KEYS)


def signed(*names: str) -> Note:
    text = HEAD.text()
    return Note(text, (LOG.sign_note(text), *(WITNESSES[name].cosign(text, 7) for name in names)))


def test_golden_policy():
    policy = LogPolicy.parse(EXAMPLE.encode())
    assert policy.logs == (PolicyLog(LOG.verifier),)
    assert policy.witnesses == tuple(PolicyWitness(name, each.verifier) for name, each in WITNESSES.items())
    assert policy.groups == (
        PolicyGroup("X-witnesses", 2, ("X1", "X2", "X3")),
        PolicyGroup("Y-witnesses", 1, ("Y1", "Y2", "Y3")),
        PolicyGroup("X-and-Y", 2, ("X-witnesses", "Y-witnesses")),
    )
    assert policy.quorum == "X-and-Y"
    assert LogPolicy.parse(policy.format()) == policy


def test_every_subset_of_the_witnesses():
    policy = LogPolicy.parse(EXAMPLE.encode())
    for chosen in product([False, True], repeat=6):
        names = tuple(name for name, one in zip(WITNESSES, chosen, strict=True) if one)
        if sum(chosen[:3]) >= 2 and any(chosen[3:]):
            assert policy.check(signed(*names), HEAD) == PolicyResult(LOG.verifier, names)
        else:
            with pytest.raises(BadSignature, match="missing: ") as caught:
                policy.check(signed(*names), HEAD)
            assert ("X-witnesses" in caught.value.detail) == (sum(chosen[:3]) < 2)
            assert ("Y-witnesses" in caught.value.detail) == (not any(chosen[3:]))


def test_a_witness_counts_once():
    policy = LogPolicy.parse(EXAMPLE.encode())
    twice = signed("X1", "Y1").with_signatures(WITNESSES["X1"].cosign(HEAD.text(), 8))
    with pytest.raises(BadSignature, match="X-witnesses"):
        policy.check(twice, HEAD)


def policy_of(*lines: str) -> bytes:
    return "".join(line + "\n" for line in lines).encode()


L, X1, X2, X3 = f"log {LOG.verifier.vkey()}", *(f"witness {name} {KEYS[name]}" for name in ("X1", "X2", "X3"))


def test_quorums_of_one_and_none():
    one = LogPolicy.parse(policy_of(L, X1, X2, "quorum X2"))
    assert one.check(signed("X2"), HEAD).witnesses == ("X2",)
    with pytest.raises(BadSignature, match="missing: X2"):
        one.check(signed("X1"), HEAD)
    none = LogPolicy.parse(policy_of(L, "quorum none"))
    assert none.check(signed(), HEAD) == PolicyResult(LOG.verifier, ())
    assert LogPolicy.parse(one.format()) == one
    assert LogPolicy.parse(none.format()) == none


def test_the_log_must_sign_under_its_own_origin():
    policy = LogPolicy.parse(policy_of(L, X1, "quorum none"))
    text = HEAD.text()
    with pytest.raises(BadSignature, match="log"):
        policy.check(Note(text, (WITNESSES["X1"].cosign(text, 7),)), HEAD)
    stolen = Checkpoint("log.example/2", 5, b"r" * 32)
    with pytest.raises(BadSignature, match="origin"):
        policy.check(Note(stolen.text(), (LOG.sign_note(stolen.text()),)), stolen)
    with pytest.raises(BadSignature):
        policy.check(Note(text, (Signature(LOG.name, b"0000", b"x"),)), HEAD)


def test_a_bad_signature_of_a_known_key_spoils_the_note():
    policy = LogPolicy.parse(policy_of(L, X1, X2, "quorum X1"))
    x2 = WITNESSES["X2"].verifier
    with pytest.raises(BadSignature, match="does not verify"):
        policy.check(signed("X1").with_signatures(Signature(x2.name, x2.key_id, b"x" * 72)), HEAD)


def test_the_checkpoint_must_be_the_one_in_the_note():
    policy = LogPolicy.parse(policy_of(L, "quorum none"))
    with pytest.raises(Malformed):
        policy.check(signed(), Checkpoint(LOG.name, 6, b"r" * 32))


def test_logs_known_from_elsewhere():
    policy = LogPolicy.parse(policy_of("quorum none"))
    with pytest.raises(BadSignature):
        policy.check(signed(), HEAD)
    assert policy.check(signed(), HEAD, more_logs=[LOG.verifier]).log == LOG.verifier


def test_white_space_comments_and_order():
    data = policy_of(
        "", " \t", "# log", "\t # quorum", f"\twitness\t X1 \t{KEYS['X1']}  https://w.example/ ", "quorum X1", L
    )
    policy = LogPolicy.parse(data)
    assert policy.witnesses[0].url == "https://w.example/"
    assert policy.quorum == "X1"
    assert LogPolicy.parse(policy.format()) == policy


def test_octets_beyond_ascii_are_opaque():
    kelvin, bare = "\u212a".encode(), b"\xff\x80"
    keys = [KEYS[name].encode() for name in ("X1", "X2", "X3")]
    witnesses = [b"witness %s %s" % pair for pair in zip((b"K", kelvin, bare), keys, strict=True)]
    data = b"\n".join([*witnesses, b"# \xfe", b"group g%s 3 K %s %s" % (bare, kelvin, bare), b"quorum g" + bare, b""])
    policy = LogPolicy.parse(data)
    assert len({witness.name for witness in policy.witnesses}) == 3
    assert bare in policy.format()
    assert LogPolicy.parse(policy.format()) == policy
    with pytest.raises(BadSignature) as caught:
        policy.check(signed("X1"), HEAD, more_logs=[LOG.verifier])
    assert r"\xff\x80" in caught.value.detail
    caught.value.detail.encode()


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (L,),
        (L, X1),
        (L, "quorum"),
        (L, "quorum none none"),
        (L, "quorum none", "quorum none"),
        (L, X1, "quorum X2"),
        (L, "quorum X1", X1),
        (L, "Quorum none"),
        (L, "threshold 1", "quorum none"),
        ("log", "quorum none"),
        (L + " url more", "quorum none"),
        (L, L, "quorum none"),
        (L, L + " https://other.example/", "quorum none"),
        (L[:-1], "quorum none"),
        (X1.replace("witness X1", "log"), "quorum none"),
        (L.replace("log", "witness w", 1), "quorum none"),
        ("witness X1", "quorum none"),
        (X1, X2.replace("X2", "X1", 1), "quorum none"),
        (X1, X1.replace("X1", "other", 1), "quorum none"),
        (X1.replace("X1", "none", 1), "quorum none"),
        (X1, "group none any X1", "quorum none"),
        (X1, "group X1 any X1", "quorum none"),
        (X1, "group g", "quorum none"),
        (X1, "group g any", "quorum none"),
        (X1, "group g 0 X1", "quorum none"),
        (X1, "group g 2 X1", "quorum none"),
        (X1, "group g 01 X1", "quorum none"),
        (X1, "group g -1 X1", "quorum none"),
        (X1, "group g some X1", "quorum none"),
        (X1, "group g any none", "quorum none"),
        (X1, "group g any X2", X2, "quorum none"),
        (X1, "group g any g", "quorum none"),
        (X1, X2, "group g any X1 X1", "quorum none"),
        (X1, X2, "group g any X1", "group h any X1 X2", "quorum none"),
        (X1, X2, X3, "group g any X1", "group h any g", "group i all g X2", "quorum none"),
        (L, "quorum none\r"),
        (L, "quorum\x0bnone"),
        (L, "quorum none", "# \x7f"),
        (L, "quorum none", "# \0"),
    ],
)
def test_other_policies_are_malformed(lines):
    with pytest.raises(Malformed):
        LogPolicy.parse(policy_of(*lines))


def test_the_last_line_ends_too():
    with pytest.raises(Malformed):
        LogPolicy.parse(policy_of(L, "quorum none")[:-1])


def test_two_vkeys_of_one_public_key_are_duplicates():
    again = Ed25519Signer("log.example/2", 1, b"\xff" * 32).verifier.vkey()
    with pytest.raises(Malformed, match="twice"):
        LogPolicy.parse(policy_of(L, f"log {again}", "quorum none"))


def test_names_that_no_line_can_hold():
    for name in ("", "a b", "a\tb", "a\nb", "a\x00", "none"):
        with pytest.raises(Malformed):
            LogPolicy((), (PolicyWitness(name, WITNESSES["X1"].verifier),), (), "none")
    with pytest.raises(Malformed):
        LogPolicy((PolicyLog(LOG.verifier, "a url"),), (), (), "none")


def test_more_than_the_recommended_32_of_each():
    signers = [Ed25519Signer(f"w.example/{i}", 4, b"%032d" % i).verifier for i in range(100)]
    logs = tuple(PolicyLog(Ed25519Signer(f"l.example/{i}", 1, b"%032d" % i).verifier) for i in range(100))
    witnesses = tuple(PolicyWitness(f"w{i}", key) for i, key in enumerate(signers))
    groups = [PolicyGroup("g0", 1, ("w0",))]
    # Each group holds the one before it: as deep as it can be.
    groups += [PolicyGroup(f"g{i}", 2, (f"g{i - 1}", f"w{i}")) for i in range(1, 100)]
    policy = LogPolicy(logs, witnesses, tuple(groups), "g99")
    assert LogPolicy.parse(policy.format()) == policy
    with pytest.raises(BadSignature, match="g98"):
        policy.check(signed(), HEAD, more_logs=[LOG.verifier])


WORDS = [b"log", b"witness", b"group", b"quorum", b"any", b"none", b"X1", b"2", b" ", b"\n", b"\xff"]


@given(st.lists(st.sampled_from([*WORDS, *(key.encode() for key in KEYS.values())]), max_size=30))
def test_any_words_are_a_policy_or_malformed(words):
    for data in (b" ".join(words), b"".join(words)):
        try:
            policy = LogPolicy.parse(data + b"\nquorum none\n")
        except Malformed:
            continue
        assert LogPolicy.parse(policy.format()) == policy


def test_witnesses_from_outside_are_listed_and_asked_for():
    base = LogPolicy.parse(policy_of(L, X1, "quorum X1"))
    more = [PolicyWitness(name, WITNESSES[name].verifier, f"https://{name}.example") for name in ("Y1", "Y2", "Y3")]
    listed = base.with_witnesses(more)
    assert (listed.witnesses[1:], listed.quorum) == (tuple(more), "X1")
    strict = base.with_witnesses(more, needed=2)
    assert LogPolicy.parse(strict.format()) == strict
    assert strict.check(signed("X1", "Y1", "Y3"), HEAD).witnesses == ("X1", "Y1", "Y3")
    for names in (("X1", "Y1"), ("Y1", "Y2", "Y3"), ()):
        with pytest.raises(BadSignature, match="quorum"):
            strict.check(signed(*names), HEAD)
    # Where nobody was asked for, the outside is the whole quorum.
    alone = LogPolicy.parse(policy_of(L, "quorum none")).with_witnesses(more, needed=1)
    assert alone.check(signed("Y2"), HEAD).witnesses == ("Y2",)
    with pytest.raises(BadSignature):
        alone.check(signed("X1"), HEAD)


def test_witnesses_from_outside_that_the_policy_cannot_take():
    base = LogPolicy.parse(policy_of(L, X1, "quorum X1"))
    other = PolicyWitness("Y1", WITNESSES["Y1"].verifier)
    for more, needed in (
        ([other], 2),
        ([], 1),
        ([PolicyWitness("X1", WITNESSES["Y1"].verifier)], 0),
        ([PolicyWitness("Y1", WITNESSES["X1"].verifier)], 0),
        ([other, other], 1),
    ):
        with pytest.raises(Malformed):
            base.with_witnesses(more, needed=needed)
