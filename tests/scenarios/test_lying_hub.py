"""L21: a hub that lies. Whoever is lied to notices within one interval, with evidence where there is any.

Evidence is exported and verified as a third party does it: with the command, a policy file, and no node.
"""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from copies import clone_of
from liars import lie, listing, look_also_at, second_face, turn_to, watched
from net import Net, Running, result
from typer.testing import CliRunner
from watching import codes, ever, export, on, policy_file, rounds, verify

from node.cli.main import app
from node.domain.logs import Observation
from node.domain.record import Document, Draft, Source
from node.store import alarms, checkpoints
from node.sync.peer import Reply, Request
from node.tlog.tiles import decode_bundle, encode_bundle
from node.wire import evidence, evidence_check, pack, paths
from node.wire.pack import Pack, PayloadRow
from node.wire.trust_lines import Revocation


async def proves(net: Net, running: Running, code: str, sort: str) -> str:
    """The alarm's evidence convinces a third party; gives what is proven, in words."""
    file = await export(running, net.directory, code=code)
    status, told, printed = verify(file, await policy_file(running, net.directory))
    assert status == 0 and told["evidence"] == sort, printed
    changed = json.loads(file.read_text())
    changed["origin"] = "ggzy.example/test/999999/1"
    file.write_text(json.dumps(changed))
    assert verify(file, net.directory / "policy.note")[0] == 1, "under another name it proves nothing"
    return " ".join(told["proven"])


def of(running: Running) -> str:
    return paths.origin_hash(running.origin)


# --- two histories --------------------------------------------------------------------------------------------------


async def test_l21_two_histories_of_the_hubs_own_log(net: Net) -> None:
    """West is told another history than national; a look at national is proof, and reaches west's own log."""
    national, hub, east, west = await watched(net)
    look_also_at(net, west, national)
    async with second_face(net) as second:
        turn_to(west, second)
        await west.publish(result("west-3"))
        await net.sync("west")
        await second.node.observer.observe()
        await east.publish(result("east-3"))
        await rounds(net, 2)
        assert "fork" not in await codes(west), "national does not hold as much of it yet"
        await rounds(net)
        assert (await codes(west))["fork"] == "proven"
        assert "two histories" in await proves(net, west, "fork", "fork")
        (alarm,) = [each for each in await on(west) if each.code == "fork"]
        assert alarm.origin == hub.origin
        assert "fork" not in await codes(east), "who saw one history has nothing to tell"


async def test_l21_without_a_second_look_the_other_history_stays_unconfirmed(net: Net) -> None:
    _, hub, _, west = await watched(net)
    async with second_face(net) as second:
        turn_to(west, second)
        await west.publish(result("west-3"))
        await net.sync("west")
        await second.node.observer.observe()
        for _ in range(7):
            await rounds(net)
        assert (await codes(west))["unconfirmed"] == "warning", "a line that is down would look the same"
        assert {each.origin for each in await on(west) if each.code == "unconfirmed"} == {hub.origin}


async def test_l21_two_histories_of_a_district_that_helps(net: Net) -> None:
    """East signs two histories and the hub hands west the other one; the hub's own records give them away."""
    _, hub, east, west = await watched(net)
    theirs = of(hub)
    async with second_face(net) as second:
        hub = net.nodes["hub"]
        helper = net.open_node("east", _copied(net, east))
        await helper.open()
        try:
            helper.publisher._guard = None
            await helper.publisher.publish([result("east-other-history")])
            helper.peer_above()._transport = second.transport()
            assert not (await helper.sync_pass().run(down=False)).failures
            await east.publish(result("east-3"))
            await net.sync("east")
            await hub.node.watch_over()
            turn_to(west, second, only=lambda target: of(east) in target or target == paths.LOGS)
            honest = (await hub.log_of(hub)).head_size
            lie(west, paths.LOGS, listing(lambda row: row | ({"size": honest} if row["origin_hash"] == theirs else {})))
            await rounds(net, 2)
        finally:
            await helper.close()
        assert (await codes(west))["fork"] == "proven"
        assert east.origin in await proves(net, west, "fork", "fork")


def _copied(net: Net, running: Running) -> Path:
    import shutil

    target = net.directory / "east-copy"
    shutil.copytree(running.node.settings.directory, target)
    return target


async def test_l10_an_alarm_at_all_tiers(net: Net) -> None:
    """East's fork is shown to the hub; one node tells of it in its log, and every node checks it by itself."""
    national, hub, east, west = await watched(net)
    async with clone_of(net, east) as clone:
        east = net.nodes["east"]
        assert east.line is not None
        east.line.down = True
        await east.publish(result("east-3"), result("east-4"))
        await clone.node.publisher.publish([result("east-other-3")])
        assert not (await clone.sync()).failures
        east.line.down = False
        await rounds(net, 2)
        assert (await codes(hub))["fork"] == "proven"
        await rounds(net, 10)
    for node in (national, hub, west):
        assert (await codes(node))["fork"] == "proven", node.name
        assert east.origin in await proves(net, node, "fork", "fork")
    told = await _evidence_records(hub, national, west)
    assert len(told) == 1, "one node tells of it"
    (alarm,) = [each for each in await on(west) if each.code == "fork"]
    await rounds(net, 2)
    assert "fork" in await codes(west), "a fork does not pass by itself"
    await west.node.store.write(lambda conn: alarms.acknowledge(conn, alarm.id, net.clock()))
    await rounds(net, 2)
    assert "fork" not in await codes(west), "a person has seen it"


async def _evidence_records(*nodes: Running) -> list[str]:
    found = []
    for running in nodes:
        _, body = await running.get("/api/records?kind=log.evidence")
        found += [row["origin"] for row in json.loads(body)["records"] if row["origin"] == running.origin]
    return found


# --- less than there is ---------------------------------------------------------------------------------------------


async def test_l21_newest_entries_withheld(net: Net) -> None:
    """The list is cut short, while the hub's own records and custody notes claim it all."""
    _, _hub, east, west = await watched(net)
    before = await west.log_of(east)
    lie(
        west,
        paths.LOGS,
        listing(lambda row: row | ({"size": before.head_size} if row["origin"] == east.origin else {})),
    )
    await east.publish(result("east-3"))
    await rounds(net)
    assert "withheld" not in await codes(west), "west does not know yet that there is more"
    await rounds(net, 2)
    assert (await codes(west))["withheld"] == "suspected"
    assert f"{east.origin} has" in await proves(net, west, "withheld", "withheld")
    assert west.line is not None
    west.line.change_replies(None)
    await rounds(net)
    assert await codes(west) == {}, "an alarm ends by itself"


async def test_l21_a_stale_state_of_everything_but_the_hubs_log(net: Net) -> None:
    """West is served the state of yesterday with fresh signatures: the hub contradicts itself, and that is proof."""
    _, hub, east, west = await watched(net)
    async with second_face(net) as second:
        turn_to(west, second, only=lambda target: of(hub) not in target and target != paths.LOGS)
        before = await west.log_of(east)
        lie(
            west,
            paths.LOGS,
            listing(lambda row: row | ({"size": before.head_size} if row["origin"] == east.origin else {})),
        )
        await east.publish(result("east-3"))
        await rounds(net, 4, seconds=20)
        assert (await codes(west))["withheld"] == "proven"
        assert "more before than later" in await proves(net, west, "withheld", "withheld")


async def test_l21_a_stale_head_behind_an_honest_list(net: Net) -> None:
    _, hub, east, west = await watched(net)
    kept: list[bytes] = []

    def stale(request: Request, reply: Reply) -> bytes | None:
        return kept[0]

    await east.publish(result("east-3"))
    status, body = await hub.get(f"/tlog/{of(east)}/checkpoint")
    assert status == 200
    kept.append(body)
    lie(west, f"/tlog/{of(east)}/checkpoint", stale)
    await rounds(net, 3)
    assert (await codes(west))["withheld"] == "suspected"


async def test_l21_an_origin_dropped(net: Net) -> None:
    _, _, east, west = await watched(net)
    lie(west, paths.LOGS, listing(lambda row: None if row["origin"] == east.origin else row))
    await rounds(net)
    assert await codes(west) == {"dropped": "suspected"}
    assert f"{east.origin} has 2" in await proves(net, west, "dropped", "withheld")


async def test_l13_l21_payloads_withheld(net: Net) -> None:
    _, _, east, west = await watched(net)
    lie(west, f"/api/logs/{of(east)}/payloads?", lambda request, reply: b"")
    await east.publish(result("east-3"))
    await rounds(net, 2)
    assert "payload-withheld" in await codes(west) or not await codes(west)
    await rounds(net)
    assert await codes(west) == {"payload-withheld": "suspected"}
    assert "holds the main payload" in await proves(net, west, "payload-withheld", "withheld")


# --- bytes that are not what they should be -------------------------------------------------------------------------


async def test_l14_l21_a_payload_swapped(net: Net) -> None:
    _, _, east, west = await watched(net)

    def swap(request: Request, reply: Reply) -> bytes:
        made = [pack.parse(data) for data in pack.unframe(reply.body)]
        return pack.frame([pack.encode(_swapped(each)) for each in made])

    lie(west, f"/api/logs/{of(east)}/payloads?", swap)
    await east.publish(result("east-3"))
    await rounds(net, 2)
    assert await codes(west) == {"swapped-payload": "proven"}
    assert "holds the true payload" in await proves(net, west, "swapped-payload", "swapped-payload")


def _swapped(each: Pack) -> Pack:
    rows = tuple(PayloadRow(row.index, row.section, row.salt, row.payload + b"!") for row in each.rows)
    return Pack(each.origin, each.start, each.end, each.audience, rows)


async def test_l16_l21_a_header_changed(net: Net) -> None:
    _, _, east, west = await watched(net)

    def change(request: Request, reply: Reply) -> bytes:
        entries = decode_bundle(reply.body)
        return encode_bundle([*entries[:-1], entries[-1][:-1] + bytes([entries[-1][-1] ^ 1])])

    lie(west, f"/tlog/{of(east)}/tile/entries/", change)
    await east.publish(result("east-3"))
    await rounds(net, 2)
    assert await codes(west) == {"changed-header": "proven"}
    assert "stores all entries" in await proves(net, west, "changed-header", "changed-header")


# --- records that say what is not so --------------------------------------------------------------------------------


async def test_l21_a_district_left_out_of_the_records(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's mirror signed for west's entries before its records say that there are fewer."""
    _, hub, east, west = await watched(net)
    honest = hub.node.observer._look

    def without(conn: Any, last: dict[str, int]) -> tuple[Observation, list[str]]:
        body, notes = honest(conn, last)
        sizes = body.sizes | {west.origin: 2}
        return Observation(observed_ms=body.observed_ms, sizes=sizes), [n for n in notes if west.origin not in n]

    monkeypatch.setattr(hub.node.observer, "_look", without)
    await west.publish(result("west-3"))
    await rounds(net, 2)
    await east.publish(result("east-3"))
    await rounds(net, 2, seconds=15)
    assert await codes(west) == {"not-observed": "proven"}
    assert "more before than later" in await proves(net, west, "not-observed", "withheld")
    assert await codes(east) == {}


async def test_l21_records_that_stop(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any record there is no contradiction to show, only that the time has passed."""
    _, hub, _, west = await watched(net)

    async def nothing() -> int:
        return 0

    monkeypatch.setattr(hub.node.observer, "observe", nothing)
    await west.publish(result("west-3"))
    await rounds(net, 5)
    assert await codes(west) == {}
    await rounds(net, 3)
    assert await codes(west) == {"not-observed": "suspected"}


async def test_l21_a_record_that_takes_back(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    _, hub, east, west = await watched(net)
    monkeypatch.setattr(hub.node.observer, "_is_other", lambda state: not state.own and state.origin != west.origin)
    await east.publish(result("east-3"))
    await rounds(net, 2)
    for node in (east, west, net.nodes["national"]):
        assert (await codes(node))["retracted"] == "proven", node.name
    assert west.origin in await proves(net, east, "retracted", "withheld")
    # Had the hub's key been stolen, the hub may not have said it: the verdict must not accuse it then.
    shown = evidence.parse((await export(east, net.directory, code="retracted")).read_bytes())
    policy = east.node.trusted.policy
    (key,) = policy.log_keys(hub.origin)
    stolen = replace(policy, revoked=(Revocation(key, 10_000, bytes(32)),))
    left_open = [str(evidence_check.verify(shown, each).left_open) for each in (policy, stolen)]
    assert ["thief" in words for words in left_open] == [False, True]


async def test_l21_a_record_with_a_root_that_nobody_signed(net: Net) -> None:
    national, hub, east, west = await watched(net)

    def forged(conn: Any) -> str:
        state = checkpoints_of(conn)
        lines = state.partition("\n\n")
        origin, size, _root, *_rest = lines[0].split("\n")
        return f"{origin}\n{size}\n{'A' * 43}=\n\n{lines[2]}"

    def checkpoints_of(conn: Any) -> str:
        from node.store import logs

        state = logs.get(conn, east.origin)
        return checkpoints.note(conn, state.id, state.head_size, state.origin).encode().decode()

    note = await hub.node.store.read(forged)
    body = Observation(observed_ms=net.clock(), sizes={east.origin: 2, west.origin: 2}, heads=[note])
    await hub.publish(Draft("log.observe", "forged", {"main": Document("forged", body, Source("hub"))}, {"n": 1}))
    await rounds(net, 2)
    for node in (east, west, national):
        assert (await codes(node))["false-observation"] == "proven", node.name
    assert "not by a key of that log" in await proves(net, west, "false-observation", "false-observation")


async def test_l21_what_the_hub_does_not_send_up(net: Net) -> None:
    """National sees in the hub's records that there is more than has come; that is told, and accuses nobody."""
    national, hub, east, _ = await watched(net)
    assert hub.line is not None
    hub.line.lose_requests(10_000, paths.ADD_CHECKPOINT)
    before = hub.line.send

    async def all_but_east(request: Request) -> Reply:
        hub.line._lose_requests = 1 if east.origin.encode() in request.body else 0
        return await before(request)

    hub.line.send = all_but_east
    await east.publish(result("east-3"))
    await rounds(net, 4)
    assert await codes(national) == {}
    await rounds(net, 5)
    assert await codes(national) == {"not-forwarded": "warning"}


# --- honest nodes ---------------------------------------------------------------------------------------------------


async def test_l21_an_honest_federation_raises_nothing(net: Net) -> None:
    """Publishing, cuts shorter than the grace, a restart of the hub, a late district: not one alarm, ever."""
    _national, _hub, east, west = await watched(net)
    chance = random.Random(21)
    joined = None
    for turn in range(40):
        for running in (east, west):
            if chance.random() < 0.4:
                await running.publish(*(result(f"{running.name}-{turn}-{n}") for n in range(chance.randrange(1, 4))))
            assert running.line is not None
            running.line.down = chance.random() < 0.3
        assert net.nodes["hub"].line is not None
        net.nodes["hub"].line.down = turn % 9 in (4, 5)
        if turn == 15:
            joined = await net.join("north")
            await joined.publish(result("north-1"))
        if turn == 25:
            await _restart_hub(net)
        await rounds(net)
    for running in net.nodes.values():
        assert await ever(running) == [], running.name


async def _restart_hub(net: Net) -> None:
    await net.nodes["hub"].server.close()
    hub = await net._run("hub")
    for running in net.nodes.values():
        if running.line is not None and running.name != "hub":
            running.line._below._base = str(hub.server.make_url("")).rstrip("/")


async def test_l21_the_line_between_hub_and_national_is_down(net: Net) -> None:
    """Districts see that the hub's log is not confirmed, and nothing worse; it passes with the cut."""
    national, hub, east, west = await watched(net)
    assert hub.line is not None
    hub.line.down = True
    await east.publish(result("east-3"))
    await rounds(net, 10)
    for node in (east, west):
        assert await codes(node) == {"unconfirmed": "warning"}
    hub.line.down = False
    await rounds(net, 3)
    for node in (national, hub, east, west):
        assert await codes(node) == {}
    assert {each.severity for each in await ever(east)} == {"warning"}


async def test_l21_observations_alone_keep_nobody_busy(net: Net) -> None:
    national, hub, _, _ = await watched(net)
    await rounds(net, 4)
    before = [(await node.log_of(node)).head_size for node in (national, hub)]
    await rounds(net, 6)
    assert [(await node.log_of(node)).head_size for node in (national, hub)] == before


async def test_l07_a_crash_between_reading_and_publishing_loses_no_change(net: Net) -> None:
    """What was observed is read from our own log: a process that starts anew says what the old one could not."""
    _, hub, east, _ = await watched(net)
    await east.publish(result("east-3"))
    await net.sync("east")
    hub.node.observer._last = None
    assert await hub.node.observer.observe() >= 1
    hub.node.observer._last = None
    assert await hub.node.observer.observe() == 0, "said once"


async def test_alarms_are_shown_where_people_look(net: Net) -> None:
    _, _, east, west = await watched(net)
    lie(west, paths.LOGS, listing(lambda row: None if row["origin"] == east.origin else row))
    await rounds(net)
    assert "上级不再提供曾观察到的日志" in await west.page("/status")
    status, body = await west.get("/readyz")
    assert status == 200 and json.loads(body)["warnings"] == [f"alarm: dropped {east.origin}"]
    status, body = await west.get("/api/alarms")
    assert [row["code"] for row in json.loads(body)["alarms"]] == ["dropped"]
    assert 'ggzy_alarms{code="dropped",severity="suspected"} 1.0' in await west.page("/metrics")
    assert await east.node.store.read(alarms.raised) == []
    config = ["--config", str(west.node.settings.directory)]
    told = CliRunner().invoke(app, ["alarms", "--json", *config])
    (alarm,) = json.loads(told.stdout.strip().splitlines()[-1])["alarms"]
    assert alarm["code"] == "dropped" and "上级不再提供" in told.output
    assert "上级不再提供" in CliRunner().invoke(app, ["status", *config]).output
    listed = CliRunner().invoke(app, ["evidence", "list", "--json", *config])
    assert [row["sort"] for row in json.loads(listed.stdout.strip().splitlines()[-1])["evidence"]] == ["withheld"]
    assert CliRunner().invoke(app, ["alarms", "--ack", str(alarm["id"]), *config]).exit_code == 0
    assert await codes(west) == {}
    assert CliRunner().invoke(app, ["alarms", "--ack", "999", *config]).exit_code == 1
    await rounds(net)
    assert await codes(west) == {"dropped": "suspected"}, "found again, it is a new one"
