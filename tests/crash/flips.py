"""Flip one byte anywhere in the database of a stopped node: it is found, or refused before signing, or has no effect.

Answers, best first: `none` (the byte holds nothing: every table reads the same), `refused` (the node does not open),
`found` (fsck names it), `unsigned` (publishing refuses to sign), `remade` (it lay in the count by which a read table
tells in what order rows came; made anew from the log, all is as before). What is left is `missed`.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from node.errors import NodeError
from node.provision import adopt
from node.settings import load
from tests.crash import places
from tests.crash.judge import VIEWS, everything, views
from tests.crash.places import Place
from tests.crash.stages import Custody, Publish
from tests.crash.workload import drafts

ANSWERS = ("none", "refused", "found", "unsigned", "remade", "missed")


def build(directory: Path, seed: int) -> Callable[[Callable[..., None]], None]:
    """The process that makes a node which has done a bit of everything, and stops it; it tells what the tables say."""

    def work(tell: Callable[..., None]) -> None:
        policy = places.make_place(directory, "hub")
        adopt(load(directory), [policy])
        place = Place(directory, seed, tell, attempt=-1)
        asyncio.run(_build(place))

    return work


async def _build(place: Place) -> None:
    outside, place.tell = place.tell, lambda *words: None
    await place.open()
    stage, other = Publish(), Custody()
    await place.node.publisher.publish(drafts("a", 200))
    stage.prepare(place)
    await stage.work(place)
    other.prepare(place)
    await other.build(place)
    await other.work(place)
    await place.node.projector.run()
    everything_now = await place.node.store.read(everything)
    views_now = await place.node.store.read(views)
    await place.node.close()
    outside("made", everything_now, views_now)


def flip(file: Path, position: int, change: int) -> None:
    """XOR one byte with `change` (1-255)."""
    with file.open("r+b") as data:
        data.seek(position)
        (old,) = data.read(1)
        data.seek(position)
        data.write(bytes([old ^ change]))


def positions(size: int, count: int, seed: int) -> list[tuple[int, int]]:
    """(position, change) spread over the file, by chance within each part; the header's bytes are among them."""
    chance = random.Random(f"flips {seed}")
    part = size / count
    places_in = [chance.randrange(int(n * part), max(int(n * part) + 1, int((n + 1) * part))) for n in range(count)]
    return [(place, chance.randrange(1, 256)) for place in places_in]


def judged(directory: Path, before: dict[str, list[str]], views_before: Any) -> Callable[[Callable[..., None]], None]:
    """The process that opens the node after the flip, as an operator would: start, fsck, publish."""

    def work(tell: Callable[..., None]) -> None:
        tell("answer", *asyncio.run(_judged(Place(directory, 0, tell, attempt=1), before, views_before)))

    return work


async def _judged(place: Place, before: dict[str, list[str]], views_before: Any) -> tuple[str, str]:
    try:
        await place.open()
    except Exception as error:  # a file too damaged to open says so in many ways
        return "refused", _short(error)
    try:
        return await _opened(place, before, views_before)
    finally:
        await place.node.close()


async def _opened(place: Place, before: dict[str, list[str]], views_before: Any) -> tuple[str, str]:
    try:
        if findings := await place.fsck():
            return "found", findings[0]
    except Exception as error:
        return "found", _short(error)
    now = await place.node.store.read(everything)
    wrong = [name for name in before if now[name] != before[name]]
    if not wrong:
        return "none", ""
    try:
        await place.node.publisher.publish(drafts("z", 1))
    except NodeError as error:
        return "unsigned", _short(error)
    if set(wrong) <= set(VIEWS):
        return await _remade(place, views_before, wrong)
    return "missed", "; ".join(f"{name}: {set(before[name]) ^ set(now[name])}" for name in wrong)[:700]


async def _remade(place: Place, views_before: Any, wrong: list[str]) -> tuple[str, str]:
    await place.node.projector.rebuild()
    now = await place.node.store.read(views)
    lost = [name for name in views_before if not set(views_before[name]) <= set(now[name])]
    return ("missed", ", ".join(lost)) if lost else ("remade", ", ".join(wrong))


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"


def flipped(base: Path, made: Path, position: int, change: int) -> Path:
    """A copy of a node's directory with one byte changed."""
    copy = base / f"flip-{position}"
    shutil.copytree(made, copy)
    flip(copy / "node.db", position, change)
    return copy
