"""What happens in a simulation: seeded events, several at a time, and the checks after each step."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path

from tests.made_once import compiled_once
from tests.simulation.line import FINE, Weather
from tests.simulation.virtual import run
from tests.simulation.world import Place, World

BAD = Weather(
    lose_request=0.05, lose_answer=0.05, duplicate=0.05, cut_body=0.03, spoil_answer=0.02, black_hole=0.02, latency_s=5
)
CUT = Weather(lose_request=1.0)


@dataclass(frozen=True)
class Told:
    """How a simulation ended. Equal `digest` of equal seeds: it is the hash of all that happened, in order."""

    steps: int
    published: int
    receipts: int
    crashes: int
    digest: str


class Story:
    """Runs one world. Everything is drawn from the world's one source of chance."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.chance = world.chance
        self.crashes = 0
        self.receipts = 0

    async def tell(self, steps: int) -> Told:
        await self.world.start()
        for number in range(steps):
            await self._step()
            self.world.check()
            self.receipts += self.world.check_receipt()
            self.world.note(f"step {number} acknowledged {len(self.world.acknowledged)}")
        await self.world.heal()
        for _ in range(50):
            self.receipts += self.world.check_receipt()
        published = len(self.world.acknowledged)
        await self.world.stop()
        digest = hashlib.sha256("\n".join(self.world.trace).encode()).hexdigest()
        return Told(steps, published, self.receipts, self.crashes, digest)

    async def _step(self) -> None:
        places = list(self.world.places.values())
        works = []
        for _ in range(self.chance.randint(1, 6)):
            # The hub's own passes carry everybody's records further, so they come more often than a district's.
            place = self.chance.choice(places) if self.chance.random() < 0.8 else self.world.places["hub"]
            works.append(asyncio.create_task(self._event(place)))
        try:
            await asyncio.gather(*works)
        finally:
            for work in works:
                work.cancel()
        await asyncio.sleep(self.chance.random() * 20)

    async def _event(self, place: Place) -> None:
        await asyncio.sleep(self.chance.random() * 5)
        draw = self.chance.random()
        if draw < 0.35:
            await self.world.publish(place, self._count())
        elif draw < 0.85:
            await self.world.sync(place)
        elif place.restored:
            await self.world.recover(place)
        elif draw < 0.87:
            self.world.back_up(place)
        elif draw < 0.89:
            await self.world.restore(place)
        elif draw < 0.92:
            place.weather = self.chance.choice([FINE, FINE, BAD, CUT])
            self.world.note(f"{place.name} weather {'cut' if place.weather is CUT else place.weather is BAD}")
        elif draw < 0.95:
            place.skew_ms = self.chance.choice([0, 0, 1000, -1000, 200_000, -200_000, 31_536_000_000, -31_536_000_000])
            self.world.note(f"{place.name} clock {place.skew_ms}")
        elif place.node is not None:
            await self._restart(place)

    async def _restart(self, place: Place) -> None:
        self.crashes += 1
        self.world.note(f"{place.name} dies")
        await self.world.crash(place)
        await asyncio.sleep(self.chance.random() * 10)
        if place.node is None:
            await self.world.boot(place)

    def _count(self) -> int:
        # Now and then enough to fill a bundle of 256, so that tiles, packs and folds are met.
        return self.chance.randint(150, 400) if self.chance.random() < 0.05 else self.chance.randint(1, 5)


def simulate(directory: Path, *, seed: int, steps: int, districts: int) -> Told:
    """Run one simulation from its seed. Raises `Broken` at the first thing that does not hold."""

    async def main() -> Told:
        return await Story(World(directory, seed, districts)).tell(steps)

    with compiled_once():
        return run(main)
