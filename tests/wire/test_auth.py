from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import Unauthenticated
from node.tlog.note import Ed25519Signer
from node.wire import auth
from tests.wire.test_golden import HUB, NODE, key

KEY = key(f"{NODE}/request", 8)
TARGET = "/api/logs/00ff/payloads?start=0&end=256"
BODY = b"some packs"
NONCE = "0123456789abcdef"


def sign(signer: Ed25519Signer = KEY, **changes: Any) -> dict[str, str]:
    given = {"method": "POST", "target": TARGET, "body": BODY, "to": HUB, "created_s": 1_763_913_600, "nonce": NONCE}
    return auth.sign(signer, **(given | changes))


def check(headers: dict[str, str], **changes: Any) -> None:
    given = {"method": "POST", "target": TARGET, "body": BODY, "key": KEY.verifier, "me": HUB}
    auth.verify(headers, **(given | changes))


@given(
    st.sampled_from(["GET", "POST", "PUT"]),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"\\'), max_size=30),
    st.binary(max_size=50),
    st.integers(0, 10**11),
    st.text("abcXYZ019-_", min_size=16, max_size=64),
)
def test_what_is_signed_verifies(method: str, rest: str, body: bytes, created_s: int, nonce: str) -> None:
    target = f"/api/{rest}"
    headers = sign(method=method, target=target, body=body, created_s=created_s, nonce=nonce)
    claim = auth.read_claim(headers)
    assert claim == auth.Claim(KEY.name, KEY.verifier.key_id.hex(), created_s, nonce)
    check(headers, method=method, target=target, body=body)


@pytest.mark.parametrize(
    "change",
    [
        {"method": "GET"},
        {"target": "/api/logs/00ff/payloads?start=0&end=255"},
        {"target": "/api/logs/00ff/payloads"},
        {"target": "/api/logs/00fe/payloads?start=0&end=256"},
        {"target": TARGET + "&more=1"},
        {"target": TARGET + "#part"},
        {"target": "//other.example" + TARGET},
        {"target": TARGET.replace("?", "?\t")},
        {"target": TARGET.replace("?", "%3F")},
        {"body": b""},
        {"body": BODY + b"\x00"},
        {"me": NODE},
        {"me": ""},
        {"key": key(f"{NODE}/request", 9).verifier},
    ],
)
def test_another_request_is_not_the_signed_one(change: dict[str, Any]) -> None:
    headers = sign()
    check(headers)
    with pytest.raises(Unauthenticated):
        check(headers, **change)


def test_a_request_for_another_node_cannot_be_readdressed() -> None:
    headers = sign(to=NODE)
    with pytest.raises(Unauthenticated):
        check(headers)
    with pytest.raises(Unauthenticated):
        check(headers | {"Ggzy-To": HUB})


def test_another_body_with_its_own_digest_does_not_verify() -> None:
    headers = sign() | {"Content-Digest": auth.content_digest(b"other")}
    with pytest.raises(Unauthenticated):
        check(headers, body=b"other")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (NONCE, "fedcba9876543210"),
        ("created=1763913600", "created=1763913601"),
        (f'"{NODE}/request+', f'"{HUB}/request+'),
        ('keyid="', 'keyid="x'),
    ],
)
def test_a_changed_claim_does_not_verify(old: str, new: str) -> None:
    headers = sign()
    assert old in headers["Signature-Input"]
    headers["Signature-Input"] = headers["Signature-Input"].replace(old, new)
    with pytest.raises(Unauthenticated):
        check(headers)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "ggzy=()",
        'other=("@method");created=1',
        'ggzy=("@method" "@path");created=1763913600;nonce="0123456789abcdef";keyid="a+00000000"',
        f'ggzy={auth.COMPONENTS};created=-1;nonce="{NONCE}";keyid="a+00000000"',
        f'ggzy={auth.COMPONENTS};created=1;nonce="short";keyid="a+00000000"',
        f'ggzy={auth.COMPONENTS};created=1;nonce="{NONCE}";keyid="a+0000000G"',
        f'ggzy={auth.COMPONENTS};created=1;nonce="{NONCE}";keyid="a"b+00000000"',
        f'ggzy={auth.COMPONENTS};created=1;nonce="{NONCE}";keyid="a+00000000";alg="none"',
        f'ggzy={auth.COMPONENTS};created=1;nonce="{NONCE}";keyid="a+00000000", other=()',
        f'ggzy={auth.COMPONENTS};created={"1" * 5000};nonce="{NONCE}";keyid="a+00000000"',
    ],
)
def test_a_claim_of_another_form_is_refused(given: str) -> None:
    with pytest.raises(Unauthenticated):
        auth.read_claim({"Signature-Input": given})


def test_a_request_without_a_signature_claims_nothing() -> None:
    assert auth.read_claim({}) is None
    assert auth.read_claim({"Signature": "ggzy=:x:"}) is None


@pytest.mark.parametrize("name", ["Ggzy-To", "Content-Digest", "Signature"])
@pytest.mark.parametrize("value", [None, "", "x", "\udcff\udcfe", "ggzy=:" + "A" * 86 + "==:"])
def test_a_header_that_is_absent_or_strange_is_refused(name: str, value: str | None) -> None:
    headers = sign()
    del headers[name]
    if value is not None:
        headers[name] = value
    with pytest.raises(Unauthenticated):
        check(headers)


@given(st.sampled_from(["Signature-Input", "Signature", "Content-Digest", "Ggzy-To"]), st.data())
def test_a_changed_character_is_refused(name: str, data: st.DataObject) -> None:
    headers = sign()
    value = headers[name]
    at = data.draw(st.integers(0, len(value) - 1))
    # What a server hands on of a header that is not ASCII are half surrogate pairs.
    char = data.draw(st.characters(max_codepoint=0x7E) | st.sampled_from(["\udc80", "\udcff", "é"]))
    if char == value[at]:
        return
    headers[name] = value[:at] + char + value[at + 1 :]
    try:
        auth.read_claim(headers)
        check(headers)
    except Unauthenticated:
        return
    # The last letter of the signature has bits that say nothing; a repeat is found by its nonce, not by these.
    assert name == "Signature"
    assert at == len(value) - len("==:") - 1
