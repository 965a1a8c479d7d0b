"""Districts, the hub and the national node in one process, with virtual time and seeded faults.

After each step every stored copy of every log is a prefix of the one its origin made, nothing acknowledged is lost, no
other head was ever cosigned, receipts verify; and once all is healed, all nodes are alike. `scripts/simulate` runs
forty districts, any number of seeds, and replays one: here there are fewer, as all nodes ask all about all logs.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.story import simulate
from tests.simulation.virtual import Deadlock, run
from tests.simulation.world import Broken, World

MEMORY = Path("/dev/shm")


@pytest.fixture
def directory() -> Iterator[Path]:
    """In memory where there is such a place: hundreds of databases that nobody keeps need not reach a disk."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        yield Path(name)


def test_sixteen_districts_the_hub_and_the_national_node_converge(directory: Path) -> None:
    told = simulate(directory, seed=20161, steps=12, districts=16)
    assert told.published > 0
    assert told.receipts > 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_is_lost_or_forked_under_faults(directory: Path, seed: int) -> None:
    told = simulate(directory, seed=seed, steps=40, districts=4)
    assert told.crashes > 0
    assert told.receipts > 0


def test_a_seed_replays(tmp_path: Path) -> None:
    first, again, other = (
        simulate(tmp_path / name, seed=seed, steps=15, districts=3)
        for name, seed in (("first", 5), ("again", 5), ("other", 6))
    )
    assert first == again
    assert first.digest != other.digest


def test_a_changed_history_is_noticed(directory: Path) -> None:
    async def main() -> None:
        world = World(directory, 1, 1)
        await world.start()
        place = world.places["d01"]
        await world.publish(place, 3)
        world.check()
        database = sqlite3.connect(place.made.settings.database.removeprefix("sqlite:///"))
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE log_tail SET entry = x'00' WHERE idx = 1")
        database.commit()
        database.close()
        try:
            with pytest.raises(Broken, match="another history"):
                world.check()
        finally:
            await world.stop()

    run(main)


def test_a_lost_record_is_noticed_when_all_is_healed(directory: Path) -> None:
    async def main() -> None:
        world = World(directory, 1, 2)
        await world.start()
        place = world.places["d02"]
        await world.publish(place, 3)
        world.check()
        await world.crash(place)
        world.places.pop("d02")
        try:
            with pytest.raises(Broken, match="has not converged"):
                await world.heal()
        finally:
            await world.stop()

    run(main)


def test_the_loop_says_when_nothing_will_ever_happen_again() -> None:
    import asyncio

    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock):
        run(main)
