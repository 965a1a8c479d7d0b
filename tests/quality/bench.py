"""A store with records of the former centres, and the stage that judges them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from sqlalchemy import text

from node.domain.calendar import Calendar
from node.domain.rulebook import Rulebook
from node.quality import yardstick
from node.quality.items import sums
from node.quality.run import Quality
from node.rules import Rules
from tests.projections.world import EAST, HUB, NOW_MS, World, open_world, result

DAY_MS = 86_400_000
NODE = EAST.rpartition("/")[0]
SUMS = f"select {', '.join(c.name for c in sums.c)} from quality_sum order by 1, 2, 3, 4, 5"
ITEMS = "select record_id, judged, bad, ever, due_day, lag, hub_lag from quality_item order by 1"


class Clock:
    def __init__(self) -> None:
        self.now_ms = NOW_MS

    def __call__(self) -> int:
        return self.now_ms

    def forward(self, days: int) -> None:
        self.now_ms += days * DAY_MS


class Bench:
    def __init__(self, world: World) -> None:
        self.world, self.clock = world, Clock()
        self.policy = SimpleNamespace(path_up=lambda node: [HUB.rpartition("/")[0]] if node == NODE else [])
        rules = Rules(Rulebook([]), Calendar([], [], roll=False))
        trusted: Any = SimpleNamespace(policy=self.policy)
        self.quality = Quality(world.store, rules, trusted, yardstick.load(), self.clock)

    async def judge(self) -> dict[str, tuple[int, int]]:
        """Measure -> (judged, bad), over everything."""
        await self.quality.run()
        rows = self.world.rows("select measure, sum(judged), sum(bad) from quality_sum group by measure")
        return {measure: (int(judged), int(bad)) for measure, judged, bad in rows}

    def projected(self, origin: str = EAST) -> None:
        """The projection has come to the end of this log."""
        log_id = self.world.ids[origin]
        self.world.store.write_now(
            lambda conn: conn.execute(
                text(
                    "insert into cursor(stage, log_id, position) select 'project', id, stored_size from log where id=:i"
                ),
                {"i": log_id},
            )
        )


@contextmanager
def open_bench(database: str = "sqlite") -> Iterator[Bench]:
    with open_world(database) as world:
        yield Bench(world)


def whole(title: str = "示例工程", **more: Any) -> Any:
    """A result that lacks nothing."""
    return result(title, project_name=title, **more)
