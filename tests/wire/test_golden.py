"""The bytes of every format of ours, for fixed inputs: if one of these files has to change, the format has changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import zstandard

from node.domain.experts import ExpertProfile
from node.domain.record import Document, Flag, Source
from node.tlog.merkle import EMPTY_ROOT
from node.tlog.note import Ed25519Signer, KeyType, Note, VerifierKey, parse_note
from node.wire import auth, header, pack, payload, trust
from node.wire.custody import Custody, open_custody
from node.wire.header import Header, SectionRef
from node.wire.pack import Pack, PayloadRow
from node.wire.receipt import Extra
from node.wire.trust import Closure, KeyGrant, Member, Retirement, Revocation, TrustPolicy
from node.wire.trust_steps import open_next

VECTORS = Path(__file__).parent.parent / "vectors"

NODE, HUB = "ggzy.example/cq/500103", "ggzy.example/cq/500000"
ORIGIN = f"{NODE}/1"
SALT = bytes(range(16))
DOCUMENT = Document(
    "E-2024-001",
    ExpertProfile(alias="E-2024-001", classes=["A010101", "B02"], division="500103", standing="在库"),
    Source("重庆市公共资源交易中心", "https://ggzy.example/experts", "17"),
    as_of="2024-12-31",
    flags=[Flag("division", "division-unknown", "五〇〇一〇三")],
    made_up=True,
)
PAYLOAD = payload.encode(DOCUMENT)
HEADER = Header(
    kind="expert.profile",
    schema=1,
    record_id=bytes.fromhex("019a9cbe3a007abc8def0123456789ab"),
    version=2,
    prev_leaf=bytes(range(32)),
    claimed_ms=1_763_913_600_123,
    audience="public",
    sections=(
        SectionRef("main", "shared", payload.commitment(SALT, PAYLOAD)),
        SectionRef("identity", "restricted", bytes(range(32, 64)), 12),
    ),
)
PACK = Pack(
    ORIGIN,
    256,
    512,
    "shared",
    (
        PayloadRow(256, "main", SALT, PAYLOAD),
        PayloadRow(300, "a", SALT, b""),
        PayloadRow(300, "b", SALT, b"\x00" * 300),
    ),
)
CUSTODY = Custody(ORIGIN, 1024, bytes(range(32)), 1_763_913_600, 0, 1000, ((17, "main"), (17, "more"), (999, "main")))


def key(name: str, number: int, key_type: int = KeyType.ED25519) -> Ed25519Signer:
    return Ed25519Signer(name, key_type, bytes([number]) * 32)


SIGNER = key(f"{HUB}/signer", 1)
CUSTODIAN = key(f"{HUB}/custody", 2)
POLICY = TrustPolicy(
    federation="ggzy.example/cq",
    version=2,
    previous="9f2c" * 16,
    threshold=1,
    signers=(SIGNER.verifier,),
    members=(
        Member(HUB, "hub", "500000", "", "重庆市公共资源交易中心"),
        Member(NODE, "district", "500103", HUB, "渝中区 公共资源交易中心"),
    ),
    keys=(
        KeyGrant(HUB, "log", key(f"{HUB}/1", 3).verifier),
        KeyGrant(HUB, "witness", key(f"{HUB}/witness", 4, KeyType.COSIGNATURE).verifier),
        KeyGrant(HUB, "mirror", key(f"{HUB}/mirror", 5, KeyType.COSIGNATURE).verifier),
        KeyGrant(HUB, "custody", CUSTODIAN.verifier),
        KeyGrant(NODE, "log", key(ORIGIN, 6).verifier, 0, 4096),
        KeyGrant(NODE, "log", key(ORIGIN, 7).verifier, 4097),
        KeyGrant(NODE, "request", key(f"{NODE}/request", 8).verifier),
    ),
)
WHOLE_POLICY = replace(
    POLICY,
    version=3,
    previous=POLICY.hash(),
    expires_s=1_795_400_000,
    registrars=(key(f"{HUB}/registrar", 9).verifier,),
    quorum=2,
    keys=(
        *POLICY.keys,
        KeyGrant(NODE, "log", key(f"{NODE}/2", 10).verifier),
        KeyGrant(NODE, "seal", VerifierKey(f"{NODE}/seal", KeyType.SEAL, bytes([9]) + bytes(31))),
        KeyGrant(NODE, "erasure", key(f"{NODE}/erasure", 11).verifier),
    ),
    revoked=(Revocation(key(ORIGIN, 6).verifier, 4000, bytes(range(32))),),
    retired=(Retirement(key(f"{HUB}/mirror", 5, KeyType.COSIGNATURE).verifier, 1_763_913_600),),
    closed=(Closure(ORIGIN, 5000, bytes(range(32)), f"{NODE}/2"), Closure(f"{HUB}/1", 0, EMPTY_ROOT)),
)
EXTRA = Extra(header.encode(HEADER), (("main", SALT),), b"a custody note\n")
REQUEST = auth.sign(
    key(f"{NODE}/request", 8),
    "POST",
    "/api/logs/00ff/payloads?start=0&end=256",
    b"body",
    to=HUB,
    created_s=1_763_913_600,
    nonce="0123456789abcdef",
)


def signed(text: str, signer: Ed25519Signer) -> bytes:
    return Note(text, (signer.sign_note(text),)).encode()


def now() -> dict[str, bytes]:
    """File name -> bytes as this program writes them."""
    raw = zstandard.ZstdDecompressor().decompress(pack.encode(PACK))
    return {
        "header.hex": header.encode(HEADER).hex().encode() + b"\n",
        "payload.hex": PAYLOAD.hex().encode() + b"\n",
        "commitment.hex": payload.commitment(SALT, PAYLOAD).hex().encode() + b"\n",
        "pack-inflated.hex": raw.hex().encode() + b"\n",
        "custody-note.txt": signed(CUSTODY.text(), CUSTODIAN),
        "trust-policy.txt": signed(POLICY.text(), SIGNER),
        "trust-policy-whole.txt": signed(WHOLE_POLICY.text(), SIGNER),
        "receipt-extra.hex": EXTRA.encode().hex().encode() + b"\n",
        "signed-request.txt": "".join(f"{name}: {value}\n" for name, value in REQUEST.items()).encode(),
    }


def held(name: str) -> bytes:
    return (VECTORS / name).read_bytes()


def from_hex(name: str) -> bytes:
    return bytes.fromhex(held(name).decode())


def test_every_format_is_written_as_ever() -> None:
    for name, data in now().items():
        assert data == held(name), name


def test_every_format_is_read_as_ever() -> None:
    assert header.parse(from_hex("header.hex")) == HEADER
    assert payload.decode(from_hex("payload.hex"))["body"]["alias"] == "E-2024-001"
    payload.check(SALT, from_hex("payload.hex"), from_hex("commitment.hex"))
    # Another release of the compressor may choose other bytes; it must read these.
    assert pack.parse(from_hex("pack.hex")) == PACK
    assert open_custody(held("custody-note.txt"), [CUSTODIAN.verifier])[0] == CUSTODY
    assert trust.parse(parse_note(held("trust-policy.txt"))) == POLICY
    assert trust.parse(parse_note(held("trust-policy-whole.txt"))) == WHOLE_POLICY
    assert open_next(held("trust-policy-whole.txt"), POLICY) == WHOLE_POLICY
    assert Extra.parse(from_hex("receipt-extra.hex")) == EXTRA
    headers = dict(line.split(": ", 1) for line in held("signed-request.txt").decode().splitlines())
    target = "/api/logs/00ff/payloads?start=0&end=256"
    auth.verify(headers, "POST", target, b"body", key=key(f"{NODE}/request", 8).verifier, me=HUB)
