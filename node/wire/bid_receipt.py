"""The receipt of a bid: "I hold this encrypted file since then", a note signed with the node's custody key.

    ggzy-node/bid-receipt/v1
    ggzy.example/cq/500103
    trade 0193…
    lot 1
    sort bid
    number 0193…
    bidder 示例施工公司
    uscc 91350100M000100Y43
    file 9f86d0… 1048576 cms
    time 1763913600
    state held
    replaces -

The custody key signs it because it is a statement of the same sort as the custody note (what is stored here, since
when), and never the log key, which signs heads alone; the first line tells the two apart. It names no content, and its
holder decides who sees it: the node shows it to nobody before the opening.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from node.errors import BadSignature, Malformed
from node.tlog.note import Ed25519Signer, Note, VerifierKey, parse_note, verify_note
from node.wire.trust import TrustPolicy

MAGIC = "ggzy-node/bid-receipt/v1"
SORTS = ("bid", "application")
STATES = ("held", "withdrawn")
_NAMES = ("trade", "lot", "sort", "number", "bidder", "uscc", "file", "time", "state", "replaces")
_HEX = re.compile(r"[0-9a-f]{32}")
_FILE = re.compile(r"([0-9a-f]{64}) ([1-9][0-9]{0,15}) ([a-z0-9-]{1,20})")


@dataclass(frozen=True, slots=True)
class BidReceipt:
    """What the note says. `number` is 32 hex digits, `digest` SHA-256 of the encrypted file, `form` its encryption.

    With the state `withdrawn` it is the receipt of a withdrawal, `time_s` that of the withdrawal.
    """

    node: str
    trade: str
    lot: str
    sort: str
    number: str
    bidder: str
    uscc: str
    digest: str
    size: int
    form: str
    time_s: int
    state: str = "held"
    replaces: str = ""

    def text(self) -> str:
        values = (
            self.trade,
            self.lot or "-",
            self.sort,
            self.number,
            self.bidder,
            self.uscc or "-",
            f"{self.digest} {self.size} {self.form}",
            str(self.time_s),
            self.state,
            self.replaces or "-",
        )
        lines = [MAGIC, self.node, *(f"{name} {value}" for name, value in zip(_NAMES, values, strict=True))]
        return "\n".join(lines) + "\n"

    def plain(self) -> dict[str, str | int]:
        """Its values by name."""
        return {name: getattr(self, name) for name in self.__slots__}

    def sign(self, custody: Ed25519Signer) -> bytes:
        """The whole note. Raises Malformed for what does not fit a line of it."""
        parse(self.text())
        return Note(self.text(), (custody.sign_note(self.text()),)).encode()


def is_receipt(data: bytes) -> bool:
    """Whether bytes look like a bid's receipt."""
    return data.startswith(MAGIC.encode() + b"\n")


def verify(data: bytes, policy: TrustPolicy) -> BidReceipt:
    """Verify a receipt by a trust policy, offline. Raises Malformed, BadSignature."""
    grants = policy.grants(use="custody")
    receipt, key = open_bid_receipt(data, [grant.key for grant in grants])
    until_s = policy.retired_at(key)
    if until_s is not None and receipt.time_s > until_s:
        raise BadSignature("the custody key was retired before this receipt: it may be a thief's")
    return receipt


def open_bid_receipt(data: bytes, keys: Iterable[VerifierKey]) -> tuple[BidReceipt, VerifierKey]:
    """Read a receipt that one of these custody keys signed. Raises Malformed, BadSignature."""
    note = parse_note(data)
    key, _ = verify_note(note, keys)[0]
    receipt = parse(note.text)
    if key.name.rpartition("/")[0] != receipt.node:
        raise Malformed("the receipt names another node than the key that signed it")
    return receipt, key


def parse(text: str) -> BidReceipt:
    """Read a receipt's text. Raises Malformed unless it is exactly what `BidReceipt.text` writes."""
    lines = text.split("\n")
    try:
        magic, node, *rest, end = lines
        values = [line.removeprefix(f"{name} ") for name, line in zip(_NAMES, rest, strict=True)]
        trade, lot, sort, number, bidder, uscc, file, time_s, state, replaces = values
        found = _FILE.fullmatch(file)
        if magic != MAGIC or end or found is None:
            raise ValueError
        receipt = BidReceipt(
            node,
            trade,
            _plain(lot),
            sort,
            number,
            bidder,
            _plain(uscc),
            found[1],
            int(found[2]),
            found[3],
            int(time_s),
            state,
            _plain(replaces),
        )
        fits = sort in SORTS and state in STATES and bidder and bidder == bidder.strip() and node
        if not fits or not _HEX.fullmatch(number) or not _HEX.fullmatch(trade) or receipt.text() != text:
            raise ValueError
    except ValueError:
        raise Malformed("not a bid receipt of a version that this program knows") from None
    return receipt


def _plain(value: str) -> str:
    return "" if value == "-" else value
