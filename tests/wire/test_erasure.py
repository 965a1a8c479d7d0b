from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from node.errors import BadSignature, Malformed
from node.tlog.note import Ed25519Signer, KeyType, Note, VerifierKey, parse_note
from node.wire import erasure
from node.wire.erasure import ErasureOrder

ORDER = ErasureOrder(
    bytes(range(16)),
    "ggzy.example/cq/500103/1",
    bytes(range(1, 17)),
    ((3, "identity"), (9, "identity"), (9, "main")),
    "consent-withdrawn",
    "PIPL-47-1-3",
    1_764_000_000,
)
EAST, HUB, WEST = (
    Ed25519Signer(f"ggzy.example/cq/{code}/erasure", KeyType.ED25519, code.encode().ljust(32, b"x"))
    for code in ("500103", "500000", "500102")
)
TEXT = """\
ggzy-node/erasure/v1
order 000102030405060708090a0b0c0d0e0f
origin ggzy.example/cq/500103/1
record 0102030405060708090a0b0c0d0e0f10
erase 3 identity
erase 9 identity
erase 9 main
reason consent-withdrawn
basis PIPL-47-1-3
time 1764000000
"""


def signed(*signers: Ed25519Signer, text: str = TEXT) -> bytes:
    return Note(text, tuple(signer.sign_note(text) for signer in signers)).encode()


def node_of(key: VerifierKey) -> str:
    return key.name.removesuffix("/erasure")


def test_an_order_has_this_text_and_reads_back() -> None:
    assert ORDER.text() == TEXT
    assert erasure.parse(parse_note(signed(EAST))) == ORDER


def test_the_signers_are_counted_by_node_and_strangers_do_not_count() -> None:
    keys = [EAST.verifier, HUB.verifier]
    order, nodes = erasure.open_order(signed(EAST, HUB, WEST), keys, node_of)
    assert order == ORDER and nodes == {"ggzy.example/cq/500103", "ggzy.example/cq/500000"}
    with pytest.raises(BadSignature):
        erasure.open_order(signed(WEST), keys, node_of)
    text = TEXT.replace("erase 3", "erase 4")
    forged = Note(text, parse_note(signed(EAST, HUB)).signatures).encode()
    with pytest.raises(BadSignature):
        erasure.open_order(forged, keys, node_of)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("erasure/v1", "erasure/v2"),
        lambda text: text.replace("erase 3 identity\nerase 9 identity", "erase 9 identity\nerase 3 identity"),
        lambda text: text.replace("erase 3 identity\n", "erase 3 identity\nerase 3 identity\n"),
        lambda text: text.replace("erase 3", "erase 03"),
        lambda text: text.replace("erase 3", "erase -3"),
        lambda text: text.replace("erase 3 identity", "erase 3 the identity"),
        lambda text: text.replace("erase 3 identity\nerase 9 identity\nerase 9 main\n", ""),
        lambda text: text.replace("reason consent-withdrawn", "reason 某人于某日撤回同意"),
        lambda text: text.replace("basis PIPL-47-1-3", "basis 电话 13900000000"),
        lambda text: text.replace("order 00", "order 0"),
        lambda text: text.replace("order 000102030405060708090a0b0c0d0e0f", "order 0A0102030405060708090a0b0c0d0e0f"),
        lambda text: text + "remark someone\n",
        lambda text: text.removeprefix("ggzy-node/erasure/v1\n"),
        lambda text: "ggzy-node/erasure/v1\n",
    ],
)
def test_an_order_has_one_form_and_room_for_codes_only(change: Callable[[str], str]) -> None:
    with pytest.raises(Malformed):
        erasure.parse(parse_note(signed(EAST, text=change(TEXT))))


def test_an_order_of_too_many_places_is_refused() -> None:
    many = replace(ORDER, places=tuple((index, "main") for index in range(erasure.MAX_PLACES)))
    assert erasure.parse(parse_note(signed(EAST, text=many.text()))) == many
    more = replace(ORDER, places=(*many.places, (erasure.MAX_PLACES, "main")))
    with pytest.raises(Malformed):
        erasure.parse(parse_note(signed(EAST, text=more.text())))
