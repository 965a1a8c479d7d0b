"""Records for programs: feed, record, entry, payloads and receipt, as each caller may see it (L13, L14)."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import msgpack
import pytest
import pytest_asyncio

from node.domain.record import Draft
from node.tlog.proof import TlogProof
from node.wire import receipt as receipts
from node.wire.trust_plain import plain_policy
from tests.interop.client import Answer, Policy, VKey, Wrong, commitment, leaf, open_custody, open_receipt
from tests.web.api_node import EAST, HUB, NOW_MS, Served, served

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with served(tmp_path_factory.mktemp("served")) as made:
        yield made


async def get(hub: Served, target: str, *, signed: bool = False, status: int = 200) -> Answer:
    headers = hub.signed("GET", target) if signed else None
    async with hub.client.get(target, headers=headers) as response:
        answer = Answer(response.status, response.headers, await response.read())
    assert answer.status == status, (target, answer.status, answer.body[:300])
    return answer


async def feed(hub: Served, query: str = "") -> list[dict[str, Any]]:
    """All of the feed, page by page; no page repeats or leaves out."""
    rows: list[dict[str, Any]] = []
    cursor = ""
    for _ in range(100):
        page = json.loads((await get(hub, f"/api/records?limit=3{query}&cursor={cursor}")).body)
        if not page["records"]:
            return rows
        rows, cursor = rows + page["records"], page["cursor"]
    raise AssertionError("the feed has no end")


async def one(hub: Served, kind: str, origin: str) -> dict[str, Any]:
    return next(row for row in await feed(hub, f"&kind={kind}&origin={origin}/1") if row["state"] == "current")


async def test_the_feed_gives_every_version_once(hub: Served) -> None:
    rows = await feed(hub)
    places = [(row["origin"], row["index"]) for row in rows]
    assert len(set(places)) == len(places) == len((await get_all(hub))["records"])
    assert {row["origin"] for row in rows} == {f"{HUB}/1", f"{EAST}/1"}
    for origin in (HUB, EAST):
        numbers = [row["index"] for row in rows if row["origin"] == f"{origin}/1"]
        assert numbers == sorted(numbers), "in log order"


async def get_all(hub: Served) -> Any:
    return json.loads((await get(hub, "/api/records?limit=500")).body)


async def test_the_feed_goes_on_where_it_stopped(hub: Served) -> None:
    end = (await get_all(hub))["cursor"]
    assert json.loads((await get(hub, f"/api/records?cursor={end}")).body) == {"records": [], "cursor": end}
    draft = (await _again(hub))[0]
    await hub.hub.publisher.publish([draft])
    await hub.hub.projector.run()
    (new,) = json.loads((await get(hub, f"/api/records?cursor={end}")).body)["records"]
    assert new["origin"] == f"{HUB}/1" and new["state"] == "current"


async def _again(hub: Served) -> list[Draft]:
    from tests.web.api_node import _drafts

    return _drafts("New")


async def test_the_feed_can_be_narrowed(hub: Served) -> None:
    for query, fits in (
        ("&kind=credit.score", lambda row: row["kind"] == "credit.score"),
        ("&state=superseded", lambda row: row["state"] == "superseded"),
        (f"&origin={EAST}/1", lambda row: row["origin"] == f"{EAST}/1"),
    ):
        rows = await feed(hub, query)
        assert rows and all(fits(row) for row in rows), query
    for query in ("kind=no.such", "state=odd", "limit=0", "limit=501", "limit=x", "cursor=x", "cursor=1.2.3", "limit="):
        await get(hub, f"/api/records?{query}", status=400)
    await get(hub, "/api/records?origin=ggzy.example/none/1", status=404)


async def test_L14_the_feed_tells_nothing_that_is_not_public(hub: Served) -> None:
    row = await one(hub, "expert.profile", EAST)
    assert "0001" not in json.dumps(row, ensure_ascii=False), "the alias is shared among authorities"
    for target in ("/api/records?kind=expert.profile", f"/api/records/{row['record_id']}"):
        body = (await get(hub, target)).body.decode()
        assert '0001"' not in body and "某某设计院" not in body


async def test_L14_a_record_shows_each_caller_its_audience(hub: Served) -> None:
    row = await one(hub, "expert.profile", EAST)
    target = f"/api/records/{row['record_id']}"
    anonymous = json.loads((await get(hub, target)).body)["versions"][0]["sections"]
    assert {name: section["state"] for name, section in anonymous.items()} == {
        "main": "withheld",
        "employment": "withheld",
    }
    assert not any("content" in section for section in anonymous.values())
    answer = await get(hub, target, signed=True)
    assert answer.headers["Cache-Control"] == "private, no-store"
    mine = json.loads(answer.body)["versions"][0]["sections"]
    assert mine["main"]["content"]["body"]["alias"] == "0001"
    assert mine["employment"]["content"]["employer"] == "某某设计院", "the district asks for what it brought itself"
    of_hub = await one(hub, "expert.profile", HUB)
    theirs = json.loads((await get(hub, f"/api/records/{of_hub['record_id']}", signed=True)).body)
    sections = theirs["versions"][0]["sections"]
    assert sections["main"]["state"] == "held" and sections["employment"]["state"] == "withheld"


async def test_payloads_open_their_commitments(hub: Served) -> None:
    row = await one(hub, "trade.result", EAST)
    target = f"/api/records/{row['record_id']}"
    entry = (await get(hub, f"{target}/entry")).body
    assert leaf(entry).hex() == row["leaf"]
    payload = (await get(hub, f"{target}/payload/main")).body
    receipt = open_receipt((await get(hub, f"{target}/receipt")).body, _policy(hub))
    assert receipt.entry == entry and receipt.index == row["index"]
    header = msgpack.unpackb(entry)
    assert header[8][0][2] == commitment(receipt.salts["main"], payload)


def _policy(hub: Served, origin: str = EAST) -> Policy:
    return Policy.parse(plain_policy(hub.policy, f"{origin}/1").format())


async def test_L14_payloads_and_salts_are_withheld_from_who_may_not_have_them(hub: Served) -> None:
    row = await one(hub, "expert.profile", EAST)
    target = f"/api/records/{row['record_id']}"
    for section in ("main", "employment"):
        await get(hub, f"{target}/payload/{section}", status=403)
        await get(hub, f"{target}/payload/{section}", signed=True)
    assert open_receipt((await get(hub, f"{target}/receipt")).body, _policy(hub)).salts == {}
    signed = await get(hub, f"{target}/receipt", signed=True)
    assert set(open_receipt(signed.body, _policy(hub)).salts) == {"main", "employment"}
    of_hub = await one(hub, "expert.profile", HUB)
    await get(hub, f"/api/records/{of_hub['record_id']}/payload/employment", signed=True, status=403)
    # A hub's own log has nobody above it here: the receipt holds the log's signature alone.
    answer = await get(hub, f"/api/records/{of_hub['record_id']}/receipt", signed=True)
    assert set(open_receipt(answer.body, _policy(hub, HUB)).salts) == {"main"}


async def test_answers_for_one_caller_are_not_kept_by_caches(hub: Served) -> None:
    row = await one(hub, "trade.result", EAST)
    for part in ("", "/receipt", "/payload/main"):
        answer = await get(hub, f"/api/records/{row['record_id']}{part}")
        assert answer.headers["Cache-Control"] == "private, no-store"
    receipt = await get(hub, f"/api/records/{row['record_id']}/receipt")
    assert receipt.type == "text/plain; charset=utf-8"
    name = f"{uuid.UUID(row['record_id']).hex}-v{row['version']}.tlog-proof"
    assert receipt.headers["Content-Disposition"] == f'attachment; filename="{name}"'


async def test_L13_a_receipt_carries_mirror_and_custody(hub: Served) -> None:
    row = await one(hub, "trade.result", EAST)
    data = (await get(hub, f"/api/records/{row['record_id']}/receipt")).body
    receipt = open_receipt(data, _policy(hub))
    grants = {grant.use: VKey.parse(grant.key.vkey()) for grant in hub.policy.grants(node=HUB)}
    custody = open_custody(receipt.custody, grants["custody"])
    assert (custody.origin, custody.time) == (f"{EAST}/1", NOW_MS // 1000)
    assert custody.start <= row["index"] < custody.end
    assert grants["mirror"].name in data.decode()
    verdict = receipts.verify(TlogProof.parse(data), hub.policy)
    assert verdict.custody is not None and verdict.index == receipt.index


async def test_each_version_has_a_receipt_of_its_own(hub: Served) -> None:
    row = await one(hub, "trade.result", EAST)
    rows = await feed(hub, f"&origin={EAST}/1&kind=trade.result")
    versions = [each for each in rows if each["record_id"] == _twice(rows)]
    assert {each["version"] for each in versions} == {1, 2}
    for each in versions:
        target = f"/api/records/{each['record_id']}/receipt?version={each['version']}"
        assert open_receipt((await get(hub, target)).body, _policy(hub)).index == each["index"]
    base = f"/api/records/{row['record_id']}"
    for part in ("", "/receipt", "/entry", "/payload/main"):
        await get(hub, f"{base}{part}?version=99", status=404)
        for bad in ("0", "-1", "x", "", "9" * 20):
            await get(hub, f"{base}{part}?version={bad}", status=400)


def _twice(rows: list[dict[str, Any]]) -> str:
    ids = [row["record_id"] for row in rows]
    return next(each for each in ids if ids.count(each) > 1)


async def test_records_that_are_not_there(hub: Served) -> None:
    unknown = uuid.UUID(int=7)
    for part in ("", "/receipt", "/entry", "/payload/main"):
        await get(hub, f"/api/records/{unknown}{part}", status=404)
        await get(hub, f"/api/records/{unknown.hex}{part}", status=404)
        for bad in ("x", "0" * 31, "0" * 33, "%00", "0" * 32 + "%0A"):
            await get(hub, f"/api/records/{bad}{part}", status=400)
    row = await one(hub, "trade.result", EAST)
    await get(hub, f"/api/records/{row['record_id']}/payload/none", status=404)
    await get(hub, f"/api/records/{row['record_id']}?origin=ggzy.example/none/1", status=404)


async def test_receipts_that_were_changed_are_refused_by_both(hub: Served) -> None:
    """Every line that matters, one after another: our verifier and the second one agree."""
    row = await one(hub, "trade.result", EAST)
    data = (await get(hub, f"/api/records/{row['record_id']}/receipt")).body
    policy, plain = hub.policy, plain_policy(hub.policy, f"{EAST}/1")
    known = {key.name for key in (*policy.cosigner_keys(), *policy.log_keys(f"{EAST}/1"))}
    open_receipt(data, _policy(hub))
    lines = data.decode().split("\n")
    checked = 0
    for number, line in enumerate(lines[:-1]):
        for changed in _changes(line):
            bad = "\n".join([*lines[:number], changed, *lines[number + 1 :]]).encode()
            with pytest.raises(Wrong):
                open_receipt(bad, _policy(hub))
            for each in (policy, plain):
                with pytest.raises(receipts_errors()):
                    receipts.verify(TlogProof.parse(bad), each)
            checked += 1
        if line.startswith("— "):
            assert line.split(" ")[1] in known, "a receipt holds lines of known keys"
    assert checked > 20
    # Without the mirror's line the quorum is not reached; without the log's nothing is.
    for name in (f"{HUB}/mirror", f"{EAST}/1"):
        bad = "\n".join(line for line in lines if not line.startswith(f"— {name} ")).encode()
        assert bad != data
        with pytest.raises(Wrong):
            open_receipt(bad, _policy(hub))
        for each in (policy, plain):
            with pytest.raises(receipts_errors()):
                receipts.verify(TlogProof.parse(bad), each)
    # A witness may be left out: the policy does not ask for it.
    fewer = "\n".join(line for line in lines if not line.startswith(f"— {HUB}/witness ")).encode()
    open_receipt(fewer, _policy(hub))
    receipts.verify(TlogProof.parse(fewer), plain)


def receipts_errors() -> type[Exception]:
    from node.errors import NodeError

    return NodeError


def _changes(line: str) -> list[str]:
    """The line with one thing changed, in ways that keep its form."""
    if not line:
        return ["\nx"]
    word, _, rest = line.rpartition(" ")
    if word == "extra":
        plain = msgpack.unpackb(base64.b64decode(rest))
        entry = bytearray(plain[1])
        entry[40] ^= 1
        made = [[2, *plain[1:]], [plain[0], bytes(entry), *plain[2:]], plain[:3]]
        return [f"extra {base64.b64encode(msgpack.packb(each)).decode()}" for each in made] + ["extra ====", "extr"]
    if word == "index":
        return [f"index {int(rest) + 1}", f"index 0{rest}", "index -1", "index", f"index {2**63}"]
    if word.startswith("— "):
        data = bytearray(base64.b64decode(rest))
        data[-1] ^= 1
        return [f"{word} {base64.b64encode(data).decode()}", f"{word} {rest[:-2]}", line.replace("— ", "- ", 1)]
    try:
        data = bytearray(base64.b64decode(line, validate=True))
    except ValueError:
        return [line + "x", "", f"{line}\n{line}"]
    if len(data) != 32:
        return [str(int(line) + 1), f"0{line}", "-1"] if line.isdigit() else [line + "x"]
    data[0] ^= 1
    return [base64.b64encode(data).decode(), base64.b64encode(data[:31]).decode(), f"{line}\n{line}"]
