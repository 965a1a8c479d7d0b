"""What was brought of a log's payloads, held against what its headers commit to (DESIGN L14).

A pure question with a pure answer, both of them plain data: `check` may as well run in a process of its own, which is
where a hub that takes in a backlog spends its time (`node/sync/verifying.py`). Nothing in here raises for what the
bytes hold; a refusal is a value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from node.domain.audience import is_sealed
from node.errors import BadProof, Malformed, NodeError, NotAllowed, TooLarge
from node.tlog.tiles import WIDTH, decode_bundle
from node.wire import pack as packs
from node.wire import payload as payload_bytes
from node.wire.header import sections_of
from node.wire.pack import Pack

Place = tuple[int, str]
"""Log index and section name."""


class Entries(msgspec.Struct, array_like=True, gc=False):
    """Entries of one bundle from index `first` on, framed as in an entry bundle (c2sp.org/tlog-tiles)."""

    first: int
    data: bytes


class Brought(msgspec.Struct, array_like=True, gc=False):
    """Packs that one call brought for `[start, end)` of a log, to a node that may hold payloads for `mine`.

    `entries` cover the stretch in order; they may begin before it and end after it.
    """

    origin: str
    start: int
    end: int
    mine: frozenset[str]
    entries: list[Entries]
    packs: list[bytes]


class OfBundle(msgspec.Struct, array_like=True, gc=False):
    """What was brought of bundle `n`, found good, by the number of the pack.

    `whole` are (audience, pack) that hold all that is due to an audience, `others` the packs that do not or are of
    sealed sections; `lacking` are places that are due and were not brought.
    """

    n: int
    whole: list[tuple[str, int]]
    others: list[int]
    lacking: list[Place]


class Forged(msgspec.Struct, array_like=True, gc=False):
    """A payload that its header does not commit to; `holding` says who may have it."""

    index: int
    section: str
    holding: str
    salt: bytes
    payload: bytes


class Refusal(msgspec.Struct, array_like=True, gc=False):
    """Why nothing of the call is taken: the code of an error, its detail and field."""

    code: str
    detail: str
    field: str | None = None
    forged: Forged | None = None


class Found(msgspec.Struct, array_like=True, gc=False):
    """The answer: bundles in order, or why not."""

    bundles: list[OfBundle]
    refusal: Refusal | None = None


def check(brought: Brought) -> Found:
    """Hold every payload against its header."""
    try:
        return Found(_check(brought))
    except _ForgedError as error:
        return Found([], Refusal(BadProof.code, error.detail, forged=error.forged))
    except NodeError as error:
        return Found([], Refusal(error.code, error.detail, error.field))


def due_sections(entries: Sequence[bytes], first: int, mine: frozenset[str]) -> dict[str, dict[Place, bytes]]:
    """holding -> (index, section) -> commitment, of each section that a holder of `mine` should have.

    An entry that is no header of ours (L15: a mirror stores any bytes) owes nothing.
    """
    due: dict[str, dict[Place, bytes]] = {}
    for index, entry in enumerate(entries, first):
        for section in sections_of(entry):
            held_as = section.holding if section.size_class else section.audience
            if held_as in mine:
                of_holding = due.get(held_as)
                if of_holding is None:
                    of_holding = due[held_as] = {}
                of_holding[index, section.name] = section.commitment
    return due


class _ForgedError(BadProof):
    def __init__(self, detail: str, forged: Forged) -> None:
        super().__init__(detail)
        self.forged = forged


def _check(brought: Brought) -> list[OfBundle]:
    # Before anything is inflated: the packs of one call together are no more than one pack may be.
    if sum(map(packs.stated_size, brought.packs)) > packs.MAX_PACK_BYTES:
        raise TooLarge(f"the payloads of one call are more than {packs.MAX_PACK_BYTES} bytes; bring fewer at a time")
    by_bundle: dict[int, list[tuple[int, Pack]]] = {}
    for number, data in enumerate(brought.packs):
        pack = packs.parse(data)
        if pack.origin != brought.origin or not (brought.start <= pack.start and pack.end <= brought.end):
            raise Malformed("a pack is of another log or another range")
        if pack.audience not in brought.mine:
            raise NotAllowed(f"this node may not hold payloads for the audience {pack.audience}", field="audience")
        by_bundle.setdefault(pack.start // WIDTH, []).append((number, pack))
    return [_check_bundle(brought, entries, by_bundle.get(entries.first // WIDTH, ())) for entries in brought.entries]


def _check_bundle(brought: Brought, entries: Entries, given: Sequence[tuple[int, Pack]]) -> OfBundle:
    low = max(brought.start, entries.first)
    inside = decode_bundle(entries.data)[low - entries.first : brought.end - entries.first]
    due = due_sections(inside, low, brought.mine)
    found = OfBundle(low // WIDTH, [], [], [])
    held: list[Place] = []
    for number, pack in given:
        if not pack.rows:
            continue  # kept, it would pass for the pack of an audience that nothing was brought for
        of_holding = due.get(pack.audience, {})
        held += _check_pack(pack, of_holding)
        full = pack.start % WIDTH == 0 and pack.end - pack.start == WIDTH and len(pack.rows) == len(of_holding)
        if full and not is_sealed(pack.audience):
            found.whole.append((pack.audience, number))
        else:
            found.others.append(number)
    if len(held) < sum(map(len, due.values())):
        found.lacking = sorted({place for places in due.values() for place in places}.difference(held))
    return found


def _check_pack(pack: Pack, due: Mapping[Place, bytes]) -> list[Place]:
    """The places of its rows. Raises BadProof for the first that is not due, or is not what was committed to."""
    places = [(row.index, row.section) for row in pack.rows]
    if list(map(due.get, places)) == payload_bytes.commitments(pack.rows):
        return places
    for row in pack.rows:
        expected = due.get((row.index, row.section))
        if expected is None:
            raise BadProof(f"entry {row.index} has no section {row.section} for the audience {pack.audience}")
        try:
            payload_bytes.check(row.salt, row.payload, expected)
        except BadProof as error:
            forged = Forged(row.index, row.section, pack.audience, row.salt, row.payload)
            raise _ForgedError(error.detail, forged) from None
    return places
