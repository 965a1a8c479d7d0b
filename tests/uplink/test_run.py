"""The whole way in one process: hub, failing line, sandbox, verdicts, reconciliation. The long form is a command."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from node.errors import Refused
from node.running import reporting
from node.store import cursors
from node.uplink import held
from node.uplink.reconcile import make, newest
from node.uplink.run import LEASE_FACT
from tests.uplink import trial
from tests.uplink.trial import Pair, draft, pair


async def test_every_record_is_accepted_or_explained_and_none_twice(tmp_path: Path) -> None:
    async with pair(tmp_path, faults="busy=50 fail=50 lose=50 drop=50 seed=3") as both:
        outcome = await trial.run(both, 40, seed=3)
    assert outcome.wrong == []
    assert outcome.failures > 0 and outcome.states["accepted"] > 60


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[Pair]:
    async with pair(tmp_path) as made:
        yield made


async def _report(both: Pair, *numbers: int) -> None:
    import random

    dice = random.Random(5)
    await both.hub.publisher.publish([draft(*trial.record(number, dice)) for number in numbers])
    await both.hub.projector.run()
    await both.hub.uplink().run()


async def test_reconciliation_finds_what_either_side_lacks(both: Pair) -> None:
    await _report(both, 0, 8)
    job = both.hub.uplink()
    made = await reporting.reconcile(both.hub, job)
    assert made.compared and made.differences == []
    assert {line.number for line in made.lines} == {"500", "501", "502", "513", "700"}
    gone = trial._items.delete().where(trial._items.c.number == "513")
    await both.national.store.write(lambda conn: conn.execute(gone))
    made = await reporting.reconcile(both.hub, job)
    assert [(each.number, each.ours, each.theirs) for each in made.differences] == [("513", "accepted (accepted)", "")]
    kept = await both.hub.store.read(newest)
    assert kept == made


async def test_a_receiver_that_tells_nothing_leaves_our_books_alone(both: Pair) -> None:
    await _report(both, 8)
    made = await both.hub.store.write(lambda conn: make(conn, held.packaged(), "2025-11-25", 1, None))
    assert not made.compared and made.differences == []


async def test_one_process_at_a_time(both: Pair) -> None:
    await both.hub.store.write(lambda conn: cursors.set_fact(conn, LEASE_FACT, f"other|{both.clock() + 60_000}"))
    assert (await both.hub.uplink().run()).stopped == "elsewhere"
    both.clock.now_ms += 61_000
    assert (await both.hub.uplink().run()).stopped == ""


async def test_a_wrong_secret_stops_the_run_and_blames_no_record(tmp_path: Path) -> None:
    async with pair(tmp_path, uplink_secret="not the one") as both:
        await both.hub.publisher.publish([draft(*trial.record(8, trial.random.Random(1)))])
        await both.hub.projector.run()
        report = await both.hub.uplink().run()
        assert "TOKEN" in report.stopped
        rows = await both.hub.store.read(lambda conn: conn.execute(select(trial._messages)).mappings().all())
        assert {(row["state"], row["attempts"]) for row in rows} == {("queued", 0)}


async def test_a_node_without_a_receiver_says_what_to_set(tmp_path: Path) -> None:
    async with pair(tmp_path, uplink_url="") as both:
        with pytest.raises(Refused) as caught:
            both.hub.uplink()
        assert "uplink_url" in caught.value.advice_zh


async def test_the_exchange_folder_carries_both_ways(tmp_path: Path) -> None:
    async with pair(tmp_path, uplink_url="", uplink_folder="front") as both:
        await _report(both, 8)
        front = both.hub.settings.directory / "front"
        (file,) = (front / "out").iterdir()
        assert file.name.endswith(".insert.xml")
        before = file.read_bytes()
        both.clock.now_ms += 20_000
        await both.hub.uplink().run()
        assert file.read_bytes() == before  # the same again, and once
        (front / "in").mkdir()
        (front / "in" / f"{file.stem}.json").write_text('{"STATUS":"1"}')
        both.clock.now_ms += 40_000
        await both.hub.uplink().run()
        rows = await both.hub.store.read(lambda conn: conn.execute(select(trial._messages)).mappings().all())
        assert [row["state"] for row in rows] == ["accepted"]
        assert sorted(each.suffix for each in (front / "done").iterdir()) == [".json", ".xml"]
