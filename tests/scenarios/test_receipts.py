"""What a receipt carries at each tier, and when: hub and national, witness, mirror and custody (L13)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from net import Net, Running, result
from typer.testing import CliRunner

from node.cli.main import app
from node.errors import BadSignature
from node.tlog.proof import TlogProof
from node.wire import paths
from node.wire import receipt as receipts
from node.wire.receipt import Verdict


async def receipt(at: Running, record_id: bytes) -> bytes:
    status, data = await at.get(f"/api/records/{record_id.hex()}/receipt")
    assert status == 200, data
    return data


def judged(at: Running, data: bytes) -> Verdict:
    return receipts.verify(TlogProof.parse(data), at.node.trusted.policy)


def lines(*nodes: Running) -> set[str]:
    return {f"{each.node.settings.name}/{use}" for each in nodes for use in ("witness", "mirror")}


def cosigners(verdict: Verdict) -> set[str]:
    return {name for name, _ in verdict.cosigners}


def custodian(verdict: Verdict) -> str:
    assert verdict.custody is not None
    return verdict.custody[0].removesuffix("/custody")


async def test_L13_a_receipt_grows_with_what_has_arrived(net: Net) -> None:
    """Nothing, then hub witness, hub mirror and hub custody, then national's: each as soon as it is here."""
    national, hub, east = await net.start("national", "hub", "east")
    (outcome,) = await east.publish(result("E-1"))
    assert outcome.record_id is not None
    await east.node.projector.run()
    early = await receipt(east, outcome.record_id)
    try:
        judged(east, early)
    except BadSignature as error:
        assert "mirror" in error.detail
    else:
        raise AssertionError("a receipt without the hub's mirror holds")

    await net.sync("east")
    verdict = judged(east, await receipt(east, outcome.record_id))
    assert cosigners(verdict) == lines(hub) and custodian(verdict) == hub.node.settings.name

    await net.sync("hub")
    await net.sync("east")
    verdict = judged(east, await receipt(east, outcome.record_id))
    assert cosigners(verdict) == lines(hub, national) and custodian(verdict) == hub.node.settings.name


async def test_L13_every_node_gives_its_own_custody_of_others_and_takes_that_above_of_its_own(net: Net) -> None:
    national, hub, east, west = await net.start("national", "hub", "east", "west")
    (of_east,) = await east.publish(result("E-1"))
    (of_hub,) = await hub.publish(result("H-1"))
    assert of_east.record_id is not None and of_hub.record_id is not None
    await net.settle()
    for at, record_id, vouched, above in (
        (east, of_east.record_id, hub, [hub, national]),
        (hub, of_east.record_id, hub, [hub, national]),
        (national, of_east.record_id, national, [hub, national]),
        (west, of_east.record_id, west, [hub, national]),
        (hub, of_hub.record_id, national, [national]),
        (national, of_hub.record_id, national, [national]),
        (east, of_hub.record_id, east, [national]),
    ):
        verdict = judged(west, await receipt(at, record_id))
        assert custodian(verdict) == vouched.node.settings.name, (at.name, verdict.origin)
        assert lines(*above) <= cosigners(verdict), (at.name, verdict.origin)


async def test_L13_lines_that_come_later_reach_those_who_pulled_before(net: Net) -> None:
    """A district has pulled its sibling's log before national signed it: the line follows, though nothing grew."""
    national, hub, east, west = await net.start("national", "hub", "east", "west")
    (outcome,) = await east.publish(result("E-1"))
    assert outcome.record_id is not None
    for name in ("east", "west"):
        await net.sync(name)
    verdict = judged(west, await receipt(west, outcome.record_id))
    assert lines(hub) <= cosigners(verdict) and not lines(national) & cosigners(verdict)
    await net.sync("hub")
    assert west.line is not None
    for _ in range(2):
        # An idle log is looked at once a minute.
        net.clock.forward(seconds=61)
        west.line.log.clear()
        await net.sync("west")
        asked = [path for _, path, _ in west.line.log if path == paths.tlog(east.origin, "checkpoint")]
    verdict = judged(west, await receipt(west, outcome.record_id))
    assert lines(hub, national) <= cosigners(verdict)
    assert asked == [], "once all have signed, nobody asks any more"


async def test_the_command_and_the_page_give_the_same_receipt(net: Net, tmp_path: Path) -> None:
    _, _, east = await net.start("national", "hub", "east")
    (outcome,) = await east.publish(result("E-1"))
    assert outcome.record_id is not None
    await net.settle()
    by_page = await receipt(east, outcome.record_id)
    await east.server.close()
    file = tmp_path / "r.tlog-proof"
    words = ["receipt", outcome.record_id.hex(), "-o", str(file), "-c", str(east.node.settings.directory)]
    del net.nodes["east"]
    await _run(words)
    assert file.read_bytes() == by_page


async def _run(words: list[str]) -> None:
    done = await asyncio.to_thread(CliRunner().invoke, app, words)
    assert done.exit_code == 0, (done.output, done.exception)
