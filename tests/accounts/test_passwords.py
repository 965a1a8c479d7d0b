"""Passwords and what they open."""

from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.accounts import passwords, rules
from node.accounts.passwords import Cost, Secrets
from node.errors import BadProof, Malformed, Rejected
from tests.web.persons import CHEAP

ACCOUNT = "wang.fang@500103"
GOLDEN = "tD0oQ3LAJLnUjv9FJeFLpMKcP2sbmUrtFpEISrCJNFg"
LOCKED = (
    "0000000000000000000000009f54ef4aeeb940cc3ac391ce13817d8f578c7fc570c9eb48ac2e41f5c494451d01dabfee"
    "0cdcad72bb2395688a426dd3366f5ae695"
)


@settings(max_examples=20, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40), st.binary(min_size=32, max_size=32), st.binary(max_size=20))
def test_the_password_and_nothing_else_opens_the_key(password: str, other: str, seed: bytes, totp: bytes) -> None:
    verifier, locked = passwords.protect(ACCOUNT, password, Secrets(seed, totp), cost=CHEAP)
    assert passwords.unprotect(ACCOUNT, password, verifier, locked) == Secrets(seed, totp)
    same = passwords.unprotect(ACCOUNT, other, verifier, locked)
    assert (same is not None) == (normalize("NFKC", other) == normalize("NFKC", password))


def test_what_is_stored_opens_for_no_other_account_and_shows_nothing() -> None:
    secrets = passwords.new_secrets()
    verifier, locked = passwords.protect(ACCOUNT, "x" * 12, secrets, cost=CHEAP)
    with pytest.raises(BadProof):
        passwords.unprotect("li.si@500103", "x" * 12, verifier, locked)
    assert secrets.seed not in locked and secrets.seed.hex() not in repr(secrets)
    again, _ = passwords.protect(ACCOUNT, "x" * 12, secrets, cost=CHEAP)
    assert again != verifier


def test_new_passwords_cost_what_owasp_asks_for_and_the_cost_stands_with_them() -> None:
    verifier, _ = passwords.protect(ACCOUNT, "x" * 12, passwords.new_secrets())
    assert verifier.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert Cost() == Cost(19_456, 2, 1)


def test_the_form_of_a_verifier_is_fixed() -> None:
    """Verifiers lie in databases and in sealed records of other nodes: they must open in every later version."""
    verifier = "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + GOLDEN
    random = iter([bytes(16), bytes(12)])
    made, locked = passwords.protect(
        ACCOUNT, "four sparrows", Secrets(bytes(32)), cost=CHEAP, random=lambda _n: next(random)
    )
    assert (made, locked.hex()) == (verifier, LOCKED)


@pytest.mark.parametrize(
    "change",
    [("m=64", "m=9999999"), ("t=1", "t=99"), ("p=1", "p=9"), ("argon2id", "argon2i"), ("v=19", "v=16"), ("$A", "$-")],
)
def test_a_verifier_of_another_node_cannot_ask_for_the_whole_machine(change: tuple[str, str]) -> None:
    verifier = "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43
    with pytest.raises(Malformed):
        passwords.unprotect(ACCOUNT, "x", verifier.replace(*change), b"")


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "aaaaaaaaaaaa",
        "abcdefghijkl",
        "qwertyuiop",
        "password2025",
        "wangfang12",
        "1234567890",
        "重庆某某建设公司1",
    ],
)
def test_passwords_that_are_guessed_first_are_not_taken(password: str) -> None:
    with pytest.raises(Rejected) as error:
        rules.require(password, least=10, about=("wangfang", "王芳", "重庆某某建设公司"))
    assert error.value.field == "password"


@pytest.mark.parametrize("password", ["four sparrows drink tea", "七只白鹭立在墙头不肯飞走", "Tr0ub4dor&3x"])
def test_long_ones_are(password: str) -> None:
    assert rules.require(password, least=10, about=("wangfang",)) == password
