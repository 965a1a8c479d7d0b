"""The whole way in one process: hub, failing line, sandbox, verdicts, reconciliation. The long form is a command."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection, select

from node.errors import Refused
from node.running import reporting
from node.store import cursors
from node.uplink import held
from node.uplink.folder import Folder
from node.uplink.receiver import HttpReceiver
from node.uplink.reconcile import make, newest
from node.uplink.run import LEASE_FACT, Uplink
from node.uplink.status import report_again
from tests.uplink import trial
from tests.uplink.trial import Pair, draft, pair


async def test_every_record_is_accepted_or_explained_and_none_twice(tmp_path: Path) -> None:
    async with pair(tmp_path, faults="busy=50 fail=50 lose=50 drop=50 seed=3") as both:
        outcome = await trial.run(both, 40, seed=3)
    assert outcome.wrong == []
    assert outcome.failures > 0 and outcome.states["accepted"] > 60


async def test_the_job_on_good_days_and_bad_ones(tmp_path: Path) -> None:
    """One pair of nodes for what needs them both: making them takes longer than all that follows."""
    async with pair(tmp_path) as both:
        await _reconciliation(both)
        await _both_sides_differ(both)
        await _one_at_a_time(both)
        await _wrong_secret(both)
        await _exchange_folder(both)
        _nothing_set(both)


async def _publish(both: Pair, *numbers: int) -> None:
    dice = random.Random(5)
    await both.hub.publisher.publish([draft(*trial.record(number, dice)) for number in numbers])
    await both.hub.projector.run()


async def _rows(both: Pair) -> list[Any]:
    query = select(trial._messages).order_by(trial._messages.c.id)
    return await both.hub.store.read(lambda conn: list(conn.execute(query).mappings()))


async def _reconciliation(both: Pair) -> None:
    await _publish(both, 0, 8)
    job = both.hub.uplink()
    await job.run()
    made = await reporting.reconcile(both.hub, job)
    assert made.compared and made.differences == []
    assert {line.number for line in made.lines} == {"500", "501", "502", "513", "700"}
    gone = trial._items.delete().where(trial._items.c.number == "513")
    await both.national.store.write(lambda conn: conn.execute(gone))
    made = await reporting.reconcile(both.hub, job)
    (lost,) = made.differences
    assert (lost.number, lost.ours, lost.theirs) == ("513", "accepted", "")
    assert await both.hub.store.read(newest) == made
    # Nothing is mended by itself; a person has it reported again, under its own key.
    again = await both.hub.store.write(lambda conn: report_again(conn, lost.data_key, both.clock()))
    assert again == 1
    await job.run()
    assert (await reporting.reconcile(both.hub, job)).differences == []
    # A receiver that tells nothing leaves us with our own books.
    alone = await both.hub.store.write(lambda conn: make(conn, held.packaged(), "2025-11-25", 1, None))
    assert not alone.compared and alone.differences == []


async def _both_sides_differ(both: Pair) -> None:
    """The receiver has lost some, deleted one, and holds some that we do not know: each is listed, none is mended."""
    await _publish(both, *range(40, 48))
    job = both.hub.uplink()
    await job.run()
    before = await reporting.reconcile(both.hub, job)
    assert before.compared and before.differences == []
    day = {line.number: line for line in before.lines}
    assert all(line.sent == line.accepted + line.refused + line.unanswered for line in before.lines)
    assert day["513"].accepted >= 5 and day["513"].states["accepted"] >= 5

    rows = {row["data_key"]: row for row in await _rows(both) if row["state"] == "accepted"}
    of_513 = sorted(key for key, row in rows.items() if row["number"] == "513")
    lost, deleted = of_513[:2], of_513[2]
    foreign = [f"9120513{n:015d}" for n in (900_001, 900_002)]

    def spoil(conn: Connection) -> None:
        items = trial._items
        conn.execute(items.delete().where(items.c.data_key.in_(lost)))
        conn.execute(items.update().where(items.c.data_key == deleted).values(state="deleted"))
        some = conn.execute(select(items).where(items.c.data_key == of_513[3])).mappings().one()
        for key in foreign:
            conn.execute(items.insert().values({**some, "data_key": key}))
        # One of another sender's is nobody's business here.
        conn.execute(items.insert().values({**some, "data_key": "9121513" + "0" * 14 + "1", "sender": "9121"}))

    await both.national.store.write(spoil)
    made = await reporting.reconcile(both.hub, job)
    told = {each.data_key: (each.ours, each.theirs) for each in made.differences}
    assert told == (
        dict.fromkeys(lost, ("accepted", ""))
        | {deleted: ("accepted", "deleted")}
        | dict.fromkeys(foreign, ("", "held"))
    )
    await job.run()
    assert len((await reporting.reconcile(both.hub, job)).differences) == 5  # nothing was mended silently
    for key in lost:
        await both.hub.store.write(partial(report_again, data_key=key, now_ms=both.clock()))
    # What we do not know cannot be reported again.
    assert await both.hub.store.write(partial(report_again, data_key=foreign[0], now_ms=both.clock())) == 0
    await job.run()
    left = {each.data_key for each in (await reporting.reconcile(both.hub, job)).differences}
    assert left == {deleted, *foreign}
    held_there = await both.national.store.read(
        lambda conn: dict(conn.execute(select(trial._items.c.data_key, trial._items.c.times)).all())
    )
    assert all(held_there[key] == 1 for key in lost)  # under their own keys, once


async def _one_at_a_time(both: Pair) -> None:
    await both.hub.store.write(lambda conn: cursors.set_fact(conn, LEASE_FACT, f"other|{both.clock() + 60_000}"))
    assert (await both.hub.uplink().run()).stopped == "elsewhere"
    both.clock.now_ms += 61_000
    assert (await both.hub.uplink().run()).stopped == ""


async def _wrong_secret(both: Pair) -> None:
    await _publish(both, 18)
    report = await Uplink(replace(both.hub.uplink()._parts, secret="not the one")).run()
    assert "TOKEN" in report.stopped
    row = (await _rows(both))[-1]
    assert (row["number"], row["state"], row["attempts"]) == ("700", "queued", 0)
    both.clock.now_ms += 20_000
    await both.hub.uplink().run()
    assert (await _rows(both))[-1]["state"] == "accepted"


async def _exchange_folder(both: Pair) -> None:
    front = both.hub.settings.directory / "front"
    job = Uplink(replace(both.hub.uplink()._parts, receiver=None, folder=Folder(front, held.answers())))
    await _publish(both, 28)
    await job.run()
    (file,) = (front / "out").iterdir()
    assert file.name.endswith(".insert.xml")
    before = file.read_bytes()
    both.clock.now_ms += 20_000
    await job.run()
    assert file.read_bytes() == before  # the same again, and once
    (front / "in").mkdir()
    (front / "in" / f"{file.stem}.json").write_text('{"STATUS":"1"}')
    both.clock.now_ms += 40_000
    await job.run()
    assert (await _rows(both))[-1]["state"] == "accepted"
    assert sorted(each.suffix for each in (front / "done").iterdir()) == [".json", ".xml"]
    assert list((front / "out").iterdir()) == []


def _nothing_set(both: Pair) -> None:
    for change, named in (({"uplink_url": ""}, "uplink_url"), ({"uplink_secret": ""}, "uplink_secret")):
        node = SimpleNamespace(settings=both.hub.settings.model_copy(update=change))
        with pytest.raises(Refused) as caught:
            reporting.uplink(node, HttpReceiver)  # type: ignore[arg-type]
        assert named in (caught.value.advice_zh + caught.value.detail)
