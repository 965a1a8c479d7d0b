"""The processes of one point: one that makes the node, one that meets the fault, one that comes after it.

All are forked from one in which everything is loaded already.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from node.errors import NodeError
from node.provision import adopt
from node.settings import load
from node.store import cursors, db
from tests.crash import places, sabotage
from tests.crash.faults import Faults
from tests.crash.judge import Verdict, views
from tests.crash.places import Line, Place, Stopped, read_line
from tests.crash.stages import STAGES
from tests.crash.vfs import shim
from tests.crash.workload import Stage, Told

LIMIT_S = 60
WAL_BYTES = db.WAL_BYTES - 40 * (4096 + 24)  # so long that the next few commits have it folded into the database
Tell = Callable[..., None]


@dataclass(frozen=True, order=True)
class Point:
    seed: int
    stage: str
    mode: str
    number: int

    def replay(self) -> str:
        return f"scripts/crash-sweep --stage {self.stage} --mode {self.mode} --point {self.number} --seed {self.seed}"


@dataclass
class Scene:
    """A node as it is before the fault, what its workload changes, and how it ends without a fault."""

    directory: Path
    trace: list[str] = field(default_factory=list)
    expected: int = -1
    views: dict[str, list[str]] = field(default_factory=dict)


def fork(work: Callable[[Tell], None]) -> tuple[Told, int]:
    """Run `work` in a process of its own; gives what it told until its end, and its wait status."""
    out, into = os.pipe()
    child = os.fork()
    if not child:
        os.close(out)
        line = Line(into)
        try:
            # One that hangs says where, and ends.
            faulthandler.dump_traceback_later(LIMIT_S, exit=True)
            work(line)
        except BaseException as error:
            where = "".join(traceback.format_exception(error)[-3:])
            line("wrong", f"{type(error).__name__}: {error}"[:500], where)
        finally:
            os._exit(0)
    os.close(into)
    told = read_line(out)
    os.close(out)
    _, status = os.waitpid(child, 0)
    return told, status


def build(directory: Path, stage_name: str, seed: int) -> Callable[[Tell], None]:
    """The process that makes the node. On odd seeds it ends without closing: a long WAL is left, as after a crash."""

    def work(tell: Tell) -> None:
        stage = STAGES[stage_name]()
        policy = places.make_place(directory, stage.role)
        adopt(load(directory), [policy])
        place = Place(directory, seed, tell, attempt=-1)
        stage.prepare(place)
        asyncio.run(_build(stage, place))

    return work


async def _build(stage: Stage, place: Place) -> None:
    await place.open()
    await stage.build(place)
    if place.seed % 2:
        wal, number = place.directory / "node.db-wal", 0
        while wal.stat().st_size < WAL_BYTES:
            number += 1
            await place.node.store.write(partial(cursors.set_fact, name="crash-sweep", value=str(number) * 3000))
        os._exit(0)
    await place.node.close()


def crashed(directory: Path, point: Point, broken: str) -> Callable[[Tell], None]:
    """The process that meets the fault."""

    def work(tell: Tell) -> None:
        faults = Faults(str(directory), point.mode, point.number, point.seed)
        place = Place(directory, point.seed, tell, faults)
        stage = STAGES[point.stage]()
        stage.prepare(place)
        sabotage.apply(broken, place)
        shim().seed((point.seed, 0))
        shim().keeper = faults
        faults.watch_os()
        asyncio.run(_crashed(stage, place, faults, point))

    return work


async def _crashed(stage: Stage, place: Place, faults: Faults, point: Point) -> None:
    try:
        await place.open()
    except NodeError as error:
        # A start that fails is no harm; the supervisor tries again.
        place.tell("stopped" if faults.struck else "wrong", f"{error.code}: {error.detail}")
        faults.end()
        return
    try:
        await stage.work(place)
    except Stopped:
        pass
    else:
        if faults.failed_sync:
            place.tell("wrong", "a sync of the database failed, and the node went on")
    await place.node.close()
    place.tell("trace", faults.trace)
    faults.end()
    if point.mode and not faults.struck:
        place.tell("wrong", f"change {point.number} was never reached: {len(faults.trace)} changes")


def restarted(directory: Path, point: Point, told: Told, scene: Scene, broken: str) -> Callable[[Tell], None]:
    """The process after the crash: it opens the node, is judged, finishes the work, and is judged again."""

    def work(tell: Tell) -> None:
        place = Place(directory, point.seed, tell, attempt=1)
        stage = STAGES[point.stage]()
        stage.prepare(place)
        sabotage.apply(broken, place)
        shim().seed((point.seed, 1))
        asyncio.run(_restarted(stage, place, told, scene))

    return work


async def _restarted(stage: Stage, place: Place, told: Told, scene: Scene) -> None:
    verdict = Verdict()
    later: list[list[Any]] = []
    outside, place.tell = place.tell, lambda *words: later.append(list(words))
    await place.open()
    await stage.restarted(place, told, verdict)
    verdict.wrong += [f"fsck after the restart: {each}" for each in await place.fsck()]
    await stage.work(place)
    await place.node.projector.run()
    found = await place.node.store.read(views)
    both = [*told, *later]
    # Before the last judging, in which a stage may lie to the node: that leaves evidence, which fsck rightly names.
    verdict.wrong += [f"fsck at the end: {each}" for each in await place.fsck()]
    size = await stage.finished(place, both, verdict, scene.expected)
    if scene.views and found != scene.views:
        names = [name for name in found if found[name] != scene.views[name]]
        verdict.wrong.append(f"read tables differ from those of a run without a crash: {', '.join(names)}")
    verdict.wrong += [words[1] for words in later if words[0] in ("wrong", "stopped", "full")]
    await place.node.close()
    outside("verdict", verdict.plain(), size, found)


def warm_up(directory: Path, point: Point) -> None:
    """Run a workload once in this very process, before it forks: everything is loaded and compiled then."""
    restarted(directory, point, [], Scene(directory), "")(lambda *words: None)
