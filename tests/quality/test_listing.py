"""The records behind a figure as a stream: all of them, none twice, as many as the figure says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from node.quality import board, listing, yardstick
from node.quality.board import Wanted
from node.quality.measures import MASKS
from node.quality.run import Quality
from tests.projections.world import EAST, HUB, NOW_MS, World, open_world, result
from tests.trading.bench import few_rules

NODE = EAST.rpartition("/")[0]


@pytest.fixture(params=["sqlite", "postgres"])
def world(request):
    with open_world(request.param) as made:
        yield made


async def judged(world: World) -> None:
    policy = SimpleNamespace(path_up=lambda node: [])
    trusted: Any = SimpleNamespace(policy=policy)
    await Quality(world.store, few_rules(), trusted, yardstick.load(), lambda: NOW_MS).run()


def all_rows(world: World, wanted: Wanted, measure: str, piece: int, *, whole: bool) -> list[dict[str, Any]]:
    found, place = [], None
    while True:
        rows, place = world.store.read_now(
            lambda conn, at=place: listing.after(conn, wanted, measure, at, piece, all_of_them=whole)
        )
        found += rows
        if place is None:
            return found


async def test_every_figure_has_as_many_records_however_they_are_read(world):
    for number in range(5):
        world.put(result(f"第{number}", project_code=f"E-{number}", division="500103" if number % 2 else "500105"))
    world.put(result("缺", amount=None, published_on=""), origin=HUB)
    await judged(world)
    nodes = world.store.read_now(board.nodes)
    for wanted in (Wanted(), Wanted(node=NODE, logs=nodes[NODE]), Wanted(division="500105"), Wanted(step="notice")):
        for measure in MASKS:
            for whole in (False, True):
                number = world.store.read_now(
                    lambda conn, of=(wanted, measure), all_of_them=whole: (
                        board.records(conn, *of, all_of_them=all_of_them, page=1).total
                    )
                )
                for piece in (1, 2, 100):
                    rows = all_rows(world, wanted, measure, piece, whole=whole)
                    assert len(rows) == len({row["record_id"] for row in rows}) == number, (wanted, measure, whole)
                    assert [listing.place_of(row) for row in rows] == sorted(map(listing.place_of, rows), reverse=True)
    assert len(all_rows(world, Wanted(), "no_notice", 2, whole=False)) == 6
    assert {row["origin"] for row in all_rows(world, Wanted(), "missing", 9, whole=False)} == {HUB}
