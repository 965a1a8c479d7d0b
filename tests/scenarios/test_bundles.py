"""L17: lines that are down for weeks. A stick enters by the doors of the network, and signatures come back."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from net import Net, Running, expert, result
from people import NAME, NUMBER, PHONE, Office, found_in, person, states
from sqlalchemy import Connection, select

from node.domain.record import Draft, Source
from node.errors import Frozen, NotFound, Refused
from node.publishing import receipts
from node.publishing.erase import Wish
from node.store import logs, payloads, peers
from node.store.checkpoints import evidence
from node.sync.bundle_export import Exported, Exporter
from node.sync.bundle_files import BundleWriter, FoundFile, find_files, new_set_id
from node.sync.bundle_import import Importer
from node.sync.bundle_report import ImportReport
from node.sync.bundle_standing import own_standing
from node.tlog.note import Note
from node.tlog.proof import TlogProof
from node.wire import receipt as proofs
from node.wire.absence import Absence
from node.wire.bundle import (
    BundleReader,
    CustodyFrame,
    EntriesFrame,
    Fault,
    Frame,
    HeadFrame,
    NoteFrame,
    PartFrame,
    PayloadsFrame,
    PolicyFrame,
    StandingFrame,
    Unknown,
    WrapsFrame,
)
from node.wire.standing import StandingNote, open_standing

MIB = 1 << 20


async def export(sender: Running, to: Running, stick: Path, max_bytes: int = 64 * MIB, **options: Any) -> Exported:
    node = sender.node
    exporter = Exporter(node.store, node.keys, node.trusted, node.custodian, node.clock)
    return await exporter.export(to.node.settings.name, stick, max_bytes=max_bytes, **options)


async def take(receiver: Running, files: Iterable[Path]) -> ImportReport:
    node = receiver.node
    importer = Importer(
        node.store, node.trusted, node.acceptor, node.custodian, node.clock, own_origin=node.settings.origin
    )
    report = await importer.take(find_files(files))
    await node.projector.run()
    return report


async def carry(sender: Running, to: Running, stick: Path, **options: Any) -> ImportReport:
    return await take(to, (await export(sender, to, stick, **options)).files)


def codes(report: ImportReport) -> set[str]:
    tallies = [report.general, *report.logs.values()]
    return {reason.code for tally in tallies for reason in tally.refused}


def bulky(number: str) -> Draft:
    """A result whose source's address does not compress, so that a few hundred fill a part; it is not indexed."""
    draft = result(number)
    noise = hashlib.shake_256(number.encode()).hexdigest(2800)
    main = msgspec.structs.replace(draft.sections["main"], source=Source("test", f"https://example.com/{noise}"))
    return replace(draft, sections={"main": main})


async def standing(running: Running, reader: Running) -> StandingNote:
    node = running.node
    note = await own_standing(node.store, node.keys, node.trusted, node.clock)
    return open_standing(note.encode(), reader.node.trusted.policy)[0]


async def proof(running: Running, index: int) -> proofs.Verified:
    """What the node's own receipt of its entry `index` proves."""
    node = running.node
    log = await running.log_of(running)
    data = await receipts.issue(node.store, node.trusted, log, index, audiences=(), ours=node.custodian.custody)
    return proofs.verify(TlogProof.parse(data), node.trusted.policy)


async def evidences(running: Running) -> list[str]:
    return await running.node.store.read(lambda conn: list(conn.execute(select(evidence.c.reason)).scalars()))


def cut(running: Running) -> None:
    assert running.line is not None
    running.line.down = True


# --- the story --------------------------------------------------------------------------------------------------------


async def test_l17_a_district_that_is_never_online_gets_its_receipts_by_stick(net: Net) -> None:
    national, hub, east, west = await net.start("national", "hub", "east", "west")
    cut(east)
    for week in range(3):
        await east.publish(*(result(f"E-{week}-{number}") for number in range(150)), expert(f"X-{week}"))
        net.clock.forward(hours=24 * 7)
    await west.publish(*(result(f"W-{number}") for number in range(20)))
    await net.sync("west")
    report = await carry(east, hub, net.directory / "up")
    assert report.clean, report.plain()
    assert (report.logs[east.origin].entries, report.logs[east.origin].payloads) == (453, 453)
    for name in ("hub", "west", "hub", "west"):
        await net.sync(name)
    assert (await national.log_of(east)).payload_next == 453
    report = await carry(hub, east, net.directory / "down")
    assert report.clean, report.plain()
    verdict = await proof(east, 452)
    names = {name for name, _ in verdict.cosigners}
    for above in (hub, national):
        assert {f"{above.node.settings.name}/witness", f"{above.node.settings.name}/mirror"} <= names
    assert verdict.custody is not None and verdict.custody[0] == f"{hub.node.settings.name}/custody"
    # The neighbours' records came down with it, and nothing that is not for this node.
    assert (await east.log_of(west)).payload_next == 20
    assert "W-7" in await east.page("/trades?words=W-7")
    for node in (national, hub, east, west):
        assert not await node.fsck(), node.name
    # What came back tells where the hub stands: the next stick holds what is new and no more.
    await east.publish(result("E-late"))
    again = await export(east, hub, net.directory / "up2")
    assert (again.logs[east.origin].entries, again.logs[east.origin].payloads) == (1, 1)
    assert (await take(hub, again.files)).clean
    assert (await hub.log_of(east)).payload_next == 454


async def test_l17_parts_of_limited_size_and_only_what_the_addressee_may_hold(net: Net) -> None:
    national, hub, east = await net.start("national", "hub", "east")
    cut(east)
    for first in range(0, 750, 125):
        drafts = [bulky(f"P-{n}") for n in range(first, first + 125)]
        await east.publish(*drafts)
    await east.publish(expert("S-1"))
    made = await export(east, hub, net.directory / "up", max_bytes=MIB)
    assert len(made.files) > 2 and all(file.stat().st_size <= MIB for file in made.files)
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in made.files)
    assert not [file for file in (net.directory / "up").iterdir() if file not in made.files]
    report = await take(hub, reversed(made.files))  # in whatever order they are named
    assert report.clean, report.plain()
    assert (await hub.log_of(east)).payload_next == 751
    assert report.plain()["sets"][0]["absent"] == []
    # National may hold the profile's open part; what is restricted is not on its stick.
    upward = await export(hub, national, net.directory / "national")
    assert "保密单位".encode() in _inflated(made.files) and "保密单位".encode() not in _inflated(upward.files)
    assert (await take(national, upward.files)).clean
    held = await national.log_of(east)
    assert held.payload_next == 751
    assert not await national.node.store.read(partial(payloads.missing, log_id=held.id))
    for node in (hub, national):
        assert not await node.fsck()


def _frames(files: Sequence[Path]) -> list[tuple[PartFrame, list[Frame]]]:
    found = []
    for file in files:
        with file.open("rb") as handle:
            reader = BundleReader(handle.read)
            items = list(reader.frames())
            assert reader.whole
            found.append((reader.part, [item for item in items if not isinstance(item, Fault | Unknown)]))
    return found


def _inflated(files: Sequence[Path]) -> bytes:
    from node.wire import pack as packs

    rows = []
    for _, frames in _frames(files):
        for frame in frames:
            if isinstance(frame, PayloadsFrame):
                rows += [row.payload for data in frame.packs for row in packs.parse(data).rows]
    return b"\n".join(rows)


def rewrite(files: Sequence[Path], directory: Path, change: Any) -> list[Path]:
    """The frames of some files as `change` gives them, in new files: what a forger can do."""
    parts = _frames(files)
    first = parts[0][0]
    part = PartFrame(first.federation, first.sender, first.addressee, first.made_ms, new_set_id(), 1)
    with BundleWriter(directory, "forged", part, 64 * MIB) as writer:
        for _, frames in parts:
            for frame in frames:
                for each in change(frame):
                    writer.write(each)
        return writer.finish()


# --- order, loss, repetition ------------------------------------------------------------------------------------------


async def test_lost_parts_are_named_and_the_next_export_brings_the_rest(net: Net) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    cut(east)
    for first in range(0, 1000, 125):
        await east.publish(*(bulky(f"L-{n}") for n in range(first, first + 125)))
    made = await export(east, hub, net.directory / "up", max_bytes=MIB)
    assert len(made.files) >= 4
    # Part 2 is lost: what lies before it is taken, and the report says which part is lacking.
    report = await take(hub, [made.files[0], *made.files[2:]])
    assert not report.clean and codes(report) == {"refused"}
    assert report.plain()["sets"][0]["absent"] == [2]
    half = await hub.log_of(east)
    assert 0 < half.stored_size <= 1000 and half.witnessed_size == 1000 and half.payload_next < 1000
    # A part alone, of an unknown log, is refused with advice and does no harm.
    again = await export(east, hub, net.directory / "again", max_bytes=MIB, standing=await standing(hub, east))
    assert again.size < made.size
    assert (await take(hub, again.files)).clean
    assert (await hub.log_of(east)).payload_next == 1000
    # Everything once more, old parts after new ones: held already, nothing twice.
    repeated = await take(hub, [*made.files, *again.files])
    assert repeated.clean
    tally = repeated.logs[east.origin]
    assert (tally.entries, tally.payloads, tally.cosignatures) == (0, 0, 0) and tally.held > 0
    assert not await hub.fsck()


async def test_an_old_bundle_after_a_newer_one_is_harmless(net: Net) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    cut(east)
    await east.publish(result("O-1"))
    old = await export(east, hub, net.directory / "old")
    await east.publish(result("O-2"))
    new = await export(east, hub, net.directory / "new")
    assert (await take(hub, new.files)).clean
    report = await take(hub, old.files)
    assert report.clean and report.logs[east.origin].entries == 0
    assert (await hub.log_of(east)).head_size == 2
    assert not await evidences(hub)


async def test_an_older_head_while_entries_are_lacking_is_refused_with_advice(net: Net) -> None:
    """Nothing proves that the smaller tree is a part of the witnessed one, and entries are never taken back."""
    _, hub, east = await net.start("national", "hub", "east")
    cut(east)
    await east.publish(*(result(f"A-{number}") for number in range(300)))
    old = await export(east, hub, net.directory / "old")
    await east.publish(*(result(f"B-{number}") for number in range(300)))
    new = await export(east, hub, net.directory / "new")
    heads = rewrite(new.files, net.directory / "heads", lambda f: [] if isinstance(f, EntriesFrame) else [f])
    assert codes(await take(hub, heads)) == {"refused"}
    assert (await hub.log_of(east)).witnessed_size == 600
    report = await take(hub, old.files)
    assert codes(report) == {"refused"} and (await hub.log_of(east)).stored_size == 0
    assert (await take(hub, new.files)).clean
    assert (await hub.log_of(east)).payload_next == 600


async def test_the_line_comes_back_in_the_middle_and_nothing_is_there_twice(net: Net) -> None:
    national, hub, east = await net.start("national", "hub", "east")
    cut(east)
    await east.publish(*(bulky(f"M-{number}") for number in range(625)))
    made = await export(east, hub, net.directory / "up", max_bytes=MIB)
    assert len(made.files) > 1
    await take(hub, made.files[:1])
    assert east.line is not None
    east.line.down = False
    await east.publish(result("M-online"))
    await net.settle()
    assert (await national.log_of(east)).payload_next == 626
    report = await take(hub, made.files)
    assert report.clean and report.logs[east.origin].entries == 0
    assert (await hub.log_of(east)).stored_size == 626
    for node in (hub, national, east):
        assert not await node.fsck()


async def test_standings_make_the_answer_exact(net: Net) -> None:
    """A bundle carries its sender's own standing, so that the answer holds just what is lacking."""
    _, hub, east, west = await net.start("national", "hub", "east", "west")
    cut(east)
    await west.publish(*(result(f"W-{number}") for number in range(40)))
    await net.sync("west")
    assert (await carry(hub, east, net.directory / "1")).clean
    await west.publish(result("W-late"))
    await net.sync("west")
    everything = await export(hub, east, net.directory / "2")
    assert everything.logs[west.origin].entries == 41, "the hub does not know yet what arrived"
    assert (await carry(east, hub, net.directory / "3")).standings == 1
    exact = await export(hub, east, net.directory / "4")
    assert exact.logs[west.origin].entries == 1 and exact.policies == 0
    assert (await take(east, exact.files)).clean
    assert (await east.log_of(west)).payload_next == 41
    # An older standing that is brought later changes nothing.
    assert (await take(hub, find_names(net.directory / "3"))).standings == 0


def find_names(directory: Path) -> list[Path]:
    return [found.path for found in find_files([directory])]


async def test_a_new_policy_version_and_a_new_member_arrive_by_stick(net: Net) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    cut(east)
    north = await net.join("north")
    await north.publish(result("N-1"))
    await net.sync("north")
    assert east.node.trusted.policy.version == 1
    report = await carry(hub, east, net.directory / "down")
    assert report.clean and report.policies == 1
    assert east.node.trusted.policy.version == 2
    assert (await east.log_of(north)).payload_next == 1


# --- damage and forgery -----------------------------------------------------------------------------------------------


async def test_a_damaged_file_gives_what_is_good_in_it(net: Net) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    cut(east)
    await east.publish(*(result(f"D-{number}") for number in range(600)))
    (file,) = (await export(east, hub, net.directory / "up")).files
    data = file.read_bytes()
    torn = net.directory / "torn.ggzy-bundle"
    torn.write_bytes(data[: len(data) - len(data) // 5])
    report = await take(hub, [torn])
    assert not report.clean and not report.files[0].whole and report.files[0].faults
    assert (await hub.log_of(east)).stored_size == 600, "the entries lie before the payloads"
    # A flipped byte within the payloads: that frame is skipped and named, its file is not whole.
    flipped = bytearray(data)
    flipped[len(data) * 4 // 5] ^= 1
    torn.write_bytes(flipped)
    report = await take(hub, [torn])
    assert report.files[0].faults and not report.files[0].whole
    assert (await take(hub, [file])).clean
    assert (await hub.log_of(east)).payload_next == 600
    assert not await hub.fsck()


async def test_bundles_of_others_and_for_others_are_refused_whole(net: Net, tmp_path: Path) -> None:
    _, hub, east, west = await net.start("national", "hub", "east", "west")
    cut(east)
    await east.publish(result("F-1"))
    made = await export(east, hub, net.directory / "up")
    report = await take(west, made.files)
    assert report.files[0].refused is not None and not report.logs
    other = Net(tmp_path / "other")
    try:
        _, _, stranger = await other.start("national", "hub", "east")
        await stranger.publish(result("F-2"))
        foreign = await export(stranger, other.nodes["hub"], net.directory / "foreign")
        # The same names under other keys: another trust policy, another log.
        report = await take(hub, foreign.files)
        assert not report.clean
        assert codes(report) >= {"refused", "bad-signature"}
        assert hub.node.trusted.policy.hash() == net.nodes["east"].node.trusted.policy.hash()
    finally:
        await other.stop()
    with pytest.raises(NotFound):
        await hub.log_of(east)
    junk = net.directory / "junk.ggzy-bundle"
    junk.write_bytes(b"MZ not a bundle")
    newer = net.directory / "newer.ggzy-bundle"
    newer.write_bytes(b"ggzy-node/bundle/v2\n" + b"\0" * 40)
    report = await take(hub, [junk, newer, *made.files])
    assert [file.refused is None for file in report.files] == [True, False, False]
    assert (await hub.log_of(east)).payload_next == 1


async def test_l12_forged_heads_entries_and_payloads_are_refused_one_by_one(net: Net) -> None:
    """The doors are those of the wire: signature, consistency, subtree proof, commitment."""
    _, hub, east = await net.start("national", "hub", "east")
    cut(east)
    await east.publish(*(result(f"G-{number}") for number in range(300)))
    made = await export(east, hub, net.directory / "up")

    def spoil(kind: type[Frame]) -> Any:
        def change(frame: Frame) -> list[Frame]:
            if not isinstance(frame, kind):
                return [frame]
            match frame:
                case HeadFrame():
                    # The size of the tree, which the log has signed.
                    return [HeadFrame(frame.note.replace(b"\n300\n", b"\n299\n"), frame.proofs)]
                case EntriesFrame():
                    from node.wire.bundle import inflate, squeeze

                    body = bytearray(inflate(frame.body))
                    body[400] ^= 1
                    return [EntriesFrame(frame.origin, frame.start, frame.end, squeeze(bytes(body)))]
                case PayloadsFrame():
                    return [PayloadsFrame(frame.origin, frame.start, frame.end, [_other_payload(frame.packs[0])])]
            return [frame]

        return change

    for place, (kind, stored, code) in enumerate(
        [(HeadFrame, 0, "bad-signature"), (EntriesFrame, 0, "bad-proof"), (PayloadsFrame, 300, "bad-proof")]
    ):
        report = await take(hub, rewrite(made.files, net.directory / f"forged{place}", spoil(kind)))
        assert code in codes(report), report.plain()
        held = await hub.node.store.read(partial(logs.find, origin=east.origin))
        assert (0 if held is None else held.stored_size) == stored
        assert held is None or held.payload_next == 0
    assert not await evidences(hub)
    assert (await take(hub, made.files)).clean
    assert not await hub.fsck()


def _other_payload(data: bytes) -> bytes:
    from node.wire import pack as packs

    pack = packs.parse(data)
    first, *rest = pack.rows
    row = packs.PayloadRow(first.index, first.section, first.salt, first.payload + b"!")
    return packs.encode(packs.Pack(pack.origin, pack.start, pack.end, pack.audience, (row, *rest)))


async def test_a_stranger_cannot_have_payloads_put_down_as_lost(net: Net) -> None:
    """What a file leaves out proves nothing: only a signed custody note of origin or a node above says what is lost."""
    _, hub, east = await net.start("national", "hub", "east")
    cut(east)
    await east.publish(*(result(f"H-{number}") for number in range(30)))
    made = await export(east, hub, net.directory / "up")

    def hide(frame: Frame) -> list[Frame]:
        if isinstance(frame, PayloadsFrame):
            return [PayloadsFrame(frame.origin, frame.start, frame.end, [_only(frame.packs[0], keep=7)])]
        return [frame]

    report = await take(hub, rewrite(made.files, net.directory / "hidden", hide))
    assert codes(report) == {"refused"}
    held = await hub.log_of(east)
    assert held.payload_next == 7, "those before the gap are good"
    assert not await hub.node.store.read(partial(payloads.missing, log_id=held.id))
    assert (await take(hub, made.files)).clean
    assert (await hub.log_of(east)).payload_next == 30


def _only(data: bytes, *, keep: int) -> bytes:
    from node.wire import pack as packs

    pack = packs.parse(data)
    rows = tuple(row for row in pack.rows if row.index != keep)
    return packs.encode(packs.Pack(pack.origin, pack.start, pack.end, pack.audience, rows))


async def test_a_payload_that_is_lost_is_said_so_and_holds_up_nothing(net: Net) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    cut(east)
    await east.publish(*(result(f"Z-{number}") for number in range(20)))
    log = await east.log_of(east)

    def lose(conn: Connection) -> None:
        conn.execute(payloads.row_table.delete().where(payloads.row_table.c.idx == 5))
        payloads.mark_missing(conn, log.id, [(5, "main")])

    held = await east.node.store.read(lambda conn: payloads.read_range(conn, log.id, 5, 6))
    await east.node.store.write(lose)
    assert (await carry(east, hub, net.directory / "up")).clean
    there = await hub.log_of(east)
    assert there.payload_next == 20
    missing = partial(payloads.missing, log_id=there.id)
    assert await hub.node.store.read(missing) == [(5, "main")]
    # Found again: the hub's standing lists it, so the next bundle brings it.

    def find(conn: Connection) -> None:
        payloads.put_rows(conn, log.id, "public", held.values())
        payloads.found(conn, log.id, held)

    await east.node.store.write(find)
    made = await export(east, hub, net.directory / "found", standing=await standing(hub, east))
    report = await take(hub, made.files)
    assert report.clean and report.logs[east.origin].payloads == 1
    assert await hub.node.store.read(missing) == []
    assert not await hub.fsck()


async def test_an_absence_that_nobody_of_trust_signed_counts_for_nothing(net: Net) -> None:
    """Neither a neighbour's word, nor one about another log, nor a changed one."""
    _, hub, east, west = await net.start("national", "hub", "east", "west")
    cut(east)
    await east.publish(*(result(f"T-{number}") for number in range(9)))
    made = await export(east, hub, net.directory / "up")

    def said(by: Running, origin: str) -> bytes:
        text = Absence(origin, net.clock() // 1000, 0, 9, ((4, "main"),)).text()
        return Note(text, (by.node.keys.custody.sign_note(text),)).encode()

    def without(absence: bytes) -> Any:
        def change(frame: Frame) -> list[Frame]:
            if isinstance(frame, PayloadsFrame):
                return [PayloadsFrame(frame.origin, frame.start, frame.end, [_only(frame.packs[0], keep=4)], absence)]
            return [frame]

        return change

    honest = said(east, east.origin)
    bad = [said(west, east.origin), said(east, west.origin), honest.replace(b"absent 4", b"absent 5"), b"junk"]
    for place, absence in enumerate(bad):
        report = await take(hub, rewrite(made.files, net.directory / f"absence{place}", without(absence)))
        assert not report.clean
        assert (await hub.log_of(east)).payload_next <= 4
    assert (await take(hub, rewrite(made.files, net.directory / "honest", without(honest)))).clean
    there = await hub.log_of(east)
    assert there.payload_next == 9
    assert await hub.node.store.read(partial(payloads.missing, log_id=there.id)) == [(4, "main")]


async def test_l23_sealed_sections_travel_with_their_keys_and_stay_erased(net: Net) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    cut(east)
    (first,) = await east.publish(person("P-1"))
    old = await export(east, hub, net.directory / "old")
    assert old.logs[east.origin].wraps == 1
    assert not found_in(b"".join(file.read_bytes() for file in old.files), [NAME, NUMBER, PHONE])
    report = await take(hub, old.files)
    assert report.clean and report.logs[east.origin].wraps == 1
    opened = await hub.node.store.read(lambda conn: hub.node.sealer.open(conn, east.origin, 0, "identity"))
    assert NAME.encode() in opened
    # A second person is published and erased before any stick went up: the payload is nowhere, and holds up nothing.
    (second,) = await east.publish(person("P-2"))
    await east.node.projector.run()
    office = Office(net)
    for outcome in (first, second):
        assert outcome.record_id is not None
        order = Wish(outcome.record_id, east.origin, "consent-withdrawn")
        await office.publish(east, await office.order(east, order, east, hub))
        net.clock.forward(seconds=5)
    await east.publish(result("after"))
    report = await carry(east, hub, net.directory / "new")
    assert report.clean, report.plain()
    for running in (east, hub):
        assert (await running.log_of(east)).payload_next == 5
        assert not (await running.node.custodian.payload_state(east.origin)).missing
        assert (await states(running, first.record_id))["identity"] == "erased"
    await take(hub, old.files)
    await hub.node.projector.rebuild()
    log = await hub.log_of(east)
    assert await hub.node.store.read(lambda conn: payloads.get(conn, log.id, 0, "identity")) is None
    assert not await hub.fsck() and not await east.fsck()


async def test_false_statements_are_refused(net: Net) -> None:
    """Custody of another tree, a standing signed by nobody, and a lying sender name: told, and nothing kept."""
    _, hub, east = await net.start("national", "hub", "east")
    cut(east)
    await east.publish(result("Y-1"))
    await carry(east, hub, net.directory / "up")
    down = await export(hub, east, net.directory / "down")

    def falsify(frame: Frame) -> list[Frame]:
        match frame:
            case CustodyFrame() | StandingFrame():
                kind = type(frame)
                return [kind(frame.note.replace(b"time 17", b"time 18", 1))]
            case NoteFrame():
                lines = frame.note.decode().splitlines(keepends=True)
                return [NoteFrame("".join(line for line in lines if "/mirror" not in line).encode())]
            case PolicyFrame() | WrapsFrame():
                return []
        return [frame]

    report = await take(east, rewrite(down.files, net.directory / "false", falsify))
    assert codes(report) == {"bad-signature"}
    log = await east.log_of(east)
    row = await east.node.store.read(partial(peers.get, peer=hub.node.settings.name, log_id=log.id, direction="push"))
    assert (row.custody, row.mirrored_size) == ("", 0)
    with pytest.raises(Refused):
        await export(hub, east, net.directory / "wrong", standing=await standing(hub, east))


# --- forks ------------------------------------------------------------------------------------------------------------


async def put_back(net: Net, name: str, backup: Path) -> Running:
    """An old copy of a node's directory in the place of the node, without the mark that would tell."""
    directory = net.nodes[name].node.settings.directory
    await net.nodes[name].server.close()
    shutil.copy(backup, directory / "node.db")
    for leftover in ("node.db-wal", "node.db-shm"):
        (directory / leftover).unlink(missing_ok=True)
    for mark in (directory / "keys").glob("*.signed"):
        mark.unlink()
    running = await net._run(name)
    if running.line is not None:
        running.line.down = True
    return running


async def back_up(net: Net, name: str) -> Path:
    running = net.nodes[name]
    backup = net.directory / f"{name}-backup.db"
    await running.server.close()
    shutil.copy(running.node.settings.directory / "node.db", backup)
    await net._run(name)
    return backup


@pytest.mark.parametrize("more", [1, 3])
async def test_l17_the_bundle_of_a_forked_district_is_evidence(net: Net, more: int) -> None:
    """A district that was restored behind a cut line signs a second history; the stick gives it away."""
    _, hub, east = await net.start("national", "hub", "east")
    await east.publish(result("K-0"))
    backup = await back_up(net, "east")
    east = net.nodes["east"]
    await east.publish(result("K-1"))
    await east.publish(result("K-2"))
    assert (await carry(east, hub, net.directory / "first")).clean
    east = await put_back(net, "east", backup)
    for number in range(2 if more == 1 else 4):
        await east.publish(result(f"Q-{number}"))
    report = await carry(east, hub, net.directory / "second")
    assert codes(report) & {"bad-proof", "conflict"}
    assert await evidences(hub) == ["fork"]
    assert (await hub.log_of(east)).stored_size == 3, "what is held is not touched"
    assert {finding.code for finding in await hub.fsck()} == {"log-evidence"}


async def test_l17_a_return_bundle_freezes_a_restored_district(net: Net) -> None:
    _, hub, east = await net.start("national", "hub", "east")
    await east.publish(result("R-1"))
    backup = await back_up(net, "east")
    east = net.nodes["east"]
    await east.publish(result("R-2"))
    assert (await carry(east, hub, net.directory / "up")).clean
    down = await export(hub, east, net.directory / "down")
    east = await put_back(net, "east", backup)
    assert (await east.log_of(east)).frozen == ""
    report = await take(east, down.files)
    assert codes(report) == {"frozen", "refused"}, "the custody note speaks of entries that are gone here"
    assert (await east.log_of(east)).frozen.startswith("restored-from-backup: a bundle of")
    assert await evidences(east) == ["restored-from-backup"]
    with pytest.raises(Frozen):
        await east.publish(result("R-3"))
    status, body = await east.get("/readyz")
    assert status == 503 and b"frozen" in body
    skipped = await export(east, hub, net.directory / "none")
    assert skipped.logs[east.origin].skipped.startswith("frozen")


async def test_l10_a_bare_claim_in_a_bundle_freezes_nothing(net: Net) -> None:
    """A standing that claims more of our log than there is, and a note under another key: no signature of ours."""
    _, hub, east = await net.start("national", "hub", "east")
    cut(east)
    await east.publish(result("C-1"))
    assert (await carry(east, hub, net.directory / "up")).clean
    down = await export(hub, east, net.directory / "down")
    report = await take(
        east,
        rewrite(
            down.files,
            net.directory / "claim",
            lambda f: [NoteFrame(f.note.replace(b"\n1\n", b"\n9\n", 1))] if isinstance(f, NoteFrame) else [f],
        ),
    )
    assert codes(report) == {"bad-signature"}
    assert (await east.log_of(east)).frozen == ""


def test_the_report_is_plain_json() -> None:
    report = ImportReport()
    report.refuse("", Refused("no"))
    assert json.loads(json.dumps(report.plain()))["clean"] is False
    assert FoundFile(Path("x"), None).fault is None
