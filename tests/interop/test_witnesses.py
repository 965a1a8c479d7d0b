"""Our node as a log before witnesses outside the federation, played by the second implementation (item L12, L18)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from node.domain.codes import Division
from node.domain.record import Document, Draft, Source
from node.errors import BadSignature
from node.store import checkpoints, logs
from node.sync.witnesses import WitnessReport
from node.tlog.policy import LogPolicy, PolicyWitness
from node.tlog.proof import TlogProof
from node.wire import receipt as receipts
from node.wire.trust_plain import plain_policy
from tests.interop.client import Head, Key, Log, Note, Policy, VKey, open_head, open_receipt
from tests.interop.upstream import Below, below
from tests.interop.witness_role import MAX_BODY, Handler, IndependentWitness, outside
from tests.interop.world import NOW_S


@dataclass
class World:
    """A district below a played hub, with two witnesses outside."""

    east: Below
    one: IndependentWitness
    two: IndependentWitness
    published: int = 0

    async def publish(self, count: int = 1) -> None:
        def draft(n: int) -> Draft:
            document = Document(f"d/{n}", Division(code=f"{n:06d}", name=f"区{n}"), Source("t"))
            return Draft("code.division", f"d/{n}", {"main": document}, {"n": n})

        await self.east.node.publisher.publish([draft(n) for n in range(self.published, self.published + count)])
        self.published += count

    async def ask(self) -> WitnessReport:
        """A pass after whatever waits there were."""
        self.forward(400)
        return await self.east.node.witnesses().run()

    def forward(self, seconds: int) -> None:
        self.east.upstream.seconds[0] += seconds

    @property
    def now(self) -> int:
        return self.east.upstream.seconds[0]

    async def signers(self) -> dict[VKey, int | None]:
        """Who signed the checkpoint that is served, of the log and the witnesses."""
        answer = await self.east.remote.get(f"/tlog/{Log(Key(self.east.origin)).hash}/checkpoint")
        keys = [self.one.key.vkey, self.two.key.vkey]
        return open_head(answer.body, [self.one.logs[self.east.origin]], keys)[1]

    async def own(self) -> logs.LogState:
        return await self.east.node.store.read(lambda conn: logs.get(conn, self.east.origin))

    def only(self, handler: Handler | None) -> None:
        self.one.lie = handler


@asynccontextmanager
async def world(directory: Path, **settings: object) -> AsyncIterator[World]:
    seconds = [NOW_S]
    async with AsyncExitStack() as stack:
        one, two = [
            await stack.enter_async_context(outside(f"{name}.example/w1", lambda: seconds[0]))
            for name in ("one", "two")
        ]
        witnesses = (one.setting("one"), two.setting("two"))
        east = await stack.enter_async_context(below(directory, witnesses=witnesses, **settings))
        east.upstream.seconds = seconds
        log_key = next(grant.key for grant in east.node.keys.grants() if grant.use == "log")
        for each in (one, two):
            each.logs[east.origin] = VKey.parse(log_key.vkey())
        made = World(east, one, two)
        await made.publish(3)
        yield made


async def test_L12_a_growing_log_is_cosigned_by_every_witness(tmp_path: Path) -> None:
    async with world(tmp_path) as net:
        for count in (0, 1, 255, 300):
            if count:
                await net.publish(count)
            report = await net.ask()
            assert (report.cosignatures, report.failures) == (2, {})
            signers = await net.signers()
            assert signers[net.one.key.vkey] == signers[net.two.key.vkey] == net.now
        assert net.one.held[net.east.origin].size == net.published
        assert net.one.statuses == net.two.statuses == [200] * 4
        assert net.one.bodies[0].startswith(b"old 0\n\n"), "from nothing without a proof"
        found = await net.east.fsck(more=[each.verifier for each in net.east.node.settings.witnesses])
        assert found == [], "fsck knows the witnesses of the settings"
        page = (await net.east.remote.get("/status")).body.decode()
        assert "独立见证" in page and net.one.key.name in page


async def test_an_idle_log_is_left_alone_until_its_cosignature_is_old(tmp_path: Path) -> None:
    async with world(tmp_path) as net:
        await net.ask()
        for _ in range(3):
            assert (await net.ask()).cosignatures == 0
        assert len(net.one.bodies) == 1
        net.forward(3600)
        assert (await net.ask()).cosignatures == 2
        assert (await net.signers())[net.one.key.vkey] == net.now
        assert net.one.bodies[-1].startswith(b"old 3\n\n"), "the same size again, without a proof"


async def test_a_witness_gets_our_lines_alone_and_its_others_are_ignored(tmp_path: Path) -> None:
    """A witness ignores other signatures, so they are not sent; it may read no more than some kilobytes."""
    async with world(tmp_path) as net:
        noise = "".join(Key(f"k{n}.example/x", 4).line("x\n", time=1) for n in range(12))
        net.one.more = noise + Key("one.example/w1", 4).line("another key of its name\n", time=1)
        await net.east.node.sync_once()
        await net.ask()
        note = Note.parse(net.one.bodies[-1].partition(b"\n\n")[2])
        assert [line.name for line in note.lines] == [net.east.origin]
        served = await net.east.remote.get(f"/tlog/{Log(Key(net.east.origin)).hash}/checkpoint")
        hub = [net.east.upstream.keys[use].name for use in ("witness", "mirror")]
        names = [line.name for line in Note.parse(served.body).lines]
        assert sorted(names) == sorted([net.east.origin, *hub, net.one.key.name, net.two.key.name])
        assert max(map(len, net.one.bodies)) < MAX_BODY


async def test_signatures_gather_on_the_checkpoint_that_the_hub_mirrors(tmp_path: Path) -> None:
    async with world(tmp_path) as net:
        await net.east.node.sync_once()
        await net.publish()
        await net.ask()
        assert net.one.held[net.east.origin].size == 3, "the mirrored one, though there is a newer"
        await net.ask()
        assert net.one.held[net.east.origin].size == 4, "then the newest"


async def test_L12_409_is_followed_down_and_up(tmp_path: Path) -> None:
    async with world(tmp_path) as net:
        await net.ask()
        await net.publish(2)
        origin = net.east.origin
        before = net.one.held[origin]
        await net.ask()
        await net.publish(2)
        net.one.held[origin] = before
        del net.two.held[origin]
        report = await net.ask()
        assert (report.cosignatures, report.failures) == (2, {}), "a witness that forgot is brought up again"
        assert net.one.statuses[-2:] == net.two.statuses[-2:] == [409, 200]

        # Our own memory of it is lost: its answer says where it stands.
        await net.east.node.sync_once()
        await net.publish(2)
        await net.ask()
        await net.east.node.store.write(lambda conn: conn.exec_driver_sql("DELETE FROM peer_state WHERE peer = 'one'"))
        assert (await net.ask()).failures == {}
        assert net.one.held[origin].size == net.published


LIES: dict[str, str] = {
    "another key of the same name": "bad-signature",
    "of another text": "bad-signature",
    "spoilt": "bad-signature",
    "without a time": "bad-signature",
    "another witness's": "bad-signature",
    "nothing": "bad-signature",
    "no line": "malformed",
    "a page": "malformed",
    "400": "malformed",
    "403": "bad-signature",
    "404": "not-found",
    "409 of no size": "malformed",
    "409 beyond us": "conflict",
    "409 for ever": "conflict",
    "413": "too-large",
    "422": "bad-proof",
    "429": "overloaded",
    "500": "unavailable",
    "302": "unavailable",
    "a bomb": "unavailable",
}


async def _lie(net: World, how: str, body: bytes) -> web.Response:
    text = Note.parse(body.partition(b"\n\n")[2]).text
    key, other = net.one.key, Key(net.one.key.name, 4)
    lines = {
        "another key of the same name": other.line(text, time=net.now),
        "of another text": key.line(text + "x\n", time=net.now),
        "spoilt": key.line(text, time=net.now, spoil=True),
        "without a time": key.line(text, time=0),
        "another witness's": net.two.key.line(text, time=net.now),
        "nothing": "",
        "no line": "— \n",
        "a page": "<!doctype html>\n",
        "a bomb": "\n" * 2_000_000,
    }
    if how in lines:
        return web.Response(text=lines[how])
    if how.startswith("409"):
        size = {"409 of no size": "many\n", "409 beyond us": "1000000\n", "409 for ever": "1\n"}[how]
        if how == "409 for ever" and body.startswith(b"old 1\n"):
            size = "2\n"
        return web.Response(status=409, body=size.encode(), content_type="text/x.tlog.size")
    return web.Response(status=int(how), headers={"Location": "http://127.0.0.1:1/"} if how == "302" else {})


async def test_L10_no_answer_of_a_witness_freezes_and_no_false_line_is_kept(tmp_path: Path) -> None:
    async with world(tmp_path) as net:
        net.one.shows = False
        for how, code in LIES.items():

            async def lie(request: web.Request, body: bytes, how: str = how) -> web.Response | None:
                return await _lie(net, how, body) if request.method == "POST" else None

            net.only(lie)
            await net.publish()
            report = await net.ask()
            assert report.cosignatures == 1, (how, "the other one does its work")
            assert report.failures["one"].startswith(f"{code}: "), (how, report.failures)
            assert not (await net.own()).frozen, how
            signers = await net.signers()
            assert net.one.key.vkey not in signers and net.two.key.vkey in signers, how
            told = (await net.east.standings_of("one")).last_error
            assert told.startswith(f"{code}: "), how
        net.only(None)
        assert (await net.ask()).failures == {}
        assert (await net.signers())[net.one.key.vkey] == net.now
        assert (await net.east.standings_of("one")).last_error == ""


async def test_L10_our_own_note_beyond_our_head_freezes_whoever_shows_it(tmp_path: Path) -> None:
    async with world(tmp_path) as net:
        signer, origin = net.east.node.keys.log, net.east.origin
        ours = Log(Key(origin, 1, signer._private.private_bytes_raw())).grow_to(9)
        net.one.held[origin], net.one.notes[origin] = Head(origin, 9, ours.tree.root(9)), ours.note(9)
        report = await net.ask()
        assert report.failures["one"].startswith("conflict: ")
        assert (await net.own()).frozen.startswith("restored-from-backup: one ")
        evidence = await net.east.node.store.read(
            lambda conn: conn.exec_driver_sql("SELECT shown FROM log_evidence").all()
        )
        assert [row.shown.encode() for row in evidence] == [ours.note(9)]
        assert (await net.ask()).cosignatures == 0, "a frozen log is shown to nobody"


async def test_L18_a_silent_witness_is_given_up_and_left_alone_with_growing_waits(tmp_path: Path) -> None:
    async with world(tmp_path, request_timeout_s=0.2) as net:
        done = asyncio.Event()
        asked = 0

        async def silent(request: web.Request, body: bytes) -> None:
            nonlocal asked
            asked += 1
            await done.wait()

        net.only(silent)
        report = await net.east.node.witnesses().run()
        assert report.cosignatures == 1 and report.failures["one"].startswith("unavailable: ")
        for _ in range(100):
            net.forward(1)
            await net.east.node.witnesses().run()
        assert 2 <= asked <= 8, "each wait is up to twice the one before"
        done.set()
        net.only(None)
        assert (await net.ask()).failures == {}


async def test_a_receipt_carries_hub_and_outside_and_satisfies_a_quorum_of_both(tmp_path: Path) -> None:
    async with world(tmp_path) as net:
        node = net.east.node
        await node.sync_once()
        rows = json.loads((await net.east.remote.get("/api/records")).body)["records"]
        target = f"/api/records/{rows[0]['record_id']}/receipt"
        plain = plain_policy(node.trusted.policy, net.east.origin)
        more = [PolicyWitness(w.verifier.name, w.verifier, w.url) for w in node.settings.witnesses]
        strict, listed = plain.with_witnesses(more, needed=2), plain.with_witnesses(more)

        early = TlogProof.parse((await net.east.remote.get(target)).body)
        receipts.verify(early, listed)
        with pytest.raises(BadSignature, match="quorum"):
            receipts.verify(early, strict)

        await net.ask()
        data = (await net.east.remote.get(target)).body
        verdict = receipts.verify(TlogProof.parse(data), LogPolicy.parse(strict.format()))
        hub = {f"{net.east.upstream.name}/{use}" for use in ("witness", "mirror")}
        assert {name for name, _ in verdict.cosigners} == hub | {net.one.key.name, net.two.key.name}
        assert open_receipt(data, Policy.parse(strict.format())).index == verdict.index == 0
        # Our own trust policy takes it too: it knows the hub, and ignores whom it does not know.
        assert receipts.verify(TlogProof.parse(data), node.trusted.policy).custody is not None


async def test_a_receipt_prefers_the_mirror_above_to_any_number_outside(tmp_path: Path) -> None:
    """L13: without the hub's mirror no receipt holds, so two witnesses on a newer head do not win."""
    async with world(tmp_path) as net:
        await net.east.node.sync_once()
        mirror, witness = (net.east.upstream.keys[use] for use in ("mirror", "witness"))
        await net.publish()
        await net.east.node.store.write(lambda conn: _forget(conn, net.east.origin, witness.name))
        await net.ask()
        await net.ask()
        rows = json.loads((await net.east.remote.get("/api/records")).body)["records"]
        data = (await net.east.remote.get(f"/api/records/{rows[0]['record_id']}/receipt")).body
        assert mirror.name in data.decode()
        receipts.verify(TlogProof.parse(data), net.east.node.trusted.policy)


def _forget(conn, origin: str, signer: str) -> None:  # type: ignore[no-untyped-def]
    table = checkpoints.signature
    log_id = logs.get(conn, origin).id
    conn.execute(table.delete().where((table.c.log_id == log_id) & (table.c.signer == signer)))
